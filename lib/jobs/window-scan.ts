import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Cursor } from '../core/urls';
import { isStatementTimeout } from '../db/connection';
import { type Tx, nullOnTimeout } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import type { JobState } from '../good-job/types';
import type { Term } from '../search/terms';
import { type ListOrder, afterCursorSql, listWindow, orderBySql } from './order';
import {
  type JobColumns,
  type RedactedMatch,
  type ScannedJob,
  type SearchBudget,
  scannedJob,
} from './recheck';
import type { ListedId, RowReader } from './rows';
import { newJobBudget } from './texts';

/** A position in a list: sort key and id. */
interface ListPosition {
  at: string;
  id: string;
}

/** Columns that a window adds to those of its reader. */
const windowRow = z.looseObject({ n: z.number(), fits: z.boolean() });
type WindowRow = z.infer<typeof windowRow>;

const idRow = z.strictObject({ id: z.string() });
const sortAtRow = z.strictObject({ at: z.string() });

/** Rows of the first window, in which most filters without an index fill their page. */
export const FIRST_WINDOW = 1_000;
/** Factor by which a window grows. */
export const WINDOW_GROWTH = 16;
/** Target time of a window. It is short because the next rows may be slower to read. */
const STEP_MS = 120;
/** With less time left, no further window is started. */
const TOO_SHORT_MS = 50;
/** Added to the statement timeout of a window, which may be slower than the one before it. */
const OVERTIME_MS = 60;
/** Rows of one statement when matches are rechecked. */
const STEP_ROWS = 4_000;
/**
 * A search with a recheck scans a fixed number of rows for each millisecond of budget, whatever its
 * speed.
 */
const ROWS_PER_MS = 100;
/** A search with a recheck has a time limit of this multiple of its budget. */
const SLOW_FACTOR = 3;
const MIN_SLOW_MS = 1_500;
/**
 * Statement timeout of a step with a recheck. After a timeout it is retried with SHRINK times fewer
 * rows.
 */
const RECHECK_STEP_MS = 400;
const SHRINK = 16;
/** Maximum number of large jobs that one window returns. */
const MAX_LARGE = 1_000;
const MAX_SCANNED = 20_000;
const MAX_CANDIDATES = 4_000;

interface WindowScanOptions<Stored extends ListedId, Item extends ListedId> {
  reader: RowReader<Stored, Item>;
  order: ListOrder;
  states: readonly JobState[];
  terms: Term[];
  /** Applied to each row of a window. */
  filter: RedactedMatch;
  cursor: Cursor | null;
  /** Number of matching rows to find. */
  wanted: number;
  budget: SearchBudget;
}

/**
 * Scans the list's own index in windows sized by the remaining time. A filter that no index
 * supports thus returns a partial page in time, with a cursor to resume from.
 */
export class WindowScan<Stored extends ListedId, Item extends ListedId> {
  readonly rows: Item[] = [];
  /** Number of scanned rows. */
  scanned = 0;
  /** Large jobs among them that were not searched. */
  unsearched = 0;
  /** The last scanned row; null when the scan found enough rows or reached the end of the list. */
  resumeCursor: ListPosition | null = null;
  private from: Cursor | null;
  private rowsPerMs = 0;
  /** Time spent in statements that select candidates. */
  private searchedMs = 0;
  private readonly textBudget = newJobBudget();

  constructor(
    private readonly tx: Tx,
    private readonly tables: GoodJobTables,
    private readonly options: WindowScanOptions<Stored, Item>,
  ) {
    this.from = options.cursor;
  }

  /**
   * Scans one window of `size` rows. Returns true when the scan is complete. `also` is an
   * additional condition.
   */
  async step(size: number, also: Sql = sql`true`): Promise<boolean> {
    const { filter } = this.options;
    return filter.needsRecheck ? this.stepWithRecheck(size, also) : this.stepBySql(size, also);
  }

  private async stepBySql(size: number, also: Sql): Promise<boolean> {
    const startedAt = performance.now();
    const { wanted } = this.options;
    let remaining = size;
    for (let limit = wanted - this.rows.length; ; limit = remaining) {
      const { last, hasMore } = await this.readPart(remaining, limit, also);
      this.rowsPerMs = size / Math.max(performance.now() - startedAt, 1);
      const isFull = this.rows.length >= wanted;
      const isEnd = !hasMore && last?.n !== remaining;
      this.scanned += isEnd && !isFull ? 0 : (last?.n ?? 0);
      if (isFull || isEnd || !last) {
        this.resumeCursor = null;
        return true;
      }
      this.stopAt({ at: last.sortAt, id: last.id });
      remaining -= last.n;
      if (remaining <= 0) return false;
    }
  }

  private stopAt(place: ListPosition): void {
    this.resumeCursor = place;
    this.from = { direction: this.options.cursor?.direction ?? 'after', ...place };
  }

  /**
   * Reads up to `limit` matches of a window, and its last row. `hasMore`: the window may have
   * further matches.
   */
  private async readPart(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ last: (Stored & WindowRow) | undefined; hasMore: boolean }> {
    const { order, states, terms, filter } = this.options;
    // The LIMITs keep Postgres from reading beyond the last requested row and from sorting anything
    // but ties.
    const window = listWindow(this.tables, order, states, terms, this.from, size);
    const rows = await this.tx.query(
      z.intersection(this.columns.schema, windowRow),
      sql`
        SELECT page.n, page.fits, ${this.columns.sql}
          FROM (SELECT j.id, j.n, j.fits
                  FROM (SELECT j.id, (row_number() OVER ())::int AS n,
                               coalesce((${filter.sql} AND ${also}), false) AS fits
                          FROM (${window}) j) j
                 WHERE j.fits OR j.n = ${size}
                 LIMIT ${limit}) page
          JOIN ${this.tables.jobs} j ON j.id = page.id
         ORDER BY page.n`,
    );
    await this.push(rows.filter((row) => row.fits));
    return { last: rows.at(-1), hasMore: rows.length === limit };
  }

  private get columns(): JobColumns<Stored> {
    const { reader, order } = this.options;
    return { sql: reader.columns(this.tables, order.sortAt), schema: reader.schema };
  }

  private async push(rows: readonly Stored[]): Promise<void> {
    this.rows.push(...(await this.options.reader.toItems(rows, this.textBudget)));
  }

  /** Whether a search with a recheck has used up its byte budget. */
  private get isBudgetSpent(): boolean {
    return this.options.budget.remainingBytes <= 0;
  }

  /**
   * Scans one window and rechecks each candidate. The end of the window does not depend on rejected
   * candidates.
   */
  private async stepWithRecheck(size: number, also: Sql): Promise<boolean> {
    const { wanted } = this.options;
    // The limit grows, because the recheck may reject most candidates.
    let limit = wanted - this.rows.length;
    for (let remaining = size; remaining > 0; limit = Math.min(limit * 8, MAX_CANDIDATES)) {
      if (this.isBudgetSpent && this.resumeCursor) return false;
      const window = await this.scanWindow(remaining, limit, also);
      if (!window) {
        remaining -= 1;
        if (!(await this.skipRow())) return true;
        continue;
      }
      const last = await this.recheck(window.scanned);
      const isEnd = window.scanned.length < limit && last?.n !== window.size && !last?.exhausted;
      const isFull = this.rows.length >= wanted;
      this.scanned += isEnd && !isFull ? 0 : (last?.n ?? 0);
      const at = isFull || isEnd || !last ? undefined : await this.sortAtOf(last.id);
      if (!last || at === undefined) {
        this.resumeCursor = null;
        return true;
      }
      this.stopAt({ at, id: last.id });
      remaining -= last.n;
    }
    return false;
  }

  /**
   * Scans the next rows, with fewer rows after each timeout. Null when even a single row times out.
   */
  private async scanWindow(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ scanned: ScannedJob[]; size: number } | null> {
    const { filter, order, states, terms, budget } = this.options;
    for (let rows = size; ; rows = Math.max(1, Math.floor(rows / SHRINK))) {
      const source = sql`(${listWindow(this.tables, order, states, terms, this.from, rows)}) j`;
      const maxBytes = budget.remainingBytes;
      const scanned = await this.scanOrTimeout(
        filter.scanSql(source, { lastN: rows, limit, maxBytes, also }),
      );
      if (scanned) return { scanned: scanned.sort((a, b) => a.n - b.n), size: rows };
      if (rows === 1) return null;
    }
  }

  private scanOrTimeout(statement: Sql): Promise<ScannedJob[] | null> {
    return nullOnTimeout(this.tx, RECHECK_STEP_MS, () => {
      const startedAt = performance.now();
      return this.tx.query(scannedJob, statement).finally(() => {
        this.searchedMs += performance.now() - startedAt;
      });
    });
  }

  /**
   * Skips one row whose texts the database cannot scan in time. Returns false at the end of the
   * list.
   */
  private async skipRow(): Promise<boolean> {
    const { order, states, terms } = this.options;
    const [row] = await this.tx.query(
      idRow,
      sql`SELECT j.id FROM (${listWindow(this.tables, order, states, terms, this.from, 1)}) j`,
    );
    const at = row && (await this.sortAtOf(row.id));
    if (!row || at === undefined) {
      this.resumeCursor = null;
      return false;
    }
    this.scanned += 1;
    this.unsearched += 1;
    this.stopAt({ at, id: row.id });
    return true;
  }

  /** Rechecks scanned rows up to the one that used up the bytes, and returns the last of them. */
  private async recheck(scanned: readonly ScannedJob[]): Promise<ScannedJob | undefined> {
    const { budget, filter, wanted } = this.options;
    const exhausted = scanned.findIndex((row) => row.exhausted);
    const rows = exhausted < 0 ? scanned : scanned.slice(0, exhausted + 1);
    const last = rows.at(-1);
    budget.remainingBytes -= last?.total ?? 0;
    const visible = await filter.firstVisible(this.tx, rows, budget, {
      wanted: wanted - this.rows.length,
      columns: this.columns,
    });
    await this.push(visible.rows);
    this.unsearched += visible.unsearched;
    return last;
  }

  private async sortAtOf(id: string): Promise<string | undefined> {
    const [row] = await this.tx.query(
      sortAtRow,
      sql`SELECT ${this.options.order.sortAt} AS at FROM ${this.tables.jobs} j WHERE j.id = ${id}`,
    );
    return row?.at;
  }

  /**
   * Scans and rechecks the jobs of a source in the list's order, until the budget is used up.
   * `idsAfter` selects the source's ids after a cursor. Limits grow, so that a statement reads
   * little beyond the end of the budget.
   */
  async scanIds(idsAfter: (from: Cursor | null) => Sql): Promise<void> {
    const { wanted, budget } = this.options;
    for (let limit = wanted; ; limit = Math.min(limit * 4, MAX_SCANNED)) {
      const { last, isWhole } = await this.scanSource(idsAfter(this.from), {
        maxBytes: budget.remainingBytes,
        limit,
      });
      const at =
        isWhole || !last || this.rows.length >= wanted ? undefined : await this.sortAtOf(last.id);
      if (at === undefined || !last) {
        this.resumeCursor = null;
        return;
      }
      this.scanned += last.n;
      this.stopAt({ at, id: last.id });
      if (this.isBudgetSpent) return;
    }
  }

  private async scanSource(
    ids: Sql,
    options: { maxBytes: number; limit: number },
  ): Promise<{ last: ScannedJob | undefined; isWhole: boolean }> {
    const source = sql`(${ids}) page
      CROSS JOIN LATERAL (
        SELECT *
          FROM ${this.tables.jobs} j
         WHERE j.id = page.id
        OFFSET 0) j`;
    const statement = this.options.filter.scanSql(source, options);
    const scanned = await this.tx.query(scannedJob, statement);
    const last = await this.recheck(scanned.sort((a, b) => a.n - b.n));
    return { last, isWhole: scanned.length < options.limit && !last?.exhausted };
  }

  /**
   * Scans and rechecks windows up to a limit of rows or bytes. A time limit applies only in a slow
   * database, because the page shows how far the search got and the duration of a recheck depends
   * on hidden values.
   */
  async scanWithRecheck(budgetMs: number): Promise<void> {
    await this.recheckRows(
      budgetMs * ROWS_PER_MS - this.scanned,
      sql`true`,
      Math.max(budgetMs * SLOW_FACTOR, MIN_SLOW_MS),
    );
  }

  private async recheckRows(rows: number, also: Sql, maxMs = Infinity): Promise<void> {
    let remaining = rows;
    while (remaining > 0 && !this.isBudgetSpent && this.searchedMs < maxMs) {
      if (await this.step(Math.min(remaining, STEP_ROWS), also)) return;
      remaining -= STEP_ROWS;
    }
  }

  /**
   * Searches the next `size` rows for those that satisfy `condition`: by its index if it matches
   * few (`isFew`), else in the list's order. Both return the same answer, so it does not reveal how
   * many candidates the index has.
   */
  async scanByIndex(condition: Sql, size: number, isFew: boolean): Promise<void> {
    if (!isFew) return this.recheckRows(size, condition);
    const { tx, tables, from } = this;
    const { order, filter, wanted } = this.options;
    const { window, last, end } = await this.boundWindow(size);
    const bounds = from ? [afterCursorSql(order, order.keys, from)] : [];
    if (end) {
      const endCursor: Cursor = { direction: from?.direction ?? 'after', ...end };
      bounds.push(sql`NOT (${afterCursorSql(order, order.keys, endCursor)})`);
    }
    const large = window.filter((row) => row.large).map(({ id }) => id);
    await tx.execute(sql`SET LOCAL enable_bitmapscan = on`);
    await this.scanSource(
      sql`
        SELECT j.id
          FROM (
          SELECT *
            FROM (SELECT * FROM ${tables.jobs} j WHERE ${condition} OFFSET 0) j
           WHERE ${join([filter.baseSql, ...bounds], ' AND ')}
             AND NOT j.id = ANY(${large}::uuid[])
          UNION ALL
          SELECT *
            FROM ${tables.jobs} j
           WHERE j.id = ANY(${large}::uuid[])) j
        ${orderBySql(order, order.keys, from)}`,
      { maxBytes: Infinity, limit: MAX_SCANNED },
    );
    this.scanned += end && last ? last.n : size;
    this.resumeCursor = null;
    if (end && this.rows.length < wanted) this.stopAt(end);
  }

  /**
   * Returns the large jobs and the end of the next window (null at the end of the list). Both
   * depend on all rows of the window, never on the rows that an index finds.
   */
  private async boundWindow(
    size: number,
  ): Promise<{ window: ScannedJob[]; last: ScannedJob | undefined; end: ListPosition | null }> {
    const { order, states, terms, filter, budget } = this.options;
    const source = sql`(${listWindow(this.tables, order, states, terms, this.from, size)}) j`;
    const scanned = await this.tx.query(
      scannedJob,
      filter.scanSql(source, {
        lastN: size,
        limit: MAX_LARGE,
        maxBytes: budget.remainingBytes,
        also: sql`false`,
      }),
    );
    scanned.sort((a, b) => a.n - b.n);
    const exhaustedAt = scanned.findIndex(({ exhausted }) => exhausted);
    const window = exhaustedAt < 0 ? scanned : scanned.slice(0, exhaustedAt + 1);
    const last = window.at(-1);
    const isWhole = !last || (last.n < size && !last.exhausted && window.length < MAX_LARGE);
    const at = isWhole ? undefined : await this.sortAtOf(last.id);
    return { window, last, end: last && at !== undefined ? { at, id: last.id } : null };
  }

  /**
   * Scans windows until the scan is complete or `deadline` (on the clock of `performance.now()`).
   */
  async scanUntil(deadline: number): Promise<void> {
    for (let size = FIRST_WINDOW * WINDOW_GROWTH; ; size *= WINDOW_GROWTH) {
      const remainingMs = deadline - performance.now();
      if (remainingMs < TOO_SHORT_MS) return;
      if (this.rowsPerMs > 0) {
        const rowsInTime = Math.round(this.rowsPerMs * Math.min(remainingMs * 0.6, STEP_MS));
        size = Math.max(FIRST_WINDOW, Math.min(size, rowsInTime));
      }
      await this.tx.execute(
        sql`SET LOCAL statement_timeout = ${raw(String(Math.ceil(remainingMs + OVERTIME_MS)))}`,
      );
      try {
        if (await this.step(size)) return;
      } catch (error) {
        // A timeout discards this window only; the rows of earlier windows are complete.
        if (isStatementTimeout(error) && this.resumeCursor) return;
        throw error;
      }
    }
  }
}

/**
 * Makes the rest of a `byIndexOnly` transaction read rows in the order of the list's index. The
 * work_mem lets jobs of one bulk enqueue, which share a timestamp, be sorted by id in memory.
 */
export async function forceListOrder(tx: Tx): Promise<void> {
  await tx.execute(sql`
    SET LOCAL enable_bitmapscan = off;
    SET LOCAL max_parallel_workers_per_gather = 0;
    SET LOCAL work_mem = '48MB'`);
}
