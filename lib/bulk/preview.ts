import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { isBlank } from '../core/text';
import type { Tx } from '../db/database';
import { paramsProblem } from '../good-job/payload';
import { cutOffNow } from '../good-job/row-snapshot';
import { type JobState, stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { type RedactedMatch, type ScannedJob, SearchBudget } from '../jobs/recheck';
import { isActionable, settleTarget, targetJobs } from './target';
import {
  type BulkAction,
  type BulkCount,
  type BulkPreview,
  type BulkTarget,
  jobActionOf,
} from './types';

/** Jobs that a preview looks at; beyond it a number is a lower bound. */
export const COUNTED_AT_MOST = 200_000;
const COUNT_BUDGET_MS = 2_500;
const SKIPPED_BUDGET_MS = 1_500;

/**
 * What a bulk action would do to these jobs: how many it takes up, how many more match in states it is not for, and
 * what is known already to come to nothing. Its cut-off is the one to start with: the run then takes up no job that
 * this preview has not counted. Throws ConsoleError `bad_request` for a filter that could not be read.
 */
export async function previewBulk(
  ctx: Ctx,
  action: BulkAction,
  target: BulkTarget,
): Promise<BulkPreview> {
  const { settled, cutOff, match } = await ctx.db.read(async (tx) => {
    const words = await settleTarget(tx, ctx.tables, target);
    return {
      settled: words,
      cutOff: await cutOffNow(tx),
      match: await targetJobs(tx, ctx.tables, words),
    };
  });
  if (match.needsRecheck)
    return { target: settled, cutOff, ...(await countRechecked(ctx, action, match)) };
  const matches = match.sql;
  const [counted, skipped] = await Promise.all([
    countStates(ctx, action, matches),
    countSkipped(ctx, action, matches),
  ]);
  return { target: settled, cutOff, ...counted, skipped, unsearched: 0 };
}

/** Where matches are rechecked: jobs of the rest of the filter among which they are searched. */
export const SEARCHED_AT_MOST = 100_000;

/** Bytes of the jobs among which a preview searches twice: those that the action is for, and the others. Without the first kilobyte of each. */
const SEARCHED_BYTES = 1_000_000;

/** A run reads no large job: its preview has said that they are not changed. */
export const bulkSearchBudget = (): SearchBudget =>
  new SearchBudget({ bytes: SEARCHED_BYTES, largeBytes: 0 });

/**
 * Candidates and large jobs among the first jobs on which `base` holds; null: there are more of those, or their texts
 * are too many. It is all of them that are limited and not the candidates, whose number would tell of what is hidden.
 */
export async function scanFirst(
  tx: Tx,
  tables: GoodJobTables,
  match: RedactedMatch,
  base: Sql,
): Promise<{ scanned: ScannedJob[]; isAll: boolean }> {
  const source = sql`(SELECT j.*, j.xmin FROM ${tables.jobs} j WHERE ${match.baseSql} AND ${base} LIMIT ${SEARCHED_AT_MOST + 1}) j`;
  const rows = await tx.query<ScannedJob>(
    match.endedScanSql(source, {
      lastN: SEARCHED_AT_MOST + 1,
      limit: SEARCHED_AT_MOST + 1,
      maxBytes: SEARCHED_BYTES,
    }),
  );
  const scanned = rows.filter(({ n, exhausted }) => n <= SEARCHED_AT_MOST && !exhausted);
  return { scanned, isAll: scanned.length === rows.length };
}

interface Again {
  state: JobState;
  actionable: boolean;
  count: number;
  running: number;
  blank: number;
  unreadable: number;
}

/** The same where matches are rechecked. No planner is asked: it knows of what is hidden. */
async function countRechecked(
  ctx: Ctx,
  action: BulkAction,
  match: RedactedMatch,
): Promise<Pick<BulkPreview, 'total' | 'states' | 'more' | 'skipped' | 'unsearched'>> {
  const [to, others] = await Promise.all(
    [isActionable(action), sql`(${isActionable(action)}) IS NOT TRUE`].map((base) =>
      recheckedOf(ctx, action, match, base),
    ),
  );
  const count = to?.rows.reduce((sum, row) => sum + row.count, 0) ?? 0;
  const sum = (name: 'running' | 'blank' | 'unreadable') =>
    to?.rows.reduce((total, row) => total + row[name], 0) ?? 0;
  const unsearched = to?.unsearched ?? 0;
  return {
    unsearched,
    total: { kind: to?.isAll && unsearched === 0 ? 'exact' : 'at_least', count },
    states: to || others ? byState([...(to?.rows ?? []), ...(others?.rows ?? [])]) : null,
    more: !to?.isAll || !others?.isAll || unsearched + others.unsearched > 0,
    skipped: to?.isAll
      ? { running: sum('running'), blankError: sum('blank'), unreadable: sum('unreadable') }
      : null,
  };
}

/** Null: they could not be searched in time. */
async function recheckedOf(
  ctx: Ctx,
  action: BulkAction,
  match: RedactedMatch,
  base: Sql,
): Promise<{ rows: Again[]; isAll: boolean; unsearched: number } | null> {
  const read = await readWithinBudget(ctx, COUNT_BUDGET_MS, (tx) =>
    scanFirst(tx, ctx.tables, match, base),
  );
  if (!read) return null;
  return ctx.db.read(async (tx) => {
    const { ids, unsearched } = await match.visibleIds(tx, read.scanned, bulkSearchBudget());
    const rows = await tx.query<Again>(sql`
      SELECT state, actionable, count(*)::int AS count, (count(*) FILTER (WHERE running))::int AS running,
             (count(*) FILTER (WHERE blank AND NOT unreadable))::int AS blank, (count(*) FILTER (WHERE unreadable))::int AS unreadable
        FROM (SELECT ${stateOf} AS state, ${isActionable(action)} AS actionable, ${skippedColumns(action)} FROM ${ctx.tables.jobs} j WHERE j.id = ANY(${[...ids]}::uuid[])) j
       GROUP BY state, actionable`);
    return { rows, isAll: read.isAll, unsearched };
  });
}

/** A preview that takes too long says so; it is no reason not to show the rest. */
async function readWithinBudget<T>(
  ctx: Ctx,
  timeoutMs: number,
  fn: (tx: Tx) => Promise<T>,
): Promise<T | null> {
  return ctx.db.read(fn, { timeoutMs }).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
    throw error;
  });
}

async function countStates(
  ctx: Ctx,
  action: BulkAction,
  matches: Sql,
): Promise<Pick<BulkPreview, 'total' | 'states' | 'more'>> {
  const rows = await readWithinBudget(ctx, COUNT_BUDGET_MS, (tx) =>
    tx.query<{ state: JobState; actionable: boolean; count: number }>(sql`
      SELECT state, actionable, count(*)::int AS count
        FROM (SELECT ${stateOf} AS state, ${isActionable(action)} AS actionable FROM ${ctx.tables.jobs} j WHERE ${matches} LIMIT ${COUNTED_AT_MOST + 1}) jobs
       GROUP BY state, actionable`),
  );
  const all = rows?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const actionable =
    rows?.reduce((sum, { actionable, count }) => (actionable ? sum + count : sum), 0) ?? 0;
  if (rows && all <= COUNTED_AT_MOST)
    return { total: { kind: 'exact', count: actionable }, states: byState(rows), more: false };
  // Among jobs of all states those that count may still be few.
  const total = await countActionable(ctx, action, matches);
  return { total, states: rows && byState(rows), more: true };
}

function byState(rows: { state: JobState; count: number }[]): BulkPreview['states'] {
  const states: BulkPreview['states'] = {};
  for (const { state, count } of rows) states[state] = (states[state] ?? 0) + count;
  return states;
}

async function countActionable(ctx: Ctx, action: BulkAction, matches: Sql): Promise<BulkCount> {
  const rows = await readWithinBudget(ctx, COUNT_BUDGET_MS, (tx) =>
    tx.query<{ count: number }>(sql`
      SELECT count(*)::int AS count FROM (SELECT 1 FROM ${ctx.tables.jobs} j WHERE ${matches} AND ${isActionable(action)} LIMIT ${COUNTED_AT_MOST + 1}) jobs`),
  );
  const count = rows?.[0]?.count;
  if (count === undefined) return estimate(ctx, sql`${matches} AND ${isActionable(action)}`);
  return count > COUNTED_AT_MOST
    ? { kind: 'at_least', count: COUNTED_AT_MOST }
    : { kind: 'exact', count };
}

/** The planner's, in 2-3 ms whatever the table's size. */
async function estimate(ctx: Ctx, condition: Sql): Promise<BulkCount> {
  const [row] = await ctx.db.read((tx) =>
    tx.query<{ 'QUERY PLAN': string }>(
      sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${ctx.tables.jobs} j WHERE ${condition}`,
    ),
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return { kind: 'estimate', count: Math.round(plan?.Plan['Plan Rows'] ?? 0) };
}

function skippedColumns(action: BulkAction): Sql {
  return jobActionOf(action) === 'retry'
    ? sql`${isBlank(sql`j.error`)} AS blank, ${paramsProblem(sql`j.serialized_params`)} IS NOT NULL AS unreadable, false AS running`
    : sql`false AS blank, false AS unreadable, j.finished_at IS NULL AND j.performed_at IS NOT NULL AS running`;
}

/** Running jobs that a worker will not let go, errors that are blank, payloads that nobody can run. */
async function countSkipped(
  ctx: Ctx,
  action: BulkAction,
  matches: Sql,
): Promise<BulkPreview['skipped']> {
  const rows = await readWithinBudget(ctx, SKIPPED_BUDGET_MS, (tx) =>
    tx.query<{ running: number; blankError: number; unreadable: number; looked: number }>(sql`
      SELECT count(*) FILTER (WHERE running)::int AS running, count(*) FILTER (WHERE blank AND NOT unreadable)::int AS "blankError",
             count(*) FILTER (WHERE unreadable)::int AS unreadable, count(*)::int AS looked
        FROM (SELECT ${skippedColumns(action)} FROM ${ctx.tables.jobs} j WHERE ${matches} AND ${isActionable(action)} LIMIT ${COUNTED_AT_MOST + 1}) jobs`),
  );
  const row = rows?.[0];
  if (!row || row.looked > COUNTED_AT_MOST) return null;
  return { running: row.running, blankError: row.blankError, unreadable: row.unreadable };
}
