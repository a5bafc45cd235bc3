import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../lib/db/database';
import { actOnJobs } from '../../../lib/good-job/actions';
import { GoodJobTables, detectSchema } from '../../../lib/good-job/tables';
import type { JobAction } from '../../../lib/good-job/types';
import { type GoodJobDatabase, goodJobDatabase } from '../../../test/harness/good-job-database';
import { addBatch, queued } from '../data/batches';
import { type DemoContext, type JobPlan, addJob } from '../data/history';
import { jobClassNamed } from '../data/job-classes';
import { Random } from '../data/random';
import { insertRows } from '../data/rows';
import { type Capsule, startCapsule } from './capsule';
import { cleanUp, startProducer } from './producer';
import type { LockedJob, Performance } from './thread';

let database: GoodJobDatabase;
let db: Database;
let tables: GoodJobTables;
let client: pg.Client;
const capsules: Capsule[] = [];
const random = new Random(1);

beforeAll(async () => {
  database = await goodJobDatabase('demo worker');
  db = openDatabase({ url: database.url, caFile: null, poolSize: 2, applicationName: 'test' });
  tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, 'public')), {
    appName: 'demo-app',
    locale: 'ja',
    timeZone: 'Asia/Tokyo',
    dequeueQuerySort: 'created_at',
  });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await db?.close();
  await database?.drop();
});
beforeEach(async () => {
  await Promise.all(capsules.splice(0).map((capsule) => capsule.stop()));
  await client.query(
    'TRUNCATE good_jobs, good_job_executions, good_job_batches, good_job_processes, good_job_settings',
  );
});

const startTestCapsule = (perform: (job: LockedJob) => Performance) =>
  startCapsule({
    target: { url: database.url, caFile: null, schema: 'public' },
    tables,
    host: 'test',
    cron: false,
    schedulers: [{ queues: [], threads: 2 }],
    perform,
  }).then((capsule) => {
    capsules.push(capsule);
    return capsule;
  });

async function fill(make: (context: DemoContext) => void): Promise<DemoContext> {
  const context: DemoContext = {
    random,
    now: Date.now() * 1000,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: () => crypto.randomUUID(),
  };
  make(context);
  await insertRows(client, 'public', context.rows);
  return context;
}
async function add(plan: Pick<JobPlan, 'state'> & Partial<JobPlan>): Promise<string> {
  const { rows } = await fill((context) =>
    addJob(context, {
      jobClass: jobClassNamed('Webhooks::DeliverJob'),
      at: context.now - 60_000_000,
      ...plan,
    }),
  );
  return rows.jobs[0]?.id ?? '';
}

const row = async (id: string) =>
  (await client.query('SELECT * FROM good_jobs WHERE id = $1', [id])).rows[0];
const act = async (action: JobAction, id: string) =>
  (await db.write((tx) => actOnJobs(tx, tables, action, [id])))[0]?.outcome;

async function waitFor<T>(check: () => Promise<T | undefined | false>): Promise<T> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await sleep(30)) {
    const result = await check();
    if (result) return result;
  }
  throw new Error('The condition was not met within 15 seconds.');
}
const waitUntilFinished = (id: string) =>
  waitFor(async () => ((await row(id)).finished_at === null ? undefined : row(id)));
const failingPerformance = (attempts: number): Performance => ({
  seconds: 0,
  error: {
    text: 'Faraday::TimeoutError: too late',
    backtrace: ["/app/app/jobs/x_job.rb:1:in `perform'"],
    rule: 'retry',
  },
  retry: { waitMs: 20, exceptions: '[Faraday::TimeoutError]', attempts },
});

describe('a capsule', () => {
  test('a capsule performs a discarded job that the console has retried', async () => {
    const id = await add({ state: 'discarded', failures: 1 });
    await startTestCapsule(() => ({ seconds: 0 }));
    const discardedRow = await row(id);
    expect(await act('retry', id)).toBe('done');
    const finishedRow = await waitUntilFinished(id);
    expect(finishedRow).toMatchObject({
      error: null,
      error_event: null,
      executions_count: discardedRow.executions_count + 1,
      locked_by_id: null,
      locked_at: null,
      lock_type: null,
    });
    expect(finishedRow.finished_at.getTime()).toBeGreaterThan(discardedRow.finished_at.getTime());
    const { rows } = await client.query(
      `SELECT error, error_event, duration IS NOT NULL AS timed, process_id
       FROM good_job_executions
       WHERE active_job_id = $1
       ORDER BY created_at DESC
       LIMIT 1`,
      [id],
    );
    expect(rows[0]).toEqual({
      error: null,
      error_event: null,
      timed: true,
      process_id: capsules[0]?.processId,
    });
  });

  test('a capsule retries with a delay, then discards, and completes the batch', async () => {
    const id = crypto.randomUUID();
    const { rows: added } = await fill((context) =>
      addBatch(context, {
        id,
        at: context.now - 10_000_000,
        jobClass: 'Imports::RowJob',
        description: 'test',
        members: [queued(3)],
        on: {
          discard: 'Operators::AlertJob',
          success: 'Imports::FinishedJob',
          finish: 'Reports::NotifyJob',
        },
      }),
    );
    const failing = added.jobs[0]?.id ?? '';
    await startTestCapsule((job) => (job.id === failing ? failingPerformance(3) : { seconds: 0 }));
    const batch = await waitFor(
      async () =>
        (
          await client.query(
            `SELECT *
             FROM good_job_batches b
             WHERE jobs_finished_at IS NOT NULL
               AND finished_at IS NOT NULL`,
          )
        ).rows[0],
    );
    expect(batch.discarded_at.getTime()).toBeLessThanOrEqual(batch.jobs_finished_at.getTime());
    const job = await row(failing);
    expect(job).toMatchObject({
      error: 'Faraday::TimeoutError: too late',
      error_event: 4,
      executions_count: 3,
      serialized_params: {
        executions: 2,
        provider_job_id: failing,
        exception_executions: { '[Faraday::TimeoutError]': 2 },
      },
    });
    const { rows: executions } = await client.query(
      `SELECT error_event, serialized_params -> 'executions' AS executions
       FROM good_job_executions
       WHERE active_job_id = $1
       ORDER BY created_at`,
      [failing],
    );
    expect(executions).toEqual([
      { error_event: 3, executions: 0 },
      { error_event: 3, executions: 1 },
      { error_event: 4, executions: 2 },
    ]);
    const { rows: callbacks } = await client.query(
      `SELECT job_class,
         serialized_params #>> '{arguments,1,event,value}' AS event,
         finished_at IS NOT NULL AS done
       FROM good_jobs
       WHERE batch_callback_id = $1
       ORDER BY created_at`,
      [id],
    );
    expect(callbacks).toEqual([
      { job_class: 'Operators::AlertJob', event: 'discard', done: true },
      { job_class: 'Reports::NotifyJob', event: 'finish', done: true },
    ]);
  });

  test('a capsule locks its jobs against all actions but force discard', async () => {
    const held = await add({ state: 'queued' });
    const forced = await add({ state: 'queued' });
    const capsule = await startTestCapsule(() => ({ seconds: 60 }));
    await waitFor(async () => (await row(held)).performed_at && (await row(forced)).performed_at);
    expect(await row(held)).toMatchObject({ lock_type: 2, locked_by_id: capsule.processId });
    expect(await act('discard', held)).toBe('locked');
    expect(await act('force_discard', forced)).toBe('done');
    await capsule.stop();
    expect(await row(held)).toMatchObject({ error: null, locked_by_id: null, lock_type: null });
    expect(await row(forced)).toMatchObject({
      error: 'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
      error_event: 5,
      locked_by_id: null,
    });
    expect((await client.query('SELECT 1 FROM good_job_processes')).rowCount).toBe(0);
    const locks = await client.query(
      `SELECT
       FROM pg_locks
       WHERE locktype = 'advisory'
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    expect(locks.rowCount).toBe(0);
  });

  test('a capsule skips paused and future jobs until they can run', async () => {
    const paused = await add({ state: 'queued', labels: ['要確認'] });
    const scheduledAt = (Date.now() + 3_600_000) * 1000;
    const future = await add({ state: 'scheduled', scheduledAt });
    const other = await add({ state: 'queued' });
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value)
       VALUES (now(), now(), 'pauses', '{"labels": ["要確認"]}')`,
    );
    await startTestCapsule(() => ({ seconds: 0 }));
    await waitUntilFinished(other);
    expect((await row(paused)).performed_at ?? (await row(future)).performed_at).toBeNull();
    expect(await act('reschedule', future)).toBe('done');
    await waitUntilFinished(future);
    await client.query('DELETE FROM good_job_settings');
    await waitUntilFinished(paused);
  });

  test('a capsule performs an interrupted job of a dead capsule again', async () => {
    const dead = crypto.randomUUID();
    const id = await add({ state: 'running', lockedBy: dead });
    await client.query(
      `INSERT INTO good_job_processes (id, created_at, updated_at, state, lock_type)
       VALUES ($1, now(), now(), '{}', 0)`,
      [dead],
    );
    await startTestCapsule(() => ({ seconds: 0 }));
    expect(await waitUntilFinished(id)).toMatchObject({ error: null, executions_count: 2 });
    const { rows } = await client.query(
      `SELECT error_event,
         error ~ '^GoodJob::InterruptedError: Interrupted after starting perform at ' AS named
       FROM good_job_executions
       WHERE active_job_id = $1
       ORDER BY created_at`,
      [id],
    );
    expect(rows).toEqual([
      { error_event: 0, named: true },
      { error_event: null, named: null },
    ]);
  });
});

describe('the producer', () => {
  test('the producer enqueues a due cron job once unless the settings disable it', async () => {
    const target = { url: database.url, caFile: null, schema: 'public' };
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value)
       VALUES (now(), now(), 'cron_keys_disabled', '["expire_carts"]')`,
    );
    for (let run = 0; run < 2; run += 1) {
      const producer = await startProducer({ target, tables, random: new Random(run) });
      await sleep(1_300);
      await producer.stop();
      await producer.running;
    }
    const { rows } = await client.query<{ cron_key: string; n: number }>(
      `SELECT cron_key, cron_at, count(*)::int AS n
       FROM good_jobs
       WHERE cron_key IS NOT NULL
       GROUP BY 1, 2`,
    );
    const cronKeys = rows.map(({ cron_key: cronKey }) => cronKey);
    expect(cronKeys).toContain('check_payment_status');
    expect(cronKeys).not.toContain('expire_carts');
    expect(rows.every(({ n }) => n === 1)).toBe(true);
  });

  test('the producer cleans up old finished jobs and complete batches', async () => {
    await fill((context) => {
      for (let n = 0; n < 12; n += 1)
        addJob(context, {
          jobClass: jobClassNamed('Shipments::TrackJob'),
          at: context.now - (n + 20) * 60_000_000,
          state: 'succeeded',
          failures: 0,
        });
      for (let n = 0; n < 3; n += 1)
        addBatch(context, {
          id: context.random.uuid(),
          at: context.now - (n + 1) * 3_600_000_000,
          jobClass: 'Imports::RowJob',
          description: null,
          on: { finish: 'Reports::NotifyJob' },
          members: [{ count: 2, job: { state: 'succeeded', failures: 0 } }],
        });
      addJob(context, {
        jobClass: jobClassNamed('Shipments::TrackJob'),
        at: context.now,
        state: 'queued',
      });
    });
    // Seven jobs, and two batches of two members and a callback each.
    expect(await cleanUp(client, tables, { maxFinished: 5, maxBatches: 1 })).toBe(7 + 6);
    const { rows } = await client.query(
      `SELECT
         (SELECT count(*)::int FROM good_jobs) AS jobs,
         (SELECT count(*)::int FROM good_job_batches) AS batches,
         (SELECT count(*)::int
          FROM good_job_executions e
          WHERE NOT EXISTS (SELECT 1 FROM good_jobs j WHERE j.id = e.active_job_id)) AS orphans`,
    );
    expect(rows).toEqual([{ jobs: 5 + 3 + 1, batches: 1, orphans: 0 }]);
  });
});
