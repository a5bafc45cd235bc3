import 'server-only';
import sql, { empty } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { DISCARD_ERRORS, isDiscardedByHand } from '../good-job/actions';
import type { GoodJob } from '../good-job/tables';
import { quote } from '../jobs/query-tokens';
import { type Found, type Look, countUpTo, shown } from './look';
import { ERROR_READ, withShownErrors } from './shown-errors';
import type { FailingClass } from './types';

const WINDOW_S = 24 * 3_600;
/** Fewer failures say nothing about a class. */
const FAILURES = 5;
/** Jobs looked at: those that finished last, and those that were discarded last. */
const FINISHED = 20_000;
const DISCARDED = 5_000;
/** Jobs that finished before the window, looked at for whether successes are kept for that long. */
const BEFORE = 5_000;
/** Jobs of one class looked at for a success that is older than those. */
const OF_CLASS = 5_000;
const CLASSES = 20;

interface Failing {
  jobClass: string;
  since: string;
  lastAt: string;
  failures: number;
  /** Those among the jobs that finished last. */
  recentFailures: number;
  recentSince: string | null;
  error: string | null;
  /** The job that it is of. */
  id: string;
  /** Whole window, or where the look at the jobs that finished last ended. */
  from: string;
  complete: boolean;
}

/** Classes of which at least FAILURES jobs were discarded in the last day, and not one succeeded. */
export async function findFailingClasses({ ctx: { gj }, read }: Look): Promise<Found> {
  return read(async (tx) => {
    if (await successIsForgotten(tx, gj)) return { finding: null };
    const failing: (FailingClass & { id: string })[] = [];
    for (const candidate of await candidates(tx, gj)) {
      if (candidate.complete || !(await mayHaveSucceeded(tx, gj, candidate))) failing.push(toItem(candidate, candidate.failures, candidate.since));
      // Whatever was before: of the jobs that finished last, none succeeded.
      else if (candidate.recentFailures >= FAILURES && candidate.recentSince) failing.push(toItem(candidate, candidate.recentFailures, candidate.recentSince));
    }
    if (failing.length === 0) return { finding: null };
    return { finding: { kind: 'failing_classes', severity: 'warning', since: failing.map(({ since }) => since).sort()[0] ?? null, count: countUpTo(failing.length, CLASSES), items: (await withShownErrors(tx, gj, shown(failing))).map(({ id: _id, ...item }) => item), where: '/jobs?state=discarded', repair: null } };
  });
}

function toItem({ id, jobClass, lastAt, error }: Failing, count: number, since: string): FailingClass & { id: string } {
  return { id, jobClass, since, lastAt, error, count: countUpTo(count, DISCARDED), where: `/jobs?${new URLSearchParams({ state: 'discarded', job_class: jobClass, q: `finished:>=${since} ${NOT_BY_HAND}` })}` };
}

/** Discarding a job is no failure of it. */
const NOT_BY_HAND = `-error:=${Object.values(DISCARD_ERRORS).map(quote).join(',')}`;

/** Where GoodJob keeps only the jobs that failed (config.good_job.preserve_job_records), nothing can be said. */
async function successIsForgotten(tx: Tx, gj: GoodJob): Promise<boolean> {
  const [row] = await tx.query<{ forgotten: boolean }>(sql`
    SELECT EXISTS (SELECT 1 FROM ${gj.processes} p WHERE p.state -> 'preserve_job_records' IS NOT NULL AND p.state -> 'preserve_job_records' <> 'true'::jsonb) AS forgotten`);
  return row?.forgotten ?? false;
}

/**
 * By index_good_jobs_jobs_on_finished_at_only and index_good_jobs_on_discarded. Successes may be cleaned up sooner than
 * failures (config.good_job.cleanup_discarded_jobs): before the oldest that is still there, nobody knows of any.
 */
async function candidates(tx: Tx, gj: GoodJob): Promise<Failing[]> {
  const hasDiscarded = !gj.schema.missingMigrations.some(({ migration }) => migration === 'add_index_good_jobs_discarded');
  const inWindow = sql`j.finished_at > now() - make_interval(secs => ${WINDOW_S})`;
  return tx.query<Failing>(sql`
    WITH recent AS MATERIALIZED (
      SELECT j.job_class, j.error IS NOT NULL AS failed, j.finished_at FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND ${inWindow} ORDER BY j.finished_at DESC LIMIT ${FINISHED}),
    kept AS MATERIALIZED (
      SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT j.error FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND NOT ${inWindow} ORDER BY j.finished_at DESC LIMIT ${BEFORE}) b WHERE b.error IS NULL) THEN '-infinity'
             ELSE coalesce((SELECT w.finished_at FROM (SELECT j.error, j.finished_at FROM ${gj.jobs} j WHERE j.finished_at IS NOT NULL AND ${inWindow} ORDER BY j.finished_at LIMIT ${FINISHED}) w WHERE w.error IS NULL LIMIT 1),
                           (SELECT min(r.finished_at) FROM recent r WHERE NOT r.failed)) END AS since),
    failed AS MATERIALIZED (
      SELECT j.job_class, j.finished_at, left(j.error, ${ERROR_READ}) AS error, j.id FROM ${gj.jobs} j
       WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL AND NOT ${isDiscardedByHand} AND ${inWindow} AND j.finished_at >= (SELECT since FROM kept) ${hasDiscarded ? empty : sql`AND j.finished_at >= (SELECT min(finished_at) FROM recent)`}
       ORDER BY j.finished_at DESC LIMIT ${DISCARDED})
    SELECT f.job_class AS "jobClass", min(f.finished_at) AS since, max(f.finished_at) AS "lastAt", count(*)::int AS failures,
           (array_agg(f.error ORDER BY f.finished_at DESC))[1] AS error, (array_agg(f.id ORDER BY f.finished_at DESC))[1] AS id,
           (count(*) FILTER (WHERE f.finished_at >= r.since))::int AS "recentFailures", min(f.finished_at) FILTER (WHERE f.finished_at >= r.since) AS "recentSince",
           r.since AS from, r.looked < ${FINISHED} AS complete
      FROM failed f CROSS JOIN (SELECT min(finished_at) AS since, count(*) AS looked FROM recent) r
     WHERE f.job_class <> '' AND NOT EXISTS (SELECT 1 FROM recent s WHERE s.job_class = f.job_class AND NOT s.failed)
     GROUP BY f.job_class, r.since, r.looked HAVING count(*) >= ${FAILURES} ORDER BY count(*) DESC, f.job_class LIMIT ${CLASSES}`);
}

/** Before the jobs that were looked at, within the window (index_good_jobs_on_job_class); also when the class has too many jobs to say. */
async function mayHaveSucceeded(tx: Tx, gj: GoodJob, { jobClass, from }: Failing): Promise<boolean> {
  const [row] = await tx.query<{ may: boolean }>(sql`
    SELECT count(*) >= ${OF_CLASS} OR coalesce(bool_or(j.error IS NULL AND j.finished_at <= ${from} AND j.finished_at > now() - make_interval(secs => ${WINDOW_S})), false) AS may
      FROM (SELECT j.error, j.finished_at FROM ${gj.jobs} j WHERE j.job_class = ${jobClass} LIMIT ${OF_CLASS}) j`);
  return row?.may ?? true;
}
