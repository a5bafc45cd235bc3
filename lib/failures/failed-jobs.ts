import 'server-only';
import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { truncateText } from '../core/text';
import type { Tx } from '../db/database';
import { secondsBetween } from '../db/text-limit';
import { LIBRARY_FRAME_PATTERN } from '../good-job/payload';
import { type GoodJobTables, isInState } from '../good-job/tables';
import { redactError } from '../redaction/redaction';
import { newPageBudget, redactJobErrors, redactWholeJob } from '../redaction/row-texts';
import {
  type DiscardCount,
  type DiscardCounts,
  FAILURE_RANGES,
  type FailureFilter,
  type FailureRow,
  RANGE_NAMES,
} from './filters';
import { MAX_ERROR_CHARS, MAX_FRAME_CHARS } from './groups';

/*
 * The statements on failed jobs: reads them in chunks, and counts the discarded ones by class or
 * exception.
 */

/** The failures that are scanned. Times are ISO 8601 UTC. */
export interface FailureWindow {
  /** Failed at or after this time. */
  since: string;
  /** Jobs that wait for a retry are scheduled up to this time; null is unbounded. */
  until: string | null;
  /** Null for all classes. */
  classes: string[] | null;
}

const MAX_NAME_CHARS = 300;
const MAX_FRAMES = 60;
/**
 * A larger stored backtrace is not read, because Postgres decompresses all of it for its first
 * frames.
 */
const MAX_BACKTRACE_BYTES = 64 * 1024;

/**
 * Future jobs scanned for failed ones. No index selects them by error, so the scan takes the jobs
 * due soonest.
 */
const MAX_WAITING_JOBS = 20_000;

const classCondition = ({ classes }: FailureWindow): Sql =>
  classes ? sql`AND j.job_class = ANY(${classes}::text[])` : empty;

/**
 * Joins the newest execution (index_good_job_executions_on_active_job_id_and_created_at) and its
 * first application frame. LIKE rejects gem frames in a tenth of the regular expression's time.
 */
const newestExecution = (tables: GoodJobTables): Sql => sql`
  LEFT JOIN LATERAL (
    SELECT e.finished_at, e.error_backtrace
      FROM ${tables.executions} e
     WHERE e.active_job_id = j.id
     ORDER BY e.created_at DESC
     LIMIT 1) e ON true
  LEFT JOIN LATERAL (
    SELECT f.frame
      FROM (SELECT left(line, ${MAX_FRAME_CHARS}) AS frame
              FROM unnest(CASE WHEN pg_column_size(e.error_backtrace) <= ${MAX_BACKTRACE_BYTES}::int
                               THEN e.error_backtrace[1:${MAX_FRAMES}::int] END) line
            OFFSET 0) f
     WHERE CASE WHEN f.frame LIKE ${'%/gems/%'} THEN false
                ELSE f.frame !~ ${LIBRARY_FRAME_PATTERN} END
     LIMIT 1) f ON true`;

const failureRow = z.strictObject({
  id: z.string(),
  jobClass: z.string().nullable(),
  queueName: z.string().nullable(),
  error: z.string(),
  frame: z.string().nullable(),
  state: z.enum(['discarded', 'retried']),
  at: z.string(),
}) satisfies z.ZodType<FailureRow>;

/** The columns of `failureRow` that discarded and retried jobs share. */
const columns = sql`
  j.id, left(j.job_class, ${MAX_NAME_CHARS}) AS "jobClass",
  left(j.queue_name, ${MAX_NAME_CHARS}) AS "queueName",
  left(j.error, ${MAX_ERROR_CHARS}) AS error,
  f.frame`;

/** A cursor: sort time (ISO 8601 UTC) and job id. */
export interface FailureCursor {
  at: string;
  id: string;
}

/** Reads discarded jobs after a cursor, newest first, by index_good_jobs_on_discarded. */
export function readDiscardedFailures(
  tx: Tx,
  tables: GoodJobTables,
  window: FailureWindow,
  from: FailureCursor | null,
  limit: number,
): Promise<FailureRow[]> {
  const afterCursor = from
    ? sql`AND j.finished_at <= ${from.at}
               AND (j.finished_at, j.id) < (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query(
    failureRow,
    sql`
      SELECT ${columns}, 'discarded' AS state, j.finished_at AS at
        FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.finished_at
                FROM ${tables.jobs} j
               WHERE ${isInState('discarded')} AND j.finished_at >= ${window.since} ${afterCursor}
                 ${classCondition(window)}
               ORDER BY j.finished_at DESC, j.id DESC
               LIMIT ${limit}) j
        ${newestExecution(tables)}
       ORDER BY j.finished_at DESC, j.id DESC`,
  );
}

const singleFailureRow = failureRow.extend({
  /** Infinity: the time of the failure cannot be subtracted. */
  ageSeconds: z.union([z.number(), z.literal(Infinity)]),
});

/**
 * Reads a discarded or retried job as a failure, by good_jobs_pkey; null for another job. A failed
 * job whose retry is due is queued again, and no failure.
 */
export async function readFailure(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
): Promise<{ row: FailureRow; ageSeconds: number } | null> {
  const [stored] = await tx.query(
    singleFailureRow,
    sql`
      SELECT f.*, coalesce(${secondsBetween(sql`f.at`, sql`now()`)}, 'infinity'::float8)
                    AS "ageSeconds"
        FROM (
          SELECT ${columns},
                 CASE WHEN j.finished_at IS NULL THEN 'retried' ELSE 'discarded' END AS state,
                 coalesce(j.finished_at, e.finished_at, j.updated_at) AS at
            FROM ${tables.jobs} j
            ${newestExecution(tables)}
           WHERE j.id = ${id} AND (${isInState('discarded')} OR (${isInState('retried')}))) f`,
  );
  if (!stored) return null;
  const { ageSeconds, ...row } = stored;
  return { row, ageSeconds };
}

/**
 * SQL for the scheduled time up to which future jobs are scanned, by
 * index_good_jobs_on_scheduled_at; NULL if all are.
 */
export const waitingLimit = (tables: GoodJobTables): Sql => sql`
  (SELECT j.scheduled_at
     FROM ${tables.jobs} j
    WHERE j.finished_at IS NULL AND j.scheduled_at > now()
    ORDER BY j.scheduled_at
   OFFSET ${MAX_WAITING_JOBS - 1}
    LIMIT 1)`;

const retriedFailureRow = failureRow.extend({
  scheduledAt: z.string(),
  /** Whether it failed in the window. */
  isInWindow: z.boolean(),
});
/** A failed job that waits for a retry. */
export type RetriedFailure = z.infer<typeof retriedFailureRow>;

/** Rows of one statement that reads jobs waiting for a retry. */
const RETRIED_CHUNK = 1_000;

/**
 * Reads the next RETRIED_CHUNK failed jobs that wait for a retry after a cursor, those due first.
 */
export function readRetriedFailures(
  tx: Tx,
  tables: GoodJobTables,
  window: FailureWindow,
  from: FailureCursor | null,
): Promise<RetriedFailure[]> {
  const { since, until } = window;
  const untilCondition = until === null ? empty : sql`AND j.scheduled_at <= ${until}`;
  const afterCursor = from
    ? sql`AND j.scheduled_at >= ${from.at}
                 AND (j.scheduled_at, j.id) > (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query(
    retriedFailureRow,
    sql`
      SELECT r.*, r.at >= ${since} AS "isInWindow"
        FROM (
          SELECT ${columns}, 'retried' AS state, coalesce(e.finished_at, j.updated_at) AS at,
                 j.scheduled_at AS "scheduledAt"
            FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.updated_at, j.scheduled_at
                    FROM ${tables.jobs} j
                   WHERE ${isInState('retried')} AND j.scheduled_at > now() ${untilCondition}
                     ${afterCursor} ${classCondition(window)}
                   ORDER BY j.scheduled_at, j.id
                   LIMIT ${RETRIED_CHUNK}) j
            ${newestExecution(tables)}) r
       ORDER BY r."scheduledAt", r.id`,
  );
}

/** Returns the cursor of the next chunk, or null after the last one. */
export function nextRetriedCursor(rows: RetriedFailure[]): FailureCursor | null {
  const last = rows.at(-1);
  return last && rows.length === RETRIED_CHUNK ? { at: last.scheduledAt, id: last.id } : null;
}

/** Maximum number of discarded jobs that are counted; 10,000 take about 30 ms. */
const MAX_COUNTED = 60_000;
/** Jobs counted in the second attempt, after a timeout. */
const FALLBACK_COUNTED = 5_000;
const COUNT_TIMEOUT_MS = 900;
const MAX_NAMES = 500;
const SEPARATOR = ': ';
/** The name of a Ruby class, which cannot contain job data. */
const CONSTANT = /^[A-Z]\w{0,99}(?:::[A-Z]\w{0,99}){0,9}$/;

/**
 * Counts discarded jobs by class or by exception (the error up to the first `: `), in total and by
 * range, as GoodJob's own tables do. Throws ConsoleError `query_timeout` when even the smaller
 * second attempt times out.
 */
export async function countDiscarded(
  ctx: Ctx,
  filter: FailureFilter,
  limit = MAX_COUNTED,
): Promise<DiscardCounts> {
  return readCounts(ctx, filter, limit).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout' && limit > FALLBACK_COUNTED)
      return readCounts(ctx, filter, FALLBACK_COUNTED);
    throw error;
  });
}

const discardCountRow = z.strictObject({
  name: z.string().nullable(),
  bare: z.boolean(),
  /** Id of a job with this name; null in the row of the total. */
  sample: z.string().nullable(),
  /** JSON array: the total, then the count of each range of RANGE_NAMES. */
  counts: z.string(),
  isTotal: z.boolean(),
  /** Number of scanned jobs. */
  scanned: z.number(),
  /** Null if there are none. */
  since: z.string().nullable(),
  now: z.string(),
});
type StoredCount = z.infer<typeof discardCountRow>;

const storedCounts = z.array(z.number());

const countOfRange = (seconds: number) =>
  `(count(*) FILTER (WHERE s.finished_at >= now() - interval '${seconds} seconds'))::int`;
const rangeCounts = RANGE_NAMES.map((range) => countOfRange(FAILURE_RANGES[range]));
const COUNTS = raw(
  `array_to_json(ARRAY[count(*)::int, ${rangeCounts.join(', ')}])::text AS counts`,
);

async function readCounts(
  ctx: Ctx,
  { by, jobClass }: FailureFilter,
  limit: number,
): Promise<DiscardCounts> {
  const name: Sql =
    by === 'class'
      ? sql`left(j.job_class, ${MAX_NAME_CHARS})`
      : sql`left(split_part(left(j.error, 2000), ${SEPARATOR}, 1), ${MAX_NAME_CHARS})`;
  const bare: Sql =
    by === 'class' ? sql`false` : sql`position(${SEPARATOR} IN left(j.error, 2000)) = 0`;
  const ofClass = jobClass === null ? sql`true` : sql`j.job_class = ${jobClass}`;
  const scanSummary = sql`now() AS now, (SELECT min(finished_at) FROM scanned) AS since,
    (SELECT count(*)::int FROM scanned) AS scanned`;
  return ctx.db.read(
    async (tx) => {
      const rows = await tx.query(
        discardCountRow,
        sql`
          WITH scanned AS MATERIALIZED (
            SELECT ${name} AS name, ${bare} AS bare, j.finished_at, j.id
              FROM ${ctx.tables.jobs} j
             WHERE ${isInState('discarded')} AND ${ofClass}
             ORDER BY j.finished_at DESC
             LIMIT ${limit + 1})
          (SELECT s.name, bool_or(s.bare) AS bare, (array_agg(s.id))[1] AS sample, ${COUNTS},
                  false AS "isTotal", ${scanSummary}
             FROM scanned s
            GROUP BY s.name
            ORDER BY s.name
            LIMIT ${MAX_NAMES})
          UNION ALL
          SELECT NULL, false, NULL, ${COUNTS}, true, ${scanSummary}
            FROM scanned s`,
      );
      const names = rows.filter(({ isTotal }) => !isTotal);
      const total = rows.find(({ isTotal }) => isTotal);
      if (!total) throw new Error('An aggregate query returned no row.');
      return {
        rows:
          by === 'class'
            ? names.map(countOfClass)
            : await countsOfExceptions(tx, ctx.tables, names),
        total: { ...countsOf(total), name: null, isBare: false, isCut: false, tooLarge: false },
        since: total.scanned > limit ? total.since : null,
        now: total.now,
      };
    },
    { byIndexOnly: true, timeoutMs: COUNT_TIMEOUT_MS },
  );
}

function countsOf({ counts }: StoredCount): Pick<DiscardCount, 'all' | 'counts'> {
  const [all = 0, ...byRange] = storedCounts.parse(JSON.parse(counts));
  return { all, counts: byRange };
}

const isCut = (name: string | null) => (name ?? '').length >= MAX_NAME_CHARS;

function countOfClass(row: StoredCount): DiscardCount {
  const { name, bare } = row;
  return { ...countsOf(row), name, isBare: bare, isCut: isCut(name), tooLarge: false };
}

/**
 * A name that is not a Ruby constant is the beginning of an error, so it is taken from the redacted
 * error of a job.
 */
async function countsOfExceptions(
  tx: Tx,
  tables: GoodJobTables,
  rows: StoredCount[],
): Promise<DiscardCount[]> {
  const isConstant = ({ name }: StoredCount) => name === null || CONSTANT.test(name);
  const samples = rows.flatMap((row) => (isConstant(row) ? [] : (row.sample ?? [])));
  const jobs = await redactJobErrors(tx, tables, samples, newPageBudget());
  return rows.map((row) => {
    const { name, bare } = row;
    if (name === null || isConstant(row)) {
      const redacted = name && redactError(name);
      return {
        ...countsOf(row),
        name: redacted,
        isBare: bare,
        isCut: redacted !== name || isCut(name),
        tooLarge: false,
      };
    }
    const { error, tooLarge } = jobs.get(row.sample ?? '') ?? redactWholeJob(false);
    const redacted = truncateText(error?.split(SEPARATOR, 1)[0] ?? '', MAX_NAME_CHARS);
    const isChanged = redacted !== name || isCut(name);
    return { ...countsOf(row), name: redacted, isBare: bare, isCut: isChanged, tooLarge };
  });
}
