import 'server-only';
import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import {
  CLASS_READ,
  FAILURES,
  type Failing,
  failingOf,
  finishedLately,
  forgetsSuccesses,
  inWindow,
} from './finished-lately';
import { countUpTo } from './look';
import type { FailingClass } from './types';

/** Jobs due soonest that are looked at for those that failed before. */
const LOOKED_AT = 10_000;

/** It has gone on for so long, s: the first jobs of a class that fails now and then may fail all at once, and wait. */
const FOR_S = 600;

/** What a limit of concurrency puts off has not failed. */
const PUT_OFF = 'GoodJob::ActiveJobExtensions::Concurrency::';

/** Its error is read with its job (lib/attention/redact-errors.ts). */
export type FailingItem = Omit<FailingClass, 'error' | 'tooLarge'> & Pick<Failing, 'id'>;
export type RetryingClass = FailingItem & Pick<Failing, 'from' | 'complete'>;

/** Classes whose jobs failed in the last day and wait for another try, without a success: where a class is tried again for ever, nothing of it is discarded. */
export async function retryingClasses(tx: Tx, gj: GoodJob): Promise<RetryingClass[]> {
  // index_good_jobs_on_scheduled_at
  const due = sql`SELECT j.id, j.job_class, j.performed_at, left(j.error, ${PUT_OFF.length}) AS error FROM ${gj.jobs} j WHERE j.finished_at IS NULL AND j.scheduled_at > now() ORDER BY j.scheduled_at LIMIT ${LOOKED_AT}`;
  const hasFailed = sql`w.performed_at IS NULL AND w.error IS NOT NULL AND NOT starts_with(w.error, ${PUT_OFF})`;
  const classes = await tx.query<{ name: string }>(
    sql`SELECT w.job_class AS name FROM (${due}) w WHERE w.job_class <> '' AND octet_length(w.job_class) <= ${CLASS_READ} AND ${hasFailed} AND NOT ${forgetsSuccesses(gj)} GROUP BY w.job_class HAVING count(*) >= ${FAILURES}`,
  );
  if (classes.length === 0) return [];
  // The newest execution and the first by index_good_job_executions_on_active_job_id_and_created_at.
  const rows = await tx.query<Failing & { more: boolean }>(sql`
    WITH ${finishedLately(gj)},
    due AS MATERIALIZED (${due}),
    failed AS MATERIALIZED (
      SELECT w.job_class, e.created_at AS at, w.id, first.created_at AS "firstAt" FROM due w
       CROSS JOIN LATERAL (SELECT e.created_at FROM ${gj.executions} e WHERE e.active_job_id = w.id AND e.error IS NOT NULL ORDER BY e.created_at DESC LIMIT 1) e
       CROSS JOIN LATERAL (SELECT e.created_at FROM ${gj.executions} e WHERE e.active_job_id = w.id AND e.error IS NOT NULL ORDER BY e.created_at LIMIT 1) first
       WHERE w.job_class = ANY(${classes.map(({ name }) => name)}::text[]) AND ${hasFailed} AND ${inWindow(sql`e.created_at`)} AND e.created_at >= (SELECT since FROM kept))
    SELECT f.*, (SELECT count(*) FROM due) >= ${LOOKED_AT} AS more FROM (${failingOf}) f
     WHERE EXISTS (SELECT 1 FROM failed w WHERE w.job_class = f."jobClass" AND w."firstAt" < now() - make_interval(secs => ${FOR_S}))`);
  return rows.map(({ jobClass, since, lastAt, failures, id, from, complete, more }) => ({
    jobClass,
    since,
    lastAt,
    id,
    from,
    complete,
    count: countUpTo(failures, Infinity, more),
    where: `/jobs?${new URLSearchParams({ state: 'retried', job_class: jobClass, q: `attempt_failed:>=${since} -error:="${PUT_OFF}"*` })}`,
  }));
}
