import 'server-only';
import sql, { empty } from 'sql-template-tag';
import { isDiscardedByHand } from '../good-job/actions';
import { type Found, type Look, countUpTo, shown } from './look';
import type { DiscardedCallback } from './types';

const WINDOW_S = 3 * 24 * 3_600;
/** Callback jobs looked at, and as many as may have been discarded. */
const CALLBACKS_SCANNED = 5_000;
const CALLBACK_CLASS_LENGTH = 300;

/** Callback jobs that were discarded in the last days: what was to follow the batch has not happened. */
export async function findDiscardedCallbacks({ ctx: { gj }, read }: Look): Promise<Found> {
  // index_good_jobs_on_discarded; without it the jobs that finished last.
  const hasDiscarded = !gj.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  const items = await read((tx) =>
    tx.query<Omit<DiscardedCallback, 'error' | 'tooLarge'>>(sql`
    SELECT j.id, left(j.job_class, ${CALLBACK_CLASS_LENGTH}) AS "jobClass", j.batch_callback_id AS "batchId", j.finished_at AS since
      FROM (SELECT j.id, j.job_class, j.batch_callback_id, j.finished_at, j.error FROM ${gj.jobs} j
             WHERE j.finished_at IS NOT NULL ${hasDiscarded ? sql`AND j.error IS NOT NULL` : empty} AND j.finished_at > now() - make_interval(secs => ${WINDOW_S})
             ORDER BY j.finished_at DESC LIMIT ${CALLBACKS_SCANNED}) j
     WHERE j.batch_callback_id IS NOT NULL AND j.error IS NOT NULL AND NOT ${isDiscardedByHand} ORDER BY j.finished_at DESC`),
  );
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'discarded_callbacks',
      severity: 'warning',
      since: items.at(-1)?.since ?? null,
      count: countUpTo(items.length, CALLBACKS_SCANNED),
      items: shown(items).map((item) => ({ ...item, error: null, tooLarge: false })),
      where: '/jobs?state=discarded',
      repair: null,
    },
    errorsOf: shown(items).map(({ id }) => id),
  };
}
