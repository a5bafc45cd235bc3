import 'server-only';
import sql from 'sql-template-tag';
import { type BatchRetryResult, retryBatch } from '../batches/mutations';
import type { Ctx } from '../ctx';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/claim';

/** `large`: nothing was done; it is for a run, which asks again. */
export type BatchRetryAnswer = BatchRetryResult | { outcome: 'large' };

/** Whether a batch has more discarded jobs than one transaction takes, and there is a place to keep a run in. */
export async function isLargeRetry(ctx: Ctx, batchId: string): Promise<boolean> {
  if (!ctx.bulkRuns) return false;
  // index_good_jobs_on_batch_id; OFFSET 0 keeps the planner from walking everybody's discarded jobs.
  const [row] = await ctx.db.read(
    (tx) => tx.query<{ count: number }>(sql`
      SELECT count(*)::int AS count FROM (
        SELECT 1 FROM (SELECT j.finished_at, j.error FROM ${ctx.gj.jobs} j WHERE j.batch_id = ${batchId} OFFSET 0) j
         WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL LIMIT ${MAX_JOBS_PER_TRANSACTION + 1}) discarded`),
    { byIndexOnly: true },
  );
  return (row?.count ?? 0) > MAX_JOBS_PER_TRANSACTION;
}

/** Batch retry at once, unless the batch is large. */
export async function retryBatchUnlessLarge(ctx: Ctx, batchId: string): Promise<BatchRetryAnswer> {
  return (await isLargeRetry(ctx, batchId)) ? { outcome: 'large' } : retryBatch(ctx, batchId);
}
