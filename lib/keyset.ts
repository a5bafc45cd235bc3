import sql, { type Sql, raw } from 'sql-template-tag';
import type { Cursor } from './paging';

export interface Order {
  /** The sort key; `id` breaks its ties in the same direction. */
  key: Sql;
  direction: 'asc' | 'desc';
  /** The type of `id`; default: uuid. */
  id?: 'uuid' | 'bigint';
}

/** ORDER BY for reading from the cursor in its direction (backwards for `before`; turn the rows round afterwards). */
export function orderBy(order: Order, cursor: Cursor | null): Sql {
  const descending = (order.direction === 'desc') !== (cursor?.direction === 'before');
  return descending
    ? sql`ORDER BY ${order.key} DESC, j.id DESC`
    : sql`ORDER BY ${order.key} ASC, j.id ASC`;
}

/**
 * The rows beyond the cursor. The plain comparison beside the row comparison lets an index on the key alone
 * bound the scan.
 */
export function beyond(order: Order, cursor: Cursor): Sql {
  const id = sql`${cursor.id}::${raw(order.id ?? 'uuid')}`;
  const forwards = (order.direction === 'asc') === (cursor.direction === 'after');
  return forwards
    ? sql`${order.key} >= ${cursor.at} AND (${order.key}, j.id) > (${cursor.at}, ${id})`
    : sql`${order.key} <= ${cursor.at} AND (${order.key}, j.id) < (${cursor.at}, ${id})`;
}
