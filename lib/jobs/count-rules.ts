import sql from 'sql-template-tag';
import type { Tx } from '../db/database';
import { JOB_STATES, type JobState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { wildcard } from '../search/conditions';
import type { Term } from '../search/terms';
import { type JobFilter, listedStates } from './filters';
import { redactedMatch } from './recheck';
import type { Count, JobCounts } from './types';

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
  tables: GoodJobTables,
  tabs: StateCounts,
  limits: CountLimits,
): Promise<Count | undefined> {
  if (Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const sizes = await sizesByIndexes(tx, tables);
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
  tables: GoodJobTables,
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
    sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${tables.jobs} j WHERE ${redactedMatch(tables, { state: null, terms }).sql}`,
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan && plausible(plan.Plan['Plan Rows'], tabs, limits);
}

export interface TableSizes {
  all: number | null;
  unfinished: number | null;
  finished: number | null;
  discarded: number | null;
}

interface Size {
  predicate: string | null;
  isIndex: boolean;
  count: number;
}

/** Rows of good_jobs and of its partial indexes as of the last VACUUM or ANALYZE; null: never looked at, or no such index. */
export async function sizesByIndexes(tx: Tx, tables: GoodJobTables): Promise<TableSizes> {
  const rows = await tx.query<Size>(sql`
    WITH jobs AS (SELECT c.oid, c.reltuples FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${tables.schema.name} AND c.relname = 'good_jobs')
    SELECT NULL AS predicate, false AS "isIndex", reltuples::float8 AS count FROM jobs
    UNION ALL
    SELECT pg_get_expr(i.indpred, i.indrelid), true, c.reltuples::float8
      FROM jobs JOIN pg_catalog.pg_index i ON i.indrelid = jobs.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indpred IS NOT NULL AND i.indisvalid`);
  // An index may be younger than the table's last ANALYZE; the largest is the one that knows.
  const size = (fits: (row: Size) => boolean) =>
    ((counts) => (counts.length > 0 ? Math.max(...counts) : null))(
      rows
        .filter(fits)
        .map(({ count }) => count)
        .filter((count) => count >= 0),
    );
  const of = (predicate: RegExp) =>
    size((row) => row.isIndex && predicate.test(row.predicate ?? ''));
  return {
    all: size((row) => !row.isIndex),
    unfinished: of(/^\(finished_at IS NULL\)$/),
    finished: of(/^\(finished_at IS NOT NULL\)$/),
    discarded: of(/^\(\(finished_at IS NOT NULL\) AND \(error IS NOT NULL\)\)$/),
  };
}
