import 'server-only';
import sql, { empty } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { DISCARD_ERRORS, isDiscardedByHand } from '../good-job/actions';
import type { GoodJob } from '../good-job/tables';
import { quote } from '../jobs/query-tokens';
import {
  CLASSES,
  FAILURES,
  type Failing,
  failingOf,
  finishedLately,
  forgetsSuccesses,
  inWindow,
} from './finished-lately';
import { type Found, type Look, countUpTo, shown } from './look';
import { type FailingItem, retryingClasses } from './retrying-classes';
import { redactClass } from './redact-errors';

/** Jobs that were discarded last, looked at. */
const DISCARDED = 5_000;
/** Jobs of one class looked at for a success that is older than those that finished last. */
const OF_CLASS = 5_000;

/** Classes of which at least FAILURES jobs were discarded in the last day, or failed and wait for another try, and not one succeeded. */
export async function findFailingClasses({ ctx: { gj }, read }: Look): Promise<Found> {
  return read(async (tx) => {
    const discarded = await candidates(tx, gj);
    const retrying = await retryingClasses(tx, gj);
    const mayHaveSucceeded = await readSuccesses(
      tx,
      gj,
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
async function candidates(tx: Tx, gj: GoodJob): Promise<Failing[]> {
  const hasDiscarded = !gj.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  return tx.query<Failing>(sql`
    WITH ${finishedLately(gj)},
    failed AS MATERIALIZED (
      SELECT j.job_class, j.finished_at AS at, j.id FROM ${gj.jobs} j
       WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL AND NOT ${isDiscardedByHand} AND ${inWindow(sql`j.finished_at`)} AND j.finished_at >= (SELECT since FROM kept) ${hasDiscarded ? empty : sql`AND j.finished_at >= (SELECT min(finished_at) FROM recent)`}
       ORDER BY j.finished_at DESC LIMIT ${DISCARDED})
    SELECT f.* FROM (${failingOf}) f WHERE NOT ${forgetsSuccesses(gj)}`);
}

/**
 * Whether a class may have succeeded within the window, before the jobs that were looked at; also where it has too many
 * jobs to say (index_good_jobs_on_job_class). One that is complete has not.
 */
async function readSuccesses(
  tx: Tx,
  gj: GoodJob,
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
         FROM (SELECT j.error, j.finished_at FROM ${gj.jobs} j
                WHERE j.job_class = c.job_class LIMIT ${OF_CLASS}) j) found`);
  const may = new Set(
    rows.filter((row) => row.may).map(({ jobClass, from }) => JSON.stringify([jobClass, from])),
  );
  return ({ jobClass, from, complete }) => !complete && may.has(JSON.stringify([jobClass, from]));
}
