import 'server-only';
import { countOutcomes } from '../audit/recorder';
import { type Snapshot, changesOf, readBatches } from '../audit/snapshot';
import {
  auditedTransaction,
  checkBulkLimit,
  hasBulkLimit,
  type WriteTx,
} from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import {
  type BatchRetryChunk,
  type BatchRetryProgress,
  INITIAL_PROGRESS,
  countDiscarded,
  retryBatchChunk,
} from '../good-job/batch-retry';
import { type BatchEvent, RefusalError } from '../good-job/enqueue';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import type { Outcome, RefusalCode } from '../good-job/types';

export interface BatchRetryResult {
  outcome: 'done' | 'missing' | 'locked' | 'refused' | 'unchanged';
  code?: RefusalCode;
  /** The number of retried jobs. */
  retried: number;
  /** The first MAX_SKIPPED discarded members that could not be retried. */
  skipped: Outcome[];
  /** The number of all members that could not be retried. */
  skippedCount: number;
  /** The callbacks that were enqueued again, because no job of the batch is unfinished. */
  events: BatchEvent[];
}

const MAX_SKIPPED = 20;

/**
 * Retries every discarded member (`GoodJob::Batch#retry`) in audited transactions of at most 500
 * jobs. If one fails, the earlier ones stay committed and the result counts them.
 *
 * Throws ConsoleError `forbidden`, `read_only` or `bulk_too_large`.
 */
export async function retryBatch(ctx: Ctx, batchId: string): Promise<BatchRetryResult> {
  const result: BatchRetryResult = {
    outcome: 'done',
    retried: 0,
    skipped: [],
    skippedCount: 0,
    events: [],
  };
  let progress: BatchRetryProgress = INITIAL_PROGRESS;
  for (;;) {
    try {
      const chunk = await retryChunk(ctx, batchId, progress);
      const skipped = chunk.jobs.filter((job) => job.outcome !== 'done');
      result.retried += chunk.jobs.length - skipped.length;
      result.skippedCount += skipped.length;
      result.skipped.push(...skipped.slice(0, MAX_SKIPPED - result.skipped.length));
      result.events.push(...chunk.events);
      result.outcome = chunk.outcome;
      if (chunk.next === null) return result;
      progress = { afterId: chunk.next, retried: result.retried, skipped: result.skippedCount };
    } catch (error) {
      if (error instanceof RefusalError) return { ...result, outcome: 'refused', code: error.code };
      if (error instanceof ConsoleError && error.code === 'locked')
        return { ...result, outcome: 'locked' };
      throw error;
    }
  }
}

async function retryChunk(
  ctx: Ctx,
  batchId: string,
  progress: BatchRetryProgress,
): Promise<BatchRetryChunk> {
  const target = { targetType: 'batch' as const, targetIds: [batchId] };
  return auditedTransaction(
    ctx,
    'batch.retry',
    async (tx) => {
      let before: Snapshot = new Map();
      const chunk = await retryBatchChunk(tx, ctx.tables, batchId, progress, async () => {
        if (progress === INITIAL_PROGRESS) await checkRetryLimit(tx, ctx, batchId);
        before = await readBatches(tx, ctx.tables, [batchId]);
      });
      await tx.audit({
        ...target,
        counts: chunk.outcome === 'missing' ? { missing: 1 } : countOutcomes(chunk.jobs),
        details: { outcome: chunk.outcome, events: chunk.events, last_chunk: chunk.next === null },
        ...changesOf(before, await readBatches(tx, ctx.tables, [batchId]), [...before.keys()]),
      });
      return chunk;
    },
    target,
  );
}

/**
 * Checks the whole batch first: a half-retried batch would be finished and still have open jobs.
 */
async function checkRetryLimit(tx: WriteTx, ctx: Ctx, batchId: string): Promise<void> {
  if (hasBulkLimit(ctx))
    checkBulkLimit(ctx, await countDiscarded(tx, ctx.tables, batchId, ctx.bulkOperatorLimit + 1));
}

/** `large`: nothing was changed, because the batch needs a run and a confirmation. */
export type BatchRetryResponse = BatchRetryResult | { outcome: 'large' };

/** The number of discarded members, or null for more than one transaction takes. */
export async function countRetriableJobs(ctx: Ctx, batchId: string): Promise<number | null> {
  const count = await ctx.db.read(
    (tx) => countDiscarded(tx, ctx.tables, batchId, MAX_JOBS_PER_TRANSACTION + 1),
    { byIndexOnly: true },
  );
  return count > MAX_JOBS_PER_TRANSACTION ? null : count;
}

/**
 * Whether the batch has more discarded jobs than one transaction takes, and a run can be stored.
 */
async function isLargeRetry(ctx: Ctx, batchId: string): Promise<boolean> {
  return ctx.bulkRuns && (await countRetriableJobs(ctx, batchId)) === null;
}

/** Retries a batch at once unless it is large; throws like retryBatch(). */
export async function retryBatchUnlessLarge(
  ctx: Ctx,
  batchId: string,
): Promise<BatchRetryResponse> {
  return (await isLargeRetry(ctx, batchId)) ? { outcome: 'large' } : retryBatch(ctx, batchId);
}
