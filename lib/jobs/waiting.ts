import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { z } from 'zod';
import type { PauseOrigin } from '../audit/types';
import { readPauseRecords } from '../console-schema/pause-records';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { type Tx, nullOnTimeout } from '../db/database';
import { runningByIndex } from '../good-job/locks';
import { livePools, servesQueue } from '../good-job/processes';
import { isPaused, pausesOfJob } from '../good-job/settings';
import { type GoodJobTables, readyAt } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import type { SecretRegistry } from '../redaction/secret-registry';
import type { Count, JobDetail, JobPause, Waiting, WaitingReason } from './types';

/** Statement timeout of everything but the counts. */
const TIMEOUT_MS = 1_000;
/** Statement timeout of each count. */
const COUNT_TIMEOUT_MS = 200;
const MAX_AHEAD = 10_000;
const MAX_RUNNING = 1_000;

/** The job as stored. */
interface WaitingJob extends Pick<
  JobDetail,
  'id' | 'state' | 'lostWorker' | 'paused' | 'priority' | 'createdAt' | 'scheduledAt' | 'lockedById'
> {
  queueName: string | null;
  /** Secrets of the job, to redact the names of its pauses. */
  secrets: SecretRegistry;
}

/**
 * Returns why a waiting job, or a running one of a lost worker, does not run; null for any other
 * job and on a timeout.
 */
export async function readWaiting(ctx: Ctx, job: WaitingJob): Promise<Waiting | null> {
  const isWaiting = ['scheduled', 'retried', 'queued'].includes(job.state);
  if (job.lostWorker) {
    const reason: WaitingReason = { kind: 'lost_worker', isLocked: job.lockedById !== null };
    return { reason, dueAt: null, ahead: null };
  }
  if (!isWaiting) return null;
  const isDue = job.state === 'queued';
  const reason = await ctx.db
    .read((tx) => readReason(tx, ctx, job, isDue), { timeoutMs: TIMEOUT_MS, byIndexOnly: true })
    .catch(ignoreTimeout);
  if (!reason) return null;
  const isCounted = isDue && ['concurrency_limit', 'in_line'].includes(reason.kind);
  return {
    reason,
    dueAt: isDue ? null : (job.scheduledAt ?? job.createdAt),
    ahead: isCounted ? await countAhead(ctx, job) : null,
  };
}

async function readReason(
  tx: Tx,
  ctx: Ctx,
  job: WaitingJob,
  isDue: boolean,
): Promise<WaitingReason> {
  const { tables } = ctx;
  if (job.paused) return { kind: 'paused', pauses: await readPauses(tx, ctx, job) };
  if (isDue) {
    const { pools, processes, nonReporting } = await livePools(tx, tables);
    if (processes === 0) return { kind: 'no_process' };
    const isServed = pools.some(({ served }) => servesQueue(served, job.queueName));
    if (!isServed && nonReporting === 0) return { kind: 'queue_unserved' };
  }
  const limit = await readLimit(tx, tables, job.id);
  if (limit) return { kind: 'concurrency_limit', ...limit };
  return { kind: isDue ? 'in_line' : 'not_due' };
}

/** Reads the pauses of a job, each with who set it in the console. */
async function readPauses(tx: Tx, ctx: Ctx, job: WaitingJob): Promise<JobPause[]> {
  const pauses = await pausesOfJob(tx, ctx.tables, job.id);
  const records = await readPauseRecords(tx, ctx, pauses);
  return pauses.map(({ kind, name }, n) => {
    const redacted = redaction().redactText(name, job.secrets);
    return {
      kind,
      name: redacted,
      isHidden: redacted !== name,
      by: originOf(records[n]?.origin ?? null, job.secrets),
    };
  });
}

function originOf(origin: PauseOrigin | null, secrets: SecretRegistry): JobPause['by'] {
  if (!origin) return null;
  const { viewer, viewerName, at, reason } = origin;
  return {
    viewer: viewerName ?? viewer,
    at,
    reason: reason && redaction().redactText(reason, secrets),
  };
}

const limitRow = z.strictObject({
  isThrottle: z.boolean().nullable(),
  concurrencyKey: z.string().nullable(),
});
const LIMIT_ERRORS = {
  concurrency: 'GoodJob::ActiveJobExtensions::Concurrency::ConcurrencyExceededError',
  throttle: 'GoodJob::ActiveJobExtensions::Concurrency::ThrottleExceededError',
} as const;

/** The limit that put off the last attempt, by the error that GoodJob stored; null if none did. */
async function readLimit(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
): Promise<{ isThrottle: boolean; running: Count | null } | null> {
  const [row] = await tx.query(
    limitRow,
    sql`
      SELECT CASE
               WHEN starts_with(j.error, ${LIMIT_ERRORS.concurrency}) THEN false
               WHEN starts_with(j.error, ${LIMIT_ERRORS.throttle}) THEN true END AS "isThrottle",
             j.concurrency_key AS "concurrencyKey"
        FROM ${tables.jobs} j
       WHERE j.id = ${id}`,
  );
  if (!row || row.isThrottle === null) return null;
  const key = row.concurrencyKey;
  return {
    isThrottle: row.isThrottle,
    running: key === null ? null : await countRunning(tx, tables, key),
  };
}

const countRow = z.strictObject({ count: z.number() });

/** The running jobs of a key, by index_good_jobs_on_locked_by_id or the cached list of others. */
function countRunning(tx: Tx, tables: GoodJobTables, key: string): Promise<Count | null> {
  return nullOnTimeout(tx, COUNT_TIMEOUT_MS, async () => {
    const [row] = await tx.query(
      countRow,
      sql`
        SELECT count(*)::int AS count
          FROM (
            SELECT 1
              FROM ${tables.jobs} j
             WHERE ${await runningByIndex(tx, tables)}
               AND j.finished_at IS NULL
               AND j.performed_at IS NOT NULL
               AND j.concurrency_key = ${key}
             LIMIT ${MAX_RUNNING + 1}::int) running`,
    );
    return toCount(row?.count ?? 0, MAX_RUNNING);
  });
}

const toCount = (count: number, limit: number): Count =>
  count > limit ? { kind: 'at_least', count: limit } : { kind: 'exact', count };

/**
 * Counts the ready jobs of the queue that come before a job (`GoodJob::Job.dequeueing_ordered`:
 * priority ascending with nulls last, then `dequeue_query_sort`); null if both ways time out.
 *
 * The order of all queues is fast for a job near the front, the jobs of the queue by time for one
 * far behind it.
 */
async function countAhead(ctx: Ctx, job: WaitingJob): Promise<Count | null> {
  const { tables } = ctx;
  return ctx.db
    .read(
      async (tx) => {
        for (const statement of [aheadByOrder(tables, job), aheadByQueue(tables, job)]) {
          const rows = await nullOnTimeout(tx, COUNT_TIMEOUT_MS, () =>
            tx.query(countRow, statement),
          );
          if (rows) return toCount(rows[0]?.count ?? 0, MAX_AHEAD);
        }
        return null;
      },
      { byIndexOnly: true, inIndexOrder: true },
    )
    .catch(ignoreTimeout);
}

/** Conditions on rows before a job, each of which an index on the priority can answer. */
function beforeJob(tables: GoodJobTables, job: WaitingJob): Sql[] {
  const { priority, createdAt, scheduledAt, id } = job;
  if (tables.app.dequeueQuerySort === 'scheduled_at') {
    const at = scheduledAt ?? createdAt;
    return priority === null
      ? [
          sql`j.priority IS NOT NULL`,
          sql`j.priority IS NULL AND (j.scheduled_at, j.id) < (${at}, ${id}::uuid)`,
        ]
      : [sql`(j.priority, j.scheduled_at, j.id) < (${priority}::int, ${at}, ${id}::uuid)`];
  }
  return priority === null
    ? [sql`j.priority IS NOT NULL`, sql`j.priority IS NULL AND j.created_at < ${createdAt}`]
    : [sql`(j.priority, j.created_at) < (${priority}::int, ${createdAt})`];
}

const isReady = (tables: GoodJobTables) => sql`
  j.finished_at IS NULL AND j.performed_at IS NULL
  AND ${readyAt} <= now() AND NOT coalesce(${isPaused(tables)}, false)`;

/**
 * In the order of index_good_job_jobs_for_candidate_lookup or
 * index_good_jobs_on_priority_scheduled_at_unfinished.
 */
function aheadByOrder(tables: GoodJobTables, job: WaitingJob): Sql {
  const inQueue =
    job.queueName === null ? sql`j.queue_name IS NULL` : sql`j.queue_name = ${job.queueName}`;
  const order =
    tables.app.dequeueQuerySort === 'scheduled_at'
      ? sql`j.priority, j.scheduled_at, j.id`
      : sql`j.priority, j.created_at`;
  const parts = beforeJob(tables, job).map(
    (before) => sql`
      (SELECT 1
         FROM ${tables.jobs} j
        WHERE ${before} AND ${inQueue} AND ${isReady(tables)}
        ORDER BY ${order}
        LIMIT ${MAX_AHEAD + 1}::int)`,
  );
  return sql`
    SELECT count(*)::int AS count
      FROM (SELECT 1 FROM (${join(parts, ' UNION ALL ')}) p LIMIT ${MAX_AHEAD + 1}::int) ahead`;
}

/**
 * In the order of index_good_jobs_on_queue_name_and_scheduled_at. Jobs without `scheduled_at`,
 * which only old GoodJob releases created, are not counted.
 */
function aheadByQueue(tables: GoodJobTables, job: WaitingJob): Sql {
  const { queueName } = job;
  // A range, because for an equality the planner would read the jobs of all queues by time.
  const inQueue =
    queueName === null
      ? sql`j.queue_name IS NULL`
      : sql`j.queue_name >= ${queueName} AND j.queue_name <= ${queueName}`;
  const isBefore = join(
    beforeJob(tables, job).map((condition) => sql`(${condition})`),
    ' OR ',
    '(',
    ')',
  );
  return sql`
    SELECT count(*)::int AS count
      FROM (
        SELECT 1
          FROM ${tables.jobs} j
         WHERE ${inQueue}
           AND j.scheduled_at <= now()
           AND ${isBefore}
           AND ${isReady(tables)}
         ORDER BY j.queue_name, j.scheduled_at
         LIMIT ${MAX_AHEAD + 1}::int) ahead`;
}
