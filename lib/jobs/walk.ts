import sql, { type Sql, join, raw } from 'sql-template-tag';
import { codeOf } from '../db/error-code';
import type { Tx } from '../db/types';
import type { JobState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Cursor } from '../paging';
import { type ReadJobRow, jobRowColumns, redactRow } from './list';
import { type ListOrder, beyondCursor, listWindow, sorted } from './order';
import type { Candidates } from './recheck';
import type { Term } from './terms';
import type { JobRow } from './types';

/** A place in a list: its sort key and id. */
export interface Place {
  at: string;
  id: string;
}

interface WalkedRow extends ReadJobRow {
  n: number;
  fits: boolean;
}

/** Most filters that have no index of their own find their page in the first window. */
export const FIRST_WINDOW = 1_000;
export const GROWTH = 16;
/** The next rows may be slower to read than those before them: short steps stay within the time. */
const STEP_MS = 120;
const TOO_SHORT_MS = 50;
/** A window that is slower than the one before it may still end. */
const OVERTIME_MS = 60;
/** Rows of one statement where those found are looked at again. */
const STEP_ROWS = 4_000;
/** So many rows that such a search looks at for each millisecond of its time, whatever the database does in one. */
const ROWS_PER_MS = 100;
/** It ends by time only where the database is so much slower. */
const SLOW = 3;

export interface WalkOptions {
  order: ListOrder;
  states: readonly JobState[];
  terms: Term[];
  /** Tried on each row of a window. */
  filter: Candidates;
  cursor: Cursor | null;
  wanted: number;
}

/**
 * Finds rows by walking the list's own index in windows, each as large as the time that is left allows for: what no
 * index can answer still answers in time, and says how far it looked.
 */
export class Walk {
  readonly rows: JobRow[] = [];
  /** Rows looked at. */
  looked = 0;
  /** How far the walk looked: the last row it looked at, matching or not. Null: to the end of the list, or to the last row wanted. */
  stoppedAt: Place | null = null;
  private from: Cursor | null;
  private perMs = 0;
  /** Spent on finding candidates. ms. */
  private searchedMs = 0;

  constructor(
    private readonly tx: Tx,
    private readonly gj: GoodJob,
    private readonly options: WalkOptions,
  ) {
    this.from = options.cursor;
  }

  /**
   * One window; true when nothing is left to do. It ends where it ends, however many of its candidates are left out.
   * `also`: what has to hold besides the filter.
   */
  async step(size: number, also: Sql = sql`true`): Promise<boolean> {
    const started = performance.now();
    const { wanted, filter } = this.options;
    let left = size;
    for (let limit = wanted - this.rows.length; ; limit = left) {
      const { last, full } = await (filter.isDoubtful
        ? this.partAgain(left, limit, also)
        : this.part(left, limit, also));
      this.perMs = size / Math.max(performance.now() - started, 1);
      const isFull = this.rows.length >= wanted;
      const ended = !full && last?.n !== left;
      this.looked += ended && !isFull ? 0 : (last?.n ?? 0);
      if (isFull || ended || !last) {
        this.stoppedAt = null;
        return true;
      }
      this.stopAt({ at: last.sortAt, id: last.id });
      left -= last.n;
      if (left <= 0) return false;
    }
  }

  private stopAt(place: Place): void {
    this.stoppedAt = place;
    this.from = { direction: this.options.cursor?.direction ?? 'after', ...place };
  }

  /** The first rows of a window on which the filter holds, or its last row, by their numbers. */
  private found(size: number, limit: number, also: Sql): Sql {
    const { order, states, terms, filter } = this.options;
    return sql`
      SELECT j.id, j.n, j.fits
        FROM (SELECT j.id, (row_number() OVER ())::int AS n, coalesce((${filter.condition} AND ${also}), false) AS fits
                FROM (${listWindow(this.gj, order, states, terms, this.from, size)}) j) j
       WHERE j.fits OR j.n = ${size} LIMIT ${limit}`;
  }

  /** The first rows of a window, or its last; `full`: there may be more before its end. */
  private async part(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ last: WalkedRow | undefined; full: boolean }> {
    // One window is one statement, and reads no further than its last row wanted: the LIMITs let nothing be sorted but ties.
    const read = await this.tx.query<WalkedRow>(sql`
      SELECT page.n, page.fits, ${jobRowColumns(this.gj, this.options.order.sortAt)}
        FROM (${this.found(size, limit, also)}) page JOIN ${this.gj.jobs} j ON j.id = page.id ORDER BY page.n`);
    this.rows.push(
      ...read.filter((row) => row.fits).map(({ n: _n, fits: _fits, ...row }) => redactRow(row)),
    );
    return { last: read.at(-1), full: read.length === limit };
  }

  /** The same where each candidate is looked at again: no more than its id is read of one that is left out. */
  private async partAgain(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ last: { id: string; n: number; sortAt: string } | undefined; full: boolean }> {
    const started = performance.now();
    const read = await this.tx.query<{
      id: string;
      n: number;
      fits: boolean;
      sortAt: string | null;
    }>(sql`
      SELECT page.id, page.n, page.fits, CASE WHEN page.n = max(page.n) OVER () THEN (SELECT ${this.options.order.sortAt} FROM ${this.gj.jobs} j WHERE j.id = page.id) END AS "sortAt"
        FROM (${this.found(size, limit, also)}) page`);
    this.searchedMs += performance.now() - started;
    read.sort((a, b) => a.n - b.n);
    await this.keep(read.filter(({ fits }) => fits).map(({ id }) => id));
    const last = read.at(-1);
    return {
      last: last && last.sortAt !== null ? { ...last, sortAt: last.sortAt } : undefined,
      full: read.length === limit,
    };
  }

  private async keep(ids: readonly string[]): Promise<void> {
    const { order, filter, wanted } = this.options;
    const rows = await filter.first<ReadJobRow>(
      this.tx,
      ids,
      wanted - this.rows.length,
      jobRowColumns(this.gj, order.sortAt),
    );
    this.rows.push(...rows.map((row) => redactRow(row)));
  }

  private async sortAtOf(id: string): Promise<string | undefined> {
    const [row] = await this.tx.query<{ at: string }>(
      sql`SELECT ${this.options.order.sortAt} AS at FROM ${this.gj.jobs} j WHERE j.id = ${id}`,
    );
    return row?.at;
  }

  /**
   * Windows of so many rows in all, where each candidate is looked at again. It is rows that end it, and no time: how
   * long it takes depends on the candidates, and how far it came is told.
   */
  async runAgain(budgetMs: number): Promise<void> {
    await this.rowsAgain(budgetMs * ROWS_PER_MS - this.looked, sql`true`, budgetMs * SLOW);
  }

  private async rowsAgain(rows: number, also: Sql, mostMs = Infinity): Promise<void> {
    for (let left = rows; left > 0 && this.searchedMs < mostMs; left -= STEP_ROWS) {
      try {
        if (await this.step(Math.min(left, STEP_ROWS), also)) return;
      } catch (error) {
        if (codeOf(error) === '57014' && this.stoppedAt) return;
        throw error;
      }
    }
  }

  /**
   * The next `size` rows, of those on which `condition` holds: by its index where it has few (`isFew`), else by the
   * list's own order. The answer is the same either way, and so tells nothing of how many candidates the index has.
   */
  async byIndex(condition: Sql, size: number, isFew: boolean): Promise<void> {
    if (!isFew) return this.rowsAgain(size, condition);
    const { tx, gj, from } = this;
    const { order, states, terms, filter, wanted } = this.options;
    const [end] = await tx.query<{ id: string }>(
      sql`SELECT j.id FROM (${listWindow(gj, order, states, terms, from, size)}) j OFFSET ${size - 1} LIMIT 1`,
    );
    const at = end && (await this.sortAtOf(end.id));
    const place = end && at !== undefined ? { id: end.id, at } : null;
    const bounds = [
      ...(from ? [beyondCursor(order, order.keys, from)] : []),
      ...(place
        ? [
            sql`NOT (${beyondCursor(order, order.keys, { direction: from?.direction ?? 'after', ...place })})`,
          ]
        : []),
    ];
    await tx.query(sql`SET LOCAL enable_bitmapscan = on`);
    const read = await tx.query<{ id: string }>(sql`
      SELECT j.id FROM (SELECT * FROM ${gj.jobs} j WHERE ${condition} OFFSET 0) j WHERE ${join([filter.condition, ...bounds], ' AND ')} ${sorted(order, order.keys, from)}`);
    await this.keep(read.map(({ id }) => id));
    this.looked += size;
    if (place && this.rows.length < wanted) this.stopAt(place);
    else this.stoppedAt = null;
  }

  /** Windows until nothing is left to do, or no time. */
  async run(until: number): Promise<void> {
    for (let size = FIRST_WINDOW * GROWTH; ; size *= GROWTH) {
      const left = until - performance.now();
      if (left < TOO_SHORT_MS) return;
      if (this.perMs > 0)
        size = Math.max(
          FIRST_WINDOW,
          Math.min(size, Math.round(this.perMs * Math.min(left * 0.6, STEP_MS))),
        );
      await this.tx.query(
        sql`SET LOCAL statement_timeout = ${raw(String(Math.ceil(left + OVERTIME_MS)))}`,
      );
      try {
        if (await this.step(size)) return;
      } catch (error) {
        // Cut in the middle of a window: what the windows before it found still holds.
        if (codeOf(error) === '57014' && this.stoppedAt) return;
        throw error;
      }
    }
  }
}

/**
 * For the rest of the transaction (of a read that is `byIndexOnly`): rows come from the order's own index, one by one.
 * Jobs enqueued in bulk share one moment, and as many of them as the window holds are sorted by id in memory.
 */
export async function byOrderOnly(tx: Tx): Promise<void> {
  await tx.query(
    sql`SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '48MB'`,
  );
}
