import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { secondsBetween } from '../db/durations';
import { MAX_NAME_BYTES } from '../db/name-limit';
import type { Tx } from '../db/types';
import { nullOnTimeout } from '../errors';
import { isPaused, pausedQueues } from '../good-job/pauses';
import { type Look, type ReadyQueue, type ReadyQueues, nextChunk } from './look';

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
export async function readReadyQueues(look: Look): Promise<ReadyQueues> {
  const deadline = performance.now() + TIME_MS;
  const { heads, complete } = await readHeads(look, deadline);
  const hidden = heads.flatMap((head) => (!isReady(head) && head.more ? [head.queue] : []));
  const further = await readFurther(look, hidden, deadline);
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

async function readHeads(look: Look, deadline: number): Promise<Heads> {
  const heads: Head[] = [];
  let complete = true;
  let last: string | null = null;
  for (let size = QUEUES_AT_ONCE, seen = 0; seen < QUEUES;) {
    const startedAt = performance.now();
    if (seen > 0 && startedAt > deadline) return { heads, complete: false };
    const limit = Math.min(size, QUEUES - seen);
    const after: string | null = last;
    const rows: NamedHead[] = await look.read((tx) => headsAfter(tx, look, after, limit), IN_ORDER);
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
async function readFurther(look: Look, hidden: string[], deadline: number): Promise<Heads> {
  if (hidden.length === 0) return { heads: [], complete: true };
  const { gj } = look.ctx;
  const paused = await look.read((tx) => pausedQueues(tx, gj));
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
          FROM ${source} CROSS JOIN LATERAL (${headOf(look, READY_DEEP_SCAN_LIMIT)}) head`);
    const rows = await look.read(read, IN_ORDER).catch(nullOnTimeout);
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
function headsAfter(tx: Tx, look: Look, last: string | null, limit: number): Promise<NamedHead[]> {
  const next = (after: Sql) =>
    sql`SELECT j.queue_name FROM ${look.ctx.gj.jobs} j WHERE j.finished_at IS NULL AND ${after} ORDER BY j.queue_name LIMIT 1`;
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
      FROM q LEFT JOIN LATERAL (${headOf(look, READY_SCAN_LIMIT)}) head ON q.is_listed`);
}

/** Of the queue `q.name` the jobs due longest: of `lookedAt` those that are free, the first of them alone. */
function headOf({ ctx: { gj }, grace: { readyMinutes } }: Look, lookedAt: number): Sql {
  const of = (due: Sql, at: Sql) => sql`
    (SELECT j.ready_at, j.n FROM (
       SELECT j.*, ${at} AS ready_at, row_number() OVER () AS n FROM (
         SELECT * FROM ${gj.jobs} j WHERE j.queue_name >= q.name AND j.queue_name <= q.name AND j.finished_at IS NULL AND ${due} ORDER BY j.queue_name, j.scheduled_at LIMIT ${lookedAt + 1}) j) j
      WHERE j.n > ${lookedAt} OR (j.performed_at IS NULL AND j.locked_by_id IS NULL AND NOT coalesce(${isPaused(gj)}, false)) LIMIT ${READY_SCAN_LIMIT + 1})`;
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
