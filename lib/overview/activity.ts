import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, secondsBetween } from '../db/text-limit';
import { type GoodJobTables, hasIndex } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { selectExecutions } from '../performance/source';
import { type Activity, type PeriodFigures, RANGES, type Range } from './types';

/*
 * What happened in a range and in the period of the same length before it. Jobs are counted by
 * their finish, so that the chart has the numbers of the job list for the same time; retries and
 * waits are those of attempts, by their start.
 */

const TIMEOUT_MS = 1_500;
/** Index entries to count in all bars of both periods together. */
const COUNT_LIMIT = 2_000_000;
/** Without an index on discarded jobs each entry reads its row. */
const ROW_LIMIT = 200_000;
/** Attempts to scan in both periods, approximately; each costs about 8 µs. */
const ATTEMPTS_TARGET = 24_000;
/** Queues whose waits are read, those with the longest first. */
const MAX_QUEUES = 40;

/** The queues of the waits that are not yet redacted. */
export interface StoredActivity extends Omit<Activity, 'queues'> {
  queues: { name: string; cells: (number | null)[] }[];
}

/** The bars of both periods; those of the period before have negative numbers. */
interface Bars {
  startMs: number;
  nowMs: number;
  count: number;
  lengthMs: number;
  cellBuckets: number;
}

/** Returns the bars of a range whose last one contains `nowMs`. */
function barsOf(range: Range, nowMs: number): Bars {
  const { buckets, seconds, cellBuckets } = RANGES[range];
  const lengthMs = seconds * 1000;
  const startMs = (Math.floor(nowMs / lengthMs) - buckets + 1) * lengthMs;
  return { startMs, nowMs, count: buckets, lengthMs, cellBuckets };
}

const isoOf = (ms: number) => new Date(ms).toISOString();

/**
 * Reads the activity of a range; null if the jobs could not be counted in time. Names of queues are
 * redacted, and their cells do not contain the jobs that still wait.
 */
export async function readActivity(
  ctx: Ctx,
  range: Range,
  nowMs = Date.now(),
  limits = { count: COUNT_LIMIT, rows: ROW_LIMIT, attempts: ATTEMPTS_TARGET },
): Promise<StoredActivity | null> {
  const bars = barsOf(range, nowMs);
  const options = { timeoutMs: TIMEOUT_MS, byIndexOnly: true };
  const [jobs, attempts] = await Promise.all([
    ctx.db.read((tx) => countJobs(tx, ctx.tables, bars, limits), options).catch(ignoreTimeout),
    ctx.db
      .read((tx) => readAttempts(tx, ctx.tables, bars, limits.attempts), options)
      .catch(ignoreTimeout),
  ]);
  if (!jobs) return null;
  const names = attempts?.queues.map(({ name }) => name) ?? [];
  const redactName = await redactNames(ctx, 'queue_name', names);
  const current = <Value>(values: Value[]) => values.slice(bars.count);
  return {
    startMs: bars.startMs,
    nowMs,
    succeeded: current(jobs.succeeded),
    discarded: current(jobs.discarded),
    retried: attempts && current(attempts.retried),
    isEstimate: jobs.isEstimate || (attempts?.isSample ?? false),
    isWaitSample: attempts?.isSample ?? false,
    waits: attempts?.waits ?? new Array<null>(bars.count).fill(null),
    ...figuresOf(bars, jobs, attempts),
    queues: attempts?.queues.map(({ name, cells }) => ({ name: redactName(name), cells })) ?? [],
  };
}

interface CountedJobs {
  /** Both periods, the period before first. */
  succeeded: number[];
  discarded: number[];
  isEstimate: boolean;
}

const barRow = z.strictObject({
  bar: z.number(),
  finished: z.number(),
  discarded: z.number(),
  /** The earliest of the counted times, in ms since 1970; null: none was counted. */
  finishedFrom: z.number().nullable(),
  discardedFrom: z.number().nullable(),
});

/**
 * Counts by index_good_jobs_jobs_on_finished_at_only and index_good_jobs_on_discarded (GoodJob
 * 4.18), which contain all that is counted. A bar with more jobs than its share of the limit is
 * extrapolated from its newest ones.
 */
async function countJobs(
  tx: Tx,
  tables: GoodJobTables,
  bars: Bars,
  limits: { count: number; rows: number },
): Promise<CountedJobs> {
  const hasDiscarded = hasIndex(tables, 'add_index_good_jobs_discarded');
  const total = hasDiscarded ? limits.count : limits.rows;
  const limit = Math.max(1, Math.floor(total / (2 * bars.count)));
  const rows = await tx.query(barRow, jobsSql(tables, bars, { limit, hasDiscarded }));
  const zeros = () => new Array<number>(2 * bars.count).fill(0);
  const result: CountedJobs = { succeeded: zeros(), discarded: zeros(), isEstimate: false };
  for (const row of rows) {
    const startMs = bars.startMs + row.bar * bars.lengthMs;
    const endMs = Math.min(startMs + bars.lengthMs, bars.nowMs);
    const factorOf = (count: number, fromMs: number | null) => {
      if (count < limit || fromMs === null) return 1;
      result.isEstimate = true;
      return Math.max(1, (endMs - startMs) / Math.max(1, endMs - fromMs));
    };
    const finishedFactor = factorOf(row.finished, row.finishedFrom);
    const discardedFactor = hasDiscarded
      ? factorOf(row.discarded, row.discardedFrom)
      : finishedFactor;
    const finished = Math.round(row.finished * finishedFactor);
    const discarded = Math.min(finished, Math.round(row.discarded * discardedFactor));
    result.discarded[row.bar + bars.count] = discarded;
    result.succeeded[row.bar + bars.count] = finished - discarded;
  }
  return result;
}

function jobsSql(
  tables: GoodJobTables,
  bars: Bars,
  { limit, hasDiscarded }: { limit: number; hasDiscarded: boolean },
): Sql {
  const newest = (columns: Sql, condition: Sql) => sql`
    SELECT ${columns}
      FROM ${tables.jobs} j
     WHERE j.finished_at IS NOT NULL
       AND j.finished_at >= bar.since
       AND j.finished_at < bar.until
           ${condition}
     ORDER BY j.finished_at DESC
     LIMIT ${limit}`;
  const epochMs = (at: Sql) => sql`(extract(epoch FROM ${at}) * 1000)::float8`;
  const finished = sql`
    SELECT count(*)::int AS count,
           ${epochMs(sql`min(f.finished_at)`)} AS since
           ${hasDiscarded ? empty : sql`, (count(*) FILTER (WHERE f.failed))::int AS failed`}
      FROM (${newest(
        hasDiscarded ? sql`j.finished_at` : sql`j.finished_at, j.error IS NOT NULL AS failed`,
        empty,
      )}) f`;
  const discarded = sql`
    SELECT count(*)::int AS count, ${epochMs(sql`min(d.finished_at)`)} AS since
      FROM (${newest(sql`j.finished_at`, sql`AND j.error IS NOT NULL`)}) d`;
  return sql`
    SELECT bar.n AS bar,
           f.count AS finished,
           f.since AS "finishedFrom",
           ${hasDiscarded ? sql`d.count` : sql`f.failed`} AS discarded,
           ${hasDiscarded ? sql`d.since` : sql`NULL::float8`} AS "discardedFrom"
      FROM (
        SELECT n,
               ${isoOf(bars.startMs)}::timestamp
                 + n * ${bars.lengthMs / 1000}::float8 * interval '1 second' AS since,
               ${isoOf(bars.startMs)}::timestamp
                 + (n + 1) * ${bars.lengthMs / 1000}::float8 * interval '1 second' AS until
          FROM generate_series(${-bars.count}::int, ${bars.count - 1}::int) n
        OFFSET 0) bar
     CROSS JOIN LATERAL (${finished}) f
     ${hasDiscarded ? sql`CROSS JOIN LATERAL (${discarded}) d` : empty}`;
}

interface Attempts {
  /** Both periods, the period before first. */
  retried: number[];
  waits: (number | null)[];
  waitP95: number | null;
  waitP95Before: number | null;
  isSample: boolean;
  queues: { name: string; cells: (number | null)[] }[];
}

/** The result of `attemptsSql`. */
const attemptsJson = z.strictObject({
  retried: z.array(z.strictObject({ bar: z.number(), count: z.number() })),
  waits: z.array(z.strictObject({ bar: z.number(), p95: z.number() })),
  total: z.strictObject({ now: z.number().nullable(), before: z.number().nullable() }),
  cells: z.array(z.strictObject({ name: z.string(), cell: z.number(), p95: z.number() })),
});
const attemptsRow = z.strictObject({
  /** A JSON object of `attemptsJson`. */
  json: z.string(),
});

/** `GoodJob::ErrorEvents` after which the job runs again: interrupted and retried. */
const RETRY_EVENTS = sql`(0, 3)`;

/** Reads the attempts of both periods, or a sample of them, with one scan. */
async function readAttempts(
  tx: Tx,
  tables: GoodJobTables,
  bars: Bars,
  target: number,
): Promise<Attempts> {
  const barSeconds = bars.lengthMs / 1000;
  const columns = sql`
    left(e.queue_name, ${MAX_NAME_BYTES + 1}::int) AS queue_name,
    floor(extract(epoch FROM e.created_at - ${isoOf(bars.startMs)}::timestamp)
          / ${barSeconds}::float8)::int AS bar,
    e.error IS NOT NULL AND e.error_event IN ${RETRY_EVENTS} AS retried,
    greatest(${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)}, 0) AS wait`;
  await tx.execute(sql`SET LOCAL work_mem = '32MB'`);
  const { rows, share } = await selectExecutions(tx, tables, {
    period: {
      from: isoOf(bars.startMs - bars.count * bars.lengthMs),
      to: isoOf(bars.startMs + bars.count * bars.lengthMs),
    },
    buckets: 2 * bars.count,
    target,
    columns,
    jobClass: null,
  });
  const [row] = await tx.query(attemptsRow, attemptsSql(rows, bars));
  if (!row) throw new Error('The database returned no row for a query without FROM.');
  return toAttempts(attemptsJson.parse(JSON.parse(row.json)), bars, share);
}

function attemptsSql(rows: Sql, { cellBuckets }: Bars): Sql {
  const p95 = sql`percentile_cont(0.95) WITHIN GROUP (ORDER BY wait)`;
  const list = (query: Sql) => sql`(SELECT coalesce(json_agg(r), '[]') FROM (${query}) r)`;
  return sql`
    WITH scanned AS MATERIALIZED (${rows}),
    slowest AS (
      SELECT queue_name
        FROM scanned
       WHERE bar >= 0
         AND wait IS NOT NULL
         AND octet_length(queue_name) <= ${MAX_NAME_BYTES}::int
       GROUP BY queue_name
       ORDER BY ${p95} DESC, queue_name
       LIMIT ${MAX_QUEUES})
    SELECT json_build_object(
             'retried', ${list(sql`
               SELECT bar, count(*)::int AS count
                 FROM scanned
                WHERE retried
                GROUP BY bar`)},
             'waits', ${list(sql`
               SELECT bar, ${p95} AS p95
                 FROM scanned
                WHERE bar >= 0 AND wait IS NOT NULL
                GROUP BY bar`)},
             'total', (
               SELECT json_build_object(
                        'now', ${p95} FILTER (WHERE bar >= 0),
                        'before', ${p95} FILTER (WHERE bar < 0))
                 FROM scanned),
             'cells', ${list(sql`
               SELECT queue_name AS name, bar / ${cellBuckets}::int AS cell, ${p95} AS p95
                 FROM scanned
                WHERE bar >= 0
                  AND wait IS NOT NULL
                  AND queue_name IN (SELECT queue_name FROM slowest)
                GROUP BY 1, 2`)}
           )::text AS json`;
}

function toAttempts(
  stored: z.infer<typeof attemptsJson>,
  { count, cellBuckets }: Bars,
  share: number,
): Attempts {
  const retried = new Array<number>(2 * count).fill(0);
  for (const bar of stored.retried) retried[bar.bar + count] = Math.round(bar.count / share);
  const waits = new Array<number | null>(count).fill(null);
  for (const { bar, p95 } of stored.waits) waits[bar] = p95;
  const queues = new Map<string, (number | null)[]>();
  for (const { name, cell, p95 } of stored.cells) {
    const cells = queues.get(name) ?? new Array<number | null>(count / cellBuckets).fill(null);
    queues.set(name, cells);
    cells[cell] = p95;
  }
  return {
    retried,
    waits,
    waitP95: stored.total.now,
    waitP95Before: stored.total.before,
    isSample: share < 1,
    queues: [...queues].map(([name, cells]) => ({ name, cells })),
  };
}

function figuresOf(
  bars: Bars,
  jobs: CountedJobs,
  attempts: Attempts | null,
): Pick<Activity, 'now' | 'before'> {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const figures = (
    part: (values: number[]) => number[],
    minutes: number,
    waitP95: number | null,
  ): PeriodFigures => {
    const retried = attempts ? sum(part(attempts.retried)) : 0;
    const discarded = sum(part(jobs.discarded));
    const count = sum(part(jobs.succeeded)) + discarded + retried;
    const isEstimate = jobs.isEstimate || (attempts?.isSample === true && retried > 0);
    const withRetries: Count = { kind: isEstimate ? 'estimate' : 'exact', count };
    return {
      processed: attempts ? withRetries : { kind: 'at_least', count },
      perMinute: count / Math.max(minutes, 1 / 60),
      failureRate: attempts && count > 0 ? (discarded + retried) / count : null,
      waitP95,
    };
  };
  const { count, lengthMs, startMs, nowMs } = bars;
  return {
    now: figures(
      (values) => values.slice(count),
      (nowMs - startMs) / 60_000,
      attempts?.waitP95 ?? null,
    ),
    before: figures(
      (values) => values.slice(0, count),
      (count * lengthMs) / 60_000,
      attempts?.waitP95Before ?? null,
    ),
  };
}
