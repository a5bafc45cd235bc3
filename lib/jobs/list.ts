import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { readyAt, stateOf } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { cut } from '../text';
import { type StoredTexts, newJobBudget, redactTexts, storedTextColumns } from './job-texts';
import type { JobRow } from './types';

/** Characters of a text that a list carries at most. */
const LISTED_TEXT_LENGTH = 300;
/** Labels that a list carries at most. */
const LABELS_SHOWN = 20;

/** A row as it is stored; `redactRows` makes of it what is shown. */
export type ReadJobRow = Omit<JobRow, keyof StoredTexts | 'tooLarge'> & StoredTexts;

/** The columns of a ReadJobRow; `key` is the list's sort key. */
export function jobRowColumns(gj: GoodJob, key: Sql, texts = storedTextColumns()): Sql {
  return sql`j.id, ${texts}, j.priority, coalesce(j.executions_count, 0) AS attempts, ${stateOf} AS state,
    (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS "errorEvent",
    CASE WHEN j.finished_at IS NOT NULL THEN j.finished_at WHEN j.performed_at IS NOT NULL THEN j.performed_at ELSE ${readyAt} END AS "lastAt",
    ${key} AS "sortAt", j.batch_id AS "batchId",
    j.finished_at IS NULL AND j.performed_at IS NULL AND ${isPaused(gj)} AS paused,
    CASE WHEN j.finished_at IS NULL AND j.performed_at IS NOT NULL THEN coalesce(NOT ${isHeld(gj)}, false) ELSE false END AS "lostWorker"`;
}

/** Of a ReadJobRow only what a page of ids needs. */
export const idColumns = (key: Sql): Sql => sql`j.id, ${key} AS "sortAt"`;

/** The rows without what is hidden of them. Rows beyond the budget say that they are too large to show. */
export async function redactRows(
  rows: readonly ReadJobRow[],
  budget: TextBudget = newJobBudget(),
): Promise<JobRow[]> {
  const redacted: JobRow[] = [];
  for (const row of rows) {
    redacted.push(await redactRow(row, budget));
    await budget.yieldIfDue();
  }
  return redacted;
}

async function redactRow(row: ReadJobRow, budget: TextBudget): Promise<JobRow> {
  const { jobClass, queueName, labels, error, tooLarge } = await redactTexts(row, { budget });
  const short = (text: string | null) => text && cut(text, LISTED_TEXT_LENGTH);
  return {
    ...listedFacts(row),
    jobClass: short(jobClass),
    queueName: short(queueName),
    labels: labels.slice(0, LABELS_SHOWN).map((label) => cut(label, LISTED_TEXT_LENGTH)),
    error: short(error),
    ...(tooLarge ? { tooLarge } : {}),
  };
}

/** What a row says besides its texts. */
export function listedFacts(row: ReadJobRow) {
  const { id, priority, attempts, state, errorEvent, lastAt, sortAt, batchId } = row;
  const { paused, lostWorker } = row;
  return { id, priority, attempts, state, errorEvent, lastAt, sortAt, batchId, paused, lostWorker };
}

/** The callback jobs of a batch, newest first; a batch has a handful, so the first 100 are all. */
export async function listCallbackJobs(ctx: Ctx, batchId: string): Promise<JobRow[]> {
  const rows = await ctx.db.read((tx) =>
    tx.query<ReadJobRow>(sql`
      SELECT ${jobRowColumns(ctx.gj, sql`j.created_at`)} FROM ${ctx.gj.jobs} j WHERE j.batch_callback_id = ${batchId}
       ORDER BY j.created_at DESC, j.id DESC LIMIT 100`),
  );
  return redactRows(rows);
}
