import 'server-only';
import sql, { empty, join, raw, type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { compactJson, type Json, prettyJsonInSteps, stringOf } from '../core/json';
import type { TextBudget } from '../core/steps';
import { escapeBidi, truncateText } from '../core/text';
import { type Cursor, toPage } from '../core/urls';
import type { Tx } from '../db/database';
import { afterCursorSql, MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES, orderBySql } from '../db/text-limit';
import { type RawBatch, readRawBatch } from '../good-job/raw-rows';
import { type GoodJobTables, isInState } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { redaction } from '../redaction/redaction';
import {
  batchTextColumns,
  newPageBudget,
  redactBatchTexts,
  storedBatchTexts,
} from '../redaction/row-texts';
import { isHiddenSearch, NEWEST_FIRST, searchBatches, searchWords } from './search';
import type {
  BatchAttributes,
  BatchDetail,
  BatchField,
  BatchFilter,
  BatchPage,
  BatchProgress,
  BatchRow,
  BatchState,
  PropertyNode,
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

const createdAtRow = z.strictObject({ createdAt: z.string() });

const EMPTY_PAGE: BatchPage = {
  rows: [],
  previous: null,
  next: null,
  partial: null,
  unsearched: 0,
};

/** The cursor with the time of its row, if the row still exists; null if it has no time. */
async function resolveCursor(
  tx: Tx,
  tables: GoodJobTables,
  cursor: Cursor,
): Promise<Cursor | null> {
  const [row] = await tx.query(
    createdAtRow,
    sql`SELECT created_at AS "createdAt" FROM ${tables.batches} WHERE id = ${cursor.id}`,
  );
  const at = row?.createdAt ?? cursor.at;
  return at === null ? null : { ...cursor, at };
}

/** One page of batches, newest first; a scan, because good_job_batches has no index but its key. */
export async function listBatches(ctx: Ctx, filter: BatchFilter): Promise<BatchPage> {
  if (filter.notUnderstood.length > 0 || isHiddenSearch(filter.q)) return EMPTY_PAGE;
  const { tables } = ctx;
  const state = filter.state ? isInBatchState(filter.state) : sql`true`;
  return ctx.db.read(async (tx) => {
    const cursor = filter.cursor && (await resolveCursor(tx, tables, filter.cursor));
    if (filter.cursor && !cursor) return EMPTY_PAGE;
    if (searchWords(filter.q).length === 0) {
      const rows = await readRows(
        tx,
        sql`
          SELECT ${batchColumns(tables)}
            FROM ${tables.batches} j
           WHERE ${state}
             ${cursor ? sql`AND ${afterCursorSql(NEWEST_FIRST, cursor)}` : empty}
           ${orderBySql(NEWEST_FIRST, cursor)}
           LIMIT ${filter.limit + 1}`,
      );
      return { ...EMPTY_PAGE, ...toPage(rows, cursor, filter.limit) };
    }
    return searchPage(tx, tables, { state, cursor, filter, budgetMs: ctx.searchBudgetMs });
  });
}

async function readRows(tx: Tx, statement: Sql): Promise<BatchRow[]> {
  const budget = newPageBudget();
  const rows: BatchRow[] = [];
  for (const row of await tx.query(storedBatchRow, statement)) {
    rows.push(redactRow(row, budget));
    await budget.yieldIfDue();
  }
  return rows;
}

async function searchPage(
  tx: Tx,
  tables: GoodJobTables,
  options: { state: Sql; cursor: Cursor | null; filter: BatchFilter; budgetMs: number },
): Promise<BatchPage> {
  const { state, cursor, filter, budgetMs } = options;
  const search = await searchBatches(tx, tables, {
    state,
    q: filter.q,
    cursor,
    wanted: filter.limit + 1,
    budgetMs,
  });
  const rows = await readRows(
    tx,
    sql`
      SELECT ${batchColumns(tables)}
        FROM unnest(${search.ids}::uuid[]) WITH ORDINALITY p(id, n)
        JOIN ${tables.batches} j ON j.id = p.id
       ORDER BY p.n`,
  );
  const page = { ...toPage(rows, cursor, filter.limit), unsearched: search.unsearched };
  if (!search.end) return { ...page, partial: null };
  const resumeCursor: Cursor = { direction: cursor?.direction ?? 'after', ...search.end };
  return {
    ...page,
    ...(resumeCursor.direction === 'after' ? { next: resumeCursor } : { previous: resumeCursor }),
    partial: { at: search.end.at, scanned: search.scanned },
  };
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
      ? { row: redactRow(row, newPageBudget()), attributes: await redactAttributes(attributes) }
      : null;
  });
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

/* The attributes of one batch. */

/** Nodes of one tree; the JSON beside it has all of them. */
const MAX_NODES = 60;
/** Levels of a tree; a container below them is printed as JSON. */
const MAX_LEVELS = 4;
const MAX_ATTRIBUTE_CHARACTERS = 300;
const TIME = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/;
const CALLBACKS = new Set(['on_finish', 'on_success', 'on_discard']);

/** The attributes of a batch up to MAX_FULL_TEXT_BYTES; null if it does not exist. */
export async function getRawBatch(ctx: Ctx, id: string): Promise<BatchAttributes | null> {
  const raw = await ctx.db.read((tx) => readRawBatch(tx, ctx.tables, id, MAX_FULL_TEXT_BYTES));
  return raw && redactAttributes(raw);
}

/** The attributes with what redaction hides, as JSON and as the fields that have a value. */
async function redactAttributes({ json, bytes }: RawBatch): Promise<BatchAttributes> {
  if (!json) return { json: null, fields: [], bytes };
  const redacted = await redaction().redactJsonInSteps(json);
  return { json: await prettyJsonInSteps(redacted), fields: fieldsOf(redacted), bytes };
}

function fieldsOf(json: Json): BatchField[] {
  if (json.kind !== 'object') return [];
  return json.entries.flatMap(({ key, value }) => (key === 'id' ? [] : fieldOf(key, value)));
}

function fieldOf(name: string, value: Json): BatchField[] {
  if (value.kind !== 'scalar') {
    const limit = { nodes: MAX_NODES };
    const tree = childrenOf(value, 1, limit);
    return tree.children.length > 0
      ? [{ name, kind: 'tree', nodes: tree.children, omitted: tree.omitted }]
      : [];
  }
  const text = textOf(value);
  if (value.text === 'null' || text.trim() === '') return [];
  const [, day, time] = TIME.exec(text) ?? [];
  if (day && time) return [{ name, kind: 'time', text: `${day}T${time}Z` }];
  return [{ name, kind: CALLBACKS.has(name) ? 'class' : 'text', text }];
}

/** The children of a container, as many as `limit` allows; each child uses one of its nodes. */
function childrenOf(
  json: Json,
  level: number,
  limit: { nodes: number },
): Pick<PropertyNode, 'children' | 'omitted'> {
  if (json.kind === 'scalar') return { children: [], omitted: 0 };
  const entries =
    json.kind === 'object' ? json.entries : json.items.map((value) => ({ key: null, value }));
  const children: PropertyNode[] = [];
  for (const { key, value } of entries) {
    if (limit.nodes <= 0) break;
    limit.nodes -= 1;
    const isPrinted = value.kind === 'scalar' || level >= MAX_LEVELS || isEmpty(value);
    children.push({
      key: key === null ? null : truncateText(escapeBidi(key), MAX_ATTRIBUTE_CHARACTERS),
      text: isPrinted ? textOf(value) : null,
      ...(isPrinted ? { children: [], omitted: 0 } : childrenOf(value, level + 1, limit)),
    });
  }
  return { children, omitted: entries.length - children.length };
}

const isEmpty = (json: Json): boolean =>
  (json.kind === 'object' && json.entries.length === 0) ||
  (json.kind === 'array' && json.items.length === 0);

/** A string without its quotes, or any other value as JSON. */
function textOf(json: Json): string {
  const text = stringOf(json) ?? compactJson(json);
  return truncateText(escapeBidi(text), MAX_ATTRIBUTE_CHARACTERS);
}
