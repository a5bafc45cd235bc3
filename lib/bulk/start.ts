import 'server-only';
import { randomUUID } from 'node:crypto';
import { NotConfirmed } from '../audit/attempts';
import { countOutcomes } from '../audit/recorder';
import { denial } from '../auth/roles';
import { type BatchRetryResult, retryBatch } from '../batches/mutations';
import { recordFailure, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { countDiscarded } from '../good-job/batch-retry';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import type { RowSnapshot } from '../good-job/row-snapshot';
import { changeJobs } from '../jobs/mutations';
import { countTouched, listAtOnce, listSelected } from './collect';
import { checkBulkLimit } from './limits';
import { serverId, work } from './runner';
import { completeNewRun, insertRun } from './runs';
import { settleTarget, targetParams } from './target';
import {
  type BulkAction,
  type BulkCount,
  type BulkTarget,
  MAX_SELECTED,
  type OutcomeCounts,
  CONFIRM_ABOVE,
  jobActionOf,
  permissionOf,
} from './types';

export interface BulkRequest {
  action: BulkAction;
  target: BulkTarget;
  /** reschedule only: ISO 8601 UTC; null: now. */
  scheduledAt: string | null;
  /** The preview that was confirmed: its cut-off and its number. */
  cutOff: RowSnapshot;
  expected: BulkCount;
  /** The number as it was typed; needed above CONFIRM_ABOVE. */
  confirmedCount: number | null;
}

export type BulkStart =
  | { kind: 'started'; runId: string }
  /** Without the console's own schema: done at once, and this is what became of the selected jobs. */
  | { kind: 'done'; counts: OutcomeCounts }
  /** Without the console's own schema there is nowhere to keep a run. */
  | { kind: 'needs_schema' }
  /**
   * More jobs than CONFIRM_ABOVE, and their number was not typed, or it is not the preview's. `more`: there are more jobs
   * than the number that was confirmed, so many.
   */
  | { kind: 'not_confirmed'; more?: number };

/**
 * Starts a run on the jobs of a preview: its row, its audit record and, mostly, the list of its jobs in one
 * transaction; this server then works on it. Throws ConsoleError `forbidden`, `read_only`, `bulk_too_large`, or
 * `bad_request` for a filter that could not be read.
 */
export async function startBulk(ctx: Ctx, request: BulkRequest): Promise<BulkStart> {
  const target = await ctx.db
    .read((tx) => settleTarget(tx, ctx.tables, request.target))
    .catch(async (error: unknown) => {
      await recordFailure(
        ctx,
        permissionOf(request.action),
        { details: detailsOf(request) },
        error,
      );
      throw error;
    });
  if (!ctx.bulkRuns && target.kind !== 'ids') return { kind: 'needs_schema' };
  try {
    if (!ctx.bulkRuns && target.kind === 'ids')
      return await changeSelected(ctx, request, target.ids);
    const runId = await createRun(ctx, { ...request, target });
    work(ctx, runId, request.action);
    return { kind: 'started', runId };
  } catch (error) {
    if (error instanceof NotConfirmed)
      return { kind: 'not_confirmed', ...(error.more === undefined ? {} : { more: error.more }) };
    throw error;
  }
}

/** The run's row, its audit record and the list of its jobs; leased to this server, which does not work on it yet. */
export async function createRun(
  ctx: Ctx,
  { action, target, scheduledAt, cutOff, expected, confirmedCount }: BulkRequest,
): Promise<string> {
  const id = randomUUID();
  const details = {
    cut_off: cutOff.at,
    ...(expected.kind === 'exact' ? { confirmed: expected.count } : {}),
    ...detailsOf({ target, scheduledAt }),
  };
  const about = aboutOf(target);
  await auditedTransaction(
    ctx,
    permissionOf(action),
    async (tx) => {
      const { viewer, requestId } = ctx;
      await insertRun(tx, {
        id,
        viewer: viewer.id,
        role: viewer.role,
        requestId,
        action,
        scheduledAt,
        target,
        cutOff,
        server: serverId(),
      });
      const listed =
        target.kind === 'ids'
          ? await listSelected(tx, id, target.ids)
          : await listAtOnce(tx, ctx.tables, id, action, target, cutOff);
      checkBulkLimit(ctx, listed);
      // Counted here and not taken from the browser.
      const touched =
        target.kind === 'ids' ? await countTouched(tx, ctx.tables, action, target, cutOff) : listed;
      checkConfirmed(touched, expected, confirmedCount);
      // Its jobs or its batch, and the run itself: each has it in its history.
      const auditId = await tx.audit({
        ...about,
        targetIds: target.kind === 'filter' ? [id, ...about.targetIds] : about.targetIds,
        counts: {},
        details: { bulk_run: id, ...details },
      });
      await completeNewRun(tx, id, {
        collected: listed !== null,
        expected: listed === null ? expected : { kind: 'exact', count: listed },
        auditId,
      });
    },
    { ...about, details },
  );
  return id;
}

/**
 * A run changes no more jobs than the number that was confirmed, and above CONFIRM_ABOVE that number was typed. Whether it
 * was exact is the browser's word, so jobs that could be counted are compared with it in any case. `count` null: not
 * listed at once. The list is then measured when it is complete, against an exact number (lib/bulk/step.ts); a lower
 * bound or an estimate is confirmed as what it is.
 */
function checkConfirmed(
  count: number | null,
  expected: BulkCount,
  confirmedCount: number | null,
): void {
  if (count !== null && count > expected.count) throw new NotConfirmed(count);
  const isLarge = (count ?? Math.max(expected.count, CONFIRM_ABOVE + 1)) > CONFIRM_ABOVE;
  if (isLarge && (confirmedCount === null || confirmedCount !== expected.count))
    throw new NotConfirmed();
}

/**
 * Before a preview: who may not do it need not know what it would do, and a filter with parameters that no list has is
 * no target. Throws ConsoleError `forbidden`, `read_only` or `bad_request`, on record.
 */
export async function requireBulk(ctx: Ctx, action: BulkAction, target: BulkTarget): Promise<void> {
  try {
    const denied = denial(ctx.viewer, permissionOf(action), ctx.readOnly);
    if (denied) throw new ConsoleError(denied);
    if (target.kind === 'filter') targetParams(target.query);
  } catch (error) {
    const details = { preview: true, ...detailsOf({ target, scheduledAt: null }) };
    await recordFailure(ctx, permissionOf(action), { ...aboutOf(target), details }, error);
    throw error;
  }
}

function aboutOf(target: BulkTarget) {
  switch (target.kind) {
    case 'ids':
      return { targetType: 'job' as const, targetIds: target.ids };
    case 'batch':
      return { targetType: 'batch' as const, targetIds: [target.batchId] };
    case 'filter':
      return { targetType: 'bulk_run' as const, targetIds: target.batchId ? [target.batchId] : [] };
  }
}

function detailsOf({
  target,
  scheduledAt,
}: Pick<BulkRequest, 'target' | 'scheduledAt'>): Record<string, string> {
  return {
    ...(target.kind === 'filter'
      ? { filter: target.query, ...(target.batchId ? { batch_id: target.batchId } : {}) }
      : {}),
    ...(scheduledAt ? { scheduled_at: scheduledAt } : {}),
  };
}

/** The selected rows of one page, in one transaction as any other action. */
async function changeSelected(
  ctx: Ctx,
  { action, target, scheduledAt, cutOff, expected, confirmedCount }: BulkRequest,
  ids: string[],
): Promise<BulkStart> {
  if (ids.length > MAX_SELECTED || action === 'batch_retry') throw new ConsoleError('bad_request');
  const distinct = [...new Set(ids)];
  return {
    kind: 'done',
    counts: countOutcomes(
      await changeJobs(ctx, jobActionOf(action), distinct, { scheduledAt, cutOff }, async (tx) => {
        checkBulkLimit(ctx, distinct.length);
        checkConfirmed(
          await countTouched(tx, ctx.tables, action, target, cutOff),
          expected,
          confirmedCount,
        );
      }),
    ),
  };
}

/** `large`: nothing was done; it is for a run, which asks again. */
export type BatchRetryAnswer = BatchRetryResult | { outcome: 'large' };

/** Whether a batch has more discarded jobs than one transaction takes, and there is a place to keep a run in. */
export async function isLargeRetry(ctx: Ctx, batchId: string): Promise<boolean> {
  if (!ctx.bulkRuns) return false;
  const count = await ctx.db.read(
    (tx) => countDiscarded(tx, ctx.tables, batchId, MAX_JOBS_PER_TRANSACTION + 1),
    { byIndexOnly: true },
  );
  return count > MAX_JOBS_PER_TRANSACTION;
}

/** Batch retry at once, unless the batch is large. */
export async function retryBatchUnlessLarge(ctx: Ctx, batchId: string): Promise<BatchRetryAnswer> {
  return (await isLargeRetry(ctx, batchId)) ? { outcome: 'large' } : retryBatch(ctx, batchId);
}
