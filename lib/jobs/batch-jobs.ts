import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { type Cursor, type Page, toPage } from '../core/search-params';
import type { Tx } from '../db/database';
import { readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { type JobFilter, isUnderstood } from './filters';
import { keepPage, knownPage, stillHolds } from './known-pages';
import { type RedactedMatch, type ScannedJob, SearchBudget, redactedMatch } from './recheck';
import { resolveFilter } from './resolve-filter';
import { type ReadJobRow, jobRowColumns, redactRows } from './rows';
import type { JobPage, JobRow } from './types';

/** A batch's own jobs are often created in one moment (bulk, or times cut to seconds): then the one due later first. */
interface BatchPlace {
  createdAt: string;
  readyAt: string | null;
}

/** Null: the cursor's row is gone and it brought no time. */
async function placeOf(tx: Tx, tables: GoodJobTables, cursor: Cursor): Promise<BatchPlace | null> {
  const [row] = await tx.query<BatchPlace>(
    sql`SELECT j.created_at AS "createdAt", ${readyAt} AS "readyAt" FROM ${tables.jobs} j WHERE j.id = ${cursor.id}`,
  );
  return row ?? (cursor.at === null ? null : { createdAt: cursor.at, readyAt: null });
}

/** Of a row that is gone only its moment is known: rather all of that moment again than one lost. */
function beyondPlace(cursor: Cursor, { createdAt, readyAt: ready }: BatchPlace): Sql {
  if (cursor.direction === 'after') {
    const tied =
      ready === null
        ? sql`true`
        : sql`(j.created_at < ${createdAt} OR j.ready_at < ${ready} OR (j.ready_at = ${ready} AND j.id > ${cursor.id}::uuid))`;
    return sql`j.created_at <= ${createdAt} AND ${tied}`;
  }
  const tied =
    ready === null
      ? sql`true`
      : sql`(j.created_at > ${createdAt} OR j.ready_at > ${ready} OR (j.ready_at = ${ready} AND j.id < ${cursor.id}::uuid))`;
  return sql`j.created_at >= ${createdAt} AND ${tied}`;
}

/** Jobs looked at beside a cursor, for each row of the page, before all of the batch is. */
const LOOKED_AT = 40;

/**
 * Members among the jobs created next to the cursor, whosever they are (index_good_jobs_on_created_at). Those created
 * in the last moment that was looked at do not count: there may be more of that moment.
 */
function membersBeside(
  tables: GoodJobTables,
  cursor: Cursor,
  { createdAt }: BatchPlace,
  fits: Sql,
  seen: number,
): Sql {
  const [from, isComplete] =
    cursor.direction === 'after'
      ? [
          sql`j.created_at <= ${createdAt} ORDER BY j.created_at DESC`,
          sql`created_at > (SELECT min(created_at) FROM beside)`,
        ]
      : [
          sql`j.created_at >= ${createdAt} ORDER BY j.created_at`,
          sql`created_at < (SELECT max(created_at) FROM beside)`,
        ];
  return sql`
    WITH beside AS MATERIALIZED (SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${fits} AS fits FROM ${tables.jobs} j WHERE ${from} LIMIT ${seen})
    SELECT id, created_at, ready_at FROM beside WHERE fits AND ${isComplete}`;
}

/**
 * OFFSET 0 keeps the planner from walking created_at backwards over everybody's jobs in search of this batch's, or
 * reading the index of a class that half of them have: by index_good_jobs_on_batch_id a batch of any age costs its own
 * size and no more. The state stays inside: of the discarded there are few, and they have an index. No column but
 * those needed: the whole row through a subquery costs half as much again.
 */
const allMembers = (
  tables: GoodJobTables,
  batchId: string,
  { state, terms }: JobFilter,
): Sql => sql`
  SELECT id, created_at, ready_at FROM (
    SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${redactedMatch(tables, { state: null, terms }).sql} AS fits
      FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} AND ${redactedMatch(tables, { state, terms: [] }).sql} OFFSET 0) j
   WHERE fits`;

/** A member, by its place in the batch's order. */
interface Bound {
  id: string;
  createdAt: string;
  readyAt: string;
}

/** Pages of a batch with so many members are kept: to read them all is what takes the time. */
const LARGE = 5_000;
/** How far before its last reading what may have joined a page is looked for, ms: the app's clock is another, and a job is seen only once its transaction has ended. */
const LOOK_BACK_MS = 10 * 60_000;
/** Of more that may have joined a page, as of a batch that was enqueued a minute ago, all members are the quicker to read. */
const JOINED = 2_000;

/** Members written last: of a batch's they are mostly the newest. */
const WRITTEN_LAST = 300;

/**
 * A place that the page surely does not reach beyond: the last row of the page that the members written last would
 * make by themselves (index_good_jobs_on_batch_id, backwards; it keeps one batch's rows in the table's order). It
 * spares most members the sorting. Null: they would not fill a page.
 */
async function pageBound(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  filter: JobFilter,
  from: Sql,
  order: Sql,
): Promise<(Bound & { isLarge: boolean }) | null> {
  const [row] = await tx.query<Bound & { isLarge: boolean }>(sql`
    SELECT j.id, j.created_at AS "createdAt", j.ready_at AS "readyAt",
           (SELECT count(*) = ${LARGE} FROM (SELECT 1 FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} LIMIT ${LARGE}) s) AS "isLarge" FROM (
      SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${redactedMatch(tables, filter).sql} AS fits
        FROM ${tables.jobs} j WHERE j.batch_id BETWEEN ${batchId} AND ${batchId} ORDER BY j.batch_id DESC LIMIT ${WRITTEN_LAST}) j
     WHERE j.fits AND ${from} ORDER BY ${order} OFFSET ${filter.limit} LIMIT 1`);
  return row ?? null;
}

function untilSql({ id, createdAt, readyAt: ready }: Bound, direction: Cursor['direction']): Sql {
  return direction === 'after'
    ? sql`j.created_at >= ${createdAt} AND (j.created_at > ${createdAt} OR j.ready_at > ${ready} OR (j.ready_at = ${ready} AND j.id <= ${id}))`
    : sql`j.created_at <= ${createdAt} AND (j.created_at < ${createdAt} OR j.ready_at < ${ready} OR (j.ready_at = ${ready} AND j.id >= ${id}))`;
}

type BatchJobPage = Pick<JobPage, 'rows' | 'previous' | 'next' | 'searched' | 'unsearched'>;
const NOTHING: BatchJobPage = {
  rows: [],
  previous: null,
  next: null,
  searched: null,
  unsearched: 0,
};

/** Members of the rest of the filter that one answer is about where each one found must be looked at again. */
const SEARCHED = 5_000;
/** Members of the first statement that searches them. */
const FIRST_PART = 250;

/** One page of a batch's jobs, newest first. */
export async function listBatchJobs(
  ctx: Ctx,
  batchId: string,
  asked: JobFilter,
): Promise<BatchJobPage> {
  if (!isUnderstood(asked)) return NOTHING;
  const { tables } = ctx;
  return ctx.db.read(
    async (tx) => {
      const { filter } = await resolveFilter(tx, tables, asked);
      const match = redactedMatch(tables, filter);
      if (match.needsRecheck) return searchBatch(tx, tables, batchId, filter, match);
      return {
        ...(await readBatchPage(tx, tables, batchId, filter, match)),
        searched: null,
        unsearched: 0,
      };
    },
    { byIndexOnly: true },
  );
}

/** The same where each job found must be looked at again: among so many members, however many candidates they are. */
async function searchBatch(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  filter: JobFilter,
  match: RedactedMatch,
): Promise<BatchJobPage> {
  const { cursor, limit } = filter;
  const place = cursor && (await placeOf(tx, tables, cursor));
  if (cursor && !place) return NOTHING;
  const order = inOrder(cursor);
  const from = cursor && place ? beyondPlace(cursor, place) : sql`true`;
  const members = await tx.query<{ id: string; at: string }>(sql`
      SELECT j.id, j.created_at AS at FROM (SELECT j.id, j.created_at, ${readyAt} AS ready_at FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} AND ${match.baseSql} OFFSET 0) j
       WHERE ${from} ORDER BY ${order} LIMIT ${SEARCHED + 1}`);
  const found = await searchMembers(tx, tables, match, members.slice(0, SEARCHED), limit + 1);
  const page = {
    ...toPage(await redactRows(found.rows), cursor, limit),
    unsearched: found.unsearched,
  };
  const end = members[found.looked - 1];
  if (found.rows.length > limit || found.looked === members.length || !end)
    return { ...page, searched: null };
  const further: Cursor = { direction: cursor?.direction ?? 'after', ...end };
  return {
    ...page,
    ...(further.direction === 'after' ? { next: further } : { previous: further }),
    searched: { at: end.at, looked: found.looked },
  };
}

/** Searches the members in their order, in parts that grow, until `wanted` are found or the bytes are used up. */
async function searchMembers(
  tx: Tx,
  tables: GoodJobTables,
  match: RedactedMatch,
  members: readonly { id: string }[],
  wanted: number,
): Promise<{ rows: ReadJobRow[]; unsearched: number; looked: number }> {
  const budget = new SearchBudget();
  const found = { rows: [] as ReadJobRow[], unsearched: 0, looked: 0 };
  for (let size = FIRST_PART; found.looked < members.length; size *= 4) {
    const ids = members.slice(found.looked, found.looked + size).map(({ id }) => id);
    const source = sql`unnest(${ids}::uuid[]) WITH ORDINALITY page(id, place) CROSS JOIN LATERAL (SELECT * FROM ${tables.jobs} j WHERE j.id = page.id OFFSET 0) j`;
    const scanned = await tx.query<ScannedJob>(
      match.scanSql(source, { lastN: ids.length, maxBytes: budget.remainingBytes }),
    );
    scanned.sort((a, b) => a.n - b.n);
    const cut = scanned.findIndex(({ exhausted }) => exhausted);
    const part = cut < 0 ? scanned : scanned.slice(0, cut + 1);
    const visible = await match.firstVisible<ReadJobRow>(tx, part, budget, {
      wanted: wanted - found.rows.length,
      columns: jobRowColumns(tables, sql`j.created_at`),
    });
    found.rows.push(...visible.rows);
    found.unsearched += visible.unsearched;
    found.looked += cut < 0 ? ids.length : (part.at(-1)?.n ?? ids.length);
    budget.remainingBytes -= part.at(-1)?.total ?? 0;
    if (cut >= 0 || found.rows.length >= wanted) break;
  }
  return found;
}

const inOrder = (cursor: Cursor | null): Sql =>
  cursor?.direction === 'before'
    ? sql`created_at, ready_at, id DESC`
    : sql`created_at DESC, ready_at DESC, id`;

/** What finds the jobs of a time, without which all members would have to be looked at for each. */
const BY_TIME = [
  'add_index_good_jobs_created_at',
  'add_index_good_jobs_scheduled_at_and_queue_name',
  'add_index_good_jobs_finished_at_for_cleanup',
];

/** Null: what the page holds may change without a time of a job that says so. A class does not, and a job that has finished says when. */
function keyOf(
  tables: GoodJobTables,
  batchId: string,
  { state, terms, cursor, limit }: JobFilter,
  place: BatchPlace | null,
): string | null {
  if (tables.schema.missingMigrations.some(({ migration }) => BY_TIME.includes(migration)))
    return null;
  if (
    (state !== null && state !== 'succeeded' && state !== 'discarded') ||
    !terms.every((term) => term.kind === 'match' && term.field === 'class')
  )
    return null;
  return JSON.stringify([batchId, state, terms, cursor, place, limit]);
}

/** A page's own rows, and the members that were created, came to be due at another time, or finished after that moment (what has waited since for a day to come was not written since); nothing where they are too many. */
const membersSince = (
  tables: GoodJobTables,
  batchId: string,
  state: JobFilter['state'],
  ids: readonly string[],
  since: number,
  condition: Sql,
): Sql => {
  const after = new Date(since).toISOString();
  const joined = (column: 'created_at' | 'scheduled_at' | 'finished_at') =>
    sql`UNION (SELECT j.id FROM ${tables.jobs} j WHERE j.batch_id = ${batchId} AND j.${raw(column)} >= ${after} AND j.updated_at >= ${after} LIMIT ${JOINED + 1})`;
  return sql`
    WITH candidate AS MATERIALIZED (
      SELECT id FROM unnest(${ids}::uuid[]) id ${joined('created_at')} ${joined('scheduled_at')} ${state === null ? sql`` : joined('finished_at')})
    SELECT j.id, j.created_at, ${readyAt} AS ready_at FROM candidate JOIN ${tables.jobs} j USING (id) WHERE (SELECT count(*) FROM candidate) <= ${JOINED} AND j.batch_id = ${batchId} AND ${condition}`;
};

async function readBatchPage(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  filter: JobFilter,
  { sql: condition }: RedactedMatch,
): Promise<Page<JobRow>> {
  const { cursor, limit } = filter;
  const direction = cursor?.direction ?? 'after';
  const order = inOrder(cursor);
  const place = cursor && (await placeOf(tx, tables, cursor));
  if (cursor && !place) return { rows: [], previous: null, next: null };
  const from = cursor && place ? beyondPlace(cursor, place) : sql`true`;
  const read = async (members: Sql, to: Sql) => {
    const rows = await tx.query<ReadJobRow>(sql`
      WITH page AS MATERIALIZED (
        SELECT j.id, j.created_at, j.ready_at FROM (${members}) j WHERE ${from} AND ${to} ORDER BY ${order} LIMIT ${limit + 1}),
      numbered AS (SELECT id, row_number() OVER (ORDER BY ${order}) AS n FROM page)
      SELECT ${jobRowColumns(tables, sql`j.created_at`)} FROM numbered JOIN ${tables.jobs} j USING (id) ORDER BY numbered.n`);
    return redactRows(rows);
  };
  const readAt = Date.now();
  const key = keyOf(tables, batchId, filter, place);
  const keep = (rows: readonly JobRow[], scannedAt: number) =>
    key !== null &&
    rows.length > 0 &&
    keepPage(tables.schema, key, { ids: rows.map(({ id }) => id), readAt, scannedAt });
  const known = key && knownPage(tables.schema, key);
  if (known) {
    const rows = await read(
      membersSince(
        tables,
        batchId,
        filter.state,
        known.ids,
        known.readAt - LOOK_BACK_MS,
        condition,
      ),
      sql`true`,
    );
    if (stillHolds(known, rows, limit)) {
      keep(rows, known.scannedAt);
      return toPage(rows, cursor, limit);
    }
  }
  const fits = sql`j.batch_id = ${batchId} AND ${condition}`;
  // A batch's jobs mostly lie side by side, so a page beyond a cursor seldom needs all of them.
  const near =
    cursor && place
      ? await read(membersBeside(tables, cursor, place, fits, LOOKED_AT * (limit + 1)), sql`true`)
      : [];
  if (near.length > limit) return toPage(near, cursor, limit);
  const bound = await pageBound(tx, tables, batchId, filter, from, order);
  const rows = await read(
    allMembers(tables, batchId, filter),
    bound ? untilSql(bound, direction) : sql`true`,
  );
  if (bound?.isLarge) keep(rows, readAt);
  return toPage(rows, cursor, limit);
}
