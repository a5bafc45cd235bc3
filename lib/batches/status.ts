import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { timestampMs, truncateText } from '../core/text';
import { readyAt, stateOf } from '../good-job/tables';
import { type JobState, PAUSE_KINDS } from '../good-job/types';
import { redaction } from '../redaction/redaction';
import { countBatchJobs, countIfSmall, listBatches } from './queries';
import {
  MAX_LISTED_PAUSES,
  MAX_OPEN_JOBS_READ,
  RATE_WINDOW_SECONDS,
  readSignals,
  type Signals,
} from './signals';
import {
  type BatchFilter,
  type BatchListRow,
  type BatchPage,
  type BatchProgress,
  type BatchRow,
  type BatchStatus,
  type BatchTimeline,
  MAX_TIMELINE_BARS,
  MAX_TIMELINE_JOBS,
  type StuckCause,
  type TimelineBar,
} from './types';

const MAX_LISTED_QUEUES = 5;
/** Lost jobs that one click releases. */
const MAX_LISTED_LOST_JOBS = 50;
const MAX_NAME_CHARACTERS = 100;
/** After this time the state of the open batches of a list is unknown. */
const LIST_SIGNALS_MS = 500;
/** Larger batches are left out of a list's signals, which read all members. */
const MAX_JOBS_OF_LISTED_BATCH = 10_000;

const NO_PROGRESS: BatchProgress = { total: 0, more: false, states: null };

/** One page of batches with the progress of each, and what it waits for. */
export async function listBatchesWithProgress(
  ctx: Ctx,
  filter: BatchFilter,
): Promise<BatchPage<BatchListRow>> {
  const page = await listBatches(ctx, filter);
  const { progress, signals } = await readProgressAndSignals(ctx, page.rows);
  return {
    ...page,
    rows: page.rows.map((row) => {
      const counts = progress.get(row.id) ?? null;
      const rowSignals = signals.get(row.id);
      return {
        ...row,
        progress: counts,
        stalled: rowSignals?.stalled ?? (row.finishedAt === null ? null : false),
        stuck: counts && rowSignals ? stuckReasons(row, counts, rowSignals) : [],
      };
    }),
  };
}

/**
 * Returns the newest open batches with their progress, and with their status if it could be read in
 * time.
 */
export async function listOpenBatches(
  ctx: Ctx,
  limit: number,
): Promise<{
  rows: { batch: BatchRow; progress: BatchProgress | null; status: BatchStatus | null }[];
  hasMore: boolean;
}> {
  const { rows, next } = await listBatches(ctx, {
    state: 'running',
    q: '',
    limit,
    cursor: null,
    notUnderstood: [],
  });
  const { progress, signals } = await readProgressAndSignals(ctx, rows);
  return {
    rows: rows.map((batch) => {
      const counts = progress.get(batch.id) ?? null;
      const rowSignals = signals.get(batch.id);
      const status = counts && rowSignals ? statusFrom(batch, counts, rowSignals) : null;
      return { batch, progress: counts, status };
    }),
    hasMore: next !== null,
  };
}

async function readProgressAndSignals(
  ctx: Ctx,
  batches: readonly BatchRow[],
): Promise<{ progress: Map<string, BatchProgress>; signals: Map<string, Signals> }> {
  const progress = await countBatchJobs(
    ctx,
    batches.map(({ id }) => id),
  );
  const readable = [...progress].filter(
    ([, { states, total }]) => states && total <= MAX_JOBS_OF_LISTED_BATCH,
  );
  const signals = await readListSignals(
    ctx,
    readable.map(([id]) => id),
  );
  return { progress, signals };
}

/** Empty if the query takes longer than LIST_SIGNALS_MS. */
async function readListSignals(ctx: Ctx, ids: string[]): Promise<Map<string, Signals>> {
  if (ids.length === 0) return new Map();
  const query = ctx.db.read((tx) => readSignals(tx, ctx.tables, ids), {
    byIndexOnly: true,
    timeoutMs: LIST_SIGNALS_MS,
  });
  return (await query.catch(ignoreTimeout)) ?? new Map();
}

/** The status of a batch: progress, elapsed time, expected end, and the reasons why it is stuck. */
export async function getBatchStatus(ctx: Ctx, batch: BatchRow): Promise<BatchStatus> {
  const progress = (await countBatchJobs(ctx, [batch.id])).get(batch.id) ?? NO_PROGRESS;
  const signals = await ctx.db.read((tx) => readSignals(tx, ctx.tables, [batch.id]), {
    byIndexOnly: true,
  });
  return statusFrom(batch, progress, signals.get(batch.id) ?? null);
}

/**
 * `getBatchStatus` in one short transaction; null if the batch is missing or has more than `limit`
 * jobs.
 */
export async function getSmallBatchStatus(
  ctx: Ctx,
  batch: Promise<BatchRow | null>,
  id: string,
  limit: number,
): Promise<BatchStatus | null> {
  const [row, counts] = await Promise.all([
    batch,
    ctx.db.read(
      async (tx) => {
        const progress = await countIfSmall(tx, ctx.tables, id, limit);
        if (!progress) return null;
        return { progress, signals: (await readSignals(tx, ctx.tables, [id])).get(id) ?? null };
      },
      { byIndexOnly: true },
    ),
  ]);
  return row && counts && statusFrom(row, counts.progress, counts.signals);
}

function openJobs({ states, total }: BatchProgress): number | null {
  return states ? total - states.succeeded - states.discarded : null;
}

/** `signals` is null for a batch that was deleted meanwhile. */
function statusFrom(
  batch: BatchRow,
  progress: BatchProgress,
  signals: Signals | null,
): BatchStatus {
  const { states } = progress;
  const open = openJobs(progress);
  const isDueLater =
    signals?.lastAt != null && timestampMs(signals.lastAt) > timestampMs(signals.now);
  return {
    batch,
    progress,
    stalled: signals?.stalled ?? false,
    finishedShare:
      states && progress.total > 0 && batch.enqueuedAt !== null
        ? (states.succeeded + states.discarded) / progress.total
        : null,
    elapsed: signals && elapsedSeconds(batch, open, signals),
    expectedAt:
      signals === null || batch.finishedAt !== null || open === null || open === 0
        ? null
        : expectedEnd(batch, signals, open),
    notBefore: isDueLater ? (signals?.lastAt ?? null) : null,
    stuck: signals ? stuckReasons(batch, progress, signals) : [],
    canRetry: batch.discardedAt !== null || (states?.discarded ?? 0) > 0,
  };
}

function elapsedSeconds(batch: BatchRow, open: number | null, signals: Signals): number | null {
  if (batch.enqueuedAt === null) return null;
  // The jobs of a batch can have ended without the check that records it.
  const lastEnd = open === 0 ? signals.lastFinishedAt : null;
  const to = batch.jobsFinishedAt ?? batch.finishedAt ?? lastEnd ?? signals.now;
  const total = seconds(batch.enqueuedAt, to);
  return total === null ? null : Math.max(0, total - signals.idle);
}

/** The seconds between two times; null if one of them is infinite. */
function seconds(from: string, to: string): number | null {
  const ms = timestampMs(to) - timestampMs(from);
  return Number.isFinite(ms) ? Math.max(0, ms / 1000) : null;
}

function expectedEnd(batch: BatchRow, signals: Signals, open: number): string | null {
  if (signals.recentlyFinished === 0 || signals.stalled) return null;
  const window = Math.min(
    RATE_WINDOW_SECONDS,
    Math.max(1, seconds(batch.enqueuedAt ?? batch.createdAt, signals.now) ?? RATE_WINDOW_SECONDS),
  );
  const perSecond = signals.recentlyFinished / window;
  const byRate = Date.parse(signals.now) + (open / perSecond) * 1000;
  const end = Math.max(byRate, signals.lastAt === null ? 0 : timestampMs(signals.lastAt));
  return Number.isFinite(end) ? new Date(end).toISOString() : null;
}

const listedName = (name: string): string =>
  truncateText(redaction().redactText(name), MAX_NAME_CHARACTERS);

function stuckReasons(batch: BatchRow, progress: BatchProgress, signals: Signals): StuckCause[] {
  const reasons: StuckCause[] = [];
  if (batch.enqueuedAt === null && batch.finishedAt === null)
    reasons.push({ kind: 'not_enqueued' });
  if (signals.hangs && openJobs(progress) === 0) reasons.push({ kind: 'never_completes' });
  reasons.push(...openJobReasons(progress, signals));
  if (batch.jobsFinishedAt !== null && signals.callbacksOpen > 0)
    reasons.push({ kind: 'callbacks_open', count: signals.callbacksOpen });
  if (signals.callbacksDiscarded > 0)
    reasons.push({ kind: 'callbacks_discarded', count: signals.callbacksDiscarded });
  return reasons;
}

/** Why the unfinished jobs do not run. */
function openJobReasons(progress: BatchProgress, signals: Signals): StuckCause[] {
  const reasons: StuckCause[] = [];
  const { states } = progress;
  if (!states || openJobs(progress) === 0) return reasons;
  const waiting = states.scheduled + states.retried + states.queued;
  if (signals.lost.length > 0)
    reasons.push(lostWorkersReason(signals.lost, states.running > MAX_OPEN_JOBS_READ));
  if (waiting > 0 && signals.paused >= waiting) reasons.push(pausedReason(waiting, signals));
  else if (states.queued > 0 && signals.liveProcesses === 0)
    reasons.push({ kind: 'no_process', count: states.queued });
  else if (signals.unservedQueues.length > 0)
    reasons.push({
      kind: 'queues_unserved',
      count: signals.unservedQueues.length,
      queues: signals.unservedQueues.slice(0, MAX_LISTED_QUEUES).map(listedName),
    });
  else if (states.queued === 0 && states.running === 0 && signals.nextAt)
    reasons.push({ kind: 'waits_until', at: signals.nextAt, count: waiting });
  return reasons;
}

const lostJob = z.tuple([z.string(), z.boolean()]);

function lostWorkersReason(lost: string[], more: boolean): StuckCause {
  const jobs = lost.map((text) => lostJob.parse(JSON.parse(text)));
  const locked = jobs.filter(([, isLocked]) => isLocked).map(([id]) => id);
  return {
    kind: 'lost_workers',
    count: jobs.length,
    more,
    lockedIds: locked.slice(0, MAX_LISTED_LOST_JOBS),
  };
}

const pauseEntry = z.tuple([z.enum(PAUSE_KINDS), z.string()]);

/** Names that redaction changes are left out, because a link with such a name ends no pause. */
function pausedReason(count: number, { pauses }: Signals): StuckCause {
  const names = (pauses ?? [])
    .map((text) => pauseEntry.parse(JSON.parse(text)))
    .filter(([, name]) => redaction().redactText(name) === name);
  return {
    kind: 'paused',
    count,
    by: names.slice(0, MAX_LISTED_PAUSES).map(([by, name]) => ({ by, name })),
    more: (pauses?.length ?? 0) > Math.min(names.length, MAX_LISTED_PAUSES),
  };
}

/* The timeline of one batch. */

/** Rows of bars of several jobs, for a batch with more than MAX_TIMELINE_BARS. */
const GROUPED_BARS = 250;
/** A bar of several jobs does not span a pause longer than this part of the whole time. */
const GAPS = 50;
const TIMELINE_TIMEOUT_MS = 1_500;

/** A bar of several jobs has the first of these states that one of them is in. */
const BY_SERIOUSNESS: readonly JobState[] = [
  'discarded',
  'running',
  'retried',
  'queued',
  'scheduled',
  'succeeded',
];

const barRow = z.strictObject({
  now: z.string(),
  id: z.string().nullable(),
  jobs: z.number(),
  /** Index in BY_SERIOUSNESS. */
  state: z.number(),
  from: z.string(),
  to: z.string().nullable(),
  /** All jobs that were read. */
  total: z.number(),
});

/**
 * When the jobs of a batch ran, from at most MAX_TIMELINE_JOBS of them by
 * index_good_jobs_on_batch_id. Throws ConsoleError `query_timeout`.
 */
export async function getBatchTimeline(ctx: Ctx, batchId: string): Promise<BatchTimeline> {
  const rows = await ctx.db.read(
    (tx) =>
      tx.query(
        barRow,
        sql`
          WITH members AS MATERIALIZED (
            SELECT j.id, j.finished_at,
                   array_position(${BY_SERIOUSNESS}::text[], ${stateOf}) - 1 AS state,
                   coalesce(j.performed_at, j.finished_at, ${readyAt}) AS started
              FROM (
                SELECT *
                  FROM ${ctx.tables.jobs}
                 WHERE batch_id = ${batchId}
                 LIMIT ${MAX_TIMELINE_JOBS + 1}) j),
          timed AS (
            SELECT m.*,
                   extract(epoch FROM m.started)::float8 AS from_s,
                   extract(epoch FROM coalesce(m.finished_at, m.started))::float8 AS to_s
              FROM members m),
          numbered AS (
            SELECT t.*, row_number() OVER (ORDER BY t.started, t.id) - 1 AS n,
                   count(*) OVER () AS total,
                   max(t.to_s) OVER (
                     ORDER BY t.started, t.id
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_s,
                   (max(t.to_s) OVER () - min(t.from_s) OVER ()) / ${GAPS} AS gap_s
              FROM timed t),
          grouped AS (
            SELECT n.*,
                   CASE WHEN n.total > ${MAX_TIMELINE_BARS}
                        THEN ceil(n.total::numeric / ${GROUPED_BARS})::int ELSE 1 END AS size,
                   count(*) FILTER (WHERE n.from_s - n.ended_s > n.gap_s)
                     OVER (ORDER BY n.n) AS island
              FROM numbered n)
          SELECT now() AS now,
                 CASE WHEN count(*) = 1 THEN (array_agg(g.id))[1] END AS id,
                 count(*)::int AS jobs,
                 min(g.state)::int AS state,
                 min(g.started) AS "from",
                 CASE WHEN bool_and(g.finished_at IS NOT NULL) THEN max(g.finished_at) END AS "to",
                 max(g.total)::int AS total
            FROM grouped g
           GROUP BY g.n / g.size, g.island
           ORDER BY min(g.n)`,
      ),
    { byIndexOnly: true, timeoutMs: TIMELINE_TIMEOUT_MS },
  );
  const total = rows[0]?.total ?? 0;
  return {
    now: rows[0] ? timestampMs(rows[0].now) : Date.now(),
    bars: rows.flatMap(toBar),
    jobs: Math.min(total, MAX_TIMELINE_JOBS),
    isSample: total > MAX_TIMELINE_JOBS,
  };
}

/** None for a job whose time is infinite or that no JavaScript date can have. */
function toBar({ id, jobs, state, from, to }: z.infer<typeof barRow>): TimelineBar[] {
  const fromMs = timestampMs(from);
  const toMs = to === null ? null : timestampMs(to);
  if (!Number.isFinite(fromMs) || (toMs !== null && !Number.isFinite(toMs))) return [];
  return [{ id, jobs, state: BY_SERIOUSNESS[state] ?? 'queued', from: fromMs, to: toMs }];
}
