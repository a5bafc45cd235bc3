import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { readStoredEnds } from '../console-schema/pause-records';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, secondsBetween } from '../db/text-limit';
import { livePools, servesQueue } from '../good-job/processes';
import { isPaused, pausedNames, pausedQueues } from '../good-job/settings';
import type { GoodJobTables } from '../good-job/tables';
import { PAUSE_KINDS } from '../good-job/types';
import {
  type FinderResult,
  type CheckContext,
  type ReadyQueue,
  type ReadyQueues,
  countUpTo,
  earliest,
  nextChunk,
  queuedJobsHref,
  firstItems,
} from './check-context';
import type { LatePauseEnd, PausedJobs, WaitingQueue } from './types';

/** Number of queues that the first statement reads. */
const FIRST_CHUNK = 250;
const MAX_QUEUES = 10_000;
/** Number of jobs to scan per queue, earliest first. */
const READY_SCAN_LIMIT = 1_000;
/** Number of jobs to scan per queue if the first READY_SCAN_LIMIT are all paused or claimed. */
const READY_DEEP_SCAN_LIMIT = 100_000;
const TIME_LIMIT_MS = 700;

/** The result of scanning the first jobs of a queue. */
const queueHeadRow = z.strictObject({
  queue: z.string(),
  /** Null: none of the jobs is ready. */
  since: z.string().nullable(),
  /** Infinity: no job is ready, or the time of the oldest one cannot be subtracted. */
  waitedSeconds: z.union([z.number(), z.literal(Infinity)]),
  readyCount: z.number(),
  more: z.boolean(),
  lateCount: z.number(),
  lateBefore: z.string(),
});
type Head = z.infer<typeof queueHeadRow>;

/** `n`: the position among the queues of one statement. */
const namedHeadRow = z.discriminatedUnion('isListed', [
  queueHeadRow.extend({ n: z.number(), isListed: z.literal(true) }),
  /** The name exceeds MAX_NAME_BYTES, so it is truncated and the first jobs were not read. */
  z.strictObject({
    queue: z.string(),
    n: z.number(),
    isListed: z.literal(false),
    since: z.null(),
    waitedSeconds: z.null(),
    readyCount: z.null(),
    more: z.null(),
    lateCount: z.null(),
    lateBefore: z.null(),
  }),
]);
type NamedHead = z.infer<typeof namedHeadRow>;

/**
 * Reads the queues with ready jobs by a loose index scan of
 * index_good_jobs_on_queue_name_and_scheduled_at. A queue whose first jobs are all paused or
 * claimed is scanned deeper while time remains.
 */
export async function readReadyQueues(checkContext: CheckContext): Promise<ReadyQueues> {
  const deadline = performance.now() + TIME_LIMIT_MS;
  const { heads, complete } = await readHeads(checkContext, deadline);
  const undecidedQueues = heads.flatMap((head) =>
    !isReady(head) && head.more ? [head.queue] : [],
  );
  const deepScan = await readDeeper(checkContext, undecidedQueues, deadline);
  const queues = [...heads.filter(isReady), ...deepScan.heads.filter(isReady)];
  return {
    queues: queues.sort((a, b) => (a.since < b.since ? -1 : 1)),
    incomplete: !complete || !deepScan.complete,
  };
}

interface Heads {
  heads: Head[];
  /** False: queues or ready jobs may be missing. */
  complete: boolean;
}

async function readHeads(checkContext: CheckContext, deadline: number): Promise<Heads> {
  const heads: Head[] = [];
  let complete = true;
  let last: string | null = null;
  for (let size = FIRST_CHUNK, scanned = 0; scanned < MAX_QUEUES;) {
    const startedAt = performance.now();
    if (scanned > 0 && startedAt > deadline) return { heads, complete: false };
    const limit = Math.min(size, MAX_QUEUES - scanned);
    const after: string | null = last;
    const rows: NamedHead[] = await checkContext.read(
      (tx) => headsAfter(tx, checkContext, after, limit),
      IN_ORDER,
    );
    rows.sort((a, b) => a.n - b.n);
    const listed = rows.filter((row) => row.isListed);
    if (listed.length < rows.length) complete = false;
    heads.push(...listed);
    if (rows.length < limit) return { heads, complete };
    last = rows.at(-1)?.queue ?? null;
    scanned += rows.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { heads, complete: false };
}

/** Skips paused queues, in which no job can be ready. */
async function readDeeper(
  checkContext: CheckContext,
  queues: string[],
  deadline: number,
): Promise<Heads> {
  if (queues.length === 0) return { heads: [], complete: true };
  const { tables } = checkContext.ctx;
  const paused = await checkContext.read((tx) => pausedQueues(tx, tables));
  const names = queues.filter((name) => !paused.has(name));
  const heads: Head[] = [];
  for (let at = 0, size = 1; at < names.length;) {
    const startedAt = performance.now();
    if (startedAt > deadline) return { heads, complete: false };
    const chunk = names.slice(at, at + size);
    const read = (tx: Tx) =>
      tx.query(
        queueHeadRow,
        sql`
          SELECT q.name AS queue, head.*
            FROM unnest(${chunk}::text[]) q(name)
           CROSS JOIN LATERAL (${headSql(checkContext, READY_DEEP_SCAN_LIMIT)}) head`,
      );
    const rows = await checkContext.read(read, IN_ORDER).catch(ignoreTimeout);
    if (!rows) return { heads, complete: false };
    heads.push(...rows);
    at += chunk.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { heads, complete: heads.every((head) => isReady(head) || !head.more) };
}

const isReady = (head: Head): head is ReadyQueue => head.since !== null;
const IN_ORDER = { byIndexOnly: true, inIndexOrder: true };

/** The first jobs of the next `limit` queues by name. */
function headsAfter(
  tx: Tx,
  checkContext: CheckContext,
  last: string | null,
  limit: number,
): Promise<NamedHead[]> {
  const nextName = (after: Sql) => sql`
    SELECT j.queue_name
      FROM ${checkContext.ctx.tables.jobs} j
     WHERE j.finished_at IS NULL
       AND ${after}
     ORDER BY j.queue_name
     LIMIT 1`;
  const afterLast = last === null ? sql`j.queue_name >= ''` : sql`j.queue_name > ${last}`;
  return tx.query(
    namedHeadRow,
    sql`
      WITH RECURSIVE names AS (
        SELECT (${nextName(afterLast)}) AS name, 1 AS n
        UNION ALL
        SELECT (${nextName(sql`j.queue_name > names.name`)}), names.n + 1
          FROM names
         WHERE names.name IS NOT NULL
           AND names.n < ${limit}::int
      ),
      q AS MATERIALIZED (
        SELECT left(name, ${MAX_NAME_BYTES}::int) AS name,
               n,
               octet_length(name) <= ${MAX_NAME_BYTES}::int AS is_listed
          FROM names
         WHERE name IS NOT NULL
      )
      SELECT q.name AS queue, q.n, q.is_listed AS "isListed", head.*
        FROM q
        LEFT JOIN LATERAL (${headSql(checkContext, READY_SCAN_LIMIT)}) head ON q.is_listed`,
  );
}

/**
 * Scans the first `scanLimit` due jobs of the queue `q.name`. A row beyond the limit only marks
 * that there are more. The queue is a range, because for an equality the planner may choose an
 * index that is not ordered by queue.
 */
function headSql(
  { ctx: { tables }, gracePeriods: { readyMinutes } }: CheckContext,
  scanLimit: number,
): Sql {
  const firstJobs = (isDue: Sql, at: Sql) => sql`
    (SELECT j.ready_at, j.n
       FROM (SELECT j.*, ${at} AS ready_at, row_number() OVER () AS n
               FROM (SELECT *
                       FROM ${tables.jobs} j
                      WHERE j.queue_name >= q.name
                        AND j.queue_name <= q.name
                        AND j.finished_at IS NULL
                        AND ${isDue}
                      ORDER BY j.queue_name, j.scheduled_at
                      LIMIT ${scanLimit + 1}) j) j
      WHERE j.n > ${scanLimit}
         OR (j.performed_at IS NULL
             AND j.locked_by_id IS NULL
             AND NOT coalesce(${isPaused(tables)}, false))
      LIMIT ${READY_SCAN_LIMIT + 1})`;
  const since = sql`min(ready_at) FILTER (WHERE free)`;
  // An infinite time cannot be subtracted, but must not hide an unserved queue.
  const waited = sql`coalesce(${secondsBetween(since, sql`clock_timestamp()`)}, 'Infinity')`;
  const isLate = sql`ready_at < now() - make_interval(mins => ${readyMinutes})`;
  return sql`
    SELECT ${since} AS since,
           ${waited} AS "waitedSeconds",
           (count(*) FILTER (WHERE free))::int AS "readyCount",
           count(*) > ${READY_SCAN_LIMIT} OR coalesce(bool_or(NOT free), false) AS more,
           (count(*) FILTER (WHERE free AND ${isLate}))::int AS "lateCount",
           now() - make_interval(mins => ${readyMinutes}) AS "lateBefore"
      FROM (SELECT j.ready_at, j.n <= ${scanLimit} AS free
              FROM (${firstJobs(sql`j.scheduled_at <= now()`, sql`j.scheduled_at`)}
                    UNION ALL
                    ${firstJobs(sql`j.scheduled_at IS NULL`, sql`j.created_at`)}) j) j`;
}

/**
 * Returns the ready queues that no live process serves. While a live process does not report its
 * queues, none counts as unserved, because it may serve any queue.
 */
export async function readUnservedQueues(checkContext: CheckContext): Promise<ReadyQueues> {
  const { queues, incomplete } = await checkContext.readyQueues();
  const { unservedSeconds } = checkContext.gracePeriods;
  const waiting = queues.filter(({ waitedSeconds }) => waitedSeconds > unservedSeconds);
  if (waiting.length === 0) return { queues: [], incomplete };
  const { byProcess, nonReporting } = await checkContext.read((tx) =>
    livePools(tx, checkContext.ctx.tables),
  );
  const processesOf = ({ queue }: ReadyQueue) =>
    byProcess.filter(({ pools }) => pools.some(({ served }) => servesQueue(served, queue)));
  const isUnknown = (queue: ReadyQueue) => {
    const processes = processesOf(queue);
    return processes.length > 0 && processes.every(({ isKnown }) => !isKnown);
  };
  return {
    queues: nonReporting > 0 ? [] : waiting.filter((queue) => processesOf(queue).length === 0),
    incomplete,
    unknownOnStandby: waiting.some(isUnknown),
  };
}

/** Finds queues whose jobs no live process will run. */
export async function findUnservedQueues(checkContext: CheckContext): Promise<FinderResult> {
  const { queues, incomplete, unknownOnStandby } = await checkContext.unserved();
  const items = queues.map(({ queue, since, readyCount, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(readyCount, Infinity, more),
    href: queuedJobsHref(queue),
  }));
  if (items.length === 0) return { finding: null, incomplete, unknownOnStandby };
  return {
    finding: {
      kind: 'unserved_queues',
      severity: 'critical',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: firstItems(items),
      href: '/processes',
      repair: null,
    },
  };
}

/** Number of due jobs to scan, earliest first, because paused jobs accumulate there. */
const PAUSED_SCAN_LIMIT = 10_000;

const pausedJobsRow = z.strictObject({
  by: z.enum(PAUSE_KINDS),
  name: z.string(),
  /** Null: the scan reached its limit without such a job. */
  since: z.string().nullable(),
  count: z.number(),
  /** The scan reached its limit. */
  more: z.boolean(),
});

/** Finds due jobs that wait because their queue, class or label is paused. */
export async function findPausedJobs({
  ctx: { tables },
  read,
}: CheckContext): Promise<FinderResult> {
  const rows = await read((tx) => tx.query(pausedJobsRow, pausedJobsSql(tables)), IN_ORDER);
  const items = rows.flatMap(({ by, name, since, count, more }): PausedJobs[] =>
    since === null ? [] : [{ by, name, since, count: countUpTo(count, PAUSED_SCAN_LIMIT, more) }],
  );
  const incomplete = items.length < rows.length;
  if (items.length === 0) return { finding: null, incomplete };
  return {
    finding: {
      kind: 'paused_jobs',
      severity: 'notice',
      since: earliest(items.map(({ since }) => since)),
      count: countUpTo(items.length, Infinity, incomplete),
      items: firstItems(items),
      href: '/pauses',
      repair: 'unpause',
    },
  };
}

/**
 * Uses index_good_jobs_on_scheduled_at for classes and labels, and
 * index_good_jobs_on_queue_name_and_scheduled_at for queues.
 */
function pausedJobsSql(tables: GoodJobTables): Sql {
  const isDue = sql`
    j.finished_at IS NULL AND j.scheduled_at <= now() AND j.performed_at IS NULL`;
  return sql`
    WITH paused AS MATERIALIZED (${pausedNames(tables)}),
    due AS MATERIALIZED (
      SELECT j.job_class, j.labels, j.scheduled_at
        FROM ${tables.jobs} j
       WHERE EXISTS (SELECT 1 FROM paused WHERE "by" <> 'queue')
         AND ${isDue}
       ORDER BY j.scheduled_at
       LIMIT ${PAUSED_SCAN_LIMIT}
    ),
    many AS (SELECT count(*) >= ${PAUSED_SCAN_LIMIT} AS more FROM due)
    SELECT p.by, p.name, matches.*,
           matches.count >= ${PAUSED_SCAN_LIMIT} OR (p.by <> 'queue' AND many.more) AS more
      FROM paused p
     CROSS JOIN many
     CROSS JOIN LATERAL (
       SELECT count(*)::int AS count, min(scheduled_at) AS since
         FROM (
           (SELECT j.scheduled_at
              FROM ${tables.jobs} j
             WHERE p.by = 'queue'
               AND j.queue_name >= p.name
               AND j.queue_name <= p.name
               AND ${isDue}
             ORDER BY j.queue_name, j.scheduled_at
             LIMIT ${PAUSED_SCAN_LIMIT})
           UNION ALL
           SELECT d.scheduled_at
             FROM due d
            WHERE p.by = 'job_class'
              AND d.job_class = p.name
           UNION ALL
           SELECT d.scheduled_at
             FROM due d
            WHERE p.by = 'label'
              AND p.name = ANY(d.labels)
         ) j
     ) matches
     WHERE matches.count > 0
        OR (p.by <> 'queue' AND many.more)
     ORDER BY matches.since`;
}

/** Finds timed pauses whose end is more than an hour late, so that no server ends them. */
export async function findLatePauseEnds({ ctx, read }: CheckContext): Promise<FinderResult> {
  if (ctx.pauseEnds === 'none') return { finding: null };
  const ends = await read((tx) => readStoredEnds(tx, ctx.tables), {});
  const items = ends
    .filter(({ isLate, isOutdated }) => isLate && !isOutdated)
    .map(({ kind, name, endsAt, viewer }): LatePauseEnd => ({
      by: kind,
      name,
      since: endsAt,
      viewer,
    }));
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'late_pause_ends',
      severity: 'warning',
      since: earliest(items.map(({ since }) => since)),
      count: countUpTo(items.length, Infinity),
      items: firstItems(items),
      href: '/pauses',
      repair: 'unpause',
    },
  };
}
