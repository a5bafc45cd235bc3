import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { discardedTarget, startRun, waitForRun } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertBatch, insertExecution, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/request-context';
import { changeJobs } from '../jobs/mutations';
import { getRun, listRuns } from './runs';

let testConsole: TestConsole;
let ctx: Ctx;
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk_retries');
  ctx = testConsole.ctx();
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query('DELETE FROM good_jobs; DELETE FROM good_job_console.bulk_runs'),
);

const insertDiscarded = (count: number) =>
  Promise.all(Array.from({ length: count }, () => insertJob(testConsole.client, DISCARDED)));
/** Finishes a job as a worker does. */
const finish = (id: string | undefined, error: string | null = null) =>
  testConsole.client.query(
    `UPDATE good_jobs SET performed_at = now(), finished_at = now(), error = $2 WHERE id = $1`,
    [id, error],
  );
const later = () => new Date(Date.now() + 5_000).toISOString();
const countIds = async (runId: string) =>
  (
    await testConsole.client.query(
      'SELECT 1 FROM good_job_console.bulk_run_retries WHERE run_id = $1',
      [runId],
    )
  ).rowCount;
async function retryAll(): Promise<string> {
  const runId = await startRun(ctx, 'retry', discardedTarget());
  await waitForRun(ctx, runId);
  return runId;
}

it('counts the retried jobs by what became of them, on the page and in the list', async () => {
  const [succeeded, failed, retrying, again, deleted, byHand] = await insertDiscarded(8);
  const runId = await startRun(ctx, 'retry', discardedTarget());
  // Not yet read: an answer is cached for some seconds.
  await expect
    .poll(async () =>
      (
        await testConsole.client.query<{ state: string }>(
          'SELECT state FROM good_job_console.bulk_runs WHERE id = $1',
          [runId],
        )
      ).rows.at(0),
    )
    .toEqual({ state: 'finished' });
  await finish(succeeded);
  await finish(failed, 'RuntimeError: again');
  for (const id of [retrying, again])
    await insertExecution(testConsole.client, String(id), {
      error: 'RuntimeError: once more',
      created_at: later(),
    });
  await finish(again);
  await testConsole.client.query('DELETE FROM good_jobs WHERE id = $1', [deleted]);
  await changeJobs(ctx, 'discard', [String(byHand)]);
  const retries = { retried: 8, succeeded: 2, failed: 2, waiting: 2, removed: 2 };
  expect((await getRun(ctx, runId))?.retries).toEqual(retries);
  expect((await listRuns(ctx, null)).rows[0]).toMatchObject({ id: runId, retries });
});

it('counts the members of a retried batch', async () => {
  const batchId = await insertBatch(testConsole.client, { discarded_at: '2026-01-01T00:00:00Z' });
  await insertJob(testConsole.client, { ...DISCARDED, batch_id: batchId });
  const runId = await startRun(ctx, 'batch_retry', { kind: 'batch', batchId });
  expect((await waitForRun(ctx, runId)).retries).toMatchObject({ retried: 1, waiting: 1 });
});

it('does not count an attempt from before the retry as a failure', async () => {
  const [id] = await insertDiscarded(1);
  await insertExecution(testConsole.client, String(id), { error: 'RuntimeError: boom' });
  expect((await getRun(ctx, await retryAll()))?.retries).toMatchObject({ failed: 0, waiting: 1 });
});

it('counts only retries', async () => {
  await insertDiscarded(1);
  const runId = await startRun(ctx, 'destroy', discardedTarget());
  expect(await waitForRun(ctx, runId)).not.toHaveProperty('retries');
  expect(await countIds(runId)).toBe(0);
});

it('does not count a run of more than 10,000 jobs and stores no ids', async () => {
  await insertJobs(testConsole.client, 10_001);
  const runId = await retryAll();
  expect((await getRun(ctx, runId))?.counts).toEqual({ done: 10_001 });
  expect(await getRun(ctx, runId)).not.toHaveProperty('retries');
  expect(await countIds(runId)).toBe(0);
}, 60_000);

it('counts 10,000 jobs by the primary key in less than a second', async () => {
  await insertJobs(testConsole.client, 10_000);
  await testConsole.client.query('ANALYZE good_jobs');
  expect((await getRun(ctx, await retryAll()))?.retries).toMatchObject({
    retried: 10_000,
    waiting: 10_000,
  });
}, 60_000);

it('stops counting after a day, and the end of a later run deletes the ids', async () => {
  await insertDiscarded(1);
  const runId = await retryAll();
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET created_at = created_at - interval '24 hours';
     UPDATE good_job_console.bulk_run_retries SET retried_at = retried_at - interval '26 hours'`,
  );
  expect(await getRun(ctx, runId)).not.toHaveProperty('retries');
  await insertDiscarded(1);
  const next = await retryAll();
  expect(await countIds(runId)).toBe(0);
  expect(await countIds(next)).toBe(1);
});

it('shows no count if an older release has processed a part of the run', async () => {
  await insertDiscarded(2);
  const runId = await startRun(ctx, 'retry', discardedTarget());
  await expect.poll(() => countIds(runId)).toBe(2);
  await testConsole.client.query(
    `DELETE FROM good_job_console.bulk_run_retries
      WHERE ctid = (SELECT min(ctid) FROM good_job_console.bulk_run_retries WHERE run_id = $1)`,
    [runId],
  );
  expect(await waitForRun(ctx, runId)).not.toHaveProperty('retries');
});

it('runs without counts while the schema is older', async () => {
  await testConsole.client.query(
    'ALTER TABLE good_job_console.bulk_run_retries RENAME TO not_yet_there',
  );
  try {
    await insertDiscarded(2);
    const run = await getRun(ctx, await retryAll());
    expect(run).toMatchObject({ state: 'finished', counts: { done: 2 } });
    expect(run).not.toHaveProperty('retries');
    expect((await listRuns(ctx, null)).rows).toHaveLength(1);
  } finally {
    await testConsole.client.query(
      'ALTER TABLE good_job_console.not_yet_there RENAME TO bulk_run_retries',
    );
  }
});
