import sql, { type Sql, raw } from 'sql-template-tag';
import { codeOf } from '../db/error-code';
import type { Tx } from '../db/types';
import type { JobState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Cursor } from '../paging';
import { jobRowColumns } from './list';
import { type ListOrder, listWindow } from './order';
import type { Term } from './terms';
import type { JobRow } from './types';

/** A place in a list: its sort key and id. */
export interface Place {
  at: string;
  id: string;
}

interface WalkedRow extends JobRow {
  n: number;
  fits: boolean;
}

/** Most filters that have no index of their own find their page in the first window. */
const FIRST_WINDOW = 1_000;
const GROWTH = 16;
const LARGEST_WINDOW = 200_000;
const TOO_SHORT_MS = 20;

export interface WalkOptions {
  order: ListOrder;
  states: readonly JobState[];
  terms: Term[];
  /** The whole condition, tried on each row of a window. */
  filter: Sql;
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

  constructor(private readonly tx: Tx, private readonly gj: GoodJob, private readonly options: WalkOptions) {
    this.from = options.cursor;
  }

  /** One window; true when nothing is left to do. */
  async step(size = FIRST_WINDOW): Promise<boolean> {
    const { order, states, terms, filter, wanted } = this.options;
    const started = performance.now();
    // One window is one statement, and reads no further than its last row wanted: the LIMITs let nothing be sorted but ties.
    const read = await this.tx.query<WalkedRow>(sql`
      SELECT page.n, page.fits, ${jobRowColumns(this.gj, order.sortAt)}
        FROM (SELECT j.id, j.n, j.fits
                FROM (SELECT j.id, (row_number() OVER ())::int AS n, coalesce((${filter}), false) AS fits
                        FROM (${listWindow(this.gj, order, states, terms, this.from, size)}) j) j
               WHERE j.fits OR j.n = ${size} LIMIT ${wanted - this.rows.length}) page
        JOIN ${this.gj.jobs} j ON j.id = page.id ORDER BY page.n`);
    this.perMs = size / Math.max(performance.now() - started, 1);
    this.rows.push(...read.filter((row) => row.fits).map(({ n: _n, fits: _fits, ...row }) => row));
    const last = read.at(-1);
    const isFull = this.rows.length >= wanted;
    const ended = last?.n !== size;
    this.looked += ended && !isFull ? 0 : (last?.n ?? 0);
    if (isFull || ended || !last) {
      this.stoppedAt = null;
      return true;
    }
    this.stoppedAt = { at: last.sortAt, id: last.id };
    this.from = { direction: this.options.cursor?.direction ?? 'after', ...this.stoppedAt };
    return false;
  }

  /** Windows until nothing is left to do, or no time. */
  async run(deadline: number): Promise<void> {
    let size = FIRST_WINDOW * GROWTH;
    for (;;) {
      const left = deadline - performance.now();
      if (left < TOO_SHORT_MS) return;
      if (this.perMs > 0) size = Math.max(FIRST_WINDOW, Math.min(size, Math.round(this.perMs * left * 0.8), LARGEST_WINDOW));
      try {
        if (await this.step(size)) return;
      } catch (error) {
        // Cut in the middle of a window: what the windows before it found still holds.
        if (codeOf(error) === '57014' && this.stoppedAt) return;
        throw error;
      }
      size *= GROWTH;
    }
  }
}

/** For the rest of the transaction: rows come from the order's own index, one by one, and nothing takes longer than this. */
export async function byOrderOnly(tx: Tx, timeoutMs: number): Promise<void> {
  await tx.query(sql`SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = ${raw(String(Math.ceil(timeoutMs)))}`);
}
