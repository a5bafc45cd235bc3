import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { discarded, settled, start } from '../../test/harness/bulk';
import { OPEN, insertJobs } from '../../test/harness/many-rows';
import { insertBatch, row } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { BulkRunnerOptions } from '../../test/races/bulk-runner';
import { controlRun } from './control';
import { workOn } from './runner';
import { getRun } from './runs';
import { processedOf } from './types';

/* Runs across servers: the lease, a kill -9, SIGTERM, pause and cancel. */

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

interface Said {
  runId: string;
  outcome: string;
}

/** Another server, with what it says when its run is started or resumed. */
async function server(
  options: Omit<BulkRunnerOptions, 'url'>,
): Promise<{ child: ChildProcess; said: Promise<Said>; gone: Promise<unknown> }> {
  const file = fileURLToPath(new URL('../../test/races/bulk-runner.ts', import.meta.url));
  const child = fork(file, [JSON.stringify({ url: testConsole.url, ...options })], {
    execArgv: ['--import', 'tsx', '--conditions=react-server'],
  });
  children.add(child);
  const gone = once(child, 'exit');
  const said = Promise.race([
    once(child, 'message').then(([message]) => message as Said),
    gone.then(() => Promise.reject(new Error('The other server ended at once.'))),
  ]);
  return { child, said, gone };
}

const progress = async (runId: string) =>
  processedOf((await getRun(testConsole.ctx(), runId))?.counts ?? {});

/** The first of its states that `wanted` names; the run is looked at closely. */
async function until(
  runId: string,
  holds: (processed: number, state: string) => boolean,
): Promise<void> {
  for (;;) {
    const run = await getRun(testConsole.ctx(), runId);
    if (run && holds(processedOf(run.counts), run.state)) return;
    await sleep(5);
  }
}

const executions = async () =>
  (
    await testConsole.client.query(
      `SELECT (serialized_params ->> 'executions')::int AS executions, finished_at IS NULL AS open, count(*)::int AS jobs FROM good_jobs GROUP BY 1, 2 ORDER BY 1`,
    )
  ).rows;

test('kill -9 in the middle, then resumed by another server at once: every job is retried exactly once', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, said, gone } = await server({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await said;
  await until(runId, (processed) => processed >= 2_000);
  child.kill('SIGKILL');
  await gone;
  const before = await progress(runId);
  expect(before).toBeLessThan(20_000);
  expect(await executions()).toEqual([
    { executions: 0, open: false, jobs: 20_000 - before },
    { executions: 1, open: true, jobs: before },
  ]);
  // Its lease is still good for some seconds: the resume waits for it.
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(await settled(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await executions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
  const { rows } = await testConsole.client.query(
    `SELECT counts FROM good_job_console.audit_events WHERE action <> 'bulk.resume' AND $1 = ANY(target_ids)`,
    [runId],
  );
  expect(rows).toEqual([{ counts: { done: 20_000 } }]);
}, 90_000);

test('killed once its lease is out, the run shows as interrupted', async () => {
  await insertJobs(testConsole.client, 10_000);
  const { child, said, gone } = await server({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await said;
  await until(runId, (processed) => processed > 0);
  child.kill('SIGKILL');
  await gone;
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('running');
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET lease_expires_at = now() - interval '1 second' WHERE id = $1`,
    [runId],
  );
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('interrupted');
  expect(await controlRun(testConsole.ctx(), runId, 'cancel')).toBe('done');
  expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'cancelled',
    controlledBy: 'tester',
  });
}, 60_000);

test('SIGTERM: the transaction is finished, the lease given back, and the run can be taken up at once', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, said, gone } = await server({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await said;
  await until(runId, (processed) => processed > 0);
  const asked = Date.now();
  child.kill('SIGTERM');
  await gone;
  expect(Date.now() - asked).toBeLessThan(9_000);
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('interrupted');
  const resumed = Date.now();
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(Date.now() - resumed).toBeLessThan(1_500);
  await settled(testConsole.ctx(), runId);
  expect(await executions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
}, 60_000);

test('two servers: the one with the lease works, the other one finds it taken', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, said, gone } = await server({
    start: { action: 'retry', query: 'state=discarded' },
  });
  const { runId } = await said;
  await until(runId, (processed) => processed > 0);
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
  expect(workOn(runId)).toBeNull();
  await gone;
  children.delete(child);
  expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await executions()).toEqual([{ executions: 1, open: true, jobs: 20_000 }]);
}, 60_000);

test('a server that has lost its lease undoes its transaction and stops', async () => {
  await insertJobs(testConsole.client, 5_000);
  const runId = await start(testConsole.ctx(), 'retry', discarded());
  await until(runId, (processed) => processed > 0);
  const stranger = randomUUID();
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET lease_owner = $2, lease_expires_at = now() + interval '1 hour' WHERE id = $1`,
    [runId, stranger],
  );
  const run = await settled(testConsole.ctx(), runId);
  const done = run.counts.done ?? 0;
  expect(run.state).toBe('running');
  expect(done).toBeLessThan(5_000);
  expect(await executions()).toEqual([
    { executions: 0, open: false, jobs: 5_000 - done },
    { executions: 1, open: true, jobs: done },
  ]);
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET lease_expires_at = now() WHERE id = $1`,
    [runId],
  );
  await controlRun(testConsole.ctx(), runId, 'resume');
  expect((await settled(testConsole.ctx(), runId)).counts).toEqual({ done: 5_000 });
});

describe('control', () => {
  test('pause, resume, cancel; what is done stays done, what is over cannot be controlled', async () => {
    await insertJobs(testConsole.client, 10_000);
    const ctx = testConsole.ctx();
    const runId = await start(ctx, 'retry', discarded());
    await until(runId, (processed) => processed > 0);
    expect(await controlRun(ctx, runId, 'pause')).toBe('done');
    const paused = await settled(ctx, runId);
    expect(paused).toMatchObject({ state: 'paused', pauseReason: null, controlledBy: 'tester' });
    const processed = processedOf(paused.counts);
    await sleep(100);
    expect(await progress(runId)).toBe(processed);
    expect(await controlRun(ctx, runId, 'pause')).toBe('conflict');
    await expect(
      controlRun(testConsole.ctx({ role: 'viewer' }), runId, 'resume'),
    ).rejects.toMatchObject({
      code: 'forbidden',
    });
    expect(await controlRun(ctx, runId, 'resume')).toBe('done');
    await until(runId, (now) => now > processed);
    expect(await controlRun(ctx, runId, 'cancel')).toBe('done');
    const cancelled = await settled(ctx, runId);
    expect(cancelled.state).toBe('cancelled');
    const done = cancelled.counts.done ?? 0;
    expect(done).toBeLessThan(10_000);
    expect(await executions()).toEqual([
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

  test('paused and resumed at once, it goes on', async () => {
    await insertJobs(testConsole.client, 5_000);
    const runId = await start(testConsole.ctx(), 'retry', discarded());
    await until(runId, (processed) => processed > 0);
    await controlRun(testConsole.ctx(), runId, 'pause');
    await controlRun(testConsole.ctx(), runId, 'resume');
    await settled(testConsole.ctx(), runId);
    expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 5_000 },
    });
  });

  test('a cancelled batch retry leaves a batch that can go on', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    const batch = await insertBatch(testConsole.client, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(testConsole.client, 5_000, { batch_id: `'${batch}'` });
    const runId = await start(testConsole.ctx(), 'batch_retry', { kind: 'batch', batchId: batch });
    await until(runId, (processed) => processed > 0);
    await controlRun(testConsole.ctx(), runId, 'cancel');
    await settled(testConsole.ctx(), runId);
    expect(await row(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      finished_at: null,
      jobs_finished_at: null,
      discarded_at: expect.any(String) as unknown,
    });
  });
});

describe('what goes wrong', () => {
  test('a chunk that fails is tried smaller; a job that always fails pauses the run, which says why and can be resumed', async () => {
    await insertJobs(testConsole.client, 600);
    const [poison] = await insertJobs(testConsole.client, 1, { queue_name: `'poison'` });
    await testConsole.client
      .query(`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$;
      CREATE TRIGGER spoil BEFORE UPDATE ON good_jobs FOR EACH ROW WHEN (OLD.id = '${poison}') EXECUTE FUNCTION spoil()`);
    const runId = await start(testConsole.ctx(), 'retry', discarded());
    const run = await settled(testConsole.ctx(), runId);
    expect(run).toMatchObject({ state: 'paused', pauseReason: 'unexpected' });
    await testConsole.client.query('DROP TRIGGER spoil ON good_jobs; DROP FUNCTION spoil');
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await settled(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      pauseReason: null,
      counts: { done: 601 },
    });
  });

  test('too many to list at once: collected in windows, each job once, in every action’s own order', async () => {
    for (const [action, columns, query] of [
      ['retry', {}, ''],
      ['destroy', {}, 'state=discarded'],
      ['discard', OPEN, ''],
      ['reschedule', OPEN, 'queue_name=default'],
    ] as const) {
      await testConsole.client.query('DELETE FROM good_jobs');
      // Ties: all of them have ended in one microsecond.
      await insertJobs(testConsole.client, 12_000, columns);
      const others = await insertJobs(testConsole.client, 30, {
        ...(action === 'retry' || action === 'destroy' ? OPEN : {}),
      });
      const runId = await start(testConsole.ctx(), action, discarded(query));
      // As if the list had not been done in time.
      await controlRun(testConsole.ctx(), runId, 'pause');
      await settled(testConsole.ctx(), runId);
      const done = await progress(runId);
      await testConsole.client.query(
        'DELETE FROM good_job_console.bulk_run_targets WHERE run_id = $1',
        [runId],
      );
      await testConsole.client.query(
        'UPDATE good_job_console.bulk_runs SET collected = false WHERE id = $1',
        [runId],
      );
      await controlRun(testConsole.ctx(), runId, 'resume');
      // What the first part has done has been written since the cut-off: it is not found again.
      expect((await settled(testConsole.ctx(), runId)).counts, action).toEqual({ done: 12_000 });
      expect(done).toBeLessThan(12_000);
      expect(
        (
          await testConsole.client.query(
            "SELECT 1 FROM good_jobs WHERE id = ANY($1) AND updated_at > now() - interval '30 minutes'",
            [others],
          )
        ).rowCount,
      ).toBe(0);
      if (action === 'retry')
        expect(await executions()).toEqual([
          { executions: 0, open: true, jobs: 30 },
          { executions: 1, open: true, jobs: 12_000 },
        ]);
    }
  }, 60_000);
});
