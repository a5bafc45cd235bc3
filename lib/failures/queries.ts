import 'server-only';
import sql from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { nullOnTimeout } from '../db/text-limit';
import type { GoodJobTables } from '../good-job/tables';
import { newPageBudget } from '../redaction/row-texts';
import { FAILURE_RANGES, type FailureFilter, type FailurePage, type FailureRow } from './filters';
import {
  type FailurePlace,
  type FailureWindow,
  GROUP_LOOKED_AT,
  Groups,
  type RetriedFailure,
  afterRetried,
  byFrequency,
  discardedFailures,
  redactSamples,
  retriedFailures,
  waitingUntil,
} from './groups';

/** What a page takes for looking at failures, ms; and when somebody asks for more. */
const BUDGET_MS = 110;
const DEEP_BUDGET_MS = 500;
/** The first chunk may take longer than the page's own time, or a slow database would show nothing; where it is cut, a small one may still end. */
const FIRST_CHUNK = 500;
const FIRST_CHUNK_MS = 1_500;
const FIRST_CHUNK_DEEP_MS = 4_000;
const SMALL_CHUNK = 20;
const SMALL_CHUNK_MS = 500;
const LARGEST_CHUNK = 4_000;
const CHUNK_MS = 60;
/** A chunk that is slower than the one before it may still end. */
const OVERTIME_MS = 150;
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Text of errors whose normal forms one page makes, and the time for it at least. */
const SCAN_BYTES = 4 * 1024 * 1024;
const MIN_SCAN_MS = 250;
const GROUPS_SHOWN = 50;
const GROUPS_SHOWN_DEEP = 300;
const WEEK = 604_800;

/** Failures by class, error and frame: the newest first, as far back as the time allows for, and it says how far. */
export async function listFailures(
  ctx: Ctx,
  filter: FailureFilter,
  budgetMs = filter.deep ? DEEP_BUDGET_MS : BUDGET_MS,
): Promise<FailurePage> {
  const seconds = Math.max(WEEK, 2 * FAILURE_RANGES[filter.range]);
  const { page, shown } = await ctx.db.read(
    async (tx) => {
      const [clock] = await tx.query<{ now: string; since: string }>(
        sql`SELECT now() AS now, now() - make_interval(secs => ${seconds}) AS since`,
      );
      if (!clock) throw new Error('The database did not tell its time.');
      const firstMs = filter.deep ? FIRST_CHUNK_DEEP_MS : FIRST_CHUNK_MS;
      const waiting = await nullOnTimeout(tx, SMALL_CHUNK_MS, async () => ({
        until: await waitingUntil(tx, ctx.tables),
      }));
      const window: FailureWindow = {
        since: clock.since,
        until: waiting ? waiting.until : clock.now,
        classes: filter.jobClass === null ? null : [filter.jobClass],
      };
      const groups = new Groups(clock.now, filter.range);
      const scan: Scan = {
        tx,
        tables: ctx.tables,
        window,
        groups,
        now: clock.now,
        firstMs,
        deadline: performance.now() + budgetMs,
        budget: newScanBudget(budgetMs),
      };
      const until = await scanRetried(scan);
      const stoppedAt = await scanDiscarded(scan);
      const since = stoppedAt ?? clock.since;
      const found = groups.inRange(since);
      const shown = found.slice(0, filter.deep ? GROUPS_SHOWN_DEEP : GROUPS_SHOWN);
      const unfolded = found.find(({ fingerprint }) => fingerprint === filter.group);
      // Its error is read first, while there is a budget.
      if (unfolded) shown.splice(0, shown.length, unfolded, ...shown.filter((g) => g !== unfolded));
      return {
        shown,
        page: {
          now: clock.now,
          more: found.length - shown.length,
          looked: groups.looked,
          inPeriod: groups.inPeriod,
          since,
          cut: stoppedAt !== null,
          until,
        },
      };
    },
    { byIndexOnly: true },
  );
  const groups = await ctx.db.read((tx) => redactSamples(tx, ctx.tables, shown, newPageBudget()), {
    byIndexOnly: true,
  });
  return { ...page, groups: groups.sort(byFrequency(filter.range)) };
}

interface Scan {
  tx: Tx;
  tables: GoodJobTables;
  window: FailureWindow;
  groups: Groups;
  /** The database's time. ISO 8601 UTC. */
  now: string;
  /** What the first chunk may take, ms. */
  firstMs: number;
  /** Of the whole scan, as `performance.now()` counts. */
  deadline: number;
  /** For the normal forms of errors. */
  budget: TextBudget;
}

const newScanBudget = (budgetMs: number) =>
  new TextBudget({ maxBytes: SCAN_BYTES, maxMs: Math.max(MIN_SCAN_MS, 2 * budgetMs) });

/** Adds the rows to the groups; how many of them the budget allowed for. */
async function addRows({ groups, budget }: Scan, rows: FailureRow[]): Promise<number> {
  for (const [n, row] of rows.entries()) {
    const bytes = groups.costOf(row);
    if (bytes > 0 && !budget.spend(bytes)) return n;
    groups.add(row);
    await budget.yieldIfDue();
  }
  return rows.length;
}

/** Up to which scheduled time the jobs that wait to be tried again were read; null: all of them. */
async function scanRetried(scan: Scan): Promise<string | null> {
  const { tx, tables, window } = scan;
  let place: FailurePlace | null = null;
  do {
    const from: FailurePlace | null = place;
    const rows: RetriedFailure[] | null = await nullOnTimeout(tx, timeLeft(scan, from), () =>
      retriedFailures(tx, tables, window, from),
    );
    if (!rows) return from?.at ?? scan.now;
    const inWindow = rows.filter(({ isInWindow }) => isInWindow);
    const added = await addRows(scan, inWindow);
    if (added < inWindow.length) return inWindow[Math.max(added - 1, 0)]?.scheduledAt ?? null;
    place = afterRetried(rows);
    if (place && performance.now() > scan.deadline) return place.at;
  } while (place);
  return window.until;
}

/** What the next statement may take, ms. */
function timeLeft({ firstMs, deadline }: Scan, from: FailurePlace | null): number {
  return from ? Math.max(deadline - performance.now(), 0) + OVERTIME_MS : firstMs;
}

/** Reads discarded jobs in chunks, each as large as the rest of the time allows for. Where it stopped; null: at the window's beginning. */
async function scanDiscarded(scan: Scan): Promise<string | null> {
  const { deadline } = scan;
  let place: FailurePlace | null = null;
  let size = FIRST_CHUNK;
  for (let scanned = 0; scanned < GROUP_LOOKED_AT;) {
    const started = performance.now();
    const chunk: Chunk | null = await readDiscarded(scan, place, size);
    // Cut in the middle of a chunk: those before it still hold.
    if (!chunk) return place?.at ?? scan.now;
    const { rows, limit } = chunk;
    const added = await addRows(scan, rows);
    scanned += added;
    if (added < rows.length) return rows[Math.max(added - 1, 0)]?.at ?? null;
    const last = rows.at(-1);
    if (rows.length < limit || !last) return null;
    place = last;
    const left = deadline - performance.now();
    if (left <= 0) return last.at;
    size = nextChunk(rows, performance.now() - started, Math.min(CHUNK_MS, left));
  }
  return place?.at ?? null;
}

interface Chunk {
  rows: FailureRow[];
  /** How many rows it would have at most. */
  limit: number;
}

/** The chunk behind a place; the first one again, and smaller, where it is cut. Null: cut. */
async function readDiscarded(
  scan: Scan,
  from: FailurePlace | null,
  limit: number,
): Promise<Chunk | null> {
  const { tx, tables, window } = scan;
  const read = (most: number, timeoutMs: number) =>
    nullOnTimeout(tx, timeoutMs, async () => ({
      rows: await discardedFailures(tx, tables, window, from, most),
      limit: most,
    }));
  const chunk = await read(limit, timeLeft(scan, from));
  return chunk || from ? chunk : read(SMALL_CHUNK, SMALL_CHUNK_MS);
}

/** Rows of the next chunk, by the time and the size of the last one. */
function nextChunk(rows: FailureRow[], tookMs: number, allowedMs: number): number {
  const bytes = rows.reduce(
    (sum, { error, frame }) => sum + error.length + (frame?.length ?? 0),
    1,
  );
  const byTime = (rows.length / Math.max(tookMs, 0.1)) * allowedMs;
  const byBytes = (rows.length / bytes) * CHUNK_BYTES;
  return Math.max(50, Math.min(LARGEST_CHUNK, Math.round(Math.min(byTime, byBytes))));
}
