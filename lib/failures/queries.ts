import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { TextBudget, yieldToEventLoop } from '../core/steps';
import { type Tx, nullOnTimeout } from '../db/database';
import type { GoodJobTables } from '../good-job/tables';
import { type FailureRedactor, failureRedactor } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import {
  type FailureCursor,
  type FailureWindow,
  type RetriedFailure,
  nextRetriedCursor,
  readDiscardedFailures,
  readFailure,
  readRetriedFailures,
  waitingLimit,
} from './failed-jobs';
import {
  FAILURE_RANGES,
  type FailureFilter,
  type FailureGroup,
  type FailurePage,
  type FailureRange,
  type FailureRow,
  GROUPS_PER_PAGE,
  RANGE_NAMES,
} from './filters';
import { byFrequency, FailureGroups, FailureReader, redactSamples } from './groups';

/** Time budget of a scan. */
const BUDGET_MS = 60;
/** Time budget when the user asks to scan further back. */
const DEEP_BUDGET_MS = 500;
/** The first chunk may exceed the budget, so that a slow database still shows failures. */
const FIRST_CHUNK = 1_000;
const FIRST_CHUNK_MS = 1_500;
const FIRST_CHUNK_DEEP_MS = 4_000;
/** Rows of the chunk that is read instead when the first one times out. */
const SMALL_CHUNK = 20;
const SMALL_CHUNK_MS = 500;
const MAX_CHUNK = 4_000;
/** Target time of a chunk. */
const CHUNK_MS = 100;
/** Added to the time left for a chunk, which may be slower than the one before it. */
const OVERTIME_MS = 150;
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Error text that one page normalizes. */
const SCAN_BYTES = 4 * 1024 * 1024;
const MIN_SCAN_MS = 250;
const WEEK_SECONDS = 604_800;
/** Discarded jobs that one scan reads at most. */
const MAX_DISCARDED_SCANNED = 200_000;

/**
 * Returns failures grouped by class, error and frame. It scans from the newest back until the time
 * budget is used up, and reports how far it got.
 */
export async function listFailures(
  ctx: Ctx,
  filter: FailureFilter,
  budgetMs = filter.deep ? DEEP_BUDGET_MS : BUDGET_MS,
): Promise<FailurePage> {
  const { page, listed } = await ctx.db.read(
    async (tx) => {
      const { groups, ...scanned } = await scanFailures(tx, ctx.tables, filter, budgetMs);
      const all = groups.inRange(scanned.since);
      const number = Math.min(filter.page, Math.max(1, Math.ceil(all.length / GROUPS_PER_PAGE)));
      const start = (number - 1) * GROUPS_PER_PAGE;
      const listed = expandedFirst(all, filter.group, start);
      return {
        listed,
        page: {
          ...scanned,
          groupCount: all.length,
          number,
          scanned: groups.scanned,
          countInRange: groups.countInRange,
        },
      };
    },
    { byIndexOnly: true },
  );
  const groups = await ctx.db.read((tx) => redactSamples(tx, ctx.tables, listed, newPageBudget()), {
    byIndexOnly: true,
  });
  return { ...page, groups: groups.sort(byFrequency(filter.range)) };
}

interface ScannedFailures extends Pick<FailurePage, 'now' | 'since' | 'isPartial' | 'until'> {
  groups: FailureGroups;
}

async function scanFailures(
  tx: Tx,
  tables: GoodJobTables,
  { range, jobClass, deep }: Pick<FailureFilter, 'range' | 'jobClass' | 'deep'>,
  budgetMs: number,
): Promise<ScannedFailures> {
  const clock = await readClock(tx, tables, Math.max(WEEK_SECONDS, 2 * FAILURE_RANGES[range]));
  const groups = new FailureGroups(clock.now, range);
  const scan: Scan = {
    tx,
    tables,
    window: {
      since: clock.since,
      until: clock.until,
      classes: jobClass === null ? null : [jobClass],
    },
    groups,
    now: clock.now,
    firstMs: deep ? FIRST_CHUNK_DEEP_MS : FIRST_CHUNK_MS,
    deadline: performance.now() + budgetMs,
    budget: newScanBudget(budgetMs),
  };
  const until = await scanRetried(scan);
  const endedAt = await scanDiscarded(scan);
  return {
    groups,
    now: clock.now,
    since: endedAt ?? clock.since,
    isPartial: endedAt !== null,
    until,
  };
}

/** Statement timeout of the count of failures with the same cause. */
const SAME_CAUSE_TIMEOUT_MS = 400;

/** The failures with the cause of one job, as /cleaner groups them. */
export interface SameCause {
  fingerprint: string;
  /** The shortest range from 24 hours on that includes the failure of the job. */
  range: FailureRange;
  /** Includes the job itself. */
  count: number;
  /** Whether the scan ended early, so that `count` is a lower bound. */
  isPartial: boolean;
}

/**
 * Counts the failures with the same class, error and frame as a discarded or retried job, within
 * the time budget of /cleaner. Null for another job, one that failed more than 7 days ago, and on a
 * timeout.
 */
export async function countSameCause(ctx: Ctx, id: string): Promise<SameCause | null> {
  return ctx.db
    .read(
      async (tx) => {
        const failure = await readFailure(tx, ctx.tables, id);
        if (!failure) return null;
        const { row, ageSeconds } = failure;
        const range = RANGE_NAMES.slice(RANGE_NAMES.indexOf('24_hours_ago')).find(
          (name) => ageSeconds <= FAILURE_RANGES[name],
        );
        if (!range) return null;
        const { jobClass } = row;
        const filter = { range, jobClass, deep: false };
        const scanned = await scanFailures(tx, ctx.tables, filter, BUDGET_MS);
        const { fingerprint } = new FailureReader(failureRedactor).read(row);
        const counts = scanned.groups.groupOf(fingerprint)?.counts;
        const count = Math.max(1, counts?.[RANGE_NAMES.indexOf(range)] ?? 0);
        return {
          fingerprint,
          range,
          count,
          isPartial: scanned.isPartial || scanned.until !== null,
        } satisfies SameCause;
      },
      { byIndexOnly: true, timeoutMs: SAME_CAUSE_TIMEOUT_MS },
    )
    .catch(ignoreTimeout);
}

/**
 * Returns a page of groups. The expanded group comes first, so that its error is read before the
 * byte budget is used up.
 */
function expandedFirst(
  groups: FailureGroup[],
  expandedFingerprint: string | null,
  start: number,
): FailureGroup[] {
  const listed = groups.slice(start, start + GROUPS_PER_PAGE);
  const expanded = groups.find(({ fingerprint }) => fingerprint === expandedFingerprint);
  return expanded ? [expanded, ...listed.filter((group) => group !== expanded)] : listed;
}

const clockRow = z.strictObject({
  /** The database's time, and the start of the window. ISO 8601 UTC. */
  now: z.string(),
  since: z.string(),
  /** The scheduled time up to which waiting jobs are scanned; null if all are. */
  until: z.string().nullable(),
});

/**
 * Reads the database's clock. If it takes longer than SMALL_CHUNK_MS to find the limit of waiting
 * jobs, `until` is now, so that none of them is scanned.
 */
async function readClock(
  tx: Tx,
  tables: GoodJobTables,
  seconds: number,
): Promise<z.infer<typeof clockRow>> {
  const times = sql`SELECT now() AS now, now() - make_interval(secs => ${seconds}) AS since`;
  const rows = await nullOnTimeout(tx, SMALL_CHUNK_MS, () =>
    tx.query(clockRow, sql`${times}, ${waitingLimit(tables)} AS until`),
  );
  const [clock] = rows ?? (await tx.query(clockRow, sql`${times}, now() AS until`));
  if (!clock) throw new Error('The database returned no time.');
  return clock;
}

interface Scan {
  tx: Tx;
  tables: GoodJobTables;
  window: FailureWindow;
  groups: FailureGroups;
  /** The database's time. ISO 8601 UTC. */
  now: string;
  /** Statement timeout of the first chunk. */
  firstMs: number;
  /** End of the whole scan, on the clock of `performance.now()`. */
  deadline: number;
  /** Budget for normalizing errors. */
  budget: TextBudget;
}

const newScanBudget = (budgetMs: number) =>
  new TextBudget({ maxBytes: SCAN_BYTES, maxMs: Math.max(MIN_SCAN_MS, 2 * budgetMs) });

/** Adds rows to the groups until the budget is used up. Returns the number of rows added. */
async function addRows({ groups, budget }: Scan, rows: FailureRow[]): Promise<number> {
  for (const [n, row] of rows.entries()) {
    const bytes = groups.costOf(row);
    if (bytes > 0 && !budget.spend(bytes)) return n;
    groups.add(row);
    await budget.yieldIfDue();
  }
  return rows.length;
}

/**
 * Scans jobs that wait for a retry. Returns the scheduled time up to which all were read; null if
 * all were.
 */
async function scanRetried(scan: Scan): Promise<string | null> {
  const { tx, tables, window } = scan;
  let cursor: FailureCursor | null = null;
  do {
    const from: FailureCursor | null = cursor;
    const rows: RetriedFailure[] | null = await nullOnTimeout(tx, chunkTimeoutMs(scan, from), () =>
      readRetriedFailures(tx, tables, window, from),
    );
    if (!rows) return from?.at ?? scan.now;
    const inWindow = rows.filter(({ isInWindow }) => isInWindow);
    const added = await addRows(scan, inWindow);
    if (added < inWindow.length) return inWindow[Math.max(added - 1, 0)]?.scheduledAt ?? null;
    cursor = nextRetriedCursor(rows);
    if (cursor && performance.now() > scan.deadline) return cursor.at;
  } while (cursor);
  return window.until;
}

function chunkTimeoutMs({ firstMs, deadline }: Scan, from: FailureCursor | null): number {
  return from ? Math.max(deadline - performance.now(), 0) + OVERTIME_MS : firstMs;
}

/**
 * Scans discarded jobs, newest first, in chunks sized by the time left. Returns the time of the
 * last scanned job, or null when the scan reached the beginning of the window.
 */
async function scanDiscarded(scan: Scan): Promise<string | null> {
  const { deadline } = scan;
  let cursor: FailureCursor | null = null;
  let size = FIRST_CHUNK;
  for (let scanned = 0; scanned < MAX_DISCARDED_SCANNED;) {
    const startedAt = performance.now();
    const chunk: Chunk | null = await readDiscarded(scan, cursor, size);
    // A timeout discards this chunk only; the earlier ones are complete.
    if (!chunk) return cursor?.at ?? scan.now;
    const { rows, limit } = chunk;
    const added = await addRows(scan, rows);
    scanned += added;
    if (added < rows.length) return rows[Math.max(added - 1, 0)]?.at ?? null;
    const last = rows.at(-1);
    if (rows.length < limit || !last) return null;
    cursor = last;
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) return last.at;
    size = nextChunkSize(rows, performance.now() - startedAt, Math.min(CHUNK_MS, remainingMs));
  }
  return cursor?.at ?? null;
}

interface Chunk {
  rows: FailureRow[];
  /** LIMIT of the statement: a chunk with fewer rows is the last one. */
  limit: number;
}

/**
 * Reads the chunk after a cursor; null on a timeout. The first chunk is tried again with fewer
 * rows.
 */
async function readDiscarded(
  scan: Scan,
  from: FailureCursor | null,
  limit: number,
): Promise<Chunk | null> {
  const { tx, tables, window } = scan;
  const read = (maxRows: number, timeoutMs: number) =>
    nullOnTimeout(tx, timeoutMs, async () => ({
      rows: await readDiscardedFailures(tx, tables, window, from, maxRows),
      limit: maxRows,
    }));
  const chunk = await read(limit, chunkTimeoutMs(scan, from));
  return chunk || from ? chunk : read(SMALL_CHUNK, SMALL_CHUNK_MS);
}

/** Returns the row limit of the next chunk, from the duration and size of the last one. */
function nextChunkSize(rows: FailureRow[], tookMs: number, allowedMs: number): number {
  const bytes = rows.reduce(
    (sum, { error, frame }) => sum + error.length + (frame?.length ?? 0),
    1,
  );
  const byTime = (rows.length / Math.max(tookMs, 0.1)) * allowedMs;
  const byBytes = (rows.length / bytes) * CHUNK_BYTES;
  return Math.max(50, Math.min(MAX_CHUNK, Math.round(Math.min(byTime, byBytes))));
}

/** Rows of one statement. */
const GROUP_CHUNK = 1_000;
/** Time for which processing may block the event loop. */
const MAX_SLICE_MS = 10;

/**
 * Returns the ids of all jobs of one group in a window. Only each statement has a timeout; the scan
 * as a whole has no time limit.
 */
export async function findGroupJobIds(
  tx: Tx,
  tables: GoodJobTables,
  fingerprint: string,
  window: FailureWindow,
  redactor: FailureRedactor,
): Promise<string[]> {
  const reader = new FailureReader(redactor);
  const ids: string[] = [];
  let sliceStartedAt = performance.now();
  const collect = async (rows: FailureRow[]) => {
    for (const row of rows) {
      if (reader.read(row).fingerprint === fingerprint) ids.push(row.id);
      if (performance.now() - sliceStartedAt < MAX_SLICE_MS) continue;
      await yieldToEventLoop();
      sliceStartedAt = performance.now();
    }
  };
  let cursor: FailureCursor | null = null;
  do {
    const rows: RetriedFailure[] = await readRetriedFailures(tx, tables, window, cursor);
    await collect(rows.filter(({ isInWindow }) => isInWindow));
    cursor = nextRetriedCursor(rows);
  } while (cursor);
  for (let scanned = 0; scanned < MAX_DISCARDED_SCANNED; scanned += GROUP_CHUNK) {
    const rows: FailureRow[] = await readDiscardedFailures(tx, tables, window, cursor, GROUP_CHUNK);
    await collect(rows);
    cursor = rows.at(-1) ?? null;
    if (rows.length < GROUP_CHUNK) break;
  }
  return ids;
}
