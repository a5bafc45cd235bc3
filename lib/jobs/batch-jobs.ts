import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { type Cursor, toPage } from '../core/urls';
import type { Tx } from '../db/database';
import { type GoodJobTables, readyAt } from '../good-job/tables';
import { type JobFilter, isUnderstood, resolveFilter } from './filters';
import { type RedactedMatch, SearchBudget, redactedMatch, scannedJob } from './recheck';
import { type ReadJobRow, jobRowColumns, readJobRow, redactRows } from './rows';
import { searchMarks } from './summary';
import type { JobPage } from './types';

type BatchJobPage = Pick<JobPage, 'rows' | 'previous' | 'next' | 'partial' | 'unsearched'>;
const EMPTY_PAGE: BatchJobPage = {
  rows: [],
  previous: null,
  next: null,
  partial: null,
  unsearched: 0,
};

/** Returns one page of a batch's jobs, newest first. Throws ConsoleError `query_timeout`. */
export async function listBatchJobs(
  ctx: Ctx,
  batchId: string,
  input: JobFilter,
): Promise<BatchJobPage> {
  if (!isUnderstood(input)) return EMPTY_PAGE;
  const { tables } = ctx;
  return ctx.db.read(
    async (tx) => {
      const { filter } = await resolveFilter(tx, tables, input);
      const { cursor } = filter;
      const place = cursor && (await placeOf(tx, tables, cursor));
      if (cursor && !place) return EMPTY_PAGE;
      const query: MembersQuery = {
        tx,
        tables,
        batchId,
        filter,
        match: redactedMatch(tables, filter),
        start: cursor && place ? { cursor, place } : null,
        afterCursor: cursor && place ? afterPlaceSql(cursor, place) : sql`true`,
        order: orderFrom(cursor),
      };
      return query.match.needsRecheck ? searchBatch(query) : readBatchPage(query);
    },
    { byIndexOnly: true },
  );
}

/** A page of the members of a batch. */
interface MembersQuery {
  tx: Tx;
  tables: GoodJobTables;
  batchId: string;
  filter: JobFilter;
  match: RedactedMatch;
  /** Null for the first page. */
  start: { cursor: Cursor; place: BatchPlace } | null;
  /** Condition for rows after the cursor. */
  afterCursor: Sql;
  /** ORDER BY; reversed for a page before the cursor. */
  order: Sql;
}

/**
 * The sort keys of a cursor's row. Bulk-enqueued jobs share their `created_at`; among those, jobs
 * due later come first.
 */
interface BatchPlace {
  createdAt: string;
  /** Null if the row was deleted. */
  readyAt: string | null;
}

const placeRow = z.strictObject({ createdAt: z.string(), readyAt: z.string() });

/** Returns null if the row of the cursor was deleted and the cursor has no time. */
async function placeOf(tx: Tx, tables: GoodJobTables, cursor: Cursor): Promise<BatchPlace | null> {
  const [row] = await tx.query(
    placeRow,
    sql`
      SELECT j.created_at AS "createdAt", ${readyAt} AS "readyAt"
        FROM ${tables.jobs} j
       WHERE j.id = ${cursor.id}`,
  );
  return row ?? (cursor.at === null ? null : { createdAt: cursor.at, readyAt: null });
}

const orderFrom = (cursor: Cursor | null): Sql =>
  cursor?.direction === 'before'
    ? sql`created_at, ready_at, id DESC`
    : sql`created_at DESC, ready_at DESC, id`;

/**
 * Returns the condition for rows after a cursor. If the cursor's row was deleted, jobs with its
 * `created_at` are repeated, so that none is skipped.
 */
function afterPlaceSql(cursor: Cursor, { createdAt, readyAt: ready }: BatchPlace): Sql {
  if (cursor.direction === 'after') {
    const tieBreak =
      ready === null
        ? sql`true`
        : sql`(j.created_at < ${createdAt} OR j.ready_at < ${ready}
               OR (j.ready_at = ${ready} AND j.id > ${cursor.id}::uuid))`;
    return sql`j.created_at <= ${createdAt} AND ${tieBreak}`;
  }
  const tieBreak =
    ready === null
      ? sql`true`
      : sql`(j.created_at > ${createdAt} OR j.ready_at > ${ready}
             OR (j.ready_at = ${ready} AND j.id < ${cursor.id}::uuid))`;
  return sql`j.created_at >= ${createdAt} AND ${tieBreak}`;
}

/** Tries three strategies, from the cheapest to the one that always succeeds. */
async function readBatchPage(query: MembersQuery): Promise<BatchJobPage> {
  const rows =
    (await readBesideCursor(query)) ??
    (await readUpToBound(query)) ??
    (await readMembers(query, allMembers(query)));
  const { cursor, limit } = query.filter;
  return { ...EMPTY_PAGE, ...toPage(await redactRows(rows), cursor, limit) };
}

/** Reads the page and the next row from `members`, a query of id, created_at and ready_at. */
async function readMembers(
  { tx, tables, filter, afterCursor, order }: MembersQuery,
  members: Sql,
  until = sql`true`,
): Promise<ReadJobRow[]> {
  return tx.query(
    readJobRow,
    sql`
      WITH page AS MATERIALIZED (
        SELECT j.id, j.created_at, j.ready_at
          FROM (${members}) j
         WHERE ${afterCursor} AND ${until}
         ORDER BY ${order}
         LIMIT ${filter.limit + 1}),
      numbered AS (
        SELECT id, row_number() OVER (ORDER BY ${order}) AS n
          FROM page)
      SELECT ${jobRowColumns(tables, sql`j.created_at`)}
        FROM numbered
        JOIN ${tables.jobs} j USING (id)
       ORDER BY numbered.n`,
  );
}

/** Number of jobs scanned from the cursor on, for each row of the page. */
const SCANNED_PER_ROW = 40;

/**
 * Scans the jobs of all batches from the cursor on by index_good_jobs_on_created_at, because the
 * jobs of one batch are usually created together. Returns null if too few members are found.
 */
async function readBesideCursor(query: MembersQuery): Promise<ReadJobRow[] | null> {
  const { tables, batchId, filter, match, start } = query;
  if (!start) return null;
  const { createdAt } = start.place;
  const isForwards = start.cursor.direction === 'after';
  const range = isForwards
    ? sql`j.created_at <= ${createdAt} ORDER BY j.created_at DESC`
    : sql`j.created_at >= ${createdAt} ORDER BY j.created_at`;
  // The scan may end among jobs with the same `created_at`, so jobs with the last one are dropped.
  const isComplete = isForwards
    ? sql`created_at > (SELECT min(created_at) FROM beside)`
    : sql`created_at < (SELECT max(created_at) FROM beside)`;
  const rows = await readMembers(
    query,
    sql`
      WITH beside AS MATERIALIZED (
        SELECT j.id, j.created_at, ${readyAt} AS ready_at,
               j.batch_id = ${batchId} AND ${match.sql} AS fits
          FROM ${tables.jobs} j
         WHERE ${range}
         LIMIT ${SCANNED_PER_ROW * (filter.limit + 1)})
      SELECT id, created_at, ready_at
        FROM beside
       WHERE fits AND ${isComplete}`,
  );
  return rows.length > filter.limit ? rows : null;
}

/**
 * Reads only the members up to `pageBound`, so that most members are not sorted. Returns null
 * without a bound.
 */
async function readUpToBound(query: MembersQuery): Promise<ReadJobRow[] | null> {
  const bound = await pageBound(query);
  if (!bound) return null;
  const until = untilSql(bound, query.filter.cursor?.direction ?? 'after');
  return readMembers(query, allMembers(query), until);
}

/** Number of the most recently written members, usually the newest, that can bound a page. */
const LAST_WRITTEN = 300;

const boundRow = z.strictObject({ id: z.string(), createdAt: z.string(), readyAt: z.string() });
type Bound = z.infer<typeof boundRow>;

/**
 * Returns the last row of the page that the LAST_WRITTEN members alone would have; null if they do
 * not fill it. A backward scan of index_good_jobs_on_batch_id returns the last written rows first.
 */
async function pageBound({
  tx,
  tables,
  batchId,
  filter,
  match,
  afterCursor,
  order,
}: MembersQuery): Promise<Bound | null> {
  const [row] = await tx.query(
    boundRow,
    sql`
      SELECT j.id, j.created_at AS "createdAt", j.ready_at AS "readyAt"
        FROM (SELECT j.id, j.created_at, ${readyAt} AS ready_at, ${match.sql} AS fits
                FROM ${tables.jobs} j
               WHERE j.batch_id BETWEEN ${batchId} AND ${batchId}
               ORDER BY j.batch_id DESC
               LIMIT ${LAST_WRITTEN}) j
       WHERE j.fits AND ${afterCursor}
       ORDER BY ${order}
      OFFSET ${filter.limit}
       LIMIT 1`,
  );
  return row ?? null;
}

function untilSql({ id, createdAt, readyAt: ready }: Bound, direction: Cursor['direction']): Sql {
  return direction === 'after'
    ? sql`j.created_at >= ${createdAt}
          AND (j.created_at > ${createdAt} OR j.ready_at > ${ready}
               OR (j.ready_at = ${ready} AND j.id <= ${id}))`
    : sql`j.created_at <= ${createdAt}
          AND (j.created_at < ${createdAt} OR j.ready_at < ${ready}
               OR (j.ready_at = ${ready} AND j.id >= ${id}))`;
}

/**
 * Selects all members by index_good_jobs_on_batch_id; OFFSET 0 rules out plans that read jobs of
 * other batches. The state is a condition of the subquery so that the index of discarded jobs can
 * be used, and selecting unused columns would make the query 50% slower.
 */
const allMembers = ({ tables, batchId, filter: { state, terms } }: MembersQuery): Sql => sql`
  SELECT id, created_at, ready_at
    FROM (SELECT j.id, j.created_at, ${readyAt} AS ready_at,
                 ${redactedMatch(tables, { state: null, terms }).sql} AS fits
            FROM ${tables.jobs} j
           WHERE j.batch_id = ${batchId} AND ${redactedMatch(tables, { state, terms: [] }).sql}
          OFFSET 0) j
   WHERE fits`;

/** Members that one page searches when matches must be rechecked. */
const MAX_SEARCHED = 5_000;
/** Members that the first statement of a search reads. */
const FIRST_PART = 250;

const memberRow = z.strictObject({ id: z.string(), at: z.string() });

/**
 * Searches the next MAX_SEARCHED members with a recheck. Where the search ends must not depend on
 * the number of candidates, which would reveal hidden values.
 */
async function searchBatch(query: MembersQuery): Promise<BatchJobPage> {
  const { tx, tables, batchId, filter, match, afterCursor, order } = query;
  const { cursor, limit } = filter;
  const members = await tx.query(
    memberRow,
    sql`
      SELECT j.id, j.created_at AS at
        FROM (SELECT j.id, j.created_at, ${readyAt} AS ready_at
                FROM ${tables.jobs} j
               WHERE j.batch_id = ${batchId} AND ${match.baseSql}
              OFFSET 0) j
       WHERE ${afterCursor}
       ORDER BY ${order}
       LIMIT ${MAX_SEARCHED + 1}`,
  );
  const search = await searchMembers(query, members.slice(0, MAX_SEARCHED), limit + 1);
  const page = {
    ...toPage(await redactRows(search.rows, { marks: searchMarks(filter.terms) }), cursor, limit),
    unsearched: search.unsearched,
  };
  const end = members[search.scanned - 1];
  if (search.rows.length > limit || search.scanned === members.length || !end)
    return { ...page, partial: null };
  const resumeCursor: Cursor = { direction: cursor?.direction ?? 'after', ...end };
  return {
    ...page,
    ...(resumeCursor.direction === 'after' ? { next: resumeCursor } : { previous: resumeCursor }),
    partial: { at: end.at, scanned: search.scanned },
  };
}

interface MemberSearch {
  rows: ReadJobRow[];
  unsearched: number;
  scanned: number;
}

/**
 * Searches members in order and in growing chunks until `wanted` matches are found or the byte
 * budget is used up.
 */
async function searchMembers(
  { tx, tables, match }: MembersQuery,
  members: readonly { id: string }[],
  wanted: number,
): Promise<MemberSearch> {
  const budget = new SearchBudget();
  const result: MemberSearch = { rows: [], unsearched: 0, scanned: 0 };
  const columns = {
    sql: jobRowColumns(tables, sql`j.created_at`),
    schema: readJobRow.loose(),
  };
  for (let size = FIRST_PART; result.scanned < members.length; size *= 4) {
    const ids = members.slice(result.scanned, result.scanned + size).map(({ id }) => id);
    const source = sql`unnest(${ids}::uuid[]) WITH ORDINALITY page(id, place)
      CROSS JOIN LATERAL (
        SELECT *
          FROM ${tables.jobs} j
         WHERE j.id = page.id
        OFFSET 0) j`;
    const scanned = await tx.query(
      scannedJob,
      match.scanSql(source, { lastN: ids.length, maxBytes: budget.remainingBytes }),
    );
    scanned.sort((a, b) => a.n - b.n);
    const exhaustedAt = scanned.findIndex(({ exhausted }) => exhausted);
    const part = exhaustedAt < 0 ? scanned : scanned.slice(0, exhaustedAt + 1);
    const visible = await match.firstVisible(tx, part, budget, {
      wanted: wanted - result.rows.length,
      columns,
    });
    result.rows.push(...visible.rows);
    result.unsearched += visible.unsearched;
    result.scanned += exhaustedAt < 0 ? ids.length : (part.at(-1)?.n ?? ids.length);
    budget.remainingBytes -= part.at(-1)?.total ?? 0;
    if (exhaustedAt >= 0 || result.rows.length >= wanted) break;
  }
  return result;
}
