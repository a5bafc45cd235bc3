import 'server-only';
import sql, { type Sql, empty, join } from 'sql-template-tag';
import { z } from 'zod';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { finiteSeconds, secondsBetween } from '../db/text-limit';
import { REDACTION_MARKER, redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import {
  BUCKETS,
  type ExecutionStats,
  HISTOGRAM,
  type Measurement,
  type Percentiles,
  type Performance,
  type PerformanceFilter,
  type Period,
  RANGES,
  type SlowExecution,
} from './filters';
import { accuracyOf, missingIndex, selectExecutions } from './source';

/** Executions to scan in a period and in the preceding one; each costs about 8 µs. */
const TARGET = 20_000;
const TARGET_BEFORE = 8_000;
/** Higher for one class, because the scan discards most executions at once. */
const TARGET_CLASS = 40_000;
const TARGET_CLASS_BEFORE = 12_000;
const TIMEOUT_MS = 2_500;
const NAME_LENGTH = 300;
const MAX_NAMES = 1_000;
const MAX_SLOWEST = 20;

/** Executions to scan at most, approximately. */
interface Limits {
  target: number;
  targetBefore: number;
}

/**
 * Measures the executions that started in a period, all or of one class, and those of the preceding
 * period. Names are redacted; a period that times out has the accuracy `unknown`.
 */
export async function measure(
  ctx: Ctx,
  filter: PerformanceFilter,
  jobClass: string | null = null,
  limits: Limits = jobClass === null
    ? { target: TARGET, targetBefore: TARGET_BEFORE }
    : { target: TARGET_CLASS, targetBefore: TARGET_CLASS_BEFORE },
): Promise<Performance> {
  const period = await periodOf(ctx, filter);
  const lengthMs = Date.parse(period.to) - Date.parse(period.from);
  const previousPeriod: Period = {
    from: new Date(Date.parse(period.from) - lengthMs).toISOString(),
    to: period.from,
  };
  const buckets = BUCKETS[filter.range];
  const [now, before, hint] = await Promise.all([
    readWithinBudget(ctx, (tx) =>
      measurePeriod(tx, ctx, {
        period,
        buckets,
        jobClass,
        target: limits.target,
        withCharts: true,
      }),
    ),
    readWithinBudget(ctx, (tx) =>
      measurePeriod(tx, ctx, {
        period: previousPeriod,
        buckets,
        jobClass,
        target: limits.targetBefore,
        withCharts: false,
      }),
    ),
    ctx.db.read((tx) => missingIndex(tx, ctx.tables, period), { byIndexOnly: true }),
  ]);
  const redactQueue = await redactNames(
    ctx,
    'queue_name',
    [...now.queues, ...before.queues].map(({ name }) => name),
  );
  const redactQueues = (measurement: Measurement): Measurement => ({
    ...measurement,
    queues: measurement.queues.map((figures) => ({ ...figures, name: redactQueue(figures.name) })),
    slowest: measurement.slowest.map((execution) => ({
      ...execution,
      queueName: redactQueue(execution.queueName),
    })),
  });
  return { period, buckets, now: redactQueues(now), before: redactQueues(before), hint };
}

const UNKNOWN: Measurement = {
  accuracy: { kind: 'unknown' },
  total: null,
  classes: [],
  queues: [],
  histogram: [],
  series: [],
  slowest: [],
};

async function readWithinBudget(
  ctx: Ctx,
  read: (tx: Tx) => Promise<Measurement>,
): Promise<Measurement> {
  const measurement = await ctx.db
    .read(read, { timeoutMs: TIMEOUT_MS, byIndexOnly: true })
    .catch(ignoreTimeout);
  return measurement ?? UNKNOWN;
}

const clockRow = z.strictObject({ now: z.string() });

async function periodOf(ctx: Ctx, { range, from, to }: PerformanceFilter): Promise<Period> {
  if (range === 'custom' && from && to) return { from, to };
  const [row] = await ctx.db.read((tx) => tx.query(clockRow, sql`SELECT now() AS now`));
  const now = Date.parse(row?.now ?? '');
  return {
    from: new Date(now - RANGES[range === 'custom' ? 'day' : range] * 1000).toISOString(),
    to: new Date(now).toISOString(),
  };
}

interface MeasureOptions {
  period: Period;
  buckets: number;
  jobClass: string | null;
  target: number;
  /** Includes the chart, the histogram and, for one class, the slowest executions. */
  withCharts: boolean;
}

/**
 * The duration by the worker's clock; executions of older GoodJob releases have only timestamps.
 */
const RUN: Sql = sql`coalesce(
  ${finiteSeconds(sql`e.duration`)},
  ${secondsBetween(sql`e.created_at`, sql`e.finished_at`)})`;

/** Between due and started; NULL without a `scheduled_at`. */
const WAIT: Sql = sql`greatest(${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)}, 0)`;

const optionalNumber = z.number().nullable();
const percentiles = z.tuple([optionalNumber, optionalNumber, optionalNumber]);
const figuresRow = z.strictObject({
  kind: z.enum(['total', 'class', 'queue']),
  name: z.string().nullable(),
  executions: z.number(),
  failures: z.number(),
  total: z.number(),
  average: optionalNumber,
  min: optionalNumber,
  max: optionalNumber,
  /** Null: no execution has the time. */
  run: percentiles.nullable(),
  wait: percentiles.nullable(),
});
type FiguresRow = z.infer<typeof figuresRow>;

/** The result of `measurementSql`, whose charts are optional. */
const measurementJson = z.strictObject({
  figures: z.array(figuresRow),
  histogram: z.array(z.strictObject({ bucket: z.number(), count: z.number() })).default([]),
  series: z
    .array(z.strictObject({ bucket: z.number(), name: z.string().nullable(), total: z.number() }))
    .default([]),
  slowest: z
    .array(
      z.strictObject({
        id: z.string(),
        jobId: z.string(),
        createdAt: z.string(),
        queueName: z.string().nullable(),
        run: z.number(),
        wait: optionalNumber,
        failed: z.boolean(),
      }) satisfies z.ZodType<SlowExecution>,
    )
    .default([]),
});
const measurementRow = z.strictObject({
  /** A JSON object of `measurementJson`. */
  json: z.string(),
});

async function measurePeriod(tx: Tx, ctx: Ctx, options: MeasureOptions): Promise<Measurement> {
  const { period, buckets, jobClass, target } = options;
  const ids = withSlowest(options) ? sql`, e.id, e.active_job_id` : empty;
  const columns = sql`
    left(e.job_class, ${NAME_LENGTH}) AS job_class,
    left(e.queue_name, ${NAME_LENGTH}) AS queue_name,
    e.created_at,
    e.error IS NOT NULL AS failed,
    ${RUN} AS run,
    ${WAIT} AS wait ${ids}`;
  await tx.execute(sql`SET LOCAL work_mem = '32MB'`);
  const { rows, share } = await selectExecutions(tx, ctx.tables, {
    period,
    buckets,
    target,
    columns,
    jobClass,
  });
  const [row] = await tx.query(
    measurementRow,
    sql`
      WITH scanned AS MATERIALIZED (${rows})
      SELECT json_build_object(${join(measurementSql(options), ', ')})::text AS json`,
  );
  if (!row) throw new Error('The database returned no row for a query without FROM.');
  const measurement = measurementJson.parse(JSON.parse(row.json));
  const figuresOf = (kind: FiguresRow['kind']) =>
    measurement.figures
      .filter((figures) => figures.kind === kind)
      .map((figures) => toFigures(figures, share));
  const total = measurement.figures.find(({ kind }) => kind === 'total');
  const histogram = new Array<number>(HISTOGRAM.length + 1).fill(0);
  for (const { bucket, count } of measurement.histogram)
    histogram[bucket] = Math.round(count / share);
  return {
    accuracy: accuracyOf(share, total?.executions ?? 0),
    total: total ? toFigures(total, share) : null,
    classes: figuresOf('class'),
    queues: figuresOf('queue'),
    histogram,
    series: await redactSeries(measurement.series, share),
    slowest: measurement.slowest.map((execution) => ({
      ...execution,
      queueName: redactName(execution.queueName),
    })),
  };
}

const withSlowest = ({ withCharts, jobClass }: MeasureOptions) => withCharts && jobClass !== null;

/** The arguments of `json_build_object` over the CTE `scanned`. */
function measurementSql(options: MeasureOptions): Sql[] {
  const { period, buckets, jobClass, withCharts } = options;
  const parts = [
    sql`'figures', (SELECT coalesce(json_agg(f), '[]') FROM (${figuresSql(jobClass)}) f)`,
  ];
  if (withCharts) {
    const bucketSeconds = (Date.parse(period.to) - Date.parse(period.from)) / 1000 / buckets;
    parts.push(
      sql`'histogram', (
        SELECT coalesce(json_agg(h), '[]')
          FROM (SELECT width_bucket(run, ${[...HISTOGRAM]}::float8[]) AS bucket,
                       count(*)::int AS count
                  FROM scanned
                 WHERE run IS NOT NULL
                 GROUP BY 1) h)`,
      sql`'series', (
        SELECT coalesce(json_agg(s), '[]')
          FROM (SELECT least(floor(extract(epoch FROM created_at - ${period.from})
                                   / ${bucketSeconds}), ${buckets - 1})::int AS bucket,
                       job_class AS name,
                       sum(run) AS total
                  FROM scanned
                 WHERE run IS NOT NULL
                 GROUP BY 1, 2) s)`,
    );
  }
  if (withSlowest(options))
    parts.push(sql`'slowest', (
      SELECT coalesce(json_agg(s), '[]')
        FROM (SELECT id, active_job_id AS "jobId",
                     to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "createdAt",
                     queue_name AS "queueName", run, wait, failed
                FROM scanned
               WHERE run IS NOT NULL
               ORDER BY run DESC, id
               LIMIT ${MAX_SLOWEST}) s)`);
  return parts;
}

function figuresSql(jobClass: string | null): Sql {
  const isAll = jobClass === null;
  const sets = isAll ? sql`((), (job_class), (queue_name))` : sql`((), (queue_name))`;
  const kind = isAll
    ? sql`CASE WHEN grouping(job_class) = 0 THEN 'class'
               WHEN grouping(queue_name) = 0 THEN 'queue'
               ELSE 'total'
          END`
    : sql`CASE WHEN grouping(queue_name) = 0 THEN 'queue' ELSE 'total' END`;
  const name = isAll
    ? sql`CASE WHEN grouping(job_class) = 0 THEN job_class ELSE queue_name END`
    : sql`queue_name`;
  return sql`
    SELECT ${kind} AS kind,
           ${name} AS name,
           count(*)::int AS executions,
           count(*) FILTER (WHERE failed)::int AS failures,
           coalesce(sum(run), 0) AS total,
           avg(run) AS average,
           min(run) AS min,
           max(run) AS max,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY run) AS run,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY wait) AS wait
      FROM scanned
     GROUP BY GROUPING SETS ${sets}
     ORDER BY total DESC
     LIMIT ${2 * MAX_NAMES}`;
}

/** Redacts the name of each class once, not once per bar, within the redaction budget of a page. */
async function redactSeries(
  series: Measurement['series'],
  share: number,
): Promise<Measurement['series']> {
  const budget = newPageBudget();
  const redactedNames = new Map<string | null, string | null>();
  const redactedSeries: Measurement['series'] = [];
  for (const bar of series) {
    const { name } = bar;
    if (!redactedNames.has(name)) {
      const fits = budget.spend(name?.length ?? 0);
      redactedNames.set(name, fits ? redactName(name) : REDACTION_MARKER);
      await budget.yieldIfDue();
    }
    redactedSeries.push({
      ...bar,
      name: redactedNames.get(name) ?? null,
      total: bar.total / share,
    });
  }
  return redactedSeries;
}

const NONE: Percentiles = [null, null, null];

/** Extrapolates counts and sums from the sample. */
function toFigures(
  { kind: _kind, executions, failures, total, run, wait, ...rest }: FiguresRow,
  share: number,
): ExecutionStats {
  return {
    ...rest,
    name: redactName(rest.name),
    executions: Math.round(executions / share),
    failures: Math.round(failures / share),
    total: total / share,
    run: run ?? NONE,
    wait: wait ?? NONE,
  };
}

const existsRow = z.strictObject({ one: z.literal(1) });

/**
 * Returns whether a job or an execution of the class exists; executions may remain after their job
 * was deleted. False if the queries time out.
 */
export async function classExists(ctx: Ctx, jobClass: string): Promise<boolean> {
  const { jobs, executions } = ctx.tables;
  // By index_good_jobs_on_job_class; executions have no such index, hence the shorter timeout.
  const lookups = [
    {
      query: sql`SELECT 1 AS one FROM ${jobs} j WHERE j.job_class = ${jobClass} LIMIT 1`,
      timeoutMs: TIMEOUT_MS,
    },
    {
      query: sql`SELECT 1 AS one FROM ${executions} e WHERE e.job_class = ${jobClass} LIMIT 1`,
      timeoutMs: 1_000,
    },
  ];
  for (const { query, timeoutMs } of lookups) {
    const rows = await ctx.db
      .read((tx) => tx.query(existsRow, query), { timeoutMs })
      .catch(ignoreTimeout);
    if (rows && rows.length > 0) return true;
  }
  return false;
}
