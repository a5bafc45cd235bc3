import type pg from 'pg';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
  readRow,
} from '../test/harness/rows';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

const site = useSite('batch retry');
const FINISHED = {
  finished_at: '2026-11-20T10:00:00Z',
  jobs_finished_at: '2026-11-20T10:00:00Z',
  discarded_at: '2026-11-20T09:59:00Z',
};
const CALLBACKS = {
  on_success: 'Import::SuccessJob',
  on_finish: 'Import::FinishJob',
  on_discard: 'Import::DiscardJob',
};

async function openJobs(db: pg.Client, batchId: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM good_jobs WHERE batch_id = $1 AND finished_at IS NULL',
    [batchId],
  );
  return rows[0]?.n ?? -1;
}

test('a batch retry lists callbacks, then retried and skipped jobs in its result', async ({
  page,
}) => {
  const { db } = site;
  const id = await insertBatch(db, { description: 'Supplier import', ...FINISHED, ...CALLBACKS });
  for (const shape of [SUCCEEDED, DISCARDED, DISCARDED, DISCARDED])
    await insertJob(db, { batch_id: id, ...shape });
  const lockedJob = await insertJob(db, { batch_id: id, ...DISCARDED });
  const broken = await insertJob(db, { batch_id: id, ...DISCARDED, serialized_params: '[]' });
  const unlock = await lockJob(site, lockedJob);

  await site.open(page, `/batches/${id}`);
  const retry = page.getByRole('link', { name: en('actions.batch_retry.menu') });
  await retry.click();
  const dialog = page.getByRole('dialog', { name: en('actions.batch_retry.title') });
  for (const text of [
    'on_success: Import::SuccessJob',
    'on_finish: Import::FinishJob',
    'on_discard: Import::DiscardJob',
    'Supplier import',
    id,
    en('actions.batch_retry.effect'),
  ])
    await expect(dialog).toContainText(text);
  await dialog.getByRole('button', { name: en('actions.cancel') }).click();
  await expect(dialog).toHaveCount(0);
  expect(await openJobs(db, id)).toBe(0);

  await retry.click();
  await dialog.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
  await expect(page.locator('main')).toContainText(
    en('actions.batch_retry.result', { count: 3, number: '3' }),
  );
  await expect(page.locator('main')).toContainText(
    en('actions.batch_retry.skipped', { count: 2, number: '2' }),
  );
  await expect(page.getByRole('listitem').filter({ hasText: lockedJob }).first()).toContainText(
    en('outcomes.locked'),
  );
  await expect(page.getByRole('listitem').filter({ hasText: broken }).first()).toContainText(
    en('outcomes.refused.params_not_an_object'),
  );
  await expect(page.getByRole('region', { name: en('batch.status') })).toContainText(
    `${en('states.queued')} 3`,
  );
  await unlock();

  expect(await openJobs(db, id)).toBe(3);
  const batch = await readRow(db, 'good_job_batches', id);
  expect(batch).toMatchObject({ finished_at: null, jobs_finished_at: null });
  expect(batch.discarded_at, 'one discarded job remains').not.toBeNull();
  expect(
    await site.value(
      'SELECT counts FROM good_job_console.audit_events WHERE $1 = ANY(target_ids)',
      id,
    ),
  ).toEqual({ done: 3, locked: 1, refused: 1 });
});

test('retries a batch from its row and shows the outcome there', async ({ page }) => {
  const id = await insertBatch(site.db, {
    description: 'Mail run',
    ...FINISHED,
    created_at: '2027-01-01T00:00:00Z',
  });
  await insertJob(site.db, { batch_id: id, ...DISCARDED });
  const worker = await insertProcess(site.db);
  await site.open(page, '/batches');
  const listRow = page.locator(`[data-batch="${id}"]`);
  await listRow.getByRole('button', { name: en('batches.menu', { id }) }).click();
  await page.getByRole('menuitem', { name: en('actions.batch_retry.menu') }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText(en('actions.batch_retry.noCallbacks'));
  await dialog.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
  await expect(listRow.getByRole('status')).toContainText(
    en('actions.batch_retry.result', { count: 1, number: '1' }),
  );
  await expect(listRow).toContainText(en('batchStates.running'));
  await site.db.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  expect(await openJobs(site.db, id)).toBe(1);
  expect(await readRow(site.db, 'good_job_batches', id)).toMatchObject({
    discarded_at: null,
    finished_at: null,
  });
});

test(
  'does not offer a retry for a batch without discarded jobs, and says why',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertBatch(site.db, {
      description: 'All well',
      created_at: '2027-02-01T00:00:00Z',
    });
    await insertJob(site.db, { batch_id: id, ...SUCCEEDED });
    await site.open(page, '/batches');
    await page.getByRole('button', { name: en('batches.menu', { id }) }).click();
    const item = page.getByRole('menuitem', { name: en('actions.batch_retry.menu') });
    await expect(item).toHaveAttribute('aria-disabled', 'true');
    await expect(item).toContainText(en('actions.why.noDiscarded'));
    await site.open(page, `/batches/${id}`);
    await expect(page.getByRole('link', { name: en('actions.batch_retry.menu') })).toHaveCount(0);
  },
);

test('a retry completes a batch without open jobs and enqueues its callbacks', async ({ page }) => {
  const id = await insertBatch(site.db, {
    description: 'Hanging',
    discarded_at: '2026-11-20T10:00:00Z',
    ...CALLBACKS,
  });
  await insertJob(site.db, { batch_id: id, ...SUCCEEDED });
  await site.open(page, `/batches/${id}`);
  await page.getByRole('button', { name: en('batch.menu') }).click();
  await page.getByRole('menuitem', { name: en('actions.batch_retry.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.batch_retry.confirm') })
    .click();
  await expect(page.locator('main')).toContainText(
    en('actions.batch_retry.events', { events: 'on_success, on_finish' }),
  );
  const { rows } = await site.db.query<{ job_class: string; app: string }>(
    `SELECT job_class, serialized_params #>> '{arguments,0,_aj_globalid}' AS app
      FROM good_jobs
      WHERE batch_callback_id = $1
      ORDER BY job_class`,
    [id],
  );
  expect(rows).toEqual(
    ['Import::FinishJob', 'Import::SuccessJob'].map((job_class) => ({
      job_class,
      app: `gid://test-app/GoodJob::Batch/${id}`,
    })),
  );
  await expect(
    page.getByRole('region', { name: en('batch.callbackJobs') }).locator('[data-job]'),
  ).toHaveCount(2);
});

test(
  'the batch retry dialog works by keyboard and restores the focus',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertBatch(site.db, { description: 'By hand', ...FINISHED });
    await insertJob(site.db, { batch_id: id, ...DISCARDED });
    await site.open(page, `/batches/${id}`);
    const retry = page.getByRole('link', { name: en('actions.batch_retry.menu') });
    await retry.focus();
    await page.keyboard.press('Enter');
    const confirm = page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.batch_retry.confirm') });
    await expect(confirm).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(retry).toBeFocused();
    expect(await openJobs(site.db, id)).toBe(0);
    await page.keyboard.press('Enter');
    await expect(confirm).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.locator('main')).toContainText(
      en('actions.batch_retry.result', { count: 1, number: '1' }),
    );
    expect(await openJobs(site.db, id)).toBe(1);
  },
);

test(
  'reports a batch that was deleted in the meantime',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    // The poll of its progress.
    problems.allowStatus(404);
    const id = await insertBatch(site.db, { description: 'Cleaned up', ...FINISHED });
    await site.open(page, `/batches/${id}`);
    await page.getByRole('link', { name: en('actions.batch_retry.menu') }).click();
    await site.db.query('DELETE FROM good_job_batches WHERE id = $1', [id]);
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
    await expect(page.locator('main')).toContainText(en('outcomes.missingBatch'));
  },
);
