import { randomUUID } from 'node:crypto';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  readRow,
} from '../test/harness/rows';
import { en } from './support/messages';
import { runAction, lastToast, openActionDialog, rowOf } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

/*
 * Every action from the row of a list: its dialog, its outcome at the row, and the resulting row.
 */
const site = useSite('job actions');
const later = () => new Date(Date.now() + 86_400_000).toISOString();
const auditCounts = (id: string) =>
  site.value<object>(
    `SELECT counts
      FROM good_job_console.audit_events
      WHERE $1 = ANY(target_ids)
      ORDER BY id DESC
      LIMIT 1`,
    id,
  );

test('retries a job', async ({ page }) => {
  const id = await insertJob(site.db, { ...DISCARDED, job_class: 'MailJob' });
  await site.open(page, '/jobs');
  const dialog = await openActionDialog(page, id, 'retry');
  for (const text of ['MailJob', id, en('actions.retry.effect')])
    await expect(dialog).toContainText(text);
  await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  await expect(rowOf(page, id)).toContainText(en('states.queued'));
  expect(await readRow(site.db, 'good_jobs', id)).toMatchObject({
    finished_at: null,
    performed_at: null,
    error_event: 3,
    serialized_params: { executions: 1 },
  });
  expect(await auditCounts(id)).toEqual({ done: 1 });
});

test('discards a job only after confirmation', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: later() });
  await site.open(page, '/jobs?state=scheduled');
  const dialog = await openActionDialog(page, id, 'discard');
  await dialog.getByRole('button', { name: en('actions.cancel') }).click();
  await expect(dialog).toHaveCount(0);
  expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
  await runAction(page, id, 'discard');
  await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
  await expect(lastToast(page).getByRole('link')).toHaveAttribute(
    'href',
    new URL(site.url(`/jobs/${id}`)).pathname,
  );
  await expect(rowOf(page, id)).toHaveCount(0);
  // The focused menu was removed with its row, so the outcome has the focus.
  await expect(page.locator(':focus')).toContainText(en('outcomes.done.discard'));
  expect(await readRow(site.db, 'good_jobs', id)).toMatchObject({
    error: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
    error_event: 5,
  });
});

test(
  'discards a job that a worker has locked only by force',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db, RUNNING);
    const unlock = await lockJob(site, id);
    await site.open(page, '/jobs');
    await runAction(page, id, 'discard');
    await expect(lastToast(page)).toContainText(en('outcomes.locked'));
    expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
    expect(await auditCounts(id)).toEqual({ locked: 1 });
    await runAction(page, id, 'force_discard');
    await expect(lastToast(page)).toContainText(en('outcomes.done.force_discard'));
    expect((await readRow(site.db, 'good_jobs', id)).error).toBe(
      'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
    );
    await unlock();
  },
);

test(
  'shows which process has locked the job under skiplocked',
  { tag: '@any-path' },
  async ({ page }) => {
    const process = await insertProcess(site.db);
    const id = await insertJob(site.db, {
      ...RUNNING,
      locked_by_id: process,
      locked_at: new Date().toISOString(),
      lock_type: 1,
    });
    await site.open(page, '/jobs');
    await runAction(page, id, 'discard');
    await expect(lastToast(page)).toContainText(process);
    expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
  },
);

test('reschedules a job to now', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: later() });
  await site.open(page, '/jobs');
  await runAction(page, id, 'reschedule');
  await expect(lastToast(page)).toContainText(en('outcomes.done.reschedule_now'));
  await expect(rowOf(page, id)).toContainText(en('states.queued'));
  expect(
    await site.value<boolean>(
      `SELECT abs(extract(epoch FROM scheduled_at - clock_timestamp() AT TIME ZONE 'UTC')) < 30
        FROM good_jobs
        WHERE id = $1`,
      id,
    ),
  ).toBe(true);
});

test(
  "reschedules a job to a time in the viewer's time zone",
  { tag: '@any-path' },
  async ({ page, context }) => {
    const id = await insertJob(site.db);
    await context.addCookies([
      { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
    ]);
    await site.open(page, '/jobs');
    const dialog = await openActionDialog(page, id, 'reschedule');
    await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await dialog
      .getByLabel(en('actions.reschedule.time', { zone: 'Asia/Tokyo' }))
      .fill('2031-05-06T07:08');
    await dialog
      .getByRole('button', { name: en('actions.reschedule.confirm'), exact: true })
      .click();
    await expect(lastToast(page)).toContainText(
      en('outcomes.done.reschedule', { at: '2031-05-06 07:08:00 JST' }),
    );
    await expect(rowOf(page, id)).toContainText(en('states.scheduled'));
    expect((await readRow(site.db, 'good_jobs', id)).scheduled_at).toBe('2031-05-05T22:08:00');
    await site.open(page, `/jobs/${id}`);
    await expect(page.getByRole('region', { name: en('job.details') })).toContainText(
      '2031-05-06 07:08:00 JST',
    );
  },
);

test('rejects an empty time without sending a request', { tag: '@any-path' }, async ({ page }) => {
  const id = await insertJob(site.db);
  await site.open(page, '/jobs');
  const dialog = await openActionDialog(page, id, 'reschedule');
  await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('');
  await dialog.getByRole('button', { name: en('actions.reschedule.confirm'), exact: true }).click();
  await expect(dialog.getByRole('alert')).toHaveText(en('actions.reschedule.badTime'));
  expect(await auditCounts(id)).toBeUndefined();
});

test('destroys a job with its executions', async ({ page }) => {
  const id = await insertJob(site.db, SUCCEEDED);
  await insertExecution(site.db, id);
  await site.open(page, '/jobs');
  await runAction(page, id, 'destroy');
  await expect(lastToast(page)).toContainText(en('outcomes.done.destroy'));
  await expect(lastToast(page).getByRole('link')).toHaveCount(0);
  await expect(rowOf(page, id)).toHaveCount(0);
  expect(
    await site.value(
      `SELECT (SELECT count(*) FROM good_jobs WHERE id = $1)
        + (SELECT count(*) FROM good_job_executions WHERE active_job_id = $1)`,
      id,
    ),
  ).toBe('0');
});

test(
  'reports a job that was deleted or changed in the meantime',
  { tag: '@any-path' },
  async ({ page }) => {
    const deleted = await insertJob(site.db);
    const changed = await insertJob(site.db);
    // A poll would update the rows before the action.
    await page.addInitScript(() => localStorage.setItem('gjc_live', 'off'));
    await site.open(page, '/jobs');
    await site.db.query('DELETE FROM good_jobs WHERE id = $1', [deleted]);
    await runAction(page, deleted, 'discard');
    await expect(lastToast(page)).toContainText(en('outcomes.missing'));
    const dialog = await openActionDialog(page, changed, 'discard');
    await site.db.query(
      'UPDATE good_jobs SET finished_at = now(), performed_at = now() WHERE id = $1',
      [changed],
    );
    await dialog.getByRole('button', { name: en('actions.discard.confirm'), exact: true }).click();
    await expect(lastToast(page)).toContainText(en('outcomes.conflict'));
    expect(await readRow(site.db, 'good_jobs', changed)).toMatchObject({
      error: null,
      error_event: null,
    });
  },
);

test(
  'refuses a retry if the parameters lack a class and says why',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db, { ...DISCARDED, serialized_params: '{"arguments": []}' });
    await site.open(page, '/jobs');
    await runAction(page, id, 'retry');
    await expect(lastToast(page)).toContainText(en('outcomes.refused.params_without_job_class'));
  },
);

test(
  'completes a batch when its last open job is discarded',
  { tag: '@any-path' },
  async ({ page }) => {
    const batch = await insertBatch(site.db, {
      on_discard: 'OnDiscardJob',
      on_finish: 'OnFinishJob',
      on_success: 'OnSuccessJob',
    });
    await insertJob(site.db, { batch_id: batch, ...SUCCEEDED });
    const id = await insertJob(site.db, { batch_id: batch });
    await site.open(page, '/jobs');
    await runAction(page, id, 'discard');
    await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
    const after = await readRow(site.db, 'good_job_batches', batch);
    expect(after.discarded_at).not.toBeNull();
    expect(after.jobs_finished_at).not.toBeNull();
    const { rows } = await site.db.query(
      'SELECT job_class FROM good_jobs WHERE batch_callback_id = $1 ORDER BY job_class',
      [batch],
    );
    expect(rows).toEqual([{ job_class: 'OnDiscardJob' }, { job_class: 'OnFinishJob' }]);
  },
);

test('a disabled action gives the reason', async ({ page }) => {
  const id = await insertJob(site.db, { ...SUCCEEDED, id: randomUUID() });
  await site.open(page, '/jobs');
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  for (const [action, reason] of [
    ['retry', 'notDiscarded'],
    ['discard', 'finished'],
    ['reschedule', 'finished'],
  ] as const) {
    const item = page
      .getByRole('menuitem')
      .filter({ hasText: en(`actions.${action}.menu`) })
      .first();
    await expect(item).toHaveAttribute('aria-disabled', 'true');
    await expect(item).toContainText(en(`actions.why.${reason}`));
  }
});
