import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { discardedTarget, waitForRun, startRun } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { TestConsole } from '../../test/harness/test-console';
import type { BulkRunnerOptions } from '../../test/races/bulk-runner';
import { findAttention } from '../attention/queries';
import { MIGRATIONS } from '../console-schema/setup';
import { createRecorder } from '../metrics/metrics';
import { MAX_ADOPTIONS, adoptRuns, listStalledRuns } from './adoption';
import { controlRun } from './mutations';
import { isProcessingRun, getActiveRun } from './runner';
import { getRun } from './runs';
import { processedCount } from './types';

let testConsole: TestConsole;
const children = new Set<ChildProcess>();
const blockers = new Set<() => Promise<unknown>>();
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('adoption');
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await testConsole.close();
});
afterEach(async () => {
  for (const release of blockers) await release();
  blockers.clear();
});
beforeEach(async () => {
  await testConsole.client.query(
    `DELETE FROM good_jobs;
     TRUNCATE good_job_console.bulk_runs, good_job_console.bulk_run_targets,
              good_job_console.bulk_run_adoptions`,
  );
});

/** Adopts abandoned runs with the test's server. */
const adopt = (options: Parameters<TestConsole['ctx']>[0] = {}) =>
  adoptRuns(testConsole.ctx(options), (viewer) =>
    testConsole.ctx({ ...options, role: viewer.role }),
  );

/** Starts a run on all jobs in a child process; resolves once the run has made progress. */
async function startOtherServer(): Promise<{
  child: ChildProcess;
  runId: string;
  exited: Promise<unknown>;
}> {
  const file = fileURLToPath(new URL('../../test/races/bulk-runner.ts', import.meta.url));
  const options: BulkRunnerOptions = {
    url: testConsole.url,
    start: { action: 'retry', query: 'state=discarded' },
  };
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: ['--import', 'tsx', '--conditions=react-server'],
  });
  children.add(child);
  const exited = once(child, 'exit');
  const [{ runId }] = (await once(child, 'message')) as [{ runId: string }];
  while (processedCount((await getRun(testConsole.ctx(), runId))?.counts ?? {}) === 0)
    await sleep(5);
  return { child, runId, exited };
}

const countByExecutions = async () =>
  (
    await testConsole.client.query(
      `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs
         FROM good_jobs
        GROUP BY 1
        ORDER BY 1`,
    )
  ).rows;

/** Expires the lease of a run. */
const abandon = (runId: string) =>
  testConsole.client.query(
    `UPDATE good_job_console.bulk_runs
        SET lease_owner = gen_random_uuid(),
            lease_expires_at = clock_timestamp() - interval '1 second'
      WHERE id = $1`,
    [runId],
  );

/**
 * Creates a run that makes no progress, because another session locks its targets until `release`.
 */
async function createBlockedRun(
  jobs = 50,
): Promise<{ runId: string; release: () => Promise<unknown> }> {
  await insertJobs(testConsole.client, jobs);
  const blocker = await testConsole.session();
  await testConsole.client.query(`
    CREATE OR REPLACE FUNCTION good_job_console.pause_new() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.state := 'paused';
      RETURN NEW;
    END $$;
    CREATE TRIGGER pause_new BEFORE INSERT ON good_job_console.bulk_runs
      FOR EACH ROW EXECUTE FUNCTION good_job_console.pause_new()`);
  const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
  await testConsole.client.query('DROP TRIGGER pause_new ON good_job_console.bulk_runs');
  await waitForRun(testConsole.ctx(), runId);
  await blocker.query('BEGIN');
  await blocker.query('SELECT 1 FROM good_job_console.bulk_run_targets FOR UPDATE');
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs
        SET state = 'running', lease_owner = NULL, lease_expires_at = NULL
      WHERE id = $1`,
    [runId],
  );
  const release = () => blocker.query('ROLLBACK');
  blockers.add(release);
  return { runId, release };
}

it('adopts the run of a stopped server once and retries every job exactly once', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, runId, exited } = await startOtherServer();
  child.kill('SIGTERM');
  await exited;
  const adopted = await Promise.all([adopt(), adopt(), adopt()]);
  expect(adopted.flat()).toEqual([runId]);
  expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await countByExecutions()).toEqual([{ executions: 1, jobs: 20_000 }]);
}, 60_000);

it('adopts the run of a killed server after its lease has expired', async () => {
  await insertJobs(testConsole.client, 10_000);
  const { child, runId, exited } = await startOtherServer();
  child.kill('SIGKILL');
  await exited;
  expect(await adopt()).toEqual([]);
  await abandon(runId);
  expect(await adopt()).toEqual([runId]);
  expect((await waitForRun(testConsole.ctx(), runId)).counts).toEqual({ done: 10_000 });
  expect(await countByExecutions()).toEqual([{ executions: 1, jobs: 10_000 }]);
}, 60_000);

it('never adopts a run that a user paused', async () => {
  await insertJobs(testConsole.client, 5_000);
  const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
  await controlRun(testConsole.ctx(), runId, 'pause');
  expect((await waitForRun(testConsole.ctx(), runId)).state).toBe('paused');
  await abandon(runId);
  expect(await adopt()).toEqual([]);
});

it('adopts only on a writable server with the same schema version and a permitted role', async () => {
  const { runId, release } = await createBlockedRun();
  const newest = Math.max(...MIGRATIONS.map(({ version }) => version));
  expect(await adopt({ readOnly: true })).toEqual([]);
  expect(await adopt({ bulkRuns: false })).toEqual([]);
  await testConsole.client.query(
    `INSERT INTO good_job_console.schema_migrations (version, name)
     VALUES (${newest + 1}, 'of a newer release')`,
  );
  expect(await adopt()).toEqual([]);
  await testConsole.client.query(
    `DELETE FROM good_job_console.schema_migrations WHERE version > ${newest - 1}`,
  );
  expect(await adopt()).toEqual([]);
  await testConsole.client.query(
    `INSERT INTO good_job_console.schema_migrations (version, name) VALUES (${newest}, 'again')`,
  );
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET role = 'viewer' WHERE id = $1`,
    [runId],
  );
  expect(await adopt()).toEqual([]);
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET role = 'operator' WHERE id = $1`,
    [runId],
  );
  expect(await adopt()).toEqual([runId]);
  await release();
  expect((await waitForRun(testConsole.ctx(), runId)).state).toBe('finished');
});

it('reports a run without progress in three adoptions, until it is resumed', async () => {
  const { runId, release } = await createBlockedRun();
  for (let round = 0; round < MAX_ADOPTIONS; round += 1) {
    expect(await adopt(), `round ${round}`).toEqual([runId]);
    await abandon(runId);
    await getActiveRun(runId)?.ended;
    expect(isProcessingRun(runId)).toBe(false);
  }
  expect(await adopt()).toEqual([]);
  expect((await getRun(testConsole.ctx(), runId))?.state).toBe('interrupted');
  expect(await testConsole.db.read((tx) => listStalledRuns(tx, 10))).toMatchObject([
    { id: runId, action: 'retry' },
  ]);
  const { checks } = await findAttention(testConsole.ctx());
  expect(checks.find(({ kind }) => kind === 'stalled_runs')).toMatchObject({
    result: 'found',
    finding: { severity: 'warning', count: { count: 1 }, items: [{ id: runId }] },
  });
  const { body } = await createRecorder(() => Promise.resolve(testConsole.ctx())).text();
  expect(body).toContain('good_job_console_bulk_runs_interrupted 1');
  await release();
  await controlRun(testConsole.ctx(), runId, 'resume');
  expect((await waitForRun(testConsole.ctx(), runId)).state).toBe('finished');
}, 60_000);

it('resets the number of adoptions after progress', async () => {
  const { runId, release } = await createBlockedRun();
  for (let round = 0; round < MAX_ADOPTIONS; round += 1) {
    expect(await adopt()).toEqual([runId]);
    await abandon(runId);
    await getActiveRun(runId)?.ended;
  }
  await testConsole.client.query(`UPDATE good_job_console.bulk_runs SET counts = '{"locked": 1}'`);
  expect(await adopt()).toEqual([runId]);
  await release();
  await waitForRun(testConsole.ctx(), runId);
}, 60_000);

it('polls a few times per second at most while the workers of a run are idle', async () => {
  const { runId, release } = await createBlockedRun();
  const queries = vi.spyOn(pg.Client.prototype, 'query');
  expect(await adopt()).toEqual([runId]);
  await sleep(3_000);
  // Each poll of an idle worker queries the targets in its own transaction.
  const polls = queries.mock.calls.filter(([statement]) =>
    /bulk_run_targets[^]*FOR UPDATE SKIP LOCKED/.test(textOf(statement)),
  ).length;
  queries.mockRestore();
  expect(polls).toBeGreaterThan(0);
  expect(polls).toBeLessThan(90);
  await release();
  await waitForRun(testConsole.ctx(), runId);
}, 30_000);

/** The SQL text of an argument of pg's query(): a string or an object with `text`. */
const textOf = (statement: unknown) =>
  typeof statement === 'string' ? statement : String((statement as { text?: unknown })?.text ?? '');
