import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/types';
import { ignoreTimeout } from '../core/errors';
import { truncateText, timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { isHanging } from '../good-job/batches';
import { isHeld } from '../good-job/locks';
import { type LivePools, livePools, servesQueue } from '../good-job/processes';
import { isPaused } from '../good-job/settings';
import { isInState, readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { countBatchJobs, countIfSmall, isStalled, listBatches } from './queries';
import type { BatchRow, BatchStatus, BatchProgress, StuckCause } from './types';

const signalsRow = z.strictObject({
  id: z.string(),
  now: z.string(),
  /** Waiting jobs that are paused. */
  paused: z.number(),
  /** Running jobs without a live worker, among the first MAX_OPEN_JOBS_READ running jobs. */
  lost: z.number(),
  /** Null: the batch was deleted. */
  stalled: z.boolean().nullable(),
  /** The completion check is due and no worker will run it; null: the batch was deleted. */
  hangs: z.boolean().nullable(),
  /** Queues of the batch's ready jobs that are not paused; null: there are none. */
  readyQueues: z.array(z.string()).nullable(),
  /** The first and the last due time of the waiting jobs. */
  nextAt: z.string().nullable(),
  lastAt: z.string().nullable(),
  callbacksOpen: z.number(),
  callbacksDiscarded: z.number(),
  /** Jobs of the batch that finished in the last RATE_WINDOW_SECONDS seconds. */
  recentlyFinished: z.number(),
});

interface Signals extends z.infer<typeof signalsRow> {
  liveProcesses: number;
  /** The queues in `readyQueues` that no live process serves. */
  unservedQueues: string[];
}

/** Limit of the running and of the ready jobs that are read to explain a stuck batch. */
const MAX_OPEN_JOBS_READ = 1_000;
const RATE_WINDOW_SECONDS = 300;
const MAX_LISTED_QUEUES = 5;
const MAX_QUEUE_NAME_CHARACTERS = 100;

/** The status of a batch: progress, elapsed time, expected end, and the reasons why it is stuck. */
export async function getBatchStatus(ctx: Ctx, batch: BatchRow): Promise<BatchStatus> {
  const progress = (await countBatchJobs(ctx, [batch.id])).get(batch.id) ?? {
    total: 0,
    more: false,
    states: null,
  };
  const signals = await ctx.db.read((tx) => readSignals(tx, ctx.tables, [[batch.id, progress]]), {
    byIndexOnly: true,
  });
  return statusFrom(batch, progress, signalsOf(signals, batch.id));
}

/** Batches with more jobs are listed without the reasons why they are stuck. */
const MAX_EXPLAINED_JOBS = 20_000;
const EXPLAIN_TIMEOUT_MS = 1_000;

/**
 * Returns the newest open batches with their progress, and with their status if it could be read in
 * time. The whole list takes four statements.
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
    limit,
    cursor: null,
    notUnderstood: [],
  });
  const progressById = await countBatchJobs(
    ctx,
    rows.map(({ id }) => id),
  );
  const explained = [...progressById].filter(
    ([, { states, total }]) => states && total <= MAX_EXPLAINED_JOBS,
  );
  const signals =
    explained.length === 0
      ? null
      : await ctx.db
          .read((tx) => readSignals(tx, ctx.tables, explained), {
            byIndexOnly: true,
            timeoutMs: EXPLAIN_TIMEOUT_MS,
          })
          .catch(ignoreTimeout);
  return {
    rows: rows.map((batch) => {
      const progress = progressById.get(batch.id) ?? null;
      const own = signals?.get(batch.id);
      return { batch, progress, status: progress && own ? statusFrom(batch, progress, own) : null };
    }),
    hasMore: next !== null,
  };
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
        const signals = await readSignals(tx, ctx.tables, [[id, progress]]);
        return { progress, signals: signalsOf(signals, id) };
      },
      { byIndexOnly: true },
    ),
  ]);
  return row && counts && statusFrom(row, counts.progress, counts.signals);
}

function openJobs({ states, total }: BatchProgress): number | null {
  return states ? total - states.succeeded - states.discarded : null;
}

function statusFrom(batch: BatchRow, progress: BatchProgress, signals: Signals): BatchStatus {
  const { states } = progress;
  const open = openJobs(progress);
  return {
    batch,
    progress,
    stalled: signals.stalled ?? false,
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
    canRetry: batch.discardedAt !== null || (states?.discarded ?? 0) > 0,
  };
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

function signalsOf(signalsById: Map<string, Signals>, id: string): Signals {
  const signals = signalsById.get(id);
  if (!signals) throw new Error('The database returned no row for an aggregate.');
  return signals;
}

/** Reads the signals of batches by id, with one statement besides that of the processes. */
async function readSignals(
  tx: Tx,
  tables: GoodJobTables,
  batches: [id: string, progress: BatchProgress][],
): Promise<Map<string, Signals>> {
  const live = await livePools(tx, tables);
  const rows = await tx.query(
    signalsRow,
    join(
      batches.map(([id, progress]) => signalsSql(tables, live, id, openJobs(progress))),
      ' UNION ALL ',
    ),
  );
  return new Map(
    rows.map((row) => [
      row.id,
      {
        ...row,
        liveProcesses: live.processes,
        unservedQueues:
          live.processes > 0 && row.readyQueues ? unservedQueues(live, row.readyQueues) : [],
      },
    ]),
  );
}

function signalsSql(
  tables: GoodJobTables,
  live: LivePools,
  batchId: string,
  open: number | null,
): Sql {
  const limit = open === 0 ? 0 : MAX_OPEN_JOBS_READ;
  // OFFSET 0 keeps the planner from searching this batch among all open jobs.
  const members = sql`(SELECT * FROM ${tables.jobs} WHERE batch_id = ${batchId} OFFSET 0)`;
  const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
  const ofBatch = (value: Sql) =>
    sql`(SELECT ${value} FROM ${tables.batches} b WHERE b.id = ${batchId})`;
  const countCallbacks = (condition: Sql) => sql`
    (SELECT count(*)::int
       FROM ${tables.jobs} j
      WHERE j.batch_callback_id = ${batchId} AND ${condition})`;
  return sql`
      SELECT ${batchId} AS id,
             clock_timestamp() AS now,
             ${open === 0 ? ofBatch(isHanging(tables)) : sql`false`} AS hangs,
             ${ofBatch(isStalled(tables, live))} AS stalled,
             (SELECT count(*)::int
                FROM (
                  SELECT *
                    FROM ${members} j
                   WHERE j.finished_at IS NULL AND j.performed_at IS NOT NULL
                   LIMIT ${limit}) j
               WHERE NOT ${isHeld(tables)}) AS lost,
             (SELECT array_agg(DISTINCT j.queue_name)
                FROM (
                  SELECT j.queue_name
                    FROM ${members} j
                   WHERE ${isWaiting}
                     AND ${readyAt} <= now()
                     AND j.queue_name IS NOT NULL
                     AND NOT coalesce(${isPaused(tables)}, false)
                   LIMIT ${limit}) j) AS "readyQueues",
             ${countCallbacks(sql`j.finished_at IS NULL`)} AS "callbacksOpen",
             ${countCallbacks(isInState('discarded'))} AS "callbacksDiscarded",
             m.*
        FROM (
          SELECT count(*) FILTER (WHERE ${isWaiting} AND ${isPaused(tables)})::int AS paused,
                 min(${readyAt}) FILTER (WHERE ${isWaiting}) AS "nextAt",
                 max(${readyAt}) FILTER (WHERE ${isWaiting}) AS "lastAt",
                 count(*) FILTER (
                   WHERE j.finished_at > now() - make_interval(secs => ${RATE_WINDOW_SECONDS})
                 )::int AS "recentlyFinished"
            FROM ${members} j) m`;
}

/** The queues that no live process serves; empty if a process does not report its queues. */
function unservedQueues({ pools, nonReporting }: LivePools, queues: string[]): string[] {
  return nonReporting > 0
    ? []
    : queues.filter((queue) => !pools.some(({ served }) => servesQueue(served, queue)));
}

function stuckReasons(
  batch: BatchRow,
  progress: BatchProgress,
  open: number | null,
  signals: Signals,
): StuckCause[] {
  const reasons: StuckCause[] = [];
  const { states } = progress;
  if (batch.enqueuedAt === null && batch.finishedAt === null)
    reasons.push({ kind: 'not_enqueued' });
  if (signals.hangs) reasons.push({ kind: 'never_completes' });
  if (open !== null && open > 0 && states) {
    const waiting = states.scheduled + states.retried + states.queued;
    if (signals.lost > 0)
      reasons.push({
        kind: 'lost_workers',
        count: signals.lost,
        more: states.running > MAX_OPEN_JOBS_READ,
      });
    if (waiting > 0 && signals.paused >= waiting) reasons.push({ kind: 'paused', count: waiting });
    else if (states.queued > 0 && signals.liveProcesses === 0)
      reasons.push({ kind: 'no_process', count: states.queued });
    else if (signals.unservedQueues.length > 0)
      reasons.push({
        kind: 'queues_unserved',
        count: signals.unservedQueues.length,
        queues: signals.unservedQueues
          .slice(0, MAX_LISTED_QUEUES)
          .map((queue) => truncateText(redaction().redactText(queue), MAX_QUEUE_NAME_CHARACTERS)),
      });
    else if (states.queued === 0 && states.running === 0 && signals.nextAt)
      reasons.push({ kind: 'waits_until', at: signals.nextAt, count: waiting });
  }
  if (batch.jobsFinishedAt !== null && signals.callbacksOpen > 0)
    reasons.push({ kind: 'callbacks_open', count: signals.callbacksOpen });
  if (signals.callbacksDiscarded > 0)
    reasons.push({ kind: 'callbacks_discarded', count: signals.callbacksDiscarded });
  return reasons;
}
