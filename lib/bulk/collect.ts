import 'server-only';
import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { codeOf } from '../core/errors';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBy } from '../db/text-limit';
import { type RowSnapshot, asOf, isUnchangedSince } from '../good-job/row-snapshot';
import type { GoodJobTables } from '../good-job/tables';
import type { RedactedMatch, ScannedJob } from '../jobs/recheck';
import { COUNTED_AT_MOST, bulkSearchBudget, scanFirst } from './preview';
import { type RunRow, TARGETS, targetOf } from './runs';
import { isActionable, targetJobs } from './target';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/*
 * Which jobs a run takes up: those that match, in a state that the action is for, as they were at the cut-off and
 * not written since. They are listed in bulk_run_targets: at once when that is done in two seconds, as nearly always,
 * else in windows of one index, each a transaction of its own, in turn with the work on what was found.
 */

/** The statement that lists them all may take so long; the write's own limit comes back after it. */
const AT_ONCE_MS = 2_000;

/** Parts of a run's targets; what works on one part does not wait for what works on another. */
export const PARTS = 4;

/** The jobs of a batch are in one part: who acts on one of them has the batch locked. An id's last byte is random. */
const partOf = sql`get_byte(uuid_send(coalesce(j.batch_id, j.batch_callback_id, j.id)), 15) % ${raw(String(PARTS))}`;

/** The jobs of the target that the action is for, as they were at the cut-off. */
async function actionableMatch(
  tx: Tx,
  tables: GoodJobTables,
  action: BulkAction,
  target: BulkTarget,
  cutOff: RowSnapshot,
): Promise<RedactedMatch> {
  const match = await targetJobs(tx, tables, target);
  return match.map(
    (condition) =>
      sql`${asOf(condition, cutOff)} AND ${isActionable(action)} AND ${isUnchangedSince(cutOff)}`,
  );
}

/** Lists the jobs of `from` (`good_jobs j WHERE …`) that match as targets; how many. */
async function list(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
  from: Sql,
): Promise<number> {
  if (!match.needsRecheck) {
    const [listed] = await tx.query<{ count: number }>(sql`
      WITH listed AS (INSERT INTO ${TARGETS} (run_id, pass, part, job_id) SELECT ${runId}::uuid, 1, ${partOf}, j.id FROM ${from} RETURNING 1) SELECT count(*)::int AS count FROM listed`);
    return listed?.count ?? 0;
  }
  const scanned = await tx.query<ScannedJob>(
    match.scanSql(sql`(SELECT j.*, j.xmin FROM ${from}) j`),
  );
  return listVisible(tx, tables, runId, match, scanned);
}

/** Lists the visible matches as targets. Large jobs are none: the preview has said so. */
async function listVisible(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
  scanned: readonly ScannedJob[],
): Promise<number> {
  const { ids } = await match.visibleIds(tx, scanned, bulkSearchBudget());
  await tx.query(
    sql`INSERT INTO ${TARGETS} (run_id, pass, part, job_id) SELECT ${runId}::uuid, 1, ${partOf}, j.id FROM ${tables.jobs} j WHERE j.id = ANY(${[...ids]}::uuid[])`,
  );
  return ids.size;
}

/** All of them; null: there are too many, or too many to search among. */
async function listAll(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
): Promise<number | null> {
  if (!match.needsRecheck)
    return unlessMore(
      await list(
        tx,
        tables,
        runId,
        match,
        sql`${tables.jobs} j WHERE ${match.sql} LIMIT ${COUNTED_AT_MOST + 1}`,
      ),
    );
  const { scanned, isAll } = await scanFirst(tx, tables, match, sql`true`);
  return isAll ? listVisible(tx, tables, runId, match, scanned) : null;
}

const unlessMore = (listed: number) => (listed > COUNTED_AT_MOST ? null : listed);

/** Selected jobs are targets whatever has become of them: each gets its outcome. */
export async function listSelected(tx: Tx, runId: string, ids: string[]): Promise<number> {
  const rows = await tx.query(
    sql`INSERT INTO ${TARGETS} (run_id, pass, part, job_id) SELECT DISTINCT ${runId}::uuid, 1, 0, id FROM unnest(${ids}::uuid[]) id RETURNING 1`,
  );
  return rows.length;
}

/** Of selected jobs those that the action would change: in a state that it is for, and not written since the cut-off. */
export async function countTouched(
  tx: Tx,
  tables: GoodJobTables,
  action: BulkAction,
  target: BulkTarget,
  cutOff: RowSnapshot,
): Promise<number> {
  const { sql: condition } = await actionableMatch(tx, tables, action, target, cutOff);
  const [row] = await tx.query<{ count: number }>(
    sql`SELECT count(*)::int AS count FROM ${tables.jobs} j WHERE ${condition}`,
  );
  return row?.count ?? 0;
}

/** Lists all targets by one statement, and so as they are at one moment; null: there are too many, or they are too hard to find. */
export async function listAtOnce(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  action: BulkAction,
  target: BulkTarget,
  cutOff: RowSnapshot,
): Promise<number | null> {
  const match = await actionableMatch(tx, tables, action, target, cutOff);
  await tx.query(sql`SAVEPOINT at_once`);
  const [before] = await tx.query<{ ms: string }>(
    sql`SELECT current_setting('statement_timeout') AS ms`,
  );
  await tx.query(sql`SET LOCAL statement_timeout = ${raw(String(AT_ONCE_MS))}`);
  try {
    const listed = await listAll(tx, tables, runId, match);
    await tx.query(sql`SELECT set_config('statement_timeout', ${before?.ms ?? '0'}, true)`);
    if (listed !== null) return listed;
  } catch (error) {
    // query_canceled: the rest of the transaction goes on without it.
    if (codeOf(error) !== '57014') throw error;
  }
  await tx.query(sql`ROLLBACK TO SAVEPOINT at_once`);
  return null;
}

/** Rows of the index that a window looks at: bounds what one statement costs when nothing matches. */
export const FIRST_WINDOW = 5_000;
export const LARGEST_WINDOW = 50_000;

export interface Place {
  at: string | null;
  id: string;
}

export interface Collected {
  found: number;
  /** Where to go on; null: that was the last window. */
  to: Place | null;
}

/**
 * Lists the targets among the next `size` jobs of the walk. A row that has not been written since the cut-off keeps
 * its place in any order, so each is met once.
 */
export async function collectWindow(
  tx: Tx,
  tables: GoodJobTables,
  run: RunRow,
  size: number,
): Promise<Collected> {
  const { order, base } = walkOf(tables, run.action);
  const from: Sql = run.collectedTo ? sql`AND ${bound(order, run.collectedTo, 'beyond')}` : empty;
  const [end] = await tx.query<Place>(sql`
    SELECT ${order === BY_ID ? sql`NULL::timestamptz` : order.key} AS at, j.id FROM ${tables.jobs} j WHERE ${base} ${from} ${orderBy(order, null)} OFFSET ${size - 1} LIMIT 1`);
  const match = await actionableMatch(tx, tables, run.action, targetOf(run), run.cutOff);
  const window: Sql = end ? sql`AND ${bound(order, end, 'up to')}` : empty;
  const cut = match.needsRecheck
    ? await endOfBytes(tx, tables, order, match, sql`${base} ${from} ${window}`)
    : undefined;
  const last = cut ?? end;
  const to: Sql = last ? sql`AND ${bound(order, last, 'up to')}` : empty;
  const listed = await list(
    tx,
    tables,
    run.id,
    match,
    sql`${tables.jobs} j WHERE ${base} ${from} ${to} AND ${match.needsRecheck ? match.baseSql : match.sql}`,
  );
  return { found: listed, to: last ?? null };
}

/** Bytes of the jobs among which one window searches: it is one transaction, and its run waits for it. */
const WINDOW_BYTES = 2_000_000;

/** The job of a window at which its bytes are used up; undefined: they are not. */
async function endOfBytes(
  tx: Tx,
  tables: GoodJobTables,
  order: Order,
  match: RedactedMatch,
  where: Sql,
): Promise<Place | undefined> {
  const source = sql`(SELECT j.*, j.xmin FROM ${tables.jobs} j WHERE ${where} AND ${match.baseSql} ${orderBy(order, null)}) j`;
  const [place] = await tx.query<Place>(sql`
    SELECT ${order === BY_ID ? sql`NULL::timestamptz` : order.key} AS at, j.id FROM ${tables.jobs} j WHERE j.id = (
      SELECT s.id FROM (${match.scanSql(source, { maxBytes: WINDOW_BYTES, also: sql`false` })}) s WHERE s.exhausted LIMIT 1)`);
  return place;
}

const BY_ID: Order = { key: sql`j.id`, direction: 'asc' };
const BY_END: Order = { key: sql`j.finished_at`, direction: 'desc' };

/** An edge of a window, in terms that an index on the key alone can take. */
function bound(order: Order, { at, id }: Place, side: 'beyond' | 'up to'): Sql {
  if (order === BY_ID)
    return side === 'beyond' ? sql`j.id > ${id}::uuid` : sql`j.id <= ${id}::uuid`;
  return side === 'beyond'
    ? afterCursorSql(order, { direction: 'after', id, at })
    : sql`${order.key} >= ${at} AND (${order.key}, j.id) >= (${at}, ${id}::uuid)`;
}

/** The smallest index that holds every job the action is for. */
function walkOf(tables: GoodJobTables, action: BulkAction): { order: Order; base: Sql } {
  const has = (migration: string) =>
    !tables.schema.missingMigrations.some((missing) => missing.migration === migration);
  const kind = jobActionOf(action);
  // index_good_jobs_on_discarded
  if (kind === 'retry' && has('add_index_good_jobs_discarded'))
    return { order: BY_END, base: isActionable(action) };
  // index_good_jobs_jobs_on_finished_at_only
  if (
    (kind === 'retry' || kind === 'destroy') &&
    has('add_index_good_jobs_finished_at_for_cleanup')
  )
    return { order: BY_END, base: sql`j.finished_at IS NOT NULL` };
  // index_good_jobs_on_unfinished_or_errored
  if (
    (kind === 'discard' || kind === 'reschedule') &&
    has('add_index_good_jobs_on_unfinished_or_errored')
  )
    return { order: BY_ID, base: sql`(j.finished_at IS NULL OR j.error IS NOT NULL)` };
  // good_jobs_pkey
  return { order: BY_ID, base: sql`true` };
}
