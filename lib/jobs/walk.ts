import sql, { type Sql, empty } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import { type Cursor, type Order, beyond, orderBy } from '../paging';

/** A place in a list: its sort key and id. */
interface Place {
  at: string;
  id: string;
}

export interface Walked<Row> {
  rows: Row[];
  /** How far the walk looked: the last row it looked at, matching or not. Null: to the end of the list. */
  stoppedAt: Place | null;
  /** Rows looked at. */
  looked: number;
}

const FIRST_WINDOW = 2_000;
const LARGEST_WINDOW = 100_000;

/**
 * Finds rows by walking the list's own index in bounded windows, until there are `wanted` of them, the list ends
 * or the budget is spent: what no index can answer still answers in time, and says how far it looked.
 * `base` is what the index serves; `filter` is tried on each row of a window.
 */
export async function walk<Row>(
  tx: Tx,
  gj: GoodJob,
  { order, base, filter, columns, cursor, wanted, budgetMs }: { order: Order; base: Sql; filter: Sql; columns: Sql; cursor: Cursor | null; wanted: number; budgetMs: number },
): Promise<Walked<Row>> {
  const deadline = performance.now() + budgetMs;
  const rows: Row[] = [];
  let from: Cursor | null = cursor;
  let looked = 0;
  for (let size = FIRST_WINDOW; ; size = Math.min(size * 2, LARGEST_WINDOW)) {
    const start: Sql = from ? sql`AND ${beyond(order, from)}` : empty;
    const [end] = await tx.query<Place>(sql`
      SELECT ${order.key} AS at, j.id FROM ${gj.jobs} j WHERE ${base} ${start} ${orderBy(order, cursor)} OFFSET ${size - 1} LIMIT 1`);
    const stop: Sql = end ? sql`AND NOT (${beyond(order, { direction: cursor?.direction ?? 'after', ...end })})` : empty;
    rows.push(...(await tx.query<Row>(sql`
      SELECT ${columns} FROM ${gj.jobs} j WHERE ${base} ${start} ${stop} AND ${filter} ${orderBy(order, cursor)} LIMIT ${wanted - rows.length}`)));
    looked += size;
    if (!end || rows.length >= wanted) return { rows, stoppedAt: end && rows.length < wanted ? end : null, looked };
    from = { direction: cursor?.direction ?? 'after', ...end };
    if (performance.now() >= deadline) return { rows, stoppedAt: end, looked };
  }
}
