import { randomUUID } from 'node:crypto';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  row,
} from '../test/harness/rows';
import { act, choose, rowOf } from './support/acting';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { holdJob } from './support/worker';

/* Every action, from the row of a list: what it asks, what it says afterwards at the row, and what is in the database then. */
const site = useSite('job actions');
const later = () => new Date(Date.now() + 86_400_000).toISOString();
const audited = (id: string) =>
  site.value<object>(
    'SELECT counts FROM good_job_console.audit_events WHERE $1 = ANY(target_ids) ORDER BY id DESC LIMIT 1',
    id,
  );

test('retry', async ({ page }) => {
  const id = await insertJob(site.db, { ...DISCARDED, job_class: 'MailJob' });
  await site.open(page, '/jobs');
  const dialog = await choose(page, id, 'retry');
  for (const text of ['MailJob', id, en('actions.retry.effect')])
    await expect(dialog).toContainText(text);
  await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
  await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.done.retry'));
  await expect(rowOf(page, id)).toContainText(en('states.queued'));
  expect(await row(site.db, 'good_jobs', id)).toMatchObject({
    finished_at: null,
    performed_at: null,
    error_event: 3,
    serialized_params: { executions: 1 },
  });
  expect(await audited(id)).toEqual({ done: 1 });
});

test('discard, and not before it is confirmed', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: later() });
  await site.open(page, '/jobs?state=scheduled');
  const dialog = await choose(page, id, 'discard');
  await dialog.getByRole('button', { name: en('actions.cancel') }).click();
  await expect(dialog).toHaveCount(0);
  expect((await row(site.db, 'good_jobs', id)).finished_at).toBeNull();
  await act(page, id, 'discard');
  // It is in another state now, so it has left this list: its line says which one it was.
  await expect(page.getByRole('status').filter({ hasText: id })).toContainText(
    en('outcomes.done.discard'),
  );
  await expect(rowOf(page, id)).toHaveCount(0);
  // The row took its menu along; the focus is on the line, not lost.
  await expect(page.locator(':focus')).toContainText(id);
  expect(await row(site.db, 'good_jobs', id)).toMatchObject({
    error: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
    error_event: 5,
  });
});

test(
  'a job that a worker holds is not discarded; by force it is',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db, RUNNING);
    const letGo = await holdJob(site, id);
    await site.open(page, '/jobs');
    await act(page, id, 'discard');
    await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.locked'));
    expect((await row(site.db, 'good_jobs', id)).finished_at).toBeNull();
    expect(await audited(id)).toEqual({ locked: 1 });
    await act(page, id, 'force_discard');
    await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.done.force_discard'));
    expect((await row(site.db, 'good_jobs', id)).error).toBe(
      'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
    );
    await letGo();
  },
);

test(
  'a job of a live skiplocked worker names the process that holds it',
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
    await act(page, id, 'discard');
    await expect(rowOf(page, id).getByRole('status')).toContainText(process);
    expect((await row(site.db, 'good_jobs', id)).finished_at).toBeNull();
  },
);

test('run now', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: later() });
  await site.open(page, '/jobs');
  await act(page, id, 'reschedule');
  await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.done.reschedule'));
  await expect(rowOf(page, id)).toContainText(en('states.queued'));
  expect(
    await site.value<boolean>(
      `SELECT abs(extract(epoch FROM scheduled_at - clock_timestamp() AT TIME ZONE 'UTC')) < 30 FROM good_jobs WHERE id = $1`,
      id,
    ),
  ).toBe(true);
});

test(
  'reschedule to a time, in the reader’s own time zone',
  { tag: '@any-path' },
  async ({ page, context }) => {
    const id = await insertJob(site.db);
    await context.addCookies([
      { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
    ]);
    await site.open(page, '/jobs');
    const dialog = await choose(page, id, 'reschedule');
    await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await dialog
      .getByLabel(en('actions.reschedule.time', { zone: 'Asia/Tokyo' }))
      .fill('2031-05-06T07:08');
    await dialog
      .getByRole('button', { name: en('actions.reschedule.confirm'), exact: true })
      .click();
    await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.done.reschedule'));
    await expect(rowOf(page, id)).toContainText(en('states.scheduled'));
    expect((await row(site.db, 'good_jobs', id)).scheduled_at).toBe('2031-05-05T22:08:00');
    await site.open(page, `/jobs/${id}`);
    await expect(page.getByRole('region', { name: en('job.details') })).toContainText(
      '2031-05-06 07:08:00 JST',
    );
  },
);

test(
  'a time that is no time is asked for again, nothing is sent',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db);
    await site.open(page, '/jobs');
    const dialog = await choose(page, id, 'reschedule');
    await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('');
    await dialog
      .getByRole('button', { name: en('actions.reschedule.confirm'), exact: true })
      .click();
    await expect(dialog.getByRole('alert')).toHaveText(en('actions.reschedule.badTime'));
    expect(await audited(id)).toBeUndefined();
  },
);

test('destroy takes its executions with it', async ({ page }) => {
  const id = await insertJob(site.db, SUCCEEDED);
  await insertExecution(site.db, id);
  await site.open(page, '/jobs');
  await act(page, id, 'destroy');
  await expect(page.getByRole('status').filter({ hasText: id })).toContainText(
    en('outcomes.done.destroy'),
  );
  await expect(rowOf(page, id)).toHaveCount(0);
  expect(
    await site.value(
      'SELECT (SELECT count(*) FROM good_jobs WHERE id = $1) + (SELECT count(*) FROM good_job_executions WHERE active_job_id = $1)',
      id,
    ),
  ).toBe('0');
});

test(
  'destroyed or changed elsewhere in the meantime: it says so',
  { tag: '@any-path' },
  async ({ page }) => {
    const [gone, changed] = [await insertJob(site.db), await insertJob(site.db)];
    await page.addInitScript(() => localStorage.setItem('gjc_live', 'off')); // no refresh may come first
    await site.open(page, '/jobs');
    await site.db.query('DELETE FROM good_jobs WHERE id = $1', [gone]);
    await act(page, gone, 'discard');
    await expect(page.getByRole('status').filter({ hasText: gone })).toContainText(
      en('outcomes.missing'),
    );
    const dialog = await choose(page, changed, 'discard');
    await site.db.query(
      'UPDATE good_jobs SET finished_at = now(), performed_at = now() WHERE id = $1',
      [changed],
    );
    await dialog.getByRole('button', { name: en('actions.discard.confirm'), exact: true }).click();
    await expect(rowOf(page, changed).getByRole('status')).toHaveText(en('outcomes.conflict'));
    expect(await row(site.db, 'good_jobs', changed)).toMatchObject({
      error: null,
      error_event: null,
    });
  },
);

test(
  'what cannot be run again is refused with the reason',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db, { ...DISCARDED, serialized_params: '{"arguments": []}' });
    await site.open(page, '/jobs');
    await act(page, id, 'retry');
    await expect(rowOf(page, id).getByRole('status')).toHaveText(
      en('outcomes.refused.params_without_job_class'),
    );
  },
);

test('discarding the last open job completes its batch', { tag: '@any-path' }, async ({ page }) => {
  const batch = await insertBatch(site.db, {
    on_discard: 'OnDiscardJob',
    on_finish: 'OnFinishJob',
    on_success: 'OnSuccessJob',
  });
  await insertJob(site.db, { batch_id: batch, ...SUCCEEDED });
  const id = await insertJob(site.db, { batch_id: batch });
  await site.open(page, '/jobs');
  await act(page, id, 'discard');
  await expect(rowOf(page, id).getByRole('status')).toHaveText(en('outcomes.done.discard'));
  const after = await row(site.db, 'good_job_batches', batch);
  expect(after.discarded_at).not.toBeNull();
  expect(after.jobs_finished_at).not.toBeNull();
  const { rows } = await site.db.query(
    'SELECT job_class FROM good_jobs WHERE batch_callback_id = $1 ORDER BY job_class',
    [batch],
  );
  expect(rows).toEqual([{ job_class: 'OnDiscardJob' }, { job_class: 'OnFinishJob' }]);
});

test('an action that is not offered says why', async ({ page }) => {
  const id = await insertJob(site.db, { ...SUCCEEDED, id: randomUUID() });
  await site.open(page, '/jobs');
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  for (const [action, why] of [
    ['retry', 'notDiscarded'],
    ['discard', 'finished'],
    ['reschedule', 'finished'],
  ] as const) {
    const item = page
      .getByRole('menuitem')
      .filter({ hasText: en(`actions.${action}.menu`) })
      .first();
    await expect(item).toHaveAttribute('aria-disabled', 'true');
    await expect(item).toContainText(en(`actions.why.${why}`));
  }
});
