import sql, { type Sql } from 'sql-template-tag';
import type { GoodJob } from '../good-job/tables';

const WINDOW_S = 24 * 3_600;
/** Fewer failures say nothing about a class. */
export const FAILURES = 5;
/** Jobs that finished last, looked at. */
const FINISHED = 20_000;
/** Jobs that finished before the window, looked at for whether successes are kept for that long. */
const BEFORE = 5_000;
export const CLASSES = 20;
/** Characters of a class that are read. */
export const CLASS_READ = 300;

export interface Failing {
  jobClass: string;
  since: string;
  lastAt: string;
  failures: number;
  /** Those among the jobs that finished last. */
  recentFailures: number;
  recentSince: string | null;
  /** The job that failed last. */
  id: string;
  /** Whole window, or where the look at the jobs that finished last ended. */
  from: string;
  complete: boolean;
}

export const inWindow = (at: Sql): Sql => sql`${at} > now() - make_interval(secs => ${WINDOW_S})`;

/** Where GoodJob keeps only the jobs that failed (config.good_job.preserve_job_records), nothing can be said. */
export const forgetsSuccesses = (gj: GoodJob): Sql => sql`EXISTS (
  SELECT 1 FROM ${gj.processes} p
   WHERE p.state -> 'preserve_job_records' IS NOT NULL
     AND p.state -> 'preserve_job_records' <> 'true'::jsonb)`;

/**
 * `recent`: the jobs that finished last (index_good_jobs_jobs_on_finished_at_only). `kept`: successes may be cleaned up
 * sooner than failures (config.good_job.cleanup_discarded_jobs): before the oldest that is still there, nobody knows of any.
 */
export function finishedLately(gj: GoodJob): Sql {
  const within = inWindow(sql`j.finished_at`);
  return sql`recent AS MATERIALIZED (
      SELECT j.job_class, j.error IS NOT NULL AS failed, j.finished_at FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND ${within} ORDER BY j.finished_at DESC LIMIT ${FINISHED}),
    kept AS MATERIALIZED (
      SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT j.error FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND NOT ${within} ORDER BY j.finished_at DESC LIMIT ${BEFORE}) b WHERE b.error IS NULL) THEN '-infinity'
             ELSE coalesce((SELECT w.finished_at FROM (SELECT j.error, j.finished_at FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND ${within} ORDER BY j.finished_at LIMIT ${FINISHED}) w WHERE w.error IS NULL LIMIT 1),
                           (SELECT min(r.finished_at) FROM recent r WHERE NOT r.failed)) END AS since)`;
}

/** Of `failed` (job_class, at, id) the classes without a success among the jobs that finished last. */
export const failingOf = sql`
    SELECT left(f.job_class, ${CLASS_READ}) AS "jobClass", min(f.at) AS since, max(f.at) AS "lastAt", count(*)::int AS failures,
           (array_agg(f.id ORDER BY f.at DESC))[1] AS id,
           (count(*) FILTER (WHERE f.at >= r.since))::int AS "recentFailures", min(f.at) FILTER (WHERE f.at >= r.since) AS "recentSince",
           coalesce(r.since, now()) AS from, r.looked < ${FINISHED} AS complete
      FROM failed f CROSS JOIN (SELECT min(finished_at) AS since, count(*) AS looked FROM recent) r
     WHERE f.job_class <> '' AND NOT EXISTS (SELECT 1 FROM recent s WHERE s.job_class = f.job_class AND NOT s.failed)
     GROUP BY f.job_class, r.since, r.looked HAVING count(*) >= ${FAILURES} ORDER BY count(*) DESC, f.job_class LIMIT ${CLASSES}`;
