import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { continueDiscardOrFinish } from './good-job-batch';
import { ActiveRecord, type Values, insert, transaction } from './good-job-record';

export const STRATEGIES = ['advisory', 'skiplocked', 'hybrid'] as const;
export type Strategy = (typeof STRATEGIES)[number];
const LOCK_TYPES = { advisory: 0, skiplocked: 1, hybrid: 2 } as const;

const ATTEMPTS = 2;
const KEY = `('x' || substr(md5('good_jobs' || '-' || id::text), 1, 16))::bit(64)::bigint`;
const ORDER = 'ORDER BY priority ASC NULLS LAST, created_at ASC';

export interface Thread {
  client: pg.Client;
  /** A second connection, so that the log is independent of the worker's transactions. */
  log: pg.Client;
  /** The value of `locked_by_id`. */
  processId: string;
  strategy: Strategy;
  /** Whether every job succeeds at once. */
  isDraining(): boolean;
}

/**
 * Claims, runs and unlocks the next job (`GoodJob::Job.perform_with_lock`); false if there is none.
 */
export async function performNext(thread: Thread): Promise<boolean> {
  const job = await claim(thread);
  if (!job) return false;
  const { client, strategy } = thread;
  try {
    if (strategy === 'advisory') await job.reload(client);
    // `Job#executable?`: another session may have finished the job before the lock was taken.
    if (job.get('finished_at') === null) await perform(thread, job);
    // `Job::Lockable` runs the batch callbacks before the unlock only under advisory.
    if (strategy === 'advisory') await continueBatches(client, job);
  } finally {
    if (strategy !== 'skiplocked') await unlock(client, job.id);
    if (strategy !== 'advisory')
      await job.update(client, { locked_by_id: null, locked_at: null, lock_type: null });
  }
  if (strategy !== 'advisory') await continueBatches(client, job);
  return true;
}

async function continueBatches(client: pg.Client, job: ActiveRecord): Promise<void> {
  const batchId = job.get('batch_id');
  const callbackBatchId = job.get('batch_callback_id');
  if (typeof batchId === 'string') await continueDiscardOrFinish(client, batchId, job);
  if (typeof callbackBatchId === 'string') await continueDiscardOrFinish(client, callbackBatchId);
}

/** The claims of `AdvisoryLockable.advisory_lock` and `Job::Lockable`, each as one statement. */
async function claim({ client, strategy, processId }: Thread): Promise<ActiveRecord | null> {
  const due = `finished_at IS NULL AND scheduled_at <= $1`;
  const now = new Date().toISOString();
  const lockColumns = [processId, now, LOCK_TYPES[strategy]];
  const updateCandidate = `
    WITH candidate AS MATERIALIZED (
      SELECT id
        FROM good_jobs
       WHERE ${due} AND locked_by_id IS NULL
       ${ORDER}
       LIMIT 1
         FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE good_jobs SET locked_by_id = $2, locked_at = $3, lock_type = $4`;
  const statements: Record<Strategy, string> = {
    advisory: `
      SELECT *
        FROM good_jobs
       WHERE id IN (
         WITH rows AS MATERIALIZED (SELECT id FROM good_jobs WHERE ${due} ${ORDER})
         SELECT id FROM rows WHERE pg_try_advisory_lock(${KEY}) LIMIT 1)
       ${ORDER}`,
    skiplocked: `${updateCandidate}
      FROM candidate
     WHERE good_jobs.id = candidate.id
     RETURNING good_jobs.*`,
    hybrid: `${updateCandidate}
      FROM (SELECT id FROM candidate WHERE pg_try_advisory_lock(${KEY})) AS locked
     WHERE good_jobs.id = locked.id
     RETURNING good_jobs.*`,
  };
  const { rows } = await client.query<Values>(
    statements[strategy],
    strategy === 'advisory' ? [now] : [now, ...lockColumns],
  );
  return rows[0] ? new ActiveRecord('good_jobs', rows[0]) : null;
}

/**
 * Unlocks until no lock remains (`advisory_unlock_key!`), because a claim may take its lock
 * repeatedly.
 */
async function unlock(client: pg.Client, id: string): Promise<void> {
  const key = `('x' || substr(md5('good_jobs-' || $1), 1, 16))::bit(64)::bigint`;
  const ownLock = `
    SELECT 1
      FROM pg_locks
     WHERE locktype = 'advisory'
       AND objsubid = 1
       AND pid = pg_backend_pid()
       AND classid = ((${key} >> 32) & 4294967295)::oid
       AND objid = (${key} & 4294967295)::oid`;
  do await client.query(`SELECT pg_advisory_unlock(${key})`, [id]);
  while (((await client.query(ownLock, [id])).rowCount ?? 0) > 0);
}

/**
 * `GoodJob::Job#perform` with preserved records: inserts an execution, sleeps, and stores the
 * result.
 */
async function perform(thread: Thread, job: ActiveRecord): Promise<void> {
  const { client, log, processId } = thread;
  const anomaly = (what: string) =>
    log.query('INSERT INTO race_log.anomalies (what) VALUES ($1)', [`${job.id}: ${what}`]);
  if (job.get('performed_at') !== null) await anomaly('claimed while it was running');

  const executionId = await startExecution(thread, job);
  const { rows } = await log.query<{ n: string }>(
    'INSERT INTO race_log.executions (job_id, process_id) VALUES ($1, $2) RETURNING n',
    [job.id, processId],
  );
  const isCallback = job.get('batch_callback_id') !== null;
  const fails = !thread.isDraining() && !isCallback && Math.random() < 0.85;
  if (!thread.isDraining()) await sleep(1 + Math.random() * 10);
  const params = job.get('serialized_params') as { executions: number };
  const retries = fails && params.executions + 1 < ATTEMPTS;
  // `retry_on` enqueues the job again while it is still running.
  if (retries) await job.update(client, retryColumns(job, params));
  await log.query('UPDATE race_log.executions SET stopped_at = clock_timestamp() WHERE n = $1', [
    rows[0]?.n,
  ]);
  await finishExecution(client, job, executionId, { fails, retries });
}

/** Inserts the execution and marks the job as running; returns the id of the execution. */
async function startExecution(
  { client, processId, strategy }: Thread,
  job: ActiveRecord,
): Promise<string> {
  const startedAt = new Date().toISOString();
  const executionId = randomUUID();
  await transaction(client, async () => {
    await insert(client, 'good_job_executions', {
      id: executionId,
      active_job_id: job.id,
      job_class: job.get('job_class'),
      queue_name: job.get('queue_name'),
      serialized_params: job.get('serialized_params'),
      scheduled_at: job.get('scheduled_at') ?? job.get('created_at'),
      created_at: startedAt,
      updated_at: startedAt,
      process_id: processId,
    });
    const lockColumns =
      strategy === 'advisory'
        ? { locked_by_id: processId, locked_at: startedAt, lock_type: LOCK_TYPES.advisory }
        : {};
    await job.update(client, {
      performed_at: startedAt,
      executions_count: Number(job.get('executions_count') ?? 0) + 1,
      ...lockColumns,
    });
  });
  return executionId;
}

async function finishExecution(
  client: pg.Client,
  job: ActiveRecord,
  executionId: string,
  { fails, retries }: { fails: boolean; retries: boolean },
): Promise<void> {
  const finishedAt = new Date().toISOString();
  const error = fails ? 'RuntimeError: boom' : null;
  const failureEvent = retries ? 3 : 4;
  const errorEvent = fails ? failureEvent : null;
  job.assign({
    locked_by_id: null,
    locked_at: null,
    lock_type: null,
    error,
    error_event: errorEvent,
    finished_at: retries ? null : finishedAt,
  });
  if (retries) job.assign({ performed_at: null });
  await transaction(client, async () => {
    await client.query(
      `UPDATE good_job_executions
          SET finished_at = $2,
              updated_at = $2,
              error = $3,
              error_event = $4,
              duration = $2::timestamp - created_at
        WHERE id = $1`,
      [executionId, finishedAt, error, errorEvent],
    );
    await job.save(client);
  });
}

function retryColumns(job: ActiveRecord, params: { executions: number }): Values {
  const now = Date.now();
  const scheduledAt = new Date(now + Math.random() * 200).toISOString();
  const payload = {
    ...params,
    executions: params.executions + 1,
    provider_job_id: job.id,
    exception_executions: { '[RuntimeError]': params.executions + 1 },
    enqueued_at: new Date(now).toISOString(),
    scheduled_at: scheduledAt,
  };
  return {
    serialized_params: payload,
    created_at: new Date(now).toISOString(),
    scheduled_at: scheduledAt,
    performed_at: null,
    finished_at: null,
  };
}
