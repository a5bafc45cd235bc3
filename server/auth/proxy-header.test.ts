import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';

const SECRET = 'correct-horse-battery-staple-0123456789';
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await openGateway({
    AUTH_MODE: 'proxy-header',
    AUTH_PROXY_SECRET: SECRET,
    ROLE_ADMINS: 'group:ops-admins',
    ROLE_OPERATORS: 'group:ops',
    ROLE_VIEWERS: '@example.com,user:bot',
  });
});
afterAll(() => gateway.close());

const signed = (headers: Record<string, string | string[]> = {}) => ({
  headers: { 'X-Auth-Proxy-Secret': SECRET, 'X-Forwarded-User': 'alice', ...headers },
});
const viewerOf = async (headers: Record<string, string | string[]>) =>
  (await gateway.send('/jobs', signed(headers))).seen?.headers['x-gjc-viewer'];

describe('AUTH_MODE=proxy-header', () => {
  it('accepts the user with the secret and hides both from Next', async () => {
    const { status, seen } = await gateway.send(
      '/jobs?state=x',
      signed({ 'X-Forwarded-Groups': 'a, ops', 'X-Forwarded-Email': 'alice@example.com' }),
    );
    expect(status).toBe(200);
    expect(seen?.headers['x-gjc-viewer']).toBe('operator:alice:alice%40example.com:');
    expect(JSON.stringify(seen)).not.toContain(SECRET);
    expect(seen?.headers['x-forwarded-user']).toBeUndefined();
    expect(seen?.headers['x-forwarded-groups']).toBeUndefined();
  });
  it('grants the strongest role of the groups', async () => {
    expect(await viewerOf({ 'X-Forwarded-Groups': 'ops,x ,\tops-admins' })).toBe('admin:alice::');
    expect(await viewerOf({ 'X-Forwarded-Email': 'ALICE@EXAMPLE.COM' })).toBe(
      'viewer:alice:ALICE%40EXAMPLE.COM:',
    );
    expect(await viewerOf({ 'X-Forwarded-User': 'bot' })).toBe('viewer:bot::');
  });
  it('accepts UTF-8 names in any script', async () => {
    const name = Buffer.from('山田').toString('latin1');
    expect(await viewerOf({ 'X-Forwarded-User': name, 'X-Forwarded-Groups': 'ops' })).toBe(
      `operator:${encodeURIComponent('山田')}::`,
    );
  });
  it('does not match a group that differs by an invisible character', async () => {
    for (const char of ['\u00a0', '\ufeff', '\u3000', '\u200b'])
      for (const group of [`${char}ops-admins`, `ops-admins${char}`])
        expect(
          await viewerOf({ 'X-Forwarded-Groups': Buffer.from(`ops,${group}`).toString('latin1') }),
        ).toBe('operator:alice::');
  });
  it('refuses a user without a role and records the name only in the audit', async () => {
    const { audits } = await captureOutput(async () => {
      const answer = await gateway.send(
        '/jobs',
        signed({ 'X-Forwarded-User': 'mallory<b>', 'X-Forwarded-Email': 'm@evil.example' }),
      );
      expect(answer.status).toBe(403);
      expect(answer.seen).toBeNull();
      expect(answer.body).not.toContain('mallory');
    });
    expect(audits).toMatchObject([
      {
        viewer: 'mallory<b>',
        action: 'door',
        outcome: 'refused',
        error: 'no_role',
        status: 403,
        path: '/jobs',
      },
    ]);
  });
});

describe('a request that bypasses the proxy', () => {
  const secretHeader = (...values: string[]) =>
    values.map((value) => `X-Auth-Proxy-Secret: ${value}\r\n`).join('');
  const users = (...values: string[]) =>
    values.map((value) => `X-Forwarded-User: ${value}\r\n`).join('');
  const get = (headers: string) =>
    `GET /jobs HTTP/1.1\r\nHost: localhost\r\n${headers}X-Forwarded-Groups: ops-admins\r\nConnection: close\r\n\r\n`;
  it.each([
    ['no secret', users('alice')],
    ['an empty one', secretHeader('') + users('alice')],
    ['a wrong one', secretHeader('x'.repeat(40)) + users('alice')],
    ['a prefix of it', secretHeader(SECRET.slice(0, -1)) + users('alice')],
    ['an extended secret', secretHeader(`${SECRET}x`) + users('alice')],
    ['the secret in upper case', secretHeader(SECRET.toUpperCase()) + users('alice')],
    ['the secret sent twice', secretHeader(SECRET, SECRET) + users('alice')],
    ['the secret beside a wrong one', secretHeader('x', SECRET) + users('alice')],
    ['the secret joined with another value', secretHeader(`${SECRET}, x`) + users('alice')],
    ['no user', secretHeader(SECRET)],
    ['an empty user', secretHeader(SECRET) + users('')],
    ['a blank user', secretHeader(SECRET) + users('  ')],
    ['two users', secretHeader(SECRET) + users('alice', 'bob')],
    ['the same user twice', secretHeader(SECRET) + users('alice', 'alice')],
    ['users joined by a comma', secretHeader(SECRET) + users('alice, bob')],
    [
      'a second user in a header of other case',
      secretHeader(SECRET) + users('alice') + 'x-FORWARDED-user: bob\r\n',
    ],
    [
      'two addresses',
      secretHeader(SECRET) +
        users('alice') +
        'X-Forwarded-Email: a@example.com\r\nX-Forwarded-Email: b@example.com\r\n',
    ],
    [
      'its own groups beside the proxy’s',
      secretHeader(SECRET) + users('alice') + 'x-forwarded-GROUPS: ops\r\n',
    ],
    [
      'a second user after 3,000 other headers',
      secretHeader(SECRET) + users('alice') + 'a:1\r\n'.repeat(3_000) + users('bob'),
    ],
    [
      'a name that begins with a byte order mark',
      secretHeader(SECRET) + users(Buffer.from('\ufeffbot').toString('latin1')),
    ],
    [
      'a name that ends in a no-break space',
      secretHeader(SECRET) + users(Buffer.from('bot\u00a0').toString('latin1')),
    ],
    ['invalid UTF-8', secretHeader(SECRET) + users('al\xffice')],
    [
      'a name with a bidirectional override',
      secretHeader(SECRET) + users(Buffer.from('a\u202eb').toString('latin1')),
    ],
    ['a name of 10,000 letters', secretHeader(SECRET) + users('a'.repeat(10_000))],
  ])('a request that bypasses the proxy is refused with %s', async (_, headers) => {
    const { audits, text } = await captureOutput(async () => {
      const answer = await gateway.raw(get(headers));
      expect(answer.status).toBe(401);
      expect(answer.seen).toBeNull();
      expect(answer.text).not.toContain(SECRET);
    });
    expect(audits).toMatchObject([
      { action: 'door', outcome: 'refused', status: 401, method: 'GET', path: '/jobs' },
    ]);
    expect(text).not.toContain(SECRET);
  });
  it('a request that bypasses the proxy cannot set the gateway’s own headers', async () => {
    for (const name of ['x-gjc-viewer', 'X-GJC-Viewer', 'x-gjc-VIEWER']) {
      expect((await gateway.send('/jobs', { headers: { [name]: 'admin:mallory' } })).status).toBe(
        401,
      );
      expect(
        (
          await gateway.send(
            '/jobs',
            signed({ [name]: 'admin:mallory', 'X-Forwarded-Groups': 'ops' }),
          )
        ).seen?.headers['x-gjc-viewer'],
      ).toBe('operator:alice::');
    }
  });
  it('a refused fetch receives a code, and a refused navigation a page', async () => {
    expect((await gateway.send('/api/jobs')).body).toBe('{"error":"bad_proxy_secret"}');
    const action = await gateway.send('/jobs', {
      method: 'POST',
      headers: { Origin: gateway.origin, 'Next-Action': 'x' },
    });
    expect(action).toMatchObject({ status: 401, body: 'bad_proxy_secret' });
    expect(action.headers['content-type']).toBe('text/plain');
    expect((await gateway.send('/jobs', { headers: { 'Accept-Language': 'ja' } })).body).toContain(
      'lang="ja"',
    );
  });
});

it('uses the request id of the authenticated proxy if it is well-formed', async () => {
  const idOf = async (id: string) =>
    (await gateway.send('/jobs', signed({ 'X-Forwarded-Groups': 'ops', 'X-Request-Id': id }))).seen
      ?.headers['x-request-id'];
  expect(await idOf('req-0123456789')).toBe('req-0123456789');
  for (const id of ['short', 'a b c d e f g h', 'x'.repeat(200), '{"a":1234567}'])
    expect(await idOf(id)).toMatch(/^[0-9a-f-]{36}$/);
});
