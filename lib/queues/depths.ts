import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, isMeasurable, listedName } from '../db/text-limit';
import { readyAt } from '../good-job/states';
import { runningByIndex } from '../good-job/running';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import type { QueueRow } from './filters';

export type Depth = Pick<QueueRow, 'ready' | 'scheduled' | 'retried' | 'running'>;

/** A lower bound says no more than this. */
const AT_LEAST = 10_000;
/** Entries of an index that are counted at most, over all queues together. */
const ENTRIES = 300_000;
const FEWEST = 200;

interface DepthRow {
  name: string | null;
  due: number;
  future: number;
  retried: number;
  unset: number;
  unsetReady: number;
  unsetRetried: number;
}

/**
 * What is open in each queue. Ready jobs are counted in the index alone (index_good_jobs_on_queue_name_and_scheduled_at):
 * those that are due, without those of them that run.
 */
export async function queueDepths(
  tx: Tx,
  tables: GoodJobTables,
  names: string[],
  unnamed: boolean,
): Promise<Map<string | null, Depth>> {
  const running = await tx.query<{ name: string | null; running: number; due: number }>(sql`
    SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS name, count(*)::int AS running, (count(*) FILTER (WHERE j.scheduled_at <= now()))::int AS due
      FROM ${tables.jobs} j WHERE ${await runningByIndex(tx, tables)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL GROUP BY 1`);
  const most = Math.max(
    FEWEST,
    Math.min(AT_LEAST, Math.floor(ENTRIES / Math.max(names.length, 1))),
  );
  const limit = most + Math.max(0, ...running.map(({ due }) => due)) + 1;
  const isNull = sql`j.queue_name IS NULL`;
  const ofUnnamed = sql`UNION ALL SELECT NULL, d.* FROM (${depthOf(tables, isNull, isNull, limit)}) d`;
  const rows = await tx.query<DepthRow>(
    sql`SELECT q.name, d.* FROM unnest(${names}::text[]) q(name) CROSS JOIN LATERAL (${depthOf(tables, sql`j.queue_name = q.name`, sql`j.queue_name >= q.name AND j.queue_name <= q.name`, limit)}) d
    ${unnamed ? ofUnnamed : empty}`,
  );
  const runs = new Map(running.map((row) => [row.name, row]));
  return new Map(rows.map((row) => [row.name, depthFrom(row, runs.get(row.name), most, limit)]));
}

/**
 * `ordered`: the same queue as a range, and in its order: that of the index on queue names. Else the planner takes the
 * one on scheduled_at, and goes through the jobs of all queues for each of them.
 */
function depthOf(tables: GoodJobTables, inQueue: Sql, ordered: Sql, limit: number): Sql {
  const open = (when: Sql) =>
    sql`FROM ${tables.jobs} j WHERE ${ordered} AND j.finished_at IS NULL AND ${when} ORDER BY j.queue_name, j.scheduled_at`;
  return sql`
    SELECT (SELECT count(*)::int FROM (SELECT 1 FROM ${tables.jobs} j WHERE ${inQueue} AND j.finished_at IS NULL AND j.scheduled_at <= now() LIMIT ${limit}) j) AS due,
           f.future, f.retried, u.unset, u.ready AS "unsetReady", u.retried AS "unsetRetried"
      FROM (SELECT count(*)::int AS future, (count(*) FILTER (WHERE j.performed_at IS NULL AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.performed_at, j.error ${open(sql`j.scheduled_at > now()`)} LIMIT ${limit}) j) f,
           (SELECT count(*)::int AS unset, (count(*) FILTER (WHERE ${readyAt} <= now()))::int AS ready,
                   (count(*) FILTER (WHERE ${readyAt} > now() AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.scheduled_at, j.created_at, j.error ${open(sql`j.scheduled_at IS NULL AND j.performed_at IS NULL`)} LIMIT ${limit}) j) u`;
}

function depthFrom(
  row: DepthRow,
  runs: { running: number; due: number } | undefined,
  most: number,
  limit: number,
): Depth {
  const running = runs?.running ?? 0;
  // Running jobs whose time is still to come are rare (a clock, a hand), and stand among the future ones.
  const count = (number: number, complete: boolean): Count =>
    complete
      ? { kind: 'exact', count: Math.max(0, number) }
      : { kind: 'at_least', count: Math.min(Math.max(0, number), most) };
  const unsetFuture = row.unset - row.unsetReady - row.unsetRetried;
  const whole = row.future < limit && row.unset < limit;
  return {
    ready: count(row.due - (runs?.due ?? 0) + row.unsetReady, row.due < limit && row.unset < limit),
    scheduled: count(row.future - row.retried + unsetFuture, whole),
    retried: count(row.retried + row.unsetRetried, whole),
    running: { kind: 'exact', count: running },
  };
}

/*
 * All queues, and how long each has had a job ready. One step of a loose index scan and two probes for each queue, so
 * ten thousand queues cost as much however many jobs they hold.
 */

/** Queues that are scanned: an app has tens of them, unless it names them after something that is not a queue. */
export const MAX_QUEUES = 10_000;
/** Jobs without `scheduled_at` are a leftover of old releases: so many of one queue are read. */
const UNSET_READ = 1_000;

export interface QueueHead {
  name: string;
  /** When the job that has been ready longest became ready; null: none is ready. */
  oldestReadyAt: string | null;
}

export interface QueueHeads {
  /** The database's clock. */
  now: string;
  /** When the job that has been ready longest became ready, over all queues, exactly; null: none is ready. */
  oldestReadyAt: string | null;
  /** Queues with unfinished jobs, the longest ready first, then by name. */
  open: QueueHead[];
  /** Queues whose jobs have all finished, by name. */
  finished: string[];
  /** The unfinished jobs without a queue; null: there is none. */
  unnamed: { oldestReadyAt: string | null } | null;
  /** Queues whose names are too long to be listed. */
  tooLong: number;
  /** There are more than MAX_QUEUES. */
  more: boolean;
  /** Without GoodJob's index on queue names only queues with unfinished jobs are known. */
  onlyOpen: boolean;
}

/** By index_good_jobs_on_queue_name_and_scheduled_at and index_good_jobs_on_queue_name; the read must be `byIndexOnly` and `inIndexOrder`. */
export async function readQueueHeads(tx: Tx, tables: GoodJobTables): Promise<QueueHeads> {
  const onlyOpen = tables.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_queue_name',
  );
  const scanned = await scanOpen(tx, tables);
  const all = onlyOpen ? { names: [], tooLong: 0, more: false } : await scanAll(tx, tables);
  const open = scanned.flatMap(({ name, oldest }) =>
    name === null ? [] : [{ name, oldestReadyAt: oldest }],
  );
  const openNames = new Set(open.map(({ name }) => name));
  const finished = all.names.filter((name) => !openNames.has(name));
  return {
    ...(await readWhole(tx, tables)),
    open: open.sort(byReadiness),
    finished,
    tooLong: Math.max(all.tooLong, scanned.length - open.length),
    more: all.more || scanned.length > MAX_QUEUES || open.length + finished.length > MAX_QUEUES,
    onlyOpen,
  };
}

function byReadiness(a: QueueHead, b: QueueHead): number {
  const [first, second] = [a.oldestReadyAt ?? '~', b.oldestReadyAt ?? '~'];
  if (first !== second) return first < second ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** The names of a queue each, in order, one more than MAX_QUEUES at most, as the table `names`. */
function namesCte(tables: GoodJobTables, where: Sql): Sql {
  const next = (after: Sql) => sql`
    SELECT j.queue_name FROM ${tables.jobs} j WHERE ${after} ${where} ORDER BY j.queue_name LIMIT 1`;
  return sql`names AS (
    SELECT (${next(sql`j.queue_name >= ''`)}) AS name, 1 AS n
    UNION ALL
    SELECT (${next(sql`j.queue_name > names.name`)}), names.n + 1
      FROM names WHERE names.name IS NOT NULL AND names.n <= ${MAX_QUEUES}::int)`;
}

const isReady = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;

/** Which times of jobs count: all, or only those that fulfil a condition. */
type Times = (at: Sql) => Sql;

/** A job whose time is infinite does not hide how long the others have been ready: its time counts where it is the only one. */
function preferMeasurable(oldest: (times: Times) => Sql): Sql {
  return sql`(SELECT CASE WHEN NOT ${isMeasurable(sql`o.at`)} THEN coalesce(${oldest(isMeasurable)}, o.at) ELSE o.at END
    FROM (SELECT ${oldest(() => sql`true`)} AS at OFFSET 0) o)`;
}

/** When the job of a queue that has been ready longest became ready. */
function oldestIn(tables: GoodJobTables, inQueue: Sql): Sql {
  return preferMeasurable(
    (times) => sql`least(
    (SELECT j.scheduled_at FROM ${tables.jobs} j
      WHERE ${inQueue} AND ${isReady} AND j.scheduled_at <= now() AND ${times(sql`j.scheduled_at`)}
      ORDER BY j.queue_name, j.scheduled_at LIMIT 1),
    (SELECT min(unset.created_at) FILTER (WHERE unset.created_at <= now() AND ${times(sql`unset.created_at`)}) FROM (
      SELECT j.created_at FROM ${tables.jobs} j
       WHERE ${inQueue} AND ${isReady} AND j.scheduled_at IS NULL
       ORDER BY j.queue_name, j.scheduled_at LIMIT ${UNSET_READ}) unset))`,
  );
}

/** The same over all queues. By index_good_jobs_on_scheduled_at, whose last entries are the jobs without a time. */
function oldestOfAll(tables: GoodJobTables): Sql {
  return preferMeasurable(
    (times) => sql`least(
    (SELECT j.scheduled_at FROM ${tables.jobs} j
      WHERE ${isReady} AND j.scheduled_at <= now() AND ${times(sql`j.scheduled_at`)}
      ORDER BY j.scheduled_at LIMIT 1),
    (SELECT min(unset.created_at) FROM (
      SELECT j.created_at FROM ${tables.jobs} j
       WHERE ${isReady} AND j.scheduled_at IS NULL OFFSET 0) unset
      WHERE unset.created_at <= now() AND ${times(sql`unset.created_at`)}))`,
  );
}

/** A range of one name: with `queue_name = x` the planner takes an index on scheduled_at, through the jobs of all queues. */
const named = (name: Sql) => sql`j.queue_name >= ${name} AND j.queue_name <= ${name}`;

async function scanOpen(
  tx: Tx,
  tables: GoodJobTables,
): Promise<{ name: string | null; oldest: string | null }[]> {
  return tx.query(sql`
    WITH RECURSIVE ${namesCte(tables, sql`AND j.finished_at IS NULL`)}
    SELECT ${listedName(sql`names.name`)} AS name, ${oldestIn(tables, named(sql`names.name`))} AS oldest
      FROM names WHERE names.name IS NOT NULL`);
}

async function scanAll(
  tx: Tx,
  tables: GoodJobTables,
): Promise<{ names: string[]; tooLong: number; more: boolean }> {
  const rows = await tx.query<{ name: string | null }>(sql`
    WITH RECURSIVE ${namesCte(tables, empty)}
    SELECT ${listedName(sql`names.name`)} AS name FROM names WHERE names.name IS NOT NULL`);
  const names = rows.flatMap(({ name }) => name ?? []);
  return { names, tooLong: rows.length - names.length, more: rows.length > MAX_QUEUES };
}

/** One queue by its name, for those beyond the scan; null: no job has it. */
export async function readQueueHead(
  tx: Tx,
  { tables, name, onlyOpen }: { tables: GoodJobTables; name: string; onlyOpen: boolean },
): Promise<QueueHead | null> {
  const isOpen = onlyOpen ? sql`AND j.finished_at IS NULL` : empty;
  const [row] = await tx.query<{ exists: boolean; oldestReadyAt: string | null }>(sql`
    SELECT EXISTS (SELECT FROM ${tables.jobs} j WHERE j.queue_name = ${name} ${isOpen}) AS exists,
           ${oldestIn(tables, named(sql`${name}`))} AS "oldestReadyAt"`);
  return row?.exists ? { name, oldestReadyAt: row.oldestReadyAt } : null;
}

async function readWhole(
  tx: Tx,
  tables: GoodJobTables,
): Promise<Pick<QueueHeads, 'now' | 'oldestReadyAt' | 'unnamed'>> {
  const [row] = await tx.query<{
    now: string;
    oldestReadyAt: string | null;
    hasUnnamed: boolean;
    unnamedAt: string | null;
  }>(sql`
    SELECT clock_timestamp() AS now, ${oldestOfAll(tables)} AS "oldestReadyAt",
           EXISTS (SELECT FROM ${tables.jobs} j
                    WHERE j.queue_name IS NULL AND j.finished_at IS NULL) AS "hasUnnamed",
           ${oldestIn(tables, sql`j.queue_name IS NULL`)} AS "unnamedAt"`);
  if (!row) throw new Error('A query without FROM has one row.');
  const { now, oldestReadyAt, hasUnnamed, unnamedAt } = row;
  return { now, oldestReadyAt, unnamed: hasUnnamed ? { oldestReadyAt: unnamedAt } : null };
}
