import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import {
  type LockWait,
  batchLinks,
  runCompletionChecks,
  hasOpenJob,
  lockBatches,
  lockBatchesOrSkip,
} from './batches';
import {
  batchCallbacksRow,
  type BatchEvent,
  callbackClass,
  callbackColumns,
  readAppName,
  RefusalError,
} from './enqueue';
import { type LockedJob, type RowSnapshot, claimJobs, claimJobsByForce } from './locks';
import {
  clock,
  notifiedQueue,
  notify,
  payloadSource,
  priorityOfParams,
  queueOfParams,
  retriedParams,
} from './payload';
import { type GoodJobTables, idRow } from './tables';
import type { ActionWarnings, JobAction, Outcome } from './types';

/*
 * Applies an action to at most MAX_JOBS_PER_TRANSACTION jobs inside the caller's transaction: lock
 * the batches, lock the jobs, check each row, one guarded UPDATE, completion checks, notification.
 */

/** The `error` that `GoodJob::Job#discard_job` and `#force_discard_job` write. */
export const DISCARD_ERRORS = {
  discard: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
  force_discard: 'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
} as const;

/** Whether an operator discarded the job `j`, as opposed to a failure. */
export const isDiscardedByHand = sql`
  (coalesce(j.error, '') IN (${DISCARD_ERRORS.discard}, ${DISCARD_ERRORS.force_discard}))`;

export const ERROR_EVENT = { retried: 3, discarded: 5 } as const;

export interface ActionOptions {
  /** Only for reschedule: ISO 8601, UTC if it has no offset; null or absent means now. */
  scheduledAt?: string | null;
  /** A job written after this snapshot is a `conflict`. */
  cutOff?: RowSnapshot;
  /**
   * Called with the ids about to be changed while their rows are locked, to read their old values.
   */
  onLocked?: (ids: string[]) => Promise<void>;
  /**
   * Skips jobs whose batch stays locked; if absent, the call waits for `lock_timeout` and then
   * fails.
   */
  batchLockWait?: LockWait;
}

/** Returns one outcome for each id, in the order of `ids`, which must be distinct UUIDs. */
export async function actOnJobs(
  tx: Tx,
  tables: GoodJobTables,
  action: JobAction,
  ids: string[],
  options: ActionOptions = {},
): Promise<Outcome[]> {
  // The completion of a batch does not depend on reschedule or destroy.
  const dependsOnBatch = action !== 'reschedule' && action !== 'destroy';
  const { busyJobIds, hasLockedBatches } = dependsOnBatch
    ? await lockBatchesOfJobs(tx, tables, ids, options.batchLockWait)
    : { busyJobIds: new Set<string>(), hasLockedBatches: () => true };
  const free = busyJobIds.size > 0 ? ids.filter((id) => !busyJobIds.has(id)) : ids;
  const claim =
    action === 'force_discard'
      ? await claimJobsByForce(tx, tables, free)
      : await claimJobs(tx, tables, free, options.cutOff);
  const outcomes = new Map<string, Outcome>(
    [...busyJobIds].map((id) => [id, { id, outcome: 'locked' }]),
  );
  for (const outcome of claim.outcomes) outcomes.set(outcome.id, outcome);
  const ready: LockedJob[] = [];
  for (const job of claim.jobs) {
    const outcome =
      eligibility(action, job) ??
      (job.changed || !hasLockedBatches(job) ? { id: job.id, outcome: 'conflict' } : null);
    if (outcome) outcomes.set(job.id, outcome);
    else ready.push(job);
  }
  if (ready.length > 0) await options.onLocked?.(idsOf(ready));
  for (const outcome of await applyAction(tx, tables, action, ready, options))
    outcomes.set(outcome.id, outcome);
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'missing' });
}

interface BatchLocks {
  /** Ids of the jobs whose batch could not be locked. */
  busyJobIds: Set<string>;
  /** False if the job joined a batch after `batchLinks` was read. */
  hasLockedBatches(job: LockedJob): boolean;
}

async function lockBatchesOfJobs(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  wait?: LockWait,
): Promise<BatchLocks> {
  const links = await batchLinks(tx, tables, ids);
  const locked = new Set(links.flatMap((job) => job.batchIds));
  const hasLockedBatches = ({ batchId, batchCallbackId }: LockedJob) =>
    [batchId, batchCallbackId].every((id) => id === null || locked.has(id));
  if (!wait) {
    await lockBatches(tx, [...locked]);
    return { busyJobIds: new Set(), hasLockedBatches };
  }
  const skipped = await lockBatchesOrSkip(tx, [...locked], wait);
  for (const id of skipped) locked.delete(id);
  return {
    busyJobIds: new Set(
      links.filter((job) => job.batchIds.some((id) => skipped.has(id))).map(({ id }) => id),
    ),
    hasLockedBatches,
  };
}

/** The outcome that prevents the action on a locked row, `refused` before `conflict`; else null. */
export function eligibility(action: JobAction, job: Omit<LockedJob, 'changed'>): Outcome | null {
  switch (action) {
    case 'reschedule':
    case 'discard':
    case 'force_discard':
      return job.finished ? { id: job.id, outcome: 'conflict' } : null;
    case 'retry':
      // `GoodJob::Job#retry_job` deserializes before it checks the state.
      if (job.paramsProblem) return { id: job.id, outcome: 'refused', code: job.paramsProblem };
      return job.finished && job.errorPresent ? null : { id: job.id, outcome: 'conflict' };
    case 'destroy':
      return job.finished ? null : { id: job.id, outcome: 'conflict' };
  }
}

async function applyAction(
  tx: Tx,
  tables: GoodJobTables,
  action: JobAction,
  jobs: LockedJob[],
  options: ActionOptions,
): Promise<Outcome[]> {
  if (jobs.length === 0) return [];
  switch (action) {
    case 'reschedule':
      return reschedule(tx, tables, jobs, options.scheduledAt ?? null);
    case 'discard':
    case 'force_discard':
      return discard(tx, tables, jobs, DISCARD_ERRORS[action]);
    case 'retry':
      return retry(tx, tables, jobs);
    case 'destroy':
      return destroy(tx, tables, jobs);
  }
}

const idsOf = (jobs: LockedJob[]) => jobs.map((job) => job.id);

/** `done` for the rows that the guarded statement returned, `conflict` for the rest. */
function outcomesFor(jobs: LockedJob[], changed: { id: string }[]): Outcome[] {
  const done = new Set(changed.map((row) => row.id));
  return jobs.map(({ id }) => ({ id, outcome: done.has(id) ? 'done' : 'conflict' }));
}

const rescheduledRow = z.strictObject({
  id: z.string(),
  queueName: z.string().nullable(),
  scheduledAt: z.string(),
  due: z.boolean(),
});

async function reschedule(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  at: string | null,
): Promise<Outcome[]> {
  const now = await clock(tx);
  // Cast to timestamptz, because Postgres drops the offset of a text assigned to a `timestamp`
  // column.
  const changed = await tx.query(
    rescheduledRow,
    sql`
      UPDATE ${tables.jobs} j
         SET scheduled_at = ${at ?? now}::timestamptz, updated_at = ${now}
       WHERE j.id = ANY(${idsOf(jobs)}::uuid[]) AND j.finished_at IS NULL
       RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName",
                 j.scheduled_at AS "scheduledAt", j.scheduled_at <= clock_timestamp() AS due`,
  );
  // GoodJob does not notify here; the console does, so that a due job need not wait for a poll.
  const due = changed.filter((row) => row.due);
  await notify(
    tx,
    due.map((row) => row.queueName ?? 'default'),
    due[0]?.scheduledAt ?? now,
  );
  return outcomesFor(jobs, changed);
}

async function discard(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  const all = await discardOrRefuse(tx, tables, jobs, error);
  if (!all.some(({ outcome }) => outcome === 'refused')) return all;
  // Try each batch again on its own, so that only the jobs of the failing batch are refused.
  const outcomes: Outcome[] = [];
  for (const members of byBatch(jobs))
    outcomes.push(...(await discardOrRefuse(tx, tables, members, error)));
  return outcomes;
}

/** Discards all jobs, or none if the callbacks of a batch cannot be enqueued. */
async function discardOrRefuse(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  await tx.execute(sql`SAVEPOINT discard`);
  try {
    const outcomes = await discardMembers(tx, tables, jobs, error);
    await tx.execute(sql`RELEASE SAVEPOINT discard`);
    return outcomes;
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    await tx.execute(sql`ROLLBACK TO SAVEPOINT discard`);
    return jobs.map(({ id }) => ({ id, outcome: 'refused', code: cause.code }));
  }
}

/** The batch of which a job is a member, and the batch whose callback it is. */
const batchIdsRow = z.strictObject({
  batchId: z.string().nullable(),
  batchCallbackId: z.string().nullable(),
});
type BatchIds = z.infer<typeof batchIdsRow>;

const discardedRow = batchIdsRow.extend({ id: z.string() });

async function discardMembers(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  const now = await clock(tx);
  const changed = await tx.query(
    discardedRow,
    sql`
      UPDATE ${tables.jobs} j
         SET finished_at = ${now}, error = ${error}, error_event = ${ERROR_EVENT.discarded},
             updated_at = ${now}
       WHERE j.id = ANY(${idsOf(jobs)}::uuid[]) AND j.finished_at IS NULL
       RETURNING j.id, j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId"`,
  );
  const withDiscardedMember = [...new Set(changed.flatMap(({ batchId }) => batchId ?? []))];
  const batches = [
    ...new Set([
      ...withDiscardedMember,
      ...changed.flatMap(({ batchCallbackId }) => batchCallbackId ?? []),
    ]),
  ];
  if (batches.length > 0) await runCompletionChecks(tx, tables, batches, { withDiscardedMember });
  return outcomesFor(jobs, changed);
}

function byBatch(jobs: LockedJob[]): LockedJob[][] {
  const groups = new Map<string, LockedJob[]>();
  for (const job of jobs) {
    const key = `${job.batchId}/${job.batchCallbackId}`;
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups.values()];
}

const retriedRow = z.strictObject({ id: z.string(), queueName: z.string() });

/**
 * Enqueues locked, eligible jobs again as stored (`GoodJob::Job#retry_job` without the app's
 * enqueue callbacks) and notifies the workers. Returns `done` or `conflict` for each job.
 */
export async function retry(tx: Tx, tables: GoodJobTables, jobs: LockedJob[]): Promise<Outcome[]> {
  const now = await clock(tx);
  const params = sql`payload.p[1]`;
  const createdAt: Sql =
    tables.app.dequeueQuerySort === 'scheduled_at' ? empty : sql`created_at = ${now},`;
  const changed = await tx.query(
    retriedRow,
    sql`
      UPDATE ${tables.jobs} j
         SET finished_at = NULL, performed_at = NULL,
             scheduled_at = ${now}, ${createdAt} updated_at = ${now},
             error_event = ${ERROR_EVENT.retried},
             (job_class, queue_name, priority, serialized_params) = (
               SELECT ${params} ->> 'job_class',
                      ${queueOfParams(params)},
                      ${priorityOfParams(params)},
                      ${retriedParams(params, sql`j.id`, now, tables.app)}
                 FROM ${payloadSource(sql`j.serialized_params`)})
       WHERE j.id = ANY(${idsOf(jobs)}::uuid[])
         AND j.finished_at IS NOT NULL
         AND j.error IS NOT NULL
       RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName"`,
  );
  await notify(
    tx,
    changed.map((row) => row.queueName),
    now,
  );
  return outcomesFor(jobs, changed);
}

async function destroy(tx: Tx, tables: GoodJobTables, jobs: LockedJob[]): Promise<Outcome[]> {
  const ids = idsOf(jobs);
  const changed = await tx.query(
    idRow,
    sql`
      DELETE FROM ${tables.jobs} j
       WHERE j.id = ANY(${ids}::uuid[]) AND j.finished_at IS NOT NULL
       RETURNING j.id`,
  );
  // index_good_job_executions_on_active_job_id_and_created_at
  await tx.execute(sql`
    DELETE FROM ${tables.executions} e
     WHERE e.active_job_id = ANY(${changed.map((row) => row.id)}::uuid[])`);
  return outcomesFor(jobs, changed);
}

/** Returns the reasons why an action on the job would have no effect or be refused. */
export async function actionWarnings(
  tx: Tx,
  tables: GoodJobTables,
  jobId: string,
): Promise<ActionWarnings> {
  const [links] = await tx.query(
    batchIdsRow,
    sql`
      SELECT j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId"
        FROM ${tables.jobs} j
       WHERE j.id = ${jobId}`,
  );
  if (!links || (links.batchId === null && links.batchCallbackId === null)) return {};
  const batches = await readBatches(tx, tables, jobId, links);
  const isCallbackBatchMissing =
    links.batchCallbackId !== null && !batches.some(({ id }) => id === links.batchCallbackId);
  const isRefused = await hasUnknownApp(tx, tables, batches, links);
  return {
    ...(isCallbackBatchMissing && {
      retry: 'callback_batch_missing',
      reschedule: 'callback_batch_missing',
    }),
    ...(isRefused && {
      discard: 'callbacks_not_enqueued',
      force_discard: 'callbacks_not_enqueued',
    }),
  };
}

const batchRow = batchCallbacksRow.extend({
  discarded: z.boolean(),
  /** No other member is open, so the completion check after a discard finishes the batch. */
  finishes: z.boolean(),
});
type Batch = z.infer<typeof batchRow>;

function readBatches(
  tx: Tx,
  tables: GoodJobTables,
  jobId: string,
  links: BatchIds,
): Promise<Batch[]> {
  const otherMember: Sql = sql`j.batch_id = b.id AND j.id <> ${jobId}`;
  return tx.query(
    batchRow,
    sql`
      SELECT ${callbackColumns}, b.discarded_at IS NOT NULL AS discarded,
             b.enqueued_at IS NOT NULL
               AND b.${tables.jobsFinishedAt} IS NULL
               AND NOT ${hasOpenJob(tables, otherMember)} AS finishes
        FROM ${tables.batches} b
       WHERE b.id = ANY(${[links.batchId, links.batchCallbackId]}::uuid[])`,
  );
}

async function hasUnknownApp(
  tx: Tx,
  tables: GoodJobTables,
  batches: Batch[],
  { batchId }: BatchIds,
): Promise<boolean> {
  for (const batch of batches) {
    const hasCallback = eventsOf(batch, batch.id === batchId).some(
      (event) => callbackClass(batch, event) !== null,
    );
    if (hasCallback && (await readAppName(tx, tables, batch.id)) === null) return true;
  }
  return false;
}

/**
 * The events of the completion check after a discard; `isMember`: the job is a member of this
 * batch.
 */
function eventsOf({ discarded, finishes }: Batch, isMember: boolean): BatchEvent[] {
  return [
    ...(isMember && !discarded ? (['discard'] as const) : []),
    ...(finishes && !isMember && !discarded ? (['success'] as const) : []),
    ...(finishes ? (['finish'] as const) : []),
  ];
}
