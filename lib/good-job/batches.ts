import sql, { type Sql, empty } from 'sql-template-tag';
import type { Tx } from '../db/database';
import {
  type BatchCallbacks,
  type BatchEvent,
  callbackClass,
  callbackColumns,
  enqueueCallbacks,
} from './callbacks';
import { lockBatchesOrSkip } from './locks';
import { clock, notify } from './notify';
import { type Outcome, Refusal } from './outcomes';
import type { GoodJobTables } from './tables';

/**
 * The completion check of a batch: what a worker does after each member
 * (BatchRecord#_continue_discard_or_finish), and what GoodJob's dashboard forgets, so that a batch whose last
 * open job is discarded by hand hangs for ever. The caller holds the batch's lock. Each step is a statement of
 * its own: under READ COMMITTED it sees what others committed before the lock was ours.
 * Returns the events whose callback was enqueued; throws Refusal `app_name_unknown`.
 */
export async function continueBatch(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  { memberDiscarded }: { memberDiscarded: boolean },
): Promise<BatchEvent[]> {
  return continueBatches(tx, tables, [batchId], {
    memberDiscarded: memberDiscarded ? [batchId] : [],
  });
}

/**
 * Whether an open job is among those of a batch `b`. OFFSET 0 and LIMIT keep the planner from joining, or walking,
 * everybody's open jobs: by index_good_jobs_on_batch_id or …_on_batch_callback_id it costs what the batch has at most.
 */
export const hasOpen = (
  tables: GoodJobTables,
  belongs: Sql,
  isOpen = sql`j.finished_at IS NULL`,
): Sql => sql`
  EXISTS (SELECT 1 FROM (SELECT j.finished_at FROM ${tables.jobs} j WHERE ${belongs} OFFSET 0) j WHERE ${isOpen} LIMIT 1)`;

/** Seconds that a worker is given between the last job of a batch and its completion check. */
export const CHECK_GRACE_S = 60;

/**
 * Whether nobody will run the completion check of the batch `b` that is due: no member is open and its jobs do not
 * count as finished, or no callback job is open and it does not. `graceS`: nothing of it has changed for so many
 * seconds; null for whoever holds the batch's lock. A batch that finished before `jobs_finished_at` came has none.
 */
export function isHanging(tables: GoodJobTables, graceS: number | null = CHECK_GRACE_S): Sql {
  const since = sql`clock_timestamp() - make_interval(secs => ${graceS ?? 0})`;
  const isOpen =
    graceS === null ? undefined : sql`(j.finished_at IS NULL OR j.finished_at > ${since})`;
  const jobsDone = sql`b.enqueued_at IS NOT NULL AND b.${tables.jobsFinishedAt} IS NULL AND NOT ${hasOpen(tables, sql`j.batch_id = b.id`, isOpen)}`;
  const callbacksDone = sql`b.${tables.jobsFinishedAt} IS NOT NULL AND NOT ${hasOpen(tables, sql`j.batch_callback_id = b.id`, isOpen)}`;
  return sql`(b.finished_at IS NULL ${graceS === null ? empty : sql`AND b.updated_at < ${since}`} AND (${jobsDone} OR ${callbacksDone}))`;
}

/** The same for many batches at once, each step one statement for all of them; `memberDiscarded`: those of which a member was just discarded. */
export async function continueBatches(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
  { memberDiscarded }: { memberDiscarded: string[] },
): Promise<BatchEvent[]> {
  const enqueued: BatchEvent[] = [];
  const enqueue = async (due: { batch: BatchCallbacks; event: BatchEvent }[], now: string) => {
    const callbacks = due.flatMap(({ batch, event }) => {
      const jobClass = callbackClass(batch, event);
      return jobClass ? [{ batch, event, jobClass }] : [];
    });
    await notify(tx, await enqueueCallbacks(tx, tables, callbacks, now), now);
    enqueued.push(...callbacks.map(({ event }) => event));
  };

  if (memberDiscarded.length > 0) {
    const now = await clock(tx);
    const discarded = await tx.query<BatchCallbacks>(sql`
      UPDATE ${tables.batches} b SET discarded_at = ${now}, updated_at = ${now}
       WHERE b.id = ANY(${memberDiscarded}::uuid[]) AND b.discarded_at IS NULL RETURNING ${callbackColumns}`);
    await enqueue(
      discarded.map((batch) => ({ batch, event: 'discard' })),
      now,
    );
  }

  // A time of its own in each step: on_discard comes before on_finish in the queue, too.
  const now = await clock(tx);
  const finished = await tx.query<BatchCallbacks & { discarded: boolean }>(sql`
    UPDATE ${tables.batches} b SET ${tables.jobsFinishedAt} = ${now}, updated_at = ${now}
     WHERE b.id = ANY(${batchIds}::uuid[]) AND b.enqueued_at IS NOT NULL AND b.${tables.jobsFinishedAt} IS NULL
       AND NOT ${hasOpen(tables, sql`j.batch_id = b.id`)}
     RETURNING ${callbackColumns}, b.discarded_at IS NOT NULL AS discarded`);
  await enqueue(
    finished.flatMap((batch) => [
      ...(batch.discarded ? [] : [{ batch, event: 'success' as const }]),
      { batch, event: 'finish' as const },
    ]),
    now,
  );

  if (tables.has('good_job_batches', 'jobs_finished_at')) {
    const at = await clock(tx);
    await tx.query(sql`
      UPDATE ${tables.batches} b SET finished_at = ${at}, updated_at = ${at}
       WHERE b.id = ANY(${batchIds}::uuid[]) AND b.jobs_finished_at IS NOT NULL AND b.finished_at IS NULL
         AND NOT ${hasOpen(tables, sql`j.batch_callback_id = b.id`)}`);
  }
  return enqueued;
}

/** How long a batch that a worker has locked is waited for; it is being checked just then. */
const PATIENCE_MS = 500;

/** Batches and their callbacks: far fewer rows than MAX_JOBS_PER_TRANSACTION allows. */
export const MAX_BATCHES_PER_TRANSACTION = 100;

export interface BatchCheck {
  outcomes: Outcome[];
  /** Events whose callback was enqueued. */
  events: BatchEvent[];
}

/**
 * Runs the completion check of batches that nobody checks any more, each under its own lock. One that goes on by
 * itself (again) is a conflict. A batch whose callbacks cannot be enqueued is refused, and the others go on.
 */
export async function checkBatches(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<BatchCheck> {
  const busy = await lockBatchesOrSkip(tx, ids, { patienceMs: PATIENCE_MS, busy: new Set() });
  const read = await tx.query<{ id: string; hangs: boolean }>(sql`
    SELECT b.id, ${isHanging(tables, null)} AS hangs FROM ${tables.batches} b WHERE b.id = ANY(${ids}::uuid[])`);
  const found = new Map(read.map(({ id, hangs }) => [id, hangs]));
  const check: BatchCheck = { outcomes: [], events: [] };
  for (const id of ids) {
    const hangs = found.get(id);
    if (hangs === undefined) check.outcomes.push({ id, outcome: 'missing' });
    else if (busy.has(id)) check.outcomes.push({ id, outcome: 'locked' });
    else if (!hangs) check.outcomes.push({ id, outcome: 'conflict' });
    else check.outcomes.push(await checkOrRefuse(tx, tables, id, check.events));
  }
  return check;
}

async function checkOrRefuse(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  events: BatchEvent[],
): Promise<Outcome> {
  await tx.query(sql`SAVEPOINT batch_check`);
  try {
    events.push(...(await continueBatch(tx, tables, id, { memberDiscarded: false })));
    await tx.query(sql`RELEASE SAVEPOINT batch_check`);
    return { id, outcome: 'done' };
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    await tx.query(sql`ROLLBACK TO SAVEPOINT batch_check`);
    return { id, outcome: 'refused', code: cause.code };
  }
}
