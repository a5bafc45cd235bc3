import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import type { PauseRecord } from '../audit/types';
import { readPauseRecords } from '../console-schema/pause-records';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES } from '../db/text-limit';
import { runningByIndex } from '../good-job/locks';
import { type LivePools, queueThreads, servesQueue } from '../good-job/processes';
import { pausedNames } from '../good-job/settings';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { redactName } from '../redaction/redaction';
import type { HoldingPause, QueueRow } from './filters';

/*
 * Why the ready jobs of a queue do not run although the queue itself is not paused: their class or
 * a label is paused, or all threads that serve the queue are busy.
 */

/** Due jobs to scan per queue, earliest first. */
const SCAN_LIMIT = 100;
/** Queues to scan, the most urgent first. */
const MAX_QUEUES = 100;
/** Pauses listed per queue. */
const MAX_PAUSES = 3;
const TIMEOUT_MS = 1_000;

export type Causes = Pick<QueueRow, 'pause' | 'holdingPauses' | 'busyThreads'>;

const NO_CAUSE: Causes = { pause: null, holdingPauses: [], busyThreads: null };
/** The record of a pause whose audit could not be read in time. */
const NO_RECORD: PauseRecord = { endsAt: null };

type Entry = Pick<QueueRow, 'name' | 'paused' | 'oldestReadyAt' | 'processes'>;

/** Adds the causes to each queue; a cause that cannot be read in time is omitted. */
export async function addCauses<Queue extends Entry>(
  ctx: Ctx,
  entries: Queue[],
  live: LivePools,
): Promise<(Queue & Causes)[]> {
  const blocked = entries
    .filter(({ paused, oldestReadyAt }) => !paused && oldestReadyAt !== null)
    .slice(0, MAX_QUEUES);
  const names = blocked.flatMap(({ name }) => name ?? []);
  const paused = entries.flatMap(({ name, paused: isPaused }) => (isPaused && name) || []);
  const [holding, running, records] = await Promise.all([
    names.length === 0 ? null : readInTime(ctx, (tx) => readHoldingPauses(tx, ctx.tables, names)),
    blocked.length === 0 ? null : readInTime(ctx, (tx) => readRunning(tx, ctx.tables)),
    paused.length === 0 ? null : readInTime(ctx, (tx) => readRecords(tx, ctx, paused), false),
  ]);
  return entries.map((entry) => {
    if (entry.paused)
      return { ...entry, ...NO_CAUSE, pause: records?.get(entry.name ?? '') ?? NO_RECORD };
    if (!blocked.includes(entry)) return { ...entry, ...NO_CAUSE };
    return {
      ...entry,
      pause: null,
      holdingPauses: holding?.get(entry.name ?? '') ?? [],
      busyThreads: running && busyThreads(entry, live, running),
    };
  });
}

function readInTime<T>(
  ctx: Ctx,
  read: (tx: Tx) => Promise<T>,
  byIndexOnly = true,
): Promise<T | null> {
  return ctx.db.read(read, { timeoutMs: TIMEOUT_MS, byIndexOnly }).catch(ignoreTimeout);
}

async function readRecords(tx: Tx, ctx: Ctx, queues: string[]): Promise<Map<string, PauseRecord>> {
  const records = await readPauseRecords(
    tx,
    ctx,
    queues.map((name) => ({ kind: 'queue', name })),
  );
  return new Map(queues.map((name, n) => [name, records[n] ?? NO_RECORD]));
}

const holdingPauseRow = z.strictObject({
  queue: z.string(),
  by: z.enum(['job_class', 'label']),
  name: z.string(),
  count: z.number(),
  /** Due jobs of the queue that were scanned. */
  scanned: z.number(),
});

/**
 * Returns the pauses of a class or label among the first SCAN_LIMIT due jobs of each queue, by
 * index_good_jobs_on_queue_name_and_scheduled_at; those with the most jobs first.
 */
async function readHoldingPauses(
  tx: Tx,
  tables: GoodJobTables,
  queues: string[],
): Promise<Map<string, HoldingPause[]>> {
  const rows = await tx.query(
    holdingPauseRow,
    sql`
      WITH paused AS MATERIALIZED (
        SELECT p."by", p.name
          FROM (${pausedNames(tables)}) p
         WHERE p."by" <> 'queue'
      ),
      due AS MATERIALIZED (
        SELECT q.name AS queue, j.job_class, j.labels,
               (count(*) OVER (PARTITION BY q.name))::int AS scanned
          FROM unnest(${queues}::text[]) q(name)
         CROSS JOIN LATERAL (
           SELECT j.job_class, j.labels
             FROM ${tables.jobs} j
            WHERE j.queue_name >= q.name
              AND j.queue_name <= q.name
              AND j.finished_at IS NULL
              AND j.performed_at IS NULL
              AND j.scheduled_at <= now()
            ORDER BY j.queue_name, j.scheduled_at
            LIMIT ${SCAN_LIMIT}
         ) j
         WHERE EXISTS (SELECT FROM paused)
      )
      SELECT d.queue, p."by", p.name, count(*)::int AS count, d.scanned
        FROM due d
        JOIN paused p
          ON (p."by" = 'job_class' AND d.job_class = p.name)
          OR (p."by" = 'label' AND p.name = ANY(d.labels))
       GROUP BY d.queue, p."by", p.name, d.scanned
       ORDER BY count DESC, p."by", p.name`,
  );
  const byQueue = new Map<string, HoldingPause[]>();
  for (const { queue, by, name, count, scanned } of rows) {
    const pauses = byQueue.get(queue) ?? [];
    if (pauses.length === MAX_PAUSES) continue;
    const isPartial = scanned === SCAN_LIMIT;
    const holds: Count = { kind: isPartial ? 'at_least' : 'exact', count };
    pauses.push({ kind: by, name: redactName(name), count: holds, holdsAll: count === scanned });
    byQueue.set(queue, pauses);
  }
  return byQueue;
}

const runningRow = z.strictObject({
  /** Null: the job has no `locked_by_id`. */
  process: z.string().nullable(),
  queue: z.string().nullable(),
  running: z.number(),
});
type Running = z.infer<typeof runningRow>;

function readRunning(tx: Tx, tables: GoodJobTables): Promise<Running[]> {
  return runningByIndex(tx, tables).then((isRunning) =>
    tx.query(
      runningRow,
      sql`
        SELECT j.locked_by_id AS process,
               left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS queue,
               count(*)::int AS running
          FROM ${tables.jobs} j
         WHERE ${isRunning}
           AND j.finished_at IS NULL
           AND j.performed_at IS NOT NULL
         GROUP BY 1, 2`,
    ),
  );
}

/**
 * Returns the number of threads that serve the queue if all of them run jobs; null: one is free, or
 * a process does not report its threads.
 */
function busyThreads(
  { name, processes }: Entry,
  { byProcess, pools, nonReporting }: LivePools,
  running: Running[],
): number | null {
  const { threads } = queueThreads(pools, name);
  if (!processes || !threads || nonReporting > 0) return null;
  const areBusy = byProcess.every((process) => {
    const serving = process.pools.filter(({ served }) => servesQueue(served, name));
    const capacity = serving.reduce((sum, { maxThreads }) => sum + (maxThreads ?? 0), 0);
    const active = running
      .filter((row) => row.process === process.id)
      .filter((row) => serving.some(({ served }) => servesQueue(served, row.queue)))
      .reduce((sum, row) => sum + row.running, 0);
    return active >= capacity;
  });
  return areBusy ? threads : null;
}
