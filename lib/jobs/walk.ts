import sql, { raw } from 'sql-template-tag';
import { codeOf } from '../db/error-code';
import type { Tx } from '../db/types';
import type { JobState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Cursor } from '../paging';
import { type ReadJobRow, jobRowColumns, shownRow } from './list';
import { type ListOrder, listWindow } from './order';
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
/** Rows read at once to be looked at again, when those of a page were not enough. */
const LOOKED_AGAIN = 400;
const LONGEST_AGAIN_MS = 4_000;

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
  /** Spent on looking again at what was found: no part of the time for the search, or its length would tell of what is hidden. ms. */
  private againMs = 0;

  constructor(private readonly tx: Tx, private readonly gj: GoodJob, private readonly options: WalkOptions) {
    this.from = options.cursor;
  }

  /** One window; true when nothing is left to do. It ends where it ends, however many of its candidates are left out. */
  async step(size: number): Promise<boolean> {
    const started = performance.now() - this.againMs;
    let left = size;
    for (let limit = this.options.wanted - this.rows.length; ; limit = LOOKED_AGAIN) {
      const { last, full } = await this.part(left, limit);
      this.perMs = size / Math.max(performance.now() - this.againMs - started, 1);
      const isFull = this.rows.length >= this.options.wanted;
      const ended = !full && last?.n !== left;
      this.looked += ended && !isFull ? 0 : (last?.n ?? 0);
      if (isFull || ended || !last) {
        this.stoppedAt = null;
        return true;
      }
      this.stoppedAt = { at: last.sortAt, id: last.id };
      this.from = { direction: this.options.cursor?.direction ?? 'after', ...this.stoppedAt };
      left -= last.n;
      if (left <= 0) return false;
    }
  }

  /** The first candidates of a window, or its last row; `full`: there may be more before its end. */
  private async part(size: number, limit: number): Promise<{ last: WalkedRow | undefined; full: boolean }> {
    const { order, states, terms, filter, wanted } = this.options;
    // One window is one statement, and reads no further than its last row wanted: the LIMITs let nothing be sorted but ties.
    const read = await this.tx.query<WalkedRow>(sql`
      SELECT page.n, page.fits, ${jobRowColumns(this.gj, order.sortAt)}
        FROM (SELECT j.id, j.n, j.fits
                FROM (SELECT j.id, (row_number() OVER ())::int AS n, coalesce((${filter.condition}), false) AS fits
                        FROM (${listWindow(this.gj, order, states, terms, this.from, size)}) j) j
               WHERE j.fits OR j.n = ${size} LIMIT ${limit}) page
        JOIN ${this.gj.jobs} j ON j.id = page.id ORDER BY page.n`);
    const started = performance.now();
    const found = read.filter((row) => row.fits);
    const kept = await filter.keep(this.tx, found.map(({ id }) => id));
    const rows = found.filter(({ id }) => kept.has(id));
    const used = rows.slice(0, wanted - this.rows.length);
    this.rows.push(...used.map(({ n: _n, fits: _fits, ...row }) => shownRow(row)));
    if (filter.isDoubtful) this.againMs += performance.now() - started;
    // The page ends with its last row, whatever was read beyond.
    return { last: this.rows.length >= wanted ? used.at(-1) : read.at(-1), full: read.length === limit };
  }

  /** Windows until nothing is left to do, or no time. */
  async run(until: number): Promise<void> {
    for (let size = FIRST_WINDOW * GROWTH; ; size *= GROWTH) {
      const left = until + Math.min(this.againMs, LONGEST_AGAIN_MS) - performance.now();
      if (left < TOO_SHORT_MS) return;
      if (this.perMs > 0) size = Math.max(FIRST_WINDOW, Math.min(size, Math.round(this.perMs * Math.min(left * 0.6, STEP_MS))));
      await this.tx.query(sql`SET LOCAL statement_timeout = ${raw(String(Math.ceil(left + OVERTIME_MS)))}`);
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
  await tx.query(sql`SET LOCAL enable_bitmapscan = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '48MB'`);
}
