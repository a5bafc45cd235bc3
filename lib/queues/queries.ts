import 'server-only';
import { timestampMs } from '../core/timestamp-ms';
import type { Ctx } from '../ctx';
import { ConsoleError } from '../errors';
import { pausedQueues } from '../good-job/pauses';
import { type LivePools, livePools } from '../good-job/processes';
import { refreshRunning } from '../good-job/running';
import { servesQueue, threadsFor } from '../good-job/queue-strings';
import type { Count } from '../jobs/types';
import { type Depth, queueDepths } from './depths';
import { redactNames } from '../redact-names';
import type { QueueFilter } from './filters';
import { type Flow, flowWithin } from './flow';
import { NAMES, queueNames } from './names';
import type { QueueRow, QueuesPage } from './types';

/** Rows of the page. */
export const SHOWN = 200;
/** A job that is due waits a moment, always: only from here on it is of note, and moves its queue up. */
const WAITS_LONG_MS = 60_000;
const DEPTHS_MS = 3_000;

const UNKNOWN: Count = { kind: 'unknown' };
const UNKNOWN_DEPTH: Depth = {
  ready: UNKNOWN,
  scheduled: UNKNOWN,
  retried: UNKNOWN,
  running: UNKNOWN,
  oldestReadyAt: null,
};
const NO_DEPTH: Depth = {
  ready: none(),
  scheduled: none(),
  retried: none(),
  running: none(),
  oldestReadyAt: null,
};

function none(): Count {
  return { kind: 'exact', count: 0 };
}

/** All queues: those that have jobs, are named by a live process or are paused. Those that need somebody come first. */
export async function listQueues(
  ctx: Ctx,
  { range, notUnderstood }: QueueFilter,
): Promise<QueuesPage> {
  if (notUnderstood.length > 0)
    return {
      rows: [],
      hidden: 0,
      more: false,
      onlyOpen: false,
      liveProcesses: 0,
      silentProcesses: 0,
      flow: null,
    };
  // Side by side: each takes a connection of its own, and the second half a remembered answer most of the time.
  const [open, flow] = await Promise.all([readOpen(ctx), flowWithin(ctx, range)]);
  const { found, live, paused, depths } = open;
  const ofProcesses = live.pools
    .flatMap(({ served }) => (served.kind === 'only' ? served.queues : []))
    .filter((name) => name !== '');
  const names: (string | null)[] = [
    ...new Set(
      [...found.names, ...ofProcesses, ...paused, ...(flow?.queues.keys() ?? [])].filter(
        (name) => name !== null,
      ),
    ),
  ];
  if (found.unnamed || flow?.queues.has(null)) names.push(null);
  const rows = names.slice(0, NAMES * 2).map((name) =>
    rowOf(name, {
      live,
      paused,
      depth: depths ? (depths.get(name) ?? NO_DEPTH) : UNKNOWN_DEPTH,
      flow,
    }),
  );
  rows.sort(byUrgency);
  const page = rows.slice(0, SHOWN);
  const redactName = await redactNames(
    ctx,
    'queue_name',
    page.map(({ name }) => name),
  );
  return {
    // Their order is that of the names that are shown.
    rows: page.map((row) => ({ ...row, name: redactName(row.name) })).sort(byUrgency),
    hidden: Math.max(0, rows.length - SHOWN),
    more: found.more || names.length > NAMES * 2,
    onlyOpen: found.onlyOpen,
    liveProcesses: live.processes,
    silentProcesses: live.silent,
    flow: flow?.reading ?? null,
  };
}

async function readOpen(ctx: Ctx) {
  refreshRunning(ctx);
  const { found, live, paused } = await ctx.db.read(
    async (tx) => ({
      found: await queueNames(tx, ctx.gj),
      live: await livePools(tx, ctx.gj),
      paused: await pausedQueues(tx, ctx.gj),
    }),
    { byIndexOnly: true },
  );
  // Counts that do not come in time leave the rest of the page.
  const depths = await ctx.db
    .read((tx) => queueDepths(tx, ctx.gj, found.names, found.unnamed), {
      byIndexOnly: true,
      timeoutMs: DEPTHS_MS,
    })
    .catch((error: unknown) => {
      if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
      throw error;
    });
  return { found, live, paused, depths };
}

function rowOf(
  name: string | null,
  of: { live: LivePools; paused: Set<string>; depth: Depth; flow: Flow | null },
): QueueRow {
  const { live, paused, depth, flow } = of;
  const processes = live.byProcess.filter(({ pools }) =>
    pools.some(({ served }) => servesQueue(served, name)),
  ).length;
  const isEmpty = depth.ready.kind === 'exact' && depth.ready.count === 0;
  return {
    name,
    ...depth,
    paused: name !== null && paused.has(name),
    processes,
    threads: threadsFor(live.pools, name).threads,
    // A process that does not tell what it serves may serve this one.
    unserved: processes === 0 && live.silent === 0 && depth.ready.kind !== 'unknown' && !isEmpty,
    flow:
      flow &&
      (flow.queues.get(name) ??
        (flow.reading.isSample
          ? null
          : { finished: none(), discarded: none(), waitP50: null, waitP95: null })),
  };
}

/** Ready jobs that nobody takes, then those that wait long, the longest first; the others by name, so that they stay where they are. */
function byUrgency(a: QueueRow, b: QueueRow): number {
  const [first, second] = [urgency(a), urgency(b)];
  if (first.rank !== second.rank) return first.rank - second.rank;
  return (
    first.since.localeCompare(second.since) ||
    (a.name === null ? 1 : b.name === null ? -1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

function urgency({ unserved, oldestReadyAt }: QueueRow): { rank: number; since: string } {
  if (unserved) return { rank: 0, since: oldestReadyAt ?? '' };
  const isLate = oldestReadyAt !== null && Date.now() - timestampMs(oldestReadyAt) > WAITS_LONG_MS;
  return isLate ? { rank: 1, since: oldestReadyAt } : { rank: 2, since: '' };
}
