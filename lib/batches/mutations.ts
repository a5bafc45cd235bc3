import 'server-only';
import { countOutcomes } from '../audit/recorder';
import { type Snapshot, changesOf, readBatches } from '../audit/snapshot';
import { checkBulkLimit, hasBulkLimit } from '../bulk/limits';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import {
  type BatchRetryProgress,
  START,
  countDiscarded,
  retryBatchChunk,
} from '../good-job/batch-retry';
import type { BatchEvent } from '../good-job/callbacks';
import { type Outcome, Refusal, type RefusalCode } from '../good-job/outcomes';

/** What a batch retry came to. */
export interface BatchRetryResult {
  outcome: 'done' | 'missing' | 'locked' | 'refused' | 'unchanged';
  code?: RefusalCode;
  /** Jobs retried. */
  retried: number;
  /** Discarded members that could not be retried: the first SKIPPED_SHOWN of them, and how many there were. */
  skipped: Outcome[];
  skippedCount: number;
  /** Callbacks that were enqueued again at once, because no job of the batch is unfinished. */
  events: BatchEvent[];
}

const SKIPPED_SHOWN = 20;

/**
 * Batch#retry: every discarded member, in transactions of at most 500, each with its audit record. What earlier
 * chunks did stays done when a later one meets a lock; the result says how far it came. Throws ConsoleError `forbidden`,
 * `read_only` or `bulk_too_large`.
 */
export async function retryBatch(ctx: Ctx, batchId: string): Promise<BatchRetryResult> {
  const result: BatchRetryResult = {
    outcome: 'done',
    retried: 0,
    skipped: [],
    skippedCount: 0,
    events: [],
  };
  let progress: BatchRetryProgress = START;
  const about = { targetType: 'batch' as const, targetIds: [batchId] };
  for (;;) {
    try {
      const chunk = await auditedTransaction(
        ctx,
        'batch.retry',
        async (tx) => {
          let before: Snapshot = new Map();
          const done = await retryBatchChunk(tx, ctx.tables, batchId, progress, async () => {
            if (progress === START) await mayRetry(tx, ctx, batchId);
            before = await readBatches(tx, ctx.tables, [batchId]);
          });
          await tx.audit({
            ...about,
            counts: done.outcome === 'missing' ? { missing: 1 } : countOutcomes(done.jobs),
            details: { outcome: done.outcome, events: done.events, last_chunk: done.next === null },
            ...changesOf(before, await readBatches(tx, ctx.tables, [batchId]), [...before.keys()]),
          });
          return done;
        },
        about,
      );
      const skipped = chunk.jobs.filter((job) => job.outcome !== 'done');
      result.retried += chunk.jobs.length - skipped.length;
      result.skippedCount += skipped.length;
      result.skipped.push(...skipped.slice(0, SKIPPED_SHOWN - result.skipped.length));
      result.events.push(...chunk.events);
      result.outcome = chunk.outcome;
      if (chunk.next === null) return result;
      progress = { afterId: chunk.next, retried: result.retried, skipped: result.skippedCount };
    } catch (error) {
      if (error instanceof Refusal) return { ...result, outcome: 'refused', code: error.code };
      if (error instanceof ConsoleError && error.code === 'locked')
        return { ...result, outcome: 'locked' };
      throw error;
    }
  }
}

/** All of them, before the first is touched: a batch that is retried by half would count as finished with open jobs in it. */
async function mayRetry(tx: WriteTx, ctx: Ctx, batchId: string): Promise<void> {
  if (hasBulkLimit(ctx))
    checkBulkLimit(ctx, await countDiscarded(tx, ctx.tables, batchId, ctx.bulkOperatorLimit + 1));
}
