import { afterEach, describe, expect, it } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../../test/harness/gateway';
import { TOKEN_MS } from './start-token';

/* Attacks on a console with AUTH_MODE=none, most of them as bytes that no browser sends. */
let clock = Date.now();
const gateways: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
});
async function open(variables: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await openGateway(variables, 0, { now: () => clock });
  gateways.push(gateway);
  return gateway;
}
async function quietly<T>(fn: () => Promise<T>): Promise<T> {
  const result: { value?: T } = {};
  await captureOutput(async () => {
    result.value = await fn();
  });
  return result.value as T;
}
const idOf = ({ cookie }: TestGateway) => cookie.slice(cookie.indexOf('=') + 1);
const form = (token: string) => `token=${token}`;
/** POSTs a token as raw bytes. */
const post = (gateway: TestGateway, token: string, headers: string, target = '/auth/start') =>
  quietly(() =>
    gateway.raw(
      `POST ${target} HTTP/1.1\r\n${headers}Content-Type: application/x-www-form-urlencoded\r\n` +
        `Content-Length: ${form(token).length}\r\nConnection: close\r\n\r\n${form(token)}`,
    ),
  );
const setsCookie = ({ text }: { text: string }) => /^set-cookie:/im.test(text);

describe('with the cookie of a session', () => {
  it.each([
    ['localhost.', 403],
    ['LOCALHOST.', 403],
    ['127.0.0.1.', 403],
    ['127.1', 403],
    ['127.0.0.2', 403],
    ['2130706433', 403],
    ['0x7f000001', 403],
    ['0.0.0.0', 403],
    ['[::]', 403],
    ['[::ffff:127.0.0.1]', 403],
    ['[0:0:0:0:0:0:0:1]', 403],
    ['localhost.localdomain', 403],
    ['a.localhost', 403],
    ['[::1%25lo]', 400],
    ['localhost:', 400],
    ['localhost:-1', 400],
    ['localhost:123456', 400],
    ['localhost\t', 403],
  ])('a Host of %j is refused', async (host, status) => {
    const gateway = await open();
    const hostHeader =
      host.endsWith(':') || /:[-\d]*$/.test(host) ? host : `${host}:${gateway.port}`;
    const { status: actual, seen } = await quietly(() =>
      gateway.raw(
        `GET /jobs HTTP/1.1\r\nHost: ${hostHeader}\r\nCookie: ${gateway.cookie}\r\nConnection: close\r\n\r\n`,
      ),
    );
    expect(seen).toBeNull();
    if (host.trim() === host) expect(actual).toBe(status);
    else expect(actual).toBeGreaterThanOrEqual(400);
  });

  it.each(['localhost', 'LocalHost', '127.0.0.1', '[::1]'])(
    'the loopback name %s is accepted',
    async (host) => {
      const gateway = await open();
      const { status } = await gateway.raw(
        `GET /jobs HTTP/1.1\r\nHost: ${host}:${gateway.port}\r\nCookie: ${gateway.cookie}\r\nConnection: close\r\n\r\n`,
      );
      expect(status).toBe(200);
    },
  );

  it('HTTP/1.0 without a Host is refused', async () => {
    const gateway = await open();
    for (const port of [gateway.port, 80]) {
      const answer = await quietly(() =>
        gateway.raw(`GET /jobs HTTP/1.0\r\nCookie: gjc_local_${port}=${idOf(gateway)}\r\n\r\n`),
      );
      expect([answer.status, answer.seen]).toEqual([403, null]);
    }
  });

  it.each([
    'http://localhost/jobs',
    'http://localhost:1/jobs',
    'HTTP://LOCALHOST/jobs',
    'http://evil.example/jobs',
    'http:///jobs',
    'https://localhost/jobs',
    'localhost/jobs',
    '//localhost/jobs',
    '*',
  ])('the request target %s is refused', async (target) => {
    const gateway = await open();
    const answer = await quietly(() =>
      gateway.raw(
        `GET ${target} HTTP/1.1\r\nHost: localhost:${gateway.port}\r\n` +
          `Cookie: ${gateway.cookie}\r\nConnection: close\r\n\r\n`,
      ),
    );
    expect([answer.status, answer.seen]).toEqual([400, null]);
  });

  it.each([
    ['X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n'],
    ['x-FORWARDED-for:\r\n'],
    ['X_Forwarded_For: 127.0.0.1\r\n'],
    ['X.Forwarded.For: 127.0.0.1\r\n'],
    ['Forwarded: for=127.0.0.1\r\n'],
    ['X-Forwarded: for=127.0.0.1\r\n'],
    ['Forwarded-For: 127.0.0.1\r\n'],
    ['Via:\r\n'],
    ['X-Envoy-Internal: true\r\n'],
    ['X-IMForwards: 20\r\n'],
    ['Surrogate-Capability: proxy="Surrogate/1.0"\r\n'],
    ['Proxy-Connection: close\r\n'],
    ['Connection: X-Forwarded-For\r\nX-Forwarded-For: 127.0.0.1\r\n'],
  ])('the proxy headers %j are refused', async (headers) => {
    const gateway = await open();
    const answer = await quietly(() =>
      gateway.raw(
        `GET /jobs HTTP/1.1\r\nHost: localhost:${gateway.port}\r\n${headers}` +
          `Cookie: ${gateway.cookie}\r\nConnection: close\r\n\r\n`,
      ),
    );
    expect([answer.status, answer.seen]).toEqual([403, null]);
  });
});

describe('a session cookie', () => {
  it('a session cookie of another server is refused whatever its name', async () => {
    const gateway = await open();
    const other = await open();
    for (const cookie of [
      other.cookie,
      `gjc_local_${gateway.port}=${idOf(other)}`,
      `gjc_local_${gateway.port}="${idOf(gateway)}"`,
      `GJC_LOCAL_${gateway.port}=${idOf(gateway)}`,
      `gjc_local_${gateway.port}=${idOf(gateway)}x`,
      `\u00a0gjc_local_${gateway.port}=${idOf(gateway)}`,
      `__Host-gjc_local_${gateway.port}=${idOf(gateway)}`,
    ])
      expect(
        (await gateway.send('/api/jobs', { headers: { Cookie: cookie } })).status,
        cookie,
      ).toBe(401);
  });

  it('a session cookie is accepted next to an invalid one of the same name', async () => {
    const gateway = await open();
    const status = async (cookie: string | string[]) =>
      (await gateway.send('/api/jobs', { headers: { Cookie: cookie } })).status;
    const invalidCookie = `gjc_local_${gateway.port}=${'A'.repeat(43)}`;
    expect(await status(`${invalidCookie}; ${invalidCookie}`)).toBe(401);
    expect(await status(`${invalidCookie}; ${gateway.cookie}`)).toBe(200);
    expect(await status([gateway.cookie, invalidCookie])).toBe(200);
  });

  it('a session cookie is refused after a restart of the server', async () => {
    const stopped = await open();
    const { cookie, port } = stopped;
    await stopped.close();
    gateways.pop();
    const restarted = await openGateway({}, port, { now: () => clock });
    gateways.push(restarted);
    expect((await restarted.send('/api/jobs', { headers: { Cookie: cookie } })).status).toBe(401);
  });
});

describe('a start token', () => {
  it('a start token that is sent twenty times concurrently starts one session', async () => {
    const gateway = await open();
    const token = gateway.startTokens.issue();
    const host = `Host: localhost:${gateway.port}\r\nOrigin: http://localhost:${gateway.port}\r\n`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(gateway, token, host)));
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.filter(setsCookie)).toHaveLength(1);
  });

  it('a start token is accepted for exactly ten minutes', async () => {
    const gateway = await open();
    const host = `Host: localhost:${gateway.port}\r\nOrigin: http://localhost:${gateway.port}\r\n`;
    const first = gateway.startTokens.issue();
    const second = gateway.startTokens.issue();
    clock += TOKEN_MS - 1;
    expect((await post(gateway, first, host)).status).toBe(303);
    clock += 1;
    const late = await post(gateway, second, host);
    expect([late.status, setsCookie(late)]).toEqual([403, false]);
  });

  it('a start token in the query of a GET or HEAD starts no session and stays valid', async () => {
    const gateway = await open();
    const token = gateway.startTokens.issue();
    for (const method of ['GET', 'HEAD'])
      for (const target of [`/auth/start?token=${token}`, `/auth/start?${token}`]) {
        const answer = await gateway.send(target, { method, headers: { Cookie: '' } });
        expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined]);
        expect(answer.body).not.toContain(token);
      }
    const host = `Host: localhost:${gateway.port}\r\nOrigin: http://localhost:${gateway.port}\r\n`;
    expect((await post(gateway, token, host)).status).toBe(303);
  });

  it('a start token is refused from any other site, origin, host or target', async () => {
    const gateway = await open();
    const token = gateway.startTokens.issue();
    const host = `Host: localhost:${gateway.port}\r\n`;
    const origin = `Origin: http://localhost:${gateway.port}\r\n`;
    for (const headers of [
      host,
      `${host}Origin: null\r\n`,
      `${host}Origin:\r\n`,
      `${host}Origin: http://127.0.0.1:${gateway.port}\r\n`,
      `${host}Origin: http://localhost:${gateway.port}.evil.example\r\n`,
      `${host}Origin: http://localhost:${gateway.port}/\r\n`,
      `${host}${origin}${origin}`,
      `${host}${origin}Origin: http://evil.example\r\n`,
      `${host}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n`,
      `${host}Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n`,
      `${host}Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n`,
      `${host}Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n`,
      `${host}${origin}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n`,
      `${host}Origin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n`,
      `Host: evil.example\r\nOrigin: http://evil.example\r\n`,
      `Host: localhost.:${gateway.port}\r\nOrigin: http://localhost.:${gateway.port}\r\n`,
      `${host}${origin}X-Forwarded-Host: localhost\r\n`,
    ]) {
      const answer = await post(gateway, token, headers);
      expect([answer.status, setsCookie(answer)], headers).toEqual([403, false]);
    }
    for (const target of [`http://localhost:${gateway.port}/auth/start`, '//auth/start']) {
      const answer = await post(gateway, token, host + origin, target);
      expect([answer.status, setsCookie(answer)], target).toEqual([400, false]);
    }
    for (const target of ['/auth/start/', '/auth/start;x', '/AUTH/START', '/auth%2fstart'])
      expect(setsCookie(await post(gateway, token, host + origin, target)), target).toBe(false);
    expect((await post(gateway, token, host + origin)).status).toBe(303);
  });
});
