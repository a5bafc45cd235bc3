import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../audit/recorder';
import { AUDIT_OUTCOMES, AUDIT_TARGET_TYPES, MAX_REASON } from '../audit/types';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { escapeBidi, timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { isMeasurable, limitedJson, MAX_NAME_BYTES } from '../db/text-limit';
import { livePools } from '../good-job/processes';
import { isPaused } from '../good-job/settings';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { scanOpenQueues } from '../queues/depths';
import { redactName } from '../redaction/redaction';
import { newPageBudget } from '../redaction/row-texts';
import type { Act, Acts, Current, Mark, Marks } from './types';

const TIMEOUT_MS = 1_500;
/** Ready jobs to read, the oldest first. */
const READY_LIMIT = 10_000;
/** Jobs without `scheduled_at` to read; only old GoodJob releases created them. */
const UNSET_LIMIT = 1_000;
/** Queues with waiting jobs to return, those with the oldest first. */
const MAX_WAITING_QUEUES = 40;
/** Starts of processes to return; workers are few. */
const MAX_STARTS = 500;

export interface StoredCurrent extends Omit<Current, 'oldest'> {
  /** The database's clock, in ms since 1970. */
  nowMs: number;
  oldest: { queue: string | null; sinceMs: number; paused: boolean } | null;
  /** The queues with ready jobs, names redacted, the oldest job first. */
  waiting: { name: string; sinceMs: number; paused: boolean }[];
  /** When the processes that are still recorded started, in ms since 1970. */
  startsMs: number[];
}

const readyRow = z.strictObject({
  /** Null: jobs without a queue. */
  name: z.string().nullable(),
  ready: z.number(),
  paused: z.number(),
  since: z.string(),
  /** The oldest of them is paused. */
  isOldestPaused: z.boolean(),
});
type ReadyRow = z.infer<typeof readyRow>;

const startRow = z.strictObject({
  now: z.string(),
  /** Null: there is no process. */
  at: z.string().nullable(),
});

/** Reads the ready jobs, the workers and their starts; null if that takes too long. */
export async function readCurrent(ctx: Ctx): Promise<StoredCurrent | null> {
  const { tables } = ctx;
  const options = { timeoutMs: TIMEOUT_MS, byIndexOnly: true };
  const state = await ctx.db
    .read(
      async (tx) => ({
        ready: await readReady(tx, tables),
        live: await livePools(tx, tables),
        starts: await readStarts(tx, tables),
      }),
      options,
    )
    .catch(ignoreTimeout);
  if (!state) return null;
  const { ready, live, starts } = state;
  // Beyond the limit there may be more queues, whose jobs have not waited as long.
  const open = isComplete(ready)
    ? ready.map(({ name, since }) => ({ name, oldestReadyAt: since }))
    : await ctx.db
        .read((tx) => scanOpenQueues(tx, tables), { ...options, inIndexOrder: true })
        .catch(ignoreTimeout);
  if (!open) return null;
  const waiting = waitingQueues(ready, open).slice(0, MAX_WAITING_QUEUES);
  const oldest = [...ready].sort((a, b) => timestampMs(a.since) - timestampMs(b.since))[0];
  const redactName = await redactNames(ctx, 'queue_name', [
    ...waiting.map(({ name }) => name),
    oldest?.name ?? null,
  ]);
  return {
    nowMs: timestampMs(starts[0]?.now ?? ''),
    ready: countOf(ready, (row) => row.ready),
    paused: countOf(ready, (row) => row.paused),
    oldest: oldest
      ? {
          queue: redactName(oldest.name),
          sinceMs: timestampMs(oldest.since),
          paused: oldest.isOldestPaused,
        }
      : null,
    threads: live.nonReporting > 0 ? { busy: null, total: null } : live.threads,
    processes: live.processes,
    waiting: waiting.map((queue) => ({ ...queue, name: redactName(queue.name) })),
    startsMs: starts.map(({ at }) => (at === null ? NaN : timestampMs(at))).filter(Number.isFinite),
  };
}

const sum = (rows: ReadyRow[], numberOf: (row: ReadyRow) => number) =>
  rows.reduce((total, row) => total + numberOf(row), 0);

const isComplete = (rows: ReadyRow[]) => sum(rows, ({ ready }) => ready) < READY_LIMIT;

const countOf = (rows: ReadyRow[], numberOf: (row: ReadyRow) => number): Count => ({
  kind: isComplete(rows) ? 'exact' : 'at_least',
  count: sum(rows, numberOf),
});

/**
 * The oldest READY_LIMIT ready jobs by queue, by index_good_jobs_on_scheduled_at, at whose end are
 * the jobs without `scheduled_at`.
 */
async function readReady(tx: Tx, tables: GoodJobTables): Promise<ReadyRow[]> {
  const columns = sql`j.queue_name, j.job_class, j.labels`;
  const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
  return tx.query(
    readyRow,
    sql`
      SELECT left(j.queue_name, ${MAX_NAME_BYTES}::int) AS name,
             count(*)::int AS ready,
             (count(*) FILTER (WHERE j.paused))::int AS paused,
             min(j.at) AS since,
             (array_agg(j.paused ORDER BY j.at))[1] AS "isOldestPaused"
        FROM (
          SELECT j.queue_name, j.at, coalesce(${isPaused(tables)}, false) AS paused
            FROM (
              (SELECT ${columns}, j.scheduled_at AS at
                 FROM ${tables.jobs} j
                WHERE ${isWaiting}
                  AND j.scheduled_at <= now()
                  AND ${isMeasurable(sql`j.scheduled_at`)}
                ORDER BY j.scheduled_at
                LIMIT ${READY_LIMIT})
              UNION ALL
              (SELECT ${columns}, j.created_at
                 FROM ${tables.jobs} j
                WHERE ${isWaiting}
                  AND j.scheduled_at IS NULL
                  AND j.created_at <= now()
                  AND ${isMeasurable(sql`j.created_at`)}
                LIMIT ${UNSET_LIMIT})
              LIMIT ${READY_LIMIT}) j) j
       GROUP BY 1`,
  );
}

/**
 * The database's clock and the starts of processes. good_job_processes has only its primary key; the
 * table scan is fine, as workers are few.
 */
async function readStarts(tx: Tx, tables: GoodJobTables): Promise<z.infer<typeof startRow>[]> {
  return tx.query(
    startRow,
    sql`
      SELECT clock_timestamp() AS now, p.created_at AS at
        FROM (SELECT 1) one
        LEFT JOIN ${tables.processes} p ON true
       ORDER BY p.created_at DESC
       LIMIT ${MAX_STARTS}`,
  );
}

/** All queues with a ready job; those beyond READY_LIMIT are only in `open`. */
function waitingQueues(
  ready: ReadyRow[],
  open: { name: string | null; oldestReadyAt: string | null }[],
): { name: string; sinceMs: number; paused: boolean }[] {
  const readyByName = new Map(ready.map((row) => [row.name, row]));
  return open
    .flatMap(({ name, oldestReadyAt }) => {
      if (name === null || oldestReadyAt === null) return [];
      const row = readyByName.get(name);
      const paused = row !== undefined && row.paused === row.ready;
      return [{ name, sinceMs: timestampMs(oldestReadyAt), paused }];
    })
    .filter(({ sinceMs }) => Number.isFinite(sinceMs))
    .sort((a, b) => a.sinceMs - b.sinceMs);
}

/* The newest acts of viewers, for the list and as marks on the chart. */

const ACTS_TIMEOUT_MS = 1_000;
/** Audit records to read, the newest first. */
const MAX_RECORDS = 200;
const MAX_LATEST = 5;
const MAX_MARKS = 30;
const MAX_TEXT = 300;
const MAX_COUNTS_BYTES = 1_000;
/** Processes whose starts are less apart are one mark. */
const START_GROUP_MS = 120_000;

const storedActRow = z.strictObject({
  id: z.string(),
  at: z.string(),
  viewer: z.string(),
  action: z.string(),
  outcome: z.enum(AUDIT_OUTCOMES),
  targetType: z.enum(AUDIT_TARGET_TYPES),
  targetId: z.string().nullable(),
  targetName: z.string().nullable(),
  targets: z.number(),
  jobClass: z.string().nullable(),
  counts: z.string().nullable(),
  reason: z.string().nullable(),
  isBulk: z.boolean(),
});

const storedCounts = z.record(z.string(), z.unknown());

/**
 * Reads the newest records by audit_events_created_at, with the class of a single job by its key;
 * empty without the console's schema, null if that takes too long.
 */
export async function readActs(ctx: Ctx): Promise<Act[] | null> {
  if (!ctx.consoleSchema) return [];
  const text = (column: string) => sql`left(e.${raw(column)}, ${MAX_TEXT}::int)`;
  const rows = await ctx.db
    .read(
      (tx) =>
        tx.query(
          storedActRow,
          sql`
            SELECT e.id,
                   e.created_at AS at,
                   ${text('viewer')} AS viewer,
                   ${text('action')} AS action,
                   e.outcome,
                   ${text('target_type')} AS "targetType",
                   e.target_ids[1] AS "targetId",
                   ${text('target_name')} AS "targetName",
                   cardinality(e.target_ids) AS targets,
                   CASE WHEN e.target_type = 'job' AND cardinality(e.target_ids) = 1
                        THEN (SELECT left(j.job_class, ${MAX_TEXT}::int)
                                FROM ${ctx.tables.jobs} j
                               WHERE j.id = e.target_ids[1])
                   END AS "jobClass",
                   ${limitedJson(sql`e.counts`, MAX_COUNTS_BYTES)} AS counts,
                   left(e.reason, ${MAX_REASON}::int) AS reason,
                   coalesce(e.details ? 'bulk_run', false) AS "isBulk"
              FROM ${AUDIT_EVENTS} e
             ORDER BY e.created_at DESC, e.id DESC
             LIMIT ${MAX_RECORDS}`,
        ),
      { timeoutMs: ACTS_TIMEOUT_MS, byIndexOnly: true },
    )
    .catch(ignoreTimeout);
  if (!rows) return null;
  const budget = newPageBudget();
  const acts: Act[] = [];
  for (const row of rows) {
    acts.push(toAct(row));
    await budget.yieldIfDue();
  }
  return acts;
}

function toAct({ counts, ...row }: z.infer<typeof storedActRow>): Act {
  const redact = (text: string | null) => text && escapeBidi(redactName(text));
  const { done } = storedCounts.parse(JSON.parse(counts ?? '{}'));
  return {
    ...row,
    viewer: escapeBidi(row.viewer),
    targetName: redact(row.targetName),
    jobClass: redact(row.jobClass),
    reason: redact(row.reason),
    done: typeof done === 'number' ? done : 0,
  };
}

/** Returns the newest acts for the list. */
export function latestActs(ctx: Ctx, acts: Act[]): Acts {
  return { latest: acts.slice(0, MAX_LATEST), isRecorded: ctx.consoleSchema };
}

/**
 * Returns the marks since `sinceMs`: pauses and bulk runs that changed something, and the starts of
 * workers, of which those less than two minutes apart are one mark.
 */
export function marksSince(acts: Act[], startsMs: number[], sinceMs: number): Marks {
  const marks = [...acts.flatMap(markOf), ...startMarks(startsMs)]
    .filter(({ atMs }) => atMs >= sinceMs)
    .sort((a, b) => a.atMs - b.atMs);
  const oldest = acts.at(-1);
  const mayBeMore =
    acts.length === MAX_RECORDS && oldest !== undefined && timestampMs(oldest.at) > sinceMs;
  return { marks: marks.slice(-MAX_MARKS), more: marks.length > MAX_MARKS || mayBeMore };
}

function markOf(act: Act): Mark[] {
  if (!['done', 'mixed', 'started'].includes(act.outcome)) return [];
  const atMs = timestampMs(act.at);
  if (act.action === 'pause.pause') return [{ kind: 'pause', atMs, act }];
  if (act.action === 'pause.unpause') return [{ kind: 'unpause', atMs, act }];
  return act.isBulk ? [{ kind: 'bulk', atMs, act }] : [];
}

function startMarks(startsMs: number[]): Mark[] {
  const marks: { kind: 'workers'; atMs: number; processes: number; lastMs: number }[] = [];
  for (const atMs of [...startsMs].sort((a, b) => a - b)) {
    const group = marks.at(-1);
    if (group && atMs - group.lastMs < START_GROUP_MS) {
      group.processes += 1;
      group.lastMs = atMs;
    } else marks.push({ kind: 'workers', atMs, processes: 1, lastMs: atMs });
  }
  return marks.map(({ kind, atMs, processes }) => ({ kind, atMs, processes }));
}
