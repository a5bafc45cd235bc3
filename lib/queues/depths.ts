import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, isMeasurable, listedName } from '../db/text-limit';
import { runningByIndex } from '../good-job/locks';
import { type GoodJobTables, hasIndex, readyAt } from '../good-job/tables';
import type { Count } from '../jobs/types';
import type { QueueRow } from './filters';

export type Depth = Pick<QueueRow, 'ready' | 'scheduled' | 'retried' | 'running'>;

/** Counts above this are lower bounds. */
const MAX_COUNT = 10_000;
/** Index entries to count in all queues together. */
const ENTRY_LIMIT = 300_000;
/** Minimum of the count limit of each queue, however many queues share ENTRY_LIMIT. */
const MIN_COUNT = 200;

/** Jobs of a queue; `unset` jobs have no `scheduled_at`. */
const depthRow = z.strictObject({
  name: z.string().nullable(),
  due: z.number(),
  future: z.number(),
  retried: z.number(),
  unset: z.number(),
  unsetReady: z.number(),
  unsetRetried: z.number(),
});
type DepthRow = z.infer<typeof depthRow>;

const runningRow = z.strictObject({
  name: z.string().nullable(),
  running: z.number(),
  /** Running jobs with a `scheduled_at` in the past. */
  due: z.number(),
});
type RunningRow = z.infer<typeof runningRow>;

/**
 * Returns the unfinished jobs of each queue by state; `includeUnnamed` adds the jobs without a
 * queue. Ready jobs are the due ones minus the running ones, because
 * index_good_jobs_on_queue_name_and_scheduled_at does not contain `performed_at`.
 */
export async function queueDepths(
  tx: Tx,
  tables: GoodJobTables,
  names: string[],
  includeUnnamed: boolean,
): Promise<Map<string | null, Depth>> {
  const running = await tx.query(
    runningRow,
    sql`
      SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS name,
             count(*)::int AS running,
             (count(*) FILTER (WHERE j.scheduled_at <= now()))::int AS due
        FROM ${tables.jobs} j
       WHERE ${await runningByIndex(tx, tables)}
         AND j.finished_at IS NULL
         AND j.performed_at IS NOT NULL
       GROUP BY 1`,
  );
  const queueShare = Math.floor(ENTRY_LIMIT / Math.max(names.length, 1));
  const maxCount = Math.max(MIN_COUNT, Math.min(MAX_COUNT, queueShare));
  const limit = maxCount + Math.max(0, ...running.map(({ due }) => due)) + 1;
  const isNull = sql`j.queue_name IS NULL`;
  const hasName = sql`j.queue_name = q.name`;
  const hasNameRange = sql`j.queue_name >= q.name AND j.queue_name <= q.name`;
  const unnamed = sql`
    UNION ALL
    SELECT NULL, d.*
      FROM (${depthSql(tables, isNull, isNull, limit)}) d`;
  const rows = await tx.query(
    depthRow,
    sql`
      SELECT q.name, d.*
        FROM unnest(${names}::text[]) q(name)
       CROSS JOIN LATERAL (${depthSql(tables, hasName, hasNameRange, limit)}) d
      ${includeUnnamed ? unnamed : empty}`,
  );
  const runningByName = new Map(running.map((row) => [row.name, row]));
  return new Map(
    rows.map((row) => [row.name, toDepth(row, runningByName.get(row.name), maxCount, limit)]),
  );
}

/**
 * `inQueueRange` is `inQueue` as a range. With an equality the planner would choose an index on
 * scheduled_at and read the jobs of all queues for each of them.
 */
function depthSql(tables: GoodJobTables, inQueue: Sql, inQueueRange: Sql, limit: number): Sql {
  const jobs = (condition: Sql) => sql`
    FROM ${tables.jobs} j
   WHERE ${inQueueRange}
     AND j.finished_at IS NULL
     AND ${condition}
   ORDER BY j.queue_name, j.scheduled_at
   LIMIT ${limit}`;
  return sql`
    SELECT (SELECT count(*)::int
              FROM (SELECT 1
                      FROM ${tables.jobs} j
                     WHERE ${inQueue}
                       AND j.finished_at IS NULL
                       AND j.scheduled_at <= now()
                     LIMIT ${limit}) j) AS due,
           f.future, f.retried, u.unset, u.ready AS "unsetReady", u.retried AS "unsetRetried"
      FROM (SELECT count(*)::int AS future,
                   (count(*) FILTER (
                     WHERE j.performed_at IS NULL AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.performed_at, j.error ${jobs(sql`j.scheduled_at > now()`)}) j) f,
           (SELECT count(*)::int AS unset,
                   (count(*) FILTER (WHERE ${readyAt} <= now()))::int AS ready,
                   (count(*) FILTER (
                     WHERE ${readyAt} > now() AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.scheduled_at, j.created_at, j.error
                    ${jobs(sql`j.scheduled_at IS NULL AND j.performed_at IS NULL`)}) j) u`;
}

function toDepth(
  row: DepthRow,
  running: RunningRow | undefined,
  maxCount: number,
  limit: number,
): Depth {
  const toCount = (number: number, isComplete: boolean): Count =>
    isComplete
      ? { kind: 'exact', count: Math.max(0, number) }
      : { kind: 'at_least', count: Math.min(Math.max(0, number), maxCount) };
  const unsetFuture = row.unset - row.unsetReady - row.unsetRetried;
  const isReadyComplete = row.due < limit && row.unset < limit;
  const isFutureComplete = row.future < limit && row.unset < limit;
  // Running jobs with a future `scheduled_at` count as scheduled; a changed clock may cause them.
  return {
    ready: toCount(row.due - (running?.due ?? 0) + row.unsetReady, isReadyComplete),
    scheduled: toCount(row.future - row.retried + unsetFuture, isFutureComplete),
    retried: toCount(row.retried + row.unsetRetried, isFutureComplete),
    running: { kind: 'exact', count: running?.running ?? 0 },
  };
}

/*
 * The list of all queues with their oldest ready job: a loose index scan and two index probes per
 * queue, so the cost does not depend on the number of jobs.
 */

/** Maximum number of queues to scan. */
const MAX_QUEUES = 10_000;
/** Jobs without `scheduled_at` to scan per queue; only old GoodJob releases created them. */
const UNSET_SCAN_LIMIT = 1_000;

export interface QueueHead {
  name: string;
  /** When its oldest ready job became ready, in ISO 8601 UTC; null: no job is ready. */
  oldestReadyAt: string | null;
}

export interface QueueHeads {
  /** The database's clock, in ISO 8601 UTC. */
  now: string;
  /** When the oldest ready job of all queues became ready; null: no job is ready. */
  oldestReadyAt: string | null;
  /** Queues with unfinished jobs, oldest ready job first, then by name. */
  open: QueueHead[];
  /** Queues with finished jobs only, by name. */
  finished: string[];
  /** The unfinished jobs without a queue; null: there are none. */
  unnamed: { oldestReadyAt: string | null } | null;
  /** Queues whose names exceed MAX_NAME_BYTES, so that they are not listed. */
  tooLong: number;
  /** There are more than MAX_QUEUES queues. */
  more: boolean;
  /** GoodJob's index on queue names is missing, so `finished` is empty. */
  onlyOpen: boolean;
}

/**
 * Reads all queues by index_good_jobs_on_queue_name_and_scheduled_at and
 * index_good_jobs_on_queue_name. The transaction must be `byIndexOnly` and `inIndexOrder`.
 */
export async function readQueueHeads(tx: Tx, tables: GoodJobTables): Promise<QueueHeads> {
  const onlyOpen = !hasIndex(tables, 'add_index_good_jobs_queue_name');
  const openRows = await scanOpenQueues(tx, tables);
  const all = onlyOpen ? { names: [], tooLong: 0, more: false } : await scanAllQueues(tx, tables);
  const open = openRows.flatMap(({ name, oldestReadyAt }) =>
    name === null ? [] : [{ name, oldestReadyAt }],
  );
  const openNames = new Set(open.map(({ name }) => name));
  const finished = all.names.filter((name) => !openNames.has(name));
  return {
    ...(await readTotals(tx, tables)),
    open: open.sort(byReadyTime),
    finished,
    tooLong: Math.max(all.tooLong, openRows.length - open.length),
    more: all.more || openRows.length > MAX_QUEUES || open.length + finished.length > MAX_QUEUES,
    onlyOpen,
  };
}

function byReadyTime(a: QueueHead, b: QueueHead): number {
  // '~' sorts after all times.
  const aReadyAt = a.oldestReadyAt ?? '~';
  const bReadyAt = b.oldestReadyAt ?? '~';
  if (aReadyAt !== bReadyAt) return aReadyAt < bReadyAt ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

/** A recursive CTE `names` with the sorted queue names, up to MAX_QUEUES + 1. */
function namesCte(tables: GoodJobTables, where: Sql): Sql {
  const nextName = (after: Sql) => sql`
    SELECT j.queue_name
      FROM ${tables.jobs} j
     WHERE ${after} ${where}
     ORDER BY j.queue_name
     LIMIT 1`;
  return sql`names AS (
    SELECT (${nextName(sql`j.queue_name >= ''`)}) AS name, 1 AS n
    UNION ALL
    SELECT (${nextName(sql`j.queue_name > names.name`)}), names.n + 1
      FROM names
     WHERE names.name IS NOT NULL
       AND names.n <= ${MAX_QUEUES}::int
  )`;
}

const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;

/** A condition on the times to consider. */
type TimeCondition = (at: Sql) => Sql;

/**
 * Ignores infinite times, unless there are no others: they would hide how long the other jobs wait.
 */
function preferMeasurable(oldest: (condition: TimeCondition) => Sql): Sql {
  return sql`(
    SELECT CASE WHEN NOT ${isMeasurable(sql`o.at`)}
                THEN coalesce(${oldest(isMeasurable)}, o.at)
                ELSE o.at
           END
      FROM (SELECT ${oldest(() => sql`true`)} AS at OFFSET 0) o)`;
}

/** When the oldest ready job of a queue became ready. */
function oldestInQueue(tables: GoodJobTables, inQueue: Sql): Sql {
  return preferMeasurable(
    (condition) => sql`least(
      (SELECT j.scheduled_at
         FROM ${tables.jobs} j
        WHERE ${inQueue}
          AND ${isWaiting}
          AND j.scheduled_at <= now()
          AND ${condition(sql`j.scheduled_at`)}
        ORDER BY j.queue_name, j.scheduled_at
        LIMIT 1),
      (SELECT min(unset.created_at) FILTER (
                WHERE unset.created_at <= now() AND ${condition(sql`unset.created_at`)})
         FROM (SELECT j.created_at
                 FROM ${tables.jobs} j
                WHERE ${inQueue}
                  AND ${isWaiting}
                  AND j.scheduled_at IS NULL
                ORDER BY j.queue_name, j.scheduled_at
                LIMIT ${UNSET_SCAN_LIMIT}) unset))`,
  );
}

/** Uses index_good_jobs_on_scheduled_at, at whose end are the jobs without `scheduled_at`. */
function oldestInAllQueues(tables: GoodJobTables): Sql {
  return preferMeasurable(
    (condition) => sql`least(
      (SELECT j.scheduled_at
         FROM ${tables.jobs} j
        WHERE ${isWaiting}
          AND j.scheduled_at <= now()
          AND ${condition(sql`j.scheduled_at`)}
        ORDER BY j.scheduled_at
        LIMIT 1),
      (SELECT min(unset.created_at)
         FROM (SELECT j.created_at
                 FROM ${tables.jobs} j
                WHERE ${isWaiting}
                  AND j.scheduled_at IS NULL
               OFFSET 0) unset
        WHERE unset.created_at <= now()
          AND ${condition(sql`unset.created_at`)}))`,
  );
}

/**
 * A range, because for `queue_name = x` the planner would choose an index on scheduled_at and read
 * the jobs of all queues.
 */
const inQueueRange = (name: Sql) => sql`j.queue_name >= ${name} AND j.queue_name <= ${name}`;

const openQueueRow = z.strictObject({
  /** Null: the name is longer than MAX_NAME_BYTES. */
  name: z.string().nullable(),
  oldestReadyAt: z.string().nullable(),
});

/**
 * Returns the queues with unfinished jobs by name; the transaction must be `byIndexOnly` and
 * `inIndexOrder`.
 */
export async function scanOpenQueues(
  tx: Tx,
  tables: GoodJobTables,
): Promise<z.infer<typeof openQueueRow>[]> {
  return tx.query(
    openQueueRow,
    sql`
      WITH RECURSIVE ${namesCte(tables, sql`AND j.finished_at IS NULL`)}
      SELECT ${listedName(sql`names.name`)} AS name,
             ${oldestInQueue(tables, inQueueRange(sql`names.name`))} AS "oldestReadyAt"
        FROM names
       WHERE names.name IS NOT NULL`,
  );
}

const queueNameRow = openQueueRow.pick({ name: true });

async function scanAllQueues(
  tx: Tx,
  tables: GoodJobTables,
): Promise<{ names: string[]; tooLong: number; more: boolean }> {
  const rows = await tx.query(
    queueNameRow,
    sql`
      WITH RECURSIVE ${namesCte(tables, empty)}
      SELECT ${listedName(sql`names.name`)} AS name
        FROM names
       WHERE names.name IS NOT NULL`,
  );
  const names = rows.flatMap(({ name }) => name ?? []);
  return { names, tooLong: rows.length - names.length, more: rows.length > MAX_QUEUES };
}

const queueHeadRow = z.strictObject({
  exists: z.boolean(),
  oldestReadyAt: z.string().nullable(),
});

/** Reads one queue by its name, for names beyond the scan; null: no job is in it. */
export async function readQueueHead(
  tx: Tx,
  { tables, name, onlyOpen }: { tables: GoodJobTables; name: string; onlyOpen: boolean },
): Promise<QueueHead | null> {
  const isOpen = onlyOpen ? sql`AND j.finished_at IS NULL` : empty;
  const [row] = await tx.query(
    queueHeadRow,
    sql`
      SELECT EXISTS (SELECT FROM ${tables.jobs} j WHERE j.queue_name = ${name} ${isOpen}) AS exists,
             ${oldestInQueue(tables, inQueueRange(sql`${name}`))} AS "oldestReadyAt"`,
  );
  return row?.exists ? { name, oldestReadyAt: row.oldestReadyAt } : null;
}

const totalsRow = z.strictObject({
  now: z.string(),
  oldestReadyAt: z.string().nullable(),
  hasUnnamed: z.boolean(),
  unnamedAt: z.string().nullable(),
});

/** The clock, the oldest ready job of all queues, and the jobs without a queue. */
async function readTotals(
  tx: Tx,
  tables: GoodJobTables,
): Promise<Pick<QueueHeads, 'now' | 'oldestReadyAt' | 'unnamed'>> {
  const [row] = await tx.query(
    totalsRow,
    sql`
      SELECT clock_timestamp() AS now,
             ${oldestInAllQueues(tables)} AS "oldestReadyAt",
             EXISTS (SELECT
                       FROM ${tables.jobs} j
                      WHERE j.queue_name IS NULL
                        AND j.finished_at IS NULL) AS "hasUnnamed",
             ${oldestInQueue(tables, sql`j.queue_name IS NULL`)} AS "unnamedAt"`,
  );
  if (!row) throw new Error('The database returned no row for a query without FROM.');
  const { now, oldestReadyAt, hasUnnamed, unnamedAt } = row;
  return { now, oldestReadyAt, unnamed: hasUnnamed ? { oldestReadyAt: unnamedAt } : null };
}
