import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { cut } from '../core/text';
import type { Tx } from '../db/database';
import { DISCARD_ERRORS, isDiscardedByHand } from '../good-job/actions';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { newPageBudget, redactJobErrors, unreadJob } from '../redaction/row-texts';
import { quote } from '../search/tokens';
import { type Found, type CheckContext, countUpTo, shown } from './check-context';
import type { FailingClass } from './types';

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
export const forgetsSuccesses = (tables: GoodJobTables): Sql => sql`EXISTS (
  SELECT 1 FROM ${tables.processes} p
   WHERE p.state -> 'preserve_job_records' IS NOT NULL
     AND p.state -> 'preserve_job_records' <> 'true'::jsonb)`;

/**
 * `recent`: the jobs that finished last (index_good_jobs_jobs_on_finished_at_only). `kept`: successes may be cleaned up
 * sooner than failures (config.good_job.cleanup_discarded_jobs): before the oldest that is still there, nobody knows of any.
 */
export function finishedLately(tables: GoodJobTables): Sql {
  const within = inWindow(sql`j.finished_at`);
  return sql`recent AS MATERIALIZED (
      SELECT j.job_class, j.error IS NOT NULL AS failed, j.finished_at FROM ${tables.jobs} j WHERE j.finished_at IS NOT NULL AND ${within} ORDER BY j.finished_at DESC LIMIT ${FINISHED}),
    kept AS MATERIALIZED (
      SELECT CASE WHEN EXISTS (SELECT 1 FROM (SELECT j.error FROM ${tables.jobs} j WHERE j.finished_at IS NOT NULL AND NOT ${within} ORDER BY j.finished_at DESC LIMIT ${BEFORE}) b WHERE b.error IS NULL) THEN '-infinity'
             ELSE coalesce((SELECT w.finished_at FROM (SELECT j.error, j.finished_at FROM ${tables.jobs} j WHERE j.finished_at IS NOT NULL AND ${within} ORDER BY j.finished_at LIMIT ${FINISHED}) w WHERE w.error IS NULL LIMIT 1),
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

/** Jobs due soonest that are looked at for those that failed before. */
const LOOKED_AT = 10_000;

/** It has gone on for so long, s: the first jobs of a class that fails now and then may fail all at once, and wait. */
const FOR_S = 600;

/** What a limit of concurrency puts off has not failed. */
const PUT_OFF = 'GoodJob::ActiveJobExtensions::Concurrency::';

/** Its error is read with its job (lib/attention/failure-checks.ts). */
export type FailingItem = Omit<FailingClass, 'error' | 'tooLarge'> & Pick<Failing, 'id'>;
export type RetryingClass = FailingItem & Pick<Failing, 'from' | 'complete'>;

/** Classes whose jobs failed in the last day and wait for another try, without a success: where a class is tried again for ever, nothing of it is discarded. */
export async function retryingClasses(tx: Tx, tables: GoodJobTables): Promise<RetryingClass[]> {
  // index_good_jobs_on_scheduled_at
  const due = sql`SELECT j.id, j.job_class, j.performed_at, left(j.error, ${PUT_OFF.length}) AS error FROM ${tables.jobs} j WHERE j.finished_at IS NULL AND j.scheduled_at > now() ORDER BY j.scheduled_at LIMIT ${LOOKED_AT}`;
  const hasFailed = sql`w.performed_at IS NULL AND w.error IS NOT NULL AND NOT starts_with(w.error, ${PUT_OFF})`;
  const classes = await tx.query<{ name: string }>(
    sql`SELECT w.job_class AS name FROM (${due}) w WHERE w.job_class <> '' AND octet_length(w.job_class) <= ${CLASS_READ} AND ${hasFailed} AND NOT ${forgetsSuccesses(tables)} GROUP BY w.job_class HAVING count(*) >= ${FAILURES}`,
  );
  if (classes.length === 0) return [];
  // The newest execution and the first by index_good_job_executions_on_active_job_id_and_created_at.
  const rows = await tx.query<Failing & { more: boolean }>(sql`
    WITH ${finishedLately(tables)},
    due AS MATERIALIZED (${due}),
    failed AS MATERIALIZED (
      SELECT w.job_class, e.created_at AS at, w.id, first.created_at AS "firstAt" FROM due w
       CROSS JOIN LATERAL (SELECT e.created_at FROM ${tables.executions} e WHERE e.active_job_id = w.id AND e.error IS NOT NULL ORDER BY e.created_at DESC LIMIT 1) e
       CROSS JOIN LATERAL (SELECT e.created_at FROM ${tables.executions} e WHERE e.active_job_id = w.id AND e.error IS NOT NULL ORDER BY e.created_at LIMIT 1) first
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

const TEXT_SHOWN = 300;

interface JobError {
  error: string | null;
  tooLarge: boolean;
}

/** The errors of these jobs without what they and the jobs' payloads hide, in one read; by job. */
export async function readJobErrors(
  { ctx: { tables }, read }: Pick<CheckContext, 'ctx' | 'read'>,
  ids: string[],
): Promise<(id: string) => JobError> {
  const jobs =
    ids.length === 0
      ? new Map<string, JobError>()
      : await read((tx) => redactJobErrors(tx, tables, ids, newPageBudget()));
  return (id) => {
    // A job that is gone by now: nobody knows what its error repeats.
    const { error, tooLarge } = jobs.get(id) ?? unreadJob(false);
    return { error: error && cut(error, TEXT_SHOWN), tooLarge };
  };
}

export const redactClass = <Name extends string | null>(name: Name): Name =>
  (name === null ? name : redaction().redactText(name)) as Name;

/** Jobs that were discarded last, looked at. */
const DISCARDED = 5_000;
/** Jobs of one class looked at for a success that is older than those that finished last. */
const OF_CLASS = 5_000;

/** Classes of which at least FAILURES jobs were discarded in the last day, or failed and wait for another try, and not one succeeded. */
export async function findFailingClasses({ ctx: { tables }, read }: CheckContext): Promise<Found> {
  return read(async (tx) => {
    const discarded = await candidates(tx, tables);
    const retrying = await retryingClasses(tx, tables);
    const mayHaveSucceeded = await readSuccesses(
      tx,
      tables,
      [...discarded, ...retrying].filter(({ complete }) => !complete),
    );
    const failing = discarded.flatMap((candidate): FailingItem[] => {
      if (!mayHaveSucceeded(candidate))
        return [toItem(candidate, candidate.failures, candidate.since)];
      // Whatever was before: of the jobs that finished last, none succeeded.
      return candidate.recentFailures >= FAILURES && candidate.recentSince
        ? [toItem(candidate, candidate.recentFailures, candidate.recentSince)]
        : [];
    });
    const known = new Set(failing.map(({ jobClass }) => jobClass));
    failing.push(
      ...retrying.filter(
        (candidate) => !known.has(candidate.jobClass) && !mayHaveSucceeded(candidate),
      ),
    );
    if (failing.length === 0) return { finding: null };
    return {
      finding: {
        kind: 'failing_classes',
        severity: 'warning',
        since: failing.map(({ since }) => since).sort()[0] ?? null,
        count: countUpTo(failing.length, CLASSES),
        items: shown(failing).map(({ jobClass, since, lastAt, count, where }) => ({
          jobClass: redactClass(jobClass),
          since,
          lastAt,
          count,
          error: null,
          tooLarge: false,
          where,
        })),
        where: '/jobs?state=discarded',
        repair: null,
      },
      errorsOf: shown(failing).map(({ id }) => id),
    };
  });
}

function toItem({ id, jobClass, lastAt }: Failing, count: number, since: string): FailingItem {
  return {
    id,
    jobClass,
    since,
    lastAt,
    count: countUpTo(count, DISCARDED),
    where: `/jobs?${new URLSearchParams({ state: 'discarded', job_class: jobClass, q: `finished:>=${since} ${NOT_BY_HAND}` })}`,
  };
}

/** Discarding a job is no failure of it. */
const NOT_BY_HAND = `-error:=${Object.values(DISCARD_ERRORS).map(quote).join(',')}`;

/** Those that were discarded, by index_good_jobs_on_discarded. */
async function candidates(tx: Tx, tables: GoodJobTables): Promise<Failing[]> {
  const hasDiscarded = !tables.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  return tx.query<Failing>(sql`
    WITH ${finishedLately(tables)},
    failed AS MATERIALIZED (
      SELECT j.job_class, j.finished_at AS at, j.id FROM ${tables.jobs} j
       WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL AND NOT ${isDiscardedByHand} AND ${inWindow(sql`j.finished_at`)} AND j.finished_at >= (SELECT since FROM kept) ${hasDiscarded ? empty : sql`AND j.finished_at >= (SELECT min(finished_at) FROM recent)`}
       ORDER BY j.finished_at DESC LIMIT ${DISCARDED})
    SELECT f.* FROM (${failingOf}) f WHERE NOT ${forgetsSuccesses(tables)}`);
}

/**
 * Whether a class may have succeeded within the window, before the jobs that were looked at; also where it has too many
 * jobs to say (index_good_jobs_on_job_class). One that is complete has not.
 */
async function readSuccesses(
  tx: Tx,
  tables: GoodJobTables,
  candidates: Pick<Failing, 'jobClass' | 'from'>[],
): Promise<(candidate: Pick<Failing, 'jobClass' | 'from' | 'complete'>) => boolean> {
  if (candidates.length === 0) return ({ complete }) => !complete;
  const rows = await tx.query<{ jobClass: string; from: string; may: boolean }>(sql`
    SELECT c.job_class AS "jobClass", c.before AS from, found.may
      FROM unnest(${candidates.map(({ jobClass }) => jobClass)}::text[],
                  ${candidates.map(({ from }) => from)}::text[]) c(job_class, before)
     CROSS JOIN LATERAL (
       SELECT count(*) >= ${OF_CLASS} OR coalesce(bool_or(j.error IS NULL
                AND j.finished_at <= c.before::timestamptz AND ${inWindow(sql`j.finished_at`)}), false) AS may
         FROM (SELECT j.error, j.finished_at FROM ${tables.jobs} j
                WHERE j.job_class = c.job_class LIMIT ${OF_CLASS}) j) found`);
  const may = new Set(
    rows.filter((row) => row.may).map(({ jobClass, from }) => JSON.stringify([jobClass, from])),
  );
  return ({ jobClass, from, complete }) => !complete && may.has(JSON.stringify([jobClass, from]));
}
