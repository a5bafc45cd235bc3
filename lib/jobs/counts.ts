import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { ConsoleError } from '../errors';
import { JOB_STATES, type JobState, isInState } from '../good-job/states';

/** A number of jobs that says what it is. */
export type Count =
  | { kind: 'exact'; count: number }
  /** There are more than `count`. */
  | { kind: 'at_least'; count: number }
  /** The planner's estimate, good to about a tenth after ANALYZE. */
  | { kind: 'estimate'; count: number }
  /** It could not be counted in time. */
  | { kind: 'unknown' };

export const COUNTED_EXACTLY = 10_000;
const BUDGET_MS = 400;

/** Jobs on which a condition (alias `j`) holds: exact up to COUNTED_EXACTLY, beyond it a lower bound. */
export async function countUpTo(ctx: Ctx, condition: Sql): Promise<Count> {
  try {
    const [row] = await ctx.db.read(
      (tx) => tx.query<{ count: number }>(sql`SELECT count(*)::int AS count FROM (SELECT 1 FROM ${ctx.gj.jobs} j WHERE ${condition} LIMIT ${COUNTED_EXACTLY + 1}) some`),
      { timeoutMs: BUDGET_MS },
    );
    const count = row?.count ?? 0;
    return count > COUNTED_EXACTLY ? { kind: 'at_least', count: COUNTED_EXACTLY } : { kind: 'exact', count };
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout') return { kind: 'unknown' };
    throw error;
  }
}

/** The planner's estimate of the rows on which a condition holds: 2-3 ms whatever the table's size. */
export async function estimate(ctx: Ctx, condition: Sql): Promise<Count> {
  const [row] = await ctx.db.read((tx) => tx.query<{ 'QUERY PLAN': string }>(sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${ctx.gj.jobs} j WHERE ${condition}`));
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan ? { kind: 'estimate', count: Math.round(plan.Plan['Plan Rows']) } : { kind: 'unknown' };
}

/** A count that is exact while that is cheap, else the estimate, else the lower bound. */
export async function countJobs(ctx: Ctx, condition: Sql): Promise<Count> {
  const bounded = await countUpTo(ctx, condition);
  if (bounded.kind === 'exact') return bounded;
  const estimated = await estimate(ctx, condition);
  return estimated.kind === 'estimate' && estimated.count > COUNTED_EXACTLY ? estimated : bounded;
}

export type StateCounts = Record<JobState, Count>;

/** How many jobs are in each state, for the tabs. */
export async function countStates(ctx: Ctx): Promise<StateCounts> {
  const counts = await Promise.all(JOB_STATES.map(async (state) => [state, await countJobs(ctx, isInState(state))] as const));
  return Object.fromEntries(counts) as StateCounts;
}
