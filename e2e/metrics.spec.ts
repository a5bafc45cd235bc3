import { DISCARDED, insertJob } from '../test/harness/rows';
import { ROLE_ENV } from './support/accounts';
import { startSite, useSite } from './support/site';
import { expect, httpTest as test } from './support/test';

const EVIL = `mail"} 1\nevil{x="1"} 2\n# <script>`;
const site = useSite('metrics', {
  async seed(db) {
    await insertJob(db, { queue_name: EVIL });
    await insertJob(db, { queue_name: 'mail', ...DISCARDED });
  },
});
const metrics = (url: string, headers: Record<string, string> = {}) =>
  fetch(url, { headers }).then(async (answer) => ({
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
  }));

test('local requests read the metrics, and a queue name cannot inject a line', async () => {
  for (const path of ['/jobs', '/api/jobs'])
    await (await fetch(site.url(path), { headers: { Cookie: site.server.cookie } })).text();
  // The server counts a request at the end of the response, slightly after the client sees it.
  await expect
    .poll(async () => (await metrics(site.url('/metrics'))).text)
    .toMatch(/route="api",status="200"/);
  const { status, type, text } = await metrics(site.url('/metrics'));
  expect(status).toBe(200);
  expect(type).toContain('text/plain; version=0.0.4');
  expect(text).toContain('good_job_jobs{state="discarded"} 1');
  expect(text).toContain('good_job_queue_jobs{queue="mail",state="discarded"} 1');
  expect(text).toMatch(/^good_job_queue_oldest_ready_seconds\{queue="mail\\"\} 1\\nevil.*"\} \d/m);
  expect(text).not.toMatch(/^evil/m);
  expect(text).toMatch(/^good_job_console_http_requests_total\{route="page",status="200"\} [1-9]/m);
  expect(text).toMatch(/^good_job_console_http_requests_total\{route="api",status="200"\} [1-9]/m);
  expect(text).toMatch(/^good_job_console_database_connections\{state="total"\} [1-9]/m);
});

test('hides the metrics from proxied requests and other spellings of the path', async () => {
  for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP'])
    expect((await metrics(site.url('/metrics'), { [name]: '10.0.0.1' })).status, name).toBe(404);
  for (const path of [
    '/metrics/',
    '/%6detrics',
    '/Metrics',
    '/metrics;x',
    '/metrics/x',
    '//metrics',
    '/jobs/..%2fmetrics',
  ]) {
    const { text } = await metrics(site.url(path), {
      'X-Forwarded-For': '10.0.0.1',
      Cookie: site.server.cookie,
    });
    expect(text, path).not.toContain('good_job_jobs');
  }
});

test('requires the token for metrics behind a sign-in', async ({ basePath }) => {
  const METRICS_TOKEN = 'a-token-of-the-browser-tests';
  const AUTH_PROXY_SECRET = 'the-secret-of-the-proxy-and-the-console';
  const proxyHeaders = {
    'X-Auth-Proxy-Secret': AUTH_PROXY_SECRET,
    'X-Forwarded-User': 'admin',
    'X-Forwarded-Groups': 'admins',
  };
  const guarded = await startSite('metrics with a token', basePath, {
    env: { AUTH_MODE: 'proxy-header', AUTH_PROXY_SECRET, METRICS_TOKEN, ...ROLE_ENV },
  });
  try {
    for (const headers of [{}, proxyHeaders, { Authorization: 'Bearer guess' }])
      expect(
        (await metrics(guarded.url('/metrics'), headers as Record<string, string>)).status,
      ).toBe(401);
    const { status, text } = await metrics(guarded.url('/metrics'), {
      Authorization: `Bearer ${METRICS_TOKEN}`,
      'X-Forwarded-For': '10.0.0.1',
    });
    expect(status).toBe(200);
    expect(text).toContain('good_job_collected{part="queues"} 1');
    expect(text).not.toContain(METRICS_TOKEN);
    expect(guarded.server.output()).not.toContain(METRICS_TOKEN);
  } finally {
    await guarded.stop();
  }
});
