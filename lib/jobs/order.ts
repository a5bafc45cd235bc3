import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Cursor } from '../core/search-params';
import { type JobState, readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { compareTime } from '../search/conditions';
import type { Term } from '../search/terms';
import { Column, FIRST } from './columns';
import {
  type JobFilter,
  SORT_COLUMNS,
  type Sort,
  type SortColumn,
  jobFilterParams,
  listedStates,
  naturalSort,
  sortOf,
  suits,
} from './filters';

/** A part of a list that one index keeps in order; a list may need two, where NULL stands for another column. */
interface Branch {
  where: Sql;
  /** The index's own columns; null: these rows all come after every time, sorted by id alone. */
  keys: Sql[] | null;
}

/** How a list is sorted: by its keys, and `id` breaks their ties in the same direction. */
export interface ListOrder extends Sort {
  keys: Sql[];
  /** The keys as one value, for a cursor. */
  sortAt: Sql;
  branches: Branch[];
  /** Whether the database has the index; without it every page sorts all jobs. */
  indexed: boolean;
}

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];
const areAll = (states: readonly JobState[], some: readonly JobState[]) =>
  states.every((state) => some.includes(state));

export function listOrder(
  tables: GoodJobTables,
  sort: Sort,
  states: readonly JobState[],
): ListOrder {
  const lacks = (migration: string) =>
    tables.schema.missingMigrations.some((missing) => missing.migration === migration);
  const one = (column: Sql, indexed: boolean): ListOrder => ({
    ...sort,
    keys: [column],
    sortAt: column,
    branches: [{ where: sql`true`, keys: [column] }],
    indexed,
  });
  switch (sort.column) {
    case 'created': // index_good_jobs_on_created_at
      return one(sql`j.created_at`, !lacks('add_index_good_jobs_created_at'));
    case 'performed': // no index; running jobs are few
      return one(sql`j.performed_at`, false);
    case 'scheduled': // index_good_jobs_on_scheduled_at, …_on_scheduled_at_and_queue_name
      return {
        ...one(
          readyAt,
          areAll(states, UNFINISHED) || !lacks('add_index_good_jobs_scheduled_at_and_queue_name'),
        ),
        branches: [
          { where: sql`j.scheduled_at IS NOT NULL`, keys: [sql`j.scheduled_at`] },
          { where: sql`j.scheduled_at IS NULL`, keys: [sql`j.created_at`] },
        ],
      };
    case 'finished': {
      // index_good_jobs_jobs_on_finished_at_only, …_on_discarded; for the open ones …_on_unfinished_or_errored
      const finished: Branch = {
        where: sql`j.finished_at IS NOT NULL`,
        keys: [sql`j.finished_at`],
      };
      const open: Branch = { where: sql`j.finished_at IS NULL`, keys: null };
      const unfinished = areAll(states, UNFINISHED);
      const branches = unfinished
        ? [open]
        : !states.some((state) => UNFINISHED.includes(state))
          ? [finished]
          : sort.direction === 'asc'
            ? [finished, open]
            : [open, finished];
      return {
        ...one(
          sql`coalesce(j.finished_at, 'infinity')`,
          !branches.includes(open) || !lacks('add_index_good_jobs_on_unfinished_or_errored'),
        ),
        branches,
      };
    }
    case 'priority': {
      // index_good_jobs_on_priority_scheduled_at_unfinished
      const last = sql`coalesce(j.priority, 2147483647)`;
      return {
        ...one(last, !lacks('add_index_good_jobs_priority_scheduled_at')),
        keys: [last, readyAt],
        // Printed the same of both types that the columns may have.
        sortAt: sql`${last} || '/' || CASE WHEN ${readyAt} BETWEEN '0001-01-01' AND '294276-12-31 23:59:59.999999'
          THEN to_char(${readyAt}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') ELSE ${readyAt}::text END`,
        branches: [
          {
            where: sql`j.priority IS NOT NULL AND j.scheduled_at IS NOT NULL`,
            keys: [sql`j.priority`, sql`j.scheduled_at`],
          },
          { where: sql`j.priority IS NULL`, keys: [last, readyAt] },
          {
            where: sql`j.priority IS NOT NULL AND j.scheduled_at IS NULL`,
            keys: [sql`j.priority`, sql`j.created_at`],
          },
        ],
      };
    }
  }
}

const isForwards = (order: ListOrder, cursor: Cursor) =>
  (order.direction === 'asc') === (cursor.direction === 'after');

/** The rows beyond the cursor. The plain comparison beside the row comparison lets an index on the key alone bound the scan. */
export function afterCursorSql(order: ListOrder, keys: Sql[] | null, cursor: Cursor): Sql {
  const forwards = isForwards(order, cursor);
  const than = raw(forwards ? '>' : '<');
  if (keys === null)
    return cursor.at === 'infinity'
      ? sql`j.id ${than} ${cursor.id}::uuid`
      : forwards
        ? sql`true`
        : sql`false`;
  const values = order.column === 'priority' ? (cursor.at ?? '').split('/') : [cursor.at];
  return sql`${keys[0] ?? sql`j.id`} ${than}= ${values[0]} AND (${join([...keys, sql`j.id`])}) ${than} (${join([...values.map((value) => sql`${value}`), sql`${cursor.id}::uuid`])})`;
}

/** ORDER BY for reading from the cursor in its direction (backwards for `before`; turn the rows round afterwards). */
export function orderBySql(order: ListOrder, keys: Sql[], cursor: Cursor | null): Sql {
  const way = raw(
    (order.direction === 'desc') !== (cursor?.direction === 'before') ? 'DESC' : 'ASC',
  );
  return sql`ORDER BY ${join([...keys, sql`j.id`].map((key) => sql`${key} ${way}`))}`;
}

/**
 * The first `size` rows beyond the cursor as `j`, of those that the order's index can be told to read: never fewer
 * than the filter's, so that a window's end is a place in the list.
 */
export function listWindow(
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  terms: Term[],
  cursor: Cursor | null,
  size: number,
): Sql {
  if (!order.indexed) return unindexedWindow(tables, order, cursor, size);
  const parts = (cursor?.direction === 'before' ? order.branches.toReversed() : order.branches).map(
    ({ where, keys }) => {
      const conditions = [
        where,
        ...served(tables, order, states, terms, keys),
        ...(cursor ? [afterCursorSql(order, keys, cursor)] : []),
      ];
      const columns =
        order.branches.length > 1
          ? sql`j.*, ${join((keys ?? order.keys).map((key, n) => sql`${key} AS ${raw(`key_${n}`)}`))}`
          : sql`j.*`;
      return sql`SELECT ${columns} FROM ${tables.jobs} j WHERE ${join(conditions, ' AND ')} ${orderBySql(order, keys ?? [], cursor)} LIMIT ${size}`;
    },
  );
  if (parts.length === 1) return parts[0] ?? sql``;
  const union = sql`SELECT * FROM (${join(
    parts.map((part) => sql`(${part})`),
    ' UNION ALL ',
  )}) j`;
  // Of the finished and the open ones the ones are all before the others.
  return order.column === 'finished'
    ? sql`${union} LIMIT ${size}`
    : sql`${union} ${orderBySql(
        order,
        order.keys.map((_, n) => raw(`j.key_${n}`)),
        cursor,
      )} LIMIT ${size}`;
}

/** All jobs have to be sorted: by what fits into the memory for it. */
function unindexedWindow(
  tables: GoodJobTables,
  order: ListOrder,
  cursor: Cursor | null,
  size: number,
): Sql {
  const beyond = cursor ? afterCursorSql(order, order.keys, cursor) : sql`true`;
  return sql`SELECT j.* FROM (SELECT j.id FROM ${tables.jobs} j WHERE ${beyond} ${orderBySql(order, order.keys, cursor)} LIMIT ${size}) place
    JOIN ${tables.jobs} j ON j.id = place.id ${orderBySql(order, order.keys, cursor)}`;
}

/** What of the filter the order's own index serves. */
function served(
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  terms: Term[],
  keys: Sql[] | null,
): Sql[] {
  const has = (migration: string) =>
    !tables.schema.missingMigrations.some((missing) => missing.migration === migration);
  const found: Sql[] = [];
  const [key] = keys ?? [];
  const equal = (field: string) =>
    terms.flatMap((term) =>
      term.kind === 'match' &&
      term.field === field &&
      !term.negated &&
      term.values.length === 1 &&
      !/[*\\]/.test(term.values[0] ?? '')
        ? [term.values[0]]
        : [],
    );
  for (const term of terms)
    if (term.kind === 'time' && !term.negated && term.field === order.column)
      found.push(
        key
          ? join(
              term.bounds.map((bound) => compareTime(key, bound)),
              ' AND ',
            )
          : sql`false`,
      );
  if (
    order.column === 'finished' &&
    areAll(states, ['discarded']) &&
    has('add_index_good_jobs_discarded')
  )
    found.push(sql`j.error IS NOT NULL`);
  if (order.column === 'created')
    found.push(...equal('cron').map((value) => sql`j.cron_key = ${value}`)); // …_on_cron_key_and_created_at_cond
  if (order.column === 'priority' || (order.column === 'scheduled' && areAll(states, UNFINISHED)))
    found.push(sql`j.finished_at IS NULL`);
  if (order.column === 'scheduled' && key && areAll(states, UNFINISHED)) {
    found.push(...equal('queue').map((value) => sql`j.queue_name = ${value}`)); // …_on_queue_name_and_scheduled_at
    if (areAll(states, ['scheduled', 'retried'])) found.push(sql`${key} > now()`);
    if (areAll(states, ['queued'])) found.push(sql`${key} <= now()`);
  }
  return found;
}

/** The head of a column: where it leads, and how the list is sorted by it now. */
export interface SortHead {
  href: string;
  sorted: 'ascending' | 'descending' | null;
}

export interface SortChoice {
  column: SortColumn;
  direction: Sort['direction'];
  href: string;
  current: boolean;
}

/** Every order that an index keeps a list with this filter in, both ways. */
export function sortChoices(filter: JobFilter, path: string): SortChoice[] {
  const states = listedStates(filter);
  const current = sortOf(filter);
  return SORT_COLUMNS.filter((column) => suits({ column }, states)).flatMap((column) =>
    (['desc', 'asc'] as const).map((direction) => ({
      column,
      direction,
      href: `${path}?${new URLSearchParams(jobFilterParams({ ...filter, sort: { column, direction } }))}`,
      current: current.column === column && current.direction === direction,
    })),
  );
}

/** The columns by which a list with this filter can be sorted, each with the link that sorts by it, or turns it round. */
export function sortHeads(filter: JobFilter, path: string): Partial<Record<Column, SortHead>> {
  const states = listedStates(filter);
  const current = sortOf(filter);
  const head = (column: SortColumn): SortHead => {
    const sorted = current.column === column;
    const direction = sorted ? (current.direction === 'asc' ? 'desc' : 'asc') : FIRST[column];
    return {
      href: `${path}?${new URLSearchParams(jobFilterParams({ ...filter, sort: { column, direction } }))}`,
      sorted: sorted ? (current.direction === 'asc' ? 'ascending' : 'descending') : null,
    };
  };
  const heads: Partial<Record<Column, SortHead>> = Object.fromEntries(
    SORT_COLUMNS.filter((column) => suits({ column }, states)).map((column) => [
      column,
      head(column),
    ]),
  );
  // The time that a row shows is its state's own; of several states no index has it.
  const natural = naturalSort(states);
  if (natural.column !== 'created' && suits(natural, states)) heads.time = head(natural.column);
  return heads;
}
