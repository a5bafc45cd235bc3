import sql, { empty } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import { eligibility, retry } from './actions';
import { runCompletionCheck, lockBatches } from './batches';
import type { BatchEvent } from './enqueue';
import { MAX_JOBS_PER_TRANSACTION, claimJobs } from './locks';
import { clock } from './payload';
import { type GoodJobTables, idRow } from './tables';
import type { Outcome } from './types';

export interface BatchRetryChunk {
  /** `unchanged`: no member of the whole batch could be retried, so the batch stays as it was. */
  outcome: 'done' | 'missing' | 'unchanged';
  /** One outcome for each discarded member of this chunk. */
  jobs: Outcome[];
  /** The id after which the next transaction continues; null after the last chunk. */
  next: string | null;
  /** The callbacks that the completion check enqueued. */
  events: BatchEvent[];
}

/** The totals of the earlier chunks of a batch retry. */
export interface BatchRetryProgress {
  afterId: string | null;
  retried: number;
  skipped: number;
}

export const INITIAL_PROGRESS: BatchRetryProgress = { afterId: null, retried: 0, skipped: 0 };

/**
 * One transaction of `GoodJob::Batch#retry`: retries at most MAX_JOBS_PER_TRANSACTION discarded
 * members in id order. Only the last chunk resets the batch, so that the members retried first
 * cannot complete it.
 *
 * `discarded_at` stays if a member could not be retried. `onLocked` runs under the batch's lock
 * before any change. Throws RefusalError `app_name_unknown`.
 */
export async function retryBatchChunk(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  progress: BatchRetryProgress,
  onLocked?: () => Promise<void>,
): Promise<BatchRetryChunk> {
  await lockBatches(tx, [batchId]);
  const [batch] = await tx.query(
    idRow,
    sql`SELECT b.id FROM ${tables.batches} b WHERE b.id = ${batchId} FOR NO KEY UPDATE`,
  );
  if (!batch) return { outcome: 'missing', jobs: [], next: null, events: [] };
  await onLocked?.();

  const discarded = await tx.query(
    idRow,
    sql`
      SELECT j.id
        FROM ${tables.jobs} j
       WHERE j.batch_id = ${batchId}
         AND j.finished_at IS NOT NULL
         AND j.error IS NOT NULL
         ${progress.afterId === null ? empty : sql`AND j.id > ${progress.afterId}`}
       ORDER BY j.id
       LIMIT ${MAX_JOBS_PER_TRANSACTION + 1}`,
  );
  const ids = discarded.slice(0, MAX_JOBS_PER_TRANSACTION).map((row) => row.id);
  const next = discarded.length > MAX_JOBS_PER_TRANSACTION ? (ids.at(-1) ?? null) : null;

  const jobs = await retryMembers(tx, tables, ids);
  const retried = progress.retried + jobs.filter((job) => job.outcome === 'done').length;
  const skipped = progress.skipped + jobs.filter((job) => job.outcome !== 'done').length;
  if (next !== null) return { outcome: 'done', jobs, next, events: [] };
  if (skipped > 0 && retried === 0) return { outcome: 'unchanged', jobs, next: null, events: [] };

  const events = await completeBatchRetry(tx, tables, batchId, { keepDiscardedAt: skipped > 0 });
  return { outcome: 'done', jobs, next: null, events };
}

const countRow = z.strictObject({ count: z.number() });

/** The number of discarded members of a batch, counted up to `limit`. */
export async function countDiscarded(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  limit: number,
): Promise<number> {
  // OFFSET 0 makes the planner use index_good_jobs_on_batch_id instead of scanning all discarded
  // jobs.
  const [row] = await tx.query(
    countRow,
    sql`
      SELECT count(*)::int AS count
        FROM (
          SELECT 1
            FROM (
              SELECT j.finished_at, j.error
                FROM ${tables.jobs} j
               WHERE j.batch_id = ${batchId}
              OFFSET 0) j
           WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL
           LIMIT ${limit}) discarded`,
  );
  return row?.count ?? 0;
}

/**
 * Ends a batch retry after its members were retried; the caller holds the batch's lock. Returns the
 * events whose callback was enqueued; throws RefusalError `app_name_unknown`.
 */
export async function completeBatchRetry(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  options: { keepDiscardedAt: boolean },
): Promise<BatchEvent[]> {
  await resetBatch(tx, tables, batchId, options);
  return runCompletionCheck(tx, tables, batchId, { hasDiscardedMember: false });
}

/**
 * Locks the jobs and retries those that are eligible. Returns one outcome for each id, in any
 * order.
 */
async function retryMembers(tx: Tx, tables: GoodJobTables, ids: string[]): Promise<Outcome[]> {
  if (ids.length === 0) return [];
  const claim = await claimJobs(tx, tables, ids);
  const checks = claim.jobs.map((job) => ({ job, outcome: eligibility('retry', job) }));
  const ready = checks.flatMap(({ job, outcome }) => (outcome ? [] : [job]));
  const retried = ready.length > 0 ? await retry(tx, tables, ready) : [];
  return [...claim.outcomes, ...checks.flatMap(({ outcome }) => outcome ?? []), ...retried];
}

/** Clears the finish times. Like Active Record, it sets `updated_at` only if a time changes. */
async function resetBatch(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  { keepDiscardedAt }: { keepDiscardedAt: boolean },
): Promise<void> {
  const now = await clock(tx);
  const hasJobsFinishedAt = tables.has('good_job_batches', 'jobs_finished_at');
  await tx.execute(sql`
    UPDATE ${tables.batches} b
       SET finished_at = NULL, updated_at = ${now}
           ${hasJobsFinishedAt ? sql`, jobs_finished_at = NULL` : empty}
           ${keepDiscardedAt ? empty : sql`, discarded_at = NULL`}
     WHERE b.id = ${batchId}
       AND (b.finished_at IS NOT NULL
           ${hasJobsFinishedAt ? sql`OR b.jobs_finished_at IS NOT NULL` : empty}
           ${keepDiscardedAt ? empty : sql`OR b.discarded_at IS NOT NULL`})`);
}
