import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import type { Tx } from '../db/types';
import { parseJson } from '../good-job/json';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { readyAt, stateOf } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { type Cursor, type Page, toPage } from '../paging';
import { HIDDEN, READ_BEYOND, redaction } from '../redaction/redaction';
import { SHORTEST, Secrets } from '../redaction/secrets';
import { type JobFilter, isUnderstood } from './filters';
import { type Candidates, candidates } from './recheck';
import { settle } from './settle';
import type { JobPage, JobRow } from './types';

/** Characters of a text column that a list carries at most. */
const TEXT_SHOWN = 300;

/** A row as it is stored; `shownRow` makes of it what is shown. */
export interface ReadJobRow extends JobRow {
  /** The arguments of a job with an error, or with names: what is hidden of them is hidden there too. Empty: they are too large to look. */
  errorOf: string | null;
}

/** Compressed, bytes; for the sake of a name alone no long payload is read. */
const LARGEST_LOOKED_INTO = 1_000_000;
const LARGEST_FOR_NAMES = 20_000;
const argumentsOfJob = sql`(j.serialized_params -> 'arguments')::text`;

/** The columns of a ReadJobRow; `key` is the list's sort key. */
export function jobRowColumns(gj: GoodJob, key: Sql): Sql {
  return sql`j.id, left(j.job_class, ${TEXT_SHOWN}) AS "jobClass", left(j.queue_name, ${TEXT_SHOWN}) AS "queueName", j.priority,
    coalesce((SELECT array_agg(left(l, ${TEXT_SHOWN})) FROM unnest(j.labels[1:20]) l), '{}') AS labels,
    coalesce(j.executions_count, 0) AS attempts, left(j.error, ${TEXT_SHOWN + READ_BEYOND}) AS error,
    ${redaction().off ? sql`NULL` : sql`CASE WHEN j.error <> '' THEN CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST_LOOKED_INTO} THEN ${argumentsOfJob} ELSE '' END
         WHEN pg_column_size(j.serialized_params) < ${LARGEST_FOR_NAMES} AND (j.queue_name <> '' OR j.labels <> '{}') THEN ${argumentsOfJob} END`} AS "errorOf", ${stateOf} AS state,
    (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS "errorEvent",
    CASE WHEN j.finished_at IS NOT NULL THEN j.finished_at WHEN j.performed_at IS NOT NULL THEN j.performed_at ELSE ${readyAt} END AS "lastAt",
    ${key} AS "sortAt", j.batch_id AS "batchId",
    j.finished_at IS NULL AND j.performed_at IS NULL AND ${isPaused(gj)} AS paused,
    CASE WHEN j.finished_at IS NULL AND j.performed_at IS NOT NULL THEN NOT ${isHeld(gj)} ELSE false END AS "lostWorker"`;
}

/** The row without what is hidden of it. */
export function shownRow<Row extends ReadJobRow>({ errorOf, ...row }: Row, shown = TEXT_SHOWN): Omit<Row, 'errorOf'> {
  const rules = redaction();
  const secrets = new Secrets();
  const text = (given: string) => rules.text(given, secrets);
  if (errorOf && (row.error || mayRepeat([row.queueName, ...row.labels], errorOf))) rules.json(parseJson(errorOf), { of: 'arguments', jobClass: row.jobClass, secrets });
  const error = row.error && (errorOf === '' && !rules.off ? HIDDEN : rules.excerpt(row.error, { read: shown + READ_BEYOND, shown, secrets }));
  return { ...row, jobClass: row.jobClass && rules.text(row.jobClass), queueName: row.queueName && text(row.queueName), labels: row.labels.map(text), error };
}

/** Whether a name has so much in common with the arguments that it may repeat a value of them: most have not, and those need not be parsed. */
function mayRepeat(names: (string | null)[], stored: string): boolean {
  const text = stored.toLowerCase();
  return names.some((name) => {
    const own = name?.toLowerCase() ?? '';
    for (let n = 0; n + SHORTEST <= own.length; n += 1) if (text.includes(own.slice(n, n + SHORTEST))) return true;
    return false;
  });
}

/** A batch's own jobs are often created in one moment (bulk, or times cut to seconds): then the one due later first. */
interface BatchPlace {
  createdAt: string;
  readyAt: string | null;
}

/** Null: the cursor's row is gone and it brought no time. */
async function placeOf(tx: Tx, gj: GoodJob, cursor: Cursor): Promise<BatchPlace | null> {
  const [row] = await tx.query<BatchPlace>(sql`SELECT j.created_at AS "createdAt", ${readyAt} AS "readyAt" FROM ${gj.jobs} j WHERE j.id = ${cursor.id}`);
  return row ?? (cursor.at === null ? null : { createdAt: cursor.at, readyAt: null });
}

/** Of a row that is gone only its moment is known: rather all of that moment again than one lost. */
function beyondPlace(cursor: Cursor, { createdAt, readyAt: ready }: BatchPlace): Sql {
  if (cursor.direction === 'after') {
    const tied = ready === null ? sql`true` : sql`(j.created_at < ${createdAt} OR j.ready_at < ${ready} OR (j.ready_at = ${ready} AND j.id > ${cursor.id}::uuid))`;
    return sql`j.created_at <= ${createdAt} AND ${tied}`;
  }
  const tied = ready === null ? sql`true` : sql`(j.created_at > ${createdAt} OR j.ready_at > ${ready} OR (j.ready_at = ${ready} AND j.id < ${cursor.id}::uuid))`;
  return sql`j.created_at >= ${createdAt} AND ${tied}`;
}

/** Jobs looked at beside a cursor, for each row of the page, before all of the batch is. */
const LOOKED_AT = 40;

/**
 * Members among the jobs created next to the cursor, whosever they are (index_good_jobs_on_created_at). Those created
 * in the last moment that was looked at do not count: there may be more of that moment.
 */
function membersBeside(gj: GoodJob, cursor: Cursor, { createdAt }: BatchPlace, fits: Sql, seen: number): Sql {
  const [from, isComplete] = cursor.direction === 'after'
    ? [sql`j.created_at <= ${createdAt} ORDER BY j.created_at DESC`, sql`created_at > (SELECT min(created_at) FROM beside)`]
    : [sql`j.created_at >= ${createdAt} ORDER BY j.created_at`, sql`created_at < (SELECT max(created_at) FROM beside)`];
  return sql`
    WITH beside AS MATERIALIZED (SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${fits} AS fits FROM ${gj.jobs} j WHERE ${from} LIMIT ${seen})
    SELECT id, created_at, ready_at FROM beside WHERE fits AND ${isComplete}`;
}

/**
 * OFFSET 0 keeps the planner from walking created_at backwards over everybody's jobs in search of this batch's, or
 * reading the index of a class that half of them have: by index_good_jobs_on_batch_id a batch of any age costs its own
 * size and no more. The state stays inside: of the discarded there are few, and they have an index. No column but
 * those needed: the whole row through a subquery costs half as much again.
 */
const allMembers = (gj: GoodJob, batchId: string, { state, terms }: JobFilter): Sql => sql`
  SELECT id, created_at, ready_at FROM (
    SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${candidates(gj, { state: null, terms }).condition} AS fits
      FROM ${gj.jobs} j WHERE j.batch_id = ${batchId} AND ${candidates(gj, { state, terms: [] }).condition} OFFSET 0) j
   WHERE fits`;

/** A member, by its place in the batch's order. */
interface Bound {
  id: string;
  createdAt: string;
  readyAt: string;
}

/** Members written last: of a batch's they are mostly the newest. */
const WRITTEN_LAST = 300;

/**
 * A place that the page surely does not reach beyond: the last row of the page that the members written last would
 * make by themselves (index_good_jobs_on_batch_id, backwards; it keeps one batch's rows in the table's order). It
 * spares most members the sorting. Null: they would not fill a page.
 */
async function boundOf(tx: Tx, gj: GoodJob, batchId: string, filter: JobFilter, from: Sql, order: Sql): Promise<Bound | null> {
  const [row] = await tx.query<Bound>(sql`
    SELECT j.id, j.created_at AS "createdAt", j.ready_at AS "readyAt" FROM (
      SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${candidates(gj, filter).condition} AS fits
        FROM ${gj.jobs} j WHERE j.batch_id BETWEEN ${batchId} AND ${batchId} ORDER BY j.batch_id DESC LIMIT ${WRITTEN_LAST}) j
     WHERE j.fits AND ${from} ORDER BY ${order} OFFSET ${filter.limit} LIMIT 1`);
  return row ?? null;
}

function upTo({ id, createdAt, readyAt: ready }: Bound, direction: Cursor['direction']): Sql {
  return direction === 'after'
    ? sql`j.created_at >= ${createdAt} AND (j.created_at > ${createdAt} OR j.ready_at > ${ready} OR (j.ready_at = ${ready} AND j.id <= ${id}))`
    : sql`j.created_at <= ${createdAt} AND (j.created_at < ${createdAt} OR j.ready_at < ${ready} OR (j.ready_at = ${ready} AND j.id >= ${id}))`;
}

/** Members of the rest of the filter that one answer is about where each one found must be looked at again. */
const SEARCHED = 5_000;

/** One page of a batch's jobs, newest first. */
export async function listBatchJobs(ctx: Ctx, batchId: string, asked: JobFilter): Promise<Pick<JobPage, 'rows' | 'previous' | 'next' | 'searched'>> {
  if (!isUnderstood(asked)) return { rows: [], previous: null, next: null, searched: null };
  const { gj } = ctx;
  return ctx.db.read(
    async (tx) => {
      const { filter } = await settle(tx, gj, asked);
      const found = candidates(gj, filter);
      if (found.isDoubtful) return searchBatch(tx, gj, batchId, filter, found);
      return { ...(await readBatchPage(tx, gj, batchId, filter, found)), searched: null };
    },
    { byIndexOnly: true },
  );
}

/** The same where each job found must be looked at again: among so many members, however many candidates they are. */
async function searchBatch(tx: Tx, gj: GoodJob, batchId: string, filter: JobFilter, found: Candidates): Promise<Pick<JobPage, 'rows' | 'previous' | 'next' | 'searched'>> {
  const { cursor, limit } = filter;
  const place = cursor && (await placeOf(tx, gj, cursor));
  if (cursor && !place) return { rows: [], previous: null, next: null, searched: null };
  const order = inOrder(cursor);
  const from = cursor && place ? beyondPlace(cursor, place) : sql`true`;
  const members = await tx.query<{ id: string; createdAt: string; fits: boolean }>(sql`
    WITH page AS MATERIALIZED (
      SELECT j.id, j.created_at, j.ready_at, row_number() OVER (ORDER BY ${order}) AS n
        FROM (SELECT j.id, j.created_at, ${readyAt} AS ready_at FROM ${gj.jobs} j WHERE j.batch_id = ${batchId} AND ${found.unchecked} OFFSET 0) j WHERE ${from} ORDER BY ${order} LIMIT ${SEARCHED + 1})
    SELECT j.id, j.created_at AS "createdAt", coalesce((${found.condition}), false) AS fits FROM page JOIN ${gj.jobs} j ON j.id = page.id ORDER BY page.n`);
  const looked = members.slice(0, SEARCHED);
  const kept = await found.first(tx, looked.filter(({ fits }) => fits).map(({ id }) => id), limit + 1);
  const rows = await tx.query<ReadJobRow>(sql`
    SELECT ${jobRowColumns(gj, sql`j.created_at`)} FROM unnest(${kept}::uuid[]) WITH ORDINALITY AS kept(id, n) JOIN ${gj.jobs} j ON j.id = kept.id ORDER BY kept.n`);
  const page = toPage(rows.map((row) => shownRow(row)), cursor, limit);
  const last = looked.at(-1);
  if (kept.length > limit || members.length <= SEARCHED || !last) return { ...page, searched: null };
  const further: Cursor = { direction: cursor?.direction ?? 'after', id: last.id, at: last.createdAt };
  return { ...page, ...(further.direction === 'after' ? { next: further } : { previous: further }), searched: { at: last.createdAt, looked: looked.length } };
}

const inOrder = (cursor: Cursor | null): Sql => (cursor?.direction === 'before' ? sql`created_at, ready_at, id DESC` : sql`created_at DESC, ready_at DESC, id`);

async function readBatchPage(tx: Tx, gj: GoodJob, batchId: string, filter: JobFilter, { condition }: Candidates): Promise<Page<JobRow>> {
  const { cursor } = filter;
  const direction = cursor?.direction ?? 'after';
  const order = inOrder(cursor);
  const place = cursor && (await placeOf(tx, gj, cursor));
  if (cursor && !place) return { rows: [], previous: null, next: null };
  const from = cursor && place ? beyondPlace(cursor, place) : sql`true`;
  const read = async (members: Sql, to: Sql) => {
    const rows = await tx.query<ReadJobRow>(sql`
      WITH page AS MATERIALIZED (
        SELECT j.id, j.created_at, j.ready_at FROM (${members}) j WHERE ${from} AND ${to} ORDER BY ${order} LIMIT ${filter.limit + 1}),
      numbered AS (SELECT id, row_number() OVER (ORDER BY ${order}) AS n FROM page)
      SELECT ${jobRowColumns(gj, sql`j.created_at`)} FROM numbered JOIN ${gj.jobs} j USING (id) ORDER BY numbered.n`);
    return rows.map((row) => shownRow(row));
  };
  const fits = sql`j.batch_id = ${batchId} AND ${condition}`;
  // A batch's jobs mostly lie side by side, so a page beyond a cursor seldom needs all of them.
  const near = cursor && place ? await read(membersBeside(gj, cursor, place, fits, LOOKED_AT * (filter.limit + 1)), sql`true`) : [];
  if (near.length > filter.limit) return toPage(near, cursor, filter.limit);
  const bound = await boundOf(tx, gj, batchId, filter, from, order);
  const rows = await read(allMembers(gj, batchId, filter), bound ? upTo(bound, direction) : sql`true`);
  return toPage(rows, cursor, filter.limit);
}

/** The callback jobs of a batch, newest first; a batch has a handful, so the first 100 are all. */
export async function listCallbackJobs(ctx: Ctx, batchId: string): Promise<JobRow[]> {
  const rows = await ctx.db.read((tx) =>
    tx.query<ReadJobRow>(sql`
      SELECT ${jobRowColumns(ctx.gj, sql`j.created_at`)} FROM ${ctx.gj.jobs} j WHERE j.batch_callback_id = ${batchId}
       ORDER BY j.created_at DESC, j.id DESC LIMIT 100`),
  );
  return rows.map((row) => shownRow(row));
}
