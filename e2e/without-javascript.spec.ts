import type { Page } from 'playwright/test';
import type { JobAction } from '../lib/good-job/types';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  readRow,
} from '../test/harness/rows';
import { openZones } from './support/frame';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* Everything except polling works as plain HTML. */
test.use({ javaScriptEnabled: false });

const site = useSite('without javascript', {
  async seed(db) {
    for (let n = 0; n < 60; n += 1)
      await insertJob(db, { created_at: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString() });
  },
});

/** Opens the confirmation page from the list. */
async function openConfirmation(page: Page, id: string, action: JobAction): Promise<void> {
  await page.goto(site.url('/jobs'));
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  const link = page.getByRole('link', { name: en(`actions.${action}.menu`), exact: true });
  if (!(await link.isVisible()))
    await page.getByRole('button', { name: en('job.moreActions') }).click();
  await link.click();
  await expect(
    page.getByRole('heading', { level: 1, name: en(`actions.${action}.title`) }),
  ).toBeVisible();
  await expect(page.locator('main')).toContainText(id);
  await expect(page.locator('main')).toContainText(en(`actions.${action}.effect`));
}

const confirm = (page: Page, action: JobAction | 'batch_retry') =>
  page.getByRole('button', { name: en(`actions.${action}.confirm`), exact: true }).click();

test('pages through a list and back without JavaScript', async ({ page }) => {
  const { rows } = await site.db.query<{ id: string }>(
    'SELECT id FROM good_jobs ORDER BY created_at DESC, id DESC',
  );
  const all = rows.map(({ id }) => id);
  await page.goto(site.url('/jobs'));
  expect(await visibleIds(page, 'job')).toEqual(all.slice(0, 25));
  await page.getByRole('link', { name: en('paging.older'), exact: true }).click();
  expect(await visibleIds(page, 'job')).toEqual(all.slice(25, 50));
  await page.getByRole('link', { name: en('paging.newer'), exact: true }).click();
  expect(await visibleIds(page, 'job')).toEqual(all.slice(0, 25));
  await expect(page.locator('[data-polling]'), 'the polling control is hidden').toBeHidden();
});

test('shows raw JSON through links without JavaScript', async ({ page }) => {
  const id = await insertJob(site.db, { job_class: 'RawJob' });
  await page.goto(site.url(`/jobs/${id}`));
  await page.getByRole('link', { name: en('jobs.rawShow') }).click();
  await expect(page.locator('#raw pre')).toContainText('"job_class": "RawJob"');
  await expect(page.locator('#raw pre')).toContainText('"_good_job"');
});

test('the language link works without JavaScript and keeps the URL', async ({ page }) => {
  await page.goto(site.url('/jobs?state=queued&job_class=TestJob'));
  await page.getByRole('link', { name: '日本語' }).click();
  await expect(page.getByRole('heading', { level: 1, name: ja('jobs.title') })).toBeVisible();
  expect(page.url()).toBe(site.url('/jobs?state=queued&job_class=TestJob'));
  await page.goto(site.url('/batches'));
  await expect(page.getByRole('heading', { level: 1, name: ja('batches.title') })).toBeVisible();
  await openZones(page, ja);
  await page.getByRole('link', { name: 'JST' }).click();
  expect(page.url()).toBe(site.url('/batches'));
});

test('retries, discards and force discards jobs without JavaScript', async ({ page }) => {
  const discarded = await insertJob(site.db, DISCARDED);
  const queued = await insertJob(site.db);
  const running = await insertJob(site.db, RUNNING);
  for (const [action, id] of [
    ['retry', discarded],
    ['discard', queued],
    ['force_discard', running],
  ] as const) {
    await openConfirmation(page, id, action);
    await confirm(page, action);
    await expect(page.getByRole('status')).toContainText(en(`outcomes.done.${action}`));
    expect(new URL(page.url()).pathname).toBe(new URL(site.url(`/jobs/${id}`)).pathname);
  }
  expect((await readRow(site.db, 'good_jobs', discarded)).finished_at).toBeNull();
  for (const id of [queued, running])
    expect((await readRow(site.db, 'good_jobs', id)).error_event).toBe(5);
});

test('without JavaScript, reschedules to now or a time and rejects an empty time', async ({
  page,
  context,
}) => {
  await context.addCookies([
    { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
  ]);
  const id = await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
  await openConfirmation(page, id, 'reschedule');
  await page.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await page
    .getByLabel(en('actions.reschedule.time', { zone: 'Asia/Tokyo' }))
    .fill('2031-05-06T07:08');
  await confirm(page, 'reschedule');
  await expect(page.getByRole('status')).toContainText(
    en('outcomes.done.reschedule', { at: '2031-05-06 07:08:00 JST' }),
  );
  expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2031-05-05T22:08:00');
  await openConfirmation(page, id, 'reschedule');
  await page.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await page.getByLabel(en('actions.reschedule.time', { zone: 'Asia/Tokyo' })).fill('');
  await confirm(page, 'reschedule');
  await expect(page.getByRole('status')).toContainText(en('errors.bad_time'));
  expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2031-05-05T22:08:00');
  await openConfirmation(page, id, 'reschedule');
  await confirm(page, 'reschedule');
  await expect(page.getByRole('status')).toContainText(en('outcomes.done.reschedule_now'));
  expect(
    Date.parse(`${String((await readRow(site.db, 'good_jobs', id)).scheduled_at)}Z`),
  ).toBeLessThan(Date.now() + 5_000);
});

test('without JavaScript, destroying returns to the list and cancelling to the job', async ({
  page,
}) => {
  const id = await insertJob(site.db, SUCCEEDED);
  await openConfirmation(page, id, 'destroy');
  await page.getByRole('link', { name: en('actions.cancel') }).click();
  expect(page.url()).toBe(site.url(`/jobs/${id}`));
  await openConfirmation(page, id, 'destroy');
  await confirm(page, 'destroy');
  await expect(page.getByRole('status')).toContainText(en('outcomes.done.destroy'));
  expect(await site.value('SELECT count(*)::int FROM good_jobs WHERE id = $1', id)).toBe(0);
});

test('without JavaScript, reports a conflict for a job that changed meanwhile', async ({
  page,
}) => {
  const id = await insertJob(site.db);
  await openConfirmation(page, id, 'discard');
  await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
  await confirm(page, 'discard');
  await expect(page.getByRole('status')).toContainText(en('outcomes.conflict'));
});

test('retries a batch from the list without JavaScript', async ({ page }) => {
  const id = await insertBatch(site.db, {
    description: 'Mail run',
    on_finish: 'MailDoneJob',
    discarded_at: '2026-11-20T10:00:00Z',
  });
  await insertJob(site.db, { batch_id: id, ...DISCARDED });
  await insertJob(site.db, { batch_id: id, ...DISCARDED, serialized_params: 'null' });
  await page.goto(site.url('/batches'));
  await page.getByRole('button', { name: en('batches.menu', { id }) }).click();
  for (const text of ['on_finish: MailDoneJob', 'Mail run'])
    await expect(page.locator('main')).toContainText(text);
  await confirm(page, 'batch_retry');
  await expect(page.getByRole('status')).toContainText(
    en('actions.batch_retry.result', { count: 1, number: '1' }),
  );
  await expect(page.getByRole('status')).toContainText(
    en('actions.batch_retry.skipped', { count: 1, number: '1' }),
  );
  expect(new URL(page.url()).pathname).toBe(new URL(site.url(`/batches/${id}`)).pathname);
  expect(
    await site.value(
      'SELECT count(*)::int FROM good_jobs WHERE batch_id = $1 AND finished_at IS NULL',
      id,
    ),
  ).toBe(1);
});

test('without JavaScript, counts a large batch on request and filters its jobs', async ({
  page,
}) => {
  const id = await insertBatch(site.db);
  await site.db.query(
    `INSERT INTO good_jobs
       (id, active_job_id, job_class, queue_name, priority, serialized_params, batch_id,
        scheduled_at, created_at, updated_at)
     SELECT u, u, 'BulkJob', 'default', 0, '{"job_class": "BulkJob"}', $1, now(), now(), now()
     FROM (SELECT gen_random_uuid() AS u FROM generate_series(1, 1001)) n`,
    [id],
  );
  await page.goto(site.url(`/batches/${id}`));
  await page.getByRole('link', { name: en('batch.countWithoutScript') }).click();
  await expect(page.getByRole('region', { name: en('batch.status') })).toContainText(
    en('batches.doneOf', { done: '0', total: '1,001' }),
  );
  const members = page.getByRole('region', { name: en('batch.batchedJobs') });
  await members.getByRole('link', { name: `${en('states.succeeded')} 0`, exact: true }).click();
  await expect(page.locator('main')).toContainText(en('jobs.empty'));
  await members.getByRole('link', { name: en('states.all') }).click();
  await members.getByRole('textbox', { name: en('search.label') }).fill('class:OtherJob');
  await page.keyboard.press('Enter');
  await page.waitForURL(/q=class%3AOtherJob#batched-jobs$/);
  await expect(members).toContainText(en('jobs.empty'));
});
