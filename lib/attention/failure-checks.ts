import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { truncateText } from '../core/text';
import type { Tx } from '../db/database';
import { DISCARD_ERRORS, isDiscardedByHand } from '../good-job/actions';
import { type GoodJobTables, hasIndex } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { newPageBudget, redactJobErrors, redactWholeJob } from '../redaction/row-texts';
import { quoteText } from '../search/terms';
import { type FinderResult, type CheckContext, countUpTo, firstItems } from './check-context';
import type { FailingClass } from './types';

const WINDOW_SECONDS = 24 * 3_600;
/** A class with fewer failures is not reported. */
const MIN_FAILURES = 5;
/** Number of most recently finished jobs to scan. */
const RECENT_SCAN_LIMIT = 20_000;
/**
 * Number of jobs before the window to scan; a success among them proves that GoodJob keeps
 * successes.
 */
const OLDER_SCAN_LIMIT = 5_000;
const MAX_CLASSES = 20;
const CLASS_LENGTH = 300;

/** A class with failed jobs and no success among the recent jobs. */
const failingClassRow = z.strictObject({
  jobClass: z.string(),
  since: z.string(),
  lastAt: z.string(),
  failures: z.number(),
  /** Failures among the recent jobs only. */
  recentFailures: z.number(),
  recentSince: z.string().nullable(),
  /** The job that failed most recently. */
  id: z.string(),
  /** When the first of the recent jobs finished. */
  from: z.string(),
  /** The recent jobs cover the whole window. */
  complete: z.boolean(),
});
type FailingCandidate = z.infer<typeof failingClassRow>;

const inWindow = (at: Sql): Sql => sql`${at} > now() - make_interval(secs => ${WINDOW_SECONDS})`;

/**
 * `config.good_job.preserve_job_records` deletes successes, so that a missing success proves
 * nothing.
 */
const deletesSuccesses = (tables: GoodJobTables): Sql => sql`EXISTS (
  SELECT 1
    FROM ${tables.processes} p
   WHERE p.state -> 'preserve_job_records' IS NOT NULL
     AND p.state -> 'preserve_job_records' <> 'true'::jsonb)`;

/**
 * CTEs: `recent`, the most recently finished jobs (index_good_jobs_jobs_on_finished_at_only), and
 * `retained`, the time since which successes are stored. `config.good_job.cleanup_discarded_jobs`
 * may delete successes earlier than failures, so failures before it do not count.
 */
function recentJobs(tables: GoodJobTables): Sql {
  const within = inWindow(sql`j.finished_at`);
  return sql`recent AS MATERIALIZED (
      SELECT j.job_class, j.error IS NOT NULL AS failed, j.finished_at
        FROM ${tables.jobs} j
       WHERE j.finished_at IS NOT NULL
         AND ${within}
       ORDER BY j.finished_at DESC
       LIMIT ${RECENT_SCAN_LIMIT}
    ),
    retained AS MATERIALIZED (
      SELECT CASE
             WHEN EXISTS (
               SELECT 1
                 FROM (SELECT j.error
                         FROM ${tables.jobs} j
                        WHERE j.finished_at IS NOT NULL
                          AND NOT ${within}
                        ORDER BY j.finished_at DESC
                        LIMIT ${OLDER_SCAN_LIMIT}) b
                WHERE b.error IS NULL
             ) THEN '-infinity'
             ELSE coalesce(
               (SELECT w.finished_at
                  FROM (SELECT j.error, j.finished_at
                          FROM ${tables.jobs} j
                         WHERE j.finished_at IS NOT NULL
                           AND ${within}
                         ORDER BY j.finished_at
                         LIMIT ${RECENT_SCAN_LIMIT}) w
                 WHERE w.error IS NULL
                 LIMIT 1),
               (SELECT min(r.finished_at) FROM recent r WHERE NOT r.failed)
             )
             END AS since
    )`;
}

/** The classes of the CTE `failed` (job_class, at, id) without a success in `recent`. */
const failingClasses = sql`
    SELECT left(f.job_class, ${CLASS_LENGTH}) AS "jobClass",
           min(f.at) AS since,
           max(f.at) AS "lastAt",
           count(*)::int AS failures,
           (array_agg(f.id ORDER BY f.at DESC))[1] AS id,
           (count(*) FILTER (WHERE f.at >= r.since))::int AS "recentFailures",
           min(f.at) FILTER (WHERE f.at >= r.since) AS "recentSince",
           coalesce(r.since, now()) AS from,
           r.scanned < ${RECENT_SCAN_LIMIT} AS complete
      FROM failed f
     CROSS JOIN (SELECT min(finished_at) AS since, count(*) AS scanned FROM recent) r
     WHERE f.job_class <> ''
       AND NOT EXISTS (
             SELECT 1
               FROM recent s
              WHERE s.job_class = f.job_class
                AND NOT s.failed
           )
     GROUP BY f.job_class, r.since, r.scanned
    HAVING count(*) >= ${MIN_FAILURES}
     ORDER BY count(*) DESC, f.job_class
     LIMIT ${MAX_CLASSES}`;

/** Number of scheduled jobs to scan, earliest first. */
const SCHEDULED_SCAN_LIMIT = 10_000;

/** A flaky class may have a burst of first failures, so a class counts only after this time. */
const MIN_RETRYING_SECONDS = 600;

/** Errors with this prefix postpone a job because of a concurrency limit; they are not failures. */
const CONCURRENCY_ERROR = 'GoodJob::ActiveJobExtensions::Concurrency::';

/** Without the error, which is read together with its job. */
type FailingItem = Omit<FailingClass, 'error' | 'tooLarge'> & Pick<FailingCandidate, 'id'>;
type RetryingClass = FailingItem & Pick<FailingCandidate, 'from' | 'complete'>;

/** Scheduled jobs by index_good_jobs_on_scheduled_at. */
const scheduledJobs = (tables: GoodJobTables) => sql`
    SELECT j.id, j.job_class, j.performed_at,
           left(j.error, ${CONCURRENCY_ERROR.length}) AS error
      FROM ${tables.jobs} j
     WHERE j.finished_at IS NULL
       AND j.scheduled_at > now()
     ORDER BY j.scheduled_at
     LIMIT ${SCHEDULED_SCAN_LIMIT}`;

/** SQL condition: the scheduled job `w` waits for a retry. */
const hasFailed = sql`
    w.performed_at IS NULL
    AND w.error IS NOT NULL
    AND NOT starts_with(w.error, ${CONCURRENCY_ERROR})`;

const classNameRow = z.strictObject({ name: z.string() });
const retryingClassRow = failingClassRow.extend({
  /** The scan of scheduled jobs reached its limit. */
  more: z.boolean(),
});

/** Classes that only fail and are retried, because an endlessly retried job is never discarded. */
async function retryingClasses(tx: Tx, tables: GoodJobTables): Promise<RetryingClass[]> {
  const classes = await tx.query(
    classNameRow,
    sql`
      SELECT w.job_class AS name
        FROM (${scheduledJobs(tables)}) w
       WHERE w.job_class <> ''
         AND octet_length(w.job_class) <= ${CLASS_LENGTH}
         AND ${hasFailed}
         AND NOT ${deletesSuccesses(tables)}
       GROUP BY w.job_class
      HAVING count(*) >= ${MIN_FAILURES}`,
  );
  if (classes.length === 0) return [];
  const failures = sql`
    SELECT e.created_at
      FROM ${tables.executions} e
     WHERE e.active_job_id = w.id
       AND e.error IS NOT NULL`;
  // Reads the first and the last failed execution by
  // index_good_job_executions_on_active_job_id_and_created_at.
  const rows = await tx.query(
    retryingClassRow,
    sql`
      WITH ${recentJobs(tables)},
      due AS MATERIALIZED (${scheduledJobs(tables)}),
      failed AS MATERIALIZED (
        SELECT w.job_class, e.created_at AS at, w.id, first.created_at AS "firstAt"
          FROM due w
         CROSS JOIN LATERAL (${failures} ORDER BY e.created_at DESC LIMIT 1) e
         CROSS JOIN LATERAL (${failures} ORDER BY e.created_at LIMIT 1) first
         WHERE w.job_class = ANY(${classes.map(({ name }) => name)}::text[])
           AND ${hasFailed}
           AND ${inWindow(sql`e.created_at`)}
           AND e.created_at >= (SELECT since FROM retained)
      )
      SELECT f.*, (SELECT count(*) FROM due) >= ${SCHEDULED_SCAN_LIMIT} AS more
        FROM (${failingClasses}) f
       WHERE EXISTS (
               SELECT 1
                 FROM failed w
                WHERE w.job_class = f."jobClass"
                  AND w."firstAt" < now() - make_interval(secs => ${MIN_RETRYING_SECONDS})
             )`,
  );
  return rows.map(({ jobClass, since, lastAt, failures: count, id, from, complete, more }) => ({
    jobClass,
    since,
    lastAt,
    id,
    from,
    complete,
    count: countUpTo(count, Infinity, more),
    href: jobsHref(
      'retried',
      jobClass,
      `attempt_failed:>=${since} -error:="${CONCURRENCY_ERROR}"*`,
    ),
  }));
}

function jobsHref(state: 'retried' | 'discarded', jobClass: string, q: string): string {
  return `/jobs?${new URLSearchParams({ state, job_class: jobClass, q })}`;
}

const ERROR_LENGTH = 300;

interface JobError {
  error: string | null;
  tooLarge: boolean;
}

/** Reads the redacted errors of the jobs with one query; returns a lookup by job id. */
export async function readJobErrors(
  { ctx: { tables }, read }: Pick<CheckContext, 'ctx' | 'read'>,
  ids: string[],
): Promise<(id: string) => JobError> {
  const jobs =
    ids.length === 0
      ? new Map<string, JobError>()
      : await read((tx) => redactJobErrors(tx, tables, ids, newPageBudget()));
  return (id) => {
    // Without its payload, the secrets in the error of a deleted job are unknown.
    const { error, tooLarge } = jobs.get(id) ?? redactWholeJob(false);
    return { error: error && truncateText(error, ERROR_LENGTH), tooLarge };
  };
}

/** Number of most recently discarded jobs to scan. */
const DISCARDED_SCAN_LIMIT = 5_000;
/** Number of jobs to scan per class. */
const CLASS_SCAN_LIMIT = 5_000;

/**
 * Finds classes with at least MIN_FAILURES failed jobs and no success in the last day: discarded,
 * or failed and waiting for a retry.
 */
export async function findFailingClasses({
  ctx: { tables },
  read,
}: CheckContext): Promise<FinderResult> {
  return read(async (tx) => {
    const discarded = await discardedClasses(tx, tables);
    const retrying = await retryingClasses(tx, tables);
    const mayHaveSucceeded = await readSuccesses(
      tx,
      tables,
      [...discarded, ...retrying].filter(({ complete }) => !complete),
    );
    const failing = discarded.flatMap((candidate): FailingItem[] => {
      if (!mayHaveSucceeded(candidate))
        return [toItem(candidate, candidate.failures, candidate.since)];
      // The recent jobs have no success, so their failures alone may be enough for a finding.
      return candidate.recentFailures >= MIN_FAILURES && candidate.recentSince
        ? [toItem(candidate, candidate.recentFailures, candidate.recentSince)]
        : [];
    });
    const listedClasses = new Set(failing.map(({ jobClass }) => jobClass));
    failing.push(
      ...retrying.filter(
        (candidate) => !listedClasses.has(candidate.jobClass) && !mayHaveSucceeded(candidate),
      ),
    );
    if (failing.length === 0) return { finding: null };
    return {
      finding: {
        kind: 'failing_classes',
        severity: 'warning',
        since: failing.map(({ since }) => since).sort()[0] ?? null,
        count: countUpTo(failing.length, MAX_CLASSES),
        items: firstItems(failing).map(({ jobClass, since, lastAt, count, href }) => ({
          jobClass: redaction().redactText(jobClass),
          since,
          lastAt,
          count,
          error: null,
          tooLarge: false,
          href,
        })),
        href: '/jobs?state=discarded',
        repair: null,
      },
      errorJobIds: firstItems(failing).map(({ id }) => id),
    };
  });
}

function toItem(
  { id, jobClass, lastAt }: FailingCandidate,
  count: number,
  since: string,
): FailingItem {
  return {
    id,
    jobClass,
    since,
    lastAt,
    count: countUpTo(count, DISCARDED_SCAN_LIMIT),
    href: jobsHref('discarded', jobClass, `finished:>=${since} ${NOT_BY_HAND}`),
  };
}

/** Excludes jobs that a user discarded, because they did not fail. */
const NOT_BY_HAND = `-error:=${Object.values(DISCARD_ERRORS).map(quoteText).join(',')}`;

/** Scans index_good_jobs_on_discarded; without it, the recent jobs. */
async function discardedClasses(tx: Tx, tables: GoodJobTables): Promise<FailingCandidate[]> {
  const hasDiscardedIndex = hasIndex(tables, 'add_index_good_jobs_discarded');
  const isRecent = sql`AND j.finished_at >= (SELECT min(finished_at) FROM recent)`;
  return tx.query(
    failingClassRow,
    sql`
      WITH ${recentJobs(tables)},
      failed AS MATERIALIZED (
        SELECT j.job_class, j.finished_at AS at, j.id
          FROM ${tables.jobs} j
         WHERE j.finished_at IS NOT NULL
           AND j.error IS NOT NULL
           AND NOT ${isDiscardedByHand}
           AND ${inWindow(sql`j.finished_at`)}
           AND j.finished_at >= (SELECT since FROM retained)
               ${hasDiscardedIndex ? empty : isRecent}
         ORDER BY j.finished_at DESC
         LIMIT ${DISCARDED_SCAN_LIMIT}
      )
      SELECT f.*
        FROM (${failingClasses}) f
       WHERE NOT ${deletesSuccesses(tables)}`,
  );
}

const successRow = z.strictObject({
  jobClass: z.string(),
  from: z.string(),
  mayHaveSucceeded: z.boolean(),
});

/**
 * Returns whether a class may have succeeded in the window before the recent jobs; true also if it
 * has too many jobs to scan (index_good_jobs_on_job_class), false if the recent jobs are complete.
 */
async function readSuccesses(
  tx: Tx,
  tables: GoodJobTables,
  candidates: Pick<FailingCandidate, 'jobClass' | 'from'>[],
): Promise<(candidate: Pick<FailingCandidate, 'jobClass' | 'from' | 'complete'>) => boolean> {
  if (candidates.length === 0) return ({ complete }) => !complete;
  const rows = await tx.query(
    successRow,
    sql`
      SELECT c.job_class AS "jobClass", c.before AS from, scan."mayHaveSucceeded"
        FROM unnest(${candidates.map(({ jobClass }) => jobClass)}::text[],
                    ${candidates.map(({ from }) => from)}::text[]) c(job_class, before)
       CROSS JOIN LATERAL (
         SELECT count(*) >= ${CLASS_SCAN_LIMIT}
                OR coalesce(
                     bool_or(j.error IS NULL
                             AND j.finished_at <= c.before::timestamptz
                             AND ${inWindow(sql`j.finished_at`)}),
                     false
                   ) AS "mayHaveSucceeded"
           FROM (SELECT j.error, j.finished_at
                   FROM ${tables.jobs} j
                  WHERE j.job_class = c.job_class
                  LIMIT ${CLASS_SCAN_LIMIT}) j
       ) scan`,
  );
  const keyOf = (candidate: Pick<FailingCandidate, 'jobClass' | 'from'>) =>
    JSON.stringify([candidate.jobClass, candidate.from]);
  const keys = new Set(rows.filter((row) => row.mayHaveSucceeded).map(keyOf));
  return (candidate) => !candidate.complete && keys.has(keyOf(candidate));
}
