import 'server-only';
import sql, { empty, type Sql } from 'sql-template-tag';
import type { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { nullOnTimeout } from '../errors';
import { isHanging } from '../good-job/completion';
import { prettyJsonInSteps } from '../good-job/json';
import { livePools } from '../good-job/processes';
import { type RawBatch, rawBatch } from '../good-job/raw-rows';
import type { GoodJob } from '../good-job/tables';
import { type Order, beyond, orderBy } from '../keyset';
import { type Page, toPage } from '../paging';
import {
  type BatchTexts,
  type StoredBatchTexts,
  batchTextColumns,
  redactBatchTexts,
} from '../redaction/batch-texts';
import { redaction } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-secrets';
import type { BatchFilter } from './filters';
import { countBatchJobs } from './progress';
import { isStalled } from './stalled';
import type {
  BatchAttributes,
  BatchDetail,
  BatchListRow,
  BatchRow,
  BatchState,
  Progress,
} from './types';

const TEXT_SHOWN = 500;

// The alias is j, as everywhere in paging.
function batchColumns(gj: GoodJob): Sql {
  return sql`j.id, ${batchTextColumns('j')},
    j.created_at AS "createdAt", j.created_at AS "sortAt", j.enqueued_at AS "enqueuedAt", j.discarded_at AS "discardedAt",
    j.${gj.jobsFinishedAt} AS "jobsFinishedAt", j.finished_at AS "finishedAt"`;
}

function isInBatchState(state: BatchState): Sql {
  switch (state) {
    case 'pending':
      return sql`j.enqueued_at IS NULL AND j.finished_at IS NULL`;
    case 'running':
      return sql`j.enqueued_at IS NOT NULL AND j.finished_at IS NULL`;
    case 'finished':
      return sql`j.finished_at IS NOT NULL`;
    case 'discarded':
      return sql`j.discarded_at IS NOT NULL`;
  }
}

type StoredBatchRow = Omit<BatchRow, keyof BatchTexts> & StoredBatchTexts;

/** The row without what is hidden of it. */
function redactRow(stored: StoredBatchRow, budget: TextBudget): BatchRow {
  const { id, createdAt, sortAt, enqueuedAt, discardedAt, jobsFinishedAt, finishedAt } = stored;
  const texts = redactBatchTexts(stored, TEXT_SHOWN, budget);
  return {
    id,
    ...texts,
    createdAt,
    sortAt,
    enqueuedAt,
    discardedAt,
    jobsFinishedAt,
    finishedAt,
  };
}

const newestFirst: Order = { key: sql`j.created_at`, direction: 'desc' };

/** One page of batches, newest first. good_job_batches has no index but its key: the scan is of batches, not of jobs. */
export async function listBatches(ctx: Ctx, filter: BatchFilter): Promise<Page<BatchRow>> {
  if (filter.notUnderstood.length > 0) return { rows: [], previous: null, next: null };
  return ctx.db.read(async (tx) => {
    let cursor = filter.cursor;
    if (cursor) {
      const [row] = await tx.query<{ at: string }>(
        sql`SELECT j.created_at AS at FROM ${ctx.gj.batches} j WHERE j.id = ${cursor.id}`,
      );
      cursor = { ...cursor, at: row?.at ?? cursor.at };
      if (cursor.at === null) return { rows: [], previous: null, next: null };
    }
    const rows = await tx.query<StoredBatchRow>(sql`
      SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j
       WHERE ${filter.state ? isInBatchState(filter.state) : sql`true`} ${cursor ? sql`AND ${beyond(newestFirst, cursor)}` : empty}
       ${orderBy(newestFirst, cursor)} LIMIT ${filter.limit + 1}`);
    const budget = newPageBudget();
    const redacted: BatchRow[] = [];
    for (const row of rows) {
      redacted.push(redactRow(row, budget));
      await budget.yieldIfDue();
    }
    return toPage(redacted, cursor, filter.limit);
  });
}

/** A batch with its attributes as GoodJob prints them; null when there is none. */
export async function getBatch(ctx: Ctx, id: string): Promise<BatchDetail | null> {
  return ctx.db.read(async (tx) => {
    const [row] = await tx.query<StoredBatchRow>(
      sql`SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j WHERE j.id = ${id}`,
    );
    const attributes = row && (await rawBatch(tx, ctx.gj, id, MAX_TEXT_BYTES));
    return row && attributes
      ? { row: redactRow(row, newPageBudget()), attributes: await printAttributes(attributes) }
      : null;
  });
}

/** All attributes of a batch up to 2 MB; null when there is no such batch. */
export async function getRawBatch(ctx: Ctx, id: string): Promise<BatchAttributes | null> {
  const raw = await ctx.db.read((tx) => rawBatch(tx, ctx.gj, id, MAX_FULL_TEXT_BYTES));
  return raw && printAttributes(raw);
}

async function printAttributes(raw: RawBatch): Promise<BatchAttributes> {
  if (!raw.json) return { json: null, bytes: raw.bytes };
  const redacted = await redaction().redactJsonInSteps(raw.json);
  return { json: await prettyJsonInSteps(redacted), bytes: raw.bytes };
}

/** A batch's row alone; null when there is none. */
export async function getBatchRow(ctx: Ctx, id: string): Promise<BatchRow | null> {
  const [row] = await ctx.db.read((tx) =>
    tx.query<StoredBatchRow>(
      sql`SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j WHERE j.id = ${id}`,
    ),
  );
  return row ? redactRow(row, newPageBudget()) : null;
}

/** What the batch list shows: a page of batches, each with its progress. */
export async function listBatchesWithProgress(
  ctx: Ctx,
  filter: BatchFilter,
): Promise<Page<BatchListRow>> {
  const page = await listBatches(ctx, filter);
  const progress = await countBatchJobs(
    ctx,
    page.rows.map((row) => row.id),
  );
  const rows = page.rows.map((row) => ({ ...row, progress: progress.get(row.id) ?? null }));
  const stalls = await stallsOf(
    ctx,
    rows.filter((row) => row.finishedAt === null && canBeStalled(row.progress)).map(({ id }) => id),
  );
  return {
    ...page,
    rows: rows.map((row) => {
      const stall = stalls.get(row.id);
      return { ...row, hangs: stall?.hangs ?? false, stalled: stall?.stalled ?? false };
    }),
  };
}

/** A running job is moving; where the jobs could not be counted nothing is claimed. */
function canBeStalled(progress: Progress | null): boolean {
  return progress?.states ? progress.states.running === 0 : false;
}

/** A batch whose members take longer to read is not called stalled. */
const STALL_BUDGET_MS = 300;

/** The stalled ones among these batches, by id; empty when the query takes longer than STALL_BUDGET_MS. */
async function stallsOf(
  ctx: Ctx,
  ids: string[],
): Promise<Map<string, { hangs: boolean; stalled: boolean }>> {
  if (ids.length === 0) return new Map();
  const query = ctx.db.read(
    async (tx) => {
      const live = await livePools(tx, ctx.gj);
      return tx.query<{ id: string; hangs: boolean; stalled: boolean }>(sql`
        SELECT b.id, ${isHanging(ctx.gj)} AS hangs, ${isStalled(ctx.gj, live)} AS stalled
          FROM ${ctx.gj.batches} b WHERE b.id = ANY(${ids}::uuid[])`);
    },
    { byIndexOnly: true, timeoutMs: STALL_BUDGET_MS },
  );
  const rows = (await query.catch(nullOnTimeout)) ?? [];
  return new Map(rows.map(({ id, hangs, stalled }) => [id, { hangs, stalled }]));
}
