import 'server-only';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { nullOnTimeout } from '../core/errors';
import { ProcessCache, costTtl } from '../core/process-cache';
import { timestampMs } from '../core/text';
import { servesQueue, threadsFor } from '../good-job/process-state';
import { type LivePools, livePools } from '../good-job/processes';
import { pausedQueues } from '../good-job/pauses';
import { refreshRunning } from '../good-job/running';
import type { Count } from '../jobs/types';
import { type Depth, type QueueHeads, queueDepths, readQueueHead, readQueueHeads } from './depths';
import type { QueueFilter, QueueRow, QueuesPage } from './filters';
import { type Flow, flowWithin } from './flow';

/** Rows of the page. */
export const SHOWN = 200;
/** A job that is due waits a moment, always: only from here on it is of note, and moves its queue up. */
const WAITS_LONG_MS = 60_000;
const DEPTHS_MS = 3_000;

const UNKNOWN: Count = { kind: 'unknown' };
const NONE: Count = { kind: 'exact', count: 0 };
const UNKNOWN_DEPTH: Depth = {
  ready: UNKNOWN,
  scheduled: UNKNOWN,
  retried: UNKNOWN,
  running: UNKNOWN,
};

/** All viewers of this server share what was read, and what was expensive to read is read less often. */
const ttlMs = costTtl(10_000, 10, 30_000);
const scans = new ProcessCache<Scan>('queues', { ttlMs, maxEntries: 20, expiresOnWrite: true });
const pages = new ProcessCache<QueuesPage>('queue pages', {
  ttlMs,
  maxEntries: 100,
  expiresOnWrite: true,
});

/** All queues: those that have jobs, are named by a live process or are paused. Those that need somebody come first. */
export async function listQueues(ctx: Ctx, filter: QueueFilter): Promise<QueuesPage> {
  const { range, name, notUnderstood } = filter;
  if (notUnderstood.length > 0) return NOTHING;
  const key = JSON.stringify([range, name]);
  return pages.get(ctx.tables.schema.identity, key, () => readPage(ctx, filter));
}

const NOTHING: QueuesPage = {
  rows: [],
  hidden: 0,
  more: false,
  onlyOpen: false,
  liveProcesses: 0,
  silentProcesses: 0,
  flow: null,
};

/** What the order of the queues depends on. */
interface Scan {
  heads: QueueHeads;
  live: LivePools;
  paused: string[];
}

async function readScan(ctx: Ctx): Promise<Scan> {
  const { tables } = ctx;
  const heads = await ctx.db.read((tx) => readQueueHeads(tx, tables), {
    byIndexOnly: true,
    inIndexOrder: true,
  });
  return ctx.db.read(
    async (tx) => ({
      heads,
      live: await livePools(tx, tables),
      paused: [...(await pausedQueues(tx, tables))],
    }),
    { byIndexOnly: true },
  );
}

/** A queue before its jobs are counted. */
type Place = Pick<
  QueueRow,
  'name' | 'oldestReadyAt' | 'paused' | 'processes' | 'threads' | 'unserved'
>;

async function readPage(ctx: Ctx, { range, name }: QueueFilter): Promise<QueuesPage> {
  refreshRunning(ctx);
  const { identity } = ctx.tables.schema;
  // Side by side: each takes a connection of its own, and the second half a cached answer most of the time.
  const [scan, flow] = await Promise.all([
    scans.get(identity, '', () => readScan(ctx)),
    flowWithin(ctx, range),
  ]);
  const places = placesOf(scan, flow);
  if (name !== null && scan.heads.more)
    places.push(...(await placeBeyond(ctx, scan, name, places)));
  const matching = places.filter((place) => hasInName(place.name, name));
  matching.sort(byUrgency(scan.heads.now));
  const first = matching.slice(0, SHOWN);
  const rows = await withCounts(ctx, first, flow);
  const redactName = await redactNames(
    ctx,
    'queue_name',
    first.map((place) => place.name),
  );
  return {
    // Names that are hidden match as viewers see them, and have their place in the order so.
    rows: rows
      .map((row) => ({ ...row, name: redactName(row.name) }))
      .filter((row) => hasInName(row.name, name))
      .sort(byUrgency(scan.heads.now)),
    hidden: matching.length - first.length,
    more: scan.heads.more || scan.heads.tooLong > 0,
    onlyOpen: scan.heads.onlyOpen,
    liveProcesses: scan.live.processes,
    silentProcesses: scan.live.silent,
    flow: flow?.reading ?? null,
  };
}

function hasInName(name: string | null, part: string | null): boolean {
  const plain = (text: string) => text.normalize('NFKC').toLowerCase();
  return part === null || (name !== null && plain(name).includes(plain(part)));
}

function placesOf(scan: Scan, flow: Flow | null): Place[] {
  const { heads, live, paused } = scan;
  const oldest = new Map<string | null, string | null>(
    heads.open.map((head) => [head.name, head.oldestReadyAt]),
  );
  const others = [
    ...heads.finished,
    ...live.pools.flatMap(({ served }) => (served.kind === 'only' ? served.queues : [])),
    ...paused,
    ...(flow?.queues.keys() ?? []),
  ];
  for (const name of others) if (name !== '' && !oldest.has(name)) oldest.set(name, null);
  if (heads.unnamed) oldest.set(null, heads.unnamed.oldestReadyAt);
  const placeOf = placeIn(scan);
  return [...oldest].map(([name, oldestReadyAt]) => placeOf(name, oldestReadyAt));
}

/** A queue beyond those that are scanned is found by its whole name. */
async function placeBeyond(ctx: Ctx, scan: Scan, name: string, places: Place[]): Promise<Place[]> {
  if (places.some((place) => place.name === name)) return [];
  const source = { tables: ctx.tables, name, onlyOpen: scan.heads.onlyOpen };
  const head = await ctx.db.read((tx) => readQueueHead(tx, source), {
    byIndexOnly: true,
    inIndexOrder: true,
  });
  return head ? [placeIn(scan)(head.name, head.oldestReadyAt)] : [];
}

function placeIn({ live, paused }: Scan): (name: string | null, at: string | null) => Place {
  const isPaused = new Set(paused);
  return (name, oldestReadyAt) => {
    const serving = live.byProcess.filter(({ pools }) =>
      pools.some(({ served }) => servesQueue(served, name)),
    );
    const isUnknown = serving.some(({ isKnown }) => !isKnown);
    return {
      name,
      oldestReadyAt,
      paused: name !== null && isPaused.has(name),
      processes: isUnknown ? null : serving.length,
      threads: isUnknown ? null : threadsFor(live.pools, name).threads,
      // A process that does not tell what it serves may serve this one.
      unserved: serving.length === 0 && live.silent === 0 && oldestReadyAt !== null,
    };
  };
}

/** Counts that do not come in time leave the rest of the page. */
async function withCounts(ctx: Ctx, places: Place[], flow: Flow | null): Promise<QueueRow[]> {
  const names = places.flatMap(({ name }) => name ?? []);
  const hasUnnamed = places.some(({ name }) => name === null);
  const depths = await ctx.db
    .read((tx) => queueDepths(tx, ctx.tables, names, hasUnnamed), {
      byIndexOnly: true,
      timeoutMs: DEPTHS_MS,
    })
    .catch(nullOnTimeout);
  const noFlow = { finished: NONE, discarded: NONE, waitP50: null, waitP95: null };
  return places.map((place) => ({
    ...place,
    ...(depths?.get(place.name) ?? UNKNOWN_DEPTH),
    flow: flow && (flow.queues.get(place.name) ?? (flow.reading.isSample ? null : noFlow)),
  }));
}

/** Ready jobs that nobody takes, then those that wait long, the longest first; the others by name, so that they stay where they are. `now`: the database's clock. */
function byUrgency(now: string): (a: Place, b: Place) => number {
  const nowMs = Date.parse(now);
  const urgency = ({ unserved, oldestReadyAt }: Place): { rank: number; since: string } => {
    if (unserved) return { rank: 0, since: oldestReadyAt ?? '' };
    const isLate = oldestReadyAt !== null && nowMs - timestampMs(oldestReadyAt) > WAITS_LONG_MS;
    return isLate ? { rank: 1, since: oldestReadyAt } : { rank: 2, since: '' };
  };
  return (a, b) => {
    const [first, second] = [urgency(a), urgency(b)];
    if (first.rank !== second.rank) return first.rank - second.rank;
    return first.since.localeCompare(second.since) || compareNames(a.name, b.name);
  };
}

/** Jobs without a queue come last. */
function compareNames(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -1 : 1;
}
