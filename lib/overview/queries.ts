import 'server-only';
import { cachedAttention } from '../attention/queries';
import type { Attention } from '../attention/types';
import { listOpenBatches } from '../batches/status';
import type { Ctx } from '../context/request-context';
import { ConsoleError, ignoreTimeout } from '../core/errors';
import { costTtl, ProcessCache } from '../core/process-state';
import { truncateText } from '../core/text';
import { readUpcomingCron } from '../cron/entries';
import type { UpcomingCron } from '../cron/types';
import { FAILURE_RANGES, type FailurePage, parseFailureFilter } from '../failures/filters';
import { listFailures } from '../failures/queries';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { type StoredActivity, readActivity } from './activity';
import { latestActs, marksSince, readActs, readCurrent, type StoredCurrent } from './current';
import {
  type Act,
  type Activity,
  type Cause,
  type Current,
  type Health,
  type OpenBatches,
  type Overview,
  RANGES,
  type QueueWaits,
  type Range,
  type RunningJob,
  type Section,
} from './types';

const MAX_CAUSES = 5;
const MAX_BATCHES = 5;
const MAX_RUNNING = 5;
const MAX_CRON_RUNS = 6;
const MAX_HEAT_ROWS = 8;
const MAX_DESCRIPTION = 160;
const MAX_ERROR = 300;
const HOUR_MS = 3_600_000;

/** A part of the overview as it is cached. `value` null: it could not be read in time. */
interface Measured {
  value: unknown;
  /** Start of the measurement, in ms since 1970. */
  atMs: number;
}

/** Cache TTL: 10 s, plus 40 ms for each millisecond of the read, at most 30 s. */
const cache = new ProcessCache<Measured>('overview', {
  ttlMs: costTtl(10_000, 40, 30_000),
  maxEntries: 100,
  expiresOnWrite: true,
});
/** What changes slowly or is expensive. */
const slowCache = new ProcessCache<Measured>('slow overview', {
  ttlMs: costTtl(30_000, 40, 60_000),
  maxEntries: 60,
});

/** A reader waits for a new value this long, then gets the previous one. */
const WAIT_MS = 100;
/** The maximum age of a previous value; the page says how old it is. */
const STALE_MS = 10 * 60_000;
/** Parts that are read at once; low, because other pages need connections too. */
const CONCURRENCY = 3;

interface Part<T> {
  value: Section<T>;
  /** Null: it failed. */
  atMs: number | null;
  error: unknown;
}

/**
 * Returns the overview for a range; its parts are cached for all viewers, and one that fails or
 * times out is an error in place of its value. Throws the error of the first part if none could be
 * read.
 */
export async function getOverview(ctx: Ctx, range: Range): Promise<Overview> {
  const slots = new Slots(CONCURRENCY);
  const read = <T>(name: string, load: () => Promise<T | null>, store = cache) =>
    readPart(ctx, store, name, () => slots.run(load));
  const [health, current, activity, acts, causes, batches, running, cron] = await Promise.all([
    readHealth(ctx),
    read('current', () => readCurrent(ctx)),
    read(`activity ${range}`, () => readActivity(ctx, range)),
    read('acts', () => readActs(ctx)),
    read('causes', () => readCauses(ctx), slowCache),
    read('batches', () => readBatches(ctx)),
    read('running', () => readRunning(ctx)),
    read('cron', () => readCron(ctx), slowCache),
  ]);
  const parts = [health, current, activity, acts, causes, batches, running, cron];
  const times = parts.flatMap(({ atMs }) => atMs ?? []);
  if (times.length === 0) throw health.error;
  return {
    range,
    measuredAt: new Date(Math.min(...times)).toISOString(),
    health: health.value,
    current: mapSection(current.value, toCurrent),
    activity: mapSection(activity.value, (stored) =>
      withWaiting(stored, range, 'value' in current.value ? current.value.value : null),
    ),
    marks: marksOf(acts.value, current.value, activity.value),
    causes: causes.value,
    batches: batches.value,
    running: running.value,
    cron: cron.value,
    acts: mapSection(acts.value, (all) => latestActs(ctx, all)),
  };
}

/** Runs at most `free` tasks at once. */
class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}

function mapSection<A, B>(section: Section<A>, map: (value: A) => B): Section<B> {
  return 'value' in section ? { value: map(section.value) } : section;
}

async function readPart<T>(
  ctx: Ctx,
  store: ProcessCache<Measured>,
  name: string,
  load: () => Promise<T | null>,
): Promise<Part<T>> {
  const key = JSON.stringify([name, ctx.consoleSchema]);
  try {
    const { value, atMs } = await store.get(
      ctx.tables.schema.identity,
      key,
      async () => {
        const startedAt = Date.now();
        return { value: await load(), atMs: startedAt };
      },
      { staleMs: STALE_MS, waitMs: WAIT_MS, maxAgeMs: store === cache ? ctx.maxAgeMs : Infinity },
    );
    if (value === null) return { value: { error: 'query_timeout' }, atMs, error: null };
    // The name of a part determines its type.
    return { value: { value: value as T }, atMs, error: null };
  } catch (error) {
    return failedPart(error);
  }
}

function failedPart<T>(error: unknown): Part<T> {
  if (!(error instanceof ConsoleError)) console.error(error);
  const code = error instanceof ConsoleError ? error.code : 'unexpected';
  return { value: { error: code }, atMs: null, error };
}

async function readHealth(ctx: Ctx): Promise<Part<Health>> {
  try {
    const attention = await cachedAttention(ctx);
    const atMs = Math.min(Date.now(), Date.parse(attention.checkedAt));
    return { value: { value: toHealth(attention) }, atMs, error: null };
  } catch (error) {
    return failedPart(error);
  }
}

function toHealth({ checks, checkedAt }: Attention): Health {
  const countOf = (result: 'clear' | 'unknown') =>
    checks.filter((check) => check.result === result).length;
  return {
    findings: checks.flatMap((check) =>
      check.result === 'found'
        ? [{ kind: check.kind, severity: check.finding.severity, count: check.finding.count }]
        : [],
    ),
    clear: countOf('clear'),
    unknown: countOf('unknown'),
    checkedAt,
  };
}

function toCurrent({ ready, paused, oldest, threads, processes, nowMs }: StoredCurrent): Current {
  return {
    ready,
    paused,
    oldest: oldest && {
      queue: oldest.queue,
      paused: oldest.paused,
      seconds: Math.max(0, (nowMs - oldest.sinceMs) / 1000),
    },
    threads,
    processes,
  };
}

/** Adds the jobs that still wait to the waits of the queues, and keeps the queues that wait most. */
function withWaiting(
  { queues, ...stored }: StoredActivity,
  range: Range,
  current: StoredCurrent | null,
): Activity {
  const { buckets, seconds, cellBuckets } = RANGES[range];
  const cellMs = cellBuckets * seconds * 1000;
  const rows = new Map<string, QueueWaits>();
  for (const { name, cells } of queues) rows.set(name, { name, cells: [...cells], paused: false });
  for (const { name, sinceMs, paused } of current?.waiting ?? []) {
    const row = rows.get(name) ?? {
      name,
      cells: new Array<number | null>(buckets / cellBuckets).fill(null),
      paused,
    };
    rows.set(name, { ...row, paused });
    row.cells.forEach((wait, cell) => {
      const endMs = Math.min(stored.startMs + (cell + 1) * cellMs, stored.nowMs);
      if (endMs > sinceMs) row.cells[cell] = Math.max(wait ?? 0, (endMs - sinceMs) / 1000);
    });
  }
  const lastWait = ({ cells }: QueueWaits) => cells.findLast((wait) => wait !== null) ?? 0;
  return {
    ...stored,
    queues: [...rows.values()]
      .sort((a, b) => lastWait(b) - lastWait(a) || (a.name < b.name ? -1 : 1))
      .slice(0, MAX_HEAT_ROWS),
  };
}

function marksOf(
  acts: Section<Act[]>,
  current: Section<StoredCurrent>,
  activity: Section<StoredActivity>,
): Overview['marks'] {
  if (!('value' in acts)) return acts;
  if (!('value' in activity)) return activity;
  const startsMs = 'value' in current ? current.value.startsMs : [];
  return { value: marksSince(acts.value, startsMs, activity.value.startMs) };
}

/** The failures of the last day and of the day before it. */
const CAUSES_FILTER = parseFailureFilter(new URLSearchParams());

async function readCauses(ctx: Ctx): Promise<Cause[] | null> {
  const page = await listFailures(ctx, CAUSES_FILTER).catch(ignoreTimeout);
  return page && page.groups.slice(0, MAX_CAUSES).map((group) => toCause(group, page));
}

function toCause(group: FailurePage['groups'][number], page: FailurePage): Cause {
  const sinceMs = Date.parse(page.now) - FAILURE_RANGES[CAUSES_FILTER.range] * 1000;
  const isPartial = page.until !== null || (page.isPartial && Date.parse(page.since) > sinceMs);
  return {
    fingerprint: group.fingerprint,
    error: truncateText(group.error, MAX_ERROR),
    jobClass: group.jobClass,
    tooLarge: group.tooLarge,
    count: { kind: isPartial ? 'at_least' : 'exact', count: group.discarded + group.retried },
    isNew: group.previousCount === 0,
    spark: group.spark,
  };
}

async function readBatches(ctx: Ctx): Promise<OpenBatches | null> {
  const open = await listOpenBatches(ctx, MAX_BATCHES).catch(ignoreTimeout);
  return (
    open && {
      hasMore: open.hasMore,
      rows: open.rows.map(({ batch: { id, description, tooLarge }, progress, status }) => ({
        id,
        description: description && truncateText(description, MAX_DESCRIPTION),
        tooLarge,
        progress,
        stalled: status?.stalled ?? false,
        stuck: status?.stuck ?? [],
        expectedAt: status?.expectedAt ?? null,
      })),
    }
  );
}

const RUNNING_FILTER = parseJobFilter(
  new URLSearchParams({ state: 'running', sort: 'performed', limit: String(MAX_RUNNING) }),
);

async function readRunning(ctx: Ctx): Promise<RunningJob[] | null> {
  const page = await listJobs(ctx, RUNNING_FILTER).catch(ignoreTimeout);
  return (
    page &&
    page.rows.map(({ id, jobClass, unwrapped, queueName, lostWorker, run }) => ({
      id,
      jobClass: unwrapped ?? jobClass,
      queueName,
      lostWorker,
      seconds: run ?? 0,
    }))
  );
}

function readCron(ctx: Ctx): Promise<UpcomingCron | null> {
  return readUpcomingCron(ctx, HOUR_MS, MAX_CRON_RUNS).catch(ignoreTimeout);
}
