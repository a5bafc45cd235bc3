import sql, { type Sql, raw } from 'sql-template-tag';
import { isBlank } from '../core/text';
import type { Tx } from '../db/database';
import { clock, notifiedQueue, notify } from './notify';
import type { Outcome } from './outcomes';
import { paramsProblem } from './payload';
import { type RowSnapshot, isUnchangedSince } from './row-snapshot';
import type { GoodJobTables } from './tables';

/**
 * The bigint key of GoodJob's advisory lock on a row (AdvisoryLockable#lockable_key: the first 16 hex digits of
 * the MD5 of `<table>-<id>`). The table's name carries no schema, whatever schema it is in.
 */
export function advisoryKey(
  table: 'good_jobs' | 'good_job_batches' | 'good_job_processes',
  id: Sql,
): Sql {
  return sql`('x' || substr(md5('${raw(table)}' || '-' || ${id}::text), 1, 16))::bit(64)::bigint`;
}

/**
 * Whether any session of this database holds that advisory lock now; NULL on a standby, which does not know. Only
 * looks: it takes no lock.
 */
export function isAdvisoryLocked(tables: GoodJobTables, key: Sql): Sql {
  if (tables.schema.isStandby) return sql`NULL::boolean`;
  // classid and objid are the key's high and low 32 bits; objsubid 1 marks a lock taken on one bigint.
  return sql`EXISTS (SELECT 1 FROM pg_catalog.pg_locks l
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
      AND l.classid = ((${key} >> 32) & 4294967295)::oid AND l.objid = (${key} & 4294967295)::oid)`;
}

/** A process that has not been seen for this long is dead (GoodJob::Process::EXPIRED_INTERVAL). */
export const PROCESS_EXPIRED = raw(`interval '5 minutes'`);

/**
 * Whether a `good_job_processes` row with the alias `p` is alive (GoodJob::Process.active): its own advisory
 * lock is held (lock_type 0; NULL on a standby), or, without a lock type, it was seen less than 5 minutes ago.
 */
export function isProcessAlive(tables: GoodJobTables): Sql {
  const lockType = tables.column('good_job_processes', 'p', 'lock_type', 'smallint');
  return sql`CASE WHEN ${lockType} = 0 THEN ${isAdvisoryLocked(tables, advisoryKey('good_job_processes', sql`p.id`))}
    WHEN ${lockType} IS NULL THEN p.updated_at > clock_timestamp() - ${PROCESS_EXPIRED} ELSE false END`;
}

/** The same where a process of which a standby does not know counts as alive. */
export function mayProcessBeAlive(tables: GoodJobTables): Sql {
  return tables.schema.isStandby
    ? sql`(${isProcessAlive(tables)}) IS NOT FALSE`
    : isProcessAlive(tables);
}

/** Whether `locked_by_id` of the job `j` names a live process; NULL where a standby does not know. */
export function isHeldByLiveProcess(tables: GoodJobTables): Sql {
  const holder = sql`FROM ${tables.processes} p WHERE p.id = j.locked_by_id`;
  return tables.schema.isStandby
    ? sql`CASE WHEN EXISTS (SELECT 1 ${holder}) THEN (SELECT ${isProcessAlive(tables)} ${holder}) ELSE false END`
    : sql`EXISTS (SELECT 1 ${holder} AND ${isProcessAlive(tables)})`;
}

/**
 * Whether somebody live holds the job `j`, for showing only (an action takes the locks instead): lock_type 1
 * (skiplocked) goes by `locked_by_id`, every other one by the advisory lock alone, which is NULL on a standby.
 */
export function isHeld(tables: GoodJobTables): Sql {
  const lockType = tables.column('good_jobs', 'j', 'lock_type', 'smallint');
  if (tables.schema.isStandby)
    return sql`CASE WHEN ${lockType} = 1 THEN ${isHeldByLiveProcess(tables)} END`;
  return sql`(${isAdvisoryLocked(tables, advisoryKey('good_jobs', sql`j.id`))}
    OR (${lockType} = 1 AND ${isHeldByLiveProcess(tables)}))`;
}

/** At most so many jobs a transaction: Postgres' shared lock table fails at about 12,000 advisory locks, for everyone. */
export const MAX_JOBS_PER_TRANSACTION = 500;

/** What the action's rule is judged on, read under the row's locks. */
export interface LockedJob {
  id: string;
  finished: boolean;
  /** The error has a character that is no white space (Ruby's `present?`). */
  errorPresent: boolean;
  errorNull: boolean;
  batchId: string | null;
  batchCallbackId: string | null;
  /** Somebody has written the row since the cut-off that the caller gave; without one, false. */
  changed: boolean;
  paramsProblem:
    'params_not_an_object' | 'params_without_job_class' | 'params_of_wrong_type' | null;
}

export interface Claim {
  jobs: LockedJob[];
  /** The rows that are not ours to judge: `missing` and `locked`. */
  outcomes: Outcome[];
}

/**
 * Serializes with the workers' completion check (BatchRecord#_continue_discard_or_finish), in GoodJob's order: by id.
 * A statement of its own, so that the next one sees what was committed before the last lock was ours; one for all of
 * them, since each job of a chunk may have its own batch. The ORDER BY keeps the planner from taking them otherwise.
 */
export async function lockBatches(tx: Tx, batchIds: string[]): Promise<void> {
  const ids = [...new Set(batchIds)].sort();
  if (ids.length === 0) return;
  await tx.query(sql`
    SELECT count(pg_advisory_xact_lock(key)) FROM (
      SELECT ${advisoryKey('good_job_batches', sql`id`)} AS key FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS b(id, n) ORDER BY n) keys`);
}

/** For a run of many jobs, which must not stand still for one batch: its jobs are `locked` instead. */
export interface LockWait {
  /** How long to wait for batches. */
  patienceMs: number;
  /** Those that could not be had in that time are put in here, and are not waited for while they are. */
  busy: Set<string>;
}

/** The same, with patience; returns the ids of those that could not be had. */
export async function lockBatchesOrSkip(
  tx: Tx,
  batchIds: string[],
  { patienceMs, busy }: LockWait,
): Promise<Set<string>> {
  const ids = [...new Set(batchIds)].sort();
  if (ids.length === 0) return new Set();
  const missed = await tryBatches(tx, ids);
  const waitedFor = missed.filter((id) => !busy.has(id));
  if (waitedFor.length > 0) {
    const [before] = await tx.query<{ timeout: string }>(
      sql`SELECT current_setting('lock_timeout') AS timeout`,
    );
    await tx.query(sql`SAVEPOINT batches`);
    // No deadlock comes of waiting out of order: the wait ends before Postgres looks for one, or nobody else waits.
    await tx.query(sql`SELECT set_config('lock_timeout', ${`${patienceMs}ms`}, true)`);
    try {
      await lockBatches(tx, waitedFor);
    } catch (error) {
      if (!isLockFailure(error)) throw error;
      await tx.query(sql`ROLLBACK TO SAVEPOINT batches`);
    }
    await tx.query(sql`SELECT set_config('lock_timeout', ${before?.timeout ?? '0'}, true)`);
    missed.splice(0, missed.length, ...(await tryBatches(tx, missed)));
  }
  for (const id of missed) busy.add(id);
  return new Set(missed);
}

/** Takes those that are free, without waiting, and so in any order; returns the others. */
async function tryBatches(tx: Tx, ids: string[]): Promise<string[]> {
  const tried = await tx.query<{ id: string; got: boolean }>(sql`
    SELECT id, pg_try_advisory_xact_lock(${advisoryKey('good_job_batches', sql`id`)}) AS got FROM unnest(${ids}::uuid[]) AS id`);
  return tried.filter(({ got }) => !got).map(({ id }) => id);
}

/** lock_not_available, deadlock_detected. */
function isLockFailure(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    (error.code === '55P03' || error.code === '40P01')
  );
}

export interface BatchLinks {
  id: string;
  /** Of which it is a member, and whose callback it is. */
  batchIds: string[];
}

/** Those of the jobs that have to do with a batch. */
export async function batchLinks(
  tx: Tx,
  tables: GoodJobTables,
  jobIds: string[],
): Promise<BatchLinks[]> {
  return tx.query<BatchLinks>(sql`
    SELECT id, array_remove(ARRAY[batch_id, batch_callback_id], NULL) AS "batchIds" FROM ${tables.jobs}
     WHERE id = ANY(${jobIds}::uuid[]) AND (batch_id IS NOT NULL OR batch_callback_id IS NOT NULL)`);
}

function claimedColumns(cutOff?: RowSnapshot): Sql {
  return sql`j.id, ${cutOff ? sql`NOT (${isUnchangedSince(cutOff)})` : sql`false`} AS changed, j.finished_at IS NOT NULL AS finished, NOT (${isBlank(sql`j.error`)}) AS "errorPresent",
    j.error IS NULL AS "errorNull", j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId",
    ${paramsProblem(sql`j.serialized_params`)} AS "paramsProblem"`;
}

/**
 * Takes the jobs as no worker and no other console can at the same time: row locks (skiplocked and hybrid
 * workers respect them), then GoodJob's advisory locks (advisory and hybrid), then the live-holder rule for
 * jobs that a skiplocked worker holds by `locked_by_id` alone. Batch locks must have been taken before.
 * Works whichever strategy the workers use; every lock ends with the transaction (PgBouncer in transaction mode).
 */
export async function claimJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  cutOff?: RowSnapshot,
): Promise<Claim> {
  const lockType = tables.column('good_jobs', 'j', 'lock_type', 'smallint');
  // The row lock first: what is read under it stays as it is, so the advisory lock may come after the reading.
  const rows = await tx.query<LockedJob & { skiplockedBy: string | null; got: boolean }>(sql`
    WITH locked AS MATERIALIZED (
      SELECT ${claimedColumns(cutOff)}, CASE WHEN ${lockType} = 1 THEN j.locked_by_id END AS "skiplockedBy"
        FROM ${tables.jobs} j WHERE j.id = ANY(${ids}::uuid[]) ORDER BY j.id FOR NO KEY UPDATE OF j SKIP LOCKED)
    SELECT *, pg_try_advisory_xact_lock(${advisoryKey('good_jobs', sql`id`)}) AS got FROM locked`);
  const outcomes: Outcome[] = [];

  if (rows.length < ids.length) {
    const got = new Set(rows.map((row) => row.id));
    const rest = ids.filter((id) => !got.has(id));
    const existing = await tx.query<{ id: string }>(
      sql`SELECT j.id FROM ${tables.jobs} j WHERE j.id = ANY(${rest}::uuid[])`,
    );
    const exists = new Set(existing.map((row) => row.id));
    for (const id of rest) outcomes.push({ id, outcome: exists.has(id) ? 'locked' : 'missing' });
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
  for (const { skiplockedBy, got, ...job } of rows) {
    const seenAt = skiplockedBy ? holders.get(skiplockedBy) : undefined;
    if (!got) outcomes.push({ id: job.id, outcome: 'locked' });
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

/** Which of these processes are alive, and when each was last seen. */
async function liveProcesses(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Map<string, string>> {
  const rows = await tx.query<{ id: string; updatedAt: string }>(sql`
    SELECT p.id, p.updated_at AS "updatedAt" FROM ${tables.processes} p WHERE p.id = ANY(${ids}::uuid[]) AND ${isProcessAlive(tables)}`);
  return new Map(rows.map((row) => [row.id, row.updatedAt]));
}

/** Takes only the row locks, waiting for them: a force discard ignores who holds the job (Job#force_discard_job). */
export async function claimJobsByForce(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Claim> {
  const jobs = await tx.query<LockedJob>(sql`
    SELECT ${claimedColumns()} FROM ${tables.jobs} j WHERE j.id = ANY(${ids}::uuid[]) ORDER BY j.id FOR NO KEY UPDATE OF j`);
  const got = new Set(jobs.map((job) => job.id));
  return {
    jobs,
    outcomes: ids.filter((id) => !got.has(id)).map((id) => ({ id, outcome: 'missing' })),
  };
}

/**
 * Gives jobs of dead workers back to the queue: what GoodJob::Process.cleanup does to them (`locked_by_id` and
 * `locked_at` become null, nothing else), for these jobs alone, at most MAX_JOBS_PER_TRANSACTION, and a notification.
 * The claim leaves a job that somebody live holds alone (`locked`). One that is finished, or that no process is
 * named for, needs no release: `conflict`.
 */
export async function releaseJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
): Promise<Outcome[]> {
  const claim = await claimJobs(tx, tables, ids);
  const outcomes = new Map<string, Outcome>(claim.outcomes.map((outcome) => [outcome.id, outcome]));
  const now = await clock(tx);
  const released = await tx.query<{ id: string; queueName: string | null; due: boolean }>(sql`
    UPDATE ${tables.jobs} j SET locked_by_id = NULL, locked_at = NULL
     WHERE j.id = ANY(${claim.jobs.map(({ id }) => id)}::uuid[]) AND j.finished_at IS NULL AND j.locked_by_id IS NOT NULL
     RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName", coalesce(j.scheduled_at <= ${now}, true) AS due`);
  await notify(
    tx,
    released.filter(({ due }) => due).map(({ queueName }) => queueName ?? 'default'),
    now,
  );
  for (const { id } of released) outcomes.set(id, { id, outcome: 'done' });
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'conflict' });
}
