import { randomUUID } from 'node:crypto';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
  readRow,
} from '../test/harness/rows';
import { en, ja } from './support/messages';
import { lastToast } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

/* The page of a batch says why it does not progress, in both languages. */
const site = useSite('batch stuck');
const soon = new Date(Date.now() + 3 * 3_600_000);

test('explains a batch that the app never enqueued', async ({ page }) => {
  const id = await insertBatch(site.db, { enqueued_at: null });
  await insertJob(site.db, { batch_id: id });
  for (const [locale, translate] of [
    ['en', en],
    ['ja', ja],
  ] as const) {
    await site.open(page, `/batches/${id}?locale=${locale}`);
    await expect(page.locator('main')).toContainText(translate('stuck.not_enqueued'));
  }
});

test('explains a batch whose last open job was discarded in the dashboard', async ({ page }) => {
  const id = await insertBatch(site.db, { on_finish: 'DoneJob' });
  await insertJob(site.db, { batch_id: id, ...SUCCEEDED });
  const discarded = await insertJob(site.db, {
    batch_id: id,
    ...DISCARDED,
    error: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
    error_event: 5,
  });
  await site.open(page, `/batches/${id}?locale=ja`);
  await expect(page.locator('main')).toContainText(ja('stuck.never_completes'));
  await site.open(page, `/batches/${id}?locale=en`);
  await expect(page.locator('main')).toContainText(en('stuck.never_completes'));
  await expect(
    page.getByRole('link', { name: en('attention.repairs.check_batches.menu') }),
  ).toHaveAttribute('href', new RegExp(`/attention/repair\\?repair=check_batches&id=${id}$`));

  // The check is the one primary action, so the retry is in the menu.
  await expect(page.getByRole('link', { name: en('actions.batch_retry.menu') })).toHaveCount(0);
  await page.getByRole('button', { name: en('batch.menu') }).click();
  await page.getByRole('menuitem', { name: en('actions.batch_retry.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.batch_retry.confirm') })
    .click();
  await expect(page.locator('main')).toContainText(
    en('actions.batch_retry.result', { count: 1, number: '1' }),
  );
  await expect(page.locator('main')).not.toContainText(en('stuck.never_completes'));

  // A discard in the console completes the batch and enqueues its callback.
  const member = page.locator(`[data-job="${discarded}"]`);
  await expect(member).toContainText(en('states.queued'));
  await member.getByRole('button', { name: en('jobs.menu', { id: discarded }) }).click();
  await page.getByRole('menuitem', { name: en('actions.discard.menu'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.discard.confirm'), exact: true })
    .click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
  expect((await readRow(site.db, 'good_job_batches', id)).jobs_finished_at).not.toBeNull();
  expect(await site.value('SELECT job_class FROM good_jobs WHERE batch_callback_id = $1', id)).toBe(
    'DoneJob',
  );
  await expect(page.locator('main')).toContainText(
    en('stuck.callbacks_open', { count: 1, number: '1' }),
    { timeout: 15_000 },
  );
});

test('marks a stalled batch in the list and on its page', async ({ page }) => {
  const hanging = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: hanging, ...SUCCEEDED });
  const unserved = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: unserved });
  for (const id of [hanging, unserved])
    for (const [locale, translate] of [
      ['en', en],
      ['ja', ja],
    ] as const) {
      await site.open(page, `/batches?limit=100&locale=${locale}`);
      const row = page.locator(`[data-batch="${id}"]`);
      await expect(row).toContainText(translate('batchStates.stalled'));
      await expect(row).not.toContainText(translate('batchStates.running'));
      await site.open(page, `/batches/${id}?locale=${locale}`);
      await expect(page.locator('main')).toContainText(translate('batchStates.stalled'));
      await expect(page.locator('main')).not.toContainText(translate('batchStates.running'));
    }
});

test('shows no percentage for a batch that the app has not enqueued', async ({ page }) => {
  const id = await insertBatch(site.db, { enqueued_at: null });
  await insertJob(site.db, { batch_id: id, ...SUCCEEDED });
  await site.open(page, `/batches/${id}`);
  const main = page.locator('main');
  await expect(main).toContainText(en('batchStates.pending'));
  await expect(main).toContainText(en('batch.canGrow'));
  await expect(main).not.toContainText('100%');
});

test('explains a batch whose jobs are paused', async ({ page }) => {
  const id = await insertBatch(site.db);
  for (const queue_name of ['held', 'held']) await insertJob(site.db, { batch_id: id, queue_name });
  await site.db.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
      VALUES (now(), now(), 'pauses', '{"queues": ["held"], "job_classes": [], "labels": []}')`,
  );
  await site.open(page, `/batches/${id}`);
  const pauses = en('stuck.pauses.queue', { name: 'held' });
  const message = en('stuck.paused', { count: 2, number: '2', pauses });
  await expect(page.locator('main')).toContainText(message);
  await expect(
    page.getByRole('link', { name: en('attention.repairs.unpause.menu') }),
  ).toHaveAttribute('href', /\/attention\/repair\?repair=unpause&by=queue&name=held$/);
  await expect(page.locator('main').getByRole('link', { name: en('nav.pauses') })).toHaveAttribute(
    'href',
    /\/pauses$/,
  );
  await expect(page.locator('[data-job]').first()).toContainText(en('states.paused'));
  await page.getByRole('link', { name: en('attention.repairs.unpause.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('attention.repairs.unpause.confirm') })
    .click();
  await expect(page.locator('main')).not.toContainText(message);
  expect(await site.value(`SELECT value -> 'queues' FROM good_job_settings`)).toEqual([]);
});

test('reports a lost worker only for a job without a lock', async ({ page }) => {
  const id = await insertBatch(site.db);
  const lostJob = await insertJob(site.db, { batch_id: id, ...RUNNING });
  const lockedJob = await insertJob(site.db, { batch_id: id, ...RUNNING });
  const unlock = await lockJob(site, lockedJob);
  await site.open(page, `/batches/${id}`);
  await expect(page.locator('main')).toContainText(
    en('stuck.lost_workers', { count: 1, number: '1' }),
  );
  await expect(page.locator(`[data-job="${lostJob}"]`)).toContainText(en('states.lostWorker'));
  await expect(page.locator(`[data-job="${lockedJob}"]`)).not.toContainText(
    en('states.lostWorker'),
  );
  await unlock();
});

test('says that a batch is stalled whose jobs a dead worker has locked, and unlocks them', async ({
  page,
}) => {
  const worker = await insertProcess(site.db);
  const id = await insertBatch(site.db);
  const job = await insertJob(site.db, {
    batch_id: id,
    ...RUNNING,
    lock_type: 2,
    locked_by_id: randomUUID(),
    locked_at: new Date(Date.now() - 3_600_000).toISOString(),
  });
  await site.open(page, `/batches/${id}?locale=ja`);
  await expect(page.locator('main')).toContainText(ja('batchStates.stalled'));
  await expect(page.locator('main')).not.toContainText(ja('batchStates.running'));
  await page.getByRole('link', { name: ja('attention.repairs.release_jobs.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: ja('attention.repairs.release_jobs.confirm') })
    .click();
  await expect(page.getByRole('status').filter({ hasText: '1' }).first()).toContainText(
    ja('attention.repairs.release_jobs.done', { count: 1, number: '1' }),
  );
  expect((await readRow(site.db, 'good_jobs', job)).locked_by_id).toBeNull();
  await expect(page.locator('main')).toContainText(ja('batchStates.running'));
  await site.db.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
});

test("shows in the viewer's time zone when the next scheduled job is due", async ({
  page,
  context,
}) => {
  const id = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: id, scheduled_at: soon.toISOString() });
  await insertJob(site.db, {
    batch_id: id,
    scheduled_at: new Date(soon.getTime() + 60_000).toISOString(),
    error: 'E: x',
    executions_count: 1,
  });
  await context.addCookies([
    { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
  ]);
  await site.open(page, `/batches/${id}`);
  const local = new Date(soon.getTime() + 9 * 3_600_000).toISOString();
  await expect(page.locator('main')).toContainText(
    en('stuck.waits_until', {
      count: 2,
      number: '2',
      time: `${local.slice(0, 10)} ${local.slice(11, 19)} JST`,
    }),
  );
  // The last job is due a minute later, so the batch cannot end earlier.
  const last = new Date(soon.getTime() + 9 * 3_600_000 + 60_000).toISOString();
  const status = page.getByRole('region', { name: en('batch.status') });
  await expect(status).toContainText(`not before ${last.slice(0, 10)} ${last.slice(11, 19)} JST`);
  await expect(status).not.toContainText(en('batch.expectedUnknown'));
});

test('explains that no process runs the ready jobs', async ({ page }) => {
  const id = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: id });
  await site.open(page, `/batches/${id}`);
  const message = en('stuck.no_process', { count: 1, number: '1' });
  await expect(page.locator('main')).toContainText(message);
  const process = await insertProcess(site.db);
  await expect(page.locator('main')).not.toContainText(message, { timeout: 15_000 });
  await site.db.query('DELETE FROM good_job_processes WHERE id = $1', [process]);
});

test('reports a discarded callback job', async ({ page }) => {
  const id = await insertBatch(site.db, {
    jobs_finished_at: '2026-11-20T10:00:00Z',
    finished_at: '2026-11-20T10:00:00Z',
    on_finish: 'DoneJob',
  });
  await insertJob(site.db, { batch_id: id, ...SUCCEEDED });
  await insertJob(site.db, { batch_callback_id: id, job_class: 'DoneJob', ...DISCARDED });
  await site.open(page, `/batches/${id}`);
  await expect(page.locator('main')).toContainText(
    en('stuck.callbacks_discarded', { count: 1, number: '1' }),
  );
});

test('shows the expected end of a batch in progress and no cause of a stall', async ({ page }) => {
  const worker = await insertProcess(site.db);
  const id = await insertBatch(site.db, {
    enqueued_at: new Date(Date.now() - 60_000).toISOString(),
  });
  for (let n = 0; n < 6; n += 1)
    await insertJob(site.db, {
      batch_id: id,
      ...SUCCEEDED,
      finished_at: new Date(Date.now() - 5_000).toISOString(),
    });
  for (let n = 0; n < 6; n += 1) await insertJob(site.db, { batch_id: id });
  await site.open(page, `/batches/${id}`);
  const status = page.getByRole('region', { name: en('batch.status') });
  await expect(status).toContainText(`${en('batch.percent', { percent: '50%' })}`);
  await expect(status.locator('dd').last()).toContainText(
    /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(in \d+ (seconds|minutes?)\)|now/,
  );
  for (const text of [
    en('stuck.not_enqueued'),
    en('stuck.never_completes'),
    'ready, but no GoodJob process',
  ])
    await expect(page.locator('main')).not.toContainText(text);
  await site.db.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
});
