import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GoodJobProcess } from '../../test/harness/good-job-process';
import { RUNNING, insertBatch, insertJob, insertProcess } from '../../test/harness/rows';
import { testServerOptions } from '../../test/harness/test-server';
import { type EmbeddedPostgres, startPostgres } from '../../test/postgres/postgres';
import { waitForReplay, startStandby } from '../../test/postgres/standby';
import { findAttention } from '../attention/queries';
import { contextFor, type Ctx } from '../context/request-context';
import { type Database, openDatabase } from '../db/database';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { readNavigationCounts } from '../navigation/queries';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { GoodJobTables, detectSchema } from './tables';

let primary: EmbeddedPostgres;
let standby: EmbeddedPostgres;
let client: pg.Client;
let worker: GoodJobProcess;
const databases: Database[] = [];
let onPrimary: Ctx;
let onStandby: Ctx;

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const schedulers = (queues: string) => JSON.stringify({ schedulers: [{ queues, max_threads: 2 }] });

async function ctxOf(url: string): Promise<Ctx> {
  const db = openDatabase({ url, caFile: null, poolSize: 3, applicationName: 'test' });
  databases.push(db);
  const tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, 'public')), {
    appName: 'test-app',
    locale: 'en',
    timeZone: 'UTC',
    dequeueQuerySort: 'created_at',
  });
  const viewer = { id: 'tester', role: 'admin' } as const;
  return contextFor({
    viewer,
    db,
    tables,
    consoleSchema: false,
    requestId: 'test',
    readOnly: true,
  });
}

const jobs: Record<'advisory' | 'lost' | 'held', string> = { advisory: '', lost: '', held: '' };
let liveProcess: string;
let deadProcess: string;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  primary = await startPostgres(await testServerOptions());
  standby = await startStandby(primary, await testServerOptions());
  client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  await client.query(`SET TIME ZONE 'UTC'`);
  await client.query(
    await readFile(new URL('../../test/fixtures/good_job-4.19.2.sql', import.meta.url), 'utf8'),
  );
  // A worker with advisory locks on the primary, which a standby cannot see.
  jobs.advisory = await insertJob(client, { queue_name: 'advisory' });
  worker = await GoodJobProcess.start(primary.url, { queues: ['advisory'] });
  await worker.run(jobs.advisory);
  await client.query(
    `UPDATE good_jobs
        SET performed_at = performed_at - interval '1 hour',
            locked_at = locked_at - interval '1 hour'
      WHERE id = $1`,
    [jobs.advisory],
  );
  // A live and a dead process without advisory locks, each with the job of a skiplocked worker.
  liveProcess = await insertProcess(client, { lock_type: null, state: schedulers('seen') });
  deadProcess = await insertProcess(client, {
    lock_type: null,
    updated_at: ago(900),
    state: schedulers('gone'),
  });
  const lockedJob = { ...RUNNING, performed_at: ago(600), locked_at: ago(600), lock_type: 1 };
  jobs.held = await insertJob(client, {
    ...lockedJob,
    queue_name: 'seen',
    locked_by_id: liveProcess,
  });
  jobs.lost = await insertJob(client, {
    ...lockedJob,
    queue_name: 'gone',
    locked_by_id: deadProcess,
  });
  await insertJob(client, { queue_name: 'gone', scheduled_at: ago(600) });
  await insertBatch(client, { enqueued_at: ago(3_600) });
  await syncStandby();
  onPrimary = await ctxOf(primary.url);
  onStandby = await ctxOf(standby.url);
}, 180_000);
afterAll(async () => {
  await worker.die().catch(() => undefined);
  await client.end();
  await Promise.all(databases.map((db) => db.close()));
  await standby.stop();
  await primary.stop();
});

const lostRows = async (ctx: Ctx) =>
  (await listJobs(ctx, parseJobFilter(new URLSearchParams({ state: 'running' })))).rows
    .filter(({ lostWorker }) => lostWorker)
    .map(({ id }) => id);
const stateOf = async (ctx: Ctx, id: string) =>
  (await listProcesses(ctx, parseProcessFilter(new URLSearchParams()))).rows.find(
    (row) => row.id === id,
  )?.state;
const checkOf = async (ctx: Ctx, kind: string) =>
  (await findAttention(ctx)).checks.find((check) => check.kind === kind);

it('detects a standby as read-only and gives it its own identity', () => {
  expect(onStandby.tables.schema).toMatchObject({ isStandby: true, serverReadOnly: true });
  expect(onPrimary.tables.schema).toMatchObject({ isStandby: false, serverReadOnly: false });
  expect(onStandby.tables.schema.identity).not.toBe(onPrimary.tables.schema.identity);
});

describe('a standby, for values that depend on an advisory lock', () => {
  it('a standby shows a live worker as unknown, not as dead', async () => {
    expect(await stateOf(onPrimary, worker.id)).toBe('live');
    expect(await stateOf(onStandby, worker.id)).toBe('unknown');
    const page = await listProcesses(onStandby, parseProcessFilter(new URLSearchParams()));
    expect(page.counts).toMatchObject({ unknown: { count: 1 }, live: { count: 1 } });
  });

  it('a standby does not mark a job as lost while a worker holds its advisory lock', async () => {
    expect(await lostRows(onPrimary)).toEqual([jobs.lost]);
    expect(await lostRows(onStandby)).toEqual([jobs.lost]);
  });

  it('a standby omits the number of processes from the navigation', async () => {
    expect((await readNavigationCounts(onPrimary)).processes).toBe(2);
    expect((await readNavigationCounts(onStandby)).processes).toBeNull();
  });

  it('a standby shows the processes of a queue as unknown', async () => {
    const rows = async (ctx: Ctx) =>
      (await listQueues(ctx, parseQueueFilter(new URLSearchParams()))).rows;
    const standbyRow = (await rows(onStandby)).find(({ name }) => name === 'advisory');
    expect(standbyRow).toMatchObject({ processes: null, threads: null, unserved: false });
    const primaryRow = (await rows(onPrimary)).find(({ name }) => name === 'advisory');
    expect(primaryRow).toMatchObject({ processes: 1 });
  });

  it('a standby reports the check for hanging batches as unknown', async () => {
    expect(await checkOf(onPrimary, 'hanging_batches')).toMatchObject({ result: 'found' });
    expect(await checkOf(onStandby, 'hanging_batches')).toEqual({
      kind: 'hanging_batches',
      result: 'unknown',
      reason: 'standby',
    });
  });

  it('a standby reports the lost jobs check as unknown, not clear, if it finds none', async () => {
    await client.query('UPDATE good_job_processes SET updated_at = now() WHERE id = $1', [
      deadProcess,
    ]);
    await syncStandby();
    expect(await checkOf(onPrimary, 'lost_jobs')).toEqual({ kind: 'lost_jobs', result: 'clear' });
    expect(await checkOf(onStandby, 'lost_jobs')).toEqual({
      kind: 'lost_jobs',
      result: 'unknown',
      reason: 'standby',
    });
    await client.query('UPDATE good_job_processes SET updated_at = $2 WHERE id = $1', [
      deadProcess,
      ago(900),
    ]);
    await syncStandby();
  });
});

describe('a standby, for values that depend on `updated_at` and `locked_by_id`', () => {
  it('a standby shows a process without an advisory lock like the primary', async () => {
    for (const ctx of [onPrimary, onStandby]) {
      expect(await stateOf(ctx, liveProcess)).toBe('live');
      expect(await stateOf(ctx, deadProcess)).toBe('dead');
    }
  });

  it('a standby finds the lost job of a skiplocked worker like the primary', async () => {
    for (const ctx of [onPrimary, onStandby])
      expect(await checkOf(ctx, 'lost_jobs')).toMatchObject({
        result: 'found',
        finding: { items: [{ id: jobs.lost, processId: deadProcess }] },
      });
  });

  it('a standby finds an unserved queue like the primary', async () => {
    for (const ctx of [onPrimary, onStandby])
      expect(await checkOf(ctx, 'unserved_queues')).toMatchObject({
        result: 'found',
        finding: { items: [{ queue: 'gone' }] },
      });
  });
});

/** Waits until the standby has replayed all changes of the primary. */
async function syncStandby(): Promise<void> {
  const standbyClient = new pg.Client({ connectionString: standby.url });
  await standbyClient.connect();
  await waitForReplay(client, standbyClient);
  await standbyClient.end();
}
