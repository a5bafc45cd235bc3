import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import {
  type BatchCallbacks,
  batchCallbacksRow,
  type BatchEvent,
  callbackClass,
  callbackColumns,
  enqueueCallbacks,
  RefusalError,
} from './enqueue';
import { advisoryKey } from './locks';
import { clock, notify } from './payload';
import type { GoodJobTables } from './tables';
import type { Outcome } from './types';

/**
 * Locks batches against the workers' completion check
 * (`GoodJob::BatchRecord#_continue_discard_or_finish`). Sorted by id as in GoodJob, because any
 * other order could deadlock.
 */
export async function lockBatches(tx: Tx, batchIds: string[]): Promise<void> {
  const ids = [...new Set(batchIds)].sort();
  if (ids.length === 0) return;
  await tx.execute(sql`
    SELECT count(pg_advisory_xact_lock(key))
      FROM (
        SELECT ${advisoryKey('good_job_batches', sql`id`)} AS key
          FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS b(id, n)
         ORDER BY n) keys`);
}

/**
 * Limits the wait for batch locks; the jobs of a batch that stays locked get the outcome `locked`.
 */
export interface LockWait {
  timeoutMs: number;
  /**
   * Ids of batches whose wait timed out; the function adds to it and does not wait for them again.
   */
  busyBatchIds: Set<string>;
}

const lockTimeoutRow = z.strictObject({ timeout: z.string() });

/** `lockBatches` with a limited wait; returns the ids of the batches it could not lock. */
export async function lockBatchesOrSkip(
  tx: Tx,
  batchIds: string[],
  { timeoutMs, busyBatchIds }: LockWait,
): Promise<Set<string>> {
  const ids = [...new Set(batchIds)].sort();
  if (ids.length === 0) return new Set();
  let lockedElsewhere = await tryLockBatches(tx, ids);
  const waiting = lockedElsewhere.filter((id) => !busyBatchIds.has(id));
  if (waiting.length > 0) {
    const [previous] = await tx.query(
      lockTimeoutRow,
      sql`SELECT current_setting('lock_timeout') AS timeout`,
    );
    await tx.execute(sql`SAVEPOINT batches`);
    // Waiting out of order cannot deadlock for long, because lock_timeout ends the wait.
    await tx.execute(sql`SELECT set_config('lock_timeout', ${`${timeoutMs}ms`}, true)`);
    try {
      await lockBatches(tx, waiting);
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      await tx.execute(sql`ROLLBACK TO SAVEPOINT batches`);
    }
    await tx.execute(sql`SELECT set_config('lock_timeout', ${previous?.timeout ?? '0'}, true)`);
    lockedElsewhere = await tryLockBatches(tx, lockedElsewhere);
  }
  for (const id of lockedElsewhere) busyBatchIds.add(id);
  return new Set(lockedElsewhere);
}

const batchLockRow = z.strictObject({ id: z.string(), isLocked: z.boolean() });

/** Locks the free batches without waiting; returns the ids of the others. */
async function tryLockBatches(tx: Tx, ids: string[]): Promise<string[]> {
  const rows = await tx.query(
    batchLockRow,
    sql`
      SELECT id,
             pg_try_advisory_xact_lock(${advisoryKey('good_job_batches', sql`id`)}) AS "isLocked"
        FROM unnest(${ids}::uuid[]) AS id`,
  );
  return rows.filter(({ isLocked }) => !isLocked).map(({ id }) => id);
}

/** Whether the error is lock_not_available or deadlock_detected. */
function isLockFailure(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    (error.code === '55P03' || error.code === '40P01')
  );
}

const batchLinksRow = z.strictObject({
  id: z.string(),
  /** The batch of which the job is a member, and the batch whose callback it is. */
  batchIds: z.array(z.string()),
});
type BatchLinks = z.infer<typeof batchLinksRow>;

/** The batches of those jobs that have any. */
export async function batchLinks(
  tx: Tx,
  tables: GoodJobTables,
  jobIds: string[],
): Promise<BatchLinks[]> {
  return tx.query(
    batchLinksRow,
    sql`
      SELECT id, array_remove(ARRAY[batch_id, batch_callback_id], NULL) AS "batchIds"
        FROM ${tables.jobs}
       WHERE id = ANY(${jobIds}::uuid[])
         AND (batch_id IS NOT NULL OR batch_callback_id IS NOT NULL)`,
  );
}

interface CompletionCheckOptions {
  /** A member of the batch was just discarded. */
  hasDiscardedMember: boolean;
}

/**
 * The completion check that a worker runs after each member
 * (`GoodJob::BatchRecord#_continue_discard_or_finish`). GoodJob's dashboard skips it, so a batch
 * whose last unfinished job is discarded there never finishes.
 *
 * The caller holds the batch's lock. Returns the events whose callback was enqueued; throws
 * RefusalError `app_name_unknown`.
 */
export async function runCompletionCheck(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  options: CompletionCheckOptions,
): Promise<BatchEvent[]> {
  return runCompletionChecks(tx, tables, [batchId], {
    withDiscardedMember: options.hasDiscardedMember ? [batchId] : [],
  });
}

/**
 * Whether the batch `b` has an open job. OFFSET 0 and LIMIT make the planner use
 * `index_good_jobs_on_batch_id` or `index_good_jobs_on_batch_callback_id` instead of all open jobs.
 */
export const hasOpenJob = (
  tables: GoodJobTables,
  isOfBatch: Sql,
  isOpen = sql`j.finished_at IS NULL`,
): Sql => sql`
  EXISTS (
    SELECT 1
      FROM (SELECT j.finished_at FROM ${tables.jobs} j WHERE ${isOfBatch} OFFSET 0) j
     WHERE ${isOpen}
     LIMIT 1)`;

/** Seconds that a worker may take from the last job of a batch to the completion check. */
export const CHECK_GRACE_SECONDS = 60;

/**
 * Whether the completion check of the batch `b` is due and no worker will run it. `graceSeconds` is
 * how long the batch must have been unchanged; null if the caller holds its lock.
 */
export function isHanging(
  tables: GoodJobTables,
  graceSeconds: number | null = CHECK_GRACE_SECONDS,
): Sql {
  const since = sql`clock_timestamp() - make_interval(secs => ${graceSeconds ?? 0})`;
  const isOpen =
    graceSeconds === null ? undefined : sql`(j.finished_at IS NULL OR j.finished_at > ${since})`;
  const isQuiet = graceSeconds === null ? empty : sql`AND b.updated_at < ${since}`;
  const jobsDone = sql`b.enqueued_at IS NOT NULL
    AND b.${tables.jobsFinishedAt} IS NULL
    AND NOT ${hasOpenJob(tables, sql`j.batch_id = b.id`, isOpen)}`;
  // Never true before GoodJob 4.3, where `finished_at` is used as `jobs_finished_at`.
  const callbacksDone = sql`b.${tables.jobsFinishedAt} IS NOT NULL
    AND NOT ${hasOpenJob(tables, sql`j.batch_callback_id = b.id`, isOpen)}`;
  return sql`(b.finished_at IS NULL ${isQuiet} AND (${jobsDone} OR ${callbacksDone}))`;
}

/**
 * `continueBatch` for many batches. `withDiscardedMember`: ids of the batches with a member that
 * was just discarded. Each step is a separate statement, so that it sees all changes committed
 * before the lock.
 */
export async function runCompletionChecks(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
  { withDiscardedMember }: { withDiscardedMember: string[] },
): Promise<BatchEvent[]> {
  const discardEvents =
    withDiscardedMember.length > 0 ? await markDiscarded(tx, tables, withDiscardedMember) : [];
  const finishEvents = await markJobsFinished(tx, tables, batchIds);
  if (tables.has('good_job_batches', 'jobs_finished_at')) await markFinished(tx, tables, batchIds);
  return [...discardEvents, ...finishEvents];
}

/** Sets `discarded_at` where it is NULL, and enqueues `on_discard`. */
async function markDiscarded(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
): Promise<BatchEvent[]> {
  const now = await clock(tx);
  const discarded = await tx.query(
    batchCallbacksRow,
    sql`
      UPDATE ${tables.batches} b
         SET discarded_at = ${now}, updated_at = ${now}
       WHERE b.id = ANY(${batchIds}::uuid[]) AND b.discarded_at IS NULL
       RETURNING ${callbackColumns}`,
  );
  const due = discarded.map((batch) => ({ batch, event: 'discard' as const }));
  return enqueueEvents(tx, tables, due, now);
}

const finishedBatchRow = batchCallbacksRow.extend({ discarded: z.boolean() });

/**
 * Sets `jobs_finished_at` of batches without an unfinished member, and enqueues `on_success` and
 * `on_finish`. Reads the clock again, so that `on_discard` sorts before `on_finish` in the queue.
 */
async function markJobsFinished(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
): Promise<BatchEvent[]> {
  const now = await clock(tx);
  const finished = await tx.query(
    finishedBatchRow,
    sql`
      UPDATE ${tables.batches} b
         SET ${tables.jobsFinishedAt} = ${now}, updated_at = ${now}
       WHERE b.id = ANY(${batchIds}::uuid[])
         AND b.enqueued_at IS NOT NULL
         AND b.${tables.jobsFinishedAt} IS NULL
         AND NOT ${hasOpenJob(tables, sql`j.batch_id = b.id`)}
       RETURNING ${callbackColumns}, b.discarded_at IS NOT NULL AS discarded`,
  );
  const due = finished.flatMap((batch) => [
    ...(batch.discarded ? [] : [{ batch, event: 'success' as const }]),
    { batch, event: 'finish' as const },
  ]);
  return enqueueEvents(tx, tables, due, now);
}

/** Sets `finished_at` of batches whose callbacks have finished. */
async function markFinished(tx: Tx, tables: GoodJobTables, batchIds: string[]): Promise<void> {
  const now = await clock(tx);
  await tx.execute(sql`
    UPDATE ${tables.batches} b
       SET finished_at = ${now}, updated_at = ${now}
     WHERE b.id = ANY(${batchIds}::uuid[])
       AND b.jobs_finished_at IS NOT NULL
       AND b.finished_at IS NULL
       AND NOT ${hasOpenJob(tables, sql`j.batch_callback_id = b.id`)}`);
}

/** Enqueues the callbacks of events and notifies the workers; returns the events with a callback. */
async function enqueueEvents(
  tx: Tx,
  tables: GoodJobTables,
  due: { batch: BatchCallbacks; event: BatchEvent }[],
  now: string,
): Promise<BatchEvent[]> {
  const callbacks = due.flatMap(({ batch, event }) => {
    const jobClass = callbackClass(batch, event);
    return jobClass ? [{ batch, event, jobClass }] : [];
  });
  await notify(tx, await enqueueCallbacks(tx, tables, callbacks, now), now);
  return callbacks.map(({ event }) => event);
}

/** Short, because a worker that holds a batch's lock is running its completion check. */
const LOCK_TIMEOUT_MS = 500;

/** Keeps the batches and their callbacks far below MAX_JOBS_PER_TRANSACTION rows. */
export const MAX_BATCHES_PER_TRANSACTION = 100;

interface BatchCheck {
  outcomes: Outcome[];
  /** The events whose callback was enqueued. */
  events: BatchEvent[];
}

const batchCheckRow = z.strictObject({ id: z.string(), hangs: z.boolean() });

/**
 * Runs the completion check of hanging batches, each under its own lock. A batch that does not hang
 * is a `conflict`; one whose callbacks cannot be enqueued is `refused` without affecting the
 * others.
 */
export async function checkHangingBatches(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<BatchCheck> {
  const skipped = await lockBatchesOrSkip(tx, ids, {
    timeoutMs: LOCK_TIMEOUT_MS,
    busyBatchIds: new Set(),
  });
  const rows = await tx.query(
    batchCheckRow,
    sql`
      SELECT b.id, ${isHanging(tables, null)} AS hangs
        FROM ${tables.batches} b
       WHERE b.id = ANY(${ids}::uuid[])`,
  );
  const hangsById = new Map(rows.map(({ id, hangs }) => [id, hangs]));
  const check: BatchCheck = { outcomes: [], events: [] };
  for (const id of ids) {
    const hangs = hangsById.get(id);
    if (hangs === undefined) check.outcomes.push({ id, outcome: 'missing' });
    else if (skipped.has(id)) check.outcomes.push({ id, outcome: 'locked' });
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
  await tx.execute(sql`SAVEPOINT batch_check`);
  try {
    events.push(...(await runCompletionCheck(tx, tables, id, { hasDiscardedMember: false })));
    await tx.execute(sql`RELEASE SAVEPOINT batch_check`);
    return { id, outcome: 'done' };
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    await tx.execute(sql`ROLLBACK TO SAVEPOINT batch_check`);
    return { id, outcome: 'refused', code: cause.code };
  }
}
