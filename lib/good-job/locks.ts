import sql, { raw, type Sql } from 'sql-template-tag';
import type { GoodJob } from './tables';

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
export function isAdvisoryLocked(gj: GoodJob, key: Sql): Sql {
  if (gj.schema.isStandby) return sql`NULL::boolean`;
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
export function isProcessAlive(gj: GoodJob): Sql {
  const lockType = gj.column('good_job_processes', 'p', 'lock_type', 'smallint');
  return sql`CASE WHEN ${lockType} = 0 THEN ${isAdvisoryLocked(gj, advisoryKey('good_job_processes', sql`p.id`))}
    WHEN ${lockType} IS NULL THEN p.updated_at > clock_timestamp() - ${PROCESS_EXPIRED} ELSE false END`;
}

/** The same where a process of which a standby does not know counts as alive. */
export function mayProcessBeAlive(gj: GoodJob): Sql {
  return gj.schema.isStandby ? sql`(${isProcessAlive(gj)}) IS NOT FALSE` : isProcessAlive(gj);
}

/** Whether `locked_by_id` of the job `j` names a live process; NULL where a standby does not know. */
export function isHeldByLiveProcess(gj: GoodJob): Sql {
  const holder = sql`FROM ${gj.processes} p WHERE p.id = j.locked_by_id`;
  return gj.schema.isStandby
    ? sql`CASE WHEN EXISTS (SELECT 1 ${holder}) THEN (SELECT ${isProcessAlive(gj)} ${holder}) ELSE false END`
    : sql`EXISTS (SELECT 1 ${holder} AND ${isProcessAlive(gj)})`;
}

/**
 * Whether somebody live holds the job `j`, for showing only (an action takes the locks instead): lock_type 1
 * (skiplocked) goes by `locked_by_id`, every other one by the advisory lock alone, which is NULL on a standby.
 */
export function isHeld(gj: GoodJob): Sql {
  const lockType = gj.column('good_jobs', 'j', 'lock_type', 'smallint');
  if (gj.schema.isStandby)
    return sql`CASE WHEN ${lockType} = 1 THEN ${isHeldByLiveProcess(gj)} END`;
  return sql`(${isAdvisoryLocked(gj, advisoryKey('good_jobs', sql`j.id`))}
    OR (${lockType} = 1 AND ${isHeldByLiveProcess(gj)}))`;
}
