import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { secondsBetween } from '../db/durations';
import { MAX_NAME_BYTES } from '../db/name-limit';
import type { Tx } from '../db/types';
import { ConsoleError } from '../errors';
import { isPaused, pausedQueues } from '../good-job/pauses';
import type { GoodJob } from '../good-job/tables';
import { type Grace, type Look, type ReadyQueue, type ReadyQueues, inIndexOrder } from './look';

/** Queues named at once, and in all; of each the jobs that are due longest are looked at. */
const QUEUES_AT_ONCE = 250;
const QUEUES = 10_000;
const LOOKED_AT = 1_000;
/** Where those are all paused or taken, so many more. */
const LOOKED_AT_FURTHER = 100_000;
/** For all of it, ms: a page that knows a little late is better than one that never does. */
const TIME_MS = 700;

interface Head extends Omit<ReadyQueue, 'since' | 'waited'> {
  since: string | null;
  waited: number | null;
}

/**
 * Queues of open jobs by a loose index scan, and the head of each (both index_good_jobs_on_queue_name_and_scheduled_at).
 * A head in which every job is paused or taken says nothing of those behind it: these are looked for as far as time allows.
 */
export async function readReadyQueues(look: Look): Promise<ReadyQueues> {
  const {
    ctx: { gj },
    read,
  } = look;
  const deadline = performance.now() + TIME_MS;
  const left = () => deadline - performance.now();
  const found: ReadyQueue[] = [];
  const hidden: string[] = [];
  let incomplete = false;
  await read(async (tx) => {
    await inIndexOrder(tx);
    let last: string | null = null;
    for (let seen = 0; ; seen += QUEUES_AT_ONCE) {
      const names = await namesAfter(tx, gj, last);
      const listed = names.flatMap(({ name, isListed }) => (isListed ? [name] : []));
      if (listed.length < names.length) incomplete = true;
      for (const head of await headsOf(tx, gj, listed, LOOKED_AT, look.grace)) {
        if (isReady(head)) found.push(head);
        else if (head.more) hidden.push(head.queue);
      }
      last = names.at(-1)?.name ?? null;
      if (names.length < QUEUES_AT_ONCE) return;
      if (seen + names.length >= QUEUES || left() <= 0) return void (incomplete = true);
    }
  });
  if (hidden.length > 0 && !(await lookFurther(look, hidden, left, found))) incomplete = true;
  return { queues: found.sort((a, b) => (a.since < b.since ? -1 : 1)), incomplete };
}

/** Behind the heads of these queues, those of paused queues left out; false: there may be more than was found. */
async function lookFurther(
  { ctx: { gj }, grace, read }: Look,
  names: string[],
  left: () => number,
  found: ReadyQueue[],
): Promise<boolean> {
  const paused = await read((tx) => pausedQueues(tx, gj));
  let complete = true;
  for (const name of names) {
    if (paused.has(name)) continue;
    if (left() <= 0) return false;
    try {
      const [head] = await read(async (tx) => {
        await inIndexOrder(tx);
        return headsOf(tx, gj, [name], LOOKED_AT_FURTHER, grace);
      });
      if (head && isReady(head)) found.push(head);
      else if (head?.more) complete = false;
    } catch (error) {
      if (!(error instanceof ConsoleError && error.code === 'query_timeout')) throw error;
      return false;
    }
  }
  return complete;
}

const isReady = (head: Head): head is ReadyQueue => head.ready > 0;

interface Name {
  /** Cut where it is too long to be listed; the scan still goes on behind it. */
  name: string;
  isListed: boolean;
}

async function namesAfter(tx: Tx, gj: GoodJob, last: string | null): Promise<Name[]> {
  const next = (after: Sql) =>
    sql`SELECT j.queue_name FROM ${gj.jobs} j WHERE j.finished_at IS NULL AND ${after} ORDER BY j.queue_name LIMIT 1`;
  return tx.query<Name>(sql`
    WITH RECURSIVE names AS (
      (SELECT (${next(last === null ? sql`j.queue_name >= ''` : sql`j.queue_name > ${last}`)}) AS name)
      UNION ALL
      SELECT (${next(sql`j.queue_name > n.name`)}) FROM names n WHERE n.name IS NOT NULL)
    SELECT left(name, ${MAX_NAME_BYTES}::int) AS name, octet_length(name) <= ${MAX_NAME_BYTES}::int AS "isListed"
      FROM names WHERE name IS NOT NULL LIMIT ${QUEUES_AT_ONCE}`);
}

/** Of each queue the jobs due longest: of so many those that are free, the first of them alone. */
async function headsOf(
  tx: Tx,
  gj: GoodJob,
  names: string[],
  lookedAt: number,
  { readyMinutes }: Grace,
): Promise<Head[]> {
  if (names.length === 0) return [];
  const of = (due: Sql, at: Sql) => sql`
    (SELECT j.ready_at, j.n FROM (
       SELECT j.*, ${at} AS ready_at, row_number() OVER () AS n FROM (
         SELECT * FROM ${gj.jobs} j WHERE j.queue_name >= q.name AND j.queue_name <= q.name AND j.finished_at IS NULL AND ${due} ORDER BY j.queue_name, j.scheduled_at LIMIT ${lookedAt + 1}) j) j
      WHERE j.n > ${lookedAt} OR (j.performed_at IS NULL AND j.locked_by_id IS NULL AND NOT coalesce(${isPaused(gj)}, false)) LIMIT ${LOOKED_AT + 1})`;
  const since = sql`min(ready_at) FILTER (WHERE free)`;
  // A job whose time cannot be subtracted waits for ever: it must not hide that nobody serves its queue.
  const waited = sql`coalesce(${secondsBetween(since, sql`clock_timestamp()`)}, 'Infinity')`;
  const isLate = sql`ready_at < now() - make_interval(mins => ${readyMinutes})`;
  return tx.query<Head>(sql`
    SELECT q.name AS queue, head.* FROM unnest(${names}::text[]) q(name)
     CROSS JOIN LATERAL (
       SELECT ${since} AS since, ${waited} AS waited,
              (count(*) FILTER (WHERE free))::int AS ready, count(*) > ${LOOKED_AT} OR coalesce(bool_or(NOT free), false) AS more,
              (count(*) FILTER (WHERE free AND ${isLate}))::int AS late, now() - make_interval(mins => ${readyMinutes}) AS "lateBefore"
         FROM (SELECT j.ready_at, j.n <= ${lookedAt} AS free
                 FROM (${of(sql`j.scheduled_at <= now()`, sql`j.scheduled_at`)} UNION ALL ${of(sql`j.scheduled_at IS NULL`, sql`j.created_at`)}) j) j) head`);
}
