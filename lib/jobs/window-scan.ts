import sql, { type Sql, join, raw } from 'sql-template-tag';
import { codeOf } from '../core/errors';
import type { Cursor } from '../core/search-params';
import type { Tx } from '../db/database';
import type { JobState } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import type { Term } from '../search/terms';
import { type ListOrder, afterCursorSql, listWindow, orderBySql } from './order';
import type { RedactedMatch, ScannedJob, SearchBudget } from './recheck';
import { type ReadJobRow, idColumns, jobRowColumns, redactRows } from './rows';
import { newJobBudget } from './texts';
import type { JobRow } from './types';

/** A place in a list: its sort key and id. */
export interface Place {
  at: string;
  id: string;
}

interface WindowRow extends ReadJobRow {
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
/** Rows of one statement where the matches are rechecked. */
const STEP_ROWS = 4_000;
/** Rows that such a search scans for each millisecond of its time, however fast the database is. */
const ROWS_PER_MS = 100;
/** Such a search ends by the time of its statements only where the database is so many times slower. */
const SLOW = 3;
const MIN_SLOW_MS = 1_500;
/** Statement timeout of such a step: it is tried again with SHRINK times fewer rows. */
const RECHECK_STEP_MS = 400;
const SHRINK = 16;
/** Rows that one statement returns: large jobs of a window, and candidates of an index. */
const MAX_LARGE = 1_000;
const MAX_SCANNED = 20_000;
const MAX_CANDIDATES = 4_000;

export interface WindowScanOptions {
  order: ListOrder;
  states: readonly JobState[];
  terms: Term[];
  /** Tried on each row of a window. */
  filter: RedactedMatch;
  cursor: Cursor | null;
  wanted: number;
  budget: SearchBudget;
  /** Only `id` and `sortAt` of each row are read. */
  idsOnly: boolean;
}

/**
 * Finds rows by scanning the list's own index in windows, each as large as the remaining time allows: a filter that
 * no index can answer still answers in time, and says how far it came.
 */
export class WindowScan {
  readonly rows: JobRow[] = [];
  /** Rows scanned. */
  looked = 0;
  /** Large jobs among them that were not searched. */
  unsearched = 0;
  /** The last row that was scanned, matching or not. Null: to the end of the list, or to the last row wanted. */
  stoppedAt: Place | null = null;
  private from: Cursor | null;
  private perMs = 0;
  /** Spent on finding candidates. ms. */
  private searchedMs = 0;
  private readonly textBudget = newJobBudget();

  constructor(
    private readonly tx: Tx,
    private readonly tables: GoodJobTables,
    private readonly options: WindowScanOptions,
  ) {
    this.from = options.cursor;
  }

  /** One window; true when nothing is left to do. `also`: what has to hold besides the filter. */
  async step(size: number, also: Sql = sql`true`): Promise<boolean> {
    const { filter } = this.options;
    return filter.needsRecheck ? this.rechecked(size, also) : this.parts(size, also);
  }

  private async parts(size: number, also: Sql): Promise<boolean> {
    const started = performance.now();
    const { wanted } = this.options;
    let left = size;
    for (let limit = wanted - this.rows.length; ; limit = left) {
      const { last, full } = await this.part(left, limit, also);
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

  /** The first rows of a window, or its last; `full`: there may be more before its end. */
  private async part(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ last: WindowRow | undefined; full: boolean }> {
    const { order, states, terms, filter } = this.options;
    // One window is one statement, and reads no further than its last row wanted: the LIMITs let nothing be sorted but ties.
    const read = await this.tx.query<WindowRow>(sql`
      SELECT page.n, page.fits, ${this.columns}
        FROM (SELECT j.id, j.n, j.fits
                FROM (SELECT j.id, (row_number() OVER ())::int AS n, coalesce((${filter.sql} AND ${also}), false) AS fits
                        FROM (${listWindow(this.tables, order, states, terms, this.from, size)}) j) j
               WHERE j.fits OR j.n = ${size} LIMIT ${limit}) page JOIN ${this.tables.jobs} j ON j.id = page.id ORDER BY page.n`);
    await this.push(read.filter((row) => row.fits));
    return { last: read.at(-1), full: read.length === limit };
  }

  private get columns(): Sql {
    const { order, idsOnly } = this.options;
    return idsOnly ? idColumns(order.sortAt) : jobRowColumns(this.tables, order.sortAt);
  }

  private async push(rows: readonly ReadJobRow[]): Promise<void> {
    this.rows.push(
      ...(this.options.idsOnly
        ? (rows as unknown as JobRow[])
        : await redactRows(rows, this.textBudget)),
    );
  }

  /** Whether a search with a recheck has used up its bytes. */
  private get isSpent(): boolean {
    return this.options.budget.remainingBytes <= 0;
  }

  /** A window where each candidate is rechecked. It ends where it ends, however many candidates are left out. */
  private async rechecked(size: number, also: Sql): Promise<boolean> {
    const { wanted } = this.options;
    // Candidates of the first statement fill a page at best; later ones read more, for most may be left out.
    let limit = wanted - this.rows.length;
    for (let left = size; left > 0; limit = Math.min(limit * 8, MAX_CANDIDATES)) {
      if (this.isSpent && this.stoppedAt) return false;
      const window = await this.scanWindow(left, limit, also);
      if (!window) {
        left -= 1;
        if (!(await this.skipRow())) return true;
        continue;
      }
      const last = await this.take(window.scanned);
      const ended = window.scanned.length < limit && last?.n !== window.size && !last?.exhausted;
      const isFull = this.rows.length >= wanted;
      this.looked += ended && !isFull ? 0 : (last?.n ?? 0);
      const at = isFull || ended || !last ? undefined : await this.sortAtOf(last.id);
      if (!last || at === undefined) {
        this.stoppedAt = null;
        return true;
      }
      this.stopAt({ at, id: last.id });
      left -= last.n;
    }
    return false;
  }

  /** Scans the next rows, fewer of them where so many take too long. Null: even one row does. */
  private async scanWindow(
    size: number,
    limit: number,
    also: Sql,
  ): Promise<{ scanned: ScannedJob[]; size: number } | null> {
    const { filter, order, states, terms, budget } = this.options;
    for (let rows = size; ; rows = Math.max(1, Math.floor(rows / SHRINK))) {
      const source = sql`(${listWindow(this.tables, order, states, terms, this.from, rows)}) j`;
      const maxBytes = budget.remainingBytes;
      const scanned = await this.unlessSlow(
        filter.scanSql(source, { lastN: rows, limit, maxBytes, also }),
      );
      if (scanned) return { scanned: scanned.sort((a, b) => a.n - b.n), size: rows };
      if (rows === 1) return null;
    }
  }

  /** Null: cut by the statement timeout. The savepoint gives the settings back; nothing is written. */
  private async unlessSlow(statement: Sql): Promise<ScannedJob[] | null> {
    const { tx } = this;
    await tx.query(
      sql`SAVEPOINT scan; SET LOCAL statement_timeout = ${raw(String(RECHECK_STEP_MS))}`,
    );
    const started = performance.now();
    const scanned = await tx.query<ScannedJob>(statement).catch((error: unknown) => {
      if (codeOf(error) !== '57014') throw error;
      return null;
    });
    this.searchedMs += performance.now() - started;
    await tx.query(sql`ROLLBACK TO SAVEPOINT scan`);
    return scanned;
  }

  /** Leaves out one row whose texts the database cannot scan in time. False: there is no row. */
  private async skipRow(): Promise<boolean> {
    const { order, states, terms } = this.options;
    const [row] = await this.tx.query<{ id: string }>(
      sql`SELECT j.id FROM (${listWindow(this.tables, order, states, terms, this.from, 1)}) j`,
    );
    const at = row && (await this.sortAtOf(row.id));
    if (!row || at === undefined) {
      this.stoppedAt = null;
      return false;
    }
    this.looked += 1;
    this.unsearched += 1;
    this.stopAt({ at, id: row.id });
    return true;
  }

  /** Rechecks scanned rows up to the one that used up the bytes, which is the last one then. */
  private async take(scanned: readonly ScannedJob[]): Promise<ScannedJob | undefined> {
    const { budget, filter, wanted } = this.options;
    const exhausted = scanned.findIndex((row) => row.exhausted);
    const rows = exhausted < 0 ? scanned : scanned.slice(0, exhausted + 1);
    const last = rows.at(-1);
    budget.remainingBytes -= last?.total ?? 0;
    const visible = await filter.firstVisible<ReadJobRow>(this.tx, rows, budget, {
      wanted: wanted - this.rows.length,
      columns: this.columns,
    });
    await this.push(visible.rows);
    this.unsearched += visible.unsearched;
    return last;
  }

  private async sortAtOf(id: string): Promise<string | undefined> {
    const [row] = await this.tx.query<{ at: string }>(
      sql`SELECT ${this.options.order.sortAt} AS at FROM ${this.tables.jobs} j WHERE j.id = ${id}`,
    );
    return row?.at;
  }

  /**
   * All jobs of a source in the list's order, where each candidate is rechecked; it ends where the budget ends. The
   * source has the ids beyond a cursor. Statements grow: one reads little beyond the row that uses up the bytes.
   */
  async scanIds(idsBeyond: (from: Cursor | null) => Sql): Promise<void> {
    const { wanted, budget } = this.options;
    for (let limit = wanted; ; limit = Math.min(limit * 4, MAX_SCANNED)) {
      const { last, isWhole } = await this.scanSource(idsBeyond(this.from), {
        maxBytes: budget.remainingBytes,
        limit,
      });
      const at =
        isWhole || !last || this.rows.length >= wanted ? undefined : await this.sortAtOf(last.id);
      if (at === undefined || !last) {
        this.stoppedAt = null;
        return;
      }
      this.looked += last.n;
      this.stopAt({ at, id: last.id });
      if (this.isSpent) return;
    }
  }

  private async scanSource(
    ids: Sql,
    options: { maxBytes: number; limit: number },
  ): Promise<{ last: ScannedJob | undefined; isWhole: boolean }> {
    const source = sql`(${ids}) page CROSS JOIN LATERAL (SELECT * FROM ${this.tables.jobs} j WHERE j.id = page.id OFFSET 0) j`;
    const scanned = await this.tx.query<ScannedJob>(this.options.filter.scanSql(source, options));
    const last = await this.take(scanned.sort((a, b) => a.n - b.n));
    return { last, isWhole: scanned.length < options.limit && !last?.exhausted };
  }

  /**
   * Windows of so many rows in all, where each candidate is rechecked. Rows and bytes end it, and seldom time: how long
   * it takes depends on the candidates, and how far it came is on the page.
   */
  async runRechecked(budgetMs: number): Promise<void> {
    await this.rowsRechecked(
      budgetMs * ROWS_PER_MS - this.looked,
      sql`true`,
      Math.max(budgetMs * SLOW, MIN_SLOW_MS),
    );
  }

  private async rowsRechecked(rows: number, also: Sql, maxMs = Infinity): Promise<void> {
    for (let left = rows; left > 0 && !this.isSpent && this.searchedMs < maxMs; left -= STEP_ROWS)
      if (await this.step(Math.min(left, STEP_ROWS), also)) return;
  }

  /**
   * The next `size` rows, of those on which `condition` holds: by its index where it has few (`isFew`), else by the
   * list's own order. The answer is the same either way, and so tells nothing of how many candidates the index has.
   */
  async byIndex(condition: Sql, size: number, isFew: boolean): Promise<void> {
    if (!isFew) return this.rowsRechecked(size, condition);
    const { tx, tables, from } = this;
    const { order, states, terms, filter, wanted, budget } = this.options;
    // Where the window ends and which jobs are large depends on all of its rows, never on those that the index finds.
    const scanned = await tx.query<ScannedJob>(
      filter.scanSql(sql`(${listWindow(tables, order, states, terms, from, size)}) j`, {
        lastN: size,
        limit: MAX_LARGE,
        maxBytes: budget.remainingBytes,
        also: sql`false`,
      }),
    );
    scanned.sort((a, b) => a.n - b.n);
    const cut = scanned.findIndex(({ exhausted }) => exhausted);
    const window = cut < 0 ? scanned : scanned.slice(0, cut + 1);
    const last = window.at(-1);
    const isWhole = !last || (last.n < size && !last.exhausted && window.length < MAX_LARGE);
    const at = isWhole ? undefined : await this.sortAtOf(last.id);
    const end = last && at !== undefined ? { at, id: last.id } : null;
    const bounds = [
      ...(from ? [afterCursorSql(order, order.keys, from)] : []),
      ...(end
        ? [
            sql`NOT (${afterCursorSql(order, order.keys, { direction: from?.direction ?? 'after', ...end })})`,
          ]
        : []),
    ];
    const large = window.filter((row) => row.large).map(({ id }) => id);
    await tx.query(sql`SET LOCAL enable_bitmapscan = on`);
    await this.scanSource(
      sql`SELECT j.id FROM (
        SELECT * FROM (SELECT * FROM ${tables.jobs} j WHERE ${condition} OFFSET 0) j
         WHERE ${join([filter.baseSql, ...bounds], ' AND ')} AND NOT j.id = ANY(${large}::uuid[])
        UNION ALL SELECT * FROM ${tables.jobs} j WHERE j.id = ANY(${large}::uuid[])) j ${orderBySql(order, order.keys, from)}`,
      { maxBytes: Infinity, limit: MAX_SCANNED },
    );
    this.looked += end && last ? last.n : size;
    this.stoppedAt = null;
    if (end && this.rows.length < wanted) this.stopAt(end);
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
