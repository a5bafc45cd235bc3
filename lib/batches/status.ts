import 'server-only';
import sql from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { cut, timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { isHanging } from '../good-job/batches';
import { isHeld } from '../good-job/locks';
import { servesQueue } from '../good-job/process-state';
import { type LivePools, livePools } from '../good-job/processes';
import { isPaused } from '../good-job/pauses';
import { isInState, readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { countBatchJobs, countIfSmall } from './queries';
import { isStalled } from './queries';
import type { BatchRow, BatchStatus, Progress, Stuck } from './types';

interface Signals {
  now: string;
  /** Waiting jobs that are paused. */
  paused: number;
  /** Running jobs that no live process holds, among the first OPEN_JOBS_SEEN of them. */
  lost: number;
  stalled: boolean;
  /** Its completion check is due, and nobody runs it. */
  hangs: boolean;
  liveProcesses: number;
  /** Queues in which jobs are ready that nothing holds up, and of them those that no live process serves. */
  readyQueues: string[] | null;
  unservedQueues: string[];
  /** The first and the last time at which a waiting job is due. */
  nextAt: string | null;
  lastAt: string | null;
  callbacksOpen: number;
  callbacksDiscarded: number;
  /** Jobs of the batch that finished in the last RATE_WINDOW. */
  recentlyFinished: number;
}

/** Running jobs, and jobs that are ready, that are read to say why nothing moves. */
const OPEN_JOBS_SEEN = 1_000;
const RATE_WINDOW_S = 300;
/** Queues named. */
const QUEUES_SHOWN = 5;
const QUEUE_SHOWN = 100;

/**
 * What the head of a batch page says: progress per state, elapsed, the expected end while it runs, and when it
 * stands still, why.
 */
export async function getBatchStatus(ctx: Ctx, batch: BatchRow): Promise<BatchStatus> {
  const progress = (await countBatchJobs(ctx, [batch.id])).get(batch.id) ?? {
    total: 0,
    more: false,
    states: null,
  };
  const signals = await ctx.db.read((tx) => readSignals(tx, ctx.tables, batch.id, progress), {
    byIndexOnly: true,
  });
  return statusFrom(batch, progress, signals);
}

/** The same for a batch of at most `limit` jobs, in one short transaction; null: it has more, or is not there. */
export async function getSmallBatchStatus(
  ctx: Ctx,
  batch: Promise<BatchRow | null>,
  id: string,
  limit: number,
): Promise<BatchStatus | null> {
  const [row, found] = await Promise.all([
    batch,
    ctx.db.read(
      async (tx) => {
        const progress = await countIfSmall(tx, ctx.tables, id, limit);
        return progress && { progress, signals: await readSignals(tx, ctx.tables, id, progress) };
      },
      { byIndexOnly: true },
    ),
  ]);
  return row && found && statusFrom(row, found.progress, found.signals);
}

function openJobs({ states, total }: Progress): number | null {
  return states ? total - states.succeeded - states.discarded : null;
}

function statusFrom(batch: BatchRow, progress: Progress, signals: Signals): BatchStatus {
  const { states } = progress;
  const open = openJobs(progress);
  return {
    batch,
    progress,
    stalled: signals.stalled,
    finishedShare:
      states && progress.total > 0 && batch.enqueuedAt !== null
        ? (states.succeeded + states.discarded) / progress.total
        : null,
    elapsed: batch.enqueuedAt
      ? seconds(batch.enqueuedAt, batch.jobsFinishedAt ?? batch.finishedAt ?? signals.now)
      : null,
    expectedAt:
      batch.finishedAt !== null || open === null || open === 0
        ? null
        : expectedEnd(batch, signals, open),
    notBefore:
      signals.lastAt !== null && timestampMs(signals.lastAt) > timestampMs(signals.now)
        ? signals.lastAt
        : null,
    stuck: stuckReasons(batch, progress, open, signals),
    retryOffered: batch.discardedAt !== null || (states?.discarded ?? 0) > 0,
  };
}

/** Null: one of the times is infinite. */
function seconds(from: string, to: string): number | null {
  const ms = timestampMs(to) - timestampMs(from);
  return Number.isFinite(ms) ? Math.max(0, ms / 1000) : null;
}

function expectedEnd(batch: BatchRow, signals: Signals, open: number): string | null {
  if (signals.recentlyFinished === 0 || signals.stalled) return null;
  const window = Math.min(
    RATE_WINDOW_S,
    Math.max(1, seconds(batch.enqueuedAt ?? batch.createdAt, signals.now) ?? RATE_WINDOW_S),
  );
  const perSecond = signals.recentlyFinished / window;
  const byRate = Date.parse(signals.now) + (open / perSecond) * 1000;
  const end = Math.max(byRate, signals.lastAt === null ? 0 : timestampMs(signals.lastAt));
  return Number.isFinite(end) ? new Date(end).toISOString() : null;
}

async function readSignals(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
  progress: Progress,
): Promise<Signals> {
  const open = openJobs(progress);
  const seen = open === 0 ? 0 : OPEN_JOBS_SEEN;
  const live = await livePools(tx, tables);
  // OFFSET 0: the planner would look for this batch among everybody's open jobs, and there may be millions.
  const members = sql`(SELECT * FROM ${tables.jobs} WHERE batch_id = ${batchId} OFFSET 0)`;
  const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
  const [row] = await tx.query<Omit<Signals, 'liveProcesses' | 'unservedQueues'>>(sql`
    SELECT clock_timestamp() AS now,
      ${open === 0 ? sql`(SELECT ${isHanging(tables)} FROM ${tables.batches} b WHERE b.id = ${batchId})` : sql`false`} AS hangs,
      (SELECT ${isStalled(tables, live)} FROM ${tables.batches} b WHERE b.id = ${batchId}) AS stalled,
      (SELECT count(*)::int FROM (SELECT * FROM ${members} j WHERE j.finished_at IS NULL AND j.performed_at IS NOT NULL LIMIT ${seen}) j
        WHERE NOT ${isHeld(tables)}) AS lost,
      (SELECT array_agg(DISTINCT j.queue_name) FROM (
        SELECT j.queue_name FROM ${members} j WHERE ${isWaiting} AND ${readyAt} <= now() AND j.queue_name IS NOT NULL
           AND NOT coalesce(${isPaused(tables)}, false) LIMIT ${seen}) j) AS "readyQueues",
      (SELECT count(*)::int FROM ${tables.jobs} j WHERE j.batch_callback_id = ${batchId} AND j.finished_at IS NULL) AS "callbacksOpen",
      (SELECT count(*)::int FROM ${tables.jobs} j WHERE j.batch_callback_id = ${batchId} AND ${isInState('discarded')}) AS "callbacksDiscarded",
      m.*
    FROM (SELECT count(*) FILTER (WHERE ${isWaiting} AND ${isPaused(tables)})::int AS paused,
                 min(${readyAt}) FILTER (WHERE ${isWaiting}) AS "nextAt",
                 max(${readyAt}) FILTER (WHERE ${isWaiting}) AS "lastAt",
                 count(*) FILTER (WHERE j.finished_at > now() - make_interval(secs => ${RATE_WINDOW_S}))::int AS "recentlyFinished"
            FROM ${members} j) m`);
  if (!row) throw new Error('The database gave no row for an aggregate.');
  return {
    ...row,
    liveProcesses: live.processes,
    unservedQueues: live.processes > 0 && row.readyQueues ? unservedOf(live, row.readyQueues) : [],
  };
}

/** Those of these queues that no live process serves; none, where a process does not tell what it serves. */
function unservedOf({ pools, silent }: LivePools, queues: string[]): string[] {
  return silent > 0
    ? []
    : queues.filter((queue) => !pools.some(({ served }) => servesQueue(served, queue)));
}

function stuckReasons(
  batch: BatchRow,
  progress: Progress,
  open: number | null,
  s: Signals,
): Stuck[] {
  const reasons: Stuck[] = [];
  const { states } = progress;
  if (batch.enqueuedAt === null && batch.finishedAt === null)
    reasons.push({ kind: 'not_enqueued' });
  if (s.hangs) reasons.push({ kind: 'never_completes' });
  if (open !== null && open > 0 && states) {
    const waiting = states.scheduled + states.retried + states.queued;
    if (s.lost > 0)
      reasons.push({
        kind: 'lost_workers',
        count: s.lost,
        more: states.running > OPEN_JOBS_SEEN,
      });
    if (waiting > 0 && s.paused >= waiting) reasons.push({ kind: 'paused', count: waiting });
    else if (states.queued > 0 && s.liveProcesses === 0)
      reasons.push({ kind: 'no_process', count: states.queued });
    else if (s.unservedQueues.length > 0)
      reasons.push({
        kind: 'queues_unserved',
        count: s.unservedQueues.length,
        queues: s.unservedQueues
          .slice(0, QUEUES_SHOWN)
          .map((queue) => cut(redaction().redactText(queue), QUEUE_SHOWN)),
      });
    else if (states.queued === 0 && states.running === 0 && s.nextAt)
      reasons.push({ kind: 'waits_until', at: s.nextAt, count: waiting });
  }
  if (batch.jobsFinishedAt !== null && s.callbacksOpen > 0)
    reasons.push({ kind: 'callbacks_open', count: s.callbacksOpen });
  if (s.callbacksDiscarded > 0)
    reasons.push({ kind: 'callbacks_discarded', count: s.callbacksDiscarded });
  return reasons;
}
