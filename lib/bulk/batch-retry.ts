import 'server-only';
import { type BatchRetryResult, retryBatch } from '../batches/mutations';
import type { Ctx } from '../ctx';
import { countDiscarded } from '../good-job/batch-retry';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/claim';

/** `large`: nothing was done; it is for a run, which asks again. */
export type BatchRetryAnswer = BatchRetryResult | { outcome: 'large' };

/** Whether a batch has more discarded jobs than one transaction takes, and there is a place to keep a run in. */
export async function isLargeRetry(ctx: Ctx, batchId: string): Promise<boolean> {
  if (!ctx.bulkRuns) return false;
  const count = await ctx.db.read(
    (tx) => countDiscarded(tx, ctx.gj, batchId, MAX_JOBS_PER_TRANSACTION + 1),
    { byIndexOnly: true },
  );
  return count > MAX_JOBS_PER_TRANSACTION;
}

/** Batch retry at once, unless the batch is large. */
export async function retryBatchUnlessLarge(ctx: Ctx, batchId: string): Promise<BatchRetryAnswer> {
  return (await isLargeRetry(ctx, batchId)) ? { outcome: 'large' } : retryBatch(ctx, batchId);
}
