import { randomUUID } from 'node:crypto';
import {
  DISCARDED,
  insertBatch,
  insertExecution,
  insertJob,
  serializedParams,
} from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, httpTest, test } from './support/test';

/* Secrets in every place of a job or batch never leave the server except by an audited reveal. */
const SECRET = 'zq7kxw9vjt3m';
const JWT =
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6cTdreHc5In0.dozjgNryP4J3jVmNHl0w5NXgL0n3I9PlFUP0THsR8U';
const CARD = '4111111111111111';
const JOB = randomUUID();
const BATCH = randomUUID();
const EXECUTION = randomUUID();
const PLANTED = [
  SECRET,
  JWT,
  CARD,
  `${CARD.slice(0, 4)} ${CARD.slice(4, 8)}`,
  Buffer.from(`app:${SECRET}`).toString('base64'),
];

const payload = serializedParams(JOB, {
  arguments: [
    {
      user: { Password: SECRET, nested: [{ apiKey: [SECRET, { a: SECRET }] }] },
      _aj_symbol_keys: ['user'],
    },
    `https://app:${SECRET}@api.test/v1?page=1&access_token=${SECRET}`,
    { _aj_globalid: `gid://test-app/User/1?token=${SECRET}` },
    JSON.stringify({ client_secret: SECRET, visible: 'in the open' }),
    ['Authorization', `Basic ${Buffer.from(`app:${SECRET}`).toString('base64')}`],
    { name: 'session_id', value: SECRET },
    { text: `paid with ${CARD}, ${JWT}` },
    { ['<script>alert(1)</script>']: 'x' },
  ],
});

const site = useSite('redaction', {
  env: { DEFAULT_LOCALE: 'en', REDACT_KEYS: 'internal_*' },
  async seed(db) {
    await insertBatch(db, {
      id: BATCH,
      description: `with ${SECRET}`,
      on_finish: `Callback?token=${SECRET}`,
      serialized_properties: JSON.stringify({
        credentials: { key: SECRET },
        internal_code: SECRET,
        _aj_symbol_keys: ['credentials'],
      }),
    });
    const error =
      `Net::HTTPUnauthorized: GET https://api.test?token=${SECRET} failed for ${SECRET}: ` +
      `{"password"=>"${SECRET}"} Authorization: Bearer ${JWT}`;
    const columns = {
      ...DISCARDED,
      error,
      batch_id: BATCH,
      job_class: 'LeakyJob',
      labels: ['plain', `token=${SECRET}`],
      concurrency_key: `lock?secret=${SECRET}`,
      cron_key: `nightly?secret=${SECRET}`,
      cron_at: new Date().toISOString(),
      serialized_params: payload,
    };
    await insertJob(db, { ...columns, id: JOB });
    await insertJob(db, {
      job_class: 'CallbackJob',
      batch_callback_id: BATCH,
      error: `password: ${SECRET}`,
      serialized_params: payload,
    });
    await insertExecution(db, JOB, {
      id: EXECUTION,
      error,
      error_backtrace: [
        `app/jobs/leaky.rb:3:in 'login(${SECRET})'`,
        `/gems/http/client.rb:1:in 'get' token=${SECRET}`,
      ],
      finished_at: new Date().toISOString(),
      serialized_params: payload,
    });
  },
});

const PAGES = [
  '/jobs',
  '/jobs?columns=args.0.user.Password,args.1,args.3,error,cron',
  '/jobs?columns=args.0.user,args.4.1,args.5.value',
  '/jobs?q=LeakyJob',
  '/jobs?state=discarded',
  `/jobs/${JOB}`,
  `/jobs/${JOB}?raw=1&all=1`,
  `/jobs/${JOB}/retry`,
  `/jobs/${JOB}/reveal`,
  '/batches',
  `/batches/${BATCH}`,
  `/batches/${BATCH}/retry`,
  '/bulk',
];
const ENDPOINTS = [
  '/api/jobs',
  '/api/jobs?include=counts,chart',
  '/api/jobs?columns=args.0.user.Password,args.1,args.2,args.3,args.4.1,cron',
  '/api/jobs?columns=args.5.value,args.6.text,args.0',
  `/api/jobs/${JOB}`,
  `/api/jobs/${JOB}/raw`,
  `/api/executions/${EXECUTION}/raw`,
  '/api/jobs/counts',
  '/api/jobs/chart?by=class&range=day',
  '/api/jobs/export?format=csv',
  '/api/jobs/export?format=ndjson',
  '/api/jobs/export?format=ndjson&q=LeakyJob',
  '/api/jobs/completion?text=label:',
  '/api/jobs/completion?text=cron:',
  '/api/jobs/completion?text=args.0.',
  '/api/jobs/completion?text=class:',
  '/api/palette?text=se',
  '/api/batches',
  `/api/batches/${BATCH}/jobs`,
  `/api/batches/${BATCH}/callback-jobs`,
  `/api/batches/${BATCH}/status`,
  `/api/batches/${BATCH}/timeline`,
  '/api/batches?q=Leaky',
];

httpTest(
  'redacts secrets of any column on every page, RSC payload and endpoint',
  async ({ request }) => {
    for (const locale of ['en', 'ja']) {
      for (const path of [...PAGES, ...ENDPOINTS]) {
        const url = site.url(`${path}${path.includes('?') ? '&' : '?'}locale=${locale}`);
        for (const headers of [{}, ...(path.startsWith('/api') ? [] : [{ RSC: '1' }])] as Record<
          string,
          string
        >[]) {
          const response = await request.get(url, { headers });
          expect(response.status(), path).toBe(200);
          const text = await response.text();
          for (const secret of PLANTED)
            expect(text.includes(secret), `${secret} in ${path}`).toBe(false);
        }
      }
    }
    const raw = await request.get(site.url(`/api/jobs/${JOB}/raw`));
    const { text: job } = (await raw.json()) as { text: string };
    for (const text of ['[REDACTED]', 'in the open', 'page=1', 'LeakyJob'])
      expect(job).toContain(text);
    for (const secret of PLANTED) expect(site.server.output()).not.toContain(secret);
  },
);

httpTest(
  'a search for part of a secret responds like one for an absent text',
  async ({ request }) => {
    const responsesTo = async (q: string, part: string) => {
      const responses: string[] = [];
      for (const endpoint of [
        '/api/jobs?include=counts,chart&',
        '/api/jobs/export?format=csv&',
        `/api/batches/${BATCH}/jobs?`,
        '/api/batches?',
      ]) {
        const response = await request.get(site.url(`${endpoint}${new URLSearchParams({ q })}`));
        // The waits of unfinished jobs grow with the clock.
        const text = (await response.text()).replaceAll(/"(?:wait|run)":[\d.]+/g, '');
        responses.push(`${response.status()} ${text.replaceAll(part, '…')}`);
      }
      return responses.join('\n');
    };
    for (const [part, absent] of [
      ['zq7k', 'yb4h'],
      [SECRET, 'yb4hfp6nqc8d'],
      [CARD.slice(0, 6), '702584'],
      [JWT.slice(0, 20), 'eyXxXxXxXxXxXxXxXxXx'],
    ] as const)
      for (const form of [
        (text: string) => text,
        (text: string) => `-${text}`,
        (text: string) => `"${text}"`,
        (text: string) => `error:${text}`,
        (text: string) => `label:*${text}*`,
        (text: string) => `args.0.user.Password:${text}`,
        (text: string) => `args.5.value:${text}`,
      ])
        expect(await responsesTo(form(part), part), form(part)).toBe(
          await responsesTo(form(absent), absent),
        );
  },
);

test('refuses a filter on a redacted path and says why', async ({ page }) => {
  await site.open(page, `/jobs?${new URLSearchParams({ q: 'args.0.user.password:zq' })}`);
  await expect(
    page.getByRole('alert').filter({ hasText: en('search.problems.hidden') }),
  ).toBeVisible();
  await expect(page.locator('[data-job]')).toHaveCount(0);
  expect(
    (
      await page.request.get(
        site.url(`/api/jobs/export?${new URLSearchParams({ q: 'args.0.user.password:zq' })}`),
      )
    ).status(),
  ).toBe(400);
  await site.open(page, '/jobs?columns=args.0.user.password,queue');
  await expect(
    page.getByText(en('reveal.column', { paths: 'args.0.user.password' })),
  ).toBeVisible();
});

const events = () =>
  site.db
    .query<{ action: string; target_ids: string[]; reason: string | null; details: string }>(
      `SELECT action, target_ids, reason, details::text AS details
        FROM good_job_console.audit_events
        WHERE action = 'argument.reveal'
        ORDER BY id`,
    )
    .then(({ rows }) => rows);

test('audits a reveal by an administrator without recording the secret', async ({ page }) => {
  const before = (await events()).length;
  await site.open(page, `/jobs/${JOB}`);
  await page.getByRole('link', { name: en('reveal.link') }).click();
  await expect(page.getByRole('heading', { level: 1, name: en('reveal.title') })).toBeVisible();
  expect((await events()).length, 'opening the page is not audited').toBe(before);
  await page
    .getByRole('textbox', { name: en('actions.reason.required') })
    .first()
    .fill(`customer cannot log in, token=${SECRET}`);
  await page.getByRole('button', { name: en('reveal.submit') }).click();
  await expect(page.getByRole('group', { name: en('reveal.result') })).toContainText(
    `"Password": "${SECRET}"`,
  );
  expect(page.url()).not.toContain(SECRET);
  const after = await events();
  expect(after.length).toBe(before + 1);
  expect(after.at(-1)).toMatchObject({ action: 'argument.reveal', target_ids: [JOB] });
  expect(after.at(-1)?.reason).toContain('customer cannot log in');
  expect(
    await site.value(
      // An export records the filter that its viewer typed.
      `SELECT count(*)::int
        FROM good_job_console.audit_events e
        WHERE action <> 'job.export' AND e::text LIKE $1`,
      `%${SECRET}%`,
    ),
  ).toBe(0);
  // A reload redacts it again.
  await page.reload();
  await expect(page.getByRole('heading', { level: 1, name: en('reveal.title') })).toBeVisible();
  expect(await page.content()).not.toContain(SECRET);
  expect(site.server.output()).not.toContain(SECRET);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  test('reveals the redacted values of an attempt without JavaScript', async ({ page }) => {
    await page.goto(site.url(`/jobs/${JOB}/reveal?locale=ja`));
    await page
      .getByRole('combobox', { name: ja('reveal.what') })
      .first()
      .selectOption(EXECUTION);
    await page
      .getByRole('textbox', { name: ja('actions.reason.required') })
      .first()
      .fill('調査');
    await page.getByRole('button', { name: ja('reveal.submit') }).click();
    await expect(page.getByRole('group', { name: ja('reveal.result') })).toContainText(
      `login(${SECRET})`,
    );
    expect((await events()).at(-1)?.details).toContain(EXECUTION);
  });
});
