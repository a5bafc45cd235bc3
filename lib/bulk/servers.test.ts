import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discardedTarget, waitForRun, startRun } from '../../test/harness/bulk';
import { UNFINISHED, insertJobs } from '../../test/harness/many-rows';
import { insertBatch, readRow } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { BulkRunnerOptions } from '../../test/races/bulk-runner';
import { controlRun } from './mutations';
import { getActiveRun } from './runner';
import { getRun } from './runs';
import { processedCount } from './types';

let testConsole: TestConsole;
const children = new Set<ChildProcess>();
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk servers');
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await testConsole.close();
});
beforeEach(async () => {
  await testConsole.client.query('DELETE FROM good_jobs; DELETE FROM good_job_batches');
});

interface RunMessage {
  runId: string;
  outcome: string;
}

/** Starts another server; `message` resolves when its run has been started or resumed. */
async function startServer(
  options: Omit<BulkRunnerOptions, 'url'>,
): Promise<{ child: ChildProcess; message: Promise<RunMessage>; exited: Promise<unknown> }> {
  const file = fileURLToPath(new URL('../../test/races/bulk-runner.ts', import.meta.url));
  const child = fork(file, [JSON.stringify({ url: testConsole.url, ...options })], {
    execArgv: ['--import', 'tsx', '--conditions=react-server'],
  });
  children.add(child);
  const exited = once(child, 'exit');
  const message = Promise.race([
    once(child, 'message').then(([first]) => first as RunMessage),
    exited.then(() => Promise.reject(new Error('The other server exited before its run.'))),
  ]);
  return { child, message, exited };
}

const countProcessed = async (runId: string) =>
  processedCount((await getRun(testConsole.ctx(), runId))?.counts ?? {});

/** Polls the run until the condition holds. */
async function waitForProgress(
  runId: string,
  condition: (processed: number, state: string) => boolean,
): Promise<void> {
  for (;;) {
    const run = await getRun(testConsole.ctx(), runId);
    if (run && condition(processedCount(run.counts), run.state)) return;
    await sleep(5);
  }
}

const countByExecutions = async () =>
  (
    await testConsole.client.query(
      `SELECT (serialized_params ->> 'executions')::int AS executions,
              finished_at IS NULL AS open,
              count(*)::int AS jobs
         FROM good_jobs
        GROUP BY 1, 2
        ORDER BY 1`,
    )
  ).rows;

it('retries every job exactly once if a server is killed and another resumes the run', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, message, exited } = await startServer({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await message;
  await waitForProgress(runId, (processed) => processed >= 2_000);
  child.kill('SIGKILL');
  await exited;
  const before = await countProcessed(runId);
  expect(before).toBeLessThan(20_000);
  expect(await countByExecutions()).toEqual([
    { executions: 0, open: false, jobs: 20_000 - before },
    { executions: 1, open: true, jobs: before },
  ]);
  // The resume waits until the lease of the killed server expires.
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await countByExecutions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
  const { rows } = await testConsole.client.query(
    `SELECT counts
       FROM good_job_console.audit_events
      WHERE action <> 'bulk.resume' AND $1 = ANY(target_ids)`,
    [runId],
  );
  expect(rows).toEqual([{ counts: { done: 20_000 } }]);
}, 90_000);

it('shows the run of a killed server as interrupted after its lease has expired', async () => {
  await insertJobs(testConsole.client, 10_000);
  const { child, message, exited } = await startServer({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await message;
  await waitForProgress(runId, (processed) => processed > 0);
  child.kill('SIGKILL');
  await exited;
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('running');
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs
        SET lease_expires_at = now() - interval '1 second'
      WHERE id = $1`,
    [runId],
  );
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('interrupted');
  expect(await controlRun(testConsole.ctx(), runId, 'cancel')).toBe('done');
  expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'cancelled',
    controlledBy: 'tester',
  });
}, 60_000);

it('commits and returns the lease on SIGTERM, so that the run can resume at once', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, message, exited } = await startServer({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await message;
  await waitForProgress(runId, (processed) => processed > 0);
  const signalledAt = Date.now();
  child.kill('SIGTERM');
  await exited;
  expect(Date.now() - signalledAt).toBeLessThan(9_000);
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('interrupted');
  const resumedAt = Date.now();
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(Date.now() - resumedAt).toBeLessThan(1_500);
  await waitForRun(testConsole.ctx(), runId);
  expect(await countByExecutions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
}, 60_000);

it('leaves a run to the server that has its lease', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, message, exited } = await startServer({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await message;
  await waitForProgress(runId, (processed) => processed > 0);
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(getActiveRun(runId)).toBeNull();
  await exited;
  children.delete(child);
  expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await countByExecutions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
}, 60_000);

it('rolls back and stops when the server has lost its lease', async () => {
  await insertJobs(testConsole.client, 5_000);
  const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
  await waitForProgress(runId, (processed) => processed > 0);
  const otherServer = randomUUID();
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs
        SET lease_owner = $2, lease_expires_at = now() + interval '1 hour'
      WHERE id = $1`,
    [runId, otherServer],
  );
  const run = await waitForRun(testConsole.ctx(), runId);
  const done = run.counts.done ?? 0;
  expect(run.state).toBe('running');
  expect(done).toBeLessThan(5_000);
  expect(await countByExecutions()).toEqual([
    { executions: 0, open: false, jobs: 5_000 - done },
    { executions: 1, open: true, jobs: done },
  ]);
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET lease_expires_at = now() WHERE id = $1`,
    [runId],
  );
  await controlRun(testConsole.ctx(), runId, 'resume');
  expect((await waitForRun(testConsole.ctx(), runId)).counts).toEqual({ done: 5_000 });
});

describe('controlRun', () => {
  it('pauses, resumes and cancels a run, and returns a conflict once it has ended', async () => {
    await insertJobs(testConsole.client, 10_000);
    const ctx = testConsole.ctx();
    const runId = await startRun(ctx, 'retry', discardedTarget());
    await waitForProgress(runId, (processed) => processed > 0);
    expect(await controlRun(ctx, runId, 'pause')).toBe('done');
    const paused = await waitForRun(ctx, runId);
    expect(paused).toMatchObject({ state: 'paused', pauseReason: null, controlledBy: 'tester' });
    const processed = processedCount(paused.counts);
    await sleep(100);
    expect(await countProcessed(runId)).toBe(processed);
    expect(await controlRun(ctx, runId, 'pause')).toBe('conflict');
    await expect(
      controlRun(testConsole.ctx({ role: 'viewer' }), runId, 'resume'),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await controlRun(ctx, runId, 'resume')).toBe('done');
    await waitForProgress(runId, (current) => current > processed);
    expect(await controlRun(ctx, runId, 'cancel')).toBe('done');
    const cancelled = await waitForRun(ctx, runId);
    expect(cancelled.state).toBe('cancelled');
    const done = cancelled.counts.done ?? 0;
    expect(done).toBeLessThan(10_000);
    expect(await countByExecutions()).toEqual([
      { executions: 0, open: false, jobs: 10_000 - done },
      { executions: 1, open: true, jobs: done },
    ]);
    for (const control of ['pause', 'resume', 'cancel'] as const)
      expect(await controlRun(ctx, runId, control)).toBe('conflict');
    expect(
      (
        await testConsole.client.query(
          'SELECT 1 FROM good_job_console.bulk_run_targets WHERE run_id = $1',
          [runId],
        )
      ).rowCount,
    ).toBe(0);
    expect(await controlRun(ctx, randomUUID(), 'pause')).toBe('missing');
  });

  it('continues a run that is resumed right after a pause', async () => {
    await insertJobs(testConsole.client, 5_000);
    const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
    await waitForProgress(runId, (processed) => processed > 0);
    await controlRun(testConsole.ctx(), runId, 'pause');
    await controlRun(testConsole.ctx(), runId, 'resume');
    await waitForRun(testConsole.ctx(), runId);
    expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 5_000 },
    });
  });

  it('resets the batch of a cancelled batch retry', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    const batch = await insertBatch(testConsole.client, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(testConsole.client, 5_000, { batch_id: `'${batch}'` });
    const runId = await startRun(testConsole.ctx(), 'batch_retry', {
      kind: 'batch',
      batchId: batch,
    });
    await waitForProgress(runId, (processed) => processed > 0);
    await controlRun(testConsole.ctx(), runId, 'cancel');
    await waitForRun(testConsole.ctx(), runId);
    expect(await readRow(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      finished_at: null,
      jobs_finished_at: null,
      discarded_at: expect.any(String) as unknown,
    });
  });
});

describe('a run', () => {
  it('retries a failing chunk in smaller steps, pauses with a reason, and can be resumed', async () => {
    await insertJobs(testConsole.client, 600);
    const [poison] = await insertJobs(testConsole.client, 1, { queue_name: `'poison'` });
    await testConsole.client.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'failed';
      END $$;
      CREATE TRIGGER fail BEFORE UPDATE ON good_jobs
        FOR EACH ROW WHEN (OLD.id = '${poison}') EXECUTE FUNCTION fail()`);
    const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
    const run = await waitForRun(testConsole.ctx(), runId);
    expect(run).toMatchObject({ state: 'paused', pauseReason: 'unexpected' });
    await testConsole.client.query('DROP TRIGGER fail ON good_jobs; DROP FUNCTION fail');
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      pauseReason: null,
      counts: { done: 601 },
    });
  });

  it('collects targets in windows and lists each job once, for every action', async () => {
    for (const [action, columns, query] of [
      ['retry', {}, ''],
      ['destroy', {}, 'state=discarded'],
      ['discard', UNFINISHED, ''],
      ['reschedule', UNFINISHED, 'queue_name=default'],
    ] as const) {
      await testConsole.client.query('DELETE FROM good_jobs');
      // All jobs have the same finished_at, so the scan must break ties by id.
      await insertJobs(testConsole.client, 12_000, columns);
      const others = await insertJobs(testConsole.client, 30, {
        ...(action === 'retry' || action === 'destroy' ? UNFINISHED : {}),
      });
      const runId = await startRun(testConsole.ctx(), action, discardedTarget(query));
      // Simulates a run that could not be listed at once.
      await controlRun(testConsole.ctx(), runId, 'pause');
      await waitForRun(testConsole.ctx(), runId);
      const doneBefore = await countProcessed(runId);
      await testConsole.client.query(
        'DELETE FROM good_job_console.bulk_run_targets WHERE run_id = $1',
        [runId],
      );
      await testConsole.client.query(
        'UPDATE good_job_console.bulk_runs SET collected = false WHERE id = $1',
        [runId],
      );
      await controlRun(testConsole.ctx(), runId, 'resume');
      // Jobs changed before the pause were written after the cut-off, so they are not listed again.
      expect((await waitForRun(testConsole.ctx(), runId)).counts, action).toEqual({ done: 12_000 });
      expect(doneBefore).toBeLessThan(12_000);
      expect(
        (
          await testConsole.client.query(
            `SELECT 1
               FROM good_jobs
              WHERE id = ANY($1) AND updated_at > now() - interval '30 minutes'`,
            [others],
          )
        ).rowCount,
      ).toBe(0);
      if (action === 'retry')
        expect(await countByExecutions()).toEqual([
          { executions: 0, open: true, jobs: 30 },
          { executions: 1, open: true, jobs: 12_000 },
        ]);
    }
  }, 60_000);
});
