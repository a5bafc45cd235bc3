import { afterEach, describe, expect, it } from 'vitest';
import { type TestGateway, openGateway, captureOutput } from '../test/harness/gateway';

let gateway: TestGateway;
afterEach(() => gateway.close());
const SECRET = '7f3a9c0e5b2d4816a7c3e9f0d1b5a264';
const PROXY = {
  AUTH_MODE: 'proxy-header',
  AUTH_PROXY_SECRET: SECRET,
  ROLE_ADMINS: 'user:alice',
  ROLE_VIEWERS: '*',
};
const signed = { 'X-Auth-Proxy-Secret': SECRET, 'X-Forwarded-User': 'alice' };
const get = (path: string, headers: Record<string, string> = {}) => gateway.send(path, { headers });
/** Returns the status and discards what is logged. */
async function statusOf(path: string, headers: Record<string, string> = {}): Promise<number> {
  let status = 0;
  await captureOutput(async () => {
    ({ status } = await get(path, headers));
  });
  return status;
}

describe('AUTH_MODE=none', () => {
  it('AUTH_MODE=none serves only this machine, as an admin whom no header can change', async () => {
    gateway = await openGateway({});
    expect((await get('/jobs')).seen?.headers['x-gjc-viewer']).toBe('admin:local::');
    expect((await get('/jobs', { 'x-gjc-viewer': 'viewer:x' })).seen?.headers['x-gjc-viewer']).toBe(
      'admin:local::',
    );
    expect(await statusOf('/jobs', { Host: 'evil.example' })).toBe(403);
    expect(await statusOf('/jobs', { 'X-Forwarded-For': '10.0.0.1' })).toBe(403);
    expect(
      (await get('/healthz', { Host: '10.0.0.1' })).seen?.headers['x-gjc-viewer'],
    ).toBeUndefined();
  });
  it('AUTH_MODE=none detects a proxy header after 3,000 other headers', async () => {
    gateway = await openGateway({});
    const send = (last: string) =>
      gateway.raw(
        `GET /jobs HTTP/1.1\r\nHost: localhost:${gateway.port}\r\nCookie: ${gateway.cookie}\r\n` +
          `${'a:1\r\n'.repeat(3_000)}${last}Connection: close\r\n\r\n`,
      );
    expect((await send('')).status).toBe(200);
    await captureOutput(async () =>
      expect(await send('X-Forwarded-For: 10.0.0.1\r\n')).toMatchObject({
        status: 403,
        seen: null,
      }),
    );
  });
  it('AUTH_MODE=none refuses a foreign host without I_KNOW_THIS_IS_OPEN', async () => {
    gateway = await openGateway({ AUTH_MODE: 'none' });
    expect(await statusOf('/jobs', { Host: 'ops.example.com' })).toBe(403);
  });
  it('AUTH_MODE=none with I_KNOW_THIS_IS_OPEN serves everyone on the configured hosts', async () => {
    gateway = await openGateway({ AUTH_MODE: 'none', I_KNOW_THIS_IS_OPEN: '1' });
    for (const host of ['10.1.2.3:3000', '[fd00::1]:3000', 'localhost:3000'])
      expect(await statusOf('/jobs', { Host: host, 'X-Forwarded-For': '10.0.0.1' }), host).toBe(
        200,
      );
    for (const host of ['ops.example.com', 'console', 'evil.example:3000', '10.1.2.3.nip.io'])
      expect(await statusOf('/jobs', { Host: host, Origin: `http://${host}` }), host).toBe(403);
    await captureOutput(async () =>
      expect((await get('/jobs', { Host: 'ops.example.com' })).body).toMatch(
        /PUBLIC_URL.+ALLOWED_HOSTS/,
      ),
    );
    await gateway.close();
    gateway = await openGateway({
      AUTH_MODE: 'none',
      I_KNOW_THIS_IS_OPEN: '1',
      ALLOWED_HOSTS: 'console.internal:3000',
    });
    for (const host of [
      'console.internal:3000',
      'CONSOLE.internal:3000',
      'console',
      '10.1.2.3:3000',
      'localhost',
    ])
      expect(await statusOf('/jobs', { Host: host }), host).toBe(200);
    for (const host of [
      'evil.example:3000',
      'console.internal',
      'console.internal:3001',
      'x.console.internal:3000',
    ])
      expect(await statusOf('/jobs', { Host: host, Origin: `http://${host}` }), host).toBe(403);
    await captureOutput(async () =>
      expect(
        (
          await gateway.send('/jobs', {
            method: 'POST',
            headers: { Host: 'evil.example:3000', Origin: 'http://evil.example:3000' },
          })
        ).seen,
      ).toBeNull(),
    );
    await gateway.close();
    gateway = await openGateway({
      AUTH_MODE: 'none',
      I_KNOW_THIS_IS_OPEN: '1',
      PUBLIC_URL: 'https://ops.example.com',
    });
    expect(await statusOf('/jobs', { Host: 'ops.example.com' })).toBe(200);
    expect(await statusOf('/jobs', { Host: 'evil.example' })).toBe(403);
  });
});

describe('PUBLIC_URL', () => {
  it('PUBLIC_URL is the only accepted host besides names no outsider can register', async () => {
    gateway = await openGateway({
      ...PROXY,
      PUBLIC_URL: 'https://ops.example.com/good_job',
      BASE_PATH: '/good_job',
      ALLOWED_HOSTS: 'console.internal.example:8080',
    });
    for (const host of [
      'ops.example.com',
      'OPS.example.com',
      'ops.example.com:443',
      '10.1.2.3:3000',
      '[fd00::1]:3000',
      'localhost:3000',
      'console',
      'console.internal.example:8080',
    ])
      expect(await statusOf('/good_job/jobs', { ...signed, Host: host }), host).toBe(200);
    for (const host of [
      'evil.example',
      'ops.example.com.evil.example',
      'ops.example.com:8443',
      '10.1.2.3.nip.io',
      'xops.example.com',
      'console.internal.example',
      '10.1.2.3.',
    ])
      expect(
        await statusOf('/good_job/jobs', {
          ...signed,
          Host: host,
          'X-Forwarded-Host': 'ops.example.com',
        }),
        host,
      ).toBe(403);
  });
  it('without PUBLIC_URL only ALLOWED_HOSTS and unregistrable names are accepted', async () => {
    gateway = await openGateway({ ...PROXY, ALLOWED_HOSTS: 'ops.example.com' });
    for (const host of ['ops.example.com', '10.1.2.3:3000', 'localhost:3000', 'console:3000'])
      expect(await statusOf('/jobs', { ...signed, Host: host }), host).toBe(200);
    for (const host of ['evil.example', 'ops.example.com:8443'])
      expect(await statusOf('/jobs', { ...signed, Host: host }), host).toBe(403);
  });
  it('PUBLIC_URL replaces the client’s forwarded headers before Next reads them', async () => {
    gateway = await openGateway({ ...PROXY, PUBLIC_URL: 'https://ops.example.com' });
    const { seen, headers } = await get('/jobs', {
      ...signed,
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'http',
      'X-Forwarded-Prefix': '/x',
      Forwarded: 'host=evil.example',
    });
    expect(seen?.headers).toMatchObject({
      'x-forwarded-host': 'ops.example.com',
      'x-forwarded-proto': 'https',
    });
    for (const name of ['x-forwarded-prefix', 'forwarded', 'x-forwarded-user'])
      expect(seen?.headers[name]).toBeUndefined();
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    const preference = await get('/jobs?_theme=dark', signed);
    expect(String(preference.headers['set-cookie'])).toMatch(/; Secure$/);
  });
  it('PUBLIC_URL is the only accepted origin of a write', async () => {
    gateway = await openGateway({
      ...PROXY,
      PUBLIC_URL: 'https://ops.example.com',
      WRITE_RATE_LIMIT: '0',
    });
    const post = async (headers: Record<string, string>) => {
      let status = 0;
      const { audits } = await captureOutput(async () => {
        ({ status } = await gateway.send('/jobs', {
          method: 'POST',
          headers: { ...signed, ...headers },
        }));
      });
      if (status === 403) expect(audits).toMatchObject([{ error: 'foreign_origin', status: 403 }]);
      return status;
    };
    expect(await post({ Origin: 'https://ops.example.com' })).toBe(200);
    expect(await post({ 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const action = { 'Next-Action': 'x', 'Content-Type': 'text/plain;charset=UTF-8' };
    for (const kind of [form, action, {}] as Record<string, string>[])
      for (const origin of [
        {},
        { Origin: 'null' },
        { Origin: '' },
        { Origin: 'https://evil.example' },
        { Origin: 'http://ops.example.com' },
        { Origin: 'https://ops.example.com.evil.example' },
        { Origin: 'https://ops.example.com:8443' },
        { Origin: gateway.origin },
        { 'Sec-Fetch-Site': 'cross-site' },
        { 'Sec-Fetch-Site': 'same-site' },
        { Origin: 'https://evil.example', 'X-Forwarded-Host': 'evil.example' },
      ] as Record<string, string>[])
        expect(await post({ ...kind, ...origin }), JSON.stringify({ ...kind, ...origin })).toBe(
          403,
        );
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expect(
        (
          await gateway.send('/jobs', {
            method,
            headers: { ...signed, Origin: 'https://ops.example.com' },
          })
        ).status,
      ).toBe(405);
  });
});

describe('a page of another site', () => {
  it('a page of another site may link to the console but not fetch from it', async () => {
    gateway = await openGateway(PROXY);
    const from = (site: string, mode: string, dest: string, path = '/jobs?q=x') =>
      statusOf(path, {
        ...signed,
        'Sec-Fetch-Site': site,
        'Sec-Fetch-Mode': mode,
        'Sec-Fetch-Dest': dest,
      });
    expect(await from('cross-site', 'navigate', 'document')).toBe(200);
    for (const [mode, dest] of [
      ['no-cors', 'image'],
      ['no-cors', 'script'],
      ['cors', 'empty'],
      ['navigate', 'iframe'],
      ['navigate', 'object'],
    ] as const)
      expect(await from('cross-site', mode, dest), dest).toBe(403);
    for (const site of ['same-origin', 'none'])
      expect(await from(site, 'cors', 'empty'), site).toBe(200);
    for (const path of ['/healthz', '/icon.svg', '/_next/static/x.css'])
      expect(await from('cross-site', 'no-cors', 'image', path), path).toBe(200);
  });
});

describe('paths', () => {
  it('ambiguous paths return 400, and paths outside of the base path 404', async () => {
    gateway = await openGateway({ ...PROXY, BASE_PATH: '/ops/good_job' });
    const status = (path: string) => statusOf(path, signed);
    for (const path of [
      '/ops/good_job',
      '/ops/good_job/',
      '/ops/good_job/jobs',
      '/ops/good_job?x=1',
      '/ops/good_job/cron_entries/a%2Fb',
      '/ops/good_job/performance/A::B%3F',
    ])
      expect(await status(path), path).toBe(200);
    for (const path of [
      '//ops/good_job/jobs',
      '/ops//good_job/jobs',
      '/ops/good_job//jobs',
      '/ops/good_job/../good_job/jobs',
      '/ops/good_job/%2e%2e/x',
      '/ops/good_job/%2E./x',
      '/ops/good_job/..%2fx',
      '/ops/good_job/..;/x',
      '/ops/good_job/%2e%2e%3bx/y',
      '/ops/good_job/%252e%252e/x',
      '/ops/good_job/.',
      '/ops/good_job\\jobs',
      '/ops/good_job/%5c..%5cx',
      '/ops/good_job/x%00',
      '/ops/good_job/%ff',
      'http://evil.example/ops/good_job/jobs',
      '/ops/good_job/jobs#x',
    ])
      expect(await status(path), path).toBe(400);
    for (const path of [
      '/',
      '/jobs',
      '/ops',
      '/ops/good_jobx',
      '/ops/good_job.x',
      '/OPS/good_job/jobs',
      '/ops%2fgood_job/jobs',
      '/ops/good_job%2fjobs',
      '/ops/good_jo%62/jobs',
    ])
      expect(await status(path), path).toBe(404);
  });
  it('the base path with a slash is the page without it', async () => {
    gateway = await openGateway({ ...PROXY, BASE_PATH: '/ops/good_job' });
    const seenFor = async (path: string) => (await get(path, signed)).seen?.url;
    expect(await seenFor('/ops/good_job/')).toBe('/ops/good_job');
    expect(await seenFor('/ops/good_job/?range=6h')).toBe('/ops/good_job?range=6h');
    expect(await seenFor('/ops/good_job/jobs')).toBe('/ops/good_job/jobs');
  });
  it('paths that are public accept GET and HEAD only', async () => {
    gateway = await openGateway(PROXY);
    await captureOutput(async () => {
      for (const path of ['/healthz', '/readyz', '/icon.svg', '/_next/static/x.js']) {
        expect((await gateway.send(path, { method: 'HEAD' })).status, path).toBe(200);
        expect(
          await gateway.send(path, {
            method: 'POST',
            headers: { Origin: gateway.origin, 'Next-Action': 'x' },
          }),
          path,
        ).toMatchObject({ status: 401, seen: null });
      }
      expect(
        (
          await gateway.send('/healthz', {
            method: 'POST',
            headers: { Host: 'evil.example', Origin: 'http://evil.example' },
          })
        ).status,
      ).toBe(403);
    });
  });
  it('paths that are not public need an identity, whatever their spelling', async () => {
    gateway = await openGateway(PROXY);
    await captureOutput(async () => {
      for (const path of [
        '/jobs',
        '/healthz/../jobs',
        '/healthz%2f..%2fjobs',
        '/healthz;/jobs',
        '/healthz?/../jobs/',
        '/_next/static/../../jobs',
        '/_next/static/..%2f..%2fjobs',
        '/_next/static/%2e%2e/jobs',
        '/_next/static/x?_rsc',
        '/icon.svg/../jobs',
        '/_next/image?url=%2Fjobs',
        '/_NEXT/static/x',
        '/api/jobs',
        '/Healthz',
      ]) {
        const { status, seen } = await get(path);
        if (path.startsWith('/healthz?') || path.startsWith('/_next/static/x?'))
          expect(seen?.url.split('?')[0], path).toMatch(/^\/(healthz|_next\/static\/x)$/);
        else expect([seen, [400, 401].includes(status)], path).toEqual([null, true]);
      }
    });
  });
});

describe('PROXY_STRIPS_PREFIX', () => {
  it('PROXY_STRIPS_PREFIX restores the prefix once and leaves the query unchanged', async () => {
    gateway = await openGateway({ ...PROXY, BASE_PATH: '/ops/good_job', PROXY_STRIPS_PREFIX: '1' });
    const seenFor = async (path: string) => (await get(path, signed)).seen?.url;
    expect(await seenFor('/')).toBe('/ops/good_job');
    expect(await seenFor('/?x=1')).toBe('/ops/good_job?x=1');
    expect(await seenFor('/ops/good_job/?x=1')).toBe('/ops/good_job?x=1');
    expect(await seenFor('/jobs?a=/b?c=//d')).toBe('/ops/good_job/jobs?a=/b?c=//d');
    expect(await seenFor('/ops/good_job/jobs?x')).toBe('/ops/good_job/jobs?x');
    expect(await seenFor('/ops/good_jobx')).toBe('/ops/good_job/ops/good_jobx');
    expect(await seenFor('/healthz')).toBe('/ops/good_job/healthz');
    for (const path of ['//jobs', '//evil.example/jobs', '/../jobs'])
      expect(await statusOf(path, signed), path).toBe(400);
    expect((await get('/jobs?_theme=dark', signed)).headers.location).toBe('/ops/good_job/jobs');
  });
  it('PROXY_STRIPS_PREFIX treats a prefix equal to a page’s name as the page', async () => {
    gateway = await openGateway({ ...PROXY, BASE_PATH: '/jobs', PROXY_STRIPS_PREFIX: '1' });
    expect((await get('/jobs', signed)).seen?.url).toBe('/jobs/jobs');
  });
});

describe('request limits', () => {
  it('request limits apply to the URL, its parameters and headers', async () => {
    gateway = await openGateway({});
    expect(await statusOf(`/jobs?q=${'a'.repeat(11_000)}`)).toBe(200);
    expect(await statusOf(`/jobs?q=${'a'.repeat(13_000)}`)).toBe(414);
    expect(await statusOf(`/jobs?${'a&'.repeat(390)}`)).toBe(200);
    expect(await statusOf(`/jobs?${'a&'.repeat(500)}`)).toBe(400);
    expect(await statusOf('/jobs', { Cookie: 'x'.repeat(70_000) })).toBe(431);
  });
  it('request limits apply to a body, chunked or not', async () => {
    gateway = await openGateway({});
    const own = { Origin: gateway.origin };
    const send = async (headers: Record<string, string>, body: string) => {
      const result = { status: 0, seen: null as string | null };
      await captureOutput(async () => {
        const answer = await gateway.send('/jobs', {
          method: 'POST',
          headers: { ...own, ...headers },
          body,
        });
        Object.assign(result, { status: answer.status, seen: answer.seen?.body ?? null });
      });
      return result;
    };
    const chunked = { 'Transfer-Encoding': 'chunked' };
    expect(await send(chunked, 'a=1')).toEqual({ status: 200, seen: 'a=1' });
    expect(await send(chunked, 'x'.repeat(900_000))).toMatchObject({ status: 200 });
    expect(await send(chunked, 'x'.repeat(3_000_000))).toEqual({ status: 413, seen: null });
    expect(await send({ 'Content-Length': '2000000' }, '')).toMatchObject({ status: 413 });
  });
  it('request limits are checked in linear time on hostile input', async () => {
    gateway = await openGateway(PROXY);
    const started = performance.now();
    await captureOutput(async () => {
      for (const text of [
        '.'.repeat(11_000),
        '%2e'.repeat(3_900),
        '%25'.repeat(3_900),
        '..;'.repeat(3_900),
        '/a'.repeat(5_900),
        'a='.repeat(5_900),
      ])
        await get(`/x${text}`, {
          ...signed,
          Host: `${'a.'.repeat(120)}x`,
          'Accept-Language': 'ja;q=,'.repeat(1_500),
          Cookie: 'a=;'.repeat(3_000),
          Accept: '*/'.repeat(3_000),
        });
      await get('/jobs', {
        ...signed,
        'X-Forwarded-Groups': 'a,'.repeat(20_000),
        'X-Forwarded-Email': 'a@'.repeat(120),
      });
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('header injection', () => {
  it('header injection is rejected by the parser or escaped', async () => {
    gateway = await openGateway(PROXY);
    await captureOutput(async () => {
      const answer = await gateway.raw(
        `GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Auth-Proxy-Secret: ${SECRET}\r\n` +
          'X-Forwarded-User: a\nx-gjc-viewer: admin:b\r\nConnection: close\r\n\r\n',
      );
      expect([answer.status, answer.seen]).toEqual([400, null]);
      const smuggled = await gateway.raw(
        'POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n' +
          'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n' +
          'GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n',
      );
      expect([smuggled.status, smuggled.seen]).toEqual([400, null]);
    });
    const { headers } = await get('/jobs?_theme=dark&x=%0d%0aSet-Cookie:%20a=b', signed);
    expect(headers.location).toBe('/jobs?x=%0D%0ASet-Cookie%3A+a%3Db');
    expect(headers['set-cookie']).toHaveLength(1);
  });
});

describe('rate limits', () => {
  it('rate limits apply to writes and searches per viewer', async () => {
    gateway = await openGateway({ ...PROXY, WRITE_RATE_LIMIT: '3', SEARCH_RATE_LIMIT: '5' });
    const write = (user: string) =>
      gateway.send('/jobs', {
        method: 'POST',
        headers: { ...signed, 'X-Forwarded-User': user, Origin: gateway.origin },
      });
    const search = (user: string, path: string) =>
      get(path, { ...signed, 'X-Forwarded-User': user });
    const { audits } = await captureOutput(async () => {
      for (let n = 0; n < 3; n++) expect((await write('alice')).status).toBe(200);
      const answer = await write('alice');
      expect(answer.status).toBe(429);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.body).toContain('Too many requests');
      expect(answer.seen).toBeNull();
      expect((await write('bob')).status).toBe(200);
      for (const path of [
        '/jobs?q=a',
        '/api/jobs?query=a',
        '/api/jobs/completion?text=a',
        '/api/palette?text=a',
        '/api/pauses/values?kind=queue&typed=a',
      ])
        expect((await search('alice', path)).status).toBe(200);
      expect(await search('alice', '/api/jobs?q=x')).toMatchObject({
        status: 429,
        body: '{"error":"too_many_requests"}',
      });
      for (let n = 0; n < 10; n++)
        expect((await search('alice', '/jobs?state=x&q=')).status).toBe(200);
    });
    expect(audits.map(({ error, viewer }) => [error, viewer])).toEqual([
      ['too_many_requests', 'alice'],
      ['too_many_requests', 'alice'],
    ]);
  });
});

describe('the client address behind a trusted proxy', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address });
  it('the client address is the rate limit key of an open console', async () => {
    gateway = await openGateway({
      AUTH_MODE: 'none',
      I_KNOW_THIS_IS_OPEN: '1',
      TRUSTED_PROXIES: '127.0.0.1',
      SEARCH_RATE_LIMIT: '2',
    });
    for (let n = 0; n < 2; n += 1)
      expect(await statusOf('/jobs?q=a', from('6.6.6.6, 203.0.113.9'))).toBe(200);
    expect(await statusOf('/jobs?q=a', from('7.7.7.7, 203.0.113.9'))).toBe(429);
    expect(await statusOf('/jobs?q=a', from('203.0.113.10'))).toBe(200);
  });
  it('the client address is logged with refused requests', async () => {
    gateway = await openGateway({ ...PROXY, TRUSTED_PROXIES: '127.0.0.1' });
    const { audits } = await captureOutput(async () => {
      await get('/jobs', from('6.6.6.6, 203.0.113.9'));
      await get('/jobs', from('unknown'));
    });
    expect(audits.map(({ address }) => address)).toEqual(['203.0.113.9', '127.0.0.1']);
  });
  it('a forwarded client address does not give other machines access to /metrics', async () => {
    gateway = await openGateway({
      AUTH_MODE: 'none',
      I_KNOW_THIS_IS_OPEN: '1',
      TRUSTED_PROXIES: '127.0.0.1',
    });
    expect(await statusOf('/metrics', from('127.0.0.1'))).toBe(404);
  });
});

it('the response has the same request id as the forwarded request', async () => {
  gateway = await openGateway(PROXY);
  const { headers, seen } = await get('/jobs', signed);
  expect(headers['x-request-id']).toBe(seen?.headers['x-request-id']);
});
