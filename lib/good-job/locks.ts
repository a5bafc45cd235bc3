import sql, { Sql, raw } from 'sql-template-tag';
import { z } from 'zod';
import { costTtl, ProcessCache } from '../core/process-state';
import { isBlankSql } from '../core/text';
import type { Tx } from '../db/database';
import { clock, notifiedQueue, notify, PARAMS_PROBLEMS, paramsProblem } from './payload';
import { type GoodJobTables, idRow } from './tables';
import type { Outcome } from './types';

const rowSnapshotRow = z.strictObject({
  /** ISO 8601 UTC, microseconds. */
  at: z.string(),
  /** The id of the first transaction after the snapshot: a 64-bit number as text. */
  txid: z.string(),
});
/** The cut-off of a bulk run: it skips rows added or changed after this moment. */
export type RowSnapshot = z.infer<typeof rowSnapshotRow>;

/** A snapshot that includes every row the transaction's current statement can see. */
export async function takeSnapshot(tx: Tx): Promise<RowSnapshot> {
  const [row] = await tx.query(
    rowSnapshotRow,
    sql`SELECT now() AS at, txid_snapshot_xmax(txid_current_snapshot()) AS txid`,
  );
  if (!row) throw new Error('The database returned no time.');
  return row;
}

/**
 * Bounds how negative age() is for a row written after the snapshot. A frozen row from more than
 * 2^31 transactions ago has a negative age too, but a far lower one.
 */
const MAX_LATER_TRANSACTIONS = 100_000_000;

/**
 * Whether the row `j` has not been written since the snapshot. It compares transactions, because
 * `updated_at` comes from the clock of the worker. The transaction needs an id, so it must write.
 */
export function isUnchangedSince({ txid }: RowSnapshot): Sql {
  return sql`(age(j.xmin) > txid_current() - ${txid}::bigint
    OR age(j.xmin) < ${-MAX_LATER_TRANSACTIONS})`;
}

/**
 * The condition, evaluated at the time of the snapshot: "scheduled" or "created more than two hours
 * ago" would match other rows a minute later. Throws RangeError if the snapshot's time is
 * malformed.
 */
export function asOf(condition: Sql, { at }: RowSnapshot): Sql {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at))
    throw new RangeError(`Not a database time: ${at}`);
  // Safe, because `strings` holds only the statement's own text and no values.
  return new Sql(
    condition.strings.map((part) =>
      part.replaceAll(/\b(now|clock_timestamp)\(\)/g, `'${at}'::timestamptz`),
    ),
    condition.values,
  );
}

/**
 * The bigint key of GoodJob's advisory lock on a row (`GoodJob::AdvisoryLockable#lockable_key`: the
 * first 16 hex digits of the MD5 of `<table>-<id>`). The table name never includes its schema.
 */
export function advisoryKey(
  table: 'good_jobs' | 'good_job_batches' | 'good_job_processes',
  id: Sql,
): Sql {
  return sql`('x' || substr(md5('${raw(table)}' || '-' || ${id}::text), 1, 16))::bit(64)::bigint`;
}

/**
 * Whether a session of this database holds the advisory lock; NULL on a standby, which cannot see
 * it.
 */
export function isAdvisoryLocked(tables: GoodJobTables, key: Sql): Sql {
  if (tables.schema.isStandby) return sql`NULL::boolean`;
  // classid and objid are the high and low 32 bits of the key; objsubid 1 marks a bigint key.
  return sql`EXISTS (SELECT 1 FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND l.classid = ((${key} >> 32) & 4294967295)::oid
      AND l.objid = (${key} & 4294967295)::oid)`;
}

/** A process whose row is older than this is dead (`GoodJob::Process::EXPIRED_INTERVAL`). */
const PROCESS_EXPIRED_INTERVAL = raw(`interval '5 minutes'`);

/**
 * Whether the process `p` is alive (`GoodJob::Process.active`): its advisory lock is held
 * (lock_type 0; NULL on a standby), or, without a lock type, its row is younger than 5 minutes.
 */
export function isProcessAlive(tables: GoodJobTables): Sql {
  const lockType = tables.column('good_job_processes', 'p', 'lock_type', 'smallint');
  const key = advisoryKey('good_job_processes', sql`p.id`);
  return sql`CASE
    WHEN ${lockType} = 0 THEN ${isAdvisoryLocked(tables, key)}
    WHEN ${lockType} IS NULL THEN p.updated_at > clock_timestamp() - ${PROCESS_EXPIRED_INTERVAL}
    ELSE false END`;
}

/** `isProcessAlive`, but true where it is NULL on a standby. */
export function mayProcessBeAlive(tables: GoodJobTables): Sql {
  return tables.schema.isStandby
    ? sql`(${isProcessAlive(tables)}) IS NOT FALSE`
    : isProcessAlive(tables);
}

/**
 * Whether `locked_by_id` of the job `j` is the id of a live process; NULL if unknown on a standby.
 */
function isHeldByLiveProcess(tables: GoodJobTables): Sql {
  const holder = sql`FROM ${tables.processes} p WHERE p.id = j.locked_by_id`;
  return tables.schema.isStandby
    ? sql`CASE WHEN EXISTS (SELECT 1 ${holder})
        THEN (SELECT ${isProcessAlive(tables)} ${holder}) ELSE false END`
    : sql`EXISTS (SELECT 1 ${holder} AND ${isProcessAlive(tables)})`;
}

/**
 * Whether a live worker holds the job `j`: by `locked_by_id` for lock_type 1 (skiplocked), else by
 * its advisory lock, which is NULL on a standby. For display only, because actions take the locks
 * instead.
 */
export function isHeld(tables: GoodJobTables): Sql {
  const lockType = tables.column('good_jobs', 'j', 'lock_type', 'smallint');
  if (tables.schema.isStandby)
    return sql`CASE WHEN ${lockType} = 1 THEN ${isHeldByLiveProcess(tables)} END`;
  return sql`(${isAdvisoryLocked(tables, advisoryKey('good_jobs', sql`j.id`))}
    OR (${lockType} = 1 AND ${isHeldByLiveProcess(tables)}))`;
}

/** Postgres' shared lock table overflows at about 12,000 advisory locks, for all sessions. */
export const MAX_JOBS_PER_TRANSACTION = 500;

/** The columns that decide whether an action applies, read under the row's locks. */
const lockedJobRow = z.strictObject({
  id: z.string(),
  /** The row was written after the caller's cut-off; false without a cut-off. */
  changed: z.boolean(),
  finished: z.boolean(),
  /** The error is present in the sense of Ruby's `present?`. */
  errorPresent: z.boolean(),
  errorNull: z.boolean(),
  batchId: z.string().nullable(),
  batchCallbackId: z.string().nullable(),
  paramsProblem: z.enum(PARAMS_PROBLEMS).nullable(),
});
export type LockedJob = z.infer<typeof lockedJobRow>;

interface Claim {
  jobs: LockedJob[];
  /** `missing` or `locked`, for the ids that are not in `jobs`. */
  outcomes: Outcome[];
}

/** The columns of `lockedJobRow`, of the job `j`. */
function lockedJobColumns(cutOff?: RowSnapshot): Sql {
  return sql`j.id,
    ${cutOff ? sql`NOT (${isUnchangedSince(cutOff)})` : sql`false`} AS changed,
    j.finished_at IS NOT NULL AS finished,
    NOT (${isBlankSql(sql`j.error`)}) AS "errorPresent",
    j.error IS NULL AS "errorNull",
    j.batch_id AS "batchId",
    j.batch_callback_id AS "batchCallbackId",
    ${paramsProblem(sql`j.serialized_params`)} AS "paramsProblem"`;
}

const claimedJobRow = lockedJobRow.extend({
  /** The process in `locked_by_id`, for lock_type 1 (skiplocked). */
  skiplockedBy: z.string().nullable(),
  /** This transaction took the job's advisory lock. */
  hasAdvisoryLock: z.boolean(),
});

/**
 * Locks jobs against workers of every lock strategy: row locks (skiplocked, hybrid), advisory locks
 * (advisory, hybrid), then the check of `locked_by_id` (skiplocked). Lock the batches before.
 *
 * All locks end with the transaction, so it works through PgBouncer in transaction mode.
 */
export async function claimJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  cutOff?: RowSnapshot,
): Promise<Claim> {
  const lockType = tables.column('good_jobs', 'j', 'lock_type', 'smallint');
  // The row lock keeps the columns unchanged, so the advisory lock can be taken after reading them.
  const rows = await tx.query(
    claimedJobRow,
    sql`
      WITH locked AS MATERIALIZED (
        SELECT ${lockedJobColumns(cutOff)},
               CASE WHEN ${lockType} = 1 THEN j.locked_by_id END AS "skiplockedBy"
          FROM ${tables.jobs} j
         WHERE j.id = ANY(${ids}::uuid[])
         ORDER BY j.id
           FOR NO KEY UPDATE OF j SKIP LOCKED)
      SELECT *,
             pg_try_advisory_xact_lock(${advisoryKey('good_jobs', sql`id`)}) AS "hasAdvisoryLock"
        FROM locked`,
  );
  const outcomes: Outcome[] = [];

  if (rows.length < ids.length) {
    const lockedIds = new Set(rows.map((row) => row.id));
    const otherIds = ids.filter((id) => !lockedIds.has(id));
    const existingRows = await tx.query(
      idRow,
      sql`SELECT j.id FROM ${tables.jobs} j WHERE j.id = ANY(${otherIds}::uuid[])`,
    );
    const existingIds = new Set(existingRows.map((row) => row.id));
    for (const id of otherIds)
      outcomes.push({ id, outcome: existingIds.has(id) ? 'locked' : 'missing' });
  }
  if (rows.length === 0) return { jobs: [], outcomes };

  const holders = rows.some((row) => row.skiplockedBy)
    ? await liveProcesses(
        tx,
        tables,
        rows.flatMap((row) => row.skiplockedBy ?? []),
      )
    : new Map<string, string>();

  const jobs: LockedJob[] = [];
  for (const { skiplockedBy, hasAdvisoryLock, ...job } of rows) {
    const seenAt = skiplockedBy ? holders.get(skiplockedBy) : undefined;
    if (!hasAdvisoryLock) outcomes.push({ id: job.id, outcome: 'locked' });
    else if (skiplockedBy && seenAt)
      outcomes.push({
        id: job.id,
        outcome: 'locked',
        processId: skiplockedBy,
        processSeenAt: seenAt,
      });
    else jobs.push(job);
  }
  return { jobs, outcomes };
}

const liveProcessRow = z.strictObject({ id: z.string(), updatedAt: z.string() });

/** Returns when each live process last updated its row, by id. */
async function liveProcesses(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Map<string, string>> {
  const rows = await tx.query(
    liveProcessRow,
    sql`
      SELECT p.id, p.updated_at AS "updatedAt"
        FROM ${tables.processes} p
       WHERE p.id = ANY(${ids}::uuid[]) AND ${isProcessAlive(tables)}`,
  );
  return new Map(rows.map((row) => [row.id, row.updatedAt]));
}

/**
 * Takes only row locks, and waits for them: `GoodJob::Job#force_discard_job` ignores the worker's
 * lock.
 */
export async function claimJobsByForce(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Claim> {
  const jobs = await tx.query(
    lockedJobRow,
    sql`
      SELECT ${lockedJobColumns()}
        FROM ${tables.jobs} j
       WHERE j.id = ANY(${ids}::uuid[])
       ORDER BY j.id
         FOR NO KEY UPDATE OF j`,
  );
  const lockedIds = new Set(jobs.map((job) => job.id));
  return {
    jobs,
    outcomes: ids.filter((id) => !lockedIds.has(id)).map((id) => ({ id, outcome: 'missing' })),
  };
}

const releasedRow = z.strictObject({
  id: z.string(),
  queueName: z.string().nullable(),
  due: z.boolean(),
});

/**
 * Returns jobs of dead workers to the queue as `GoodJob::Process.cleanup` does (it clears
 * `locked_by_id` and `locked_at`), and notifies the workers. Takes at most MAX_JOBS_PER_TRANSACTION
 * ids.
 *
 * A job of a live worker is `locked`; one that is finished or has no `locked_by_id` is a
 * `conflict`.
 */
export async function releaseJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Outcome[]> {
  const claim = await claimJobs(tx, tables, ids);
  const outcomes = new Map<string, Outcome>(claim.outcomes.map((outcome) => [outcome.id, outcome]));
  const now = await clock(tx);
  const released = await tx.query(
    releasedRow,
    sql`
      UPDATE ${tables.jobs} j
         SET locked_by_id = NULL, locked_at = NULL
       WHERE j.id = ANY(${claim.jobs.map(({ id }) => id)}::uuid[])
         AND j.finished_at IS NULL
         AND j.locked_by_id IS NOT NULL
       RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName",
                 coalesce(j.scheduled_at <= ${now}, true) AS due`,
  );
  await notify(
    tx,
    released.filter(({ due }) => due).map(({ queueName }) => queueName ?? 'default'),
    now,
  );
  for (const { id } of released) outcomes.set(id, { id, outcome: 'done' });
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'conflict' });
}

/*
 * GoodJob has no index on running jobs. index_good_jobs_on_locked_by_id finds those with a process;
 * those without one (left by GoodJob's cleanup after a worker died) require a scan of all waiting
 * jobs.
 */

interface UnheldRuns {
  /**
   * Running jobs without a process; null if the waiting jobs are few enough to be read each time.
   */
  ids: string[] | null;
}

/** A scan of this many waiting jobs takes 20 ms, so it is not cached. */
const MAX_UNCACHED_WAITING = 10_000;

const MAX_CACHED_IDS = 5_000;

const TTL_MS = 5_000;

const FEW_TTL_MS = 15_000;

/** TTL per millisecond that a scan took: a queue of a million jobs is scanned twice a minute. */
const TTL_PER_QUERY_MS = 50;

const MAX_TTL_MS = 30_000;

/** An expired entry of at most this age is still returned while another read refreshes it. */
const STALE_MS = 60_000;

interface ReadSource {
  db: { read<T>(fn: (tx: Tx) => Promise<T>, options?: { byIndexOnly?: boolean }): Promise<T> };
  tables: GoodJobTables;
}

const ttlOfMany = costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS);

const unheldRuns = new ProcessCache<UnheldRuns>('unheld running jobs', {
  ttlMs: (loadMs, { ids }) => (ids === null ? FEW_TTL_MS : ttlOfMany(loadMs)),
  maxEntries: 20,
});

/**
 * A condition that every running job `j` satisfies, and that an index or a list of ids can answer.
 * The running jobs without a process come from a cache, up to MAX_TTL_MS old for a very long queue.
 */
export async function runningByIndex(tx: Tx, tables: GoodJobTables): Promise<Sql> {
  const { ids } = unheldRuns.peek(tables.schema.identity, '') ?? (await readUnheldHere(tx, tables));
  if (ids === null) return sql`j.finished_at IS NULL AND j.performed_at IS NOT NULL`;
  // OFFSET 0 keeps the planner from using an index of all unfinished jobs.
  return sql`j.id IN (
    SELECT l.id
      FROM (
        SELECT h.id, h.finished_at, h.performed_at
          FROM ${tables.jobs} h
         WHERE h.locked_by_id IS NOT NULL
        OFFSET 0) l
     WHERE l.finished_at IS NULL AND l.performed_at IS NOT NULL
    UNION ALL
    SELECT unnest(${ids}::uuid[]))`;
}

/** Refreshes the cached running jobs in the background if they have just expired. */
export function refreshRunning({ db, tables }: ReadSource): void {
  unheldRuns.refresh(
    tables.schema.identity,
    '',
    () => db.read((tx) => readUnheld(tx, tables), { byIndexOnly: true }),
    { staleMs: STALE_MS },
  );
}

/**
 * Reads in the caller's transaction, because waiting for a second connection could exhaust the
 * pool.
 */
async function readUnheldHere(tx: Tx, tables: GoodJobTables): Promise<UnheldRuns> {
  const startedAt = Date.now();
  const unheld = await readUnheld(tx, tables);
  unheldRuns.set(tables.schema.identity, '', unheld, Date.now() - startedAt);
  return unheld;
}

const unheldRow = z.strictObject({ waiting: z.number(), ids: z.array(z.string()).nullable() });

async function readUnheld(tx: Tx, tables: GoodJobTables): Promise<UnheldRuns> {
  const [row] = await tx.query(
    unheldRow,
    sql`
      SELECT count(*)::int AS waiting,
             array_agg(j.id) FILTER (WHERE j.performed_at IS NOT NULL) AS ids
        FROM ${tables.jobs} j
       WHERE j.finished_at IS NULL AND j.locked_by_id IS NULL`,
  );
  const ids = row?.ids ?? [];
  const isSmall = (row?.waiting ?? 0) <= MAX_UNCACHED_WAITING || ids.length > MAX_CACHED_IDS;
  return { ids: isSmall ? null : ids };
}
