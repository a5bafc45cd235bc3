import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import { secondsBetween } from '../db/text-limit';
import { isHanging } from '../good-job/batches';
import { isHeld } from '../good-job/locks';
import { type LivePools, livePools, servesQueue } from '../good-job/processes';
import { ERROR_EVENTS, type ErrorEvent } from '../good-job/raw-rows';
import { isPaused, pausedNames } from '../good-job/settings';
import { type GoodJobTables, isInState, readyAt } from '../good-job/tables';

/** What a batch waits for, read from its jobs. */
const signalsRow = z.strictObject({
  id: z.string(),
  now: z.string(),
  stalled: z.boolean(),
  /** The completion check is due and no worker will run it. */
  hangs: z.boolean(),
  /** Waiting jobs that are paused. */
  paused: z.number(),
  /** JSON texts of [kind, name]; null unless all waiting jobs are paused. */
  pauses: z.array(z.string()).nullable(),
  /** JSON texts of [id, locked], of the lost jobs among the first MAX_OPEN_JOBS_READ running ones. */
  lost: z.array(z.string()),
  /** Queues of the batch's ready jobs that are not paused; null: there are none. */
  readyQueues: z.array(z.string()).nullable(),
  /** The first and the last due time of the waiting jobs. */
  nextAt: z.string().nullable(),
  lastAt: z.string().nullable(),
  lastFinishedAt: z.string().nullable(),
  callbacksOpen: z.number(),
  callbacksDiscarded: z.number(),
  /** Jobs of the batch that finished in the last RATE_WINDOW_SECONDS seconds. */
  recentlyFinished: z.number(),
  /** Seconds between an end of all jobs and a retry by hand. */
  idle: z.number(),
});

export interface Signals extends z.infer<typeof signalsRow> {
  liveProcesses: number;
  /** The queues in `readyQueues` that no live process serves. */
  unservedQueues: string[];
}

/** Limit of the running and of the ready jobs that are read to explain a stuck batch. */
export const MAX_OPEN_JOBS_READ = 1_000;
/** The times of a larger batch are not sorted to find idle time. */
const MAX_JOBS_WITH_IDLE_TIME = 10_000;
export const RATE_WINDOW_SECONDS = 300;
export const MAX_LISTED_PAUSES = 5;
/** `error_event` of attempts after which GoodJob does not run a job again by itself. */
const FINAL_EVENTS = ['unhandled', 'retry_stopped', 'discarded'].map((event) =>
  ERROR_EVENTS.indexOf(event as ErrorEvent),
);

const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;

/**
 * Reads the signals of several batches in one statement, by index_good_jobs_on_batch_id and
 * index_good_jobs_on_batch_callback_id.
 */
export async function readSignals(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
): Promise<Map<string, Signals>> {
  const live = await livePools(tx, tables);
  // OFFSET 0 keeps the planner from searching a batch among all open jobs.
  const members = sql`(SELECT * FROM ${tables.jobs} WHERE batch_id = b.id OFFSET 0)`;
  const countCallbacks = (condition: Sql) => sql`
    (SELECT count(*)::int
       FROM ${tables.jobs} j
      WHERE j.batch_callback_id = b.id AND ${condition})`;
  const rows = await tx.query(
    signalsRow,
    sql`
      SELECT b.id, clock_timestamp() AS now,
             ${isHanging(tables)} AS hangs,
             ${isStalled(tables, live)} AS stalled,
             CASE WHEN m.waiting > 0 AND m.paused = m.waiting
                  THEN ${pausesOf(tables, members)} END AS pauses,
             ${lostJobs(tables, members)} AS lost,
             (SELECT array_agg(DISTINCT j.queue_name)
                FROM (
                  SELECT j.queue_name
                    FROM ${members} j
                   WHERE ${isWaiting}
                     AND ${readyAt} <= now()
                     AND j.queue_name IS NOT NULL
                     AND NOT coalesce(${isPaused(tables)}, false)
                   LIMIT ${MAX_OPEN_JOBS_READ}) j) AS "readyQueues",
             ${countCallbacks(sql`j.finished_at IS NULL`)} AS "callbacksOpen",
             ${countCallbacks(isInState('discarded'))} AS "callbacksDiscarded",
             m.paused, m."nextAt", m."lastAt", m."recentlyFinished", m."lastFinishedAt",
             CASE WHEN m.total <= ${MAX_JOBS_WITH_IDLE_TIME}
                  THEN ${idleSeconds(tables, members)} ELSE 0 END AS idle
        FROM unnest(${batchIds}::uuid[]) WITH ORDINALITY p(id, n)
        JOIN ${tables.batches} b ON b.id = p.id
       CROSS JOIN LATERAL (${memberTotals(tables, members)} OFFSET 0) m
       ORDER BY p.n`,
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        ...row,
        liveProcesses: live.processes,
        unservedQueues:
          live.processes > 0 && row.readyQueues ? unservedQueues(live, row.readyQueues) : [],
      },
    ]),
  );
}

/** The numbers and times of all members. */
function memberTotals(tables: GoodJobTables, members: Sql): Sql {
  return sql`
    SELECT count(*) AS total,
           count(*) FILTER (WHERE ${isWaiting}) AS waiting,
           count(*) FILTER (WHERE ${isWaiting} AND ${isPaused(tables)})::int AS paused,
           min(${readyAt}) FILTER (WHERE ${isWaiting}) AS "nextAt",
           max(${readyAt}) FILTER (WHERE ${isWaiting}) AS "lastAt",
           max(j.finished_at) AS "lastFinishedAt",
           count(*) FILTER (
             WHERE j.finished_at > now() - make_interval(secs => ${RATE_WINDOW_SECONDS})
           )::int AS "recentlyFinished"
      FROM ${members} j`;
}

/** The pauses that hold the first waiting members, as an array of JSON texts. */
function pausesOf(tables: GoodJobTables, members: Sql): Sql {
  return sql`(
    WITH waiting AS MATERIALIZED (
      SELECT j.queue_name, j.job_class, j.labels
        FROM ${members} j
       WHERE ${isWaiting}
       LIMIT ${MAX_OPEN_JOBS_READ})
    SELECT array_agg(json_build_array(f.by, f.name)::text)
      FROM (
        SELECT p.by, p.name
          FROM (${pausedNames(tables)}) p
         WHERE EXISTS (
           SELECT 1
             FROM waiting w
            WHERE CASE p.by
                    WHEN 'queue' THEN w.queue_name = p.name
                    WHEN 'job_class' THEN w.job_class = p.name
                    ELSE p.name = ANY(w.labels)
                  END)
         ORDER BY p.by DESC, p.name
         LIMIT ${MAX_LISTED_PAUSES + 1}) f)`;
}

/** `locked_by_id` keeps the unheld job `j` from every worker with these lock types. */
function isLockedByLostWorker(tables: GoodJobTables): Sql {
  const lockType = tables.column('good_jobs', 'j', 'lock_type', 'smallint');
  return sql`(j.locked_by_id IS NOT NULL AND coalesce(${lockType} IN (1, 2), false))`;
}

/** The ids of the running members without a live worker, as JSON texts with whether one is locked. */
function lostJobs(tables: GoodJobTables, members: Sql): Sql {
  return sql`ARRAY(
    SELECT json_build_array(j.id, j.locked_by_id IS NOT NULL)::text
      FROM (
        SELECT *
          FROM ${members} j
         WHERE j.finished_at IS NULL AND j.performed_at IS NOT NULL
         LIMIT ${MAX_OPEN_JOBS_READ}) j
     WHERE NOT ${isHeld(tables)})`;
}

/**
 * The seconds in which all members had ended, before some were retried by hand: such a member was
 * closed from the end of its last final attempt to the retry, which `scheduled_at` is the time of.
 * A back-off before an automatic retry counts as open.
 */
function idleSeconds(tables: GoodJobTables, members: Sql): Sql {
  const event = tables.column('good_job_executions', 'e', 'error_event', 'smallint');
  const wasFinal = sql`
    (SELECT e.finished_at <= j.scheduled_at AND ${event} = ANY(${FINAL_EVENTS}::smallint[])
       FROM ${tables.executions} e
      WHERE e.active_job_id = j.active_job_id AND e.created_at < j.scheduled_at
      ORDER BY e.created_at DESC
      LIMIT 1)`;
  const isRetriedByHand = sql`
    CASE WHEN ${secondsBetween(sql`j.created_at`, sql`j.scheduled_at`)} > 1 THEN ${wasFinal} END`;
  return sql`(
    SELECT coalesce(sum(g.seconds), 0)
      FROM (
        SELECT ${secondsBetween(sql`s.closed`, sql`s.opened`)} AS seconds
          FROM (
            SELECT o.opened,
                   max(o.closed) OVER (
                     ORDER BY o.opened
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS closed
              FROM (
                SELECT CASE WHEN ${isRetriedByHand} THEN j.scheduled_at
                            ELSE j.created_at END AS opened,
                       coalesce(j.finished_at, now()) AS closed
                  FROM ${members} j) o) s
         WHERE s.opened > b.enqueued_at) g
     WHERE g.seconds > 0)`;
}

/**
 * Whether a live process serves the queue of the job `j`; true if a process does not report its
 * queues.
 */
function isServed({ pools, nonReporting }: LivePools): Sql {
  if (nonReporting > 0 || pools.some(({ served }) => served.kind === 'all')) return sql`true`;
  const conditions = pools.flatMap(({ served }) => {
    if (served.kind === 'except')
      return [sql`(j.queue_name = ANY(${served.queues}::text[])) IS NOT TRUE`];
    return served.kind === 'only' ? [sql`j.queue_name = ANY(${served.queues}::text[])`] : [];
  });
  return conditions.length > 0 ? sql`(${join(conditions, ' OR ')})` : sql`false`;
}

/**
 * Whether the batch `b` is stalled: enqueued, not finished, and either hanging or without an
 * unfinished job that a live worker runs, that is due later, or that a process can take. OFFSET 0
 * makes it use index_good_jobs_on_batch_id.
 */
function isStalled(tables: GoodJobTables, live: LivePools): Sql {
  const hasOpenMember = (condition: Sql) => sql`
    EXISTS (
      SELECT 1
        FROM (SELECT * FROM ${tables.jobs} WHERE batch_id = b.id OFFSET 0) j
       WHERE j.finished_at IS NULL AND ${condition}
       LIMIT 1)`;
  const canRun = sql`
    (NOT coalesce(${isPaused(tables)}, false) AND (${readyAt} > now() OR ${isServed(live)}))`;
  const hasWaiting = hasOpenMember(sql`j.performed_at IS NULL AND ${canRun}`);
  const hasRunning = sql`
    EXISTS (
      SELECT 1
        FROM (
          SELECT *
            FROM (SELECT * FROM ${tables.jobs} WHERE batch_id = b.id OFFSET 0) j
           WHERE j.finished_at IS NULL AND j.performed_at IS NOT NULL
           LIMIT ${MAX_OPEN_JOBS_READ}) j
       WHERE (${isHeld(tables)}) IS NOT FALSE
          OR (${canRun} AND NOT ${isLockedByLostWorker(tables)}))`;
  return sql`(b.enqueued_at IS NOT NULL
    AND b.finished_at IS NULL
    AND (${isHanging(tables)}
      OR (${hasOpenMember(sql`true`)} AND NOT ${hasWaiting} AND NOT ${hasRunning})))`;
}

/** The queues that no live process serves; empty if a process does not report its queues. */
function unservedQueues({ pools, nonReporting }: LivePools, queues: string[]): string[] {
  return nonReporting > 0
    ? []
    : queues.filter((queue) => !pools.some(({ served }) => servesQueue(served, queue)));
}
