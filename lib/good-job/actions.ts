import sql, { empty, type Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { continueBatches } from './batches';
import {
  type LockedJob,
  type LockWait,
  batchLinks,
  claimJobs,
  claimJobsByForce,
  lockBatches,
  lockBatchesOrSkip,
} from './locks';
import { clock, notifiedQueue, notify } from './notify';
import { type Outcome, Refusal } from './outcomes';
import { decompressed, priorityOfParams, queueOfParams, retriedParams } from './payload';
import type { RowSnapshot } from './row-snapshot';
import type { GoodJobTables } from './tables';

/*
 * What each action does to a set of jobs, at most MAX_JOBS_PER_TRANSACTION, inside the caller's transaction:
 * batch locks, claim, one judgement per row, one guarded UPDATE, completion checks, notification.
 * One home for the job page, the batch page, bulk and repair. An outcome for every id, in the order given.
 */

export const JOB_ACTIONS = ['reschedule', 'discard', 'force_discard', 'retry', 'destroy'] as const;
export type JobAction = (typeof JOB_ACTIONS)[number];

/** What GoodJob::Job#discard_job and #force_discard_job write into `error`. */
export const DISCARD_ERRORS = {
  discard: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
  force_discard: 'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
} as const;

/** Whether an operator discarded the job `j`, and not its own failure. */
export const isDiscardedByHand = sql`(coalesce(j.error, '') IN (${DISCARD_ERRORS.discard}, ${DISCARD_ERRORS.force_discard}))`;

const ERROR_EVENT = { retried: 3, discarded: 5 } as const;

export interface ActionOptions {
  /** reschedule only: ISO 8601 with its zone, UTC without one; null or absent: now. */
  scheduledAt?: string | null;
  /** A job that was written since is a conflict: the caller has chosen among the jobs as they were then. */
  cutOff?: RowSnapshot;
  /** Called under their locks with the jobs that are about to be changed: what is read of them then is what they were. */
  claimed?: (ids: string[]) => Promise<void>;
  /** How to deal with batches that somebody else has locked; absent: they are waited for as for any lock, and else all fails. */
  batches?: LockWait;
}

/** Carries out one action on these jobs. `ids` are distinct UUIDs. */
export async function actOnJobs(
  tx: Tx,
  tables: GoodJobTables,
  action: JobAction,
  ids: string[],
  options: ActionOptions = {},
): Promise<Outcome[]> {
  // Rescheduling and destroying change nothing that a batch's completion depends on.
  const dependsOnBatch = action !== 'reschedule' && action !== 'destroy';
  const { busy, isTied } = dependsOnBatch
    ? await lockTheirBatches(tx, tables, ids, options.batches)
    : { busy: new Set<string>(), isTied: () => true };
  const free = busy.size > 0 ? ids.filter((id) => !busy.has(id)) : ids;
  const claim =
    action === 'force_discard'
      ? await claimJobsByForce(tx, tables, free)
      : await claimJobs(tx, tables, free, options.cutOff);
  const outcomes = new Map<string, Outcome>([...busy].map((id) => [id, { id, outcome: 'locked' }]));
  for (const outcome of claim.outcomes) outcomes.set(outcome.id, outcome);
  const ready: LockedJob[] = [];
  for (const job of claim.jobs) {
    const outcome =
      eligibility(action, job) ??
      (job.changed || !isTied(job) ? { id: job.id, outcome: 'conflict' } : null);
    if (outcome) outcomes.set(job.id, outcome);
    else ready.push(job);
  }
  if (ready.length > 0) await options.claimed?.(idsOf(ready));
  for (const outcome of await applyAction(tx, tables, action, ready, options))
    outcomes.set(outcome.id, outcome);
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'missing' });
}

interface BatchLocks {
  /** The jobs whose batch could not be had. */
  busy: Set<string>;
  /** Whether the job's batches are locked: it may have come to one since they were looked up. */
  isTied(job: LockedJob): boolean;
}

async function lockTheirBatches(
  tx: Tx,
  tables: GoodJobTables,
  ids: string[],
  patience?: LockWait,
): Promise<BatchLocks> {
  const ties = await batchLinks(tx, tables, ids);
  const locked = new Set(ties.flatMap((job) => job.batchIds));
  const isTied = ({ batchId, batchCallbackId }: LockedJob) =>
    [batchId, batchCallbackId].every((id) => id === null || locked.has(id));
  if (!patience) {
    await lockBatches(tx, [...locked]);
    return { busy: new Set(), isTied };
  }
  const missed = await lockBatchesOrSkip(tx, [...locked], patience);
  for (const id of missed) locked.delete(id);
  return {
    busy: new Set(
      ties.filter((job) => job.batchIds.some((id) => missed.has(id))).map(({ id }) => id),
    ),
    isTied,
  };
}

/** The rule that decides on a claimed row, `refused` before `conflict`; null: go ahead. */
export function eligibility(action: JobAction, job: Omit<LockedJob, 'changed'>): Outcome | null {
  switch (action) {
    case 'reschedule':
    case 'discard':
    case 'force_discard':
      return job.finished ? { id: job.id, outcome: 'conflict' } : null;
    case 'retry':
      // GoodJob deserializes before it looks at the state (Job#retry_job).
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
function settled(jobs: LockedJob[], changed: { id: string }[]): Outcome[] {
  const done = new Set(changed.map((row) => row.id));
  return jobs.map(({ id }) => ({ id, outcome: done.has(id) ? 'done' : 'conflict' }));
}

async function reschedule(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  at: string | null,
): Promise<Outcome[]> {
  const now = await clock(tx);
  // As timestamptz: of a text for a column without a zone Postgres would drop the offset.
  const changed = await tx.query<{
    id: string;
    queueName: string | null;
    scheduledAt: string;
    due: boolean;
  }>(sql`
    UPDATE ${tables.jobs} j SET scheduled_at = ${at ?? now}::timestamptz, updated_at = ${now}
     WHERE j.id = ANY(${idsOf(jobs)}::uuid[]) AND j.finished_at IS NULL
     RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName", j.scheduled_at AS "scheduledAt", j.scheduled_at <= clock_timestamp() AS due`);
  // GoodJob sends none here, and a worker finds the job by polling; ours is not to let it wait.
  const due = changed.filter((row) => row.due);
  await notify(
    tx,
    due.map((row) => row.queueName ?? 'default'),
    due[0]?.scheduledAt ?? now,
  );
  return settled(jobs, changed);
}

async function discard(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  const together = await discardOrRefuse(tx, tables, jobs, error);
  if (!together.some(({ outcome }) => outcome === 'refused')) return together;
  // A batch whose callbacks cannot be enqueued refuses its own jobs and nobody else's.
  const outcomes: Outcome[] = [];
  for (const members of byBatch(jobs))
    outcomes.push(...(await discardOrRefuse(tx, tables, members, error)));
  return outcomes;
}

/** All of them, or, when the callbacks of a batch cannot be enqueued, none. */
async function discardOrRefuse(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  await tx.query(sql`SAVEPOINT discard`);
  try {
    const outcomes = await discardMembers(tx, tables, jobs, error);
    await tx.query(sql`RELEASE SAVEPOINT discard`);
    return outcomes;
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    await tx.query(sql`ROLLBACK TO SAVEPOINT discard`);
    return jobs.map(({ id }) => ({ id, outcome: 'refused', code: cause.code }));
  }
}

async function discardMembers(
  tx: Tx,
  tables: GoodJobTables,
  jobs: LockedJob[],
  error: string,
): Promise<Outcome[]> {
  const now = await clock(tx);
  const changed = await tx.query<{
    id: string;
    batchId: string | null;
    batchCallbackId: string | null;
  }>(sql`
    UPDATE ${tables.jobs} j SET finished_at = ${now}, error = ${error}, error_event = ${ERROR_EVENT.discarded}, updated_at = ${now}
     WHERE j.id = ANY(${idsOf(jobs)}::uuid[]) AND j.finished_at IS NULL
     RETURNING j.id, j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId"`);
  const memberDiscarded = [...new Set(changed.flatMap(({ batchId }) => batchId ?? []))];
  const batches = [
    ...new Set([
      ...memberDiscarded,
      ...changed.flatMap(({ batchCallbackId }) => batchCallbackId ?? []),
    ]),
  ];
  if (batches.length > 0) await continueBatches(tx, tables, batches, { memberDiscarded });
  return settled(jobs, changed);
}

function byBatch(jobs: LockedJob[]): LockedJob[][] {
  const groups = new Map<string, LockedJob[]>();
  for (const job of jobs) {
    const key = `${job.batchId}/${job.batchCallbackId}`;
    groups.set(key, [...(groups.get(key) ?? []), job]);
  }
  return [...groups.values()];
}

/** Re-queues claimed, judged jobs as they were stored (Job#retry_job, without the app's own Ruby). */
export async function retry(tx: Tx, tables: GoodJobTables, jobs: LockedJob[]): Promise<Outcome[]> {
  const now = await clock(tx);
  const params = sql`payload.p[1]`;
  const createdAt: Sql =
    tables.app.dequeueQuerySort === 'scheduled_at' ? empty : sql`created_at = ${now},`;
  const changed = await tx.query<{ id: string; queueName: string }>(sql`
    UPDATE ${tables.jobs} j
       SET finished_at = NULL, performed_at = NULL, scheduled_at = ${now}, ${createdAt} updated_at = ${now},
           error_event = ${ERROR_EVENT.retried},
           (job_class, queue_name, priority, serialized_params) = (
             SELECT ${params} ->> 'job_class', ${queueOfParams(params)}, ${priorityOfParams(params)},
                    ${retriedParams(params, sql`j.id`, now, tables.app)}
               FROM ${decompressed(sql`j.serialized_params`)})
     WHERE j.id = ANY(${idsOf(jobs)}::uuid[]) AND j.finished_at IS NOT NULL AND j.error IS NOT NULL
     RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName"`);
  await notify(
    tx,
    changed.map((row) => row.queueName),
    now,
  );
  return settled(jobs, changed);
}

async function destroy(tx: Tx, tables: GoodJobTables, jobs: LockedJob[]): Promise<Outcome[]> {
  const ids = idsOf(jobs);
  const changed = await tx.query<{ id: string }>(sql`
    DELETE FROM ${tables.jobs} j WHERE j.id = ANY(${ids}::uuid[]) AND j.finished_at IS NOT NULL RETURNING j.id`);
  // index_good_job_executions_on_active_job_id_and_created_at
  await tx.query(
    sql`DELETE FROM ${tables.executions} e WHERE e.active_job_id = ANY(${changed.map((row) => row.id)}::uuid[])`,
  );
  return settled(jobs, changed);
}
