import 'server-only';
import sql, { join, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { ConsoleError } from '../errors';
import type { Tx } from '../db/types';
import { JOB_STATES, type JobState, isInState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Progress } from './types';

/** Beyond what can be counted exactly within the budget a total is given as "10,000+". */
const LOWER_BOUND = 10_000;
const EXACT_BUDGET_MS = 1_500;

type CountRow = { id: string; total: number } & Record<JobState, number>;

const stateCounts = () =>
  join(
    JOB_STATES.map(
      (state) => sql`count(*) FILTER (WHERE ${isInState(state)})::int AS ${raw(state)}`,
    ),
  );

/**
 * The progress of these batches by one grouped query (index_good_jobs_on_batch_id). When it cannot be had within
 * the budget, how many jobs each has at least. A batch without jobs has its zero.
 */
export async function countBatchJobs(ctx: Ctx, batchIds: string[]): Promise<Map<string, Progress>> {
  if (batchIds.length === 0) return new Map();
  try {
    const rows = await ctx.db.read(
      (tx) =>
        tx.query<CountRow>(sql`
          SELECT j.batch_id AS id, count(*)::int AS total, ${stateCounts()} FROM ${ctx.gj.jobs} j
           WHERE j.batch_id = ANY(${batchIds}::uuid[]) GROUP BY j.batch_id`),
      { timeoutMs: EXACT_BUDGET_MS, byIndexOnly: true },
    );
    const counted = new Map(rows.map((row) => [row.id, row]));
    return new Map(batchIds.map((id) => [id, exact(counted.get(id))]));
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout')
      return countAtLeast(ctx, batchIds);
    throw error;
  }
}

function exact(row: CountRow | undefined): Progress {
  const states = Object.fromEntries(
    JOB_STATES.map((state) => [state, row?.[state] ?? 0]),
  ) as Record<JobState, number>;
  return { total: row?.total ?? 0, more: false, states };
}

async function countAtLeast(ctx: Ctx, batchIds: string[]): Promise<Map<string, Progress>> {
  const rows = await ctx.db.read(
    (tx) =>
      tx.query<{ id: string; total: number }>(sql`
        SELECT b.id, (SELECT count(*)::int FROM (SELECT 1 FROM ${ctx.gj.jobs} j WHERE j.batch_id = b.id LIMIT ${LOWER_BOUND + 1}) some) AS total
          FROM unnest(${batchIds}::uuid[]) AS b(id)`),
    { byIndexOnly: true },
  );
  return new Map(
    rows.map(({ id, total }) => [
      id,
      { total: Math.min(total, LOWER_BOUND), more: total > LOWER_BOUND, states: null },
    ]),
  );
}

/**
 * Exact progress if the batch has at most `limit` jobs, else null: what a page can afford before its first byte.
 * For a transaction that reads by index only.
 */
export async function countIfSmall(
  tx: Tx,
  gj: GoodJob,
  batchId: string,
  limit: number,
): Promise<Progress | null> {
  // In two steps: a large batch is known by its index alone.
  const [row] = await tx.query<CountRow>(sql`
    WITH members AS MATERIALIZED (SELECT count(*)::int AS total FROM (SELECT 1 FROM ${gj.jobs} j WHERE j.batch_id = ${batchId} LIMIT ${limit + 1}) j)
    SELECT ${batchId} AS id, (SELECT total FROM members), ${stateCounts()}
      FROM (SELECT j.finished_at, j.performed_at, j.scheduled_at, j.created_at, j.error FROM ${gj.jobs} j
             WHERE j.batch_id = ${batchId} AND (SELECT total FROM members) <= ${limit} LIMIT ${limit}) j`);
  return row && row.total <= limit ? exact(row) : null;
}
