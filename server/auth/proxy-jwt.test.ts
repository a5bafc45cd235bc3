import { SignJWT, exportJWK } from 'jose';
import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestGateway, openGateway, printed } from '../../test/harness/gateway';
import { readKeys } from './jwt-keys';

const ISSUER = 'https://issuer.example.com';
const AUDIENCE = 'console';
const SIGNER =
  'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/ops/50dc6c495c0c9188';
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const now = () => Math.floor(Date.now() / 1000);

let keys: Server;
let base: string;
let asked: string[] = [];
let answer = 200;
/** In place of the key at an address of PEMs. */
let pem: string | null = null;
beforeAll(async () => {
  const jwks = {
    keys: [
      { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
    ],
  };
  keys = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.statusCode = request.url === '/jwks' || request.url === '/pem/ec' ? answer : 404;
    const body =
      request.url === '/jwks'
        ? JSON.stringify(jwks)
        : request.url === '/pem/ec'
          ? (pem ?? pemOf(ec.publicKey))
          : '';
    setTimeout(() => response.end(body), 20); // so that many may wait for one
  });
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`;
});
afterAll(() => keys.close());

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  asked = [];
  answer = 200;
  pem = null;
  vi.useRealTimers();
});
const ROLES = { ROLE_ADMINS: 'group:admins', ROLE_VIEWERS: '@example.com' };
const generic = async (more: Record<string, string> = {}) =>
  (gateway = await openGateway({
    AUTH_MODE: 'proxy-jwt',
    JWT_HEADER: 'X-Assertion',
    JWT_KEYS: `${base}/jwks`,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    ...ROLES,
    ...more,
  }));
const alb = async (more: Record<string, string> = {}) =>
  (gateway = await openGateway({
    AUTH_MODE: 'proxy-jwt',
    JWT_PRESET: 'alb',
    JWT_ALB_SIGNER: SIGNER,
    JWT_KEYS: `${base}/pem/{kid}`,
    ...ROLES,
    ...more,
  }));

type Change = { header?: object; claims?: object; key?: KeyObject };
function token({ header = {}, claims = {}, key = ec.privateKey }: Change = {}): Promise<string> {
  return new SignJWT({
    sub: '7',
    email: 'alice@example.com',
    groups: ['admins'],
    iss: ISSUER,
    aud: AUDIENCE,
    exp: now() + 300,
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: 'ec', ...header })
    .sign(key);
}
const send = (assertion: string | string[], name = 'X-Assertion') =>
  (gateway as TestGateway).send('/jobs', { headers: { [name]: assertion } });
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function refused(assertion: string | string[], status = 401, name?: string): Promise<void> {
  const { audits, text } = await printed(async () => {
    const got = await send(assertion, name);
    expect(got.status).toBe(status);
    expect(got.seen).toBeNull();
  });
  if (status === 401)
    expect(audits).toMatchObject([{ action: 'door', outcome: 'refused', status }]);
  for (const one of [assertion].flat())
    if (one.length > 20) expect(text).not.toContain(one.slice(-20));
}

describe('a signed assertion', () => {
  it('is believed, and Next does not see it', async () => {
    await generic();
    const { seen } = await send(await token());
    expect(seen?.headers['x-gjc-viewer']).toBe('admin:alice%40example.com:alice%40example.com:');
    expect(JSON.stringify(seen)).not.toContain('X-Assertion');
    expect(
      (await send(await token({ claims: { groups: 'x' } }))).seen?.headers['x-gjc-viewer'],
    ).toBe('viewer:alice%40example.com:alice%40example.com:');
    expect(
      (await send(await token({ claims: { groups: undefined, email: undefined } }))).status,
    ).toBe(403);
    expect(asked).toEqual(['/jwks']);
  });
  it('counts an address that is known not to be verified for nothing', async () => {
    await generic();
    expect(
      (await send(await token({ claims: { groups: [], email_verified: false } }))).status,
    ).toBe(403);
  });
  it('may be verified by a PEM, and by claims of other names', async () => {
    await generic({
      JWT_KEYS: pemOf(rsa.publicKey),
      JWT_USER_CLAIM: 'https://x.example/name',
      JWT_GROUPS_CLAIM: 'realm_access.roles',
      JWT_EMAIL_CLAIM: 'mail',
    });
    const one = await token({
      header: { alg: 'RS256', kid: undefined },
      key: rsa.privateKey,
      claims: { 'https://x.example/name': 'carol', realm_access: { roles: ['admins'] } },
    });
    expect((await send(one)).seen?.headers['x-gjc-viewer']).toBe('admin:carol::');
  });

  const changes: [string, Change][] = [
    ['another’s key', { key: stranger.privateKey }],
    ['another issuer', { claims: { iss: 'https://evil.example' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['another audience', { claims: { aud: 'other' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['no expiry', { claims: { exp: undefined } }],
    ['an expiry of text', { claims: { exp: '9999999999' } }],
    ['an expiry that is over', { claims: { exp: now() - 10 } }],
    ['a time to come', { claims: { nbf: now() + 600 } }],
    ['no user', { claims: { sub: undefined } }],
    ['a user who is an object', { claims: { sub: { $ne: 1 } } }],
    ['a user with line ends', { claims: { sub: 'a\r\nx-gjc-viewer: admin:b' } }],
    ['a key that is none', { header: { kid: 'other' } }],
    ['a kid with a path', { header: { kid: '../../etc/passwd' } }],
    ['a kid with a query', { header: { kid: 'ec?x' } }],
    ['a kid with a line end', { header: { kid: 'ec\n' } }],
    ['an empty kid', { header: { kid: '' } }],
    ['a kid of 10,000 letters', { header: { kid: 'a'.repeat(10_000) } }],
    ['a kid that is no text', { header: { kid: ['ec'] } }],
    ['a key for another algorithm', { header: { kid: 'rsa' } }],
    ['critical headers nobody knows', { header: { crit: ['x'], x: 1 } }],
  ];
  it.each(changes)('is not believed with %s', async (_, change) => {
    await generic();
    const assertion = await token(change).catch(
      () =>
        `${part({ alg: 'ES256', kid: 'ec', ...change.header })}.${part(change.claims ?? {})}.${'A'.repeat(86)}`,
    );
    await refused(assertion);
  });

  it('is not believed unsigned, or signed with what everybody knows', async () => {
    await generic();
    const claims = part({
      sub: '7',
      groups: ['admins'],
      iss: ISSUER,
      aud: AUDIENCE,
      exp: now() + 300,
    });
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      await refused(`${part({ alg })}.${claims}.`);
      await refused(`${part({ alg, kid: 'ec' })}.${claims}.AAAA`);
    }
    const header = part({ alg: 'HS256', kid: 'rsa' });
    const jwk = JSON.stringify(await exportJWK(rsa.publicKey));
    for (const secret of [pemOf(rsa.publicKey), pemOf(rsa.publicKey).trim(), jwk, ''])
      await refused(
        `${header}.${claims}.${createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url')}`,
      );
  });
  it('brings no key of its own', async () => {
    await generic();
    const jwk = await exportJWK(stranger.publicKey);
    for (const header of [
      { jwk },
      { jku: `${base}/evil` },
      { x5u: `${base}/evil` },
      { jwk, kid: undefined },
    ])
      await refused(await token({ header, key: stranger.privateKey }));
    expect(asked).not.toContain('/evil');
  });
  it('is not believed changed, cut, joined or twice', async () => {
    await generic();
    const good = await token();
    const [header, , signature] = good.split('.');
    await refused(
      `${header}.${part({ sub: '1', groups: ['admins'], iss: ISSUER, aud: AUDIENCE, exp: now() + 300 })}.${signature}`,
    );
    for (const bad of [
      good.slice(0, -4),
      `${good}.x`,
      `${good}, ${good}`,
      `Bearer ${good}`,
      good.split('.').slice(0, 2).join('.'),
      'x',
      '...',
      'a'.repeat(30_000),
      `${'a.'.repeat(9_000)}`,
      `${part({ alg: 'ES256' })}.${'='.repeat(5_000)}.x`,
    ])
      await refused(bad);
    await refused([good, good]);
    await refused([good, await token({ claims: { sub: '8' } })]);
    const { status, seen } = await (gateway as TestGateway).raw(
      `GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Assertion: ${good}\r\nx-assertion: ${good}\r\nConnection: close\r\n\r\n`,
    );
    expect([status, seen]).toEqual([401, null]);
  });
  it('may come as a bearer’s', async () => {
    await generic({ JWT_HEADER: 'Authorization' });
    expect(
      (await send(`Bearer ${await token()}`, 'Authorization')).seen?.headers.authorization,
    ).toBeUndefined();
    expect((await send(`Bearer ${await token()}`, 'Authorization')).status).toBe(200);
    await refused('Bearer x', 401, 'Authorization');
  });
  it('is needed', async () => {
    await generic();
    const { audits } = await printed(() =>
      (gateway as TestGateway).send('/jobs', { headers: { 'x-gjc-viewer': 'admin:x' } }),
    );
    expect(audits).toMatchObject([{ error: 'no_identity', status: 401 }]);
  });
  it('waits for keys that cannot be had, and asks for unknown ones seldom', async () => {
    await generic();
    answer = 500;
    await refused(await token(), 503);
    answer = 200;
    expect((await send(await token())).status).toBe(200);
    asked = [];
    for (let n = 0; n < 20; n++) await refused(await token({ header: { kid: `unknown${n}` } }));
    expect(asked.length).toBeLessThan(3);
  });
});

describe('the assertion of an AWS load balancer', () => {
  /** With padding, and the signature over it, as it sends them. */
  function assertion({ header = {}, claims = {}, key = ec.privateKey }: Change = {}): string {
    const padded = (value: unknown) =>
      Buffer.from(JSON.stringify(value))
        .toString('base64')
        .replaceAll('+', '-')
        .replaceAll('/', '_');
    const input = `${padded({ typ: 'JWT', kid: 'ec', alg: 'ES256', iss: ISSUER, client: 'abc', signer: SIGNER, exp: now() + 120, ...header })}.${padded({ sub: '1234', email: 'alice@example.com', ...claims })}`;
    return `${input}.${signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;
  }
  const NAME = 'x-amzn-oidc-data';

  it('is believed with its padding, whatever its length', async () => {
    await alb();
    for (const sub of ['1', '12', '123', '1234'])
      expect((await send(assertion({ claims: { sub } }), NAME)).seen?.headers['x-gjc-viewer']).toBe(
        'viewer:alice%40example.com:alice%40example.com:',
      );
    expect(asked).toEqual(['/pem/ec']);
  });
  it.each<[string, Change]>([
    ['another balancer’s', { header: { signer: `${SIGNER}x` } }],
    ['nobody’s', { header: { signer: undefined } }],
    ['a list of balancers', { header: { signer: [SIGNER] } }],
    ['expired', { header: { exp: now() - 10 } }],
    ['expired in the claims', { claims: { exp: now() - 10 } }],
    ['without an end', { header: { exp: undefined } }],
    ['with an end of text', { header: { exp: '9999999999' } }],
    ['signed by a stranger', { key: stranger.privateKey }],
    ['of a key that is a path', { header: { kid: '../pem/ec' } }],
    ['of a key that is a path in disguise', { header: { kid: '%2e%2e%2fpem%2fec' } }],
    ['of a key that is a host', { header: { kid: '@evil.example/ec' } }],
    ['of no key', { header: { kid: undefined } }],
    ['of a key that is not there', { header: { kid: 'gone' } }],
  ])('is not believed when it is %s', async (_, change) => {
    await alb();
    await refused(assertion(change), 401, NAME);
    for (const path of asked) expect(path).toMatch(/^\/pem\/(ec|gone)$/);
  });
  it('goes by the client and issuer where they are given', async () => {
    await alb({ JWT_AUDIENCE: 'abc', JWT_ISSUER: ISSUER });
    expect((await send(assertion(), NAME)).status).toBe(200);
    await refused(assertion({ header: { client: 'other' } }), 401, NAME);
    await refused(assertion({ header: { iss: 'https://evil.example' } }), 401, NAME);
  });
  it('cannot make the console ask for keys without end', async () => {
    await alb();
    expect((await send(assertion(), NAME)).status).toBe(200);
    await printed(async () => {
      for (let n = 0; n < 40; n++) await send(assertion({ header: { kid: `k${n}` } }), NAME);
    });
    expect(asked.length).toBeLessThan(25);
    expect((await send(assertion(), NAME)).status).toBe(200);
  });
  it('is asked for once by all who bring it at once', async () => {
    await alb();
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(assertion(), NAME)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
    expect(asked).toEqual(['/pem/ec']);
  });
  it('that would not count anyway costs no look at its key', async () => {
    await alb({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'abc' });
    await printed(async () => {
      for (const header of [
        { signer: `${SIGNER}x` },
        { signer: undefined },
        { exp: now() - 60 },
        { exp: undefined },
        { alg: 'ES384' },
        { client: 'other' },
        { iss: 'https://evil.example' },
      ])
        for (let n = 0; n < 10; n++)
          expect(
            (await send(assertion({ header: { kid: `k${n}`, ...header } }), NAME)).status,
          ).toBe(401);
    });
    expect(asked).toEqual([]);
    expect((await send(assertion(), NAME)).status).toBe(200);
    await gateway?.close();
    await generic({ JWT_KEYS: `${base}/pem/{kid}` });
    asked = [];
    for (const claims of [
      { iss: 'https://evil.example' },
      { aud: 'other' },
      { exp: now() - 60 },
      { exp: undefined },
    ])
      await refused(await token({ header: { kid: 'forged' }, claims }));
    expect(asked).toEqual([]);
    expect((await send(await token({ claims: { aud: ['x', AUDIENCE] } }))).status).toBe(200);
  });
  it('whose key was known goes on while the keys cannot be had and strangers ask for others, for a day at most', async () => {
    await alb();
    const long = { exp: now() + 10 * 86_400 };
    const status = async () => {
      let got = 0;
      await printed(async () => ({ status: got } = await send(assertion({ header: long }), NAME)));
      return got;
    };
    expect(await status()).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    await printed(async () => {
      for (let n = 0; n < 40; n++)
        await send(assertion({ header: { kid: `k${n}`, ...long } }), NAME);
    });
    asked = [];
    answer = 500;
    expect([await status(), await status()]).toEqual([200, 200]);
    expect(asked).toEqual(['/pem/ec']); // once in a while
    vi.setSystemTime(Date.now() + 60_000);
    [answer, pem] = [200, '<html>Sign in to the network</html>'];
    expect(await status()).toBe(200);
    vi.setSystemTime(Date.now() + 30 * 3_600_000);
    expect(await status()).toBe(503);
    pem = null;
    expect(await status()).toBe(200);
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    answer = 404; // withdrawn
    expect(await status()).toBe(401);
  });
  it('waits while its key’s address answers with something that is no key', async () => {
    await alb();
    for (const text of [
      '<html>Sign in to the network</html>',
      '',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    ]) {
      pem = text;
      await refused(assertion(), 503, NAME);
    }
  });
});

describe('JWT_KEYS', () => {
  it.each([
    'http://keys.example.com/jwks',
    'https://user@keys.example.com/jwks',
    'https://{kid}.example.com/x',
    'https://keys.{kid}.example.com/x',
    'https://keys-{kid}/x',
    'https://keys.example.com:{kid}/x',
    'https://:{kid}@keys.example.com/x',
    'https://{kid}',
    'https://x.example/{alg}/{kid}',
    '/nowhere',
    'text',
    rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ])('does not take %s', (given) =>
    expect(() => readKeys(given)).toThrow(/^JWT_KEYS must be [^\n]+\.$/),
  );
});
