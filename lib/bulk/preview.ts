import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { isBlankSql } from '../core/text';
import type { Tx } from '../db/database';
import { takeSnapshot } from '../good-job/locks';
import { paramsProblem } from '../good-job/payload';
import { type GoodJobTables, stateOf } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { explain } from '../jobs/count-rules';
import {
  isUnderstood,
  jobFilterParams,
  parseJobFilter,
  resolveFailures,
  resolveFilter,
} from '../jobs/filters';
import {
  redactedMatch,
  RedactedMatch,
  scannedJob,
  type ScannedJob,
  SearchBudget,
} from '../jobs/recheck';
import { TERM_PARAMS, ZONE_PARAM } from '../search/terms';
import {
  type BulkAction,
  type BulkCount,
  type BulkPreview,
  type BulkTarget,
  jobActionOf,
} from './types';

/** Maximum number of jobs that a preview counts; a higher number is reported as a lower bound. */
export const MAX_COUNTED = 200_000;
const COUNT_BUDGET_MS = 2_500;
const SKIPPED_BUDGET_MS = 1_500;

/**
 * The jobs that a bulk action would change, those it would skip, and the other matches by state. A
 * run that starts with the preview's cut-off changes no job that the preview did not count.
 *
 * Throws ConsoleError `bad_request` if the filter cannot be parsed.
 */
export async function previewBulk(
  ctx: Ctx,
  action: BulkAction,
  target: BulkTarget,
): Promise<BulkPreview> {
  const { resolved, cutOff, match } = await ctx.db.read(async (tx) => {
    const resolvedTarget = await resolveTarget(tx, ctx.tables, target);
    return {
      resolved: resolvedTarget,
      cutOff: await takeSnapshot(tx),
      match: await targetJobs(tx, ctx.tables, resolvedTarget),
    };
  });
  if (match.needsRecheck)
    return { target: resolved, cutOff, ...(await countRechecked(ctx, action, match)) };
  const matches = match.sql;
  const [counts, skipped] = await Promise.all([
    countStates(ctx, action, matches),
    countSkipped(ctx, action, matches),
  ]);
  return { target: resolved, cutOff, ...counts, skipped, unsearched: 0 };
}

/** Jobs that are searched if matches must be rechecked. */
const MAX_SEARCHED = 100_000;

/** Text bytes of one search, without the first kilobyte of each job. */
const MAX_SEARCHED_BYTES = 1_000_000;

/** The budget of a bulk search; it excludes large jobs, as the preview announces. */
export const bulkSearchBudget = (): SearchBudget =>
  new SearchBudget({ bytes: MAX_SEARCHED_BYTES, largeBytes: 0 });

/**
 * The candidates and large jobs among the first jobs that satisfy `base`; `isAll` is false if a
 * limit ended the scan. The limit counts all jobs, because the number of candidates would reveal
 * redacted texts.
 */
export async function scanCandidates(
  tx: Tx,
  tables: GoodJobTables,
  match: RedactedMatch,
  base: Sql,
): Promise<{ scanned: ScannedJob[]; isAll: boolean }> {
  const source = sql`(
    SELECT j.*, j.xmin
      FROM ${tables.jobs} j
     WHERE ${match.baseSql} AND ${base}
     LIMIT ${MAX_SEARCHED + 1}) j`;
  const rows = await tx.query(
    scannedJob,
    match.endedScanSql(source, {
      lastN: MAX_SEARCHED + 1,
      limit: MAX_SEARCHED + 1,
      maxBytes: MAX_SEARCHED_BYTES,
    }),
  );
  const scanned = rows.filter(({ n, exhausted }) => n <= MAX_SEARCHED && !exhausted);
  return { scanned, isAll: scanned.length === rows.length };
}

const stateCountRow = z.strictObject({
  state: z.enum(JOB_STATES),
  actionable: z.boolean(),
  count: z.number(),
});
/** The jobs of one state, with those that the action would skip. */
const recheckedCountRow = stateCountRow.extend({
  running: z.number(),
  blank: z.number(),
  unreadable: z.number(),
});
type RecheckedCount = z.infer<typeof recheckedCountRow>;

/**
 * Counts rechecked matches. Planner estimates are not used, because they would reveal redacted
 * texts.
 */
async function countRechecked(
  ctx: Ctx,
  action: BulkAction,
  match: RedactedMatch,
): Promise<Pick<BulkPreview, 'total' | 'states' | 'more' | 'skipped' | 'unsearched'>> {
  const [actionable, others] = await Promise.all([
    searchJobs(ctx, action, match, isActionable(action)),
    searchJobs(ctx, action, match, sql`(${isActionable(action)}) IS NOT TRUE`),
  ]);
  const sum = (name: 'count' | 'running' | 'blank' | 'unreadable') =>
    actionable?.rows.reduce((total, row) => total + row[name], 0) ?? 0;
  const unsearched = actionable?.unsearched ?? 0;
  const isExact = actionable?.isAll && unsearched === 0;
  const rows = [...(actionable?.rows ?? []), ...(others?.rows ?? [])];
  return {
    unsearched,
    total: { kind: isExact ? 'exact' : 'at_least', count: sum('count') },
    states: actionable || others ? countByState(rows) : null,
    more: !actionable?.isAll || !others?.isAll || unsearched + others.unsearched > 0,
    skipped: actionable?.isAll
      ? { running: sum('running'), blankError: sum('blank'), unreadable: sum('unreadable') }
      : null,
  };
}

/** Searches the jobs that satisfy `base`; null if that takes longer than COUNT_BUDGET_MS. */
async function searchJobs(
  ctx: Ctx,
  action: BulkAction,
  match: RedactedMatch,
  base: Sql,
): Promise<{ rows: RecheckedCount[]; isAll: boolean; unsearched: number } | null> {
  const candidates = await readWithinBudget(ctx, COUNT_BUDGET_MS, (tx) =>
    scanCandidates(tx, ctx.tables, match, base),
  );
  if (!candidates) return null;
  return ctx.db.read(async (tx) => {
    const { ids, unsearched } = await match.visibleIds(tx, candidates.scanned, bulkSearchBudget());
    const rows = await tx.query(
      recheckedCountRow,
      sql`
        SELECT state, actionable, count(*)::int AS count,
               (count(*) FILTER (WHERE running))::int AS running,
               (count(*) FILTER (WHERE blank AND NOT unreadable))::int AS blank,
               (count(*) FILTER (WHERE unreadable))::int AS unreadable
          FROM (
            SELECT ${stateOf} AS state, ${isActionable(action)} AS actionable,
                   ${skippedColumns(action)}
              FROM ${ctx.tables.jobs} j
             WHERE j.id = ANY(${[...ids]}::uuid[])) j
         GROUP BY state, actionable`,
    );
    return { rows, isAll: candidates.isAll, unsearched };
  });
}

/**
 * The result of the read, or null after `timeoutMs`, so that the rest of the preview is still
 * shown.
 */
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
    tx.query(
      stateCountRow,
      sql`
        SELECT state, actionable, count(*)::int AS count
          FROM (
            SELECT ${stateOf} AS state, ${isActionable(action)} AS actionable
              FROM ${ctx.tables.jobs} j
             WHERE ${matches}
             LIMIT ${MAX_COUNTED + 1}) jobs
         GROUP BY state, actionable`,
    ),
  );
  const all = rows?.reduce((sum, { count }) => sum + count, 0) ?? 0;
  const actionable = rows?.reduce((sum, row) => (row.actionable ? sum + row.count : sum), 0) ?? 0;
  if (rows && all <= MAX_COUNTED)
    return { total: { kind: 'exact', count: actionable }, states: countByState(rows), more: false };
  // Too many jobs match, but the actionable ones may still be few enough to count.
  const total = await countActionable(ctx, action, matches);
  return { total, states: rows && countByState(rows), more: true };
}

function countByState(rows: { state: JobState; count: number }[]): BulkPreview['states'] {
  const states: BulkPreview['states'] = {};
  for (const { state, count } of rows) states[state] = (states[state] ?? 0) + count;
  return states;
}

const countRow = z.strictObject({ count: z.number() });

async function countActionable(ctx: Ctx, action: BulkAction, matches: Sql): Promise<BulkCount> {
  const rows = await readWithinBudget(ctx, COUNT_BUDGET_MS, (tx) =>
    tx.query(
      countRow,
      sql`
        SELECT count(*)::int AS count
          FROM (
            SELECT 1
              FROM ${ctx.tables.jobs} j
             WHERE ${matches} AND ${isActionable(action)}
             LIMIT ${MAX_COUNTED + 1}) jobs`,
    ),
  );
  const count = rows?.[0]?.count;
  if (count === undefined) return estimateCount(ctx, sql`${matches} AND ${isActionable(action)}`);
  return count > MAX_COUNTED ? { kind: 'at_least', count: MAX_COUNTED } : { kind: 'exact', count };
}

/** The planner's estimate, which takes 2-3 ms whatever the size of the table. */
async function estimateCount(ctx: Ctx, condition: Sql): Promise<BulkCount> {
  const plan = await ctx.db.read((tx) =>
    explain(tx, sql`SELECT 1 FROM ${ctx.tables.jobs} j WHERE ${condition}`),
  );
  return { kind: 'estimate', count: Math.round(plan?.['Plan Rows'] ?? 0) };
}

function skippedColumns(action: BulkAction): Sql {
  return jobActionOf(action) === 'retry'
    ? sql`${isBlankSql(sql`j.error`)} AS blank,
        ${paramsProblem(sql`j.serialized_params`)} IS NOT NULL AS unreadable,
        false AS running`
    : sql`false AS blank,
        false AS unreadable,
        j.finished_at IS NULL AND j.performed_at IS NOT NULL AS running`;
}

const skippedRow = z.strictObject({
  running: z.number(),
  blankError: z.number(),
  unreadable: z.number(),
  total: z.number(),
});

/** Counts the actionable jobs that the action would skip; null after SKIPPED_BUDGET_MS. */
async function countSkipped(
  ctx: Ctx,
  action: BulkAction,
  matches: Sql,
): Promise<BulkPreview['skipped']> {
  const rows = await readWithinBudget(ctx, SKIPPED_BUDGET_MS, (tx) =>
    tx.query(
      skippedRow,
      sql`
        SELECT count(*) FILTER (WHERE running)::int AS running,
               count(*) FILTER (WHERE blank AND NOT unreadable)::int AS "blankError",
               count(*) FILTER (WHERE unreadable)::int AS unreadable,
               count(*)::int AS total
          FROM (
            SELECT ${skippedColumns(action)}
              FROM ${ctx.tables.jobs} j
             WHERE ${matches} AND ${isActionable(action)}
             LIMIT ${MAX_COUNTED + 1}) jobs`,
    ),
  );
  const row = rows?.[0];
  if (!row || row.total > MAX_COUNTED) return null;
  return { running: row.running, blankError: row.blankError, unreadable: row.unreadable };
}

/* The target of a bulk action: which jobs it may change. */

/** Parameters that select jobs. */
const FILTER_PARAMS = new Set<string>(['state', 'q', ZONE_PARAM, ...TERM_PARAMS]);
/** Parameters of a list's URL for paging and display, which are dropped. */
const DISPLAY_PARAMS = new Set([
  'after_id',
  'after_at',
  'before_id',
  'before_at',
  'limit',
  'sort',
  'poll',
  'locale',
  'did',
  'outcome',
]);

/**
 * The filter parameters in the query of a list's URL; an empty query means all jobs. A list ignores
 * unknown parameters like GoodJob, but an action that did so would change more jobs than intended.
 *
 * Throws ConsoleError `bad_request` for an unknown, empty, repeated or badly encoded parameter.
 */
export function targetParams(query: string): URLSearchParams {
  const names = new Set<string>();
  const params = new URLSearchParams();
  for (const part of query === '' ? [] : query.split('&')) {
    const separator = part.indexOf('=');
    const name = decode(separator < 0 ? part : part.slice(0, separator));
    const value = separator < 0 ? '' : decode(part.slice(separator + 1));
    if (names.has(name)) throw new ConsoleError('bad_request');
    names.add(name);
    if (DISPLAY_PARAMS.has(name)) continue;
    if (!FILTER_PARAMS.has(name) || value.trim() === '') throw new ConsoleError('bad_request');
    params.set(name, value);
  }
  return params;
}

/** Decodes application/x-www-form-urlencoded text. */
function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (!/[\0\p{Surrogate}]/u.test(decoded)) return decoded;
  } catch {
    // The error below covers invalid encoding, too.
  }
  throw new ConsoleError('bad_request');
}

/**
 * The target without paging and with its filter resolved, so that it keeps its meaning while the
 * run changes jobs. Throws ConsoleError `bad_request` if a part of the filter cannot be parsed.
 */
export async function resolveTarget(
  tx: Tx,
  tables: GoodJobTables,
  target: BulkTarget,
): Promise<BulkTarget> {
  if (target.kind !== 'filter') return target;
  const filter = parseJobFilter(targetParams(target.query));
  if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
  const resolved = await resolveFilter(tx, tables, filter);
  return { ...target, query: String(new URLSearchParams(jobFilterParams(resolved.filter))) };
}

/** Whether the action applies to the state of the job `j`; written to match the partial indexes. */
export function isActionable(action: BulkAction): Sql {
  switch (jobActionOf(action)) {
    case 'retry':
      return sql`(j.finished_at IS NOT NULL AND j.error IS NOT NULL)`;
    case 'destroy':
      return sql`j.finished_at IS NOT NULL`;
    case 'discard':
    case 'reschedule':
      return sql`j.finished_at IS NULL`;
  }
}

/**
 * Whether every part of the filter can be parsed. Throws ConsoleError `bad_request` for unknown
 * parameters.
 */
export function isTargetUnderstood(target: BulkTarget): boolean {
  return target.kind !== 'filter' || isUnderstood(parseJobFilter(targetParams(target.query)));
}

/**
 * Matches the jobs of a resolved target in any state. A failure group is queried each time: its
 * bounds are in the filter, so it can only lose jobs. Throws ConsoleError `bad_request` if the
 * filter cannot be parsed.
 */
export async function targetJobs(
  tx: Tx,
  tables: GoodJobTables,
  target: BulkTarget,
): Promise<RedactedMatch> {
  switch (target.kind) {
    case 'ids':
      return RedactedMatch.all(tables, sql`j.id = ANY(${target.ids}::uuid[])`);
    case 'batch':
      return RedactedMatch.all(tables, sql`j.batch_id = ${target.batchId}`);
    case 'filter': {
      const filter = parseJobFilter(new URLSearchParams(target.query));
      if (!isUnderstood(filter)) throw new ConsoleError('bad_request');
      const match = redactedMatch(tables, {
        ...filter,
        terms: await resolveFailures(tx, tables, filter.terms, { bypassCache: true }),
      });
      return match.map((condition) =>
        target.batchId
          ? sql`(j.batch_id = ${target.batchId} AND ${condition})`
          : sql`(${condition})`,
      );
    }
  }
}
