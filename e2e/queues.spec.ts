import type { Locator, Page } from 'playwright/test';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob, insertProcess } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { processLock } from './support/worker';

const WORKER = 'c0ffee00-0000-4000-8000-0000000000aa';
const HOSTILE = '<b onclick=x>"quoted" ＆ キュー';
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

const site = useSite('queues', {
  async seed(db) {
    const state = JSON.stringify({
      hostname: 'worker-1',
      pid: 7,
      schedulers: [
        { queues: '-nobody', max_threads: 4 },
        { queues: '+mail,default', max_threads: 2 },
      ],
    });
    await insertProcess(db, { id: WORKER, lock_type: 0, state });
    for (let n = 0; n < 3; n += 1)
      await insertJob(db, { queue_name: 'mail', scheduled_at: new Date().toISOString() });
    await insertJob(db, { queue_name: 'mail', ...RUNNING });
    for (const minutes of [2, 30, 300])
      await insertJob(db, {
        queue_name: 'mail',
        ...SUCCEEDED,
        scheduled_at: minutesAgo(minutes + 1),
        performed_at: minutesAgo(minutes + 0.5),
        finished_at: minutesAgo(minutes),
      });
    for (const minutes of [3, 40])
      await insertJob(db, {
        queue_name: 'mail',
        ...DISCARDED,
        scheduled_at: minutesAgo(minutes),
        performed_at: minutesAgo(minutes),
        finished_at: minutesAgo(minutes),
      });
    await insertJob(db, { queue_name: 'nobody', scheduled_at: minutesAgo(10) });
    await insertJob(db, { queue_name: HOSTILE, scheduled_at: minutesAgo(2) });
    for (const queue_name of ['exports', '出力'])
      await insertJob(db, {
        queue_name,
        job_class: `${queue_name}Job`,
        scheduled_at: minutesAgo(90),
      });
    await db.query(
      `INSERT INTO good_job_settings (id, created_at, updated_at, key, value)
        VALUES (gen_random_uuid(), now(), now(), 'pauses', $1)`,
      [JSON.stringify({ queues: ['held'], job_classes: ['exportsJob', '出力Job'], labels: [] })],
    );
    await db.query(`SELECT pg_advisory_lock(${processLock(WORKER)})`);
  },
});

const queue = (page: Page, name: string): Locator =>
  page.locator(`[data-queue=${JSON.stringify(name)}]`);
const cell = (page: Page, name: string, label: string): Locator =>
  queue(page, name)
    .locator('dl > div')
    .filter({
      has: page.locator('dt', { hasText: new RegExp(`^${label.replaceAll('/', '\\/')}$`) }),
    })
    .locator('dd');

test('shows the jobs, the workers and the throughput of each queue', async ({ page }) => {
  await site.open(page, '/queues');
  expect(
    await page
      .locator('[data-queue]')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-queue'))),
  ).toEqual(['nobody', 'exports', '出力', HOSTILE, 'default', 'held', 'mail']);
  await expect(cell(page, 'mail', en('states.queued'))).toHaveText('3');
  await expect(cell(page, 'mail', en('states.running'))).toHaveText('1');
  await expect(cell(page, 'mail', en('queues.finished'))).toContainText('4');
  await expect(cell(page, 'mail', en('states.discarded'))).toHaveText('2');
  await expect(cell(page, 'mail', en('queues.wait'))).toContainText(/\d ms \/ 30 s/);
  await expect(cell(page, 'mail', en('queues.servedBy'))).toHaveText('1 process 6 threads');
  await expect(queue(page, 'nobody')).toContainText(en('queues.unserved'));
  await expect(queue(page, 'mail')).not.toContainText(en('queues.unserved'));
  await expect(
    queue(page, 'held').getByRole('link', { name: en('states.paused') }),
  ).toHaveAttribute('href', /\/pauses$/);
  await page.getByRole('link', { name: en('queues.ranges.15m') }).click();
  await expect(cell(page, 'mail', en('queues.finished'))).toContainText('2');
  await page.getByRole('link', { name: en('queues.ranges.24h') }).click();
  await expect(cell(page, 'mail', en('queues.finished'))).toContainText('5');
});

for (const [label, count] of [
  ['states.queued', 3],
  ['states.running', 1],
  ['queues.finished', 4],
  ['states.discarded', 2],
] as const)
  test(`the count of ${label} links to its jobs`, { tag: '@any-path' }, async ({ page }) => {
    await site.open(page, '/queues');
    await cell(page, 'mail', en(label)).getByRole('link').click();
    await page.waitForURL(/\/jobs\?/);
    await expect(page.locator('[data-job]')).toHaveCount(count);
    expect(await visibleIds(page, 'job')).toHaveLength(count);
  });

test('a queue name with special characters links to its jobs', async ({ page }) => {
  await site.open(page, '/queues');
  await queue(page, HOSTILE).getByRole('link', { name: HOSTILE }).click();
  await page.waitForURL(/\/jobs\?/);
  await expect(page.locator('[data-job]')).toHaveCount(1);
});

test('links a queue to the processes that serve it', async ({ page }) => {
  await site.open(page, '/queues');
  await cell(page, 'mail', en('queues.servedBy')).getByRole('link').click();
  await page.waitForURL(/\/processes\?queue_name=mail/);
  await expect(page.locator(`[data-process="${WORKER}"]`)).toBeVisible();
  await site.open(page, '/processes?queue_name=nobody');
  await expect(page.getByText(en('processes.emptyFilter'))).toBeVisible();
});

test(
  'polling marks a queue as unserved while its worker is dead',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/queues');
    /** Polls until the server's cache of ten seconds has expired. */
    const untilPolled = (check: () => Promise<void>) =>
      expect(async () => {
        await page.clock.runFor(6_000);
        await check();
      }).toPass({ timeout: 40_000 });
    const unservedMark = queue(page, HOSTILE).getByText(en('queues.unserved'));
    await expect(unservedMark).toHaveCount(0);
    await site.db.query('SELECT pg_advisory_unlock_all()');
    await untilPolled(() => expect(unservedMark).toBeVisible({ timeout: 1_000 }));
    await expect(page.getByText(en('queues.noProcess'))).toBeVisible();
    await site.db.query(`SELECT pg_advisory_lock(${processLock(WORKER)})`);
    await untilPolled(() => expect(unservedMark).toHaveCount(0, { timeout: 1_000 }));
  },
);

test('lists no queues for an invalid range', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/queues?range=2h');
  await expect(page.getByRole('alert').filter({ hasText: 'range = 2h' })).toBeVisible();
  await expect(page.locator('[data-queue]')).toHaveCount(0);
  const response = (await (await page.request.get(site.url('/api/queues?range=2h'))).json()) as {
    rows: unknown[];
  };
  expect(response.rows).toEqual([]);
});

test('shows queues without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'ja' });
  const page = await context.newPage();
  await page.goto(site.url('/queues'));
  await expect(page.locator('[data-queue]')).toHaveCount(7);
  await expect(page.getByText(ja('queues.unserved'))).toBeVisible();
  await context.close();
});

test('filters queues by a part of the name and keeps the filter in the URL', async ({ page }) => {
  await site.open(page, '/queues');
  await page.getByLabel(en('queues.nameFilter')).fill('AI');
  await page.getByRole('button', { name: en('filter.apply') }).click();
  await page.waitForURL(/queue_name=AI/);
  await expect(page.locator('[data-queue]')).toHaveCount(1);
  await expect(queue(page, 'mail')).toBeVisible();
  await page.getByRole('link', { name: en('queues.ranges.24h') }).click();
  await page.waitForURL(/range=24h&queue_name=AI/);
  await expect(page.locator('[data-queue]')).toHaveCount(1);
  await page.getByRole('link', { name: en('filter.clear') }).click();
  await expect(page.locator('[data-queue]')).toHaveCount(7);
});

for (const [locale, t, name] of [
  ['en', en, 'exports'],
  ['ja', ja, '出力'],
] as const)
  test(`names why a queue is stuck and resumes it with 2 clicks (${locale})`, async ({ page }) => {
    await site.open(page, `/queues?locale=${locale}`);
    const row = queue(page, name);
    await expect(row.locator('[data-cause=paused]')).toContainText(`${name}Job`);
    await expect(cell(page, name, t('queues.oldest')).locator('[data-late]')).toBeVisible();
    await row.getByRole('button', { name: t('pauses.unpause.short') }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: t('pauses.unpause.confirm') })
      .click();
    await expect(page.locator('[data-toast=done]')).toContainText(`${name}Job`);
    expect(
      await site.value<string[]>(
        `SELECT value -> 'job_classes' FROM good_job_settings WHERE key = 'pauses'`,
      ),
    ).not.toContain(`${name}Job`);
    await expect(row.locator('[data-cause=paused]')).toBeHidden();
  });

for (const [locale, t] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`pauses a queue for an hour with 3 clicks and undoes it (${locale})`, async ({ page }) => {
    await site.open(page, `/queues?locale=${locale}`);
    const row = queue(page, 'mail');
    await row.getByRole('button', { name: t('pauses.pause.menu') }).click();
    const dialog = page.getByRole('dialog', { name: t('pauses.pause.title.queue') });
    await expect(dialog.locator('[data-affects=waiting]')).toContainText('3');
    await expect(dialog.locator('[data-affects=running]')).toContainText('1');
    await dialog.locator('input[type=radio][value="1h"]').click();
    await dialog.getByRole('button', { name: t('pauses.pause.confirm') }).click();
    await expect(row.locator('[data-pause-end]')).toBeVisible();
    await page.getByRole('button', { name: t('pauses.undo.menu') }).click();
    await expect(row.getByRole('link', { name: t('states.paused') })).toBeHidden();
    expect(
      await site.value<string[]>(
        `SELECT value -> 'queues' FROM good_job_settings WHERE key = 'pauses'`,
      ),
    ).toEqual(['held']);
  });

test('pauses a queue from its row without JavaScript and returns to the list', async ({
  browser,
}) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en' });
  const page = await context.newPage();
  await page.goto(site.url('/queues'));
  await queue(page, 'default')
    .getByRole('button', { name: en('pauses.pause.menu') })
    .click();
  await page.getByRole('button', { name: en('pauses.pause.confirm') }).click();
  await page.waitForURL(/\/queues\?did=pause/);
  await expect(page.getByText(en('pauses.pause.done', { name: 'default' }))).toBeVisible();
  await context.close();
});

test('queues and pauses are two tabs', async ({ page }) => {
  await site.open(page, '/queues');
  const tabs = page.getByRole('navigation', { name: en('queues.places') });
  await tabs.getByRole('link', { name: /^Pauses/ }).click();
  await page.waitForURL(/\/pauses$/);
  await expect(tabs.getByRole('link', { name: /^Pauses/ })).toHaveAttribute('aria-current', 'page');
  await tabs.getByRole('link', { name: en('queues.title') }).click();
  await page.waitForURL(/\/queues$/);
});

for (const path of ['/queues', '/pauses'])
  test(`${path} fits into every width, with targets of 24 px`, async ({ page }) => {
    for (const locale of ['en', 'ja'])
      for (const width of [390, 1024, 1440, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        await site.open(page, `${path}?locale=${locale}`);
        const overflow = await page.evaluate(
          () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        expect(overflow, `${locale} ${width}`).toBeLessThanOrEqual(0);
        const small = await page
          .locator('main :is(a, button, input, select)')
          .evaluateAll((elements) =>
            elements
              .map((element) => ({
                text: element.textContent,
                box: element.getBoundingClientRect(),
              }))
              .filter(({ box }) => box.width > 0 && (box.height < 24 || box.width < 24))
              .map(({ text }) => text),
          );
        expect(small, `${locale} ${width}`).toEqual([]);
      }
  });
