import type { Page } from 'playwright/test';
import { RUNNING, insertJob, insertProcess } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { processLock } from './support/worker';

/* Everything that GoodJob's own page of processes shows, and more. */
const [LIVE, STALE, DEAD, ODD] = ['a1', 'a2', 'a3', 'a4'].map(
  (end) => `c0ffee00-0000-4000-8000-0000000000${end}`,
) as [string, string, string, string];
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const STATE = {
  hostname: 'worker-1.internal',
  pid: 14523,
  memory: 89434,
  proctitle: '/usr/local/bundle/bin/good_job',
  cron_enabled: true,
  preserve_job_records: 'on_unhandled_error',
  retry_on_unhandled_error: false,
  schedulers: [
    {
      name: 'GoodJob::Scheduler(queues=+urgent,mail max_threads=5)',
      queues: '+urgent,mail',
      max_threads: 5,
      active_threads: 4,
      available_threads: 1,
      max_cache: 10000,
      active_cache: 12,
      available_cache: 9988,
      empty_executions_count: 31,
      errored_executions_count: 2,
      succeeded_executions_count: 1840,
      total_executions_count: 1842,
      execution_at: secondsAgo(20),
      check_queue_at: secondsAgo(3),
    },
    {
      name: 'GoodJob::Scheduler(queues=-urgent max_threads=2)',
      queues: '-urgent',
      max_threads: 2,
      active_threads: 0,
    },
  ],
  total_succeeded_executions_count: 1840,
  total_errored_executions_count: 2,
  database_connection_pool: { size: 25, active: 6 },
};

const site = useSite('processes', {
  async seed(db) {
    await insertProcess(db, {
      id: LIVE,
      lock_type: 0,
      state: JSON.stringify(STATE),
      created_at: secondsAgo(7_200),
    });
    await insertProcess(db, {
      id: STALE,
      state: '{"hostname": "late-host", "schedulers": [], "cron_enabled": false}',
      updated_at: secondsAgo(120),
    });
    await insertProcess(db, {
      id: DEAD,
      lock_type: 0,
      state: JSON.stringify({ ...STATE, hostname: 'dead-host' }),
    });
    await insertProcess(db, {
      id: ODD,
      updated_at: secondsAgo(4_000),
      state: JSON.stringify({
        hostname: '<b>bold</b>',
        pid: { a: 1 },
        schedulers: ['x', null, 7, [], { queues: { a: 1 } }],
        memory: 'much',
        [`k${'e'.repeat(300)}y`]: 1,
        moon: 'full',
      }),
    });
    await db.query(`SELECT pg_advisory_lock(${processLock(LIVE)})`);
    for (let n = 0; n < 6; n += 1)
      await insertJob(db, {
        ...RUNNING,
        queue_name: 'mail',
        job_class: `Mail${n}Job`,
        locked_by_id: LIVE,
        locked_at: secondsAgo(5),
        lock_type: 1,
        performed_at: secondsAgo(60 - n),
      });
    await insertJob(db, {
      ...RUNNING,
      job_class: 'HeldJob',
      locked_by_id: DEAD,
      locked_at: secondsAgo(900),
      lock_type: 0,
    });
  },
});

const card = (page: Page, id: string) => page.locator(`[data-process="${id}"]`);
const fact = (page: Page, id: string, label: string) =>
  card(page, id)
    .locator('dl > div')
    .filter({ has: page.locator('dt', { hasText: new RegExp(`^${label}$`) }) })
    .locator('dd');

test('shows everything that a process reports', async ({ page }) => {
  await site.open(page, '/processes');
  const live = card(page, LIVE);
  await expect(live.getByRole('heading', { name: 'good_job' })).toHaveAttribute(
    'title',
    STATE.proctitle,
  );
  for (const text of [
    en('processes.states.live'),
    'PID 14523 @ worker-1.internal',
    '87 MB',
    STATE.proctitle,
    LIVE,
    'queues=+urgent,mail',
    'max_threads=5',
    'queues=-urgent',
    'max_threads=2',
    '4 of 5 threads busy',
    '1,840 succeeded, 2 errored, 31 empty',
    '12 of 10,000 jobs cached',
  ])
    await expect(live, text).toContainText(text);
  for (const [label, value] of [
    ['threads', '4 / 7'],
    ['cron', 'true'],
    ['started', '2 hours ago'],
    ['lock', 'Advisory lock'],
    ['succeeded', '1,840'],
    ['errored', '2'],
    ['databasePool', '6 / 25'],
  ] as const)
    await expect(fact(page, LIVE, en(`processes.${label}`)), label).toHaveText(value);
  await expect(fact(page, LIVE, en('processes.lastSeen')).locator('time')).toBeVisible();
  await expect(fact(page, LIVE, 'preserve_job_records')).toHaveText('on_unhandled_error');
  await expect(fact(page, LIVE, 'retry_on_unhandled_error')).toHaveText('false');
  await expect(live).toContainText(en('processes.executionAt'));
  await expect(live).toContainText(en('processes.checkQueueAt'));
});

test('shows the raw state of a process', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/processes');
  await card(page, LIVE)
    .getByRole('button', { name: en('processes.rawShowOf', { id: LIVE }) })
    .click();
  const raw = await card(page, LIVE).locator('pre').innerText();
  expect(JSON.parse(raw)).toEqual(STATE);
  await page.getByRole('button', { name: en('processes.rawShowAll') }).click();
  await expect(page.locator('[data-process] pre')).toHaveCount(4);
});

test('shows the running jobs of a process and links to all of them', async ({ page }) => {
  await site.open(page, '/processes');
  const live = card(page, LIVE);
  await expect(live.getByRole('link', { name: /^Mail\dJob$/ })).toHaveCount(5);
  await live.getByRole('link', { name: en('processes.allJobs', { number: '6' }) }).click();
  await page.waitForURL(/\/jobs\?.*process_id=/);
  await expect(page.locator('[data-job]')).toHaveCount(6);
});

test(
  'distinguishes, counts and filters live, stale and dead processes',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/processes');
    for (const [id, state] of [
      [LIVE, 'live'],
      [STALE, 'stale'],
      [DEAD, 'dead'],
      [ODD, 'dead'],
    ] as const)
      await expect(card(page, id).locator('.badge')).toHaveText(en(`processes.states.${state}`));
    await expect(card(page, DEAD)).toContainText(en('processes.heldJobs'));
    await page.getByRole('link', { name: `${en('processes.states.dead')} 2` }).click();
    await expect(page.locator('[data-process]')).toHaveCount(2);
    await page.getByRole('link', { name: `${en('processes.states.stale')} 1` }).click();
    await expect(page.locator('[data-process]')).toHaveCount(1);
    await expect(card(page, STALE)).toContainText(en('processes.noSchedulers'));
  },
);

test('shows a malformed state as far as possible', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/processes');
  const malformed = card(page, ODD);
  await expect(malformed).toContainText('<b>bold</b>');
  await expect(malformed).toContainText('moon');
  await malformed.getByRole('button', { name: en('processes.rawShowOf', { id: ODD }) }).click();
  await expect(malformed.locator('pre')).toContainText('"memory": "much"');
});

test('polling marks a killed worker as dead', { tag: '@any-path' }, async ({ page }) => {
  await page.clock.install();
  await site.open(page, '/processes');
  await site.db.query('SELECT pg_advisory_unlock_all()');
  await page.clock.runFor(6_000);
  await expect(card(page, LIVE).locator('.badge')).toHaveText(en('processes.states.dead'));
  await expect(page.getByRole('link', { name: `${en('processes.states.dead')} 3` })).toBeVisible();
  await site.db.query(`SELECT pg_advisory_lock(${processLock(LIVE)})`);
  // Renews the heartbeat, which may have expired on a slow machine.
  await site.db.query('UPDATE good_job_processes SET updated_at = now() WHERE id = $1', [LIVE]);
  await page.clock.runFor(6_000);
  await expect(card(page, LIVE).locator('.badge')).toHaveText(en('processes.states.live'));
});

test('lists no processes for an invalid state', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/processes?state=gone');
  await expect(page.getByRole('alert').filter({ hasText: 'state = gone' })).toBeVisible();
  await expect(page.locator('[data-process]')).toHaveCount(0);
});

test('shows processes and their raw state without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'ja' });
  const page = await context.newPage();
  await page.goto(site.url('/processes'));
  await expect(page.locator('[data-process]')).toHaveCount(4);
  await expect(card(page, LIVE)).toContainText('スケジューラー');
  await card(page, LIVE).getByRole('link', { name: '状態の JSON を表示' }).click();
  await expect(card(page, LIVE).locator('pre')).toContainText('"pid": 14523');
  await context.close();
});

test('shows an empty state without processes', { tag: '@any-path' }, async ({ page }) => {
  await site.db.query('DELETE FROM good_job_processes');
  await site.open(page, '/processes');
  await expect(page.getByRole('main')).toContainText(en('processes.empty'));
  await site.open(page, '/processes?locale=ja');
  await expect(page.getByRole('main')).toContainText(ja('processes.empty'));
});
