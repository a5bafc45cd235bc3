import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { GoodJobProcess, type Strategy } from '../../test/harness/good-job-process';
import { SUCCEEDED, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Thread, performNext } from '../../test/races/good-job-worker';
import { WORKER, connect, insertRaceRows } from '../../test/races/stage';
import { GRACE_PERIODS } from './check-context';
import { findAttention } from './queries';
import type { FindingKind } from './types';

/*
 * No false alarms: hundreds of jobs in batches run under each lock strategy while searches run with
 * shorter grace periods than production has.
 */
const MIN_SECONDS = 6;
/** A busy machine may need longer to reach the minimum numbers. */
const MAX_SECONDS = 30;
const MIN_PERFORMED = 200;
const MIN_SEARCHES = 20;
const THREADS = 3;
const STRICT = { ...GRACE_PERIODS, lostSeconds: 0, batchSeconds: 3, unservedSeconds: 3 };

const PAYLOAD = `jsonb_build_object(
  'job_class', 'RaceJob', 'job_id', j.id, 'queue_name', 'mail', 'priority', NULL,
  'arguments', '[]'::jsonb, 'executions', 0)`;

/** One batch with three member jobs. */
const INSERT_BATCH = `
  WITH batch AS (
    INSERT INTO good_job_batches (id, created_at, updated_at, serialized_properties, enqueued_at,
                                  on_finish, on_success)
    VALUES (gen_random_uuid(), now(), now(), '{"_aj_symbol_keys": []}', now(),
            'CallbackJob', 'CallbackJob')
    RETURNING id
  )
  INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params,
                         batch_id, scheduled_at, created_at, updated_at)
  SELECT j.id, j.id, 'mail', 0, 'RaceJob', ${PAYLOAD}, batch.id, now(), now(), now()
    FROM batch, (SELECT gen_random_uuid() AS id FROM generate_series(1, 3)) j`;

/** The job of `one_at_a_time` still runs and has a concurrency key, so the entry is not overdue. */
const CRON_FILE = path.join(os.tmpdir(), `healthy-cron-${process.pid}.yml`);
const ENTRIES = `
tick: { cron: "* * * * * *", class: RaceJob }
hourly: { cron: "0 * * * *", class: RaceJob }
one_at_a_time: { cron: "* * * * *", class: SlowJob }
`;
/** Enqueues the current runs; the unique index ignores repetitions. */
const INSERT_CRON_RUNS = `
  INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params,
                         cron_key, cron_at, scheduled_at, created_at, updated_at)
  SELECT j.id, j.id, 'mail', 0, 'RaceJob', ${PAYLOAD}, key, date_trunc(unit, now()),
         now(), now(), now()
    FROM (VALUES (gen_random_uuid(), 'tick', 'second'),
                 (gen_random_uuid(), 'hourly', 'hour')) j(id, key, unit)
      ON CONFLICT DO NOTHING`;

/** Starts a process that has run cron for a day, with a cron job that has run for ten minutes. */
async function startCron(testConsole: TestConsole, strategy: Strategy): Promise<GoodJobProcess> {
  const cron = await GoodJobProcess.start(testConsole.url, { strategy, cron: true });
  const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
  await testConsole.client.query('UPDATE good_job_processes SET created_at = $2 WHERE id = $1', [
    cron.id,
    ago(86_400_000),
  ]);
  await insertJob(testConsole.client, { ...SUCCEEDED, finished_at: ago(2 * 86_400_000) });
  const slow = {
    job_class: 'SlowJob',
    cron_key: 'one_at_a_time',
    concurrency_key: 'SlowJob',
    cron_at: ago(600_000),
    scheduled_at: ago(600_000),
    created_at: ago(600_000),
  };
  await cron.run(await insertJob(testConsole.client, slow));
  await testConsole.client.query(INSERT_CRON_RUNS);
  return cron;
}

beforeAll(async () => {
  await writeFile(CRON_FILE, ENTRIES);
  vi.stubEnv('CRON_FILE', CRON_FILE);
});

describe.each<Strategy>(['advisory', 'skiplocked', 'hybrid'])(
  'a healthy busy system with lock strategy %s',
  (strategy) => {
    test('reports no findings while healthy workers run jobs', async () => {
      const testConsole = await TestConsole.open(`healthy ${strategy}`);
      process.env.DATABASE_URL ??= testConsole.url;
      const clients = await Promise.all(
        Array.from({ length: THREADS * 2 }, () => connect(testConsole.url, WORKER)),
      );
      try {
        await insertRaceRows(testConsole.client);
        const cron = await startCron(testConsole, strategy);
        const falseAlarms = new Map<FindingKind, unknown>();
        let isRunning = true;
        let searches = 0;
        let performed = 0;
        let worker = await GoodJobProcess.start(testConsole.url, { strategy });
        const thread = async (client: (typeof clients)[number], log: (typeof clients)[number]) => {
          while (isRunning) {
            const current: Thread = {
              client,
              log,
              processId: worker.id,
              strategy,
              isDraining: () => false,
            };
            if (await performNext(current)) performed += 1;
            else await sleep(20);
          }
        };
        const watch = async () => {
          while (isRunning) {
            const { checks } = await findAttention(testConsole.ctx(), STRICT);
            searches += 1;
            for (const check of checks)
              if (check.result !== 'clear') falseAlarms.set(check.kind, check);
          }
        };
        const enqueue = async () => {
          while (isRunning) {
            await testConsole.client.query(INSERT_BATCH);
            await testConsole.client.query(INSERT_CRON_RUNS);
            await sleep(20);
          }
        };
        const threads = Array.from({ length: THREADS }, (_, n) =>
          thread(clients[n * 2]!, clients[n * 2 + 1]!),
        );
        const loops = [...threads, watch(), enqueue()];
        const waitForShare = async (share: number) => {
          const deadline = Date.now() + MAX_SECONDS * 1000;
          const isDone = () =>
            performed >= MIN_PERFORMED * share && searches >= MIN_SEARCHES * share;
          await sleep(MIN_SECONDS * share * 1000);
          while (!isDone() && Date.now() < deadline) await sleep(50);
        };
        await waitForShare(0.5);
        // A deployment: the new process starts before the old one stops.
        const oldWorker = worker;
        worker = await GoodJobProcess.start(testConsole.url, { strategy });
        await sleep(500);
        await oldWorker.stop();
        await waitForShare(1);
        isRunning = false;
        await Promise.all(loops);
        await worker.stop();
        await cron.stop();
        expect(Object.fromEntries(falseAlarms)).toEqual({});
        expect(searches).toBeGreaterThanOrEqual(MIN_SEARCHES);
        expect(performed).toBeGreaterThanOrEqual(MIN_PERFORMED);
      } finally {
        await Promise.all(clients.map((client) => client.end()));
        await testConsole.close();
      }
    }, 90_000);
  },
);

test('reports a job whose worker died, with the same grace periods', async () => {
  const testConsole = await TestConsole.open('healthy, one dies');
  process.env.DATABASE_URL ??= testConsole.url;
  try {
    const worker = await GoodJobProcess.start(testConsole.url, { strategy: 'hybrid' });
    const id = randomUUID();
    await testConsole.client.query(
      `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at)
       VALUES ($1, $1, 'default', now(), now(), now())`,
      [id],
    );
    await worker.run(id);
    await worker.die();
    const { checks } = await findAttention(testConsole.ctx(), STRICT);
    expect(checks.filter(({ result }) => result === 'found')).toMatchObject([
      { kind: 'lost_jobs', finding: { items: [{ id }] } },
    ]);
  } finally {
    await testConsole.close();
  }
});
