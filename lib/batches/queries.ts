import 'server-only';
import sql, { type Sql, empty, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/types';
import { ConsoleError, ignoreTimeout } from '../core/errors';
import { prettyJsonInSteps } from '../core/json';
import { type Page, toPage } from '../core/search-params';
import type { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import {
  MAX_FULL_TEXT_BYTES,
  MAX_TEXT_BYTES,
  type Order,
  afterCursorSql,
  orderBySql,
} from '../db/text-limit';
import { isHanging } from '../good-job/batches';
import { type LivePools, livePools } from '../good-job/processes';
import { type RawBatch, readRawBatch } from '../good-job/raw-rows';
import { isPaused } from '../good-job/settings';
import { isInState, readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { redaction } from '../redaction/redaction';
import {
  batchTextColumns,
  newPageBudget,
  redactBatchTexts,
  storedBatchTexts,
} from '../redaction/row-texts';
import type {
  BatchAttributes,
  BatchDetail,
  BatchFilter,
  BatchListRow,
  BatchRow,
  BatchState,
  BatchProgress,
} from './types';

/** A batch that cannot be counted within the budget is reported as "10,000+". */
const LOWER_BOUND = 10_000;
const EXACT_BUDGET_MS = 1_500;

/** The jobs of one batch: their number, and the number in each state. */
const batchCountRow = z.strictObject({
  id: z.string(),
  total: z.number(),
  scheduled: z.number(),
  retried: z.number(),
  queued: z.number(),
  running: z.number(),
  succeeded: z.number(),
  discarded: z.number(),
}) satisfies z.ZodType<Record<JobState, number>>;
type BatchCountRow = z.infer<typeof batchCountRow>;

const stateCounts = () =>
  join(
    JOB_STATES.map(
      (state) => sql`count(*) FILTER (WHERE ${isInState(state)})::int AS ${raw(state)}`,
    ),
  );

/**
 * The progress of each batch by one query on index_good_jobs_on_batch_id; lower bounds of the
 * totals if that takes longer than EXACT_BUDGET_MS.
 */
export async function countBatchJobs(
  ctx: Ctx,
  batchIds: string[],
): Promise<Map<string, BatchProgress>> {
  if (batchIds.length === 0) return new Map();
  try {
    const rows = await ctx.db.read(
      (tx) =>
        tx.query(
          batchCountRow,
          sql`
            SELECT j.batch_id AS id, count(*)::int AS total, ${stateCounts()}
              FROM ${ctx.tables.jobs} j
             WHERE j.batch_id = ANY(${batchIds}::uuid[])
             GROUP BY j.batch_id`,
        ),
      { timeoutMs: EXACT_BUDGET_MS, byIndexOnly: true },
    );
    const rowById = new Map(rows.map(({ id, ...counts }) => [id, counts]));
    return new Map(batchIds.map((id) => [id, exactProgress(rowById.get(id))]));
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'query_timeout')
      return countLowerBounds(ctx, batchIds);
    throw error;
  }
}

const NO_JOBS = {
  total: 0,
  scheduled: 0,
  retried: 0,
  queued: 0,
  running: 0,
  succeeded: 0,
  discarded: 0,
} satisfies Omit<BatchCountRow, 'id'>;

/** The progress of a counted batch; a batch without jobs has no row. */
function exactProgress({ total, ...states }: Omit<BatchCountRow, 'id'> = NO_JOBS): BatchProgress {
  return { total, more: false, states };
}

const memberCountRow = z.strictObject({ id: z.string(), total: z.number() });

async function countLowerBounds(ctx: Ctx, batchIds: string[]): Promise<Map<string, BatchProgress>> {
  const rows = await ctx.db.read(
    (tx) =>
      tx.query(
        memberCountRow,
        sql`
          SELECT b.id,
                 (SELECT count(*)::int
                    FROM (
                      SELECT 1
                        FROM ${ctx.tables.jobs} j
                       WHERE j.batch_id = b.id
                       LIMIT ${LOWER_BOUND + 1}) some) AS total
            FROM unnest(${batchIds}::uuid[]) AS b(id)`,
      ),
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
 * The exact progress of a batch of at most `limit` jobs, else null; cheap enough to run before a
 * page's first byte. The transaction must have been opened with `byIndexOnly`.
 */
export async function countIfSmall(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  limit: number,
): Promise<BatchProgress | null> {
  // The CTE rejects a large batch by its index alone, before any job is read.
  const [row] = await tx.query(
    batchCountRow.omit({ id: true }),
    sql`
      WITH members AS MATERIALIZED (
        SELECT count(*)::int AS total
          FROM (
            SELECT 1
              FROM ${tables.jobs} j
             WHERE j.batch_id = ${batchId}
             LIMIT ${limit + 1}) j)
      SELECT (SELECT total FROM members), ${stateCounts()}
        FROM (
          SELECT j.finished_at, j.performed_at, j.scheduled_at, j.created_at, j.error
            FROM ${tables.jobs} j
           WHERE j.batch_id = ${batchId} AND (SELECT total FROM members) <= ${limit}
           LIMIT ${limit}) j`,
  );
  return row && row.total <= limit ? exactProgress(row) : null;
}

const MAX_TEXT_CHARACTERS = 500;

const storedBatchRow = storedBatchTexts.extend({
  id: z.string(),
  createdAt: z.string(),
  sortAt: z.string(),
  enqueuedAt: z.string().nullable(),
  discardedAt: z.string().nullable(),
  jobsFinishedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
});

/** The columns of `storedBatchRow`; afterCursorSql() and orderBySql() expect the alias j. */
function batchColumns(tables: GoodJobTables): Sql {
  return sql`j.id, ${batchTextColumns('j')},
    j.created_at AS "createdAt",
    j.created_at AS "sortAt",
    j.enqueued_at AS "enqueuedAt",
    j.discarded_at AS "discardedAt",
    j.${tables.jobsFinishedAt} AS "jobsFinishedAt",
    j.finished_at AS "finishedAt"`;
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

/** The row with its texts redacted. */
function redactRow(stored: z.infer<typeof storedBatchRow>, budget: TextBudget): BatchRow {
  const { id, createdAt, sortAt, enqueuedAt, discardedAt, jobsFinishedAt, finishedAt } = stored;
  const texts = redactBatchTexts(stored, MAX_TEXT_CHARACTERS, budget);
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

const NEWEST_FIRST: Order = { key: sql`j.created_at`, direction: 'desc' };

const createdAtRow = z.strictObject({ createdAt: z.string() });

/** One page of batches, newest first; a scan, because good_job_batches has no index but its key. */
export async function listBatches(ctx: Ctx, filter: BatchFilter): Promise<Page<BatchRow>> {
  if (filter.notUnderstood.length > 0) return { rows: [], previous: null, next: null };
  return ctx.db.read(async (tx) => {
    let cursor = filter.cursor;
    if (cursor) {
      const [row] = await tx.query(
        createdAtRow,
        sql`SELECT created_at AS "createdAt" FROM ${ctx.tables.batches} WHERE id = ${cursor.id}`,
      );
      cursor = { ...cursor, at: row?.createdAt ?? cursor.at };
      if (cursor.at === null) return { rows: [], previous: null, next: null };
    }
    const rows = await tx.query(
      storedBatchRow,
      sql`
        SELECT ${batchColumns(ctx.tables)}
          FROM ${ctx.tables.batches} j
         WHERE ${filter.state ? isInBatchState(filter.state) : sql`true`}
           ${cursor ? sql`AND ${afterCursorSql(NEWEST_FIRST, cursor)}` : empty}
         ${orderBySql(NEWEST_FIRST, cursor)}
         LIMIT ${filter.limit + 1}`,
    );
    const budget = newPageBudget();
    const redacted: BatchRow[] = [];
    for (const row of rows) {
      redacted.push(redactRow(row, budget));
      await budget.yieldIfDue();
    }
    return toPage(redacted, cursor, filter.limit);
  });
}

/** A batch with its attributes as GoodJob prints them; null if it does not exist. */
export async function getBatch(ctx: Ctx, id: string): Promise<BatchDetail | null> {
  return ctx.db.read(async (tx) => {
    const [row] = await tx.query(
      storedBatchRow,
      sql`SELECT ${batchColumns(ctx.tables)} FROM ${ctx.tables.batches} j WHERE j.id = ${id}`,
    );
    const attributes = row && (await readRawBatch(tx, ctx.tables, id, MAX_TEXT_BYTES));
    return row && attributes
      ? { row: redactRow(row, newPageBudget()), attributes: await printAttributes(attributes) }
      : null;
  });
}

/** The attributes of a batch up to MAX_FULL_TEXT_BYTES; null if it does not exist. */
export async function getRawBatch(ctx: Ctx, id: string): Promise<BatchAttributes | null> {
  const raw = await ctx.db.read((tx) => readRawBatch(tx, ctx.tables, id, MAX_FULL_TEXT_BYTES));
  return raw && printAttributes(raw);
}

async function printAttributes(raw: RawBatch): Promise<BatchAttributes> {
  if (!raw.json) return { json: null, bytes: raw.bytes };
  const redacted = await redaction().redactJsonInSteps(raw.json);
  return { json: await prettyJsonInSteps(redacted), bytes: raw.bytes };
}

/** A batch without its attributes; null if it does not exist. */
export async function getBatchRow(ctx: Ctx, id: string): Promise<BatchRow | null> {
  const [row] = await ctx.db.read((tx) =>
    tx.query(
      storedBatchRow,
      sql`SELECT ${batchColumns(ctx.tables)} FROM ${ctx.tables.batches} j WHERE j.id = ${id}`,
    ),
  );
  return row ? redactRow(row, newPageBudget()) : null;
}

/** One page of batches with the progress of each, and whether it hangs or is stalled. */
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
  const stalls = await findStalls(
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

/** False while a job runs, or if the jobs could not be counted. */
function canBeStalled(progress: BatchProgress | null): boolean {
  return progress?.states ? progress.states.running === 0 : false;
}

/**
 * After this time no batch is reported as stalled: the query reads all members of large batches.
 */
const STALL_BUDGET_MS = 300;

const stallRow = z.strictObject({ id: z.string(), hangs: z.boolean(), stalled: z.boolean() });

/**
 * Whether each batch is stalled or hanging; empty if the query takes longer than STALL_BUDGET_MS.
 */
async function findStalls(
  ctx: Ctx,
  ids: string[],
): Promise<Map<string, { hangs: boolean; stalled: boolean }>> {
  if (ids.length === 0) return new Map();
  const query = ctx.db.read(
    async (tx) => {
      const live = await livePools(tx, ctx.tables);
      return tx.query(
        stallRow,
        sql`
          SELECT b.id, ${isHanging(ctx.tables)} AS hangs, ${isStalled(ctx.tables, live)} AS stalled
            FROM ${ctx.tables.batches} b
           WHERE b.id = ANY(${ids}::uuid[])`,
      );
    },
    { byIndexOnly: true, timeoutMs: STALL_BUDGET_MS },
  );
  const rows = (await query.catch(ignoreTimeout)) ?? [];
  return new Map(rows.map(({ id, hangs, stalled }) => [id, { hangs, stalled }]));
}

/**
 * Whether a live process serves the queue of the job `j`; true if a process does not report its
 * queues.
 */
function isServed({ pools, nonReporting }: LivePools): Sql {
  if (nonReporting > 0 || pools.some(({ served }) => served.kind === 'all')) return sql`true`;
  const conditions = pools.flatMap(({ served }) => {
    if (served.kind === 'except')
      return [sql`(j.queue_name = ANY(${served.queues}::text[])) IS NOT TRUE`];
    return served.kind === 'only' ? [sql`j.queue_name = ANY(${served.queues}::text[])`] : [];
  });
  return conditions.length > 0 ? sql`(${join(conditions, ' OR ')})` : sql`false`;
}

/**
 * Whether the batch `b` is stalled: enqueued, not finished, and either hanging or without an
 * unfinished job that is running, is due later, or is served. OFFSET 0 makes it use
 * index_good_jobs_on_batch_id.
 */
export function isStalled(tables: GoodJobTables, live: LivePools): Sql {
  const hasOpenMember = (condition: Sql) => sql`
    EXISTS (
      SELECT 1
        FROM (SELECT * FROM ${tables.jobs} WHERE batch_id = b.id OFFSET 0) j
       WHERE j.finished_at IS NULL AND ${condition}
       LIMIT 1)`;
  const canRun = sql`
    (NOT coalesce(${isPaused(tables)}, false) AND (${readyAt} > now() OR ${isServed(live)}))`;
  const hasProgress = hasOpenMember(sql`(j.performed_at IS NOT NULL OR ${canRun})`);
  return sql`(b.enqueued_at IS NOT NULL
    AND b.finished_at IS NULL
    AND (${isHanging(tables)} OR (${hasOpenMember(sql`true`)} AND NOT ${hasProgress})))`;
}
