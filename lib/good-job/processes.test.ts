import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { insertProcess } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import {
  MAX_STATE_BYTES,
  PROCESS_STATES,
  livePools,
  processStateOf,
  readProcessState,
  totalThreads,
} from './processes';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('processes');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await testConsole.client.query('DELETE FROM good_job_processes');
});

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const stateRow = z.strictObject({ state: z.enum(PROCESS_STATES) });
const stateOf = async (id: string) => {
  const { db, tables } = testConsole.ctx();
  const [row] = await db.read((tx) =>
    tx.query(
      stateRow,
      sql`
        SELECT ${processStateOf(tables)} AS state
          FROM ${tables.processes} p
         WHERE p.id = ${id}`,
    ),
  );
  return row?.state;
};

it.each([
  [0, 'live'],
  [30, 'live'],
  [40, 'stale'],
  [290, 'stale'],
  [310, 'dead'],
])('reports a process seen %d s ago, without an advisory lock, as %s', async (seconds, state) => {
  expect(await stateOf(await insertProcess(testConsole.client, { updated_at: ago(seconds) }))).toBe(
    state,
  );
});

it('keeps a process with an advisory lock alive while a session holds the lock', async () => {
  const id = await insertProcess(testConsole.client, { lock_type: 0 });
  expect(await stateOf(id)).toBe('dead');
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', id)})`);
  expect(await stateOf(id)).toBe('live');
  await testConsole.client.query('UPDATE good_job_processes SET updated_at = $1', [ago(3_600)]);
  expect(await stateOf(id)).toBe('stale');
  await worker.query('SELECT pg_advisory_unlock_all()');
  expect(await stateOf(id)).toBe('dead');
});

it('does not mistake the lock of another process or of a job for that of the process', async () => {
  const id = await insertProcess(testConsole.client, { lock_type: 0 });
  const other = await insertProcess(testConsole.client, { lock_type: 0 });
  const worker = await testConsole.session();
  await worker.query(
    `SELECT pg_advisory_lock(${lockKey('good_jobs', id)}),
            pg_advisory_lock(${lockKey('good_job_processes', other)})`,
  );
  expect([await stateOf(id), await stateOf(other)]).toEqual(['dead', 'live']);
  await worker.query('SELECT pg_advisory_unlock_all()');
});

it('treats a process with an unknown lock type as dead', async () => {
  expect(await stateOf(await insertProcess(testConsole.client, { lock_type: 7 }))).toBe('dead');
});

it('returns the pools of live processes only', async () => {
  const schedulers = (...queues: unknown[]) =>
    JSON.stringify({ schedulers: queues.map((name) => ({ queues: name, max_threads: 2 })) });
  await insertProcess(testConsole.client, { state: schedulers('a', '-b') });
  await insertProcess(testConsole.client, { state: schedulers('late'), updated_at: ago(200) });
  await insertProcess(testConsole.client, { state: schedulers('dead'), updated_at: ago(400) });
  await insertProcess(testConsole.client, { state: schedulers('dead too'), lock_type: 0 });
  // A web server that only enqueues reports an empty list of schedulers.
  await insertProcess(testConsole.client, { state: '{"schedulers": []}', created_at: ago(60) });
  await insertProcess(testConsole.client, { state: schedulers(null) });
  const { db, tables } = testConsole.ctx();
  const { pools, processes, nonReporting } = await db.read((tx) => livePools(tx, tables));
  expect(pools.map(({ queueString }) => queueString).sort()).toEqual(['-b', 'a', 'late']);
  expect({ processes, nonReporting }).toEqual({ processes: 4, nonReporting: 1 });
});

it('counts a process without schedulers as non-reporting until it has updated its row', async () => {
  const countNonReporting = async () => {
    const { db, tables } = testConsole.ctx();
    return (await db.read((tx) => livePools(tx, tables))).nonReporting;
  };
  const id = await insertProcess(testConsole.client, { state: '{"schedulers": []}' });
  expect(await countNonReporting()).toBe(1);
  await testConsole.client.query('UPDATE good_job_processes SET created_at = $2 WHERE id = $1', [
    id,
    ago(40),
  ]);
  expect(await countNonReporting()).toBe(0);
  await testConsole.client.query(
    `UPDATE good_job_processes SET state = '{"pid": 1}' WHERE id = $1`,
    [id],
  );
  expect(await countNonReporting(), 'without a list').toBe(1);
});

it.each([
  'null',
  '[]',
  '"text"',
  '7',
  '{"schedulers": "none"}',
  '{"schedulers": {"a": 1}}',
  '{"schedulers": [null, 7, [], {"queues": {}}, "x"]}',
  '{"pid": {}, "memory": "much", "hostname": [], "database_connection_pool": 5}',
])('parses the malformed process state %s', async (state) => {
  await insertProcess(testConsole.client, { state });
  const { db, tables } = testConsole.ctx();
  expect((await db.read((tx) => livePools(tx, tables))).pools).toEqual([]);
  expect(readProcessState(state)).toMatchObject({ pid: null, memory: null, hostname: null });
});

it('does not read a state larger than MAX_STATE_BYTES', async () => {
  await insertProcess(testConsole.client, {
    state: JSON.stringify({ hostname: 'x'.repeat(MAX_STATE_BYTES) }),
  });
  await insertProcess(testConsole.client, { state: null });
  const { db, tables } = testConsole.ctx();
  expect(await db.read((tx) => livePools(tx, tables))).toMatchObject({
    pools: [],
    processes: 2,
    nonReporting: 2,
  });
});

it('parses the state of a GoodJob 4.19 worker, and a scheduler that is only a name', () => {
  const state = readProcessState(
    JSON.stringify({
      hostname: 'worker-1',
      pid: 14523,
      memory: 89434,
      proctitle: '/app/bin/good_job',
      cron_enabled: 'false',
      preserve_job_records: 'on_unhandled_error',
      retry_on_unhandled_error: false,
      schedulers: [
        {
          name: 'GoodJob::Scheduler(queues=a,b max_threads=5)',
          queues: 'a,b',
          max_threads: 5,
          active_threads: 4,
          max_cache: 10000,
          active_cache: 1,
          empty_executions_count: 3,
          errored_executions_count: 1,
          succeeded_executions_count: 7,
          total_executions_count: 8,
          execution_at: '2026-01-02T03:04:05.678Z',
          check_queue_at: null,
        },
        'GoodJob::Scheduler(queues=-a, b max_threads=2)',
      ],
      database_connection_pool: { size: 25, active: 1 },
      total_succeeded_executions_count: 7,
      total_errored_executions_count: 1,
      moon: 'full',
    }),
  );
  expect(state).toMatchObject({
    pid: '14523',
    basename: 'good_job',
    memory: 89434,
    cronEnabled: false,
    preserveJobRecords: 'on_unhandled_error',
    retryOnUnhandledError: false,
    databasePool: { size: 25, active: 1 },
    otherKeys: ['moon'],
  });
  expect(state.schedulers[0]).toMatchObject({
    queues: 'a,b',
    maxThreads: 5,
    activeThreads: 4,
    empty: 3,
    errored: 1,
    succeeded: 7,
    total: 8,
    executionAt: '2026-01-02T03:04:05.678Z',
    checkQueueAt: null,
  });
  expect(state.schedulers[1]).toMatchObject({
    queues: '-a, b',
    maxThreads: 2,
    activeThreads: null,
  });
  expect(totalThreads(state.schedulers)).toEqual({ busy: null, total: 7 });
});
