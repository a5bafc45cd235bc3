import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import { codeOf } from '../db/error-code';
import type { Tx } from '../db/types';
import { GROUP_LOOKED_AT } from '../good-job/failure-group';
import {
  type FailurePlace,
  type FailureRow,
  type FailureWindow,
  type RetriedFailure,
  afterRetried,
  discardedFailures,
  retriedFailures,
  waitingUntil,
} from '../good-job/failure-rows';
import type { GoodJob } from '../good-job/tables';
import { newPageBudget } from '../redaction/row-secrets';
import type { FailureFilter } from './filters';
import { Groups, byFrequency } from './groups';
import { redactSamples } from './samples';
import { FAILURE_RANGES, type FailurePage } from './types';

/** What a page takes for looking at failures, ms; and when somebody asks for more. */
const BUDGET_MS = 110;
const DEEP_BUDGET_MS = 500;
const FIRST_CHUNK = 500;
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
      const window: FailureWindow = {
        since: clock.since,
        until: await waitingUntil(tx, ctx.gj),
        classes: filter.jobClass === null ? null : [filter.jobClass],
      };
      const groups = new Groups(clock.now, filter.range);
      const scan: Scan = {
        tx,
        gj: ctx.gj,
        window,
        groups,
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
  // In a transaction of its own: a chunk that was cut short has ended the other.
  const groups = await ctx.db.read((tx) => redactSamples(tx, ctx.gj, shown, newPageBudget()), {
    byIndexOnly: true,
  });
  return { ...page, groups: groups.sort(byFrequency(filter.range)) };
}

interface Scan {
  tx: Tx;
  gj: GoodJob;
  window: FailureWindow;
  groups: Groups;
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
  const { tx, gj, window } = scan;
  let place: FailurePlace | null = null;
  do {
    const rows: RetriedFailure[] = await retriedFailures(tx, gj, window, place);
    const inWindow = rows.filter(({ isInWindow }) => isInWindow);
    const added = await addRows(scan, inWindow);
    if (added < inWindow.length) return inWindow[Math.max(added - 1, 0)]?.scheduledAt ?? null;
    place = afterRetried(rows);
    if (place && performance.now() > scan.deadline) return place.at;
  } while (place);
  return window.until;
}

/** Reads discarded jobs in chunks, each as large as the rest of the time allows for. Where it stopped; null: at the window's beginning. */
async function scanDiscarded(scan: Scan): Promise<string | null> {
  const { tx, gj, window, deadline } = scan;
  let place: FailurePlace | null = null;
  let size = FIRST_CHUNK;
  for (let looked = 0; looked < GROUP_LOOKED_AT;) {
    const started = performance.now();
    // The first chunk is read whatever it costs: a page that has looked at nothing says nothing.
    if (place)
      await tx.query(
        sql`SET LOCAL statement_timeout = ${raw(String(Math.ceil(Math.max(deadline - started, 0) + OVERTIME_MS)))}`,
      );
    let rows: FailureRow[];
    try {
      rows = await discardedFailures(tx, gj, window, place, size);
    } catch (error) {
      // Cut in the middle of a chunk: those before it still hold.
      if (codeOf(error) === '57014' && place) return place.at;
      throw error;
    }
    const added = await addRows(scan, rows);
    looked += added;
    if (added < rows.length) return rows[Math.max(added - 1, 0)]?.at ?? null;
    const last = rows.at(-1);
    if (rows.length < size || !last) return null;
    place = last;
    const left = deadline - performance.now();
    if (left <= 0) return last.at;
    size = nextChunk(rows, performance.now() - started, Math.min(CHUNK_MS, left));
  }
  return place?.at ?? null;
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
