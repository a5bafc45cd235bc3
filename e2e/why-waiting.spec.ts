import type { Locator, Page } from 'playwright/test';
import { RUNNING, SUCCEEDED, insertJob, insertProcess, readRow } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { lastToast } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* The page of a job says why it is not running, and offers the action that is safe. */
const site = useSite('why waiting');

const EVIL = '"><img src=x onerror="window.__xss=1">';
const CONCURRENCY =
  'GoodJob::ActiveJobExtensions::Concurrency::ConcurrencyExceededError: GoodJob limit';
const inMinutes = (n: number) => new Date(Date.now() + n * 60_000).toISOString();
const why = (page: Page, t: typeof en = en): Locator =>
  page.getByRole('region', { name: t('waiting.title') });
const openJob = (page: Page, id: string, locale = 'en') =>
  site.open(page, `/jobs/${id}?locale=${locale}`);

const insertWorker = (queues: string) =>
  insertProcess(site.db, {
    state: JSON.stringify({ schedulers: [{ name: 'x', queues, max_threads: 5 }] }),
  });
const storePauses = (value: object) =>
  site.db.query(
    `INSERT INTO good_job_settings (key, value, created_at, updated_at)
     VALUES ('pauses', $1, now(), now())`,
    [JSON.stringify(value)],
  );
const pausedQueues = () =>
  site.value<string>(`SELECT value ->> 'queues' FROM good_job_settings WHERE key = 'pauses'`);

test.beforeEach(() =>
  site.db.query(`
    TRUNCATE good_jobs, good_job_executions, good_job_processes, good_job_settings,
             good_job_console.audit_events`),
);

test('no section for a job that runs or is finished', async ({ page }) => {
  const worker = await insertWorker('*');
  const running = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
  const finished = await insertJob(site.db, SUCCEEDED);
  for (const id of [running, finished]) {
    await openJob(page, id);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(why(page)).toHaveCount(0);
  }
});

test('a pause from the console names its viewer, time and reason, and ends in a dialog', async ({
  page,
}) => {
  await insertWorker('*');
  const id = await insertJob(site.db, { queue_name: '低優先' });
  await page.goto(site.url(`/pauses/pause?type=queue&value=${encodeURIComponent('低優先')}`));
  await page.getByLabel(en('actions.reason.label')).fill('DB migration');
  await page.getByRole('button', { name: en('pauses.pause.confirm'), exact: true }).click();
  await page.waitForURL(/\/pauses\?/);
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText('キュー「低優先」');
  await expect(why(page, ja)).toContainText('local により一時停止中です。');
  await expect(why(page, ja)).toContainText('理由：DB migration');
  await openJob(page, id);
  await expect(why(page)).toContainText('The queue “低優先” has been paused by local since');
  await expect(why(page)).toContainText('Reason: DB migration');
  await why(page)
    .getByRole('link', { name: en('waiting.resumeOf', { name: '低優先' }) })
    .click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('pauses.unpause.confirm'), exact: true })
    .click();
  await expect(lastToast(page)).toContainText(en('pauses.unpause.done', { name: '低優先' }));
  expect(await pausedQueues()).toBe('[]');
  await expect(why(page)).toContainText(en('waiting.next'));
});

test('pauses from elsewhere say so, each with a way to end it', async ({ page }) => {
  await insertWorker('*');
  await storePauses({ queues: ['default'], job_classes: ['TestJob'], labels: [EVIL] });
  const id = await insertJob(site.db, { labels: [EVIL], scheduled_at: inMinutes(180) });
  await openJob(page, id);
  await expect(why(page)).toContainText(en('waiting.pausedOutside.queue', { name: 'default' }));
  await expect(why(page)).toContainText(en('waiting.pausedOutside.job_class', { name: 'TestJob' }));
  await expect(why(page)).toContainText(en('waiting.pausedOutside.label', { name: EVIL }));
  await expect(why(page)).toContainText('It is due in 3 hours.');
  await expect(why(page).getByRole('link')).toHaveCount(3);
  expect(await page.evaluate(() => '__xss' in globalThis)).toBe(false);
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText(ja('waiting.pausedOutside.queue', { name: 'default' }));
});

test('a job of a lost worker is released in a dialog', async ({ page }) => {
  const worker = await insertProcess(site.db, { updated_at: inMinutes(-60) });
  const id = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText(ja('waiting.lostWorkerLocked'));
  await openJob(page, id);
  await expect(why(page)).toContainText(en('waiting.lostWorkerLocked'));
  await why(page)
    .getByRole('link', { name: en('waiting.release') })
    .click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('attention.repairs.release_jobs.confirm') })
    .click();
  await expect(lastToast(page)).toContainText(
    en('attention.repairs.release_jobs.done', { count: 1, number: '1' }),
  );
  await expect(why(page)).toContainText(en('waiting.lostWorker'));
  expect((await readRow(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
});

test('a job without a worker for its queue leads to the processes', async ({ page }) => {
  const id = await insertJob(site.db, { queue_name: 'exports' });
  await openJob(page, id);
  await expect(why(page)).toContainText(en('waiting.noProcess'));
  await insertWorker('mail;imports');
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText(ja('waiting.queueUnserved', { queue: 'exports' }));
  await openJob(page, id);
  await expect(why(page)).toContainText(en('waiting.queueUnserved', { queue: 'exports' }));
  await why(page)
    .getByRole('link', { name: en('waiting.processes') })
    .click();
  await page.waitForURL(/\/processes$/);
});

test('a concurrency limit counts the running jobs of the key and claims no limit', async ({
  page,
}) => {
  const worker = await insertWorker('*');
  const key = { concurrency_key: 'report 7' };
  await insertJob(site.db, { ...RUNNING, ...key, locked_by_id: worker, lock_type: 1 });
  const id = await insertJob(site.db, {
    ...key,
    error: CONCURRENCY,
    executions_count: 3,
    scheduled_at: inMinutes(5),
  });
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText(ja('waiting.limit.concurrency', { key: 'report 7' }));
  await expect(why(page, ja)).toContainText('同じキーの実行中：1 件');
  await openJob(page, id);
  await expect(why(page)).toContainText(en('waiting.limit.concurrency', { key: 'report 7' }));
  await expect(why(page)).toContainText('1 job of this key is running.');
  await expect(why(page)).toContainText('It is due in 5 minutes.');
  await expect(why(page).getByRole('link', { name: en('waiting.sameKey') })).toHaveAttribute(
    'href',
    site
      .url(`/jobs?${new URLSearchParams({ q: 'key:"report 7"' })}`)
      .replace(site.server.origin, ''),
  );
});

test('a ready job says how many come first and links to them', async ({ page }) => {
  await insertWorker('*');
  for (let n = 0; n < 3; n += 1) await insertJob(site.db, { created_at: inMinutes(-90 - n) });
  const id = await insertJob(site.db);
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText('同じキューの処理待ち約 3 件が先に実行されます。');
  await openJob(page, id);
  await expect(why(page)).toContainText('About 3 ready jobs of its queue come first.');
  await expect(why(page)).toContainText(en('waiting.orderHint'));
  await why(page)
    .getByRole('link', { name: en('waiting.sameQueue') })
    .click();
  await expect(page.locator('[data-job]')).toHaveCount(4);
});

test('a job that is not due can run now', async ({ page }) => {
  await insertWorker('*');
  const id = await insertJob(site.db, { scheduled_at: inMinutes(120) });
  await openJob(page, id, 'ja');
  await expect(why(page, ja)).toContainText('実行予定：2時間後');
  await openJob(page, id);
  await expect(why(page)).toContainText('It is due in 2 hours.');
  await why(page)
    .getByRole('link', { name: en('waiting.runNow') })
    .click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.reschedule.confirm') })
    .click();
  await expect(lastToast(page)).toBeVisible();
  await expect(why(page)).toContainText(en('waiting.next'));
  const { scheduled_at } = await readRow(site.db, 'good_jobs', id);
  expect(Date.parse(`${String(scheduled_at)}Z`)).toBeLessThan(Date.now() + 5_000);
});

test('names of 300 characters fit from 390 to 1920 px, without axe violations', async ({
  page,
}) => {
  const name = '長い名前 long'.repeat(30).slice(0, 300);
  await storePauses({ queues: [name], job_classes: [name], labels: [name] });
  const paused = await insertJob(site.db, { queue_name: name, job_class: name, labels: [name] });
  const limited = await insertJob(site.db, {
    error: `${CONCURRENCY} ${'x'.repeat(300)}`,
    concurrency_key: 'k'.repeat(300),
    scheduled_at: inMinutes(5),
  });
  for (const locale of ['en', 'ja'])
    for (const width of [390, 1024, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      for (const id of [paused, limited]) {
        await openJob(page, id, locale);
        expect(await overflow(page), `${id} ${locale} ${width}`).toBe(0);
        if (width !== 1024) expect(await findAxeViolations(page)).toEqual([]);
      }
    }
});

const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('each act is a link to its confirmation page', async ({ page }) => {
    const worker = await insertProcess(site.db, { updated_at: inMinutes(-60) });
    await insertWorker('*');
    const lost = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
    const later = await insertJob(site.db, { scheduled_at: inMinutes(120) });
    await storePauses({ queues: ['mail'] });
    const paused = await insertJob(site.db, { queue_name: 'mail' });
    await follow(page, lost, en('waiting.release'), en('attention.repairs.release_jobs.title'));
    await follow(page, later, en('waiting.runNow'), en('actions.reschedule.title'));
    const resume = en('waiting.resumeOf', { name: 'mail' });
    await follow(page, paused, resume, en('pauses.unpause.title.queue'));
    await page.getByRole('button', { name: en('pauses.unpause.confirm'), exact: true }).click();
    expect(await pausedQueues()).toBe('[]');
  });

  async function follow(page: Page, id: string, link: string, title: string) {
    await page.goto(site.url(`/jobs/${id}?locale=en`));
    await why(page).getByRole('link', { name: link }).click();
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
  }
});

test.describe('for a viewer of a read-only console', () => {
  const readOnly = useSite('why waiting read only', { env: { READ_ONLY: '1' } });

  test('the act is disabled and says why', async ({ page }) => {
    const id = await insertJob(readOnly.db, { scheduled_at: inMinutes(120) });
    await readOnly.open(page, `/jobs/${id}?locale=en`);
    const act = why(page).getByRole('button', { name: en('waiting.runNow') });
    await expect(act).toHaveAttribute('aria-disabled', 'true');
    await expect(act).toHaveAttribute('title', en('actions.why.read_only'));
  });
});
