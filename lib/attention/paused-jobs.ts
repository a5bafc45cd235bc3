import 'server-only';
import sql from 'sql-template-tag';
import { pausedNames } from '../good-job/pauses';
import { type Found, type Look, countUpTo, earliest, shown } from './look';
import type { PausedJobs } from './types';

/** Jobs looked at: those that are due longest, for what is paused stays. */
const PAUSED_SCAN_LIMIT = 10_000;

interface Row {
  by: PausedJobs['by'];
  name: string;
  /** Null: none was found among those that were looked at. */
  since: string | null;
  count: number;
  /** More jobs are due than were looked at. */
  more: boolean;
}

/** Jobs that are due and wait because their queue, class or a label is paused. */
export async function findPausedJobs({ ctx: { gj }, read }: Look): Promise<Found> {
  // index_good_jobs_on_scheduled_at, and index_good_jobs_on_queue_name_and_scheduled_at for a queue.
  const rows = await read(
    (tx) =>
      tx.query<Row>(sql`
    WITH paused AS MATERIALIZED (${pausedNames(gj)}),
    due AS MATERIALIZED (
      SELECT j.job_class, j.labels, j.scheduled_at FROM ${gj.jobs} j
       WHERE EXISTS (SELECT 1 FROM paused WHERE "by" <> 'queue') AND j.finished_at IS NULL AND j.scheduled_at <= now() AND j.performed_at IS NULL ORDER BY j.scheduled_at LIMIT ${PAUSED_SCAN_LIMIT}),
    many AS (SELECT count(*) >= ${PAUSED_SCAN_LIMIT} AS more FROM due)
    SELECT p.by, p.name, found.*, found.count >= ${PAUSED_SCAN_LIMIT} OR (p.by <> 'queue' AND many.more) AS more FROM paused p CROSS JOIN many CROSS JOIN LATERAL (
      SELECT count(*)::int AS count, min(scheduled_at) AS since FROM (
        (SELECT j.scheduled_at FROM ${gj.jobs} j WHERE p.by = 'queue' AND j.queue_name >= p.name AND j.queue_name <= p.name AND j.finished_at IS NULL AND j.scheduled_at <= now() AND j.performed_at IS NULL ORDER BY j.queue_name, j.scheduled_at LIMIT ${PAUSED_SCAN_LIMIT})
        UNION ALL SELECT d.scheduled_at FROM due d WHERE p.by = 'job_class' AND d.job_class = p.name
        UNION ALL SELECT d.scheduled_at FROM due d WHERE p.by = 'label' AND p.name = ANY(d.labels)) j) found
     WHERE found.count > 0 OR (p.by <> 'queue' AND many.more) ORDER BY found.since`),
    { byIndexOnly: true, inIndexOrder: true },
  );
  const items = rows.flatMap(({ by, name, since, count, more }): PausedJobs[] =>
    since === null ? [] : [{ by, name, since, count: countUpTo(count, PAUSED_SCAN_LIMIT, more) }],
  );
  const incomplete = items.length < rows.length;
  if (items.length === 0) return { finding: null, incomplete };
  return {
    finding: {
      kind: 'paused_jobs',
      severity: 'notice',
      since: earliest(items.map(({ since }) => since)),
      count: countUpTo(items.length, Infinity, incomplete),
      items: shown(items),
      where: '/pauses',
      repair: 'unpause',
    },
  };
}
