import sql, { type Sql, empty } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { ERROR_READ } from './failure-key';
import { LIBRARY_FRAME_PATTERN } from './frames';
import { isInState } from './states';
import type { GoodJob } from './tables';

/** A job that failed: discarded, or waiting to be tried again. Times are ISO 8601 UTC. */
export interface FailureRow {
  id: string;
  state: 'discarded' | 'retried';
  jobClass: string | null;
  queueName: string | null;
  /** Cut at ERROR_READ characters. */
  error: string;
  /** When it failed last. */
  at: string;
  /** First line of the newest execution's backtrace that is of the app; null: there is none. */
  frame: string | null;
}

/** Which failures are looked at. */
export interface FailureWindow {
  /** Failed at this moment or later. */
  since: string;
  /** Of those that wait to be tried again: scheduled up to this moment; null: all. */
  until: string | null;
  /** Null: of every class. */
  classes: string[] | null;
}

const CLASS_READ = 300;
const FRAMES_READ = 60;
/** A backtrace with more stored bytes is not read: the first frames of it are behind all of its bytes. */
const BACKTRACE_STORED = 64 * 1024;
/** Far more than is shown: a secret in it must not be cut in two. */
export const FRAME_READ = 2_500;

/** Jobs due soonest that are looked at for those that failed before: an index keeps them by time, not by error. */
export const WAITING_READ = 20_000;

const ofClasses = ({ classes }: FailureWindow): Sql =>
  classes ? sql`AND j.job_class = ANY(${classes}::text[])` : empty;

/** The newest execution: index_good_job_executions_on_active_job_id_and_created_at. The first frame that fits ends the search for it; most others are of gems, which LIKE sees in a tenth of the pattern's time. */
const newestExecution = (gj: GoodJob): Sql => sql`
  LEFT JOIN LATERAL (SELECT e.finished_at, e.error_backtrace FROM ${gj.executions} e WHERE e.active_job_id = j.id ORDER BY e.created_at DESC LIMIT 1) e ON true
  LEFT JOIN LATERAL (
    SELECT f.frame
      FROM (SELECT left(line, ${FRAME_READ}) AS frame
              FROM unnest(CASE WHEN pg_column_size(e.error_backtrace) <= ${BACKTRACE_STORED}::int THEN e.error_backtrace[1:${FRAMES_READ}::int] END) line OFFSET 0) f
     WHERE CASE WHEN f.frame LIKE ${'%/gems/%'} THEN false ELSE f.frame !~ ${LIBRARY_FRAME_PATTERN} END
     LIMIT 1) f ON true`;

const columns = sql`j.id, left(j.job_class, ${CLASS_READ}) AS "jobClass", left(j.queue_name, ${CLASS_READ}) AS "queueName", left(j.error, ${ERROR_READ}) AS error, f.frame`;

export interface FailurePlace {
  at: string;
  id: string;
}

/** Discarded jobs, the newest first, from a place on; by index_good_jobs_on_discarded. */
export function discardedFailures(
  tx: Tx,
  gj: GoodJob,
  window: FailureWindow,
  from: FailurePlace | null,
  limit: number,
): Promise<FailureRow[]> {
  const beyond = from
    ? sql`AND j.finished_at <= ${from.at} AND (j.finished_at, j.id) < (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query<FailureRow>(sql`
    SELECT ${columns}, 'discarded' AS state, j.finished_at AS at
      FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.finished_at FROM ${gj.jobs} j
             WHERE ${isInState('discarded')} AND j.finished_at >= ${window.since} ${beyond} ${ofClasses(window)} ORDER BY j.finished_at DESC, j.id DESC LIMIT ${limit}) j
      ${newestExecution(gj)} ORDER BY j.finished_at DESC, j.id DESC`);
}

/** The scheduled time up to which waiting jobs are read (index_good_jobs_on_scheduled_at); NULL: all of them are. */
export const waitingUntil = (gj: GoodJob): Sql => sql`
  (SELECT j.scheduled_at
     FROM ${gj.jobs} j
    WHERE j.finished_at IS NULL AND j.scheduled_at > now()
    ORDER BY j.scheduled_at
   OFFSET ${WAITING_READ - 1}
    LIMIT 1)`;

export interface RetriedFailure extends FailureRow {
  scheduledAt: string;
  /** It failed in the window. */
  isInWindow: boolean;
}

/** Jobs that one statement reads of those that wait to be tried again. */
export const RETRIED_CHUNK = 1_000;

/** The next RETRIED_CHUNK jobs that failed and wait to be tried again, the soonest first, from a place on. */
export function retriedFailures(
  tx: Tx,
  gj: GoodJob,
  window: FailureWindow,
  from: FailurePlace | null,
): Promise<RetriedFailure[]> {
  const { since, until } = window;
  const upTo = until === null ? empty : sql`AND j.scheduled_at <= ${until}`;
  const beyond = from
    ? sql`AND j.scheduled_at >= ${from.at} AND (j.scheduled_at, j.id) > (${from.at}, ${from.id}::uuid)`
    : empty;
  return tx.query<RetriedFailure>(sql`
    SELECT r.*, r.at >= ${since} AS "isInWindow" FROM (
      SELECT ${columns}, 'retried' AS state, coalesce(e.finished_at, j.updated_at) AS at,
             j.scheduled_at AS "scheduledAt"
        FROM (SELECT j.id, j.job_class, j.queue_name, j.error, j.updated_at, j.scheduled_at
                FROM ${gj.jobs} j
               WHERE ${isInState('retried')} AND j.scheduled_at > now() ${upTo} ${beyond} ${ofClasses(window)}
               ORDER BY j.scheduled_at, j.id
               LIMIT ${RETRIED_CHUNK}) j
        ${newestExecution(gj)}) r
     ORDER BY r."scheduledAt", r.id`);
}

/** Where the next chunk goes on; null: that was the last one. */
export function afterRetried(rows: RetriedFailure[]): FailurePlace | null {
  const last = rows.at(-1);
  return last && rows.length === RETRIED_CHUNK ? { at: last.scheduledAt, id: last.id } : null;
}
