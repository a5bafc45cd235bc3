import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import type { JobState } from '../good-job/types';
import { likePattern } from '../search/conditions';
import type { Term } from '../search/terms';
import { type JobFilter, listedStates } from './filters';
import { redactedMatch } from './recheck';
import type { Count, JobCounts, StateCounts } from './types';

/** Limits on the rows that a count reads of each part of the table. */
export interface CountLimits {
  /** The largest lower bound that is reported for a state, and the smallest estimate. */
  atLeast: number;
  /** Rows scanned without a filter. */
  scan: number;
  /** Rows scanned with a filter. */
  filteredScan: number;
  /** Rows scanned with a filter that reads texts. */
  textScan: number;
  /** Rows scanned when each match is rechecked after redaction. */
  recheckScan: number;
}

export const COUNT_LIMITS: CountLimits = {
  atLeast: 10_000,
  scan: 40_000,
  filteredScan: 15_000,
  textScan: 4_000,
  recheckScan: 1_500,
};

/** Returns an exact count or a lower bound. A lower bound of 0 is `unknown`. */
export function exactOrAtLeast(isExact: boolean, count: number, limits: CountLimits): Count {
  if (isExact) return { kind: 'exact', count };
  return count > 0
    ? { kind: 'at_least', count: Math.min(count, limits.atLeast) }
    : { kind: 'unknown' };
}

/**
 * Adds counts; the sum is as certain as the least certain of them. If it is only a lower bound,
 * estimates are not added.
 */
function addCounts(counts: readonly Count[], limits: CountLimits): Count {
  const total = (kinds: readonly Count['kind'][]) =>
    counts.reduce(
      (sum, item) => sum + (item.kind !== 'unknown' && kinds.includes(item.kind) ? item.count : 0),
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

/**
 * Returns the counts of a page from those of its states. `all` is an estimate that replaces the
 * sum.
 */
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

/** Returns an estimate, unless it is below a lower bound or too small to be useful. */
function plausibleEstimate(
  estimate: number,
  tabs: StateCounts,
  limits: CountLimits,
): Count | undefined {
  const bound = Object.values(tabs).reduce(
    (sum, item) => sum + (item.kind === 'exact' || item.kind === 'at_least' ? item.count : 0),
    0,
  );
  return estimate >= Math.max(limits.atLeast, bound)
    ? { kind: 'estimate', count: Math.round(estimate) }
    : undefined;
}

/**
 * Replaces inexact counts by estimates from the statistics of the table and its partial indexes.
 * Returns the estimate for all jobs.
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
    // A small difference of two large estimates is mostly estimation error.
    if (rest >= Math.max(limits.atLeast, size / 2))
      tabs[state] = { kind: 'estimate', count: Math.round(rest) };
  };
  estimateState('discarded', sizes.discarded);
  estimateState('succeeded', sizes.finished, 'discarded');
  estimateState('queued', sizes.unfinished, 'scheduled', 'retried', 'running');
  return sizes.all === null ? undefined : plausibleEstimate(sizes.all, tabs, limits);
}

/**
 * Returns the planner's estimate for a filter of one class, queue or label; undefined for any other
 * filter.
 */
export async function estimateTerm(
  tx: Tx,
  tables: GoodJobTables,
  terms: Term[],
  tabs: StateCounts,
  limits: CountLimits,
): Promise<Count | undefined> {
  const [term] = terms;
  const hasStatistics =
    terms.length === 1 &&
    term?.kind === 'match' &&
    !term.negated &&
    ['class', 'queue', 'label'].includes(term.field) &&
    term.values.every((value) => likePattern(value) === null);
  if (!hasStatistics || Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const condition = redactedMatch(tables, { state: null, terms }).sql;
  const plan = await explain(tx, sql`SELECT 1 FROM ${tables.jobs} j WHERE ${condition}`);
  return plan && plausibleEstimate(plan['Plan Rows'], tabs, limits);
}

const planRow = z.strictObject({ 'QUERY PLAN': z.string() });
const planNode = z.object({ 'Plan Rows': z.number(), 'Total Cost': z.number() });
const explanation = z.tuple([z.object({ Plan: planNode })]);

/** Returns the planner's rows and cost of a statement. */
export async function explain(
  tx: Tx,
  statement: Sql,
): Promise<z.infer<typeof planNode> | undefined> {
  const [row] = await tx.query(planRow, sql`EXPLAIN (FORMAT JSON) ${statement}`);
  return row && explanation.parse(JSON.parse(row['QUERY PLAN']))[0].Plan;
}

/** Estimated rows; null if unknown. */
interface TableSizes {
  all: number | null;
  unfinished: number | null;
  finished: number | null;
  discarded: number | null;
}

const sizeRow = z.strictObject({
  /** Null for the table and for an index without a predicate. */
  predicate: z.string().nullable(),
  isIndex: z.boolean(),
  count: z.number(),
});
type Size = z.infer<typeof sizeRow>;

/** Returns the rows of good_jobs and its partial indexes as of the last VACUUM or ANALYZE. */
async function sizesByIndexes(tx: Tx, tables: GoodJobTables): Promise<TableSizes> {
  const rows = await tx.query(
    sizeRow,
    sql`
      WITH jobs AS (
        SELECT c.oid, c.reltuples
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ${tables.schema.name} AND c.relname = 'good_jobs')
      SELECT NULL AS predicate, false AS "isIndex", reltuples::float8 AS count
        FROM jobs
      UNION ALL
      SELECT pg_get_expr(i.indpred, i.indrelid), true, c.reltuples::float8
        FROM jobs
        JOIN pg_catalog.pg_index i ON i.indrelid = jobs.oid
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
       WHERE i.indpred IS NOT NULL AND i.indisvalid`,
  );
  // An index created after the last ANALYZE has no size yet, so the largest one counts.
  const largest = (isIncluded: (row: Size) => boolean) => {
    const counts = rows.filter((row) => isIncluded(row) && row.count >= 0);
    return counts.length > 0 ? Math.max(...counts.map(({ count }) => count)) : null;
  };
  const ofIndex = (predicate: RegExp) =>
    largest((row) => row.isIndex && predicate.test(row.predicate ?? ''));
  return {
    all: largest((row) => !row.isIndex),
    unfinished: ofIndex(/^\(finished_at IS NULL\)$/),
    finished: ofIndex(/^\(finished_at IS NOT NULL\)$/),
    discarded: ofIndex(/^\(\(finished_at IS NOT NULL\) AND \(error IS NOT NULL\)\)$/),
  };
}
