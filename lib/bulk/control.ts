import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { lockBatches } from '../good-job/locks';
import { checkBulkLimit } from './limits';
import { serverId, work, workOn } from './runner';
import { type RunRow, LEASE_S, RUNS, leaseEnd, readRun } from './runs';
import { endBatchRetry, forgetTargets } from './step';
import { type BulkAction, permissionOf } from './types';

export const CONTROLS = ['pause', 'resume', 'cancel'] as const;
export type Control = (typeof CONTROLS)[number];

/** `conflict`: the run is in no state for this any more. */
export type ControlOutcome = 'done' | 'conflict' | 'missing';

/**
 * Pauses, resumes or cancels a run, whichever server works on it: that one sees it before its next chunk. Needs the
 * permission of the run's own action. Throws ConsoleError `forbidden`, `read_only` or, to go on, `bulk_too_large`.
 */
export async function controlRun(
  ctx: Ctx,
  runId: string,
  control: Control,
): Promise<ControlOutcome> {
  const run = ctx.bulkRuns ? await ctx.db.read((tx) => readRun(tx, runId)) : null;
  if (!run) return 'missing';
  if (control === 'resume') return resume(ctx, runId, run.action);
  return auditedTransaction(
    ctx,
    permissionOf(run.action),
    async (tx) =>
      recorded(
        tx,
        runId,
        control,
        await (control === 'pause' ? pause(tx, ctx, runId) : cancel(tx, ctx, run)),
      ),
    attemptOf(runId, control),
  );
}

/** No reason is asked for: a run that goes wrong must stop at a click. */
const attemptOf = (runId: string, control: Control) => ({
  action: `bulk.${control}` as const,
  targetType: 'bulk_run' as const,
  targetIds: [runId],
  asksReason: false,
});

async function recorded<T extends string>(
  tx: WriteTx,
  runId: string,
  control: Control,
  outcome: T,
): Promise<T> {
  const { action, targetType, targetIds } = attemptOf(runId, control);
  await tx.audit({ action, targetType, targetIds, counts: { [outcome]: 1 }, details: {} });
  return outcome;
}

/** To go on with a run is as good as to start it. */
async function mayGoOn(tx: WriteTx, ctx: Ctx, runId: string): Promise<void> {
  const [run] = await tx.query<{ expected: number | null }>(
    sql`SELECT CASE expected_kind WHEN 'exact' THEN expected::int END AS expected FROM ${RUNS} WHERE id = ${runId}`,
  );
  if (run) checkBulkLimit(ctx, run.expected);
}

async function pause(tx: WriteTx, ctx: Ctx, runId: string): Promise<ControlOutcome> {
  const rows = await tx.query(sql`
    UPDATE ${RUNS} SET state = 'paused', pause_reason = NULL, controlled_by = ${ctx.viewer.id} WHERE id = ${runId} AND state = 'running' RETURNING 1`);
  return rows.length > 0 ? 'done' : 'conflict';
}

/** What is done stays done. A batch retry that has retried something ends as one, else its batch would count as finished with open jobs in it. */
async function cancel(tx: WriteTx, ctx: Ctx, run: RunRow): Promise<ControlOutcome> {
  // Its batch is locked, and its targets are, before its row is: as a chunk does it.
  if (run.action === 'batch_retry' && run.batchId) await lockBatches(tx, [run.batchId]);
  await forgetTargets(tx, run.id);
  const rows = await tx.query(sql`
    UPDATE ${RUNS} SET state = 'cancelled', pause_reason = NULL, controlled_by = ${ctx.viewer.id}, finished_at = clock_timestamp()
     WHERE id = ${run.id} AND state IN ('running', 'paused') RETURNING 1`);
  if (rows.length === 0) return 'conflict'; // an ended run has no targets: none was forgotten
  const now = await readRun(tx, run.id);
  if (now && run.action === 'batch_retry' && run.batchId && (now.counts.done ?? 0) > 0)
    await endBatchRetry(tx, ctx.tables, now, run.batchId);
  return 'done';
}

const LOOK_AGAIN_MS = 400;

/**
 * Goes on with a paused or interrupted run. A server that died a moment ago still has its lease: that one is waited
 * for, and either renews it, and so works on, or loses it to this one.
 */
async function resume(ctx: Ctx, runId: string, action: BulkAction): Promise<ControlOutcome> {
  const deadline = performance.now() + (LEASE_S + 2) * 1_000;
  let firstLease: string | null | undefined;
  let onRecord = false;
  for (;;) {
    const taken = await auditedTransaction(
      ctx,
      permissionOf(action),
      async (tx) => {
        if (!onRecord) await mayGoOn(tx, ctx, runId);
        const tried = await takeLease(tx, ctx, runId);
        if (!onRecord)
          await recorded(tx, runId, 'resume', tried.outcome === 'over' ? 'conflict' : 'done');
        return tried;
      },
      attemptOf(runId, 'resume'),
    );
    onRecord = true;
    if (taken.outcome === 'over') return 'conflict';
    // This server's own work may just have seen the pause, and be about to let go: of this lease too.
    const own = workOn(runId);
    if (taken.outcome === 'taken' && !own) {
      work(ctx, runId, action);
      return 'done';
    }
    if (taken.outcome === 'leased') {
      firstLease ??= taken.lease;
      if (taken.lease !== firstLease || performance.now() > deadline) return 'done';
      await sleep(LOOK_AGAIN_MS);
    }
    if (own) await Promise.race([own.ended, sleep(LOOK_AGAIN_MS)]);
  }
}

type Taken = { outcome: 'taken' | 'over' } | { outcome: 'leased'; lease: string | null };

async function takeLease(tx: WriteTx, ctx: Ctx, runId: string): Promise<Taken> {
  const [run] = await tx.query<{ live: boolean; lease: string | null }>(sql`
    UPDATE ${RUNS} SET controlled_by = CASE state WHEN 'paused' THEN ${ctx.viewer.id} ELSE controlled_by END, state = 'running', pause_reason = NULL
     WHERE id = ${runId} AND state IN ('running', 'paused')
     RETURNING coalesce(lease_expires_at > clock_timestamp(), false) AS live, lease_expires_at AS lease`);
  if (!run) return { outcome: 'over' };
  if (run.live) return { outcome: 'leased', lease: run.lease };
  await tx.query(
    sql`UPDATE ${RUNS} SET controlled_by = ${ctx.viewer.id}, lease_owner = ${serverId()}, lease_expires_at = ${leaseEnd} WHERE id = ${runId}`,
  );
  return { outcome: 'taken' };
}
