import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GoodJobProcess } from '../../test/harness/good-job-process';
import { type EmbeddedPostgres, startPostgres } from '../../test/harness/postgres';
import { RUNNING, insertBatch, insertJob, insertProcess } from '../../test/harness/rows';
import { caughtUp, startStandby } from '../../test/harness/standby';
import { testServerOptions } from '../../test/harness/test-server';
import { findAttention } from '../attention/queries';
import { contextFor } from '../context/request-context';
import type { Ctx } from '../context/types';
import { type Database, openDatabase } from '../db/database';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { readNavigationCounts } from '../navigation/counts';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';
import { detectSchema } from './schema';
import { GoodJobTables } from './tables';

/* A hot standby whose primary has live workers of each lock strategy, and dead ones. */

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
let seen: string;
let expired: string;
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
  // A worker that holds its advisory locks on the primary, and runs a job.
  jobs.advisory = await insertJob(client, { queue_name: 'advisory' });
  worker = await GoodJobProcess.start(primary.url, { queues: ['advisory'] });
  await worker.run(jobs.advisory);
  await client.query(
    `UPDATE good_jobs SET performed_at = performed_at - interval '1 hour', locked_at = locked_at - interval '1 hour' WHERE id = $1`,
    [jobs.advisory],
  );
  // Processes whose life is their last report, one alive and one dead, each with a job of a skiplocked worker.
  seen = await insertProcess(client, { lock_type: null, state: schedulers('seen') });
  expired = await insertProcess(client, {
    lock_type: null,
    updated_at: ago(900),
    state: schedulers('gone'),
  });
  const taken = { ...RUNNING, performed_at: ago(600), locked_at: ago(600), lock_type: 1 };
  jobs.held = await insertJob(client, { ...taken, queue_name: 'seen', locked_by_id: seen });
  jobs.lost = await insertJob(client, { ...taken, queue_name: 'gone', locked_by_id: expired });
  await insertJob(client, { queue_name: 'gone', scheduled_at: ago(600) });
  await insertBatch(client, { enqueued_at: ago(3_600) });
  const second = new pg.Client({ connectionString: standby.url });
  await second.connect();
  await caughtUp(client, second);
  await second.end();
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

it('detects a standby as read-only, with an identity of its own', () => {
  expect(onStandby.tables.schema).toMatchObject({ isStandby: true, serverReadOnly: true });
  expect(onPrimary.tables.schema).toMatchObject({ isStandby: false, serverReadOnly: false });
  expect(onStandby.tables.schema.identity).not.toBe(onPrimary.tables.schema.identity);
});

describe('what an advisory lock decides', () => {
  it('shows a live worker as unknown, not as dead', async () => {
    expect(await stateOf(onPrimary, worker.id)).toBe('live');
    expect(await stateOf(onStandby, worker.id)).toBe('unknown');
    const page = await listProcesses(onStandby, parseProcessFilter(new URLSearchParams()));
    expect(page.counts).toMatchObject({ unknown: { count: 1 }, live: { count: 1 } });
  });

  it('does not call a job lost that a live worker holds by its lock', async () => {
    expect(await lostRows(onPrimary)).toEqual([jobs.lost]);
    expect(await lostRows(onStandby)).toEqual([jobs.lost]);
  });

  it('leaves the number of processes out of the navigation', async () => {
    expect((await readNavigationCounts(onPrimary)).processes).toBe(2);
    expect((await readNavigationCounts(onStandby)).processes).toBeNull();
  });

  it('says of the queue of such a worker that its processes are unknown', async () => {
    const rows = async (ctx: Ctx) =>
      (await listQueues(ctx, parseQueueFilter(new URLSearchParams()))).rows;
    const served = (await rows(onStandby)).find(({ name }) => name === 'advisory');
    expect(served).toMatchObject({ processes: null, threads: null, unserved: false });
    const known = (await rows(onPrimary)).find(({ name }) => name === 'advisory');
    expect(known).toMatchObject({ processes: 1 });
  });

  it('leaves its finding out and says that it is unknown', async () => {
    expect(await checkOf(onPrimary, 'hanging_batches')).toMatchObject({ result: 'found' });
    expect(await checkOf(onStandby, 'hanging_batches')).toEqual({
      kind: 'hanging_batches',
      result: 'unknown',
      reason: 'standby',
    });
  });

  it('says unknown, not clear, while no other job is lost', async () => {
    await client.query('UPDATE good_job_processes SET updated_at = now() WHERE id = $1', [expired]);
    await replayed();
    expect(await checkOf(onPrimary, 'lost_jobs')).toEqual({ kind: 'lost_jobs', result: 'clear' });
    expect(await checkOf(onStandby, 'lost_jobs')).toEqual({
      kind: 'lost_jobs',
      result: 'unknown',
      reason: 'standby',
    });
    await client.query('UPDATE good_job_processes SET updated_at = $2 WHERE id = $1', [
      expired,
      ago(900),
    ]);
    await replayed();
  });
});

describe('what `updated_at` and `locked_by_id` decide', () => {
  it('shows a process without an advisory lock as on the primary', async () => {
    for (const ctx of [onPrimary, onStandby]) {
      expect(await stateOf(ctx, seen)).toBe('live');
      expect(await stateOf(ctx, expired)).toBe('dead');
    }
  });

  it('finds the lost job of a skiplocked worker as on the primary', async () => {
    for (const ctx of [onPrimary, onStandby])
      expect(await checkOf(ctx, 'lost_jobs')).toMatchObject({
        result: 'found',
        finding: { items: [{ id: jobs.lost, processId: expired }] },
      });
  });

  it('finds a queue that no process can serve as on the primary', async () => {
    for (const ctx of [onPrimary, onStandby])
      expect(await checkOf(ctx, 'unserved_queues')).toMatchObject({
        result: 'found',
        finding: { items: [{ queue: 'gone' }] },
      });
  });
});

async function replayed(): Promise<void> {
  const second = new pg.Client({ connectionString: standby.url });
  await second.connect();
  await caughtUp(client, second);
  await second.end();
}
