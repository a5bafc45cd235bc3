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
  inWindow,
} from './finished-lately';
import { type Found, type Look, countUpTo, shown } from './look';
import { type FailingItem, retryingClasses } from './retrying-classes';
import { withRedactedErrors } from './redact-errors';

/** Jobs that were discarded last, looked at. */
const DISCARDED = 5_000;
/** Jobs of one class looked at for a success that is older than those that finished last. */
const OF_CLASS = 5_000;

/** Classes of which at least FAILURES jobs were discarded in the last day, or failed and wait for another try, and not one succeeded. */
export async function findFailingClasses({ ctx: { gj }, budget, read }: Look): Promise<Found> {
  return read(async (tx) => {
    if (await successIsForgotten(tx, gj)) return { finding: null };
    const failing: FailingItem[] = [];
    for (const candidate of await candidates(tx, gj)) {
      if (candidate.complete || !(await mayHaveSucceeded(tx, gj, candidate)))
        failing.push(toItem(candidate, candidate.failures, candidate.since));
      // Whatever was before: of the jobs that finished last, none succeeded.
      else if (candidate.recentFailures >= FAILURES && candidate.recentSince)
        failing.push(toItem(candidate, candidate.recentFailures, candidate.recentSince));
    }
    for (const candidate of await retryingClasses(tx, gj)) {
      const isKnown = failing.some(({ jobClass }) => jobClass === candidate.jobClass);
      if (!isKnown && (candidate.complete || !(await mayHaveSucceeded(tx, gj, candidate))))
        failing.push(candidate);
    }
    if (failing.length === 0) return { finding: null };
    return {
      finding: {
        kind: 'failing_classes',
        severity: 'warning',
        since: failing.map(({ since }) => since).sort()[0] ?? null,
        count: countUpTo(failing.length, CLASSES),
        items: (await withRedactedErrors(tx, gj, shown(failing), budget)).map(
          ({ jobClass, since, lastAt, count, error, tooLarge, where }) => ({
            jobClass,
            since,
            lastAt,
            count,
            error,
            tooLarge,
            where,
          }),
        ),
        where: '/jobs?state=discarded',
        repair: null,
      },
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

/** Where GoodJob keeps only the jobs that failed (config.good_job.preserve_job_records), nothing can be said. */
async function successIsForgotten(tx: Tx, gj: GoodJob): Promise<boolean> {
  const [row] = await tx.query<{ forgotten: boolean }>(sql`
    SELECT EXISTS (SELECT 1 FROM ${gj.processes} p WHERE p.state -> 'preserve_job_records' IS NOT NULL AND p.state -> 'preserve_job_records' <> 'true'::jsonb) AS forgotten`);
  return row?.forgotten ?? false;
}

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
    ${failingOf}`);
}

/** Before the jobs that were looked at, within the window (index_good_jobs_on_job_class); also when the class has too many jobs to say. */
async function mayHaveSucceeded(
  tx: Tx,
  gj: GoodJob,
  { jobClass, from }: Pick<Failing, 'jobClass' | 'from'>,
): Promise<boolean> {
  const [row] = await tx.query<{ may: boolean }>(sql`
    SELECT count(*) >= ${OF_CLASS} OR coalesce(bool_or(j.error IS NULL AND j.finished_at <= ${from} AND ${inWindow(sql`j.finished_at`)}), false) AS may
      FROM (SELECT j.error, j.finished_at FROM ${gj.jobs} j WHERE j.job_class = ${jobClass} LIMIT ${OF_CLASS}) j`);
  return row?.may ?? true;
}
