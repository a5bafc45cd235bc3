import sql, { type Sql, empty } from 'sql-template-tag';
import { isMeasurable } from '../db/durations';
import { listedName } from '../db/name-limit';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';

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
export async function readQueueHeads(tx: Tx, gj: GoodJob): Promise<QueueHeads> {
  const onlyOpen = gj.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_queue_name',
  );
  const scanned = await scanOpen(tx, gj);
  const all = onlyOpen ? { names: [], tooLong: 0, more: false } : await scanAll(tx, gj);
  const open = scanned.flatMap(({ name, oldest }) =>
    name === null ? [] : [{ name, oldestReadyAt: oldest }],
  );
  const openNames = new Set(open.map(({ name }) => name));
  const finished = all.names.filter((name) => !openNames.has(name));
  return {
    ...(await readWhole(tx, gj)),
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
function namesCte(gj: GoodJob, where: Sql): Sql {
  const next = (after: Sql) => sql`
    SELECT j.queue_name FROM ${gj.jobs} j WHERE ${after} ${where} ORDER BY j.queue_name LIMIT 1`;
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
function oldestIn(gj: GoodJob, inQueue: Sql): Sql {
  return preferMeasurable(
    (times) => sql`least(
    (SELECT j.scheduled_at FROM ${gj.jobs} j
      WHERE ${inQueue} AND ${isReady} AND j.scheduled_at <= now() AND ${times(sql`j.scheduled_at`)}
      ORDER BY j.queue_name, j.scheduled_at LIMIT 1),
    (SELECT min(unset.created_at) FILTER (WHERE unset.created_at <= now() AND ${times(sql`unset.created_at`)}) FROM (
      SELECT j.created_at FROM ${gj.jobs} j
       WHERE ${inQueue} AND ${isReady} AND j.scheduled_at IS NULL
       ORDER BY j.queue_name, j.scheduled_at LIMIT ${UNSET_READ}) unset))`,
  );
}

/** The same over all queues. By index_good_jobs_on_scheduled_at, whose last entries are the jobs without a time. */
function oldestOfAll(gj: GoodJob): Sql {
  return preferMeasurable(
    (times) => sql`least(
    (SELECT j.scheduled_at FROM ${gj.jobs} j
      WHERE ${isReady} AND j.scheduled_at <= now() AND ${times(sql`j.scheduled_at`)}
      ORDER BY j.scheduled_at LIMIT 1),
    (SELECT min(unset.created_at) FROM (
      SELECT j.created_at FROM ${gj.jobs} j
       WHERE ${isReady} AND j.scheduled_at IS NULL OFFSET 0) unset
      WHERE unset.created_at <= now() AND ${times(sql`unset.created_at`)}))`,
  );
}

/** A range of one name: with `queue_name = x` the planner takes an index on scheduled_at, through the jobs of all queues. */
const named = (name: Sql) => sql`j.queue_name >= ${name} AND j.queue_name <= ${name}`;

async function scanOpen(
  tx: Tx,
  gj: GoodJob,
): Promise<{ name: string | null; oldest: string | null }[]> {
  return tx.query(sql`
    WITH RECURSIVE ${namesCte(gj, sql`AND j.finished_at IS NULL`)}
    SELECT ${listedName(sql`names.name`)} AS name, ${oldestIn(gj, named(sql`names.name`))} AS oldest
      FROM names WHERE names.name IS NOT NULL`);
}

async function scanAll(
  tx: Tx,
  gj: GoodJob,
): Promise<{ names: string[]; tooLong: number; more: boolean }> {
  const rows = await tx.query<{ name: string | null }>(sql`
    WITH RECURSIVE ${namesCte(gj, empty)}
    SELECT ${listedName(sql`names.name`)} AS name FROM names WHERE names.name IS NOT NULL`);
  const names = rows.flatMap(({ name }) => name ?? []);
  return { names, tooLong: rows.length - names.length, more: rows.length > MAX_QUEUES };
}

/** One queue by its name, for those beyond the scan; null: no job has it. */
export async function readQueueHead(
  tx: Tx,
  { gj, name, onlyOpen }: { gj: GoodJob; name: string; onlyOpen: boolean },
): Promise<QueueHead | null> {
  const isOpen = onlyOpen ? sql`AND j.finished_at IS NULL` : empty;
  const [row] = await tx.query<{ exists: boolean; oldestReadyAt: string | null }>(sql`
    SELECT EXISTS (SELECT FROM ${gj.jobs} j WHERE j.queue_name = ${name} ${isOpen}) AS exists,
           ${oldestIn(gj, named(sql`${name}`))} AS "oldestReadyAt"`);
  return row?.exists ? { name, oldestReadyAt: row.oldestReadyAt } : null;
}

async function readWhole(
  tx: Tx,
  gj: GoodJob,
): Promise<Pick<QueueHeads, 'now' | 'oldestReadyAt' | 'unnamed'>> {
  const [row] = await tx.query<{
    now: string;
    oldestReadyAt: string | null;
    hasUnnamed: boolean;
    unnamedAt: string | null;
  }>(sql`
    SELECT clock_timestamp() AS now, ${oldestOfAll(gj)} AS "oldestReadyAt",
           EXISTS (SELECT FROM ${gj.jobs} j
                    WHERE j.queue_name IS NULL AND j.finished_at IS NULL) AS "hasUnnamed",
           ${oldestIn(gj, sql`j.queue_name IS NULL`)} AS "unnamedAt"`);
  if (!row) throw new Error('A query without FROM has one row.');
  const { now, oldestReadyAt, hasUnnamed, unnamedAt } = row;
  return { now, oldestReadyAt, unnamed: hasUnnamed ? { oldestReadyAt: unnamedAt } : null };
}
