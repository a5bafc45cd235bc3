import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Cursor } from '../core/urls';
import { type GoodJobTables, hasIndex, readyAt } from '../good-job/tables';
import { type JobState } from '../good-job/types';
import { compareTime } from '../search/conditions';
import { DURATION_FIELDS, type DurationField, type Term } from '../search/terms';
import {
  type JobFilter,
  type PageSort,
  SORT_COLUMNS,
  type Sort,
  type SortColumn,
  jobFilterParams,
  listedStates,
  sortOf,
  canSortBy,
} from './filters';
import { type Column, FIRST_DIRECTION, type JobRow } from './types';

/**
 * A part of a list that one index sorts. A list has several parts if rows whose sort column is NULL
 * are sorted by another column.
 */
interface Branch {
  where: Sql;
  /**
   * Columns of the index; null for rows without a time, which come last and are sorted by id alone.
   */
  keys: Sql[] | null;
}

/** The order of a list: by its keys, then by `id` in the same direction. */
export interface ListOrder extends Sort {
  keys: Sql[];
  /** The keys as one value, for a cursor. */
  sortAt: Sql;
  branches: Branch[];
  /** Whether the database has the index. Without it every page sorts all jobs. */
  isIndexed: boolean;
}

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];
const areAll = (states: readonly JobState[], allowed: readonly JobState[]) =>
  states.every((state) => allowed.includes(state));

function singleKeyOrder(sort: Sort, column: Sql, indexed: boolean): ListOrder {
  return {
    ...sort,
    keys: [column],
    sortAt: column,
    branches: [{ where: sql`true`, keys: [column] }],
    isIndexed: indexed,
  };
}

/** Returns the order of a list of jobs in these states, with the indexes that sort it. */
export function listOrder(
  tables: GoodJobTables,
  sort: Sort,
  states: readonly JobState[],
): ListOrder {
  switch (sort.column) {
    case 'created': // index_good_jobs_on_created_at
      return singleKeyOrder(
        sort,
        sql`j.created_at`,
        hasIndex(tables, 'add_index_good_jobs_created_at'),
      );
    case 'performed': // No index, but there are few running jobs.
      return singleKeyOrder(sort, sql`j.performed_at`, false);
    case 'scheduled': // index_good_jobs_on_scheduled_at, …_on_scheduled_at_and_queue_name
      return {
        ...singleKeyOrder(
          sort,
          readyAt,
          areAll(states, UNFINISHED) ||
            hasIndex(tables, 'add_index_good_jobs_scheduled_at_and_queue_name'),
        ),
        branches: [
          { where: sql`j.scheduled_at IS NOT NULL`, keys: [sql`j.scheduled_at`] },
          { where: sql`j.scheduled_at IS NULL`, keys: [sql`j.created_at`] },
        ],
      };
    case 'finished':
      return finishedOrder(tables, sort, states);
    case 'priority':
      return priorityOrder(tables, sort);
  }
}

/**
 * Uses index_good_jobs_jobs_on_finished_at_only, …_on_discarded and, for unfinished jobs,
 * …_on_unfinished_or_errored.
 */
function finishedOrder(tables: GoodJobTables, sort: Sort, states: readonly JobState[]): ListOrder {
  const finished: Branch = { where: sql`j.finished_at IS NOT NULL`, keys: [sql`j.finished_at`] };
  const unfinished: Branch = { where: sql`j.finished_at IS NULL`, keys: null };
  let branches = sort.direction === 'asc' ? [finished, unfinished] : [unfinished, finished];
  if (areAll(states, UNFINISHED)) branches = [unfinished];
  else if (!states.some((state) => UNFINISHED.includes(state))) branches = [finished];
  const isIndexed =
    !branches.includes(unfinished) ||
    hasIndex(tables, 'add_index_good_jobs_on_unfinished_or_errored');
  return {
    ...singleKeyOrder(sort, sql`coalesce(j.finished_at, 'infinity')`, isIndexed),
    branches,
  };
}

/** Uses index_good_jobs_on_priority_scheduled_at_unfinished. A NULL priority is sorted last. */
function priorityOrder(tables: GoodJobTables, sort: Sort): ListOrder {
  const priority = sql`coalesce(j.priority, 2147483647)`;
  const isIndexed = hasIndex(tables, 'add_index_good_jobs_priority_scheduled_at');
  return {
    ...singleKeyOrder(sort, priority, isIndexed),
    keys: [priority, readyAt],
    // to_char prints timestamp and timestamptz columns alike, but not times beyond its range.
    sortAt: sql`${priority} || '/' ||
      CASE WHEN ${readyAt} BETWEEN '0001-01-01' AND '294276-12-31 23:59:59.999999'
           THEN to_char(${readyAt}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
           ELSE ${readyAt}::text END`,
    branches: [
      {
        where: sql`j.priority IS NOT NULL AND j.scheduled_at IS NOT NULL`,
        keys: [sql`j.priority`, sql`j.scheduled_at`],
      },
      { where: sql`j.priority IS NULL`, keys: [priority, readyAt] },
      {
        where: sql`j.priority IS NOT NULL AND j.scheduled_at IS NULL`,
        keys: [sql`j.priority`, sql`j.created_at`],
      },
    ],
  };
}

const isForwards = (order: ListOrder, cursor: Cursor) =>
  (order.direction === 'asc') === (cursor.direction === 'after');

/**
 * Returns the condition for rows after a cursor, in its direction. The plain comparison in addition
 * to the row comparison lets an index on the key alone bound the scan.
 */
export function afterCursorSql(order: ListOrder, keys: Sql[] | null, cursor: Cursor): Sql {
  const forwards = isForwards(order, cursor);
  const operator = raw(forwards ? '>' : '<');
  if (keys === null) {
    if (cursor.at === 'infinity') return sql`j.id ${operator} ${cursor.id}::uuid`;
    return forwards ? sql`true` : sql`false`;
  }
  const values = order.column === 'priority' ? (cursor.at ?? '').split('/') : [cursor.at];
  const rowKeys = join([...keys, sql`j.id`]);
  const cursorKeys = join([...values.map((value) => sql`${value}`), sql`${cursor.id}::uuid`]);
  return sql`${keys[0] ?? sql`j.id`} ${operator}= ${values[0]}
    AND (${rowKeys}) ${operator} (${cursorKeys})`;
}

/**
 * Returns ORDER BY for reading from a cursor. For `before` the order is reversed, and so must be
 * the rows.
 */
export function orderBySql(order: ListOrder, keys: Sql[], cursor: Cursor | null): Sql {
  const direction = raw(
    (order.direction === 'desc') !== (cursor?.direction === 'before') ? 'DESC' : 'ASC',
  );
  return sql`ORDER BY ${join([...keys, sql`j.id`].map((key) => sql`${key} ${direction}`))}`;
}

/**
 * Returns a query of the first `size` rows after a cursor, as `j`. Only predicates that the index
 * itself supports limit them, so the end of a window is a valid cursor of the list.
 */
export function listWindow(
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  terms: Term[],
  cursor: Cursor | null,
  size: number,
): Sql {
  if (!order.isIndexed) return unindexedWindow(tables, order, cursor, size);
  const isBackwards = cursor?.direction === 'before';
  const branches = isBackwards ? order.branches.toReversed() : order.branches;
  const parts = branches.map(({ where, keys }) => {
    const conditions = [
      where,
      ...indexPredicates(tables, order, states, terms, keys),
      ...(cursor ? [afterCursorSql(order, keys, cursor)] : []),
    ];
    const keyColumns = (keys ?? order.keys).map((key, n) => sql`${key} AS ${raw(`key_${n}`)}`);
    return sql`
      SELECT ${branches.length > 1 ? sql`j.*, ${join(keyColumns)}` : sql`j.*`}
        FROM ${tables.jobs} j
       WHERE ${join(conditions, ' AND ')}
       ${orderBySql(order, keys ?? [], cursor)}
       LIMIT ${size}`;
  });
  if (parts.length === 1) return parts[0] ?? sql``;
  const allParts = join(
    parts.map((part) => sql`(${part})`),
    ' UNION ALL ',
  );
  const union = sql`
    SELECT *
      FROM (${allParts}) j`;
  // Finished rows all sort before or after unfinished ones, so the UNION ALL needs no outer sort.
  if (order.column === 'finished') return sql`${union} LIMIT ${size}`;
  const keys = order.keys.map((_, n) => raw(`j.key_${n}`));
  return sql`${union} ${orderBySql(order, keys, cursor)} LIMIT ${size}`;
}

/** Sorts ids first, because all jobs must be sorted and whole rows may not fit into work_mem. */
function unindexedWindow(
  tables: GoodJobTables,
  order: ListOrder,
  cursor: Cursor | null,
  size: number,
): Sql {
  const afterCursor = cursor ? afterCursorSql(order, order.keys, cursor) : sql`true`;
  const orderBy = orderBySql(order, order.keys, cursor);
  return sql`
    SELECT j.*
      FROM (SELECT j.id
              FROM ${tables.jobs} j
             WHERE ${afterCursor}
             ${orderBy}
             LIMIT ${size}) place
      JOIN ${tables.jobs} j ON j.id = place.id
     ${orderBy}`;
}

/** Returns the predicates of a filter that the order's own index supports. */
function indexPredicates(
  tables: GoodJobTables,
  order: ListOrder,
  states: readonly JobState[],
  terms: Term[],
  keys: Sql[] | null,
): Sql[] {
  const predicates: Sql[] = [];
  const [key] = keys ?? [];
  for (const term of terms)
    if (term.kind === 'time' && !term.negated && term.field === order.column)
      predicates.push(
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
    hasIndex(tables, 'add_index_good_jobs_discarded')
  )
    predicates.push(sql`j.error IS NOT NULL`);
  if (order.column === 'created')
    // …_on_cron_key_and_created_at_cond
    predicates.push(...exactValues(terms, 'cron').map((value) => sql`j.cron_key = ${value}`));
  if (order.column === 'priority' || (order.column === 'scheduled' && areAll(states, UNFINISHED)))
    predicates.push(sql`j.finished_at IS NULL`);
  if (order.column === 'scheduled' && key && areAll(states, UNFINISHED)) {
    // …_on_queue_name_and_scheduled_at
    predicates.push(...exactValues(terms, 'queue').map((value) => sql`j.queue_name = ${value}`));
    if (areAll(states, ['scheduled', 'retried'])) predicates.push(sql`${key} > now()`);
    if (areAll(states, ['queued'])) predicates.push(sql`${key} <= now()`);
  }
  return predicates;
}

/** Returns the values of terms that match a field by a single value without wildcards. */
function exactValues(terms: Term[], field: string): string[] {
  return terms.flatMap((term) => {
    if (term.kind !== 'match' || term.field !== field || term.negated) return [];
    const [value = ''] = term.values;
    return term.values.length === 1 && !/[*\\]/.test(value) ? [value] : [];
  });
}

/** The header of a sortable column: its link, and the current sort direction. */
export interface SortHeader {
  href: string;
  sorted: 'ascending' | 'descending' | null;
}

/** One sort order of a menu. */
export interface SortChoice {
  column: SortColumn | DurationField;
  direction: Sort['direction'];
  href: string;
  isCurrent: boolean;
}

const DIRECTIONS = ['desc', 'asc'] as const;
const reverse = (direction: Sort['direction']) => (direction === 'asc' ? 'desc' : 'asc');
const ariaSort = (direction: Sort['direction']) =>
  direction === 'asc' ? 'ascending' : 'descending';

const sortHref = (filter: JobFilter, path: string, sort: Sort | null, pageSort?: PageSort) =>
  `${path}?${new URLSearchParams(jobFilterParams({ ...filter, sort, pageSort }))}`;

/**
 * Returns all sort orders of a list with this filter, in both directions; those by a duration are
 * limited to the page.
 */
export function sortChoices(filter: JobFilter, path: string): SortChoice[] {
  const states = listedStates(filter);
  const current = filter.pageSort ?? sortOf(filter);
  const isCurrent = (sort: Sort | PageSort) =>
    current.column === sort.column && current.direction === sort.direction;
  return [
    ...SORT_COLUMNS.filter((column) => canSortBy({ column }, states)).flatMap((column) =>
      DIRECTIONS.map((direction) => ({
        column,
        direction,
        href: sortHref(filter, path, { column, direction }),
        isCurrent: isCurrent({ column, direction }),
      })),
    ),
    ...DURATION_FIELDS.flatMap((column) =>
      DIRECTIONS.map((direction) => ({
        column,
        direction,
        href: sortHref(filter, path, filter.sort, { column, direction }),
        isCurrent: isCurrent({ column, direction }),
      })),
    ),
  ];
}

/**
 * Returns the headers of sortable columns. The link of the current sort column reverses its
 * direction.
 */
export function sortHeaders(filter: JobFilter, path: string): Partial<Record<Column, SortHeader>> {
  const states = listedStates(filter);
  const current = sortOf(filter);
  const isPageSort = Boolean(filter.pageSort);
  const head = (column: SortColumn): SortHeader => {
    const isCurrent = !isPageSort && current.column === column;
    const direction = isCurrent ? reverse(current.direction) : FIRST_DIRECTION[column];
    return {
      href: sortHref(filter, path, { column, direction }),
      sorted: isCurrent ? ariaSort(current.direction) : null,
    };
  };
  const heads: Partial<Record<Column, SortHeader>> = Object.fromEntries(
    SORT_COLUMNS.filter((column) => canSortBy({ column }, states)).map((column) => [
      column,
      head(column),
    ]),
  );
  for (const column of DURATION_FIELDS) heads[column] = durationHead(filter, path, column);
  // The time column shows the time that the list is sorted by.
  const timeColumn = current.column === 'priority' ? 'scheduled' : current.column;
  if (canSortBy({ column: timeColumn }, states)) heads.time = head(timeColumn);
  return heads;
}

/**
 * Returns the header of a duration. Jobs that all wait, or all run, have an exact order: by the
 * time at which that began.
 */
function durationHead(filter: JobFilter, path: string, column: DurationField): SortHeader {
  const begunAt = column === 'wait' ? 'scheduled' : 'performed';
  const isExact = listedStates(filter).every(
    (state) => state === (column === 'wait' ? 'queued' : 'running'),
  );
  if (isExact) {
    const current = sortOf(filter);
    const isLongestFirst = current.column === begunAt && current.direction === 'asc';
    const direction = isLongestFirst ? 'desc' : 'asc';
    return { href: sortHref(filter, path, { column: begunAt, direction }), sorted: null };
  }
  const current = filter.pageSort?.column === column ? filter.pageSort.direction : null;
  const direction = current ? reverse(current) : 'desc';
  return {
    href: sortHref(filter, path, filter.sort, { column, direction }),
    sorted: current && ariaSort(current),
  };
}

/** Sorts the rows of one page by a duration; rows without one come last. */
export function sortWithinPage(rows: JobRow[], pageSort: PageSort | null | undefined): JobRow[] {
  if (!pageSort) return rows;
  const secondsOf = (row: JobRow) => (pageSort.column === 'wait' ? row.wait : row.run);
  const sign = pageSort.direction === 'asc' ? 1 : -1;
  return rows.toSorted((a, b) => {
    const first = secondsOf(a);
    const second = secondsOf(b);
    if (first === null || second === null) return Number(first === null) - Number(second === null);
    return sign * (first - second);
  });
}
