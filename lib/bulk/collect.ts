import 'server-only';
import sql, { type Sql, empty, raw } from 'sql-template-tag';
import { z } from 'zod';
import { codeOf } from '../core/errors';
import type { Tx } from '../db/database';
import { type Order, afterCursorSql, orderBySql } from '../db/text-limit';
import { type RowSnapshot, asOf, isUnchangedSince } from '../good-job/locks';
import { type GoodJobTables, idRow, hasIndex } from '../good-job/tables';
import { type RedactedMatch, type ScannedJob, scannedJob } from '../jobs/recheck';
import { bulkSearchBudget, isActionable, MAX_COUNTED, scanCandidates, targetJobs } from './preview';
import { type RunRow, TARGETS, targetOf } from './runs';
import { type BulkAction, type BulkTarget, jobActionOf } from './types';

/*
 * Lists the jobs of a run in bulk_run_targets: those that match at the cut-off, in an actionable
 * state, and not written since. Usually one statement suffices; else the run scans an index in
 * windows.
 */

const LIST_ALL_TIMEOUT_MS = 2_000;

/** Parts of a run's targets that are processed concurrently. */
export const PART_COUNT = 4;

/**
 * All jobs of a batch are in one part, because an action locks the batch. The last byte of an id is
 * random.
 */
const partSql = sql`
  get_byte(uuid_send(coalesce(j.batch_id, j.batch_callback_id, j.id)), 15)
    % ${raw(String(PART_COUNT))}`;

export const countRow = z.strictObject({ count: z.number() });

/** Matches the target's jobs that the action applies to, as of the cut-off. */
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

/** Inserts the matching jobs of `from` (`good_jobs j WHERE …`) as targets. Returns their number. */
async function listTargets(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
  from: Sql,
): Promise<number> {
  if (!match.needsRecheck) {
    const [row] = await tx.query(
      countRow,
      sql`
        WITH listed AS (
          INSERT INTO ${TARGETS} (run_id, pass, part, job_id)
          SELECT ${runId}::uuid, 1, ${partSql}, j.id
            FROM ${from}
          RETURNING 1)
        SELECT count(*)::int AS count
          FROM listed`,
    );
    return row?.count ?? 0;
  }
  const scanned = await tx.query(
    scannedJob,
    match.scanSql(sql`(SELECT j.*, j.xmin FROM ${from}) j`),
  );
  return listVisible(tx, tables, runId, match, scanned);
}

/**
 * Inserts the visible matches as targets; the preview has announced that large jobs are skipped.
 */
async function listVisible(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
  scanned: readonly ScannedJob[],
): Promise<number> {
  const { ids } = await match.visibleIds(tx, scanned, bulkSearchBudget());
  await tx.execute(sql`
    INSERT INTO ${TARGETS} (run_id, pass, part, job_id)
    SELECT ${runId}::uuid, 1, ${partSql}, j.id
      FROM ${tables.jobs} j
     WHERE j.id = ANY(${[...ids]}::uuid[])`);
  return ids.size;
}

/** Lists all targets and returns their number; null if there are too many. */
async function listAll(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  match: RedactedMatch,
): Promise<number | null> {
  if (!match.needsRecheck) {
    const from = sql`${tables.jobs} j WHERE ${match.sql} LIMIT ${MAX_COUNTED + 1}`;
    const count = await listTargets(tx, tables, runId, match, from);
    return count > MAX_COUNTED ? null : count;
  }
  const { scanned, isAll } = await scanCandidates(tx, tables, match, sql`true`);
  return isAll ? listVisible(tx, tables, runId, match, scanned) : null;
}

/** Inserts all selected jobs as targets, so that each gets an outcome; returns their number. */
export async function listSelected(tx: Tx, runId: string, ids: string[]): Promise<number> {
  const rows = await tx.query(
    idRow,
    sql`
      INSERT INTO ${TARGETS} (run_id, pass, part, job_id)
      SELECT DISTINCT ${runId}::uuid, 1, 0, id
        FROM unnest(${ids}::uuid[]) id
      RETURNING job_id AS id`,
  );
  return rows.length;
}

/**
 * The number of the target's jobs that the action would change: actionable and not written since
 * the cut-off.
 */
export async function countChangeable(
  tx: Tx,
  tables: GoodJobTables,
  action: BulkAction,
  target: BulkTarget,
  cutOff: RowSnapshot,
): Promise<number> {
  const { sql: condition } = await actionableMatch(tx, tables, action, target, cutOff);
  const [row] = await tx.query(
    countRow,
    sql`SELECT count(*)::int AS count FROM ${tables.jobs} j WHERE ${condition}`,
  );
  return row?.count ?? 0;
}

const timeoutRow = z.strictObject({ timeout: z.string() });

/**
 * Lists all targets with one statement and returns their number. Null if there are too many or the
 * statement takes longer than LIST_ALL_TIMEOUT_MS; then nothing is listed.
 */
export async function listAtOnce(
  tx: Tx,
  tables: GoodJobTables,
  runId: string,
  action: BulkAction,
  target: BulkTarget,
  cutOff: RowSnapshot,
): Promise<number | null> {
  const match = await actionableMatch(tx, tables, action, target, cutOff);
  await tx.execute(sql`SAVEPOINT at_once`);
  const [previous] = await tx.query(
    timeoutRow,
    sql`SELECT current_setting('statement_timeout') AS timeout`,
  );
  await tx.execute(sql`SET LOCAL statement_timeout = ${raw(String(LIST_ALL_TIMEOUT_MS))}`);
  try {
    const count = await listAll(tx, tables, runId, match);
    await tx.execute(
      sql`SELECT set_config('statement_timeout', ${previous?.timeout ?? '0'}, true)`,
    );
    if (count !== null) return count;
  } catch (error) {
    // query_canceled
    if (codeOf(error) !== '57014') throw error;
  }
  await tx.execute(sql`ROLLBACK TO SAVEPOINT at_once`);
  return null;
}

/** Index rows per window; bounds the cost of a statement if nothing matches. */
export const FIRST_WINDOW = 5_000;
export const MAX_WINDOW = 50_000;

/** The last row of a window in the order of the scan. */
const scanPosition = z.strictObject({
  /** Null in a scan by id. */
  at: z.string().nullable(),
  id: z.string(),
});
export type ScanPosition = z.infer<typeof scanPosition>;

interface CollectedWindow {
  /** The number of new targets. */
  count: number;
  /** Where the next window starts; null after the last window. */
  end: ScanPosition | null;
}

/**
 * Lists the targets among the next `size` jobs of the scan. Each is listed once, because a row that
 * was not written since the cut-off keeps its position.
 */
export async function collectWindow(
  tx: Tx,
  tables: GoodJobTables,
  run: RunRow,
  size: number,
): Promise<CollectedWindow> {
  const { order, base } = scanOf(tables, run.action);
  const from: Sql = run.collectedTo
    ? sql`AND ${windowBound(order, run.collectedTo, 'after')}`
    : empty;
  const [windowEnd] = await tx.query(
    scanPosition,
    sql`
      SELECT ${positionTime(order)} AS at, j.id
        FROM ${tables.jobs} j
       WHERE ${base} ${from} ${orderBySql(order, null)}
      OFFSET ${size - 1}
       LIMIT 1`,
  );
  const match = await actionableMatch(tx, tables, run.action, targetOf(run), run.cutOff);
  const toWindowEnd: Sql = windowEnd ? sql`AND ${windowBound(order, windowEnd, 'until')}` : empty;
  const byteLimit = match.needsRecheck
    ? await findByteLimit(tx, tables, order, match, sql`${base} ${from} ${toWindowEnd}`)
    : undefined;
  const end = byteLimit ?? windowEnd;
  const toEnd: Sql = end ? sql`AND ${windowBound(order, end, 'until')}` : empty;
  const matches = match.needsRecheck ? match.baseSql : match.sql;
  const count = await listTargets(
    tx,
    tables,
    run.id,
    match,
    sql`${tables.jobs} j WHERE ${base} ${from} ${toEnd} AND ${matches}`,
  );
  return { count, end: end ?? null };
}

/** Maximum bytes of text that a window searches in one transaction. */
const MAX_WINDOW_BYTES = 2_000_000;

/** The job at which a window exceeds MAX_WINDOW_BYTES; undefined if it does not. */
async function findByteLimit(
  tx: Tx,
  tables: GoodJobTables,
  order: Order,
  match: RedactedMatch,
  where: Sql,
): Promise<ScanPosition | undefined> {
  const source = sql`(
    SELECT j.*, j.xmin
      FROM ${tables.jobs} j
     WHERE ${where} AND ${match.baseSql} ${orderBySql(order, null)}) j`;
  const scan = match.scanSql(source, { maxBytes: MAX_WINDOW_BYTES, also: sql`false` });
  const [position] = await tx.query(
    scanPosition,
    sql`
      SELECT ${positionTime(order)} AS at, j.id
        FROM ${tables.jobs} j
       WHERE j.id = (SELECT s.id FROM (${scan}) s WHERE s.exhausted LIMIT 1)`,
  );
  return position;
}

const BY_ID: Order = { key: sql`j.id`, direction: 'asc' };
const BY_END: Order = { key: sql`j.finished_at`, direction: 'desc' };

const positionTime = (order: Order): Sql => (order === BY_ID ? sql`NULL::timestamptz` : order.key);

/** A bound of a window, written so that an index on the key alone can use it. */
function windowBound(order: Order, { at, id }: ScanPosition, side: 'after' | 'until'): Sql {
  if (order === BY_ID) return side === 'after' ? sql`j.id > ${id}::uuid` : sql`j.id <= ${id}::uuid`;
  return side === 'after'
    ? afterCursorSql(order, { direction: 'after', id, at })
    : sql`${order.key} >= ${at} AND (${order.key}, j.id) >= (${at}, ${id}::uuid)`;
}

/** The scan of the smallest index that contains every actionable job. */
function scanOf(tables: GoodJobTables, action: BulkAction): { order: Order; base: Sql } {
  const kind = jobActionOf(action);
  // index_good_jobs_on_discarded
  if (kind === 'retry' && hasIndex(tables, 'add_index_good_jobs_discarded'))
    return { order: BY_END, base: isActionable(action) };
  // index_good_jobs_jobs_on_finished_at_only
  if (
    (kind === 'retry' || kind === 'destroy') &&
    hasIndex(tables, 'add_index_good_jobs_finished_at_for_cleanup')
  )
    return { order: BY_END, base: sql`j.finished_at IS NOT NULL` };
  // index_good_jobs_on_unfinished_or_errored
  if (
    (kind === 'discard' || kind === 'reschedule') &&
    hasIndex(tables, 'add_index_good_jobs_on_unfinished_or_errored')
  )
    return { order: BY_ID, base: sql`(j.finished_at IS NULL OR j.error IS NOT NULL)` };
  // good_jobs_pkey
  return { order: BY_ID, base: sql`true` };
}
