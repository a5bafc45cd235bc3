import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { runCompletionCheck, lockBatches } from '../../../lib/good-job/batches';
import { advisoryKey } from '../../../lib/good-job/locks';
import { clock, notify, payloadTime } from '../../../lib/good-job/payload';
import { isPaused } from '../../../lib/good-job/settings';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import type { ErrorRule } from '../data/errors';
import { asQuery, inTransaction } from '../database';

/*
 * One thread of a GoodJob worker with `lock_strategy: :hybrid`, with the effects on the tables of
 * `GoodJob::Job.perform_with_hybrid_lock` and `GoodJob::Job#perform`. Unlike the worker of
 * test/races it uses the console's own rules, because it tests nothing.
 */

/** The simulated result of performing a job. */
export interface Performance {
  seconds: number;
  error?: { text: string; backtrace: string[]; rule: ErrorRule };
  /** For a retried error: the delay, and the arguments of `retry_on`. */
  retry?: { waitMs: number; exceptions: string; attempts: number };
}

export interface LockedJob {
  id: string;
  jobClass: string;
  queueName: string;
  /** Attempts so far, in total and per exception. */
  executions: number;
  exceptionExecutions: Record<string, number>;
  error: string | null;
  performedAt: string | null;
  batchId: string | null;
  batchCallbackId: string | null;
}

interface Thread {
  client: pg.Client;
  tables: GoodJobTables;
  /** GoodJob's lock_id: the id of the process. */
  processId: string;
  /** The queues it serves; empty for all. */
  queues: readonly string[];
  perform: (job: LockedJob) => Performance;
  /** Ends the running job early on a stop. */
  stopping: AbortSignal;
}

type PerformResult = 'none' | 'succeeded' | 'errored';

/** Locks the next job, performs it, unlocks it and updates its batches. */
export async function performNext(thread: Thread): Promise<PerformResult> {
  const { client, tables } = thread;
  const job = await lockNextJob(thread);
  if (!job) return 'none';
  let outcome: Outcome;
  try {
    const executionId = await startExecution(thread, job);
    const performance = thread.perform(job);
    await sleep(performance.seconds * 1000, undefined, { signal: thread.stopping }).catch(
      () => undefined,
    );
    outcome = await finishExecution(thread, job, executionId, performance);
  } finally {
    await client.query(
      asQuery(sql`SELECT pg_advisory_unlock(${advisoryKey('good_jobs', sql`${job.id}`)})`),
    );
  }
  const batchIds = [job.batchId, job.batchCallbackId].filter((id) => id !== null);
  if (batchIds.length > 0) {
    await inTransaction(client, async (tx) => {
      await lockBatches(tx, batchIds);
      if (job.batchId)
        await runCompletionCheck(tx, tables, job.batchId, {
          hasDiscardedMember: outcome === 'discarded',
        });
      if (job.batchCallbackId)
        await runCompletionCheck(tx, tables, job.batchCallbackId, { hasDiscardedMember: false });
    });
  }
  return outcome === 'succeeded' ? 'succeeded' : 'errored';
}

interface LockedJobRow extends Omit<LockedJob, 'exceptionExecutions'> {
  /** `exception_executions` of the payload as JSON text. */
  exceptions: string | null;
}
const executionCounts = z.record(z.string(), z.number()).nullable();

/** `Job::Lockable.with_hybrid_lock_claim`: row and advisory lock in one statement. */
async function lockNextJob({
  client,
  tables,
  processId,
  queues,
}: Thread): Promise<LockedJob | undefined> {
  const inQueues = queues.length > 0 ? sql`AND j.queue_name = ANY(${[...queues]})` : empty;
  const statement = sql`
    WITH candidate AS MATERIALIZED (
      SELECT j.id
      FROM ${tables.jobs} j
      WHERE j.finished_at IS NULL
        AND j.locked_by_id IS NULL
        AND j.scheduled_at <= clock_timestamp()
        AND NOT coalesce(${isPaused(tables)}, false)
        ${inQueues}
      ORDER BY j.priority ASC NULLS LAST, j.created_at ASC
      LIMIT 1
      FOR NO KEY UPDATE OF j SKIP LOCKED
    )
    UPDATE ${tables.jobs} j
    SET locked_by_id = ${processId}, locked_at = clock_timestamp(), lock_type = 2
    FROM (
      SELECT id
      FROM candidate
      WHERE pg_try_advisory_lock(${advisoryKey('good_jobs', sql`id`)})
    ) AS locked
    WHERE j.id = locked.id
    RETURNING j.id,
      j.job_class AS "jobClass",
      j.queue_name AS "queueName",
      j.error,
      j.performed_at AS "performedAt",
      j.batch_id AS "batchId",
      j.batch_callback_id AS "batchCallbackId",
      coalesce((j.serialized_params ->> 'executions')::int, 0) AS executions,
      (j.serialized_params -> 'exception_executions')::text AS exceptions`;
  const { rows } = await client.query<LockedJobRow>(asQuery(statement));
  const [row] = rows;
  if (!row) return undefined;
  const { exceptions, ...job } = row;
  const exceptionExecutions = executionCounts.parse(JSON.parse(exceptions ?? 'null')) ?? {};
  return { ...job, exceptionExecutions };
}

/** Inserts the execution and starts the job. A job already performed was interrupted by a crash. */
async function startExecution(
  { client, tables, processId }: Thread,
  job: LockedJob,
): Promise<string> {
  const executionId = randomUUID();
  await inTransaction(client, async (tx) => {
    const now = await clock(tx);
    if (job.performedAt) {
      const performedAt = job.performedAt.slice(0, 19).replace('T', ' ');
      job.error =
        'GoodJob::InterruptedError: Interrupted after starting perform at ' +
        `'${performedAt} UTC'`;
      await tx.execute(
        sql`UPDATE ${tables.executions}
            SET error = ${job.error},
              error_event = 0,
              finished_at = ${now},
              duration = interval '0',
              updated_at = ${now}
            WHERE active_job_id = ${job.id}
              AND finished_at IS NULL`,
      );
      await tx.execute(
        sql`UPDATE ${tables.jobs} SET error = ${job.error}, error_event = 0 WHERE id = ${job.id}`,
      );
    }
    await tx.execute(sql`
      INSERT INTO ${tables.executions} (
        id, active_job_id, job_class, queue_name, serialized_params,
        scheduled_at, created_at, updated_at, process_id
      )
      SELECT ${executionId}::uuid, j.id, j.job_class, j.queue_name, j.serialized_params,
        coalesce(j.scheduled_at, j.created_at),
        ${now}::timestamp, ${now}::timestamp, ${processId}::uuid
      FROM ${tables.jobs} j
      WHERE j.id = ${job.id}`);
    await tx.execute(
      sql`UPDATE ${tables.jobs}
          SET performed_at = ${now},
            executions_count = coalesce(executions_count, 0) + 1,
            updated_at = ${now}
          WHERE id = ${job.id}`,
    );
  });
  return executionId;
}

type Outcome = 'succeeded' | 'retried' | 'discarded';

/** The values of `GoodJob::ErrorEvents`. */
const ERROR_EVENTS = { unhandled: 1, retried: 3, retryStopped: 4, discarded: 5 };

function errorEvent(rule: ErrorRule, isRetried: boolean): number {
  if (isRetried) return ERROR_EVENTS.retried;
  if (rule === 'retry') return ERROR_EVENTS.retryStopped;
  return rule === 'discard' ? ERROR_EVENTS.discarded : ERROR_EVENTS.unhandled;
}

/** Clears or sets the error. Active Record writes only changes: a force discard's error stays. */
function errorAssignment(job: LockedJob, error: Performance['error'], event: number | null): Sql {
  if (error) return sql`, error = ${error.text}, error_event = ${event}`;
  return job.error === null ? empty : sql`, error = NULL, error_event = NULL`;
}

/** Writes the result to the execution and to the job, which the same statement unlocks. */
async function finishExecution(
  { client, tables }: Thread,
  job: LockedJob,
  executionId: string,
  { error, retry }: Performance,
): Promise<Outcome> {
  const attempts = retry ? (job.exceptionExecutions[retry.exceptions] ?? 0) + 1 : 0;
  const nextRetry = error?.rule === 'retry' && retry && attempts < retry.attempts ? retry : null;
  const event = error ? errorEvent(error.rule, nextRetry !== null) : null;
  await inTransaction(client, async (tx) => {
    const now = await clock(tx);
    await tx.execute(sql`
      UPDATE ${tables.executions}
      SET finished_at = ${now},
        updated_at = ${now},
        duration = ${now}::timestamp - created_at,
        error = ${error?.text ?? null},
        error_event = ${event},
        error_backtrace = ${error?.backtrace ?? null}
      WHERE id = ${executionId}`);
    await tx.execute(sql`
      UPDATE ${tables.jobs} j
      SET locked_by_id = NULL, locked_at = NULL, lock_type = NULL, updated_at = ${now}
        ${errorAssignment(job, error, event)}
        ${nextRetry ? retryAssignments(job, nextRetry, now) : sql`, finished_at = ${now}`}
      WHERE j.id = ${job.id}`);
    if (nextRetry) await notify(tx, [job.queueName], retryTime(now, nextRetry.waitMs));
  });
  if (!error) return 'succeeded';
  return nextRetry ? 'retried' : 'discarded';
}

function retryTime(now: string, waitMs: number): string {
  return new Date(Date.parse(now) + waitMs).toISOString().replace('Z', `${now.slice(23, 26)}Z`);
}

/** Active Job's `retry_job` as `GoodJob::Job.enqueue` stores it for the running job. */
function retryAssignments(
  job: LockedJob,
  { waitMs, exceptions }: NonNullable<Performance['retry']>,
  now: string,
): Sql {
  const at = retryTime(now, waitMs);
  const exceptionExecutions = JSON.stringify({
    ...job.exceptionExecutions,
    [exceptions]: (job.exceptionExecutions[exceptions] ?? 0) + 1,
  });
  return sql`,
    performed_at = NULL,
    finished_at = NULL,
    scheduled_at = ${at},
    created_at = ${now},
    serialized_params = j.serialized_params || jsonb_build_object(
      'executions', ${job.executions + 1}::int,
      'provider_job_id', j.id::text,
      'enqueued_at', ${payloadTime(now)}::text,
      'scheduled_at', ${payloadTime(at)}::text,
      'exception_executions', ${exceptionExecutions}::jsonb
    )`;
}
