import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { nullOnTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, secondsBetween } from '../db/text-limit';
import { servesQueue } from '../good-job/process-state';
import { livePools } from '../good-job/processes';
import { isPaused, pausedNames, pausedQueues } from '../good-job/pauses';
import {
  type Found,
  type CheckContext,
  type ReadyQueue,
  type ReadyQueues,
  countUpTo,
  earliest,
  nextChunk,
  queuedJobs,
  shown,
} from './check-context';
import type { PausedJobs, WaitingQueue } from './types';

/** Queues named at once, and in all; of each the jobs that are due longest are looked at. */
const QUEUES_AT_ONCE = 250;
const QUEUES = 10_000;
const READY_SCAN_LIMIT = 1_000;
/** Where those are all paused or taken, so many more. */
const READY_DEEP_SCAN_LIMIT = 100_000;
/** For all of it, ms: a page that knows a little late is better than one that never does. */
const TIME_MS = 700;

interface Head extends Omit<ReadyQueue, 'since' | 'waited'> {
  since: string | null;
  waited: number | null;
}

/** A queue of open jobs, and its head. */
interface NamedHead extends Head {
  /** Its place among the queues of one statement. */
  n: number;
  /** Its name is too long to be listed: it is cut, and its head was not read; the scan continues behind it. */
  isListed: boolean;
}

/**
 * Queues of open jobs by a loose index scan, and the head of each (both index_good_jobs_on_queue_name_and_scheduled_at).
 * A head in which every job is paused or taken says nothing of those behind it: these are read as far as time allows.
 */
export async function readReadyQueues(checkContext: CheckContext): Promise<ReadyQueues> {
  const deadline = performance.now() + TIME_MS;
  const { heads, complete } = await readHeads(checkContext, deadline);
  const hidden = heads.flatMap((head) => (!isReady(head) && head.more ? [head.queue] : []));
  const further = await readFurther(checkContext, hidden, deadline);
  const queues = [...heads.filter(isReady), ...further.heads.filter(isReady)];
  return {
    queues: queues.sort((a, b) => (a.since < b.since ? -1 : 1)),
    incomplete: !complete || !further.complete,
  };
}

interface Heads {
  heads: Head[];
  /** False: there may be more. */
  complete: boolean;
}

async function readHeads(checkContext: CheckContext, deadline: number): Promise<Heads> {
  const heads: Head[] = [];
  let complete = true;
  let last: string | null = null;
  for (let size = QUEUES_AT_ONCE, seen = 0; seen < QUEUES;) {
    const startedAt = performance.now();
    if (seen > 0 && startedAt > deadline) return { heads, complete: false };
    const limit = Math.min(size, QUEUES - seen);
    const after: string | null = last;
    const rows: NamedHead[] = await checkContext.read(
      (tx) => headsAfter(tx, checkContext, after, limit),
      IN_ORDER,
    );
    rows.sort((a, b) => a.n - b.n);
    const listed = rows.filter(({ isListed }) => isListed);
    if (listed.length < rows.length) complete = false;
    heads.push(...listed);
    if (rows.length < limit) return { heads, complete };
    last = rows.at(-1)?.queue ?? null;
    seen += rows.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { heads, complete: false };
}

/** Behind the heads of these queues, except those of paused queues. */
async function readFurther(
  checkContext: CheckContext,
  hidden: string[],
  deadline: number,
): Promise<Heads> {
  if (hidden.length === 0) return { heads: [], complete: true };
  const { tables } = checkContext.ctx;
  const paused = await checkContext.read((tx) => pausedQueues(tx, tables));
  const names = hidden.filter((name) => !paused.has(name));
  const heads: Head[] = [];
  for (let at = 0, size = 1; at < names.length;) {
    const startedAt = performance.now();
    if (startedAt > deadline) return { heads, complete: false };
    const chunk = names.slice(at, at + size);
    const source = sql`unnest(${chunk}::text[]) q(name)`;
    const read = (tx: Tx) =>
      tx.query<Head>(sql`
        SELECT q.name AS queue, head.*
          FROM ${source} CROSS JOIN LATERAL (${headOf(checkContext, READY_DEEP_SCAN_LIMIT)}) head`);
    const rows = await checkContext.read(read, IN_ORDER).catch(nullOnTimeout);
    if (!rows) return { heads, complete: false };
    heads.push(...rows);
    at += chunk.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { heads, complete: heads.every((head) => isReady(head) || !head.more) };
}

const isReady = (head: Head): head is ReadyQueue => head.ready > 0;
const IN_ORDER = { byIndexOnly: true, inIndexOrder: true };

/** The next queues by name, at most `limit`. */
function headsAfter(
  tx: Tx,
  checkContext: CheckContext,
  last: string | null,
  limit: number,
): Promise<NamedHead[]> {
  const next = (after: Sql) =>
    sql`SELECT j.queue_name FROM ${checkContext.ctx.tables.jobs} j WHERE j.finished_at IS NULL AND ${after} ORDER BY j.queue_name LIMIT 1`;
  return tx.query<NamedHead>(sql`
    WITH RECURSIVE names AS (
      SELECT (${next(last === null ? sql`j.queue_name >= ''` : sql`j.queue_name > ${last}`)}) AS name, 1 AS n
      UNION ALL
      SELECT (${next(sql`j.queue_name > names.name`)}), names.n + 1
        FROM names WHERE names.name IS NOT NULL AND names.n < ${limit}::int),
    q AS MATERIALIZED (
      SELECT left(name, ${MAX_NAME_BYTES}::int) AS name, n,
             octet_length(name) <= ${MAX_NAME_BYTES}::int AS is_listed
        FROM names WHERE name IS NOT NULL)
    SELECT q.name AS queue, q.n, q.is_listed AS "isListed", head.*
      FROM q LEFT JOIN LATERAL (${headOf(checkContext, READY_SCAN_LIMIT)}) head ON q.is_listed`);
}

/** Of the queue `q.name` the jobs due longest: of `lookedAt` those that are free, the first of them alone. */
function headOf(
  { ctx: { tables }, gracePeriods: { readyMinutes } }: CheckContext,
  lookedAt: number,
): Sql {
  const of = (due: Sql, at: Sql) => sql`
    (SELECT j.ready_at, j.n FROM (
       SELECT j.*, ${at} AS ready_at, row_number() OVER () AS n FROM (
         SELECT * FROM ${tables.jobs} j WHERE j.queue_name >= q.name AND j.queue_name <= q.name AND j.finished_at IS NULL AND ${due} ORDER BY j.queue_name, j.scheduled_at LIMIT ${lookedAt + 1}) j) j
      WHERE j.n > ${lookedAt} OR (j.performed_at IS NULL AND j.locked_by_id IS NULL AND NOT coalesce(${isPaused(tables)}, false)) LIMIT ${READY_SCAN_LIMIT + 1})`;
  const since = sql`min(ready_at) FILTER (WHERE free)`;
  // A job whose time cannot be subtracted waits for ever: it must not hide that nobody serves its queue.
  const waited = sql`coalesce(${secondsBetween(since, sql`clock_timestamp()`)}, 'Infinity')`;
  const isLate = sql`ready_at < now() - make_interval(mins => ${readyMinutes})`;
  return sql`
    SELECT ${since} AS since, ${waited} AS waited,
           (count(*) FILTER (WHERE free))::int AS ready, count(*) > ${READY_SCAN_LIMIT} OR coalesce(bool_or(NOT free), false) AS more,
           (count(*) FILTER (WHERE free AND ${isLate}))::int AS late, now() - make_interval(mins => ${readyMinutes}) AS "lateBefore"
      FROM (SELECT j.ready_at, j.n <= ${lookedAt} AS free
              FROM (${of(sql`j.scheduled_at <= now()`, sql`j.scheduled_at`)} UNION ALL ${of(sql`j.scheduled_at IS NULL`, sql`j.created_at`)}) j) j`;
}

/** Queues with jobs that a worker could take, and none that would. A live process that does not tell what it serves may serve anything. */
export async function unservedQueues(checkContext: CheckContext): Promise<ReadyQueues> {
  const { queues, incomplete } = await checkContext.readyQueues();
  const waiting = queues.filter(({ waited }) => waited > checkContext.gracePeriods.unservedS);
  if (waiting.length === 0) return { queues: [], incomplete };
  const { byProcess, silent } = await checkContext.read((tx) =>
    livePools(tx, checkContext.ctx.tables),
  );
  const serving = ({ queue }: { queue: string }) =>
    byProcess.filter(({ pools }) => pools.some(({ served }) => servesQueue(served, queue)));
  const isUnknown = (queue: { queue: string }) =>
    serving(queue).length > 0 && serving(queue).every(({ isKnown }) => !isKnown);
  return {
    queues: silent > 0 ? [] : waiting.filter((queue) => serving(queue).length === 0),
    incomplete,
    unknownOnStandby: waiting.some(isUnknown),
  };
}

/** What nobody will run before a process is started for it. */
export async function findUnservedQueues(checkContext: CheckContext): Promise<Found> {
  const { queues, incomplete, unknownOnStandby } = await checkContext.unserved();
  const items = queues.map(({ queue, since, ready, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(ready, Infinity, more),
    where: queuedJobs(queue),
  }));
  if (items.length === 0) return { finding: null, incomplete, unknownOnStandby };
  return {
    finding: {
      kind: 'unserved_queues',
      severity: 'critical',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: shown(items),
      where: '/processes',
      repair: null,
    },
  };
}

/** Jobs looked at: those that are due longest, for what is paused stays. */
const PAUSED_SCAN_LIMIT = 10_000;

interface Row {
  by: PausedJobs['by'];
  name: string;
  /** Null: none was found among those that were looked at. */
  since: string | null;
  count: number;
  /** More jobs are due than were looked at. */
  more: boolean;
}

/** Jobs that are due and wait because their queue, class or a label is paused. */
export async function findPausedJobs({ ctx: { tables }, read }: CheckContext): Promise<Found> {
  // index_good_jobs_on_scheduled_at, and index_good_jobs_on_queue_name_and_scheduled_at for a queue.
  const rows = await read(
    (tx) =>
      tx.query<Row>(sql`
    WITH paused AS MATERIALIZED (${pausedNames(tables)}),
    due AS MATERIALIZED (
      SELECT j.job_class, j.labels, j.scheduled_at FROM ${tables.jobs} j
       WHERE EXISTS (SELECT 1 FROM paused WHERE "by" <> 'queue') AND j.finished_at IS NULL AND j.scheduled_at <= now() AND j.performed_at IS NULL ORDER BY j.scheduled_at LIMIT ${PAUSED_SCAN_LIMIT}),
    many AS (SELECT count(*) >= ${PAUSED_SCAN_LIMIT} AS more FROM due)
    SELECT p.by, p.name, found.*, found.count >= ${PAUSED_SCAN_LIMIT} OR (p.by <> 'queue' AND many.more) AS more FROM paused p CROSS JOIN many CROSS JOIN LATERAL (
      SELECT count(*)::int AS count, min(scheduled_at) AS since FROM (
        (SELECT j.scheduled_at FROM ${tables.jobs} j WHERE p.by = 'queue' AND j.queue_name >= p.name AND j.queue_name <= p.name AND j.finished_at IS NULL AND j.scheduled_at <= now() AND j.performed_at IS NULL ORDER BY j.queue_name, j.scheduled_at LIMIT ${PAUSED_SCAN_LIMIT})
        UNION ALL SELECT d.scheduled_at FROM due d WHERE p.by = 'job_class' AND d.job_class = p.name
        UNION ALL SELECT d.scheduled_at FROM due d WHERE p.by = 'label' AND p.name = ANY(d.labels)) j) found
     WHERE found.count > 0 OR (p.by <> 'queue' AND many.more) ORDER BY found.since`),
    { byIndexOnly: true, inIndexOrder: true },
  );
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
      items: shown(items),
      where: '/pauses',
      repair: 'unpause',
    },
  };
}
