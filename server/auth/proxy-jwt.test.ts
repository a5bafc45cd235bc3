import { SignJWT, exportJWK } from 'jose';
import { createHmac, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
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
let requestedPaths: string[] = [];
let keyStatus = 200;
/** Replaces the key that the PEM URL returns. */
let pem: string | null = null;
beforeAll(async () => {
  const jwks = {
    keys: [
      { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' },
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
    ],
  };
  keys = createServer((request, response) => {
    requestedPaths.push(request.url ?? '');
    response.statusCode = request.url === '/jwks' || request.url === '/pem/ec' ? keyStatus : 404;
    const bodies: Record<string, string> = {
      '/jwks': JSON.stringify(jwks),
      '/pem/ec': pem ?? pemOf(ec.publicKey),
    };
    // The delay lets several requests wait for one fetch.
    setTimeout(() => response.end(bodies[request.url ?? ''] ?? ''), 20);
  });
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`;
});
afterAll(() => keys.close());

let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  requestedPaths = [];
  keyStatus = 200;
  pem = null;
  vi.useRealTimers();
});
const ROLES = { ROLE_ADMINS: 'group:admins', ROLE_VIEWERS: '@example.com' };
const openGeneric = async (variables: Record<string, string> = {}) =>
  (gateway = await openGateway({
    AUTH_MODE: 'proxy-jwt',
    JWT_HEADER: 'X-Assertion',
    JWT_KEYS: `${base}/jwks`,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
    ...ROLES,
    ...variables,
  }));
const openAlb = async (variables: Record<string, string> = {}) =>
  (gateway = await openGateway({
    AUTH_MODE: 'proxy-jwt',
    JWT_PRESET: 'alb',
    JWT_ALB_SIGNER: SIGNER,
    JWT_KEYS: `${base}/pem/{kid}`,
    ...ROLES,
    ...variables,
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

async function expectRefused(
  assertion: string | string[],
  status = 401,
  name?: string,
): Promise<void> {
  const { audits, text } = await captureOutput(async () => {
    const response = await send(assertion, name);
    expect(response.status).toBe(status);
    expect(response.seen).toBeNull();
  });
  if (status === 401)
    expect(audits).toMatchObject([{ action: 'door', outcome: 'refused', status }]);
  for (const value of [assertion].flat())
    if (value.length > 20) expect(text).not.toContain(value.slice(-20));
}

describe('a signed token', () => {
  it('a signed token is accepted and hidden from Next', async () => {
    await openGeneric();
    const { seen } = await send(await token());
    expect(seen?.headers['x-gjc-viewer']).toBe('admin:alice%40example.com:alice%40example.com:');
    expect(JSON.stringify(seen)).not.toContain('X-Assertion');
    expect(
      (await send(await token({ claims: { groups: 'x' } }))).seen?.headers['x-gjc-viewer'],
    ).toBe('viewer:alice%40example.com:alice%40example.com:');
    expect(
      (await send(await token({ claims: { groups: undefined, email: undefined } }))).status,
    ).toBe(403);
    expect(requestedPaths).toEqual(['/jwks']);
  });
  it('a signed token does not grant a role to an unverified email', async () => {
    await openGeneric();
    expect(
      (await send(await token({ claims: { groups: [], email_verified: false } }))).status,
    ).toBe(403);
  });
  it('a signed token can be verified with a PEM and read with custom claim names', async () => {
    await openGeneric({
      JWT_KEYS: pemOf(rsa.publicKey),
      JWT_USER_CLAIM: 'https://x.example/name',
      JWT_GROUPS_CLAIM: 'realm_access.roles',
      JWT_EMAIL_CLAIM: 'mail',
    });
    const assertion = await token({
      header: { alg: 'RS256', kid: undefined },
      key: rsa.privateKey,
      claims: { 'https://x.example/name': 'carol', realm_access: { roles: ['admins'] } },
    });
    expect((await send(assertion)).seen?.headers['x-gjc-viewer']).toBe('admin:carol::');
  });

  const changes: [string, Change][] = [
    ['another’s key', { key: stranger.privateKey }],
    ['another issuer', { claims: { iss: 'https://evil.example' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['another audience', { claims: { aud: 'other' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['no expiry', { claims: { exp: undefined } }],
    ['an expiry of text', { claims: { exp: '9999999999' } }],
    ['an expiry in the past', { claims: { exp: now() - 10 } }],
    ['a start in the future', { claims: { nbf: now() + 600 } }],
    ['no user', { claims: { sub: undefined } }],
    ['a user who is an object', { claims: { sub: { $ne: 1 } } }],
    ['a user with line ends', { claims: { sub: 'a\r\nx-gjc-viewer: admin:b' } }],
    ['an unknown key', { header: { kid: 'other' } }],
    ['a kid with a path', { header: { kid: '../../etc/passwd' } }],
    ['a kid with a query', { header: { kid: 'ec?x' } }],
    ['a kid with a line end', { header: { kid: 'ec\n' } }],
    ['an empty kid', { header: { kid: '' } }],
    ['a kid of 10,000 letters', { header: { kid: 'a'.repeat(10_000) } }],
    ['a kid that is not a string', { header: { kid: ['ec'] } }],
    ['a key for another algorithm', { header: { kid: 'rsa' } }],
    ['unknown critical headers', { header: { crit: ['x'], x: 1 } }],
  ];
  it.each(changes)('a signed token is refused with %s', async (_, change) => {
    await openGeneric();
    const assertion = await token(change).catch(
      () =>
        `${part({ alg: 'ES256', kid: 'ec', ...change.header })}.${part(change.claims ?? {})}.${'A'.repeat(86)}`,
    );
    await expectRefused(assertion);
  });

  it('a signed token is refused without a signature or signed with a public value', async () => {
    await openGeneric();
    const claims = part({
      sub: '7',
      groups: ['admins'],
      iss: ISSUER,
      aud: AUDIENCE,
      exp: now() + 300,
    });
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      await expectRefused(`${part({ alg })}.${claims}.`);
      await expectRefused(`${part({ alg, kid: 'ec' })}.${claims}.AAAA`);
    }
    const header = part({ alg: 'HS256', kid: 'rsa' });
    const jwk = JSON.stringify(await exportJWK(rsa.publicKey));
    for (const secret of [pemOf(rsa.publicKey), pemOf(rsa.publicKey).trim(), jwk, ''])
      await expectRefused(
        `${header}.${claims}.${createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url')}`,
      );
  });
  it('a signed token cannot bring its own key', async () => {
    await openGeneric();
    const jwk = await exportJWK(stranger.publicKey);
    for (const header of [
      { jwk },
      { jku: `${base}/evil` },
      { x5u: `${base}/evil` },
      { jwk, kid: undefined },
    ])
      await expectRefused(await token({ header, key: stranger.privateKey }));
    expect(requestedPaths).not.toContain('/evil');
  });
  it('a signed token is refused if it is modified, truncated, joined or repeated', async () => {
    await openGeneric();
    const good = await token();
    const [header, , signature] = good.split('.');
    await expectRefused(
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
      await expectRefused(bad);
    await expectRefused([good, good]);
    await expectRefused([good, await token({ claims: { sub: '8' } })]);
    const { status, seen } = await (gateway as TestGateway).raw(
      `GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Assertion: ${good}\r\n` +
        `x-assertion: ${good}\r\nConnection: close\r\n\r\n`,
    );
    expect([status, seen]).toEqual([401, null]);
  });
  it('a signed token is accepted as a bearer token', async () => {
    await openGeneric({ JWT_HEADER: 'Authorization' });
    expect(
      (await send(`Bearer ${await token()}`, 'Authorization')).seen?.headers.authorization,
    ).toBeUndefined();
    expect((await send(`Bearer ${await token()}`, 'Authorization')).status).toBe(200);
    await expectRefused('Bearer x', 401, 'Authorization');
  });
  it('a request without a token is refused', async () => {
    await openGeneric();
    const { audits } = await captureOutput(() =>
      (gateway as TestGateway).send('/jobs', { headers: { 'x-gjc-viewer': 'admin:x' } }),
    );
    expect(audits).toMatchObject([{ error: 'no_identity', status: 401 }]);
  });
  it('unreachable keys return 503, and unknown key ids rarely cause a fetch', async () => {
    await openGeneric();
    keyStatus = 500;
    await expectRefused(await token(), 503);
    keyStatus = 200;
    expect((await send(await token())).status).toBe(200);
    requestedPaths = [];
    for (let n = 0; n < 20; n++)
      await expectRefused(await token({ header: { kid: `unknown${n}` } }));
    expect(requestedPaths.length).toBeLessThan(3);
  });
});

describe('the token of an AWS load balancer', () => {
  /** With the padding of AWS, which the signature covers. */
  function assertion({ header = {}, claims = {}, key = ec.privateKey }: Change = {}): string {
    const encode = (bytes: Buffer) =>
      bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
    const encodeJson = (value: unknown) => encode(Buffer.from(JSON.stringify(value)));
    const fullHeader = {
      typ: 'JWT',
      kid: 'ec',
      alg: 'ES256',
      iss: ISSUER,
      client: 'abc',
      signer: SIGNER,
      exp: now() + 120,
      ...header,
    };
    const fullClaims = { sub: '1234', email: 'alice@example.com', ...claims };
    const input = `${encodeJson(fullHeader)}.${encodeJson(fullClaims)}`;
    const signature = signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${encode(signature)}`;
  }
  const NAME = 'x-amzn-oidc-data';

  it('an AWS token is accepted with padding of any length', async () => {
    await openAlb();
    for (const sub of ['1', '12', '123', '1234'])
      expect((await send(assertion({ claims: { sub } }), NAME)).seen?.headers['x-gjc-viewer']).toBe(
        'viewer:alice%40example.com:alice%40example.com:',
      );
    expect(requestedPaths).toEqual(['/pem/ec']);
  });
  it.each<[string, Change]>([
    ['the signer of another balancer', { header: { signer: `${SIGNER}x` } }],
    ['no signer', { header: { signer: undefined } }],
    ['a list of signers', { header: { signer: [SIGNER] } }],
    ['an expired header', { header: { exp: now() - 10 } }],
    ['expired claims', { claims: { exp: now() - 10 } }],
    ['no expiry', { header: { exp: undefined } }],
    ['an expiry of text', { header: { exp: '9999999999' } }],
    ['the signature of another key', { key: stranger.privateKey }],
    ['a kid that is a path', { header: { kid: '../pem/ec' } }],
    ['a kid that is an encoded path', { header: { kid: '%2e%2e%2fpem%2fec' } }],
    ['a kid that is a host', { header: { kid: '@evil.example/ec' } }],
    ['no kid', { header: { kid: undefined } }],
    ['an unknown kid', { header: { kid: 'gone' } }],
  ])('an AWS token is refused with %s', async (_, change) => {
    await openAlb();
    await expectRefused(assertion(change), 401, NAME);
    for (const path of requestedPaths) expect(path).toMatch(/^\/pem\/(ec|gone)$/);
  });
  it('an AWS token must match the configured client and issuer', async () => {
    await openAlb({ JWT_AUDIENCE: 'abc', JWT_ISSUER: ISSUER });
    expect((await send(assertion(), NAME)).status).toBe(200);
    await expectRefused(assertion({ header: { client: 'other' } }), 401, NAME);
    await expectRefused(assertion({ header: { iss: 'https://evil.example' } }), 401, NAME);
  });
  it('an AWS token cannot cause an unlimited number of key fetches', async () => {
    await openAlb();
    expect((await send(assertion(), NAME)).status).toBe(200);
    await captureOutput(async () => {
      for (let n = 0; n < 40; n++) await send(assertion({ header: { kid: `k${n}` } }), NAME);
    });
    expect(requestedPaths.length).toBeLessThan(25);
    expect((await send(assertion(), NAME)).status).toBe(200);
  });
  it('an AWS token causes one key fetch for concurrent requests', async () => {
    await openAlb();
    const answers = await Promise.all(Array.from({ length: 40 }, () => send(assertion(), NAME)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
    expect(requestedPaths).toEqual(['/pem/ec']);
  });
  it('an AWS token causes no key fetch if its claims are refused', async () => {
    await openAlb({ JWT_ISSUER: ISSUER, JWT_AUDIENCE: 'abc' });
    await captureOutput(async () => {
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
    expect(requestedPaths).toEqual([]);
    expect((await send(assertion(), NAME)).status).toBe(200);
    await gateway?.close();
    await openGeneric({ JWT_KEYS: `${base}/pem/{kid}` });
    requestedPaths = [];
    for (const claims of [
      { iss: 'https://evil.example' },
      { aud: 'other' },
      { exp: now() - 60 },
      { exp: undefined },
    ])
      await expectRefused(await token({ header: { kid: 'forged' }, claims }));
    expect(requestedPaths).toEqual([]);
    expect((await send(await token({ claims: { aud: ['x', AUDIENCE] } }))).status).toBe(200);
  });
  it('an AWS token is accepted with a stale key while the keys are unreachable', async () => {
    await openAlb();
    const longLived = { exp: now() + 10 * 86_400 };
    const status = async () => {
      let result = 0;
      await captureOutput(async () => {
        result = (await send(assertion({ header: longLived }), NAME)).status;
      });
      return result;
    };
    expect(await status()).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    await captureOutput(async () => {
      for (let n = 0; n < 40; n++)
        await send(assertion({ header: { kid: `k${n}`, ...longLived } }), NAME);
    });
    requestedPaths = [];
    keyStatus = 500;
    expect([await status(), await status()]).toEqual([200, 200]);
    expect(requestedPaths).toEqual(['/pem/ec']); // one retry per RETRY_MS
    vi.setSystemTime(Date.now() + 60_000);
    keyStatus = 200;
    pem = '<html>Sign in to the network</html>';
    expect(await status()).toBe(200);
    vi.setSystemTime(Date.now() + 30 * 3_600_000);
    expect(await status()).toBe(503);
    pem = null;
    expect(await status()).toBe(200);
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    keyStatus = 404; // the key was withdrawn
    expect(await status()).toBe(401);
  });
  it('a key URL that returns something other than a key causes a 503', async () => {
    await openAlb();
    for (const text of [
      '<html>Sign in to the network</html>',
      '',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
    ]) {
      pem = text;
      await expectRefused(assertion(), 503, NAME);
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
  ])('rejects the JWT_KEYS setting %s', (setting) =>
    expect(() => readKeys(setting)).toThrow(/^JWT_KEYS must be [^\n]+\.$/),
  );
});
