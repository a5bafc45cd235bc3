import sql, { empty } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { eligibility, retry } from './actions';
import { continueBatch } from './batches';
import { type BatchEvent } from './callbacks';
import { claimJobs } from './locks';
import { MAX_JOBS_PER_TRANSACTION, lockBatches } from './locks';
import { clock } from './notify';
import { type Outcome } from './outcomes';
import type { GoodJobTables } from './tables';

export interface BatchRetryChunk {
  /** `missing`: no such batch. `done`: the chunk is carried out, see `jobs`. `unchanged`: no member could be retried. */
  outcome: 'done' | 'missing' | 'unchanged';
  /** An outcome for each discarded member that this chunk took. */
  jobs: Outcome[];
  /** Continue with another transaction after this id; null: this was the last chunk, the batch is reset and checked. */
  next: string | null;
  /** Callbacks that the completion check enqueued again. */
  events: BatchEvent[];
}

/** What earlier chunks of the same batch retry came to; start with `START`. */
export interface BatchRetryProgress {
  afterId: string | null;
  retried: number;
  skipped: number;
}

export const START: BatchRetryProgress = { afterId: null, retried: 0, skipped: 0 };

/**
 * One transaction's worth of Batch#retry: at most MAX_JOBS_PER_TRANSACTION discarded members, in the order of
 * their ids, each retried under the claim. The batch itself is reset, and checked, in the last chunk only: until
 * then a finished batch stays finished, so the members that are retried already cannot complete it half-way.
 * `discarded_at` stays when a discarded member could not be retried; when none could be, nothing is changed.
 * `locked` is called under the batch's lock, before anything is changed.
 */
export async function retryBatchChunk(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  progress: BatchRetryProgress,
  locked?: () => Promise<void>,
): Promise<BatchRetryChunk> {
  await lockBatches(tx, [batchId]);
  const [batch] = await tx.query<{ id: string }>(
    sql`SELECT b.id FROM ${tables.batches} b WHERE b.id = ${batchId} FOR NO KEY UPDATE`,
  );
  if (!batch) return { outcome: 'missing', jobs: [], next: null, events: [] };
  await locked?.();

  const discarded = await tx.query<{ id: string }>(sql`
    SELECT j.id FROM ${tables.jobs} j
     WHERE j.batch_id = ${batchId} AND j.finished_at IS NOT NULL AND j.error IS NOT NULL
       ${progress.afterId === null ? empty : sql`AND j.id > ${progress.afterId}`}
     ORDER BY j.id LIMIT ${MAX_JOBS_PER_TRANSACTION + 1}`);
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

/** The batch's discarded members, `most` at most. */
export async function countDiscarded(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  most: number,
): Promise<number> {
  // index_good_jobs_on_batch_id; OFFSET 0 keeps the planner from walking everybody's discarded jobs.
  const [row] = await tx.query<{ count: number }>(sql`
    SELECT count(*)::int AS count FROM (
      SELECT 1 FROM (SELECT j.finished_at, j.error FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} OFFSET 0) j
       WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL LIMIT ${most}) discarded`);
  return row?.count ?? 0;
}

/** The end of a batch retry, when its members are retried; the caller holds the batch's lock. Returns the callbacks enqueued. */
export async function completeBatchRetry(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  options: { keepDiscardedAt: boolean },
): Promise<BatchEvent[]> {
  await resetBatch(tx, tables, batchId, options);
  return continueBatch(tx, tables, batchId, { memberDiscarded: false });
}

export async function retryMembers(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Outcome[]> {
  if (ids.length === 0) return [];
  const claim = await claimJobs(tx, tables, ids);
  const judged = claim.jobs.map((job) => ({ job, outcome: eligibility('retry', job) }));
  const ready = judged.flatMap(({ job, outcome }) => (outcome ? [] : [job]));
  const retried = ready.length > 0 ? await retry(tx, tables, ready) : [];
  return [...claim.outcomes, ...judged.flatMap(({ outcome }) => outcome ?? []), ...retried];
}

/** `updated_at` moves only if one of the times was set, as Active Record does. */
export async function resetBatch(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  { keepDiscardedAt }: { keepDiscardedAt: boolean },
): Promise<void> {
  const now = await clock(tx);
  const separate = tables.has('good_job_batches', 'jobs_finished_at');
  await tx.query(sql`
    UPDATE ${tables.batches} b SET finished_at = NULL, updated_at = ${now}
           ${separate ? sql`, jobs_finished_at = NULL` : empty} ${keepDiscardedAt ? empty : sql`, discarded_at = NULL`}
     WHERE b.id = ${batchId} AND (b.finished_at IS NOT NULL
           ${separate ? sql`OR b.jobs_finished_at IS NOT NULL` : empty} ${keepDiscardedAt ? empty : sql`OR b.discarded_at IS NOT NULL`})`);
}
