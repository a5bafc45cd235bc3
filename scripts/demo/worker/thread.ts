import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import sql, { type Sql, empty } from 'sql-template-tag';
import { continueBatch } from '../../../lib/good-job/batches';
import { advisoryKey, lockBatches } from '../../../lib/good-job/locks';
import { clock, notify, payloadTime } from '../../../lib/good-job/notify';
import { isPaused } from '../../../lib/good-job/pauses';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import type { ErrorRule } from '../data/errors';
import { asTx, inTransaction } from '../database';

/*
 * One thread of a GoodJob worker with `lock_strategy: :hybrid`: GoodJob::Job.perform_with_hybrid_lock and #perform,
 * as far as the tables show. Not the worker of test/races: that one checks the console, and must owe nothing to
 * the code under test; this one runs an app's classes, and uses the console's own rules where it can.
 */

/** What the app's class does with a job; nothing here runs for real. */
export interface Performance {
  seconds: number;
  error?: { text: string; backtrace: string[]; rule: ErrorRule };
  /** For an error that is retried: how long until the next attempt, and what `retry_on` was given. */
  retry?: { waitMs: number; exceptions: string; attempts: number };
}

export interface ClaimedJob {
  id: string;
  jobClass: string;
  queueName: string;
  /** Attempts so far by the payload, and by exception. */
  executions: number;
  exceptionExecutions: Record<string, number>;
  error: string | null;
  performedAt: string | null;
  batchId: string | null;
  batchCallbackId: string | null;
}

export interface Thread {
  client: pg.Client;
  tables: GoodJobTables;
  /** GoodJob's lock_id: that of the process. */
  processId: string;
  /** The only queues it serves; empty: all. */
  queues: readonly string[];
  perform: (job: ClaimedJob) => Performance;
  /** Cuts short what runs, so that stopping does not take seconds. */
  stopping: AbortSignal;
}

export type Performed = 'none' | 'succeeded' | 'errored';

/** Claims the next job, runs it, lets it go and continues its batches. */
export async function performNext(thread: Thread): Promise<Performed> {
  const { client, tables } = thread;
  const job = await claim(thread);
  if (!job) return 'none';
  let end: End;
  try {
    const executionId = await begin(thread, job);
    const performance = thread.perform(job);
    await sleep(performance.seconds * 1000, undefined, { signal: thread.stopping }).catch(
      () => undefined,
    );
    end = await finish(thread, job, executionId, performance);
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
        await continueBatch(tx, tables, job.batchId, { memberDiscarded: end === 'discarded' });
      if (job.batchCallbackId)
        await continueBatch(tx, tables, job.batchCallbackId, { memberDiscarded: false });
    });
  }
  return end === 'succeeded' ? 'succeeded' : 'errored';
}

/** Without the other ways that sql-template-tag has of writing the statement. */
export function asQuery({ text, values }: Sql): { text: string; values: unknown[] } {
  return { text, values };
}

/** Job::Lockable.with_hybrid_lock_claim: the row by SKIP LOCKED, the advisory lock in the same statement. */
async function claim({
  client,
  tables,
  processId,
  queues,
}: Thread): Promise<ClaimedJob | undefined> {
  const [row] = await asTx(client).query<ClaimedJob & { exceptions: string | null }>(sql`
    WITH candidate AS MATERIALIZED (
      SELECT j.id FROM ${tables.jobs} j
       WHERE j.finished_at IS NULL AND j.locked_by_id IS NULL AND j.scheduled_at <= clock_timestamp()
         AND NOT coalesce(${isPaused(tables)}, false) ${queues.length > 0 ? sql`AND j.queue_name = ANY(${[...queues]})` : empty}
       ORDER BY j.priority ASC NULLS LAST, j.created_at ASC LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED)
    UPDATE ${tables.jobs} j SET locked_by_id = ${processId}, locked_at = clock_timestamp(), lock_type = 2
      FROM (SELECT id FROM candidate WHERE pg_try_advisory_lock(${advisoryKey('good_jobs', sql`id`)})) AS locked
     WHERE j.id = locked.id
    RETURNING j.id, j.job_class AS "jobClass", j.queue_name AS "queueName", j.error, j.performed_at AS "performedAt", j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId",
      coalesce((j.serialized_params ->> 'executions')::int, 0) AS executions, (j.serialized_params -> 'exception_executions')::text AS exceptions`);
  if (!row) return undefined;
  const { exceptions, ...job } = row;
  return {
    ...job,
    exceptionExecutions: (JSON.parse(exceptions ?? 'null') ?? {}) as Record<string, number>,
  };
}

/** The execution and the job's start. A job that was running already was interrupted: its worker died. */
async function begin({ client, tables, processId }: Thread, job: ClaimedJob): Promise<string> {
  const executionId = randomUUID();
  await inTransaction(client, async (tx) => {
    const now = await clock(tx);
    if (job.performedAt) {
      job.error = `GoodJob::InterruptedError: Interrupted after starting perform at '${job.performedAt.slice(0, 19).replace('T', ' ')} UTC'`;
      await tx.query(
        sql`UPDATE ${tables.executions} SET error = ${job.error}, error_event = 0, finished_at = ${now}, duration = interval '0', updated_at = ${now} WHERE active_job_id = ${job.id} AND finished_at IS NULL`,
      );
      await tx.query(
        sql`UPDATE ${tables.jobs} SET error = ${job.error}, error_event = 0 WHERE id = ${job.id}`,
      );
    }
    await tx.query(sql`
      INSERT INTO ${tables.executions} (id, active_job_id, job_class, queue_name, serialized_params, scheduled_at, created_at, updated_at, process_id)
      SELECT ${executionId}::uuid, j.id, j.job_class, j.queue_name, j.serialized_params, coalesce(j.scheduled_at, j.created_at), ${now}::timestamp, ${now}::timestamp, ${processId}::uuid FROM ${tables.jobs} j WHERE j.id = ${job.id}`);
    await tx.query(
      sql`UPDATE ${tables.jobs} SET performed_at = ${now}, executions_count = coalesce(executions_count, 0) + 1, updated_at = ${now} WHERE id = ${job.id}`,
    );
  });
  return executionId;
}

type End = 'succeeded' | 'retried' | 'discarded';

/** What became of it, in the execution and in the job, which is let go in the same statement. */
async function finish(
  { client, tables }: Thread,
  job: ClaimedJob,
  executionId: string,
  { error, retry }: Performance,
): Promise<End> {
  const attempts = retry ? (job.exceptionExecutions[retry.exceptions] ?? 0) + 1 : 0;
  const again = error?.rule === 'retry' && retry && attempts < retry.attempts ? retry : null;
  const end: End = !error ? 'succeeded' : again ? 'retried' : 'discarded';
  const event = !error
    ? null
    : again
      ? 3
      : error.rule === 'retry'
        ? 4
        : error.rule === 'discard'
          ? 5
          : 1;
  await inTransaction(client, async (tx) => {
    const now = await clock(tx);
    await tx.query(sql`
      UPDATE ${tables.executions} SET finished_at = ${now}, updated_at = ${now}, duration = ${now}::timestamp - created_at,
             error = ${error?.text ?? null}, error_event = ${event}, error_backtrace = ${error?.backtrace ?? null} WHERE id = ${executionId}`);
    // Active Record writes only what differs from what it read: the error of a force discard meanwhile stays.
    const outcome = error
      ? sql`, error = ${error.text}, error_event = ${event}`
      : job.error !== null
        ? sql`, error = NULL, error_event = NULL`
        : empty;
    await tx.query(sql`
      UPDATE ${tables.jobs} j SET locked_by_id = NULL, locked_at = NULL, lock_type = NULL, updated_at = ${now} ${outcome}
             ${again ? enqueueAgain(job, again, now) : sql`, finished_at = ${now}`} WHERE j.id = ${job.id}`);
    if (again) await notify(tx, [job.queueName], retryTime(now, again.waitMs));
  });
  return end;
}

function retryTime(now: string, waitMs: number): string {
  return new Date(Date.parse(now) + waitMs).toISOString().replace('Z', `${now.slice(23, 26)}Z`);
}

/** ActiveJob's retry_job as GoodJob::Job.enqueue stores it for the job that is running. */
function enqueueAgain(
  job: ClaimedJob,
  { waitMs, exceptions }: NonNullable<Performance['retry']>,
  now: string,
): Sql {
  const at = retryTime(now, waitMs);
  return sql`, performed_at = NULL, finished_at = NULL, scheduled_at = ${at}, created_at = ${now}, serialized_params = j.serialized_params || jsonb_build_object(
      'executions', ${job.executions + 1}::int, 'provider_job_id', j.id::text, 'enqueued_at', ${payloadTime(now)}::text, 'scheduled_at', ${payloadTime(at)}::text,
      'exception_executions', ${JSON.stringify({ ...job.exceptionExecutions, [exceptions]: (job.exceptionExecutions[exceptions] ?? 0) + 1 })}::jsonb)`;
}
