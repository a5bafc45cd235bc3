import 'server-only';
import { env } from '../config/environment';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { ProcessCache, costTtl } from '../core/process-cache';
import { redactError } from '../redaction/redaction';
import { findDiscardedCallbacks, findHangingBatches } from './batch-checks';
import { type Found, GRACE_PERIODS, type GracePeriods, type CheckContext } from './check-context';
import { findFailingClasses, readJobErrors } from './failure-checks';
import {
  findInterruptedJobs,
  findLateJobs,
  findLostJobs,
  findOverdueCron,
  findStalledRuns,
  readLostJobs,
} from './job-checks';
import {
  findPausedJobs,
  findUnservedQueues,
  readReadyQueues,
  unservedQueues,
} from './queue-checks';
import { findSchemaGaps, findStaleStatistics, readCatalogue } from './schema-checks';
import {
  type Attention,
  type Check,
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  SEVERITIES,
  type Severity,
} from './types';

/** Nothing waits longer for one kind. */
const BUDGET_MS = 1_000;
/** So many transactions at once: pages must have connections, too. */
const LANES = 2;

const FINDERS: Record<FindingKind, (checkContext: CheckContext) => Promise<Found>> = {
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

export function createCheckContext(
  ctx: Ctx,
  gracePeriods: GracePeriods = GRACE_PERIODS,
): CheckContext {
  const checkContext: CheckContext = {
    ctx,
    gracePeriods,
    read: (fn, options = { byIndexOnly: true }) =>
      ctx.db.read(fn, { timeoutMs: BUDGET_MS, ...options }),
    catalogue: once(() => readCatalogue(checkContext)),
    lostJobs: once(() => readLostJobs(checkContext)),
    readyQueues: once(() => readReadyQueues(checkContext)),
    unserved: once(() => unservedQueues(checkContext)),
  };
  return checkContext;
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= read());
}

/** Looks for everything that needs attention, now. Throws when the database cannot be asked at all. */
export async function findAttention(
  ctx: Ctx,
  gracePeriods: GracePeriods = GRACE_PERIODS,
): Promise<Attention> {
  const checkContext = createCheckContext(ctx, gracePeriods);
  const results: CheckResult[] = [];
  const waiting: FindingKind[] = [...FINDING_KINDS];
  const lane = async () => {
    for (let kind = waiting.shift(); kind; kind = waiting.shift())
      results.push(await check(checkContext, kind));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const checks = await withTexts(checkContext, results);
  return {
    checkedAt: (await checkContext.catalogue()).now,
    readyMinutes: gracePeriods.readyMinutes,
    checks: checks.sort((a, b) => rank(a) - rank(b)),
  };
}

interface CheckResult {
  check: Check;
  errorsOf: string[];
}

async function check(checkContext: CheckContext, kind: FindingKind): Promise<CheckResult> {
  try {
    const {
      finding,
      incomplete,
      unknownOnStandby,
      errorsOf = [],
    } = await FINDERS[kind](checkContext);
    if (finding) return { check: { kind, result: 'found', finding }, errorsOf };
    if (unknownOnStandby)
      return { check: { kind, result: 'unknown', reason: 'standby' }, errorsOf };
    return {
      check: incomplete
        ? { kind, result: 'unknown', reason: 'query_timeout' }
        : { kind, result: 'clear' },
      errorsOf,
    };
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout')
      return { check: { kind, result: 'unknown', reason: error.code }, errorsOf: [] };
    throw error;
  }
}

/** The findings with the errors of their jobs, and with each text as viewers may see it: one read for all of them each. */
async function withTexts(checkContext: CheckContext, results: CheckResult[]): Promise<Check[]> {
  const errorOf = await readJobErrors(
    checkContext,
    results.flatMap(({ errorsOf }) => errorsOf),
  );
  const checks = results.map(({ check: one, errorsOf }): Check => {
    if (one.result !== 'found' || errorsOf.length === 0) return one;
    const items = one.finding.items.map((item, n) => ({ ...item, ...errorOf(errorsOf[n] ?? '') }));
    return { ...one, finding: { ...one.finding, items } as Finding };
  });
  const items = checks.flatMap((one): object[] =>
    one.result === 'found' ? [...one.finding.items] : [],
  );
  const names = items.map(queueOf).filter((queue) => typeof queue === 'string');
  const redactQueue = await redactNames(checkContext.ctx, 'queue_name', names);
  return checks.map((one) =>
    one.result === 'found' ? { ...one, finding: redactFinding(one.finding, redactQueue) } : one,
  );
}

function queueOf(item: object): unknown {
  if ('queue' in item) return item.queue;
  return 'by' in item && item.by === 'queue' && 'name' in item ? item.name : null;
}

/** What an error repeats of its job's arguments is hidden already. */
function redactFinding(finding: Finding, redactQueue: (name: string) => string): Finding {
  const items: object[] = finding.items;
  const redactItem = (item: object) => {
    const queue = queueOf(item);
    const text = (value: unknown) =>
      typeof value !== 'string' ? value : value === queue ? redactQueue(value) : redactError(value);
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
  return { ...finding, items: items.map(redactItem) } as Finding;
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

/** All viewers of this server share one search, and an expensive one runs less often. */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 10;
const MAX_TTL_MS = 30_000;
/** A reader waits no longer for a new search while there is a result that is not older than a minute. */
const WAIT_MS = 250;
const STALE_MS = 60_000;

const cache = new ProcessCache<Attention>('attention', {
  ttlMs: costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS),
  maxEntries: 20,
  expiresOnWrite: true,
});

/** What needs attention, as of a few seconds ago and not before the viewer's last change; while a search takes its time, the result of the one before. */
export function getAttention(ctx: Ctx): Promise<Attention> {
  return cache.get(ctx.tables.schema.identity, keyOf(ctx), () => search(ctx), {
    staleMs: STALE_MS,
    waitMs: WAIT_MS,
    maxAgeMs: ctx.maxAgeMs,
  });
}

/** Readers who only count findings let a result get this much older, so that a page view rarely pays for a search. */
const COUNT_IDLE_MS = 20_000;

/** The last result, without waiting; null: there is none, or an older one than `staleMs`. Searches behind the answer when it is older than half a minute. */
export async function lastAttention(ctx: Ctx, staleMs: number): Promise<Attention | null> {
  const { identity } = ctx.tables.schema;
  const options = { staleMs, idleMs: COUNT_IDLE_MS };
  return (await cache.latest(identity, keyOf(ctx), () => search(ctx), options)) ?? null;
}

/** What the findings depend on besides GoodJob's tables. */
const keyOf = ({ readOnly, consoleSchema, bulkRuns }: Ctx): string =>
  JSON.stringify([readOnly, consoleSchema, bulkRuns]);

function search(ctx: Ctx): Promise<Attention> {
  return findAttention(ctx, { ...GRACE_PERIODS, readyMinutes: env().attentionReadyMinutes });
}

/** An older number is not shown. */
const MAX_STALE_MS = 10 * 60_000;

export interface AttentionCount {
  findings: number;
  /** Of the worst one. */
  severity: Severity;
}

/**
 * How many findings /attention has, for the navigation: those of the last search, at once; another runs behind the answer
 * when it is half a minute old. Null: nothing; undefined: not known yet.
 */
export async function attentionCount(ctx: Ctx): Promise<AttentionCount | null | undefined> {
  const attention = await lastAttention(ctx, MAX_STALE_MS);
  return attention ? countFindings(attention) : undefined;
}

/** Null: nothing needs attention. */
export function countFindings({ checks }: Attention): AttentionCount | null {
  const severities = checks.flatMap((check) =>
    check.result === 'found' ? [check.finding.severity] : [],
  );
  const severity = SEVERITIES.find((one) => severities.includes(one));
  return severity ? { findings: severities.length, severity } : null;
}
