import {
  DISCARDED,
  RUNNING,
  insertExecution,
  insertJob,
  insertProcess,
  readRow,
} from '../test/harness/rows';
import { en } from './support/messages';
import { jobPageLink, lastToast } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('confirmations', { env: { GOOD_JOB_APP_NAME: '' } });

const MISSING_ID = '00000000-0000-4000-8000-000000000000';
const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();

test.beforeEach(() =>
  site.db.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_executions; DELETE FROM good_job_batches',
  ),
);

test('confirms a reschedule into the past', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
  await site.open(page, `/jobs/${id}`);
  await (await jobPageLink(page, 'reschedule')).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
  const confirm = dialog.getByRole('button', { name: en('actions.reschedule.confirm') });
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(
    en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
  );
  expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2033-01-01T00:00:00');
  await confirm.click();
  await expect(lastToast(page)).toContainText(
    en('outcomes.done.reschedule', { at: '2021-05-06 07:08:00 UTC' }),
  );
  expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2021-05-06T07:08:00');
});

test('confirms a bulk reschedule into the past', async ({ page }) => {
  for (let n = 0; n < 2; n += 1) await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
  await site.open(page, '/jobs?state=scheduled');
  await page
    .getByRole('region', { name: en('bulk.bar') })
    .getByRole('button', { name: en('actions.reschedule.menu') })
    .click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
  const confirm = dialog.getByRole('button', {
    name: en('bulk.confirms.reschedule', { count: 2, number: '2' }),
  });
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(
    en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
  );
  const past = () =>
    site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE scheduled_at < '2022-01-01'`);
  expect(await past()).toBe(0);
  await confirm.click();
  await expect.poll(past).toBe(2);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  test('confirms a reschedule into the past without JavaScript', async ({ page }) => {
    const id = await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
    await page.goto(site.url(`/jobs/${id}/reschedule`));
    await page.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await page.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
    const confirm = page.getByRole('button', { name: en('actions.reschedule.confirm') });
    await confirm.click();
    await expect(page.getByRole('status')).toContainText(
      en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
    );
    expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2033-01-01T00:00:00');
    await confirm.click();
    await expect(page.getByRole('status')).toContainText(
      en('outcomes.done.reschedule', { at: '2021-05-06 07:08:00 UTC' }),
    );
    expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2021-05-06T07:08:00');
  });

  test('releases a job of a lost worker without JavaScript', async ({ page }) => {
    const worker = await insertProcess(site.db, { updated_at: minutesAgo(60) });
    const id = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
    await page.goto(site.url(`/jobs/${id}`));
    await page.getByRole('link', { name: en('waiting.release') }).click();
    await page.getByRole('button', { name: en('attention.repairs.release_jobs.confirm') }).click();
    await expect(page.locator('[data-repaired="release_jobs"]')).toBeVisible();
    expect(page.url()).toContain(`/jobs/${id}?`);
    expect((await readRow(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
  });
});

test('releases a job of a lost worker on its page', async ({ page }) => {
  const worker = await insertProcess(site.db, { updated_at: minutesAgo(60) });
  const id = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
  await insertExecution(site.db, id);
  await site.open(page, `/jobs/${id}`);
  await expect(page.getByRole('region', { name: en('job.executions') })).toContainText(
    en('executionStates.interrupted'),
  );
  await page.getByRole('link', { name: en('waiting.release') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('attention.repairs.release_jobs.confirm') })
    .click();
  await expect(lastToast(page)).toContainText(
    en('attention.repairs.release_jobs.done', { count: 1, number: '1' }),
  );
  expect((await readRow(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
  await expect(page.getByText(en('waiting.lostWorker'))).toBeVisible();
});

test('warns before an action that cannot have its full effect', async ({ page }) => {
  const callback = await insertJob(site.db, { ...DISCARDED, batch_callback_id: MISSING_ID });
  const warning = (name: 'callback_batch_missing' | 'callbacks_not_enqueued') =>
    page.getByRole('dialog').getByText(en(`actions.warnings.${name}`));
  await site.open(page, `/jobs/${callback}`);
  await (await jobPageLink(page, 'retry')).click();
  await expect(warning('callback_batch_missing')).toBeVisible();
  await page.goto(site.url(`/jobs/${callback}/retry`));
  await expect(page.getByText(en('actions.warnings.callback_batch_missing'))).toBeVisible();
  await site.db.query('DELETE FROM good_jobs');

  const batch = await site.value<string>(
    `INSERT INTO good_job_batches
       (id, created_at, updated_at, enqueued_at, on_discard, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), 'OnDiscard', '{}') RETURNING id`,
  );
  const member = await insertJob(site.db, { batch_id: batch });
  await site.open(page, '/jobs');
  await page.getByRole('button', { name: en('jobs.menu', { id: member }) }).click();
  await page.getByRole('menuitem', { name: en('actions.discard.menu'), exact: true }).click();
  await expect(warning('callbacks_not_enqueued')).toBeVisible();
});
