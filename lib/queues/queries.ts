import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { env } from '../config/environment';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { costTtl, ProcessCache } from '../core/process-state';
import { timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, secondsBetween } from '../db/text-limit';
import { refreshRunning } from '../good-job/locks';
import { type LivePools, livePools, servesQueue, queueThreads } from '../good-job/processes';
import { countPauses, pausedQueues } from '../good-job/settings';
import { type GoodJobTables, hasIndex, readyAt } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { type Causes, addCauses } from './causes';
import { type Depth, type QueueHeads, queueDepths, readQueueHead, readQueueHeads } from './depths';
import {
  type FlowAccuracy,
  type QueueFilter,
  type QueueFlow,
  type QueueRow,
  type QueuesPage,
  RANGES,
  type Range,
} from './filters';

interface Flow {
  reading: FlowAccuracy;
  queues: Map<string | null, QueueFlow>;
}

/**
 * Equal parts of the range, each with its own sample, so that a burst does not hide the time before
 * it.
 */
const PARTS = 60;
/** Maximum number of queues, those with the most finished jobs first. */
const MAX_QUEUES = 2_000;
/** Jobs to scan in all parts together. */
const SCAN_LIMIT = 12_000;
/** Index entries to count in one part. */
const PART_COUNT_LIMIT = 30_000;
const DISCARDED_COUNT_LIMIT = 10_000;
const TIMEOUT_MS = 1_500;
/** Cache TTL: a base, plus TTL_PER_QUERY_MS for each millisecond the query took. */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 40;
const MAX_TTL_MS = 30_000;
/** How long an expired result is served while a new one is read. */
const STALE_MS = 15_000;

const cache = new ProcessCache<Flow | null>('queue flow', {
  ttlMs: costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS),
  maxEntries: 50,
});

/** Returns the cached flow of each queue in the range; null: the query timed out. */
function flowWithin(ctx: Ctx, range: Range): Promise<Flow | null> {
  const read = () =>
    ctx.db
      .read((tx) => readFlow(tx, ctx.tables, range), { timeoutMs: TIMEOUT_MS, byIndexOnly: true })
      .catch(ignoreTimeout);
  return cache.get(ctx.tables.schema.identity, range, read, { staleMs: STALE_MS });
}

const flowRow = z.strictObject({
  name: z.string().nullable(),
  /** Scanned jobs. */
  scanned: z.number(),
  /** Finished jobs, extrapolated from the scanned ones. */
  finished: z.number(),
  /** Discarded jobs, extrapolated from the scanned ones. */
  discarded: z.number(),
  p50: z.number().nullable(),
  p95: z.number().nullable(),
});

/**
 * Reads the flow of each queue in the range by index_good_jobs_jobs_on_finished_at_only, from a
 * sample if more than `scanLimit` jobs finished. Discarded jobs of a sample are counted exactly by
 * index_good_jobs_on_discarded (GoodJob 4.18).
 */
export async function readFlow(
  tx: Tx,
  tables: GoodJobTables,
  range: Range,
  scanLimit = SCAN_LIMIT,
): Promise<Flow> {
  const totals = await countParts(tx, tables, range);
  const jobsPerPart = sampleSize(totals, scanLimit);
  const weights = totals.map((total) => Math.max(1, total / jobsPerPart));
  const rows = await tx.query(flowRow, sampleSql(tables, range, weights, jobsPerPart));
  const isSample = totals.some((total) => total > jobsPerPart);
  const isCounted = totals.every((total) => total < PART_COUNT_LIMIT);
  const toCount = (number: number): Count => ({
    kind: isSample ? 'estimate' : 'exact',
    count: Math.round(number),
  });
  const discardedByQueue = await countDiscarded(tx, tables, range, isSample);
  const finishedCount = totals.reduce((sum, total) => sum + total, 0);
  return {
    reading: {
      finished: { kind: isCounted ? 'exact' : 'at_least', count: finishedCount },
      scannedJobs: rows.reduce((sum, { scanned }) => sum + scanned, 0),
      isSample,
    },
    queues: new Map(
      rows.filter(isListed).map(({ name, finished, discarded, p50, p95 }) => [
        name,
        {
          finished: toCount(finished),
          discarded: discardedByQueue
            ? (discardedByQueue.get(name) ?? { kind: 'exact', count: 0 })
            : toCount(discarded),
          waitP50: p50,
          waitP95: p95,
        },
      ]),
    ),
  };
}

/** The job `j` finished in the part `n` of the range; part 0 is the newest. */
function isInPart(range: Range): Sql {
  const partLength = sql`interval '1 second' * ${RANGES[range] / PARTS}::float8`;
  return sql`
    j.finished_at IS NOT NULL
    AND j.finished_at > now() - ${partLength} * (n + 1)
    AND j.finished_at <= now() - ${partLength} * n`;
}

const partRow = z.strictObject({ total: z.number() });

/** The finished jobs of each part, at most PART_COUNT_LIMIT. */
async function countParts(tx: Tx, tables: GoodJobTables, range: Range): Promise<number[]> {
  const parts = await tx.query(
    partRow,
    sql`
      SELECT (SELECT count(*)::int
                FROM (SELECT 1
                        FROM ${tables.jobs} j
                       WHERE ${isInPart(range)}
                       LIMIT ${PART_COUNT_LIMIT}) j) AS total
        FROM generate_series(0, ${PARTS - 1}::int) n
       ORDER BY n`,
  );
  return parts.map(({ total }) => total);
}

/** `weights`: for each part, the number of jobs that one scanned job represents. */
function sampleSql(
  tables: GoodJobTables,
  range: Range,
  weights: number[],
  jobsPerPart: number,
): Sql {
  return sql`
    WITH sample AS MATERIALIZED (
      SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS queue_name,
             j.failed,
             CASE WHEN j.wait < 0 THEN 0 ELSE j.wait END AS wait,
             w.weight
        FROM unnest(${weights}::float8[]) WITH ORDINALITY w(weight, ord)
       CROSS JOIN LATERAL (SELECT (w.ord - 1)::int AS n OFFSET 0) part
       CROSS JOIN LATERAL (
         SELECT j.queue_name,
                j.error IS NOT NULL AS failed,
                ${secondsBetween(readyAt, sql`j.performed_at`)} AS wait
           FROM ${tables.jobs} j
          WHERE ${isInPart(range)}
          ORDER BY j.finished_at DESC
          LIMIT ${jobsPerPart}
       ) j
    ),
    ranked AS (
      SELECT queue_name, wait,
             sum(weight) OVER (PARTITION BY queue_name ORDER BY wait) AS upto,
             sum(weight) OVER (PARTITION BY queue_name) AS total
        FROM sample
       WHERE wait IS NOT NULL
    ),
    waits AS (
      SELECT queue_name,
             min(wait) FILTER (WHERE upto >= total * 0.5) AS p50,
             min(wait) FILTER (WHERE upto >= total * 0.95) AS p95
        FROM ranked
       GROUP BY queue_name
    ),
    sums AS (
      SELECT queue_name,
             count(*)::int AS scanned,
             sum(weight) AS finished,
             coalesce(sum(weight) FILTER (WHERE failed), 0) AS discarded
        FROM sample
       GROUP BY queue_name
    )
    SELECT s.queue_name AS name, s.scanned, s.finished, s.discarded, w.p50, w.p95
      FROM sums s
      LEFT JOIN waits w ON w.queue_name IS NOT DISTINCT FROM s.queue_name
     ORDER BY s.scanned DESC
     LIMIT ${MAX_QUEUES}`;
}

const isListed = ({ name }: { name: string | null }) =>
  name === null || Buffer.byteLength(name) <= MAX_NAME_BYTES;

/**
 * The number of jobs to scan per part within `scanLimit`. Large parts use what small parts leave of
 * the limit.
 */
function sampleSize(totals: number[], scanLimit: number): number {
  let remaining = scanLimit;
  const ascending = [...totals].sort((a, b) => a - b);
  for (const [n, total] of ascending.entries()) {
    const share = Math.floor(remaining / (ascending.length - n));
    if (total > share) return Math.max(1, share);
    remaining -= total;
  }
  return Math.max(1, ...totals);
}

const discardedRow = z.strictObject({ name: z.string().nullable(), count: z.number() });

/** Null: the sample is complete, the index is missing, or there are too many to count exactly. */
async function countDiscarded(
  tx: Tx,
  tables: GoodJobTables,
  range: Range,
  isSample: boolean,
): Promise<Map<string | null, Count> | null> {
  if (!isSample || !hasIndex(tables, 'add_index_good_jobs_discarded')) return null;
  const rows = await tx.query(
    discardedRow,
    sql`
      SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS name, count(*)::int AS count
        FROM (SELECT j.queue_name
                FROM ${tables.jobs} j
               WHERE j.finished_at IS NOT NULL
                 AND j.error IS NOT NULL
                 AND j.finished_at > now() - interval '1 second' * ${RANGES[range]}::float8
               ORDER BY j.finished_at DESC
               LIMIT ${DISCARDED_COUNT_LIMIT + 1}) j
       GROUP BY 1`,
  );
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  if (total > DISCARDED_COUNT_LIMIT) return null;
  return new Map(rows.map(({ name, count }) => [name, { kind: 'exact', count }]));
}

const MAX_ROWS = 200;
/** A queue moves up in the list if its oldest ready job has waited longer than this. */
const LATE_AFTER_MS = 60_000;
const DEPTHS_TIMEOUT_MS = 3_000;

const UNKNOWN: Count = { kind: 'unknown' };
const NONE: Count = { kind: 'exact', count: 0 };
const UNKNOWN_DEPTH: Depth = {
  ready: UNKNOWN,
  scheduled: UNKNOWN,
  retried: UNKNOWN,
  running: UNKNOWN,
};

/** Cache TTL: 10 s, plus 10 ms for each millisecond the read took, at most 30 s. */
const ttlMs = costTtl(10_000, 10, 30_000);
const scans = new ProcessCache<Scan>('queues', { ttlMs, maxEntries: 20, expiresOnWrite: true });
const pages = new ProcessCache<QueuesPage>('queue pages', {
  ttlMs,
  maxEntries: 100,
  expiresOnWrite: true,
});

/**
 * Returns the queues that have jobs, occur in the queue string of a live process or are paused, the
 * most urgent first. Cached; an invalid filter returns an empty page.
 */
export async function listQueues(ctx: Ctx, filter: QueueFilter): Promise<QueuesPage> {
  const { range, name, notUnderstood } = filter;
  if (notUnderstood.length > 0) return EMPTY_PAGE;
  const key = JSON.stringify([range, name]);
  return pages.get(ctx.tables.schema.identity, key, () => readPage(ctx, filter));
}

const EMPTY_PAGE: QueuesPage = {
  rows: [],
  pauses: 0,
  omittedQueues: 0,
  more: false,
  onlyOpen: false,
  liveProcesses: 0,
  silentProcesses: 0,
  flow: null,
};

/** The data that determines the order of the queues. */
interface Scan {
  heads: QueueHeads;
  live: LivePools;
  paused: string[];
  /** The number of pauses of queues, classes and labels. */
  pauses: number;
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
      pauses: await countPauses(tx, tables),
    }),
    { byIndexOnly: true },
  );
}

/** A queue without the counts of its jobs. */
type QueueEntry = Pick<
  QueueRow,
  'name' | 'oldestReadyAt' | 'isLate' | 'paused' | 'processes' | 'threads' | 'unserved'
>;

async function readPage(ctx: Ctx, { range, name }: QueueFilter): Promise<QueuesPage> {
  refreshRunning(ctx);
  const { identity } = ctx.tables.schema;
  // In parallel, although it takes two connections, because both are cached most of the time.
  const [scan, flow] = await Promise.all([
    scans.get(identity, '', () => readScan(ctx)),
    flowWithin(ctx, range),
  ]);
  const entries = entriesOf(scan, flow);
  if (name !== null && scan.heads.more)
    entries.push(...(await readUnscannedEntry(ctx, scan, name, entries)));
  const matches = entries.filter((entry) => nameIncludes(entry.name, name));
  matches.sort(byUrgency(scan.heads.now));
  const listed = matches.slice(0, MAX_ROWS);
  const rows = await addCauses(ctx, await addCounts(ctx, listed, flow), scan.live);
  const redactName = await redactNames(
    ctx,
    'queue_name',
    listed.map((entry) => entry.name),
  );
  return {
    // Filters and sorts again after redaction, so that neither reveals a redacted name.
    rows: rows
      .map((row) => ({ ...row, name: redactName(row.name) }))
      .filter((row) => nameIncludes(row.name, name))
      .sort(byUrgency(scan.heads.now)),
    pauses: scan.pauses,
    omittedQueues: matches.length - listed.length,
    more: scan.heads.more || scan.heads.tooLong > 0,
    onlyOpen: scan.heads.onlyOpen,
    liveProcesses: scan.live.processes,
    silentProcesses: scan.live.nonReporting,
    flow: flow?.reading ?? null,
  };
}

function nameIncludes(name: string | null, part: string | null): boolean {
  const normalize = (text: string) => text.normalize('NFKC').toLowerCase();
  return part === null || (name !== null && normalize(name).includes(normalize(part)));
}

function entriesOf(scan: Scan, flow: Flow | null): QueueEntry[] {
  const { heads, live, paused } = scan;
  const oldestReadyAtByName = new Map<string | null, string | null>(
    heads.open.map((head) => [head.name, head.oldestReadyAt]),
  );
  const otherNames = [
    ...heads.finished,
    ...live.pools.flatMap(({ served }) => (served.kind === 'only' ? served.queues : [])),
    ...paused,
    ...(flow?.queues.keys() ?? []),
  ];
  for (const name of otherNames)
    if (name !== '' && !oldestReadyAtByName.has(name)) oldestReadyAtByName.set(name, null);
  if (heads.unnamed) oldestReadyAtByName.set(null, heads.unnamed.oldestReadyAt);
  const toEntry = entryFactory(scan);
  return [...oldestReadyAtByName].map(([name, oldestReadyAt]) => toEntry(name, oldestReadyAt));
}

/** Looks up a queue that the scan did not reach by its exact name. */
async function readUnscannedEntry(
  ctx: Ctx,
  scan: Scan,
  name: string,
  entries: QueueEntry[],
): Promise<QueueEntry[]> {
  if (entries.some((entry) => entry.name === name)) return [];
  const source = { tables: ctx.tables, name, onlyOpen: scan.heads.onlyOpen };
  const head = await ctx.db.read((tx) => readQueueHead(tx, source), {
    byIndexOnly: true,
    inIndexOrder: true,
  });
  return head ? [entryFactory(scan)(head.name, head.oldestReadyAt)] : [];
}

function entryFactory({
  heads,
  live,
  paused,
}: Scan): (name: string | null, oldestReadyAt: string | null) => QueueEntry {
  const pausedNames = new Set(paused);
  const lateBefore = Date.parse(heads.now) - env().attentionReadyMinutes * 60_000;
  return (name, oldestReadyAt) => {
    const processes = live.byProcess.filter(({ pools }) =>
      pools.some(({ served }) => servesQueue(served, name)),
    );
    const isUnknown = processes.some(({ isKnown }) => !isKnown);
    return {
      name,
      oldestReadyAt,
      isLate: oldestReadyAt !== null && timestampMs(oldestReadyAt) < lateBefore,
      paused: name !== null && pausedNames.has(name),
      processes: isUnknown ? null : processes.length,
      threads: isUnknown ? null : queueThreads(live.pools, name).threads,
      // A process that does not report its queues may serve this one.
      unserved: processes.length === 0 && live.nonReporting === 0 && oldestReadyAt !== null,
    };
  };
}

/** Counts that time out are unknown, so that the page still renders. */
async function addCounts(
  ctx: Ctx,
  entries: QueueEntry[],
  flow: Flow | null,
): Promise<Omit<QueueRow, keyof Causes>[]> {
  const names = entries.flatMap(({ name }) => name ?? []);
  const hasUnnamed = entries.some(({ name }) => name === null);
  const depths = await ctx.db
    .read((tx) => queueDepths(tx, ctx.tables, names, hasUnnamed), {
      byIndexOnly: true,
      timeoutMs: DEPTHS_TIMEOUT_MS,
    })
    .catch(ignoreTimeout);
  const noFlow = { finished: NONE, discarded: NONE, waitP50: null, waitP95: null };
  return entries.map((entry) => ({
    ...entry,
    ...(depths?.get(entry.name) ?? UNKNOWN_DEPTH),
    flow: flow && (flow.queues.get(entry.name) ?? (flow.reading.isSample ? null : noFlow)),
  }));
}

/**
 * Unserved queues, then queues with late jobs, both oldest first; the others by name, so that they
 * keep their position between polls. `now` is the database's clock.
 */
function byUrgency(now: string): (a: QueueEntry, b: QueueEntry) => number {
  const nowMs = Date.parse(now);
  const urgencyOf = ({ unserved, oldestReadyAt }: QueueEntry): { rank: number; since: string } => {
    if (unserved) return { rank: 0, since: oldestReadyAt ?? '' };
    const isLate = oldestReadyAt !== null && nowMs - timestampMs(oldestReadyAt) > LATE_AFTER_MS;
    return isLate ? { rank: 1, since: oldestReadyAt } : { rank: 2, since: '' };
  };
  return (a, b) => {
    const aUrgency = urgencyOf(a);
    const bUrgency = urgencyOf(b);
    if (aUrgency.rank !== bUrgency.rank) return aUrgency.rank - bUrgency.rank;
    return aUrgency.since.localeCompare(bUrgency.since) || compareNames(a.name, b.name);
  };
}

/** Jobs without a queue come last. */
function compareNames(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? 1 : -1;
  return a < b ? -1 : 1;
}
