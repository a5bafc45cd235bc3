import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../../lib/db/database';
import { type JobAction, actOnJobs } from '../../../lib/good-job/actions';
import { detectSchema } from '../../../lib/good-job/schema';
import { GoodJobTables } from '../../../lib/good-job/tables';
import { type GoodJobDatabase, goodJobDatabase } from '../../../test/harness/good-job-database';
import { addBatch, queued } from '../data/batches';
import { type Life, type World, live } from '../data/history';
import { jobClassNamed } from '../data/job-classes';
import { Random } from '../data/random';
import { insertRows } from '../data/rows';
import { type Capsule, startCapsule } from './capsule';
import { cleanUp, startProducer } from './producer';
import type { ClaimedJob, Performance } from './thread';

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

const work = (perform: (job: ClaimedJob) => Performance) =>
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

async function fill(make: (world: World) => void): Promise<World> {
  const world: World = {
    random,
    now: Date.now() * 1000,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: () => crypto.randomUUID(),
  };
  make(world);
  await insertRows(client, 'public', world.rows);
  return world;
}
const add = async (life: Pick<Life, 'state'> & Partial<Life>) =>
  (
    await fill((world) =>
      live(world, {
        jobClass: jobClassNamed('Webhooks::DeliverJob'),
        at: world.now - 60_000_000,
        ...life,
      }),
    )
  ).rows.jobs[0]?.id ?? '';

const row = async (id: string) =>
  (await client.query('SELECT * FROM good_jobs WHERE id = $1', [id])).rows[0];
const act = async (action: JobAction, id: string) =>
  (await db.write((tx) => actOnJobs(tx, tables, action, [id])))[0]?.outcome;

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(30)) {
    const found = await look();
    if (found) return found;
  }
  throw new Error('It did not come to that within 15 seconds.');
}
const finished = (id: string) =>
  until(async () => ((await row(id)).finished_at === null ? undefined : row(id)));
const boom = (attempts: number): Performance => ({
  seconds: 0,
  error: {
    text: 'Faraday::TimeoutError: too late',
    backtrace: ["/app/app/jobs/x_job.rb:1:in `perform'"],
    rule: 'retry',
  },
  retry: { waitMs: 20, exceptions: '[Faraday::TimeoutError]', attempts },
});

describe('a capsule', () => {
  test('runs a discarded job that the console has retried', async () => {
    const id = await add({ state: 'discarded', failures: 1 });
    await work(() => ({ seconds: 0 }));
    const before = await row(id);
    expect(await act('retry', id)).toBe('done');
    const after = await finished(id);
    expect(after).toMatchObject({
      error: null,
      error_event: null,
      executions_count: before.executions_count + 1,
      locked_by_id: null,
      locked_at: null,
      lock_type: null,
    });
    expect(after.finished_at.getTime()).toBeGreaterThan(before.finished_at.getTime());
    const { rows } = await client.query(
      'SELECT error, error_event, duration IS NOT NULL AS timed, process_id FROM good_job_executions WHERE active_job_id = $1 ORDER BY created_at DESC LIMIT 1',
      [id],
    );
    expect(rows[0]).toEqual({
      error: null,
      error_event: null,
      timed: true,
      process_id: capsules[0]?.processId,
    });
  });

  test('retries with a delay, then discards, and carries the batch through with its callbacks', async () => {
    const id = crypto.randomUUID();
    const world = await fill((w) =>
      addBatch(w, {
        id,
        at: w.now - 10_000_000,
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
    const failing = world.rows.jobs[0]?.id ?? '';
    await work((job) => (job.id === failing ? boom(3) : { seconds: 0 }));
    const batch = await until(
      async () =>
        (
          await client.query(
            `SELECT * FROM good_job_batches b WHERE jobs_finished_at IS NOT NULL AND finished_at IS NOT NULL`,
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
      `SELECT error_event, serialized_params -> 'executions' AS executions FROM good_job_executions WHERE active_job_id = $1 ORDER BY created_at`,
      [failing],
    );
    expect(executions).toEqual([
      { error_event: 3, executions: 0 },
      { error_event: 3, executions: 1 },
      { error_event: 4, executions: 2 },
    ]);
    const { rows: callbacks } = await client.query(
      `SELECT job_class, serialized_params #>> '{arguments,1,event,value}' AS event, finished_at IS NOT NULL AS done FROM good_jobs WHERE batch_callback_id = $1 ORDER BY created_at`,
      [id],
    );
    expect(callbacks).toEqual([
      { job_class: 'Operators::AlertJob', event: 'discard', done: true },
      { job_class: 'Reports::NotifyJob', event: 'finish', done: true },
    ]);
  });

  test('holds what it runs against the console, but for a force discard, and lets go of it when it stops', async () => {
    const [held, forced] = [await add({ state: 'queued' }), await add({ state: 'queued' })];
    const capsule = await work(() => ({ seconds: 60 }));
    await until(async () => (await row(held)).performed_at && (await row(forced)).performed_at);
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
    const [locks] = await db.read((tx) =>
      tx.query<{ n: number }>(
        sql`SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      ),
    );
    expect(locks?.n).toBe(0);
  });

  test('leaves paused and future jobs alone, and takes them when they are due', async () => {
    const [paused, future] = [
      await add({ state: 'queued', labels: ['要確認'] }),
      await add({ state: 'scheduled', scheduledAt: (Date.now() + 3_600_000) * 1000 }),
    ];
    const other = await add({ state: 'queued' });
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES (now(), now(), 'pauses', '{"labels": ["要確認"]}')`,
    );
    await work(() => ({ seconds: 0 }));
    await finished(other);
    expect((await row(paused)).performed_at ?? (await row(future)).performed_at).toBeNull();
    expect(await act('reschedule', future)).toBe('done');
    await finished(future);
    await client.query('DELETE FROM good_job_settings');
    await finished(paused);
  });

  test('takes over what a capsule that died was running, as interrupted', async () => {
    const dead = crypto.randomUUID();
    const id = await add({ state: 'running', lockedBy: dead });
    await client.query(
      `INSERT INTO good_job_processes (id, created_at, updated_at, state, lock_type) VALUES ($1, now(), now(), '{}', 0)`,
      [dead],
    );
    await work(() => ({ seconds: 0 }));
    expect(await finished(id)).toMatchObject({ error: null, executions_count: 2 });
    const { rows } = await client.query(
      `SELECT error_event, error ~ '^GoodJob::InterruptedError: Interrupted after starting perform at ' AS named FROM good_job_executions WHERE active_job_id = $1 ORDER BY created_at`,
      [id],
    );
    expect(rows).toEqual([
      { error_event: 0, named: true },
      { error_event: null, named: null },
    ]);
  });
});

describe('the producer', () => {
  test('enqueues what cron says once, however often it is started, and what the settings switch off never', async () => {
    const target = { url: database.url, caFile: null, schema: 'public' };
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES (now(), now(), 'cron_keys_disabled', '["expire_carts"]')`,
    );
    const cron = async () =>
      (
        await client.query(
          `SELECT cron_key, cron_at, count(*)::int AS n FROM good_jobs WHERE cron_key IS NOT NULL GROUP BY 1, 2`,
        )
      ).rows;
    for (let run = 0; run < 2; run += 1) {
      const producer = await startProducer({ target, tables, random: new Random(run) });
      await sleep(1_300);
      await producer.stop();
      await producer.running;
    }
    const rows = await cron();
    expect(rows.map((found) => found.cron_key)).toContain('check_payment_status');
    expect(rows.map((found) => found.cron_key)).not.toContain('expire_carts');
    expect(rows.every((found) => found.n === 1)).toBe(true);
  });

  test('keeps the newest finished jobs and whole batches', async () => {
    await fill((world) => {
      for (let n = 0; n < 12; n += 1)
        live(world, {
          jobClass: jobClassNamed('Shipments::TrackJob'),
          at: world.now - (n + 20) * 60_000_000,
          state: 'succeeded',
          failures: 0,
        });
      for (let n = 0; n < 3; n += 1)
        addBatch(world, {
          id: world.random.uuid(),
          at: world.now - (n + 1) * 3_600_000_000,
          jobClass: 'Imports::RowJob',
          description: null,
          on: { finish: 'Reports::NotifyJob' },
          members: [{ count: 2, life: { state: 'succeeded', failures: 0 } }],
        });
      live(world, {
        jobClass: jobClassNamed('Shipments::TrackJob'),
        at: world.now,
        state: 'queued',
      });
    });
    // Seven jobs, and two batches of two members and a callback each.
    expect(await cleanUp(client, tables, { mostFinished: 5, mostBatches: 1 })).toBe(7 + 6);
    const { rows } =
      await client.query(`SELECT (SELECT count(*)::int FROM good_jobs) AS jobs, (SELECT count(*)::int FROM good_job_batches) AS batches,
      (SELECT count(*)::int FROM good_job_executions e WHERE NOT EXISTS (SELECT 1 FROM good_jobs j WHERE j.id = e.active_job_id)) AS orphans`);
    expect(rows).toEqual([{ jobs: 5 + 3 + 1, batches: 1, orphans: 0 }]);
  });
});
