import { readFile } from 'node:fs/promises';
import pg from 'pg';
import sql, { type Sql } from 'sql-template-tag';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { getBatchRow } from '../../lib/batches/queries';
import { getBatchStatus } from '../../lib/batches/status';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { type Database, openDatabase } from '../../lib/db/database';
import { detectSchema, GoodJobTables, stateOf } from '../../lib/good-job/tables';
import { goodJobDatabase } from '../../test/harness/good-job-database';
import { testDatabase } from '../../test/harness/test-server';
import { DEMO_BATCHES } from './data/batches';
import { DEMO_JOBS, demoRows } from './data/demo-data';
import { asQuery, connect } from './database';
import { seedDemo } from './seed';

const SOURCE_JOBS = 4;
const schema = 'public';
let database: { url: string; drop(): Promise<void> };
let db: Database;
let client: pg.Client;
let ctx: Ctx;
let seededAt: Date;
const target = () => ({ url: database.url, caFile: null, schema });

beforeAll(async () => {
  database = await testDatabase('demo seed');
  expect(await seedDemo(target())).toBe(true);
  seededAt = new Date();
  client = await connect(target(), 'test');
  db = openDatabase({ url: database.url, caFile: null, poolSize: 2, applicationName: 'test' });
  const tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, schema)), {
    appName: 'demo-app',
    locale: 'ja',
    timeZone: 'Asia/Tokyo',
    dequeueQuerySort: 'created_at',
  });
  ctx = contextFor({
    viewer: { id: 'test', role: 'admin' },
    db,
    tables,
    consoleSchema: false,
    requestId: 'test',
    readOnly: false,
  });
}, 120_000);
afterAll(async () => {
  await client?.end();
  await db?.close();
  await database?.drop();
});

const query = async <Row extends pg.QueryResultRow>(statement: Sql) =>
  (await client.query<Row>(asQuery(statement))).rows;
const count = async (from: Sql) =>
  (await query<{ n: number }>(sql`SELECT count(*)::int AS n FROM ${from}`))[0]?.n;

describe('the demo rows', () => {
  test('the demo rows include all six states', async () => {
    const rows = await query<{ state: string; n: number }>(
      sql`SELECT ${stateOf} AS state, count(*)::int AS n FROM good_jobs j GROUP BY 1`,
    );
    const states = Object.fromEntries(rows.map(({ state, n }) => [state, n]));
    expect(Object.values(states).reduce((sum, n) => sum + n, 0)).toBe(DEMO_JOBS + SOURCE_JOBS);
    expect(states.succeeded).toBeGreaterThan(26_000);
    expect(states.discarded).toBeGreaterThan(1_400);
    expect(states.scheduled).toBeGreaterThan(400);
    expect(states.queued).toBeGreaterThan(400);
    expect(states.retried).toBeGreaterThan(100);
    expect(states.running).toBe(4);
  });

  test('the demo rows span the last fourteen days and are denser in office hours', async () => {
    const [span] = await query<{ days: number; minutes: number }>(sql`
      SELECT extract(epoch FROM max(created_at) - min(created_at))::float8 / 86400 AS days,
        extract(epoch FROM now() - max(finished_at))::float8 / 60 AS minutes
      FROM good_jobs
      WHERE batch_id IS DISTINCT FROM ${DEMO_BATCHES.source}
        AND batch_callback_id IS DISTINCT FROM ${DEMO_BATCHES.source}`);
    expect(span?.days).toBeGreaterThan(13);
    expect(span?.days).toBeLessThan(14.5);
    expect(span?.minutes).toBeLessThan(10);
    const [hours] = await query<{ office: number; night: number }>(sql`
      SELECT count(*) FILTER (WHERE h BETWEEN 9 AND 18)::int AS office,
        count(*) FILTER (WHERE h < 7)::int AS night
      FROM (
        SELECT extract(hour FROM created_at + interval '9 hours') AS h
        FROM good_jobs
        WHERE batch_id IS NULL
          AND cron_key IS NULL
      ) hours`);
    expect(hours?.office).toBeGreaterThan(3 * (hours?.night ?? 0));
  });

  test('the demo rows agree with their executions', async () => {
    const wrongCounts = sql`
      good_jobs j
      LEFT JOIN (
        SELECT active_job_id, count(*) AS n
        FROM good_job_executions
        GROUP BY 1
      ) e ON e.active_job_id = j.id
      WHERE coalesce(j.executions_count, 0) <> coalesce(e.n, 0)
        AND j.batch_id IS DISTINCT FROM ${DEMO_BATCHES.source}
        AND j.batch_callback_id IS DISTINCT FROM ${DEMO_BATCHES.source}`;
    expect(await count(wrongCounts)).toBe(0);
    const wrongExecutionTimes = sql`
      good_job_executions
      WHERE finished_at > ${seededAt.toISOString()}
        OR created_at > finished_at
        OR scheduled_at > created_at`;
    expect(await count(wrongExecutionTimes)).toBe(0);
    const wrongErrors = sql`
      good_job_executions
      WHERE (error IS NULL) <> (error_backtrace IS NULL)
        OR (error IS NULL) <> (error_event IS NULL)`;
    expect(await count(wrongErrors)).toBe(0);
    const wrongJobTimes = sql`
      good_jobs
      WHERE finished_at < performed_at
        OR created_at > ${new Date(seededAt.getTime() + 60_000).toISOString()}
        OR cron_at > created_at`;
    expect(await count(wrongJobTimes)).toBe(0);
  });

  test('the demo rows have the payload that Active Job writes', async () => {
    const file = new URL('../../test/fixtures/source-batch-rows.json', import.meta.url);
    const payloads = z.object({
      good_jobs: z.array(z.object({ serialized_params: z.record(z.string(), z.unknown()) })),
    });
    const source = payloads.parse(JSON.parse(await readFile(file, 'utf8')));
    const keys = Object.keys(source.good_jobs[0]?.serialized_params ?? {}).sort();
    const rows = await query<{ keys: string[] }>(
      sql`SELECT DISTINCT ARRAY(SELECT jsonb_object_keys(serialized_params) ORDER BY 1) AS keys
          FROM good_jobs`,
    );
    expect(rows).toEqual([{ keys }]);
    expect(
      await count(
        sql`good_jobs
            WHERE serialized_params ->> 'job_id' <> id::text
              OR job_class <> serialized_params ->> 'job_class'
              OR serialized_params::text LIKE '%@@%'`,
      ),
    ).toBe(0);
    // Numbers that JavaScript cannot represent.
    expect(
      await count(
        sql`good_jobs
            WHERE serialized_params::text ~ '"transaction": 1234567890[0-9]{10},'
              AND serialized_params::text ~ '"amount": [0-9]+\\.[0-9]0,'`,
      ),
    ).toBeGreaterThan(1_000);
    expect(await count(sql`good_jobs WHERE length(serialized_params::text) > 250000`)).toBe(1);
  });
});

describe('the demo batches', () => {
  const stuckReasons = async (id: string) => {
    const batch = await getBatchRow(ctx, id);
    if (!batch) throw new Error(`Batch ${id} does not exist.`);
    return { batch, kinds: (await getBatchStatus(ctx, batch)).stuck.map(({ kind }) => kind) };
  };

  test.each([
    [DEMO_BATCHES.hanging, 'never_completes'],
    [DEMO_BATCHES.neverEnqueued, 'not_enqueued'],
    [DEMO_BATCHES.paused, 'paused'],
    [DEMO_BATCHES.waiting, 'waits_until'],
    [DEMO_BATCHES.lostWorker, 'lost_workers'],
    [DEMO_BATCHES.callbackDiscarded, 'callbacks_discarded'],
    // Without the demo worker no process serves its queue.
    [DEMO_BATCHES.running, 'no_process'],
  ])('the demo batch %s is stuck because of %s', async (id, kind) => {
    expect((await stuckReasons(id)).kinds).toEqual([kind]);
  });

  test('the demo batches include finished ones with and without discarded jobs', async () => {
    const [row] = await query<{
      clean: number;
      discarded: number;
      both: number;
      empty: number;
    }>(sql`
      SELECT count(*) FILTER (WHERE discarded_at IS NULL)::int AS clean,
        count(*) FILTER (WHERE discarded_at IS NOT NULL)::int AS discarded,
        count(*) FILTER (WHERE discarded_at IS NOT NULL AND callbacks = 2)::int AS both,
        count(*) FILTER (WHERE jobs = 0)::int AS empty
      FROM (
        SELECT b.*,
          (SELECT count(*) FROM good_jobs j WHERE j.batch_id = b.id) AS jobs,
          (SELECT count(*) FROM good_jobs j WHERE j.batch_callback_id = b.id) AS callbacks
        FROM good_job_batches b
      ) b
      WHERE finished_at IS NOT NULL
        AND jobs_finished_at IS NOT NULL`);
    expect(row).toMatchObject({ empty: 1 });
    expect(row?.clean).toBeGreaterThan(10);
    expect(row?.discarded).toBeGreaterThan(3);
    expect(row?.both).toBeGreaterThan(1);
    expect(
      await count(
        sql`good_jobs
            WHERE batch_id = ${DEMO_BATCHES.manyDiscarded}
              AND finished_at IS NOT NULL
              AND error IS NOT NULL`,
      ),
    ).toBe(640);
    expect(
      await count(
        sql`good_jobs
            WHERE batch_id = ${DEMO_BATCHES.source}
              OR batch_callback_id = ${DEMO_BATCHES.source}`,
      ),
    ).toBe(SOURCE_JOBS);
  });

  test('the callback jobs have the batch and the event as arguments', async () => {
    const rows = await query<{ first: string; event: string }>(sql`
      SELECT
        replace(
          serialized_params #>> '{arguments,0,_aj_globalid}',
          batch_callback_id::text,
          '<id>'
        ) AS first,
        serialized_params #>> '{arguments,1,event,value}' AS event
      FROM good_jobs
      WHERE batch_callback_id IS NOT NULL
        AND batch_callback_id <> ${DEMO_BATCHES.source}
      GROUP BY 1, 2
      ORDER BY 2`);
    expect(rows).toEqual(
      ['discard', 'finish', 'success'].map((event) => ({
        first: 'gid://demo-app/GoodJob::Batch/<id>',
        event,
      })),
    );
  });
});

describe('seedDemo', () => {
  test('demoRows returns the same rows for the same time', () => {
    const now = Date.UTC(2026, 10, 23, 6, 30) * 1000;
    const first = demoRows(now);
    const second = demoRows(now);
    expect(first.jobs.length).toBe(DEMO_JOBS);
    expect(JSON.stringify(first) === JSON.stringify(second)).toBe(true);
    // The number of jobs does not depend on the hour.
    expect(demoRows(now + 13 * 3_600_000_000).jobs.length).toBe(DEMO_JOBS);
  }, 120_000);

  test('seedDemo keeps recent rows and recreates old ones', async () => {
    const sum = () =>
      query(
        sql`SELECT count(*)::int AS n,
              md5(string_agg(id::text || updated_at, ',' ORDER BY id)) AS sum
            FROM good_jobs`,
      );
    const initialSum = await sum();
    expect(await seedDemo(target())).toBe(false);
    expect(await seedDemo(target(), { maxAgeMs: 3_600_000 })).toBe(false);
    expect(await sum()).toEqual(initialSum);
    const ids = () =>
      query<{ id: string }>(
        sql`SELECT id FROM good_jobs WHERE batch_id = ${DEMO_BATCHES.hanging} ORDER BY id`,
      );
    const hanging = await ids();
    expect(await seedDemo(target(), { maxAgeMs: -1 })).toBe(true);
    expect(await ids()).toEqual(hanging);
    expect(await count(sql`good_jobs`)).toBe(DEMO_JOBS + SOURCE_JOBS);
  }, 120_000);

  test('seedDemo refuses tables that it did not create', async () => {
    const foreign = await goodJobDatabase('demo foreign', {
      sql: [
        `INSERT INTO good_job_settings (created_at, updated_at, key)
         VALUES (now(), now(), 'kept')`,
      ],
    });
    const foreignClient = new pg.Client({ connectionString: foreign.url });
    try {
      await expect(
        seedDemo({ url: foreign.url, caFile: null, schema }, { maxAgeMs: -1 }),
      ).rejects.toThrow(/the demo did not create/);
      await foreignClient.connect();
      expect((await foreignClient.query('SELECT key FROM good_job_settings')).rows).toEqual([
        { key: 'kept' },
      ]);
    } finally {
      await foreignClient.end();
      await foreign.drop();
    }
  });
});
