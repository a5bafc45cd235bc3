import { afterEach, describe, expect, it } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../test/harness/gateway';
import type { BuildManifest } from './build-manifest';

/*
 * Rules applied before authentication. Requests that no client can produce are sent as raw bytes.
 */
let gateway: TestGateway;
afterEach(() => gateway.close());
const SECRET = '7f3a9c0e5b2d4816a7c3e9f0d1b5a264';
const PROXY = { AUTH_MODE: 'proxy-header', AUTH_PROXY_SECRET: SECRET, ROLE_VIEWERS: '*' };
const signed = { 'X-Auth-Proxy-Secret': SECRET, 'X-Forwarded-User': 'alice' };
const SIGNED = `X-Auth-Proxy-Secret: ${SECRET}\r\nX-Forwarded-User: alice\r\n`;

/** Returns the result of `fn` and discards what it logs. */
async function quietly<T>(fn: () => Promise<T>): Promise<T> {
  const result: { value?: T } = {};
  await captureOutput(async () => {
    result.value = await fn();
  });
  return result.value as T;
}
const statusOf = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  quietly(async () => (await gateway.send(path, { method, headers })).status);
const raw = (text: string) => quietly(() => gateway.raw(text));

describe('the Host header', () => {
  it.each([
    ['twice', 'Host: localhost\r\nHost: evil.example\r\n'],
    ['twice, the foreign one first', 'Host: evil.example\r\nHost: localhost\r\n'],
    ['twice the same', 'Host: localhost\r\nHost: localhost\r\n'],
    ['twice in other letters', 'Host: localhost\r\nhOST: localhost\r\n'],
    ['twice, far apart', `Host: localhost\r\n${'a: 1\r\n'.repeat(2_500)}Host: localhost\r\n`],
    ['as a list', 'Host: localhost, evil.example\r\n'],
    ['with a user', 'Host: localhost@evil.example\r\n'],
    ['with a user and a port', 'Host: localhost:80@evil.example\r\n'],
    ['with a path', 'Host: localhost/evil\r\n'],
    ['with a scheme', 'Host: http://localhost\r\n'],
    ['with a space', 'Host: localhost evil.example\r\n'],
    ['with a query', 'Host: localhost?x\r\n'],
    ['with a port that is none', 'Host: localhost:80x\r\n'],
    ['empty', 'Host:\r\n'],
    ['absent', ''],
  ])('a Host header %s is refused with 400, even for probes and metrics', async (_, host) => {
    gateway = await openGateway(PROXY);
    for (const path of ['/jobs', '/healthz', '/metrics', '/_next/static/x.js']) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\n${host}${SIGNED}Connection: close\r\n\r\n`);
      expect([answer.status, answer.seen], path).toEqual([400, null]);
    }
  });
  it('the Host header may be missing in HTTP/1.0, where hostRule then decides', async () => {
    gateway = await openGateway(PROXY);
    expect((await raw(`GET /healthz HTTP/1.0\r\n\r\n`)).status).toBe(200);
    const page = await raw(`GET /jobs HTTP/1.0\r\n${SIGNED}\r\n`);
    expect([page.status, page.seen]).toEqual([403, null]);
    expect((await raw(`GET /jobs HTTP/1.0\r\nHost: localhost\r\n${SIGNED}\r\n`)).status).toBe(200);
    const two = await raw(`GET /jobs HTTP/1.0\r\nHost: localhost\r\nHost: x\r\n${SIGNED}\r\n`);
    expect(two.status).toBe(400);
  });
});

describe('the body length', () => {
  it.each([
    ['Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'],
    ['Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd'],
    ['Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'],
    ['Transfer-Encoding: identity\r\n', 'abc'],
    ['Transfer-Encoding: gzip, identity\r\n', 'abc'],
    ['Content-Length: -1\r\n', ''],
    ['Content-Length: 0x3\r\n', 'abc'],
    ['Content-Length: 3, 3\r\n', 'abc'],
  ])('a body with an ambiguous or malformed length is refused: %j', async (headers, body) => {
    gateway = await openGateway(PROXY);
    const answer = await raw(
      `POST /jobs HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n${SIGNED}${headers}\r\n${body}`,
    );
    expect([answer.status, answer.seen]).toEqual([400, null]);
  });
});

describe('unusual requests', () => {
  it.each(['OPTIONS', 'TRACE', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'M-SEARCH'])(
    'the method %s is refused with 405',
    async (method) => {
      gateway = await openGateway(PROXY);
      for (const path of ['/jobs', '/healthz', '/_next/static/x.js']) {
        const answer = await raw(
          `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${SIGNED}Connection: close\r\n\r\n`,
        );
        expect([answer.status, answer.seen], path).toEqual([405, null]);
      }
    },
  );
  it('OPTIONS * and an absolute URL as the target are refused with 400', async () => {
    gateway = await openGateway(PROXY);
    for (const target of ['*', 'http://localhost/jobs', 'http://evil.example/jobs', 'localhost'])
      for (const method of ['GET', 'OPTIONS', 'POST']) {
        const answer = await raw(
          `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n` +
            `${SIGNED}Connection: close\r\n\r\n`,
        );
        expect([answer.status, answer.seen], `${method} ${target}`).toEqual([400, null]);
      }
  });
  it('CONNECT opens no tunnel', async () => {
    gateway = await openGateway(PROXY);
    const answer = await raw(`CONNECT localhost:22 HTTP/1.1\r\nHost: localhost:22\r\n\r\n`);
    expect(answer.seen).toBeNull();
    expect(answer.text).not.toContain('200');
  });
  it('an upgrade request is authenticated like any other and never upgraded', async () => {
    gateway = await openGateway(PROXY);
    const upgrade = (headers: string) =>
      raw(
        'GET /_next/webpack-hmr HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n' +
          'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
          `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${headers}\r\n`,
      );
    const stranger = await upgrade('');
    expect([stranger.status, stranger.seen]).toEqual([401, null]);
    expect((await upgrade(SIGNED)).status).toBe(200);
    const h2c = await raw(
      'GET /jobs HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n' +
        'Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    );
    expect([h2c.status, h2c.seen]).toEqual([401, null]);
  });
  it('every request of a pipeline is authenticated separately', async () => {
    gateway = await openGateway(PROXY);
    const { text, seen } = await raw(
      `GET /jobs HTTP/1.1\r\nHost: localhost\r\n${SIGNED}\r\n` +
        'GET /batches HTTP/1.1\r\nHost: localhost\r\n\r\n' +
        'POST /queues HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n' +
        `${SIGNED}Connection: close\r\n\r\n`,
    );
    expect([...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status)).toEqual([
      '200',
      '401',
      '403',
    ]);
    expect(seen?.url).toBe('/jobs');
  });
});

describe('fetch metadata', () => {
  it('a fetch from another origin or a sibling domain is refused', async () => {
    gateway = await openGateway({ ...PROXY, ROLE_ADMINS: 'user:alice' });
    for (const site of ['same-site', 'cross-site', 'unknown'])
      for (const [mode, dest] of [
        ['no-cors', 'image'],
        ['no-cors', 'script'],
        ['no-cors', 'empty'],
        ['cors', 'empty'],
        ['same-origin', 'empty'],
        ['websocket', 'empty'],
        ['navigate', 'iframe'],
        ['navigate', 'frame'],
        ['navigate', 'fencedframe'],
        ['navigate', 'object'],
        ['navigate', 'embed'],
        ['', ''],
      ] as const)
        for (const path of ['/jobs', '/api/jobs/counts', '/api/jobs/export', '/icon.svg.x'])
          expect(
            await statusOf(path, {
              ...signed,
              'Sec-Fetch-Site': site,
              ...(mode ? { 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest } : {}),
            }),
            `${site} ${mode} ${dest} ${path}`,
          ).toBe(403);
  });
  it('links from other sites, own pages and clients without fetch metadata are accepted', async () => {
    gateway = await openGateway(PROXY);
    const from = (site: string, mode: string, dest: string) =>
      statusOf('/jobs', {
        ...signed,
        'Sec-Fetch-Site': site,
        'Sec-Fetch-Mode': mode,
        'Sec-Fetch-Dest': dest,
      });
    for (const site of ['same-site', 'cross-site'])
      expect(await from(site, 'navigate', 'document'), site).toBe(200);
    for (const site of ['same-origin', 'none'])
      expect(await from(site, 'cors', 'empty'), site).toBe(200);
    expect(await statusOf('/jobs', signed)).toBe(200);
  });
  it('a write with fetch metadata of another site is refused whatever its Origin', async () => {
    gateway = await openGateway(PROXY);
    for (const site of ['same-site', 'cross-site'])
      expect(
        await statusOf(
          '/jobs',
          { ...signed, Origin: gateway.origin, 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': 'cors' },
          'POST',
        ),
      ).toBe(403);
  });
});

describe('static files', () => {
  const build: BuildManifest = {
    staticFiles: new Set(['/_next/static/chunks/a1.js', '/_next/static/media/b~2.svg']),
    actionPages: new Map(),
    pageOf: (address) => address,
  };
  const IMMUTABLE = 'public, max-age=31536000, immutable';
  const read = (path: string, method = 'GET', headers = {}) =>
    quietly(() => gateway.send(path, { method, headers }));

  it.each(['', '/ops/good_job'])(
    'static files of the build are immutable (base path %j)',
    async (basePath) => {
      gateway = await openGateway({ ...PROXY, BASE_PATH: basePath }, 0, { build });
      for (const path of [
        '/_next/static/chunks/a1.js',
        '/_next/static/chunks/a1.js?dpl=x',
        '/_next/static/chunks/%61%31.js',
        '/%5fnext/static/chunks/a1.js',
        '/_next/static/media/b~2.svg',
        '/_next/static/media/b%7E2.svg',
      ])
        for (const method of ['GET', 'HEAD']) {
          const answer = await read(basePath + path, method);
          expect([answer.status, answer.headers['cache-control']], path).toEqual([200, IMMUTABLE]);
          expect(answer.seen?.url.split('?')[0]).toMatch(
            new RegExp(`^${basePath}/_next/static/(chunks/a1.js|media/b~2.svg)$`),
          );
        }
    },
  );
  it.each(['', '/ops/good_job'])(
    'missing static files return 404 without reaching Next (base path %j)',
    async (basePath) => {
      gateway = await openGateway({ ...PROXY, BASE_PATH: basePath }, 0, { build });
      for (const path of [
        '/_next/static/chunks/a2.js',
        '/_next/static/chunks/A1.js',
        '/_next/static/chunks/a1.js/',
        '/_next/static/chunks/',
        '/_next/static/',
        '/_next/static',
        '/_next/static/chunks/a1.js%00.map',
        '/_next/static/%E3%81%82.js',
        '/%5Fnext/static/x.js',
        '/_next/static/chunks%2Fa2.js',
      ])
        for (const headers of [{}, signed])
          for (const method of ['GET', 'HEAD']) {
            const answer = await read(basePath + path, method, headers);
            expect(answer.status, path).toBe(path.includes('%00') ? 400 : 404);
            expect(answer.seen, path).toBeNull();
            expect(answer.headers['cache-control'], path).toBe('no-store');
          }
    },
  );
  it('missing static files are not logged, and a foreign host is refused', async () => {
    gateway = await openGateway(PROXY, 0, { build });
    const { text } = await captureOutput(async () => {
      for (let n = 0; n < 20; n += 1)
        expect((await gateway.send(`/_next/static/chunks/x${n}.js`)).status).toBe(404);
    });
    expect(text).toBe('');
    expect(await statusOf('/_next/static/chunks/a1.js', { Host: 'evil.example' })).toBe(403);
  });
  it('static files refuse POST with 405', async () => {
    gateway = await openGateway(PROXY, 0, { build });
    for (const path of ['/_next/static/chunks/a1.js', '/_next/static/chunks/a2.js']) {
      const answer = await quietly(() =>
        gateway.send(path, { method: 'POST', headers: { ...signed, Origin: gateway.origin } }),
      );
      expect([answer.status, answer.seen]).toEqual([405, null]);
    }
  });
  it('static files are cacheable, but pages are not', async () => {
    gateway = await openGateway(PROXY, 0, { build });
    expect((await read('/jobs', 'GET', signed)).headers['cache-control']).toBe('no-store');
  });
});

describe('a POST below /api/', () => {
  const ID = 'a'.repeat(42);
  const build: BuildManifest = {
    staticFiles: new Set(),
    actionPages: new Map([[ID, new Set(['/jobs'])]]),
    pageOf: (address) => {
      if (/^\/api\/jobs\/[^/]+\/download$/.test(address)) return '/api/jobs/[id]/download';
      if (['/jobs', '/api/jobs'].includes(address)) return address;
      return address.startsWith('/api/page/') ? '/[...rest]' : null;
    },
  };
  const post = (path: string, headers: Record<string, string>, body: string) =>
    captureOutput(async () => {
      const allHeaders = { ...signed, Origin: gateway.origin, ...headers };
      answer = await gateway.send(path, { method: 'POST', headers: allHeaders, body });
    });
  let answer: Awaited<ReturnType<TestGateway['send']>>;

  it.each(['', '/ops/good_job'])(
    'a POST below /api/ reaches Next only if the route exists (base path %j)',
    async (basePath) => {
      gateway = await openGateway({ ...PROXY, BASE_PATH: basePath }, 0, { build });
      for (const path of ['/api/none', '/api/', '/api/jobs/', '/api/jobs/x/y', '/api/page/x'])
        for (const [headers, body] of [
          [{ 'Content-Type': 'multipart/form-data; boundary=x' }, '--x garbage'],
          [{ 'Content-Type': 'text/plain', 'Next-Action': ID }, '[]'],
          [{}, ''],
        ] as [Record<string, string>, string][]) {
          const { text } = await post(basePath + path, headers, body);
          expect([answer.status, answer.seen], path).toEqual([404, null]);
          expect(text, path).not.toContain('    at ');
        }
      for (const path of ['/api/jobs/x/download', '/api/jobs']) {
        await post(basePath + path, {}, 'reason=x');
        expect([answer.status, answer.seen?.body], path).toEqual([200, 'reason=x']);
      }
    },
  );
});
