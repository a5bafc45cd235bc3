import type pg from 'pg';
import sql from 'sql-template-tag';
import { codeOf } from '../../../lib/core/errors';
import { clock, notify } from '../../../lib/good-job/notify';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import { DEMO_BATCHES, addBatch, queued } from '../data/batches';
import { CRON_ENTRIES, isDue } from '../data/cron';
import { served } from '../data/demo-data';
import { type World, live } from '../data/history';
import { JOB_CLASSES, type JobClass, jobClassNamed } from '../data/job-classes';
import { company } from '../data/people';
import type { Random } from '../data/random';
import { insertRows } from '../data/rows';
import { MINUTE, type Micros, microsOf } from '../data/time';
import { type Target, asTx, connect, inTransaction } from '../database';
import { WakeSignal } from './wake-signal';
import { skipBadRow } from './skip-bad-row';

/*
 * The app beside the workers: it enqueues a trickle of jobs, a batch every few minutes and what cron says, and
 * cleans up, so that a demo that runs for a week has little more rows than it began with.
 */

const TICK_MS = 1_000;
/** Chance of a new job in a tick: about a third of what the workers can do. */
const TRICKLE = 0.6;
const BATCH_EVERY_TICKS = 240;
const FIRST_BATCH_AT_TICK = 45;
/** With this much unfinished nothing is added that the demo's own pauses hold back; and above, nothing at all: a visitor has paused more. */
const MANY_UNFINISHED = 1_800;
const MOST_UNFINISHED = 2_500;
/** Finished jobs outside of batches; the oldest beyond are removed, as GoodJob's own clean-up would. */
const MOST_FINISHED = 27_500;
const MOST_BATCHES = 80;

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
  const bell = new WakeSignal();
  let minute: Micros = 0;
  const tick = async (count: number) => {
    const now = microsOf((await clock(asTx(client))).slice(0, -1));
    const current = now - (now % MINUTE);
    if (current !== minute) {
      minute = current;
      await cronTick({ client, tables, target, random }, minute, now);
      await cleanUp(client, tables);
    }
    if (count % 20 === 0) open = await countUnfinished(client, tables);
    if (open >= MOST_UNFINISHED) return;
    if (random.chance(TRICKLE))
      await enqueue({ client, tables, target, random }, now, (world) =>
        trickle(world, open >= MANY_UNFINISHED ? served : undefined),
      );
    if (count % BATCH_EVERY_TICKS === FIRST_BATCH_AT_TICK)
      await enqueue({ client, tables, target, random }, now, newBatch);
  };
  let open = 0;
  const running = (async () => {
    for (let count = 0; await bell.wait(TICK_MS); count += 1) await tick(count).catch(skipBadRow);
  })().finally(() => client.end().catch(() => undefined));
  running.catch(() => undefined);
  return {
    running,
    async stop() {
      bell.close();
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

/** Writes what `fill` puts into an empty world, and wakes the workers, in one transaction. */
async function enqueue(
  { client, target, random }: App,
  now: Micros,
  fill: (world: World) => void,
): Promise<void> {
  const world: World = {
    random,
    now,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: () => '',
  };
  fill(world);
  await inTransaction(client, async (tx) => {
    await insertRows(client, target.schema, world.rows);
    await notify(
      tx,
      world.rows.jobs.map((job) => job.queue_name),
      `${world.rows.jobs[0]?.scheduled_at ?? ''}Z`,
    );
  });
}

function trickle(world: World, weight = (jobClass: JobClass) => jobClass.weight): void {
  const { random, now } = world;
  const jobClass = random.weighted(JOB_CLASSES, weight);
  const later = random.chance(0.06);
  live(
    world,
    later
      ? {
          jobClass,
          at: now,
          state: 'scheduled',
          scheduledAt: now + random.int(20, 1_800) * 1_000_000,
        }
      : { jobClass, at: now, state: 'queued' },
  );
}

function newBatch(world: World): void {
  const { random, now } = world;
  const size = random.int(20, 60);
  const common = { id: random.uuid(), at: now - size * 3_000 - 5_000, members: [queued(size)] };
  if (random.chance(0.5)) {
    addBatch(world, {
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
    addBatch(world, {
      ...common,
      jobClass: 'Billing::GenerateInvoiceJob',
      description: `Invoices for ${company(random)}`,
      on: { finish: 'Billing::InvoiceRunFinishedJob' },
      callbackQueue: 'invoices',
      callbackPriority: -5,
    });
  }
}

async function cronTick(app: App, minute: Micros, now: Micros): Promise<void> {
  const [setting] = await asTx(app.client).query<{ keys: string[] }>(sql`
    SELECT ARRAY(SELECT jsonb_array_elements_text(s.value)) AS keys FROM ${app.tables.settings} s WHERE s.key = 'cron_keys_disabled' AND jsonb_typeof(s.value) = 'array'`);
  for (const entry of CRON_ENTRIES) {
    if (!isDue(entry, minute) || setting?.keys.includes(entry.key)) continue;
    const life = {
      jobClass: jobClassNamed(entry.jobClass),
      at: now,
      state: 'queued' as const,
      cron: { key: entry.key, at: minute },
      arguments: entry.arguments ?? [],
      labels: [],
    };
    // The unique index on key and time: another start within this minute has enqueued it already.
    await enqueue(app, now, (world) => live(world, life)).catch((error: unknown) => {
      if (codeOf(error) !== '23505') throw error;
    });
  }
}

/** Unfinished jobs, MOST_UNFINISHED at most. */
async function countUnfinished(client: pg.Client, tables: GoodJobTables): Promise<number> {
  const [row] = await asTx(client).query<{ n: number }>(
    sql`SELECT count(*)::int AS n FROM (SELECT 1 FROM ${tables.jobs} WHERE finished_at IS NULL LIMIT ${MOST_UNFINISHED}) open`,
  );
  return row?.n ?? 0;
}

/** GoodJob.cleanup_preserved_jobs by number instead of age: the batches that a visitor is sent to stay, any other goes with all its jobs. */
export async function cleanUp(
  client: pg.Client,
  tables: GoodJobTables,
  { mostFinished = MOST_FINISHED, mostBatches = MOST_BATCHES } = {},
): Promise<number> {
  return inTransaction(client, async (tx) => {
    const jobs = await tx.query<{ id: string }>(sql`
      WITH old_batches AS (
        DELETE FROM ${tables.batches} WHERE id IN (SELECT b.id FROM ${tables.batches} b WHERE b.finished_at IS NOT NULL AND b.id <> ALL(${Object.values(DEMO_BATCHES)}::uuid[]) ORDER BY b.created_at DESC OFFSET ${mostBatches}) RETURNING id)
      DELETE FROM ${tables.jobs} j WHERE j.finished_at IS NOT NULL AND (
        j.id IN (SELECT id FROM ${tables.jobs} WHERE finished_at IS NOT NULL AND batch_id IS NULL AND batch_callback_id IS NULL ORDER BY finished_at DESC OFFSET ${mostFinished})
        OR j.batch_id IN (SELECT id FROM old_batches) OR j.batch_callback_id IN (SELECT id FROM old_batches)) RETURNING j.id`);
    if (jobs.length > 0)
      await tx.query(
        sql`DELETE FROM ${tables.executions} WHERE active_job_id = ANY(${jobs.map(({ id }) => id)}::uuid[])`,
      );
    return jobs.length;
  });
}
