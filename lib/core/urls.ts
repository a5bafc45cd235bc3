import { isRowTime, isTimestamp, isUuid, toUtc } from './text';

/** An application of the console, as its URLs name it. */
export interface Application {
  /** The `<key>` of the application's pages under `/a/<key>`; null: its pages have plain URLs. */
  key: string | null;
  /** BASE_PATH: empty, or a path without a trailing slash. */
  basePath: string;
  /** APP_LABEL and APP_ENVIRONMENT, such as `shop` and `production`. */
  label: string | null;
  environment: string | null;
  /** APP_COLOR, the environment's colour in the frame. */
  color: string;
}

/**
 * Returns the URL of a page or endpoint of an application, relative to the origin. `path` begins
 * with a slash and may have a query and a fragment. All URLs are made here.
 */
export function href(
  { basePath, key }: Pick<Application, 'basePath' | 'key'>,
  path: string,
): string {
  return key === null ? basePath + path : `${basePath}/a/${encodeURIComponent(key)}${path}`;
}

/** Returns the application's name and environment, such as `shop · production`; null if unset. */
export function applicationName({ label, environment }: Application): string | null {
  return [label, environment].filter((part) => part !== null).join(' · ') || null;
}

/** Query parameters in the form that pages and API routes share. */
export interface Params {
  get(name: string): string | null;
}

/** A parameter that could not be parsed. It stays visible as a chip, and the list is empty. */
export interface NotUnderstood {
  name: string;
  value: string;
}

/** The query parameters of a page, as Next passes them. */
export type PageSearchParams = Promise<Record<string, string | string[] | undefined>>;

/**
 * Wraps the `searchParams` of a page. The last value of a repeated parameter counts, as in Rails.
 */
export function paramsOf(searchParams: Awaited<PageSearchParams>): Params {
  return {
    get(name) {
      const value = searchParams[name];
      return (Array.isArray(value) ? value.at(-1) : value) ?? null;
    },
  };
}

/**
 * Wraps the query parameters of a request. The last value of a repeated parameter counts, as in
 * Rails.
 */
export function paramsOfRequest({ url }: Pick<Request, 'url'>): Params {
  const params = new URL(url).searchParams;
  return { get: (name) => params.getAll(name).at(-1) ?? null };
}

/** Where a page begins: next to this row, or at its sort time if the row no longer exists. */
export interface Cursor {
  direction: 'after' | 'before';
  id: string;
  /** The row's sort key, usually an ISO 8601 UTC time with microseconds. */
  at: string | null;
}

export interface Page<Row> {
  rows: Row[];
  /** Cursor of the previous page; null on the first page. */
  previous: Cursor | null;
  /** Cursor of the next page; null on the last page. */
  next: Cursor | null;
}

export const PAGE_SIZE = 25;
const MAX_PAGE_SIZE = 100;

/** Parses GoodJob's parameter `limit`, the rows per page; returns null if it is invalid. */
export function parseLimit(params: Params): number | null {
  const text = params.get('limit') || String(PAGE_SIZE);
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_PAGE_SIZE ? limit : null;
}

/**
 * Parses GoodJob's `after_id`/`after_at` and the console's `before_id`/`before_at`; returns
 * `not_understood` if one is invalid. Converts times to UTC, because GoodJob writes `after_at` in
 * the application's zone and Postgres ignores the zone for a column without one.
 */
export function parseCursor(
  params: Params,
  isSortKey: (text: string) => boolean = isRowTime,
  isId: (text: string) => boolean = isUuid,
): Cursor | null | 'not_understood' {
  for (const direction of ['after', 'before'] as const) {
    const id = params.get(`${direction}_id`);
    const at = params.get(`${direction}_at`);
    if (id === null && at === null) continue;
    if (id === null || !isId(id) || (at !== null && !isSortKey(at))) return 'not_understood';
    return {
      direction,
      id,
      at: at && at.replace(/[^/]+$/, (time) => (isTimestamp(time) ? toUtc(time) : time)),
    };
  }
  return null;
}

/** Returns the query parameters of a cursor. */
export function cursorParams(cursor: Cursor): Record<string, string> {
  return {
    [`${cursor.direction}_id`]: cursor.id,
    ...(cursor.at ? { [`${cursor.direction}_at`]: cursor.at } : {}),
  };
}

/**
 * Builds a page from rows that were read with LIMIT `size` + 1 in the cursor's direction. An empty
 * page, as after the list has become shorter, links back to the page before it.
 */
export function toPage<Row extends { id: string; sortAt: string }>(
  fetchedRows: Row[],
  cursor: Cursor | null,
  size: number,
): Page<Row> {
  const hasMore = fetchedRows.length > size;
  const rows = fetchedRows.slice(0, size);
  if (cursor?.direction === 'before') rows.reverse();
  const first = rows[0];
  const last = rows.at(-1);
  if (cursor?.at && rows.length === 0)
    return cursor.direction === 'after'
      ? { rows, previous: { ...cursor, direction: 'before' }, next: null }
      : { rows, previous: null, next: { ...cursor, direction: 'after' } };
  const hasPrevious = cursor !== null && (cursor.direction === 'after' || hasMore);
  const hasNext = cursor?.direction === 'before' || hasMore;
  return {
    rows,
    previous: hasPrevious && first ? { direction: 'before', id: first.id, at: first.sortAt } : null,
    next: hasNext && last ? { direction: 'after', id: last.id, at: last.sortAt } : null,
  };
}
