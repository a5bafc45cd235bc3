import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/types';
import { timestampMs } from '../core/text';
import { readyAt, stateOf } from '../good-job/states';
import type { JobState } from '../good-job/types';
import {
  type BatchTimeline,
  MAX_TIMELINE_BARS,
  MAX_TIMELINE_JOBS,
  type TimelineBar,
} from './types';

/** Rows of bars of several jobs, for a batch with more than MAX_TIMELINE_BARS. */
const GROUPED_BARS = 250;
/** A bar of several jobs does not span a pause longer than this part of the whole time. */
const GAPS = 50;
const TIMEOUT_MS = 1_500;

/** A bar of several jobs has the first of these states that one of them is in. */
const BY_SERIOUSNESS: readonly JobState[] = [
  'discarded',
  'running',
  'retried',
  'queued',
  'scheduled',
  'succeeded',
];

const barRow = z.strictObject({
  now: z.string(),
  id: z.string().nullable(),
  jobs: z.number(),
  /** Index in BY_SERIOUSNESS. */
  state: z.number(),
  from: z.string(),
  to: z.string().nullable(),
  /** All jobs that were read. */
  total: z.number(),
});

/**
 * When the jobs of a batch ran, from at most MAX_TIMELINE_JOBS of them by
 * index_good_jobs_on_batch_id. Throws ConsoleError `query_timeout`.
 */
export async function getBatchTimeline(ctx: Ctx, batchId: string): Promise<BatchTimeline> {
  const rows = await ctx.db.read(
    (tx) =>
      tx.query(
        barRow,
        sql`
          WITH members AS MATERIALIZED (
            SELECT j.id, j.finished_at,
                   array_position(${BY_SERIOUSNESS}::text[], ${stateOf}) - 1 AS state,
                   coalesce(j.performed_at, j.finished_at, ${readyAt}) AS started
              FROM (
                SELECT *
                  FROM ${ctx.tables.jobs}
                 WHERE batch_id = ${batchId}
                 LIMIT ${MAX_TIMELINE_JOBS + 1}) j),
          timed AS (
            SELECT m.*,
                   extract(epoch FROM m.started)::float8 AS from_s,
                   extract(epoch FROM coalesce(m.finished_at, m.started))::float8 AS to_s
              FROM members m),
          numbered AS (
            SELECT t.*, row_number() OVER (ORDER BY t.started, t.id) - 1 AS n,
                   count(*) OVER () AS total,
                   max(t.to_s) OVER (
                     ORDER BY t.started, t.id
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_s,
                   (max(t.to_s) OVER () - min(t.from_s) OVER ()) / ${GAPS} AS gap_s
              FROM timed t),
          grouped AS (
            SELECT n.*,
                   CASE WHEN n.total > ${MAX_TIMELINE_BARS}
                        THEN ceil(n.total::numeric / ${GROUPED_BARS})::int ELSE 1 END AS size,
                   count(*) FILTER (WHERE n.from_s - n.ended_s > n.gap_s)
                     OVER (ORDER BY n.n) AS island
              FROM numbered n)
          SELECT now() AS now,
                 CASE WHEN count(*) = 1 THEN (array_agg(g.id))[1] END AS id,
                 count(*)::int AS jobs,
                 min(g.state)::int AS state,
                 min(g.started) AS "from",
                 CASE WHEN bool_and(g.finished_at IS NOT NULL) THEN max(g.finished_at) END AS "to",
                 max(g.total)::int AS total
            FROM grouped g
           GROUP BY g.n / g.size, g.island
           ORDER BY min(g.n)`,
      ),
    { byIndexOnly: true, timeoutMs: TIMEOUT_MS },
  );
  const total = rows[0]?.total ?? 0;
  return {
    now: rows[0] ? timestampMs(rows[0].now) : Date.now(),
    bars: rows.flatMap(toBar),
    jobs: Math.min(total, MAX_TIMELINE_JOBS),
    isSample: total > MAX_TIMELINE_JOBS,
  };
}

/** None for a job whose time is infinite or that no JavaScript date can have. */
function toBar({ id, jobs, state, from, to }: z.infer<typeof barRow>): TimelineBar[] {
  const fromMs = timestampMs(from);
  const toMs = to === null ? null : timestampMs(to);
  if (!Number.isFinite(fromMs) || (toMs !== null && !Number.isFinite(toMs))) return [];
  return [{ id, jobs, state: BY_SERIOUSNESS[state] ?? 'queued', from: fromMs, to: toMs }];
}
