import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { empty, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ConsoleError, nullOnTimeout } from '../core/errors';
import { prettyJsonInSteps } from '../core/json-text';
import { type Page, toPage } from '../core/search-params';
import type { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import {
  MAX_FULL_TEXT_BYTES,
  MAX_TEXT_BYTES,
  type Order,
  afterCursorSql,
  orderBy,
} from '../db/text-limit';
import { isHanging } from '../good-job/batches';
import { type LivePools, livePools } from '../good-job/processes';
import { type RawBatch, rawBatch } from '../good-job/raw-rows';
import { isPaused } from '../good-job/pauses';
import { isInState, readyAt } from '../good-job/states';
import { JOB_STATES, type JobState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import {
  type BatchTexts,
  type StoredBatchTexts,
  batchTextColumns,
  newPageBudget,
  redactBatchTexts,
} from '../redaction/row-texts';
import type { BatchRow, Progress } from './types';
import type { BatchAttributes, BatchDetail, BatchFilter, BatchListRow, BatchState } from './types';

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
          SELECT j.batch_id AS id, count(*)::int AS total, ${stateCounts()} FROM ${ctx.tables.jobs} j
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
        SELECT b.id, (SELECT count(*)::int FROM (SELECT 1 FROM ${ctx.tables.jobs} j WHERE j.batch_id = b.id LIMIT ${LOWER_BOUND + 1}) some) AS total
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
  tables: GoodJobTables,
  batchId: string,
  limit: number,
): Promise<Progress | null> {
  // In two steps: a large batch is known by its index alone.
  const [row] = await tx.query<CountRow>(sql`
    WITH members AS MATERIALIZED (SELECT count(*)::int AS total FROM (SELECT 1 FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} LIMIT ${limit + 1}) j)
    SELECT ${batchId} AS id, (SELECT total FROM members), ${stateCounts()}
      FROM (SELECT j.finished_at, j.performed_at, j.scheduled_at, j.created_at, j.error FROM ${tables.jobs} j
             WHERE j.batch_id = ${batchId} AND (SELECT total FROM members) <= ${limit} LIMIT ${limit}) j`);
  return row && row.total <= limit ? exact(row) : null;
}

const TEXT_SHOWN = 500;

// The alias is j, as everywhere in paging.
function batchColumns(tables: GoodJobTables): Sql {
  return sql`j.id, ${batchTextColumns('j')},
    j.created_at AS "createdAt", j.created_at AS "sortAt", j.enqueued_at AS "enqueuedAt", j.discarded_at AS "discardedAt",
    j.${tables.jobsFinishedAt} AS "jobsFinishedAt", j.finished_at AS "finishedAt"`;
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
        sql`SELECT j.created_at AS at FROM ${ctx.tables.batches} j WHERE j.id = ${cursor.id}`,
      );
      cursor = { ...cursor, at: row?.at ?? cursor.at };
      if (cursor.at === null) return { rows: [], previous: null, next: null };
    }
    const rows = await tx.query<StoredBatchRow>(sql`
      SELECT ${batchColumns(ctx.tables)} FROM ${ctx.tables.batches} j
       WHERE ${filter.state ? isInBatchState(filter.state) : sql`true`} ${cursor ? sql`AND ${afterCursorSql(newestFirst, cursor)}` : empty}
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
      sql`SELECT ${batchColumns(ctx.tables)} FROM ${ctx.tables.batches} j WHERE j.id = ${id}`,
    );
    const attributes = row && (await rawBatch(tx, ctx.tables, id, MAX_TEXT_BYTES));
    return row && attributes
      ? { row: redactRow(row, newPageBudget()), attributes: await printAttributes(attributes) }
      : null;
  });
}

/** All attributes of a batch up to 2 MB; null when there is no such batch. */
export async function getRawBatch(ctx: Ctx, id: string): Promise<BatchAttributes | null> {
  const raw = await ctx.db.read((tx) => rawBatch(tx, ctx.tables, id, MAX_FULL_TEXT_BYTES));
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
      sql`SELECT ${batchColumns(ctx.tables)} FROM ${ctx.tables.batches} j WHERE j.id = ${id}`,
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

/** Beyond it a batch is not called stalled: the question reads all members of large batches. */
const STALL_BUDGET_MS = 300;

/** Which of these batches are stalled, and of those which wait for their completion check; none when the answer takes longer than STALL_BUDGET_MS. */
async function stallsOf(
  ctx: Ctx,
  ids: string[],
): Promise<Map<string, { hangs: boolean; stalled: boolean }>> {
  if (ids.length === 0) return new Map();
  const query = ctx.db.read(
    async (tx) => {
      const live = await livePools(tx, ctx.tables);
      return tx.query<{ id: string; hangs: boolean; stalled: boolean }>(sql`
        SELECT b.id, ${isHanging(ctx.tables)} AS hangs, ${isStalled(ctx.tables, live)} AS stalled
          FROM ${ctx.tables.batches} b WHERE b.id = ANY(${ids}::uuid[])`);
    },
    { byIndexOnly: true, timeoutMs: STALL_BUDGET_MS },
  );
  const rows = (await query.catch(nullOnTimeout)) ?? [];
  return new Map(rows.map(({ id, hangs, stalled }) => [id, { hangs, stalled }]));
}

/** Whether a live process serves the queue of the job `j`; true where a process does not report its queues. */
function isServed({ pools, silent }: LivePools): Sql {
  if (silent > 0 || pools.some(({ served }) => served.kind === 'all')) return sql`true`;
  const conditions = pools.flatMap(({ served }) => {
    if (served.kind === 'except')
      return [sql`(j.queue_name = ANY(${served.queues}::text[])) IS NOT TRUE`];
    return served.kind === 'only' ? [sql`j.queue_name = ANY(${served.queues}::text[])`] : [];
  });
  return conditions.length > 0 ? sql`(${join(conditions, ' OR ')})` : sql`false`;
}

/**
 * Whether the batch `b` is stalled: it is enqueued and not finished, and either its completion check is due, or none of
 * its unfinished jobs is running, waits for a time, or can be taken by a live process. By index_good_jobs_on_batch_id;
 * OFFSET 0 keeps the planner from everybody's unfinished jobs.
 */
export function isStalled(tables: GoodJobTables, live: LivePools): Sql {
  const hasOpen = (condition: Sql) => sql`
    EXISTS (SELECT 1 FROM (SELECT * FROM ${tables.jobs} WHERE batch_id = b.id OFFSET 0) j
             WHERE j.finished_at IS NULL AND ${condition} LIMIT 1)`;
  const canBeTaken = sql`
    (NOT coalesce(${isPaused(tables)}, false) AND (${readyAt} > now() OR ${isServed(live)}))`;
  return sql`(b.enqueued_at IS NOT NULL AND b.finished_at IS NULL AND (${isHanging(tables)}
    OR (${hasOpen(sql`true`)} AND NOT ${hasOpen(sql`(j.performed_at IS NOT NULL OR ${canBeTaken})`)})))`;
}
