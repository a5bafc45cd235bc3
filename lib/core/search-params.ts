import { z } from 'zod';
import { inUtc, isRowTime, isTimestamp, isUuid } from './text';

/** Query parameters as pages and routes both have them. */
export interface Params {
  get(name: string): string | null;
}

/** A parameter whose value could not be read: shown as a chip, and the list is empty, never wider. */
export interface NotUnderstood {
  name: string;
  value: string;
}

/** A page's `searchParams`; of a repeated parameter the last counts, as Rails takes it. */
export function paramsOf(searchParams: Record<string, string | string[] | undefined>): Params {
  return {
    get(name) {
      const value = searchParams[name];
      return (Array.isArray(value) ? value.at(-1) : value) ?? null;
    },
  };
}

/** Those of a request's URL, by the same rule. */
export function paramsOfRequest({ url }: Pick<Request, 'url'>): Params {
  const params = new URL(url).searchParams;
  return { get: (name) => params.getAll(name).at(-1) ?? null };
}

/** Where a page begins: the row next to it and, should that row be gone, its sort time (ISO 8601 UTC, microseconds). */
export interface Cursor {
  direction: 'after' | 'before';
  id: string;
  at: string | null;
}

export interface Page<Row> {
  rows: Row[];
  /** Cursor of the page before this one (newer rows in a newest-first list); null: this is the first. */
  previous: Cursor | null;
  next: Cursor | null;
}

export const PAGE_SIZE = 25;
export const MAX_PAGE_SIZE = 100;

/** Reads `limit`, the rows a page (GoodJob's own parameter); null when it cannot be read. */
export function parseLimit(params: Params): number | null {
  const text = params.get('limit') || String(PAGE_SIZE);
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_PAGE_SIZE ? limit : null;
}

/** Reads `after_id`/`after_at` (GoodJob's own names) and `before_id`/`before_at`; `not_understood` when one cannot be read. GoodJob writes `after_at` in the app's own zone, and a column without a zone would be compared with its digits alone. `isAt`, `isId`: what a list has for a sort key, and for an id. */
export function parseCursor(
  params: Params,
  isAt: (text: string) => boolean = isRowTime,
  isId: (text: string) => boolean = isUuid,
): Cursor | null | 'not_understood' {
  for (const direction of ['after', 'before'] as const) {
    const id = params.get(`${direction}_id`);
    const at = params.get(`${direction}_at`);
    if (id === null && at === null) continue;
    if (id === null || !isId(id) || (at !== null && !isAt(at))) return 'not_understood';
    return {
      direction,
      id,
      at: at && at.replace(/[^/]+$/, (time) => (isTimestamp(time) ? inUtc(time) : time)),
    };
  }
  return null;
}

export function cursorParams(cursor: Cursor): Record<string, string> {
  return {
    [`${cursor.direction}_id`]: cursor.id,
    ...(cursor.at ? { [`${cursor.direction}_at`]: cursor.at } : {}),
  };
}

/**
 * Makes a page of rows that were read with a limit of `size` + 1 in the cursor's direction. A page without rows, as
 * after the last row of a list that has become shorter, leads back from where it was to begin.
 */
export function toPage<Row extends { id: string; sortAt: string }>(
  read: Row[],
  cursor: Cursor | null,
  size: number,
): Page<Row> {
  const more = read.length > size;
  const rows = read.slice(0, size);
  if (cursor?.direction === 'before') rows.reverse();
  const [first, last] = [rows[0], rows.at(-1)];
  if (cursor?.at && rows.length === 0)
    return cursor.direction === 'after'
      ? { rows, previous: { ...cursor, direction: 'before' }, next: null }
      : { rows, previous: null, next: { ...cursor, direction: 'after' } };
  const hasPrevious = cursor !== null && (cursor.direction === 'after' || more);
  const hasNext = cursor?.direction === 'before' || more;
  return {
    rows,
    previous: hasPrevious && first ? { direction: 'before', id: first.id, at: first.sortAt } : null,
    next: hasNext && last ? { direction: 'after', id: last.id, at: last.sortAt } : null,
  };
}

/*
 * The values of the Server Actions: whatever passes here, Postgres can take. What it cannot would end as an error of the
 * database, where the sender is to be told that the request is bad.
 */

/** Text without NUL, which no text of Postgres has. */
export const textUpTo = (length: number) =>
  z
    .string()
    .max(length)
    .refine((text) => !text.includes('\0'));

/** The name of a queue, a class, a label or a cron key. */
export const nameText = textUpTo(10_000);

/** In small letters, as Postgres writes it. */
export const uuidText = z
  .string()
  .refine(isUuid)
  .transform((id) => id.toLowerCase());

/** ISO 8601 with its zone. */
export const timestampText = z.string().refine(isTimestamp);

/** The moment of a preview, as the console wrote it. */
export const cutOffInput = z.strictObject({
  at: timestampText.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
  txid: z.string().regex(/^\d{1,18}$/),
});
