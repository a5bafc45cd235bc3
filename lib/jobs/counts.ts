import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { JOB_STATES, type JobState, refreshRunning, stateOf } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { type JobFilter, isUnderstood, jobFilterParams, listedStates } from './filters';
import { redactedMatch } from './recheck';
import {
  type CountScope,
  type StateCount,
  countParts,
  recheckParts,
  sizesByIndexes,
} from './count-parts';
import { wildcard } from '../search/conditions';
import type { Term } from '../search/terms';
import type { Count, JobCounts } from './types';
import 'server-only';
import { ProcessCache, costTtl } from '../core/process-cache';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { indexTerms, knownSelected, select } from '../search/index-hints';
import { settle } from './resolve-filter';

/** How many rows a count may read of each part of the table. */
export interface CountLimits {
  /** The largest lower bound of one state, and the smallest estimate. */
  atLeast: number;
  /** Rows scanned where there is no filter. */
  scan: number;
  /** Rows scanned for a filter. */
  filteredScan: number;
  /** Rows scanned for a filter that reads texts. */
  textScan: number;
  /** Rows scanned where each match is checked again after redaction. */
  recheckScan: number;
}

export const COUNT_LIMITS: CountLimits = {
  atLeast: 10_000,
  scan: 40_000,
  filteredScan: 15_000,
  textScan: 4_000,
  recheckScan: 1_500,
};

export type StateCounts = Record<JobState, Count>;

export const countsOf = (of: (state: JobState) => Count): StateCounts =>
  Object.fromEntries(JOB_STATES.map((state) => [state, of(state)])) as StateCounts;

/** An exact count, or else a lower bound; unknown where the bound says nothing. */
export function exactOrAtLeast(isExact: boolean, count: number, limits: CountLimits): Count {
  if (isExact) return { kind: 'exact', count };
  return count > 0
    ? { kind: 'at_least', count: Math.min(count, limits.atLeast) }
    : { kind: 'unknown' };
}

/** The sum of counts is what the least certain of them is; no estimate is part of a lower bound. */
export function addCounts(counts: readonly Count[], limits: CountLimits): Count {
  const total = (kinds: readonly Count['kind'][]) =>
    counts.reduce(
      (sum, one) => sum + (one.kind !== 'unknown' && kinds.includes(one.kind) ? one.count : 0),
      0,
    );
  if (counts.every(({ kind }) => kind === 'exact'))
    return { kind: 'exact', count: total(['exact']) };
  if (counts.every(({ kind }) => kind === 'exact' || kind === 'estimate'))
    return { kind: 'estimate', count: total(['exact', 'estimate']) };
  const count = total(['exact', 'at_least']);
  const { atLeast } = limits;
  const rounded = count > atLeast ? Math.floor(count / atLeast) * atLeast : count;
  return count > 0 ? { kind: 'at_least', count: rounded } : { kind: 'unknown' };
}

/** The counts of a page from those of its states. `all`: an estimate that replaces a sum that is not exact. */
export function jobCounts(
  filter: Pick<JobFilter, 'state' | 'terms'>,
  tabs: StateCounts,
  { all: estimate, limits = COUNT_LIMITS }: { all?: Count; limits?: CountLimits } = {},
): JobCounts {
  const sum = addCounts(Object.values(tabs), limits);
  const all = estimate ?? sum;
  const listed = listedStates(filter).map((state) => tabs[state]);
  return { tabs, all, list: filter.state === null ? all : addCounts(listed, limits) };
}

/** An estimate that a lower bound does not contradict. */
function plausible(estimate: number, tabs: StateCounts, limits: CountLimits): Count | undefined {
  const bound = Object.values(tabs).reduce(
    (sum, one) => sum + (one.kind === 'exact' || one.kind === 'at_least' ? one.count : 0),
    0,
  );
  return estimate >= Math.max(limits.atLeast, bound)
    ? { kind: 'estimate', count: Math.round(estimate) }
    : undefined;
}

/**
 * Replaces counts that are not exact by what the statistics of the table and of its partial indexes say, and returns
 * the estimate for all jobs.
 */
export async function estimateAll(
  tx: Tx,
  gj: GoodJob,
  tabs: StateCounts,
  limits: CountLimits,
): Promise<Count | undefined> {
  if (Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const sizes = await sizesByIndexes(tx, gj);
  const estimateState = (state: JobState, size: number | null, ...others: JobState[]) => {
    if (size === null || tabs[state].kind === 'exact') return;
    let rest = size;
    for (const other of others) {
      const count = tabs[other];
      if (count.kind !== 'exact' && count.kind !== 'estimate') return;
      rest -= count.count;
    }
    // A small difference of two large estimates is mostly their error.
    if (rest >= Math.max(limits.atLeast, size / 2))
      tabs[state] = { kind: 'estimate', count: Math.round(rest) };
  };
  estimateState('discarded', sizes.discarded);
  estimateState('succeeded', sizes.finished, 'discarded');
  estimateState('queued', sizes.unfinished, 'scheduled', 'retried', 'running');
  return sizes.all === null ? undefined : plausible(sizes.all, tabs, limits);
}

/** What the planner expects for a filter of one class, queue or label; undefined for any other filter. */
export async function estimateTerm(
  tx: Tx,
  gj: GoodJob,
  terms: Term[],
  tabs: StateCounts,
  limits: CountLimits,
): Promise<Count | undefined> {
  const [term] = terms;
  const isKnown =
    terms.length === 1 &&
    term?.kind === 'match' &&
    !term.negated &&
    ['class', 'queue', 'label'].includes(term.field) &&
    term.values.every((value) => wildcard(value) === null);
  if (!isKnown || Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const [row] = await tx.query<{ 'QUERY PLAN': string }>(
    sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${gj.jobs} j WHERE ${redactedMatch(gj, { state: null, terms }).sql}`,
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan && plausible(plan.Plan['Plan Rows'], tabs, limits);
}

const NO_JOBS = countsOf(() => ({ kind: 'exact', count: 0 }));
const BUDGET_MS = 1_500;

const cache = new ProcessCache<JobCounts>('job counts', {
  ttlMs: costTtl(5_000, 50, 35_000),
  maxEntries: 500,
  expiresOnWrite: true,
});

/** Counts for the tabs and the list: cached for all viewers of this server, and not older than the viewer's last change. */
export async function countTabs(ctx: Ctx, filter: JobFilter): Promise<JobCounts> {
  if (!isUnderstood(filter)) return jobCounts(filter, NO_JOBS);
  const { gj, maxAgeMs } = ctx;
  const key = JSON.stringify(jobFilterParams({ ...filter, state: null, sort: null, limit: 25 }));
  const load = () => {
    refreshRunning(ctx);
    return readCounts(ctx, { ...filter, state: null }, COUNT_LIMITS).catch(unknown);
  };
  const { tabs, all } = await cache.get(gj.schema.identity, key, load, { maxAgeMs });
  return jobCounts(filter, tabs, { all });
}

function unknown(error: unknown): JobCounts {
  if (error instanceof ConsoleError && error.code === 'query_timeout')
    return jobCounts(
      { state: null, terms: [] },
      countsOf(() => ({ kind: 'unknown' })),
    );
  throw error;
}

/** Counts without the cache, under any limits. */
export async function readCounts(
  ctx: Ctx,
  filter: JobFilter,
  limits: CountLimits,
): Promise<JobCounts> {
  const { tabs, all } = await ctx.db.read(
    (tx) => countAll(tx, ctx.gj, { ...filter, state: null }, limits),
    { timeoutMs: BUDGET_MS, byIndexOnly: true },
  );
  return jobCounts(filter, tabs, { all, limits });
}

async function countAll(
  tx: Tx,
  gj: GoodJob,
  asked: JobFilter,
  limits: CountLimits,
): Promise<JobCounts> {
  const { filter } = await settle(tx, gj, asked);
  // Not by the state alone: that is what the parts below are for.
  const terms = indexTerms(gj, '', listedStates(filter), filter.terms).filter(({ key }) =>
    key.startsWith('['),
  );
  const known = knownSelected(gj, terms);
  const selected = known.selected ?? (known.all ? null : await select(tx, gj, terms));
  const match = redactedMatch(gj, filter);
  const scope: CountScope = { tx, gj, filter, match, limits };
  // Each of many rows would have to be checked again.
  if (!selected || (match.needsRecheck && selected.count > limits.textScan))
    return countParts(scope);
  const { condition } = selected.term;
  return match.needsRecheck ? countRechecked(scope, condition) : countByTerm(scope, condition);
}

/** All jobs on which an indexed term holds, each rechecked. */
async function countRechecked(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { filter, limits } = scope;
  const { counts, partial } = await recheckParts(
    scope,
    [{ name: 'all', where: condition }],
    limits.textScan + 1,
  );
  const tabs = countsOf((state) => {
    const count = counts.find((row) => row.state === state)?.count ?? 0;
    return exactOrAtLeast(partial.size === 0, count, limits);
  });
  return jobCounts(filter, tabs, { limits });
}

/** All jobs on which an indexed term holds: exact. */
async function countByTerm(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { tx, gj, filter, match, limits } = scope;
  const rows = await tx.query<StateCount>(sql`
    SELECT ${stateOf} AS state, count(*)::int AS count
      FROM (SELECT * FROM ${gj.jobs} j WHERE ${condition} OFFSET 0) j WHERE ${match.sql} GROUP BY 1`);
  const tabs = countsOf((state) => ({
    kind: 'exact',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  }));
  return jobCounts(filter, tabs, { limits });
}
