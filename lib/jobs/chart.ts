import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { stateOf } from '../good-job/states';
import { redaction } from '../redaction/redaction';
import { type JobFilter, isUnderstood } from './filters';
import { type RedactedMatch, type ScannedJob, SearchBudget, redactedMatch } from './recheck';
import { resolveFilter } from './resolve-filter';
import {
  CHART_RANGES,
  CHART_SERIES,
  type Chart,
  type ChartRequest,
  type ChartSeries,
  isCreatedBound,
} from './types';

const LIMITS = {
  /** The planner's price up to which every job in the range is counted: about 100 ms. */
  exactCost: 20_000,
  /** Pages of the table that a sample reads at most: 40-80 ms warm, whatever the table's size. */
  sampledPages: 5_000,
};
const EXACT_BUDGET_MS = 500;
const SAMPLE_BUDGET_MS = 1_500;
/** The same pages each time: a chart that refreshes must not flicker. */
const SEED = 4_711;

const GROUPS = {
  state: stateOf,
  queue: sql`left(j.queue_name, 200)`,
  class: sql`left(j.job_class, 200)`,
};

interface Counted {
  bucket: number;
  rank: number | null;
  name: string | null;
  count: number;
  looked: number;
}

/** The chart of a list. Its own bounds of the time of creation are left out: they are chosen in the chart. */
export async function chartOfList(
  ctx: Ctx,
  asked: JobFilter,
  request: ChartRequest,
): Promise<Chart> {
  const terms = asked.terms.filter((term) => !isCreatedBound(term));
  const { filter } = await ctx.db.read((tx) => resolveFilter(tx, ctx.tables, { ...asked, terms }));
  if (!isUnderstood(filter)) return chartJobs(ctx, sql`false`, request);
  const match = redactedMatch(ctx.tables, filter);
  const chart = await (match.needsRecheck
    ? chartRechecked(ctx, match, request)
    : chartJobs(ctx, match.sql, request));
  return request.by === 'queue' ? withShownQueues(ctx, chart) : chart;
}

async function withShownQueues(ctx: Ctx, chart: Chart): Promise<Chart> {
  const shown = await redactNames(
    ctx,
    'queue_name',
    chart.series.map(({ name }) => name),
  );
  return { ...chart, series: chart.series.map((one) => ({ ...one, name: shown(one.name) })) };
}

/** Jobs that are rechecked at most, and their bytes; beyond them there is no chart. */
const LOOKED_AGAIN = 4_000;
const RECHECKED_BYTES = 1_000_000;

/**
 * The same where each job found must be looked at again: of so many jobs in the range, exactly; of more, of a share of
 * them that does not depend on what is searched for.
 */
async function chartRechecked(
  ctx: Ctx,
  match: RedactedMatch,
  { range, by }: ChartRequest,
): Promise<Chart> {
  const { seconds, buckets } = CHART_RANGES[range];
  const { start, from, to } = boundsOf(range, Date.now());
  const inRange = sql`j.created_at >= ${from} AND j.created_at < ${to}`;
  const answer = await readWithinBudget(
    ctx,
    async (tx) => {
      const [all] = await tx.query<{ count: number }>(
        sql`SELECT count(*)::int AS count FROM (SELECT 1 FROM ${ctx.tables.jobs} j WHERE ${inRange} LIMIT ${LOOKED_AGAIN + 1}) j`,
      );
      const isSmall = (all?.count ?? 0) <= LOOKED_AGAIN;
      const percent = isSmall ? 100 : await sharePercent(tx, ctx, LIMITS.sampledPages);
      const sample = isSmall ? empty : sql`TABLESAMPLE SYSTEM (${percent}) REPEATABLE (${SEED})`;
      const [sampled] = isSmall
        ? [all]
        : await tx.query<{ count: number }>(
            sql`SELECT count(*)::int AS count FROM ${ctx.tables.jobs} j ${sample} WHERE ${inRange}`,
          );
      const oneOf = Math.max(1, Math.ceil((sampled?.count ?? 0) / LOOKED_AGAIN));
      const source = sql`(SELECT j.* FROM ${ctx.tables.jobs} j ${sample} WHERE ${inRange} AND abs(hashtext(j.id::text)::bigint) % ${oneOf} = 0 LIMIT ${LOOKED_AGAIN * 2}) j`;
      const scanned = await tx.query<ScannedJob>(
        match.endedScanSql(source, { maxBytes: RECHECKED_BYTES, limit: LOOKED_AGAIN * 2 }),
      );
      if (scanned.some(({ exhausted }) => exhausted)) return null;
      const { ids, unsearched } = await match.visibleIds(tx, scanned, new SearchBudget());
      const rows = await tx.query<{ bucket: number; name: string | null }>(sql`
      SELECT floor(extract(epoch FROM j.created_at - ${from}) / ${seconds})::int AS bucket, ${GROUPS[by]} AS name
        FROM ${ctx.tables.jobs} j WHERE j.id = ANY(${[...ids]}::uuid[])`);
      return { rows, factor: (100 / percent) * oneOf, isWhole: unsearched === 0 };
    },
    SAMPLE_BUDGET_MS * 2,
  );
  if (!answer) return { range, by, start, series: [], accuracy: { kind: 'unknown' } };
  const accuracy: Chart['accuracy'] =
    answer.factor === 1 && answer.isWhole
      ? { kind: 'exact' }
      : { kind: 'sample', rows: answer.rows.length };
  return {
    range,
    by,
    start,
    series: toSeries(ranked(answer.rows), buckets, answer.factor),
    accuracy,
  };
}

/** As the database counts them: by bucket and name, the most frequent names by rank. */
function ranked(rows: { bucket: number; name: string | null }[]): Counted[] {
  const names = new Map<string | null, Map<number, number>>();
  for (const { bucket, name } of rows) {
    const counts = names.get(name) ?? new Map<number, number>();
    names.set(name, counts.set(bucket, (counts.get(bucket) ?? 0) + 1));
  }
  const total = (counts: Map<number, number>) =>
    [...counts.values()].reduce((sum, count) => sum + count, 0);
  const order = [...names].sort(
    ([a, ofA], [b, ofB]) => total(ofB) - total(ofA) || String(a).localeCompare(String(b)),
  );
  const others = new Map<number, number>();
  for (const [, counts] of order.slice(CHART_SERIES))
    for (const [bucket, count] of counts) others.set(bucket, (others.get(bucket) ?? 0) + count);
  const asRows = (counts: Map<number, number>, rank: number | null, name: string | null) =>
    [...counts].map(([bucket, count]) => ({ bucket, count, rank, name, looked: rows.length }));
  return [
    ...order.slice(0, CHART_SERIES).flatMap(([name, counts], n) => asRows(counts, n + 1, name)),
    ...asRows(others, null, null),
  ];
}

/** Whole buckets, the last of them with now in it: seconds since 1970, and ISO 8601. `now`: ms. */
function boundsOf(
  range: ChartRequest['range'],
  now: number,
): { start: number; from: string; to: string } {
  const { buckets, seconds } = CHART_RANGES[range];
  const start = (Math.floor(now / 1000 / seconds) - buckets + 1) * seconds;
  return {
    start,
    from: new Date(start * 1000).toISOString(),
    to: new Date((start + buckets * seconds) * 1000).toISOString(),
  };
}

/**
 * Jobs on which `condition` (alias `j`) holds, by when they were created. Counted exactly by
 * index_good_jobs_on_created_at (or the filter's own index) where the planner finds that cheap; else reckoned from a
 * sample of the table's pages. `now`: ms.
 */
export async function chartJobs(
  ctx: Ctx,
  condition: Sql,
  { range, by }: ChartRequest,
  now = Date.now(),
  limits = LIMITS,
): Promise<Chart> {
  const { buckets, seconds } = CHART_RANGES[range];
  const { start, from, to } = boundsOf(range, now);
  const chart = (rows: Counted[], accuracy: Chart['accuracy'], factor = 1): Chart => ({
    range,
    by,
    start,
    series: toSeries(rows, buckets, factor),
    accuracy,
  });
  const counted = (sample: Sql) => sql`
    WITH counted AS MATERIALIZED (
      SELECT floor(extract(epoch FROM j.created_at - ${from}) / ${seconds})::int AS bucket, ${GROUPS[by]} AS name, count(*)::int AS count
        FROM ${ctx.tables.jobs} j ${sample} WHERE j.created_at >= ${from} AND j.created_at < ${to} AND (${condition}) GROUP BY 1, 2),
    top AS (
      SELECT name, row_number() OVER (ORDER BY sum(count) DESC, name)::int AS rank FROM counted GROUP BY name ORDER BY rank LIMIT ${CHART_SERIES})
    SELECT counted.bucket, top.rank, top.name, sum(counted.count)::int AS count, (SELECT sum(count)::int FROM counted) AS looked
      FROM counted LEFT JOIN top ON top.name IS NOT DISTINCT FROM counted.name GROUP BY 1, 2, 3`;

  if ((await priceOf(ctx, counted(empty))) <= limits.exactCost) {
    const rows = await readWithinBudget(
      ctx,
      (tx) => tx.query<Counted>(counted(empty)),
      EXACT_BUDGET_MS,
    );
    if (rows) return chart(rows, { kind: 'exact' });
  }
  const sampled = await readWithinBudget(
    ctx,
    async (tx) => {
      const percent = await sharePercent(tx, ctx, limits.sampledPages);
      return {
        percent,
        rows: await tx.query<Counted>(
          counted(sql`TABLESAMPLE SYSTEM (${percent}) REPEATABLE (${SEED})`),
        ),
      };
    },
    SAMPLE_BUDGET_MS,
  );
  if (!sampled) return chart([], { kind: 'unknown' });
  return chart(
    sampled.rows,
    sampled.percent === 100
      ? { kind: 'exact' }
      : { kind: 'sample', rows: sampled.rows[0]?.looked ?? 0 },
    100 / sampled.percent,
  );
}

async function priceOf(ctx: Ctx, statement: Sql): Promise<number> {
  const [row] = await ctx.db.read((tx) =>
    tx.query<{ 'QUERY PLAN': string }>(sql`EXPLAIN (FORMAT JSON) ${statement}`),
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Total Cost': number } }[];
  return plan?.Plan['Total Cost'] ?? Infinity;
}

/** How much of the table so many pages are, in percent, to four digits; 100 for a table that is no larger. */
async function sharePercent(tx: Tx, ctx: Ctx, sampled: number): Promise<number> {
  const [row] = await tx.query<{ pages: number }>(sql`
    SELECT (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS pages FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${ctx.tables.schema.name} AND c.relname = 'good_jobs'`);
  return row && row.pages > sampled ? Number(((100 * sampled) / row.pages).toPrecision(4)) : 100;
}

/** Null: cut by the statement timeout. */
async function readWithinBudget<T>(
  ctx: Ctx,
  read: (tx: Tx) => Promise<T>,
  timeoutMs: number,
): Promise<T | null> {
  return ctx.db.read(read, { timeoutMs }).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
    throw error;
  });
}

function toSeries(rows: Counted[], buckets: number, factor: number): ChartSeries[] {
  const byRank = new Map<number, ChartSeries>();
  for (const { bucket, rank, name, count } of rows) {
    const key = rank ?? CHART_SERIES + 1;
    const series = byRank.get(key) ?? {
      name: name && redaction().redactText(name),
      other: rank === null,
      counts: new Array<number>(buckets).fill(0),
    };
    byRank.set(key, series);
    if (bucket >= 0 && bucket < buckets) series.counts[bucket] = Math.round(count * factor);
  }
  return [...byRank].sort(([a], [b]) => a - b).map(([, series]) => series);
}
