import { request as httpRequest } from 'node:http';
import { SUCCEEDED, insertJob, readRow } from '../test/harness/rows';
import { useSite } from './support/site';
import { expect, httpTest as test } from './support/test';

/* Requests that the gateway rejects, in plain HTTP: a browser would not send most of them. */
const site = useSite('gateway');

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function send(
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: site.server.port,
        path,
        method,
        headers: {
          Host: `localhost:${site.server.port}`,
          Cookie: site.server.cookie,
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
const at = (path: string) => site.server.basePath + path;

test('rejects requests for any host other than this machine', async () => {
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    `127.0.0.1.nip.io:${site.server.port}`,
    '10.0.0.1',
  ]) {
    const response = await send(at('/jobs'), { headers: { Host: host, 'Accept-Language': 'ja' } });
    expect(response.status, host).toBe(403);
    expect(response.body, host).toContain('localhost、127.0.0.1');
    expect(response.body, host).not.toContain('evil');
  }
  expect(
    (await send(at('/jobs'), { headers: { Host: `127.0.0.1:${site.server.port}` } })).status,
  ).toBe(200);
});

test('rejects a request that passed a proxy', async () => {
  for (const name of [
    'Forwarded',
    'X-Forwarded-For',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Real-IP',
  ])
    expect((await send(at('/jobs'), { headers: { [name]: 'x' } })).status, name).toBe(403);
});

test('rejects a change without a matching origin', async () => {
  const id = await insertJob(site.db, SUCCEEDED);
  const page = await send(at(`/jobs/${id}/destroy`));
  const fields = [...page.body.matchAll(/name="(\$ACTION_[^"]+)"(?: value="([^"]*)")?/g)].map(
    ([, name = '', value = '']) => [name, value.replaceAll('&quot;', '"')] as const,
  );
  expect(fields.length).toBeGreaterThan(0);
  const boundary = 'x'.repeat(20);
  const body =
    [...fields, ['id', id], ['action', 'destroy']]
      .map(
        ([name, value]) =>
          `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('') + `--${boundary}--\r\n`;
  const post = (headers: Record<string, string>) =>
    send(at(`/jobs/${id}/destroy`), {
      method: 'POST',
      headers: {
        'Content-Type': `multipart/form-data; boundary=${boundary}`,
        'Content-Length': String(Buffer.byteLength(body)),
        ...headers,
      },
      body,
    });
  const own = `http://localhost:${site.server.port}`;
  for (const headers of [
    {},
    { Origin: 'null' },
    { Origin: 'http://evil.example' },
    { Origin: 'http://localhost:1' },
    { 'Sec-Fetch-Site': 'same-site' },
    { Origin: 'http://evil.example', 'Sec-Fetch-Site': 'same-origin' },
  ]) {
    expect((await post(headers as Record<string, string>)).status, JSON.stringify(headers)).toBe(
      403,
    );
    expect((await readRow(site.db, 'good_jobs', id)).id).toBe(id);
  }
  expect((await post({ Origin: own })).status).toBe(303);
  expect(await site.value<string>('SELECT count(*)::text FROM good_jobs WHERE id = $1', id)).toBe(
    '0',
  );
});

test('rejects unsupported methods, large bodies and undecodable bytes', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS'])
    expect((await send(at('/jobs'), { method })).status, method).toBe(405);
  const own = { Origin: `http://localhost:${site.server.port}` };
  expect(
    (await send(at('/jobs'), { method: 'POST', headers: { ...own, 'Content-Length': '2000000' } }))
      .status,
  ).toBe(413);
  for (const path of [
    '/jobs/%ff',
    '/jobs?state=%00',
    '/jobs/%ED%A0%80',
    '/jobs?job_class=%C3%28',
    '/100%',
  ]) {
    const response = await send(at(path), { headers: { 'Accept-Language': 'ja' } });
    expect(response.status, path).toBe(400);
    expect(response.body, path).toContain('URL に不正な文字が含まれています');
  }
});

test('rejects a large chunked body of any content type', async () => {
  const own = { Origin: `http://localhost:${site.server.port}`, 'Transfer-Encoding': 'chunked' };
  for (const headers of [
    { 'Content-Type': 'multipart/form-data; boundary=x' },
    { 'Content-Type': 'text/plain', 'Next-Action': '0'.repeat(42) },
    {},
  ]) {
    const response = await send(at('/jobs'), {
      method: 'POST',
      headers: { ...own, ...headers } as Record<string, string>,
      body: 'x'.repeat(3_000_000),
    });
    expect(response.status, JSON.stringify(headers)).toBe(413);
  }
});

test('every response has the security headers and forbids caching', async () => {
  const policies = new Set<string>();
  for (const path of [
    '/jobs',
    '/batches',
    '/nothing',
    '/api/jobs',
    '/healthz',
    '/jobs?state=%00',
  ]) {
    const { headers } = await send(at(path));
    const policy = String(headers['content-security-policy']);
    policies.add(policy);
    expect(policy, path).toMatch(
      /^default-src 'none'; script-src 'nonce-[A-Za-z0-9+/=]{24}' 'strict-dynamic'; style-src 'self'/,
    );
    expect(policy, path).not.toContain('unsafe');
    expect(headers['x-content-type-options'], path).toBe('nosniff');
    expect(headers['x-frame-options'], path).toBe('DENY');
    expect(headers['referrer-policy'], path).toBe('same-origin');
    expect(String(headers['cache-control']), path).toMatch(/no-store/);
    expect(headers['x-powered-by'], path).toBeUndefined();
  }
  expect(policies.size).toBe(6);
});

test('answers health checks for any host', async () => {
  for (const [path, body] of [
    ['/healthz', 'ok\n'],
    ['/readyz', 'ready\n'],
  ] as const)
    expect(await send(at(path), { headers: { Host: '10.1.2.3' } })).toMatchObject({
      status: 200,
      body,
    });
});

test('sets a preference by a link and removes it from the URL', async () => {
  const response = await send(
    at('/jobs?state=discarded&_locale=ja&_theme=dark&_time_zone=Asia%2FTokyo'),
  );
  expect(response.status).toBe(303);
  expect(response.headers.location).toBe(at('/jobs?state=discarded'));
  expect(response.headers['set-cookie']).toHaveLength(3);
  expect(String(response.headers['set-cookie'])).toContain(`Path=${site.server.basePath || '/'};`);
  expect((await send(at('/jobs?_locale=xx'))).headers['set-cookie']).toBeUndefined();
});
