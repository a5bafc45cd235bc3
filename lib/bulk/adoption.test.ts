import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { discarded, settled, start } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { TestConsole } from '../../test/harness/test-console';
import type { BulkRunnerOptions } from '../../test/races/bulk-runner';
import { findAttention } from '../attention/queries';
import { MIGRATIONS } from '../console-schema/migrations';
import { createRecorder } from '../metrics/metrics';
import { MAX_ADOPTIONS, adoptRuns, listStalledRuns } from './adoption';
import { controlRun } from './control';
import { isWorkingOn, workOn } from './runner';
import { getRun } from './runs';
import { processedOf } from './types';

/* What becomes of a run whose server is gone. */

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
    'DELETE FROM good_jobs; TRUNCATE good_job_console.bulk_runs, good_job_console.bulk_run_targets, good_job_console.bulk_run_adoptions',
  );
});

/** Another server of this machine looks for abandoned runs. */
const adopt = (options: Parameters<TestConsole['ctx']>[0] = {}) =>
  adoptRuns(testConsole.ctx(options), (viewer) =>
    testConsole.ctx({ ...options, role: viewer.role }),
  );

/** A server of its own that starts a run on all jobs; resolves when the run has made progress. */
async function otherServer(): Promise<{
  child: ChildProcess;
  runId: string;
  gone: Promise<unknown>;
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
  const gone = once(child, 'exit');
  const [{ runId }] = (await once(child, 'message')) as [{ runId: string }];
  while (processedOf((await getRun(testConsole.ctx(), runId))?.counts ?? {}) === 0) await sleep(5);
  return { child, runId, gone };
}

const executions = async () =>
  (
    await testConsole.client.query(
      `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs FROM good_jobs GROUP BY 1 ORDER BY 1`,
    )
  ).rows;

const abandon = (runId: string) =>
  testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET lease_owner = gen_random_uuid(), lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`,
    [runId],
  );

/** A run that cannot make progress: somebody has all of its targets locked until `release`. */
async function blockedRun(jobs = 50): Promise<{ runId: string; release: () => Promise<unknown> }> {
  await insertJobs(testConsole.client, jobs);
  const blocker = await testConsole.session();
  await testConsole.client.query(`
    CREATE OR REPLACE FUNCTION good_job_console.pause_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.state := 'paused'; RETURN NEW; END $$;
    CREATE TRIGGER pause_new BEFORE INSERT ON good_job_console.bulk_runs FOR EACH ROW EXECUTE FUNCTION good_job_console.pause_new()`);
  const runId = await start(testConsole.ctx(), 'retry', discarded());
  await testConsole.client.query('DROP TRIGGER pause_new ON good_job_console.bulk_runs');
  await settled(testConsole.ctx(), runId);
  await blocker.query('BEGIN');
  await blocker.query('SELECT 1 FROM good_job_console.bulk_run_targets FOR UPDATE');
  await testConsole.client.query(
    `UPDATE good_job_console.bulk_runs SET state = 'running', lease_owner = NULL, lease_expires_at = NULL WHERE id = $1`,
    [runId],
  );
  const release = () => blocker.query('ROLLBACK');
  blockers.add(release);
  return { runId, release };
}

test('a run whose server was told to stop is adopted once, and every job is retried exactly once', async () => {
  await insertJobs(testConsole.client, 20_000);
  const { child, runId, gone } = await otherServer();
  child.kill('SIGTERM');
  await gone;
  const adopted = await Promise.all([adopt(), adopt(), adopt()]);
  expect(adopted.flat()).toEqual([runId]);
  expect(await settled(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 20_000 },
  });
  expect(await executions()).toEqual([{ executions: 1, jobs: 20_000 }]);
}, 60_000);

test('a run whose server was killed is adopted when its lease is over', async () => {
  await insertJobs(testConsole.client, 10_000);
  const { child, runId, gone } = await otherServer();
  child.kill('SIGKILL');
  await gone;
  expect(await adopt()).toEqual([]);
  await abandon(runId);
  expect(await adopt()).toEqual([runId]);
  expect((await settled(testConsole.ctx(), runId)).counts).toEqual({ done: 10_000 });
  expect(await executions()).toEqual([{ executions: 1, jobs: 10_000 }]);
}, 60_000);

test('a run that a person paused is never adopted', async () => {
  await insertJobs(testConsole.client, 5_000);
  const runId = await start(testConsole.ctx(), 'retry', discarded());
  await controlRun(testConsole.ctx(), runId, 'pause');
  expect((await settled(testConsole.ctx(), runId)).state).toBe('paused');
  await abandon(runId);
  expect(await adopt()).toEqual([]);
});

test('only a server that may write and sees the same schema version adopts', async () => {
  const { runId, release } = await blockedRun();
  const newest = Math.max(...MIGRATIONS.map(({ version }) => version));
  expect(await adopt({ readOnly: true })).toEqual([]);
  expect(await adopt({ bulkRuns: false })).toEqual([]);
  await testConsole.client.query(
    `INSERT INTO good_job_console.schema_migrations (version, name) VALUES (${newest + 1}, 'of a newer release')`,
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
  expect((await settled(testConsole.ctx(), runId)).state).toBe('finished');
});

test('three adoptions without progress leave the run interrupted, with a finding and a metric, until somebody resumes it', async () => {
  const { runId, release } = await blockedRun();
  for (let round = 0; round < MAX_ADOPTIONS; round += 1) {
    expect(await adopt(), `round ${round}`).toEqual([runId]);
    await abandon(runId);
    await workOn(runId)?.ended;
    expect(isWorkingOn(runId)).toBe(false);
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
  expect((await settled(testConsole.ctx(), runId)).state).toBe('finished');
}, 60_000);

test('progress after an adoption starts the count anew', async () => {
  const { runId, release } = await blockedRun();
  for (let round = 0; round < MAX_ADOPTIONS; round += 1) {
    expect(await adopt()).toEqual([runId]);
    await abandon(runId);
    await workOn(runId)?.ended;
  }
  await testConsole.client.query(`UPDATE good_job_console.bulk_runs SET counts = '{"locked": 1}'`);
  expect(await adopt()).toEqual([runId]);
  await release();
  await settled(testConsole.ctx(), runId);
}, 60_000);

test('the idle lanes of a run take its lock a few times a second at most', async () => {
  const { runId, release } = await blockedRun();
  const queries = vi.spyOn(pg.Client.prototype, 'query');
  expect(await adopt()).toEqual([runId]);
  await sleep(3_000);
  // Each look of an idle lane asks for targets in a transaction of its own.
  const looks = queries.mock.calls.filter(([statement]) =>
    /bulk_run_targets[^]*FOR UPDATE SKIP LOCKED/.test(textOf(statement)),
  ).length;
  queries.mockRestore();
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThan(90);
  await release();
  await settled(testConsole.ctx(), runId);
}, 30_000);

/** The text of what pg's query() was given: a string or an object with `text`. */
const textOf = (statement: unknown) =>
  typeof statement === 'string' ? statement : String((statement as { text?: unknown })?.text ?? '');
