import 'server-only';
import { countOutcomes } from '../audit/recorder';
import type { Permission } from '../auth/roles';
import { checkBulkLimit } from '../bulk/limits';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { MAX_BATCHES_PER_TRANSACTION, checkBatches } from '../good-job/batches';
import { MAX_JOBS_PER_TRANSACTION, releaseJobs } from '../good-job/locks';
import type { Outcome } from '../good-job/outcomes';
import type { PauseKind } from '../good-job/settings';
import { changePause } from '../pauses/mutations';
import { hangingBatchIds } from './batch-checks';
import { noteReleased, releasableJobIds } from './job-checks';
import { createCheckContext } from './queries';
import type { Repair, RepairResult, RepairTarget } from './types';

/** Rows that one repair takes up; what is left is found again. */
export const REPAIRED_AT_ONCE = 5_000;
const NOT_DONE_SHOWN = 20;

const PERMISSIONS_OF = {
  check_batches: 'batch.check',
  release_jobs: 'job.release',
} as const satisfies Record<Rows, Permission>;

type Rows = Exclude<Repair, 'unpause'>;

/** Carries out one repair. Throws ConsoleError `forbidden`, `read_only`, `bulk_too_large`. */
export async function repair(ctx: Ctx, target: RepairTarget): Promise<RepairResult> {
  return target.repair === 'unpause'
    ? unpause(ctx, target)
    : repairRows(ctx, target.repair, target.ids);
}

async function unpause(
  ctx: Ctx,
  { by, name }: { by: PauseKind; name: string },
): Promise<RepairResult> {
  const { outcome } = await changePause(ctx, 'unpause', { [by]: name });
  return {
    counts: { [outcome === 'unchanged' ? 'conflict' : outcome]: 1 },
    notDone: [],
    events: 0,
  };
}

/**
 * These batches or jobs, or (null) all that are found now: in transactions of their own, each with its audit record.
 * What earlier ones did stays done when a later one meets a lock.
 */
async function repairRows(ctx: Ctx, what: Rows, ids: string[] | null): Promise<RepairResult> {
  const targets = [...new Set(ids ?? (await found(ctx, what)))].slice(0, REPAIRED_AT_ONCE);
  const size = what === 'check_batches' ? MAX_BATCHES_PER_TRANSACTION : MAX_JOBS_PER_TRANSACTION;
  const result: RepairResult = { counts: {}, notDone: [], events: 0 };
  // Nothing to do is nothing done, but not for somebody who may not.
  for (let at = 0; at === 0 || at < targets.length; at += size) {
    const chunk = await repairChunk(ctx, what, targets.slice(at, at + size), targets.length);
    for (const one of chunk.outcomes) {
      result.counts[one.outcome] = (result.counts[one.outcome] ?? 0) + 1;
      if (one.outcome !== 'done' && result.notDone.length < NOT_DONE_SHOWN)
        result.notDone.push(one);
    }
    result.events += chunk.events;
    if (what === 'release_jobs')
      noteReleased(
        ctx,
        chunk.outcomes.filter(({ outcome }) => outcome === 'done').map(({ id }) => id),
      );
  }
  return result;
}

function found(ctx: Ctx, what: Rows): Promise<string[]> {
  const checkContext = createCheckContext(ctx);
  return what === 'check_batches'
    ? hangingBatchIds(checkContext).then(({ ids }) => ids)
    : releasableJobIds(checkContext);
}

interface Chunk {
  outcomes: Outcome[];
  events: number;
}

/** `all`: the rows of the whole repair. */
async function repairChunk(ctx: Ctx, what: Rows, ids: string[], all: number): Promise<Chunk> {
  try {
    const about = {
      targetType: what === 'release_jobs' ? ('job' as const) : ('batch' as const),
      targetIds: ids,
    };
    return await auditedTransaction(
      ctx,
      PERMISSIONS_OF[what],
      async (tx) => {
        checkBulkLimit(ctx, all);
        return ids.length === 0 ? { outcomes: [], events: 0 } : applyAction(tx, ctx, what, ids);
      },
      about,
    );
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'locked')
      return { outcomes: ids.map((id) => ({ id, outcome: 'locked' })), events: 0 };
    throw error;
  }
}

async function applyAction(
  tx: WriteTx,
  { tables }: Ctx,
  what: Rows,
  ids: string[],
): Promise<Chunk> {
  if (what === 'release_jobs') {
    const outcomes = await releaseJobs(tx, tables, ids);
    await tx.audit({
      targetType: 'job',
      targetIds: ids,
      counts: countOutcomes(outcomes),
      details: {},
    });
    return { outcomes, events: 0 };
  }
  const { outcomes, events } = await checkBatches(tx, tables, ids);
  await tx.audit({
    targetType: 'batch',
    targetIds: ids,
    counts: countOutcomes(outcomes),
    details: { events },
  });
  return { outcomes, events: events.length };
}
