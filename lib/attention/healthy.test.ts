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
import { WORKER, connect, prepare } from '../../test/races/stage';
import { GRACE_PERIODS } from './check-context';
import { findAttention } from './queries';
import type { FindingKind } from './types';

/*
 * No false alarm: thousands of jobs in hundreds of batches run under each lock strategy while everything is looked for
 * again and again, with less grace than is given: a job that was taken a moment ago is judged at once.
 */
const SECONDS = 6;
/** A busy machine is given longer to do enough for the test to mean something. */
const SECONDS_MOST = 30;
const PERFORMED = 200;
const LOOKS = 20;
const THREADS = 3;
const STRICT = { ...GRACE_PERIODS, lostS: 0, batchS: 3, unservedS: 3 };

/** Jobs come as they are done, so that the queues never run dry, but do not grow. */
const MORE = `
  WITH batch AS (INSERT INTO good_job_batches (id, created_at, updated_at, serialized_properties, enqueued_at, on_finish, on_success) VALUES (gen_random_uuid(), now(), now(), '{"_aj_symbol_keys": []}', now(), 'CallbackJob', 'CallbackJob') RETURNING id)
  INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params, batch_id, scheduled_at, created_at, updated_at)
  SELECT j.id, j.id, 'mail', 0, 'RaceJob', jsonb_build_object('job_class', 'RaceJob', 'job_id', j.id, 'queue_name', 'mail', 'priority', NULL, 'arguments', '[]'::jsonb, 'executions', 0), batch.id, now(), now(), now()
    FROM batch, (SELECT gen_random_uuid() AS id FROM generate_series(1, 3)) j`;

/** Of the last one GoodJob's limit lets no second one run: it is not overdue while its job runs on. */
const CRON_FILE = path.join(os.tmpdir(), `healthy-cron-${process.pid}.yml`);
const ENTRIES = `
tick: { cron: "* * * * * *", class: RaceJob }
hourly: { cron: "0 * * * *", class: RaceJob }
one_at_a_time: { cron: "* * * * *", class: SlowJob }
`;
/** Cron enqueues a run once: the unique index keeps others out. */
const RUNS = `
  INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, serialized_params, cron_key, cron_at, scheduled_at, created_at, updated_at)
  SELECT j.id, j.id, 'mail', 0, 'RaceJob', jsonb_build_object('job_class', 'RaceJob', 'job_id', j.id, 'queue_name', 'mail', 'priority', NULL, 'arguments', '[]'::jsonb, 'executions', 0), key, date_trunc(unit, now()), now(), now(), now()
    FROM (VALUES (gen_random_uuid(), 'tick', 'second'), (gen_random_uuid(), 'hourly', 'hour')) j(id, key, unit) ON CONFLICT DO NOTHING`;

/** A process that has run cron for a day, with a job that it runs since ten minutes. */
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
  await testConsole.client.query(RUNS);
  return cron;
}

beforeAll(async () => {
  await writeFile(CRON_FILE, ENTRIES);
  vi.stubEnv('CRON_FILE', CRON_FILE);
});

describe.each<Strategy>(['advisory', 'skiplocked', 'hybrid'])(
  'a healthy busy system: %s',
  (strategy) => {
    test('nothing is found', async () => {
      const testConsole = await TestConsole.open(`healthy ${strategy}`);
      process.env.DATABASE_URL ??= testConsole.url;
      const clients = await Promise.all(
        Array.from({ length: THREADS * 2 }, () => connect(testConsole.url, WORKER)),
      );
      try {
        await prepare(testConsole.client);
        const cron = await startCron(testConsole, strategy);
        // One worker process after the other, as in a deployment: an old one goes, a new one comes.
        const found = new Map<FindingKind, unknown>();
        let [going, looks, performed] = [true, 0, 0];
        let worker = await GoodJobProcess.start(testConsole.url, { strategy });
        const thread = async (client: (typeof clients)[number], log: (typeof clients)[number]) => {
          while (going) {
            const one: Thread = {
              client,
              log,
              processId: worker.id,
              strategy,
              draining: () => false,
            };
            if (await performNext(one)) performed += 1;
            else await sleep(20);
          }
        };
        const watch = async () => {
          while (going) {
            const { checks } = await findAttention(testConsole.ctx(), STRICT);
            looks += 1;
            for (const check of checks) if (check.result !== 'clear') found.set(check.kind, check);
          }
        };
        const enqueue = async () => {
          while (going) {
            await testConsole.client.query(MORE);
            await testConsole.client.query(RUNS);
            await sleep(20);
          }
        };
        const threads = Array.from({ length: THREADS }, (_, n) =>
          thread(clients[n * 2]!, clients[n * 2 + 1]!),
        );
        const all = [...threads, watch(), enqueue()];
        const enough = async (share: number) => {
          const until = Date.now() + SECONDS_MOST * 1000;
          await sleep(SECONDS * share * 1000);
          while ((performed < PERFORMED * share || looks < LOOKS * share) && Date.now() < until)
            await sleep(50);
        };
        await enough(0.5);
        const before = worker;
        worker = await GoodJobProcess.start(testConsole.url, { strategy });
        await sleep(500);
        await before.stop();
        await enough(1);
        going = false;
        await Promise.all(all);
        await worker.stop();
        await cron.stop();
        expect(Object.fromEntries(found)).toEqual({});
        expect(looks).toBeGreaterThanOrEqual(LOOKS);
        expect(performed).toBeGreaterThanOrEqual(PERFORMED);
      } finally {
        await Promise.all(clients.map((client) => client.end()));
        await testConsole.close();
      }
    }, 90_000);
  },
);

test('the same watch sees a job whose worker has died', async () => {
  const testConsole = await TestConsole.open('healthy, one dies');
  process.env.DATABASE_URL ??= testConsole.url;
  try {
    const worker = await GoodJobProcess.start(testConsole.url, { strategy: 'hybrid' });
    const id = randomUUID();
    await testConsole.client.query(
      `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at) VALUES ($1, $1, 'default', now(), now(), now())`,
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
