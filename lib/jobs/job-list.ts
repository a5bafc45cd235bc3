import 'server-only';
import sql, { empty } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import type { Tx } from '../db/types';
import { readyAt } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { type Cursor, type Order, type Page, beyond, orderBy, toPage } from '../paging';
import { conditions } from './conditions';
import { type JobFilter, isUnderstood, listedStates } from './filters';
import { jobRowColumns } from './list';
import { type Sort, naturalSort } from './sort';
import type { JobRow } from './types';

/** A page of jobs, and how far they were searched when no index could answer. */
export interface JobPage extends Page<JobRow> {
  /** Null: the page is complete. Else `next` goes on from where the search stopped. */
  searched: { at: string; looked: number } | null;
  /** An index that the database could have to answer this at once; null: none would help, or it is there. */
  hint: { index: 'arguments_text' | 'error_text' | 'arguments_json'; sql: string } | null;
}

function orderOf(sort: Sort): Order {
  const key = { created: sql`j.created_at`, scheduled: readyAt, performed: sql`j.performed_at`, finished: sql`j.finished_at`, priority: sql`j.priority` }[sort.column];
  return { key, direction: sort.direction };
}

/** The cursor with the sort key that its row has now; `after_at` counts only when the row is gone. Null: nothing to go by. */
async function resolveCursor(tx: Tx, gj: GoodJob, order: Order, cursor: Cursor): Promise<Cursor | null> {
  const [row] = await tx.query<{ at: string | null }>(sql`SELECT ${order.key} AS at FROM ${gj.jobs} j WHERE j.id = ${cursor.id}`);
  const at = row?.at ?? cursor.at;
  return at === null ? null : { ...cursor, at };
}

const EMPTY: JobPage = { rows: [], previous: null, next: null, searched: null, hint: null };

/** One page of all jobs, sorted as asked for or in the natural order of the states. */
export async function listJobs(ctx: Ctx, filter: JobFilter): Promise<JobPage> {
  if (!isUnderstood(filter)) return EMPTY;
  const { gj } = ctx;
  const order = orderOf(filter.sort ?? naturalSort(listedStates(filter)));
  return ctx.db.read(async (tx) => {
    const cursor = filter.cursor && (await resolveCursor(tx, gj, order, filter.cursor));
    if (filter.cursor && !cursor) return EMPTY;
    const rows = await tx.query<JobRow>(sql`
      SELECT ${jobRowColumns(gj, order.key)} FROM ${gj.jobs} j
       WHERE ${conditions(gj, filter)}
         ${cursor ? sql`AND ${beyond(order, cursor)}` : empty}
       ${orderBy(order, cursor)} LIMIT ${filter.limit + 1}`);
    return { ...toPage(rows, cursor, filter.limit), searched: null, hint: null };
  });
}
