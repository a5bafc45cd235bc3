import 'server-only';
import type { Ctx } from '../ctx';
import { ConsoleError } from '../errors';
import { clock } from '../good-job/clock';
import { redactError } from '../redaction';
import { redactNames } from '../redact-names';
import { newPageBudget } from '../redaction/row-secrets';
import { findDiscardedCallbacks } from './discarded-callbacks';
import { findFailingClasses } from './failing-classes';
import { findHangingBatches } from './hanging-batches';
import { findLateJobs } from './late-jobs';
import { type Found, GRACE, type Grace, type Look, type ReadyQueues } from './look';
import { findInterruptedJobs, findLostJobs } from './lost-jobs';
import { findOverdueCron } from './overdue-cron';
import { findPausedJobs } from './paused-jobs';
import { readReadyQueues } from './ready-queues';
import { findSchemaGaps } from './schema-gaps';
import { findStalledRuns } from './stalled-runs';
import { findStaleStatistics } from './stale-statistics';
import {
  type Attention,
  type Check,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  SEVERITIES,
} from './types';
import { findUnservedQueues, unservedQueues } from './unserved-queues';

/** Nothing waits longer for one kind. */
const BUDGET_MS = 1_000;
/** So many transactions at once: pages must have connections, too. */
const LANES = 2;

const FINDERS: Record<FindingKind, (look: Look) => Promise<Found>> = {
  hanging_batches: findHangingBatches,
  lost_jobs: findLostJobs,
  unserved_queues: findUnservedQueues,
  late_jobs: findLateJobs,
  overdue_cron: findOverdueCron,
  failing_classes: findFailingClasses,
  discarded_callbacks: findDiscardedCallbacks,
  schema_gaps: findSchemaGaps,
  stalled_runs: findStalledRuns,
  interrupted_jobs: findInterruptedJobs,
  paused_jobs: findPausedJobs,
  stale_statistics: findStaleStatistics,
};

export function lookOf(ctx: Ctx, grace: Grace = GRACE): Look {
  let queues: Promise<ReadyQueues> | undefined;
  let unserved: Promise<ReadyQueues> | undefined;
  const look: Look = {
    ctx,
    budget: newPageBudget(),
    grace,
    read: (fn, byIndexOnly = true) => ctx.db.read(fn, { timeoutMs: BUDGET_MS, byIndexOnly }),
    readyQueues: () => (queues ??= readReadyQueues(look)),
    unserved: () => (unserved ??= unservedQueues(look)),
  };
  return look;
}

/** Looks for everything that needs attention, now. Throws when the database cannot be asked at all. */
export async function findAttention(ctx: Ctx, grace: Grace = GRACE): Promise<Attention> {
  const look = lookOf(ctx, grace);
  const checks: Check[] = [];
  const waiting: FindingKind[] = [...FINDING_KINDS];
  const lane = async () => {
    for (let kind = waiting.shift(); kind; kind = waiting.shift())
      checks.push(await check(look, kind));
  };
  const [checkedAt] = await Promise.all([look.read(clock), ...Array.from({ length: LANES }, lane)]);
  return {
    checkedAt,
    readyMinutes: grace.readyMinutes,
    checks: checks.sort((a, b) => rank(a) - rank(b)),
  };
}

async function check(look: Look, kind: FindingKind): Promise<Check> {
  try {
    const { finding, incomplete } = await FINDERS[kind](look);
    if (finding) return { kind, result: 'found', finding: await shownFinding(look.ctx, finding) };
    return incomplete
      ? { kind, result: 'unknown', reason: 'query_timeout' }
      : { kind, result: 'clear' };
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout')
      return { kind, result: 'unknown', reason: error.code };
    throw error;
  }
}

/** Each text of it as it is shown; what an error repeats of its job's arguments is hidden already. */
async function shownFinding(ctx: Ctx, finding: Finding): Promise<Finding> {
  const items: object[] = finding.items;
  const queueOf = (item: object) =>
    'queue' in item
      ? item.queue
      : 'by' in item && item.by === 'queue' && 'name' in item
        ? item.name
        : null;
  const shownQueue = await redactNames(
    ctx,
    'queue_name',
    items.map(queueOf).filter((queue) => typeof queue === 'string'),
  );
  const shown = (item: object) => {
    const queue = queueOf(item);
    const text = (value: unknown) =>
      typeof value !== 'string' ? value : value === queue ? shownQueue(value) : redactError(value);
    const changed = Object.entries(item).map(
      ([name, value]: [string, unknown]) => [name, name === 'where' ? value : text(value)] as const,
    );
    // A link says the name of its queue or class too.
    const hides = changed.some(
      ([name, value]) =>
        (name === 'queue' || name === 'jobClass') &&
        value !== (item as Record<string, unknown>)[name],
    );
    return Object.fromEntries(
      changed.map(([name, value]) => [name, name === 'where' && hides ? finding.where : value]),
    );
  };
  return { ...finding, items: items.map(shown) } as Finding;
}

/** Findings first, by severity; then what is not known, then what is clear. */
function rank(check: Check): number {
  const group =
    check.result === 'found'
      ? SEVERITIES.indexOf(check.finding.severity)
      : check.result === 'unknown'
        ? 10
        : 20;
  return group * 100 + FINDING_KINDS.indexOf(check.kind);
}
