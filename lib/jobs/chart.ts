import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { stateOf } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { explain } from './count-rules';
import { type JobFilter, isUnderstood, resolveFilter } from './filters';
import {
  MAX_CHART_LARGE_BYTES,
  MAX_SEARCHED_BYTES,
  type RedactedMatch,
  SearchBudget,
  redactedMatch,
  scannedJob,
} from './recheck';
import {
  CHART_RANGES,
  MAX_CHART_SERIES,
  type Chart,
  type ChartRequest,
  type ChartSeries,
  isCreatedBound,
} from './types';

const LIMITS = {
  /** Planner cost up to which all jobs in the range are counted, about 100 ms. */
  exactCost: 20_000,
  /**
   * Maximum number of table pages in a sample: 40-80 ms with a warm cache, whatever the table's
   * size.
   */
  sampledPages: 5_000,
};
const EXACT_BUDGET_MS = 500;
const SAMPLE_BUDGET_MS = 1_500;
/** A fixed seed selects the same pages each time, so that a polling chart does not flicker. */
const SEED = 4_711;

const GROUPS = {
  state: stateOf,
  queue: sql`left(j.queue_name, 200)`,
  class: sql`left(j.job_class, 200)`,
};

const bucketCountRow = z.strictObject({
  bucket: z.number(),
  /** Rank of the name by frequency; null for the rest. */
  rank: z.number().nullable(),
  name: z.string().nullable(),
  count: z.number(),
  /** Number of counted jobs in all buckets. */
  scanned: z.number(),
});
type BucketCount = z.infer<typeof bucketCountRow>;

const bucketRow = z.strictObject({ bucket: z.number(), name: z.string().nullable() });
const countRow = z.strictObject({ count: z.number() });
const pagesRow = z.strictObject({ pages: z.number() });

/**
 * Returns the chart of a list. Bounds of the creation time are ignored, because the chart itself
 * sets them.
 */
export async function chartOfList(
  ctx: Ctx,
  input: JobFilter,
  request: ChartRequest,
): Promise<Chart> {
  const terms = input.terms.filter((term) => !isCreatedBound(term));
  const { filter } = await ctx.db.read((tx) => resolveFilter(tx, ctx.tables, { ...input, terms }));
  if (!isUnderstood(filter)) return chartJobs(ctx, sql`false`, request);
  const match = redactedMatch(ctx.tables, filter);
  const chart = await (match.needsRecheck
    ? chartRechecked(ctx, match, request)
    : chartJobs(ctx, match.sql, request));
  return request.by === 'queue' ? redactQueueNames(ctx, chart) : chart;
}

async function redactQueueNames(ctx: Ctx, chart: Chart): Promise<Chart> {
  const redact = await redactNames(
    ctx,
    'queue_name',
    chart.series.map(({ name }) => name),
  );
  return {
    ...chart,
    series: chart.series.map((series) => ({ ...series, name: redact(series.name) })),
  };
}

/** Maximum number of jobs that are rechecked. */
const MAX_RECHECKED = 4_000;

/**
 * Counts with a recheck of each job: exactly up to MAX_RECHECKED jobs in the range, else in a
 * sample that does not depend on the filter.
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
      const sample = await rangeSample(tx, ctx, inRange);
      const source = sql`(
        SELECT j.*
          FROM ${ctx.tables.jobs} j ${sample.clause}
         WHERE ${inRange} AND abs(hashtext(j.id::text)::bigint) % ${sample.oneOf} = 0
         LIMIT ${MAX_RECHECKED * 2}) j`;
      const scanned = await tx.query(
        scannedJob,
        match.endedScanSql(source, { maxBytes: MAX_SEARCHED_BYTES, limit: MAX_RECHECKED * 2 }),
      );
      if (scanned.some(({ exhausted }) => exhausted)) return null;
      const { ids, unsearched } = await match.visibleIds(
        tx,
        scanned,
        new SearchBudget({ largeBytes: MAX_CHART_LARGE_BYTES }),
      );
      const rows = await tx.query(
        bucketRow,
        sql`
          SELECT floor(extract(epoch FROM j.created_at - ${from}) / ${seconds})::int AS bucket,
                 ${GROUPS[by]} AS name
            FROM ${ctx.tables.jobs} j
           WHERE j.id = ANY(${[...ids]}::uuid[])`,
      );
      const factor = (100 / sample.percent) * sample.oneOf;
      return { rows, factor, isWhole: unsearched === 0 };
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
    series: toSeries(rankNames(answer.rows), buckets, answer.factor),
    accuracy,
  };
}

/**
 * Chooses a sample of about MAX_RECHECKED jobs in the range: a percentage of the table's pages, and
 * one in `oneOf` of their rows.
 */
async function rangeSample(
  tx: Tx,
  ctx: Ctx,
  inRange: Sql,
): Promise<{ clause: Sql; percent: number; oneOf: number }> {
  const { jobs } = ctx.tables;
  const [all] = await tx.query(
    countRow,
    sql`
      SELECT count(*)::int AS count
        FROM (SELECT 1 FROM ${jobs} j WHERE ${inRange} LIMIT ${MAX_RECHECKED + 1}) j`,
  );
  if ((all?.count ?? 0) <= MAX_RECHECKED) return { clause: empty, percent: 100, oneOf: 1 };
  const percent = await samplePercent(tx, ctx, LIMITS.sampledPages);
  const clause = sql`TABLESAMPLE SYSTEM (${percent}) REPEATABLE (${SEED})`;
  const [sampled] = await tx.query(
    countRow,
    sql`SELECT count(*)::int AS count FROM ${jobs} j ${clause} WHERE ${inRange}`,
  );
  const oneOf = Math.max(1, Math.ceil((sampled?.count ?? 0) / MAX_RECHECKED));
  return { clause, percent, oneOf };
}

/**
 * Counts rows by bucket and name in JavaScript, with the same result as the query of `chartJobs`.
 */
function rankNames(rows: z.infer<typeof bucketRow>[]): BucketCount[] {
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
  for (const [, counts] of order.slice(MAX_CHART_SERIES))
    for (const [bucket, count] of counts) others.set(bucket, (others.get(bucket) ?? 0) + count);
  const asRows = (counts: Map<number, number>, rank: number | null, name: string | null) =>
    [...counts].map(([bucket, count]) => ({ bucket, count, rank, name, scanned: rows.length }));
  return [
    ...order.slice(0, MAX_CHART_SERIES).flatMap(([name, counts], n) => asRows(counts, n + 1, name)),
    ...asRows(others, null, null),
  ];
}

/**
 * Returns the bounds of a range whose last bucket contains `nowMs`: `start` in seconds since 1970,
 * the rest ISO 8601.
 */
function boundsOf(
  range: ChartRequest['range'],
  nowMs: number,
): { start: number; from: string; to: string } {
  const { buckets, seconds } = CHART_RANGES[range];
  const start = (Math.floor(nowMs / 1000 / seconds) - buckets + 1) * seconds;
  return {
    start,
    from: new Date(start * 1000).toISOString(),
    to: new Date((start + buckets * seconds) * 1000).toISOString(),
  };
}

/**
 * Charts the jobs that satisfy `condition` (alias `j`) by creation time. It counts exactly by
 * index_good_jobs_on_created_at or the filter's index if the plan is cheap, else in a sample of the
 * table's pages.
 */
export async function chartJobs(
  ctx: Ctx,
  condition: Sql,
  { range, by }: ChartRequest,
  nowMs = Date.now(),
  limits = LIMITS,
): Promise<Chart> {
  const { buckets } = CHART_RANGES[range];
  const { start, from, to } = boundsOf(range, nowMs);
  const chart = (rows: BucketCount[], accuracy: Chart['accuracy'], factor = 1): Chart => ({
    range,
    by,
    start,
    series: toSeries(rows, buckets, factor),
    accuracy,
  });
  const countSql = (sample: Sql) =>
    bucketCountsSql(sql`${ctx.tables.jobs} j ${sample}`, condition, { range, by, from, to });
  const allSql = countSql(empty);
  if ((await planCost(ctx, allSql)) <= limits.exactCost) {
    const rows = await readWithinBudget(
      ctx,
      (tx) => tx.query(bucketCountRow, allSql),
      EXACT_BUDGET_MS,
    );
    if (rows) return chart(rows, { kind: 'exact' });
  }
  const sampled = await readWithinBudget(
    ctx,
    async (tx) => {
      const percent = await samplePercent(tx, ctx, limits.sampledPages);
      const sample = sql`TABLESAMPLE SYSTEM (${percent}) REPEATABLE (${SEED})`;
      return { percent, rows: await tx.query(bucketCountRow, countSql(sample)) };
    },
    SAMPLE_BUDGET_MS,
  );
  if (!sampled) return chart([], { kind: 'unknown' });
  return chart(
    sampled.rows,
    sampled.percent === 100
      ? { kind: 'exact' }
      : { kind: 'sample', rows: sampled.rows[0]?.scanned ?? 0 },
    100 / sampled.percent,
  );
}

/** Counts jobs `j` of `source` by bucket and name, with the most frequent names ranked. */
const bucketCountsSql = (
  source: Sql,
  condition: Sql,
  { range, by, from, to }: ChartRequest & { from: string; to: string },
): Sql => sql`
  WITH counted AS MATERIALIZED (
    SELECT floor(extract(epoch FROM j.created_at - ${from}) / ${CHART_RANGES[range].seconds})::int
             AS bucket,
           ${GROUPS[by]} AS name, count(*)::int AS count
      FROM ${source}
     WHERE j.created_at >= ${from} AND j.created_at < ${to} AND (${condition})
     GROUP BY 1, 2),
  top AS (
    SELECT name, row_number() OVER (ORDER BY sum(count) DESC, name)::int AS rank
      FROM counted
     GROUP BY name
     ORDER BY rank
     LIMIT ${MAX_CHART_SERIES})
  SELECT counted.bucket, top.rank, top.name, sum(counted.count)::int AS count,
         (SELECT sum(count)::int FROM counted) AS scanned
    FROM counted
    LEFT JOIN top ON top.name IS NOT DISTINCT FROM counted.name
   GROUP BY 1, 2, 3`;

async function planCost(ctx: Ctx, statement: Sql): Promise<number> {
  const plan = await ctx.db.read((tx) => explain(tx, statement));
  return plan?.['Total Cost'] ?? Infinity;
}

/**
 * Returns `maxPages` as a percentage of the table's pages, with four significant digits; 100 for a
 * smaller table.
 */
async function samplePercent(tx: Tx, ctx: Ctx, maxPages: number): Promise<number> {
  const [row] = await tx.query(
    pagesRow,
    sql`
      SELECT (pg_relation_size(c.oid) / current_setting('block_size')::int)::float8 AS pages
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${ctx.tables.schema.name} AND c.relname = 'good_jobs'`,
  );
  return row && row.pages > maxPages ? Number(((100 * maxPages) / row.pages).toPrecision(4)) : 100;
}

/** Returns null on a statement timeout. */
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

function toSeries(rows: BucketCount[], buckets: number, factor: number): ChartSeries[] {
  const byRank = new Map<number, ChartSeries>();
  for (const { bucket, rank, name, count } of rows) {
    const key = rank ?? MAX_CHART_SERIES + 1;
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
