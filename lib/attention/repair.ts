import 'server-only';
import { countOutcomes } from '../audit/recorder';
import type { Permission } from '../auth/roles';
import { auditedTransaction, checkBulkLimit, type WriteTx } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { MAX_BATCHES_PER_TRANSACTION, checkHangingBatches } from '../good-job/batches';
import { MAX_JOBS_PER_TRANSACTION, releaseJobs } from '../good-job/locks';
import type { Outcome, PauseKind } from '../good-job/types';
import { changePause, dropEnd } from '../pauses/mutations';
import { readHangingBatchIds } from './batch-checks';
import { recordReleases, releasableJobIds } from './job-checks';
import { createCheckContext } from './queries';
import type { Repair, RepairResult, RepairTarget } from './types';

/** Maximum rows of one repair; the next search finds the remaining ones. */
const MAX_ROWS = 5_000;
const MAX_FAILURES_LISTED = 20;

type RowRepair = Exclude<Repair, 'unpause' | 'drop_end'>;

const PERMISSIONS = {
  check_batches: 'batch.check',
  release_jobs: 'job.release',
} as const satisfies Record<RowRepair, Permission>;

/**
 * Runs one repair: the completion check of batches
 * (`GoodJob::BatchRecord#_continue_discard_or_finish`), the release of lost jobs
 * (`GoodJob::Process.cleanup`), an unpause, or dropping the end of a timed pause. Throws
 * ConsoleError `forbidden`, `read_only` and `bulk_too_large`.
 */
export async function repair(ctx: Ctx, target: RepairTarget): Promise<RepairResult> {
  if ('ids' in target) return repairRows(ctx, target.repair, target.ids);
  return target.repair === 'unpause' ? unpause(ctx, target) : dropPauseEnd(ctx, target);
}

interface PauseTarget {
  by: PauseKind;
  name: string;
}

async function unpause(ctx: Ctx, { by, name }: PauseTarget): Promise<RepairResult> {
  const { outcome } = await changePause(ctx, 'unpause', { [by]: name });
  const isDone = outcome === 'done' || outcome === 'locked' || outcome === 'refused';
  return { counts: { [isDone ? outcome : 'conflict']: 1 }, failures: [], events: 0 };
}

async function dropPauseEnd(ctx: Ctx, { by, name }: PauseTarget): Promise<RepairResult> {
  const wasDropped = await dropEnd(ctx, { kind: by, name });
  return { counts: { [wasDropped ? 'done' : 'conflict']: 1 }, failures: [], events: 0 };
}

/**
 * Repairs the given rows, or (null) all that a search finds now. Each chunk is a transaction with
 * its own audit record, so a lock in a later chunk does not undo earlier ones.
 */
async function repairRows(ctx: Ctx, kind: RowRepair, ids: string[] | null): Promise<RepairResult> {
  const targets = [...new Set(ids ?? (await findTargets(ctx, kind)))].slice(0, MAX_ROWS);
  const size = kind === 'check_batches' ? MAX_BATCHES_PER_TRANSACTION : MAX_JOBS_PER_TRANSACTION;
  const result: RepairResult = { counts: {}, failures: [], events: 0 };
  // Runs one empty chunk if there are no rows, so that permissions are still checked.
  for (let at = 0; at === 0 || at < targets.length; at += size) {
    const chunk = await repairChunk(ctx, kind, targets.slice(at, at + size), targets.length);
    for (const row of chunk.outcomes) {
      result.counts[row.outcome] = (result.counts[row.outcome] ?? 0) + 1;
      if (row.outcome !== 'done' && result.failures.length < MAX_FAILURES_LISTED)
        result.failures.push(row);
    }
    result.events += chunk.events;
    if (kind === 'release_jobs')
      recordReleases(
        ctx,
        chunk.outcomes.filter(({ outcome }) => outcome === 'done').map(({ id }) => id),
      );
  }
  return result;
}

function findTargets(ctx: Ctx, kind: RowRepair): Promise<string[]> {
  const checkContext = createCheckContext(ctx);
  return kind === 'check_batches'
    ? readHangingBatchIds(checkContext).then(({ ids }) => ids)
    : releasableJobIds(checkContext);
}

interface ChunkResult {
  outcomes: Outcome[];
  /** Callback jobs that were enqueued. */
  events: number;
}

/**
 * `totalRows` counts the rows of all chunks, because the bulk limit applies to the whole repair.
 */
async function repairChunk(
  ctx: Ctx,
  kind: RowRepair,
  ids: string[],
  totalRows: number,
): Promise<ChunkResult> {
  try {
    return await auditedTransaction(
      ctx,
      PERMISSIONS[kind],
      async (tx) => {
        checkBulkLimit(ctx, totalRows);
        return ids.length === 0 ? { outcomes: [], events: 0 } : applyRepair(tx, ctx, kind, ids);
      },
      { targetType: kind === 'release_jobs' ? 'job' : 'batch', targetIds: ids },
    );
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'locked')
      return { outcomes: ids.map((id) => ({ id, outcome: 'locked' })), events: 0 };
    throw error;
  }
}

async function applyRepair(
  tx: WriteTx,
  { tables }: Ctx,
  kind: RowRepair,
  ids: string[],
): Promise<ChunkResult> {
  if (kind === 'release_jobs') {
    const outcomes = await releaseJobs(tx, tables, ids);
    await tx.audit({
      targetType: 'job',
      targetIds: ids,
      counts: countOutcomes(outcomes),
      details: {},
    });
    return { outcomes, events: 0 };
  }
  const { outcomes, events } = await checkHangingBatches(tx, tables, ids);
  await tx.audit({
    targetType: 'batch',
    targetIds: ids,
    counts: countOutcomes(outcomes),
    details: { events },
  });
  return { outcomes, events: events.length };
}
