import type pg from 'pg';
import sql from 'sql-template-tag';
import { codeOf } from '../../../lib/core/errors';
import { clock, notify } from '../../../lib/good-job/payload';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import { DEMO_BATCHES, addBatch, queued } from '../data/batches';
import { CRON_ENTRIES, isDue } from '../data/cron';
import { unpausedWeight } from '../data/demo-data';
import { type DemoContext, addJob } from '../data/history';
import { JOB_CLASSES, type JobClass, jobClassNamed } from '../data/job-classes';
import { company } from '../data/people';
import type { Random } from '../data/random';
import { insertRows } from '../data/rows';
import { MINUTE, type Micros, microsOf } from '../data/time';
import { type Target, asQuery, asTx, connect, inTransaction } from '../database';
import { skipBadRow } from './skip-bad-row';
import { WakeSignal } from './wake-signal';

/*
 * Simulates the app: enqueues single jobs, a batch every few minutes and cron jobs, and deletes old
 * ones, so that a demo that runs for a week does not grow.
 */

const TICK_MS = 1_000;
/** Probability of a new job per tick: about a third of the workers' capacity. */
const JOB_PROBABILITY = 0.6;
const BATCH_EVERY_TICKS = 240;
const FIRST_BATCH_AT_TICK = 45;
/**
 * Above this number of unfinished jobs, only jobs that the demo's own pauses do not affect are
 * added.
 */
const MANY_UNFINISHED = 1_800;
/** Above this number no jobs are added: a user must have paused more queues or classes. */
const MAX_UNFINISHED = 2_500;
/** Finished jobs outside of batches; older ones are deleted, as GoodJob's cleanup would. */
const MAX_FINISHED = 27_500;
const MAX_BATCHES = 80;

export interface Producer {
  running: Promise<void>;
  stop(): Promise<void>;
}

export async function startProducer({
  target,
  tables,
  random,
}: {
  target: Target;
  tables: GoodJobTables;
  random: Random;
}): Promise<Producer> {
  const client = await connect(target, 'demo-app');
  const stopSignal = new WakeSignal();
  let minute: Micros = 0;
  let unfinished = 0;
  const tick = async (count: number) => {
    const now = microsOf((await clock(asTx(client))).slice(0, -1));
    const current = now - (now % MINUTE);
    if (current !== minute) {
      minute = current;
      await enqueueDueCronJobs({ client, tables, target, random }, minute, now);
      await cleanUp(client, tables);
    }
    if (count % 20 === 0) unfinished = await countUnfinished(client, tables);
    if (unfinished >= MAX_UNFINISHED) return;
    if (random.chance(JOB_PROBABILITY))
      await enqueue({ client, tables, target, random }, now, (context) =>
        enqueueSingleJob(context, unfinished >= MANY_UNFINISHED ? unpausedWeight : undefined),
      );
    if (count % BATCH_EVERY_TICKS === FIRST_BATCH_AT_TICK)
      await enqueue({ client, tables, target, random }, now, newBatch);
  };
  const running = (async () => {
    for (let count = 0; await stopSignal.wait(TICK_MS); count += 1)
      await tick(count).catch(skipBadRow);
  })().finally(() => client.end().catch(() => undefined));
  running.catch(() => undefined);
  return {
    running,
    async stop() {
      stopSignal.close();
      await running.catch(() => undefined);
    },
  };
}

interface App {
  client: pg.Client;
  tables: GoodJobTables;
  target: Target;
  random: Random;
}

/** Inserts the rows that `fill` creates and notifies the workers, in one transaction. */
async function enqueue(
  { client, target, random }: App,
  now: Micros,
  fill: (context: DemoContext) => void,
): Promise<void> {
  const context: DemoContext = {
    random,
    now,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: () => '',
  };
  fill(context);
  await inTransaction(client, async (tx) => {
    await insertRows(client, target.schema, context.rows);
    await notify(
      tx,
      context.rows.jobs.map((job) => job.queue_name),
      `${context.rows.jobs[0]?.scheduled_at ?? ''}Z`,
    );
  });
}

function enqueueSingleJob(
  context: DemoContext,
  weight = (jobClass: JobClass) => jobClass.weight,
): void {
  const { random, now } = context;
  const jobClass = random.weighted(JOB_CLASSES, weight);
  const isScheduled = random.chance(0.06);
  addJob(
    context,
    isScheduled
      ? {
          jobClass,
          at: now,
          state: 'scheduled',
          scheduledAt: now + random.int(20, 1_800) * 1_000_000,
        }
      : { jobClass, at: now, state: 'queued' },
  );
}

function newBatch(context: DemoContext): void {
  const { random, now } = context;
  const size = random.int(20, 60);
  const common = { id: random.uuid(), at: now - size * 3_000 - 5_000, members: [queued(size)] };
  if (random.chance(0.5)) {
    addBatch(context, {
      ...common,
      jobClass: 'Imports::RowJob',
      description: `顧客インポート ${company(random)}`,
      on: {
        success: 'Imports::FinishedJob',
        finish: 'Reports::NotifyJob',
        discard: 'Operators::AlertJob',
      },
    });
  } else {
    addBatch(context, {
      ...common,
      jobClass: 'Billing::GenerateInvoiceJob',
      description: `Invoices for ${company(random)}`,
      on: { finish: 'Billing::InvoiceRunFinishedJob' },
      callbackQueue: 'invoices',
      callbackPriority: -5,
    });
  }
}

async function enqueueDueCronJobs(app: App, minute: Micros, now: Micros): Promise<void> {
  const disabledKeys = sql`
    SELECT ARRAY(SELECT jsonb_array_elements_text(s.value)) AS keys
    FROM ${app.tables.settings} s
    WHERE s.key = 'cron_keys_disabled'
      AND jsonb_typeof(s.value) = 'array'`;
  const { rows } = await app.client.query<{ keys: string[] }>(asQuery(disabledKeys));
  for (const entry of CRON_ENTRIES) {
    if (!isDue(entry, minute) || rows[0]?.keys.includes(entry.key)) continue;
    const plan = {
      jobClass: jobClassNamed(entry.jobClass),
      at: now,
      state: 'queued' as const,
      cron: { key: entry.key, at: minute },
      arguments: entry.arguments ?? [],
      labels: [],
    };
    // A unique violation on cron key and time: an earlier start in this minute enqueued the job.
    await enqueue(app, now, (context) => addJob(context, plan)).catch((error: unknown) => {
      if (codeOf(error) !== '23505') throw error;
    });
  }
}

/** Counts unfinished jobs up to MAX_UNFINISHED. */
async function countUnfinished(client: pg.Client, tables: GoodJobTables): Promise<number> {
  const statement = sql`
    SELECT count(*)::int AS n
    FROM (
      SELECT 1
      FROM ${tables.jobs}
      WHERE finished_at IS NULL
      LIMIT ${MAX_UNFINISHED}
    ) unfinished`;
  const { rows } = await client.query<{ n: number }>(asQuery(statement));
  return rows[0]?.n ?? 0;
}

/**
 * `GoodJob.cleanup_preserved_jobs` by number instead of age. Keeps the batches that the demo links
 * to; deletes other batches with all their jobs. Returns the number of deleted jobs.
 */
export async function cleanUp(
  client: pg.Client,
  tables: GoodJobTables,
  { maxFinished = MAX_FINISHED, maxBatches = MAX_BATCHES } = {},
): Promise<number> {
  return inTransaction(client, async (tx) => {
    const deleteJobs = sql`
      WITH old_batches AS (
        DELETE FROM ${tables.batches}
        WHERE id IN (
          SELECT b.id
          FROM ${tables.batches} b
          WHERE b.finished_at IS NOT NULL
            AND b.id <> ALL(${Object.values(DEMO_BATCHES)}::uuid[])
          ORDER BY b.created_at DESC
          OFFSET ${maxBatches}
        )
        RETURNING id
      )
      DELETE FROM ${tables.jobs} j
      WHERE j.finished_at IS NOT NULL
        AND (
          j.id IN (
            SELECT id
            FROM ${tables.jobs}
            WHERE finished_at IS NOT NULL
              AND batch_id IS NULL
              AND batch_callback_id IS NULL
            ORDER BY finished_at DESC
            OFFSET ${maxFinished}
          )
          OR j.batch_id IN (SELECT id FROM old_batches)
          OR j.batch_callback_id IN (SELECT id FROM old_batches)
        )
      RETURNING j.id`;
    const { rows } = await client.query<{ id: string }>(asQuery(deleteJobs));
    const ids = rows.map(({ id }) => id);
    if (ids.length > 0)
      await tx.execute(
        sql`DELETE FROM ${tables.executions} WHERE active_job_id = ANY(${ids}::uuid[])`,
      );
    return ids.length;
  });
}
