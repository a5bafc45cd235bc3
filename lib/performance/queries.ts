import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { finiteSeconds, secondsBetween } from '../db/text-limit';
import { HIDDEN, redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import {
  BUCKETS,
  type Figures,
  HISTOGRAM,
  type Measured,
  type Percentiles,
  type Performance,
  type PerformanceFilter,
  type Period,
  RANGES,
  type SlowExecution,
} from './filters';
import { accuracyOf, missingIndex, sourceOf } from './source';

/** Executions read for a period, and for the one before it: 4 µs each, and as much for their percentiles. */
const TARGET = 20_000;
const TARGET_BEFORE = 8_000;
/** Of one class: most of what is read is thrown away at once. */
const TARGET_CLASS = 40_000;
const TARGET_CLASS_BEFORE = 12_000;
const TIMEOUT_MS = 2_500;
const NAME_READ = 300;
const NAMES_READ = 1_000;
const SLOWEST = 20;

interface Limits {
  target: number;
  targetBefore: number;
}

/** How executions that began in a period went, all or of one class, beside the period before it. */
export async function measure(
  ctx: Ctx,
  filter: PerformanceFilter,
  jobClass: string | null = null,
  limits: Limits = jobClass === null
    ? { target: TARGET, targetBefore: TARGET_BEFORE }
    : { target: TARGET_CLASS, targetBefore: TARGET_CLASS_BEFORE },
): Promise<Performance> {
  const period = await periodOf(ctx, filter);
  const length = Date.parse(period.to) - Date.parse(period.from);
  const earlier: Period = {
    from: new Date(Date.parse(period.from) - length).toISOString(),
    to: period.from,
  };
  const buckets = BUCKETS[filter.range];
  const [now, before, hint] = await Promise.all([
    readWithinBudget(ctx, (tx) =>
      measurePeriod(tx, ctx, { period, buckets, jobClass, target: limits.target, all: true }),
    ),
    readWithinBudget(ctx, (tx) =>
      measurePeriod(tx, ctx, {
        period: earlier,
        buckets,
        jobClass,
        target: limits.targetBefore,
        all: false,
      }),
    ),
    ctx.db.read((tx) => missingIndex(tx, ctx.tables, period), { byIndexOnly: true }),
  ]);
  const shown = await redactNames(
    ctx,
    'queue_name',
    [...now.queues, ...before.queues].map(({ name }) => name),
  );
  const withShownQueues = (measured: Measured): Measured => ({
    ...measured,
    queues: measured.queues.map((one) => ({ ...one, name: shown(one.name) })),
    slowest: measured.slowest.map((one) => ({ ...one, queueName: shown(one.queueName) })),
  });
  return { period, buckets, now: withShownQueues(now), before: withShownQueues(before), hint };
}

const UNKNOWN: Measured = {
  accuracy: { kind: 'unknown' },
  total: null,
  classes: [],
  queues: [],
  histogram: [],
  series: [],
  slowest: [],
};

async function readWithinBudget(ctx: Ctx, read: (tx: Tx) => Promise<Measured>): Promise<Measured> {
  return ctx.db.read(read, { timeoutMs: TIMEOUT_MS, byIndexOnly: true }).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout') return UNKNOWN;
    throw error;
  });
}

async function periodOf(ctx: Ctx, { range, from, to }: PerformanceFilter): Promise<Period> {
  if (range === 'custom' && from && to) return { from, to };
  const [row] = await ctx.db.read((tx) => tx.query<{ now: string }>(sql`SELECT now() AS now`));
  const now = Date.parse(row?.now ?? '');
  return {
    from: new Date(now - RANGES[range === 'custom' ? 'day' : range] * 1000).toISOString(),
    to: new Date(now).toISOString(),
  };
}

interface Asked {
  period: Period;
  buckets: number;
  jobClass: string | null;
  target: number;
  /** With the chart, the histogram and the slowest. */
  all: boolean;
}

/** Run time by the worker's own clock; an older worker's execution has only when it began and ended. */
const RUN: Sql = sql`coalesce(${finiteSeconds(sql`e.duration`)}, ${secondsBetween(sql`e.created_at`, sql`e.finished_at`)})`;

/** From when it was due; NULL where that is unknown. */
const WAIT: Sql = sql`greatest(${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)}, 0)`;

type Stored = {
  kind: 'total' | 'class' | 'queue';
  name: string | null;
  executions: number;
  failures: number;
  total: number;
  average: number | null;
  min: number | null;
  max: number | null;
  run: Percentiles | null;
  wait: Percentiles | null;
};

async function measurePeriod(
  tx: Tx,
  ctx: Ctx,
  { period, buckets, jobClass, target, all }: Asked,
): Promise<Measured> {
  const ids = all && jobClass !== null;
  const columns = sql`left(e.job_class, ${NAME_READ}) AS job_class, left(e.queue_name, ${NAME_READ}) AS queue_name, e.created_at, e.error IS NOT NULL AS failed, ${RUN} AS run,
    ${WAIT} AS wait ${ids ? sql`, e.id, e.active_job_id` : empty}`;
  await tx.query(sql`SET LOCAL work_mem = '32MB'`);
  const { rows, share } = await sourceOf(tx, ctx.tables, {
    period,
    buckets,
    target,
    columns,
    jobClass,
  });
  const seconds = (Date.parse(period.to) - Date.parse(period.from)) / 1000 / buckets;
  const sets = jobClass === null ? sql`((), (job_class), (queue_name))` : sql`((), (queue_name))`;
  const nameOf =
    jobClass === null
      ? sql`CASE WHEN grouping(job_class) = 0 THEN 'class' WHEN grouping(queue_name) = 0 THEN 'queue' ELSE 'total' END`
      : sql`CASE WHEN grouping(queue_name) = 0 THEN 'queue' ELSE 'total' END`;
  const name =
    jobClass === null
      ? sql`CASE WHEN grouping(job_class) = 0 THEN job_class ELSE queue_name END`
      : sql`queue_name`;
  const parts = [
    sql`'figures', (SELECT coalesce(json_agg(f), '[]') FROM (
      SELECT ${nameOf} AS kind, ${name} AS name, count(*)::int AS executions, count(*) FILTER (WHERE failed)::int AS failures, coalesce(sum(run), 0) AS total, avg(run) AS average, min(run) AS min, max(run) AS max,
             percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY run) AS run, percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY wait) AS wait
        FROM read GROUP BY GROUPING SETS ${sets} ORDER BY total DESC LIMIT ${2 * NAMES_READ}) f)`,
    ...(all
      ? [
          sql`'histogram', (SELECT coalesce(json_agg(h), '[]') FROM (SELECT width_bucket(run, ${[...HISTOGRAM]}::float8[]) AS bucket, count(*)::int AS count FROM read WHERE run IS NOT NULL GROUP BY 1) h)`,
          sql`'series', (SELECT coalesce(json_agg(s), '[]') FROM (
            SELECT least(floor(extract(epoch FROM created_at - ${period.from}) / ${seconds}), ${buckets - 1})::int AS bucket, job_class AS name, sum(run) AS total FROM read WHERE run IS NOT NULL GROUP BY 1, 2) s)`,
        ]
      : []),
    ...(ids
      ? [
          sql`'slowest', (SELECT coalesce(json_agg(s), '[]') FROM (
            SELECT id, active_job_id AS "jobId", to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "createdAt", queue_name AS "queueName", run, wait, failed FROM read WHERE run IS NOT NULL ORDER BY run DESC, id LIMIT ${SLOWEST}) s)`,
        ]
      : []),
  ];
  const list = parts.reduce((sum, part) => sql`${sum}, ${part}`);
  const [row] = await tx.query<{ json: string }>(
    sql`WITH read AS MATERIALIZED (${rows}) SELECT json_build_object(${list})::text AS json`,
  );
  const read = JSON.parse(row?.json ?? '{}') as {
    figures: Stored[];
    histogram?: { bucket: number; count: number }[];
    series?: Measured['series'];
    slowest?: SlowExecution[];
  };
  const figures = (kind: Stored['kind']) =>
    read.figures.filter((one) => one.kind === kind).map((one) => scaled(one, share));
  const [total] = read.figures.filter(({ kind }) => kind === 'total');
  const histogram = new Array<number>(HISTOGRAM.length + 1).fill(0);
  for (const { bucket, count } of read.histogram ?? [])
    histogram[bucket] = Math.round(count / share);
  return {
    accuracy: accuracyOf(share, total?.executions ?? 0),
    total: total ? scaled(total, share) : null,
    classes: figures('class'),
    queues: figures('queue'),
    histogram,
    series: await redactSeries(read.series ?? [], share),
    slowest: (read.slowest ?? []).map((one) => ({ ...one, queueName: redactName(one.queueName) })),
  };
}

/** A class has a value in each bar of the chart: its name is redacted once, within the budget of a page. */
async function redactSeries(
  series: Measured['series'],
  share: number,
): Promise<Measured['series']> {
  const budget = newPageBudget();
  const redacted = new Map<string | null, string | null>();
  const shown: Measured['series'] = [];
  for (const one of series) {
    if (!redacted.has(one.name)) {
      const fits = budget.spend(one.name?.length ?? 0);
      redacted.set(one.name, fits ? redactName(one.name) : HIDDEN);
      await budget.yieldIfDue();
    }
    shown.push({ ...one, name: redacted.get(one.name) ?? null, total: one.total / share });
  }
  return shown;
}

const NONE: Percentiles = [null, null, null];

function scaled(
  { kind: _kind, executions, failures, total, run, wait, ...rest }: Stored,
  share: number,
): Figures {
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

/** Whether there is, or was, such a class: a job of it, or else an execution whose job is gone. */
export async function isKnownClass(ctx: Ctx, jobClass: string): Promise<boolean> {
  // index_good_jobs_on_job_class
  const ofJobs = () =>
    ctx.db.read(
      (tx) =>
        tx.query(sql`SELECT 1 FROM ${ctx.tables.jobs} j WHERE j.job_class = ${jobClass} LIMIT 1`),
      { timeoutMs: TIMEOUT_MS },
    );
  const ofExecutions = () =>
    ctx.db.read(
      (tx) =>
        tx.query(
          sql`SELECT 1 FROM ${ctx.tables.executions} e WHERE e.job_class = ${jobClass} LIMIT 1`,
        ),
      { timeoutMs: 1_000 },
    );
  for (const ask of [ofJobs, ofExecutions]) {
    const found = await ask().catch((error: unknown) => {
      if (error instanceof ConsoleError && error.code === 'query_timeout') return [];
      throw error;
    });
    if (found.length > 0) return true;
  }
  return false;
}
