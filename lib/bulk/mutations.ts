import 'server-only';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { NotConfirmedError, countOutcomes } from '../audit/recorder';
import { denial } from '../auth/roles';
import {
  auditedTransaction,
  checkBulkLimit,
  recordFailure,
  type WriteTx,
} from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { lockBatches } from '../good-job/batches';
import type { RowSnapshot } from '../good-job/locks';
import { idRow } from '../good-job/tables';
import { changeJobs } from '../jobs/mutations';
import { countChangeable, listAtOnce, listSelected } from './collect';
import { resolveTarget, targetParams } from './preview';
import { enqueueRun, getActiveRun, serverId } from './runner';
import {
  LEASE_SECONDS,
  RUNS,
  type RunRow,
  completeNewRun,
  insertRun,
  leaseEnd,
  readRun,
} from './runs';
import { deleteTargets, finishBatchRetry } from './step';
import {
  type BulkAction,
  type BulkCount,
  type BulkStart,
  type BulkTarget,
  CONFIRM_ABOVE,
  type Control,
  type ControlOutcome,
  MAX_SELECTED,
  jobActionOf,
  permissionOf,
} from './types';

export interface BulkRequest {
  action: BulkAction;
  target: BulkTarget;
  /** Only for reschedule: ISO 8601 UTC; null means now. */
  scheduledAt: string | null;
  /** The cut-off and the total of the confirmed preview. */
  cutOff: RowSnapshot;
  expected: BulkCount;
  /** The number that the user entered; required above CONFIRM_ABOVE. */
  confirmedCount: number | null;
}

/**
 * Starts a run on the jobs of a preview; this server then processes it in the background. Throws
 * ConsoleError `forbidden`, `read_only`, `bulk_too_large`, or `bad_request` if the filter cannot be
 * parsed.
 */
export async function startBulk(ctx: Ctx, request: BulkRequest): Promise<BulkStart> {
  const target = await ctx.db
    .read((tx) => resolveTarget(tx, ctx.tables, request.target))
    .catch(async (error: unknown) => {
      await recordFailure(
        ctx,
        permissionOf(request.action),
        { details: auditDetails(request) },
        error,
      );
      throw error;
    });
  if (!ctx.bulkRuns && target.kind !== 'ids') return { kind: 'needs_schema' };
  try {
    if (!ctx.bulkRuns && target.kind === 'ids')
      return await changeSelected(ctx, request, target.ids);
    const runId = await createRun(ctx, { ...request, target });
    enqueueRun(ctx, runId, request.action);
    return { kind: 'started', runId };
  } catch (error) {
    if (error instanceof NotConfirmedError)
      return {
        kind: 'not_confirmed',
        ...(error.currentCount === undefined ? {} : { more: error.currentCount }),
      };
    throw error;
  }
}

/**
 * Creates the run, its audit record and, if possible, the list of its jobs in one transaction;
 * leased to this server, which does not process it yet. Returns its id; throws NotConfirmedError and
 * what startBulk() throws.
 */
export async function createRun(
  ctx: Ctx,
  { action, target, scheduledAt, cutOff, expected, confirmedCount }: BulkRequest,
): Promise<string> {
  const id = randomUUID();
  const details = {
    cut_off: cutOff.at,
    ...(expected.kind === 'exact' ? { confirmed: expected.count } : {}),
    ...auditDetails({ target, scheduledAt }),
  };
  const subject = auditTarget(target);
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
      const listedCount =
        target.kind === 'ids'
          ? await listSelected(tx, id, target.ids)
          : await listAtOnce(tx, ctx.tables, id, action, target, cutOff);
      checkBulkLimit(ctx, listedCount);
      // Counted here, because the browser's number cannot be trusted.
      const changeableCount =
        target.kind === 'ids'
          ? await countChangeable(tx, ctx.tables, action, target, cutOff)
          : listedCount;
      checkConfirmed(changeableCount, expected, confirmedCount);
      const auditId = await tx.audit({
        ...subject,
        targetIds: target.kind === 'filter' ? [id, ...subject.targetIds] : subject.targetIds,
        counts: {},
        details: { bulk_run: id, ...details },
      });
      await completeNewRun(tx, id, {
        collected: listedCount !== null,
        expected: listedCount === null ? expected : { kind: 'exact', count: listedCount },
        auditId,
      });
    },
    { ...subject, details },
  );
  return id;
}

/**
 * Throws NotConfirmedError if there are more jobs than the user confirmed, or if a number above
 * CONFIRM_ABOVE was not entered. `count` is null if the jobs are not listed yet: step.ts then
 * compares an exact number later.
 */
function checkConfirmed(
  count: number | null,
  expected: BulkCount,
  confirmedCount: number | null,
): void {
  if (count !== null && count > expected.count) throw new NotConfirmedError(count);
  const isLarge = (count ?? Math.max(expected.count, CONFIRM_ABOVE + 1)) > CONFIRM_ABOVE;
  if (isLarge && (confirmedCount === null || confirmedCount !== expected.count))
    throw new NotConfirmedError();
}

/**
 * Checks the permission and the filter's parameters before a preview. Throws ConsoleError
 * `forbidden`, `read_only` or `bad_request`, and audits it.
 */
export async function requireBulk(ctx: Ctx, action: BulkAction, target: BulkTarget): Promise<void> {
  try {
    const denied = denial(ctx.viewer, permissionOf(action), ctx.readOnly);
    if (denied) throw new ConsoleError(denied);
    if (target.kind === 'filter') targetParams(target.query);
  } catch (error) {
    const details = { preview: true, ...auditDetails({ target, scheduledAt: null }) };
    await recordFailure(ctx, permissionOf(action), { ...auditTarget(target), details }, error);
    throw error;
  }
}

function auditTarget(target: BulkTarget) {
  switch (target.kind) {
    case 'ids':
      return { targetType: 'job' as const, targetIds: target.ids };
    case 'batch':
      return { targetType: 'batch' as const, targetIds: [target.batchId] };
    case 'filter':
      return { targetType: 'bulk_run' as const, targetIds: target.batchId ? [target.batchId] : [] };
  }
}

function auditDetails({
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

/** Changes the selected rows of a page in one transaction, without a run. */
async function changeSelected(
  ctx: Ctx,
  { action, target, scheduledAt, cutOff, expected, confirmedCount }: BulkRequest,
  ids: string[],
): Promise<BulkStart> {
  if (ids.length > MAX_SELECTED || action === 'batch_retry') throw new ConsoleError('bad_request');
  const distinctIds = [...new Set(ids)];
  const outcomes = await changeJobs(
    ctx,
    jobActionOf(action),
    distinctIds,
    { scheduledAt, cutOff },
    async (tx) => {
      checkBulkLimit(ctx, distinctIds.length);
      const count = await countChangeable(tx, ctx.tables, action, target, cutOff);
      checkConfirmed(count, expected, confirmedCount);
    },
  );
  return { kind: 'done', counts: countOutcomes(outcomes) };
}

/**
 * Pauses, resumes or cancels a run; the server that processes it notices before its next chunk.
 * Requires the permission of the run's action.
 *
 * Throws ConsoleError `forbidden`, `read_only` or, for resume, `bulk_too_large`.
 */
export async function controlRun(
  ctx: Ctx,
  runId: string,
  control: Control,
): Promise<ControlOutcome> {
  const run = ctx.bulkRuns ? await ctx.db.read((tx) => readRun(tx, runId)) : null;
  if (!run) return 'missing';
  if (control === 'resume') return resumeRun(ctx, runId, run.action);
  return auditedTransaction(
    ctx,
    permissionOf(run.action),
    async (tx) => {
      const outcome = await (control === 'pause'
        ? pauseRun(tx, ctx, runId)
        : cancelRun(tx, ctx, run));
      await auditControl(tx, runId, control, outcome);
      return outcome;
    },
    controlTarget(runId, control),
  );
}

/** Controls never require a reason, so that one click stops a run. */
const controlTarget = (runId: string, control: Control) => ({
  action: `bulk.${control}` as const,
  targetType: 'bulk_run' as const,
  targetIds: [runId],
  asksReason: false,
});

async function auditControl(
  tx: WriteTx,
  runId: string,
  control: Control,
  outcome: ControlOutcome,
): Promise<void> {
  const { action, targetType, targetIds } = controlTarget(runId, control);
  await tx.audit({ action, targetType, targetIds, counts: { [outcome]: 1 }, details: {} });
}

const expectedRow = z.strictObject({ expected: z.number().nullable() });

/** Resuming a run is subject to the same limit as starting it. */
async function checkResumeLimit(tx: WriteTx, ctx: Ctx, runId: string): Promise<void> {
  const [run] = await tx.query(
    expectedRow,
    sql`
      SELECT CASE expected_kind WHEN 'exact' THEN expected::int END AS expected
        FROM ${RUNS}
       WHERE id = ${runId}`,
  );
  if (run) checkBulkLimit(ctx, run.expected);
}

async function pauseRun(tx: WriteTx, ctx: Ctx, runId: string): Promise<ControlOutcome> {
  const rows = await tx.query(
    idRow,
    sql`
      UPDATE ${RUNS}
         SET state = 'paused', pause_reason = NULL, controlled_by = ${ctx.viewer.id}
       WHERE id = ${runId} AND state = 'running'
       RETURNING id`,
  );
  return rows.length > 0 ? 'done' : 'conflict';
}

/**
 * Jobs that were changed stay changed. A partial batch retry still resets its batch, which would
 * otherwise be finished and have open jobs.
 */
async function cancelRun(tx: WriteTx, ctx: Ctx, run: RunRow): Promise<ControlOutcome> {
  // Locks the batch, the targets and then the run, in the order of a chunk.
  if (run.action === 'batch_retry' && run.batchId) await lockBatches(tx, [run.batchId]);
  await deleteTargets(tx, run.id);
  const rows = await tx.query(
    idRow,
    sql`
      UPDATE ${RUNS}
         SET state = 'cancelled',
             pause_reason = NULL,
             controlled_by = ${ctx.viewer.id},
             finished_at = clock_timestamp()
       WHERE id = ${run.id} AND state IN ('running', 'paused')
       RETURNING id`,
  );
  if (rows.length === 0) return 'conflict'; // A run that has ended has no targets to delete.
  const current = await readRun(tx, run.id);
  if (current && run.action === 'batch_retry' && run.batchId && (current.counts.done ?? 0) > 0)
    await finishBatchRetry(tx, ctx.tables, current, run.batchId);
  return 'done';
}

const LEASE_POLL_MS = 400;

/**
 * Resumes a paused or interrupted run. If another server has the lease, it waits until that server
 * renews it, and so is alive, or until it expires and this server takes it.
 */
async function resumeRun(ctx: Ctx, runId: string, action: BulkAction): Promise<ControlOutcome> {
  const deadline = performance.now() + (LEASE_SECONDS + 2) * 1_000;
  let firstExpiry: string | null | undefined;
  let isAudited = false;
  for (;;) {
    const shouldAudit = !isAudited;
    const result = await auditedTransaction(
      ctx,
      permissionOf(action),
      async (tx) => {
        if (shouldAudit) await checkResumeLimit(tx, ctx, runId);
        const lease = await takeLease(tx, ctx, runId);
        const outcome = lease.outcome === 'over' ? 'conflict' : 'done';
        if (shouldAudit) await auditControl(tx, runId, 'resume', outcome);
        return lease;
      },
      controlTarget(runId, 'resume'),
    );
    isAudited = true;
    if (result.outcome === 'over') return 'conflict';
    // This server may still be stopping the run after the pause, and would return the new lease,
    // too.
    const activeRun = getActiveRun(runId);
    if (result.outcome === 'acquired' && !activeRun) {
      enqueueRun(ctx, runId, action);
      return 'done';
    }
    if (result.outcome === 'leased') {
      firstExpiry ??= result.expiresAt;
      if (result.expiresAt !== firstExpiry || performance.now() > deadline) return 'done';
      await sleep(LEASE_POLL_MS);
    }
    if (activeRun) await Promise.race([activeRun.ended, sleep(LEASE_POLL_MS)]);
  }
}

type LeaseResult =
  { outcome: 'acquired' | 'over' } | { outcome: 'leased'; expiresAt: string | null };

const leaseRow = z.strictObject({ isLeased: z.boolean(), expiresAt: z.string().nullable() });

async function takeLease(tx: WriteTx, ctx: Ctx, runId: string): Promise<LeaseResult> {
  const [run] = await tx.query(
    leaseRow,
    sql`
      UPDATE ${RUNS}
         SET controlled_by = CASE state WHEN 'paused' THEN ${ctx.viewer.id} ELSE controlled_by END,
             state = 'running',
             pause_reason = NULL
       WHERE id = ${runId} AND state IN ('running', 'paused')
       RETURNING coalesce(lease_expires_at > clock_timestamp(), false) AS "isLeased",
                 lease_expires_at AS "expiresAt"`,
  );
  if (!run) return { outcome: 'over' };
  if (run.isLeased) return { outcome: 'leased', expiresAt: run.expiresAt };
  await tx.execute(sql`
    UPDATE ${RUNS}
       SET controlled_by = ${ctx.viewer.id},
           lease_owner = ${serverId()},
           lease_expires_at = ${leaseEnd}
     WHERE id = ${runId}`);
  return { outcome: 'acquired' };
}
