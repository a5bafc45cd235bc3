import 'server-only';
import sql, { empty, type Sql } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { isHanging } from '../good-job/completion';
import { prettyJson } from '../good-job/json';
import { rawBatch } from '../good-job/raw-rows';
import type { GoodJob } from '../good-job/tables';
import { type Order, beyond, orderBy } from '../keyset';
import { PAGE_SIZE, type Page, toPage } from '../paging';
import { secretsOfProperties, redactDescription } from '../redaction/description';
import { READ_BEYOND, redaction } from '../redaction/redaction';
import type { BatchFilter } from './filters';
import { countBatchJobs } from './progress';
import type { BatchDetail, BatchListRow, BatchRow, BatchState, Progress } from './types';

const TEXT_SHOWN = 500;

// The alias is j, as everywhere in paging.
function batchColumns(gj: GoodJob): Sql {
  return sql`j.id, left(j.description, ${TEXT_SHOWN + READ_BEYOND}) AS description, left(j.on_finish, ${TEXT_SHOWN}) AS "onFinish",
    left(j.on_success, ${TEXT_SHOWN}) AS "onSuccess", left(j.on_discard, ${TEXT_SHOWN}) AS "onDiscard",
    CASE WHEN j.description <> '' THEN j.serialized_properties::text END AS "descriptionOf", j.created_at AS "createdAt", j.created_at AS "sortAt", j.enqueued_at AS "enqueuedAt", j.discarded_at AS "discardedAt",
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

interface ReadBatchRow extends BatchRow {
  /** The properties of a batch that is described: what is hidden of them is hidden there too. */
  descriptionOf: string | null;
}

/** The row without what is hidden of it. */
function shown({ descriptionOf, ...row }: ReadBatchRow): BatchRow {
  const secrets = secretsOfProperties(descriptionOf);
  const text = (given: string | null) => given && redaction().redactText(given, secrets);
  return {
    ...row,
    description: row.description && redactDescription(row.description, descriptionOf, TEXT_SHOWN),
    onFinish: text(row.onFinish),
    onSuccess: text(row.onSuccess),
    onDiscard: text(row.onDiscard),
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
    const rows = await tx.query<ReadBatchRow>(sql`
      SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j
       WHERE ${filter.state ? isInBatchState(filter.state) : sql`true`} ${cursor ? sql`AND ${beyond(newestFirst, cursor)}` : empty}
       ${orderBy(newestFirst, cursor)} LIMIT ${PAGE_SIZE + 1}`);
    return toPage(
      rows.map((row) => shown(row)),
      cursor,
      PAGE_SIZE,
    );
  });
}

/** A batch with its attributes as GoodJob prints them; null when there is none. */
export async function getBatch(ctx: Ctx, id: string): Promise<BatchDetail | null> {
  return ctx.db.read(async (tx) => {
    const [row] = await tx.query<ReadBatchRow>(
      sql`SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j WHERE j.id = ${id}`,
    );
    const attributes = row && (await rawBatch(tx, ctx.gj, id));
    return row && attributes
      ? { row: shown(row), attributesJson: prettyJson(redaction().redactJson(attributes)) }
      : null;
  });
}

/** A batch's row alone; null when there is none. */
export async function getBatchRow(ctx: Ctx, id: string): Promise<BatchRow | null> {
  const [row] = await ctx.db.read((tx) =>
    tx.query<ReadBatchRow>(
      sql`SELECT ${batchColumns(ctx.gj)} FROM ${ctx.gj.batches} j WHERE j.id = ${id}`,
    ),
  );
  return row ? shown(row) : null;
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
  const rows = page.rows.map((row) => ({
    ...row,
    progress: progress.get(row.id) ?? null,
    hangs: false,
  }));
  const hanging = await hangingOf(
    ctx,
    rows.filter((row) => row.finishedAt === null && hasNoOpenJob(row.progress)).map(({ id }) => id),
  );
  return { ...page, rows: rows.map((row) => ({ ...row, hangs: hanging.has(row.id) })) };
}

function hasNoOpenJob(progress: Progress | null): boolean {
  return progress?.states
    ? progress.total === progress.states.succeeded + progress.states.discarded
    : false;
}

/** Those of these batches whose completion check is due, and nobody runs it. */
async function hangingOf(ctx: Ctx, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await ctx.db.read(
    (tx) =>
      tx.query<{ id: string }>(
        sql`SELECT b.id FROM ${ctx.gj.batches} b WHERE b.id = ANY(${ids}::uuid[]) AND ${isHanging(ctx.gj)}`,
      ),
    { byIndexOnly: true },
  );
  return new Set(rows.map(({ id }) => id));
}
