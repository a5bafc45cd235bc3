import { DISCARD_ERRORS } from '../../../lib/good-job/actions';
import { ERROR_EVENTS, type ErrorEvent } from '../../../lib/good-job/raw-rows';
import type { JobState } from '../../../lib/good-job/types';
import type { Payload, Value } from './active-job';
import { type RaisedError, raise } from './errors';
import { type JobClass, retriedExceptions, retryWaitMs } from './job-classes';
import type { Random } from './random';
import type { ExecutionRow, JobRow, Rows } from './rows';
import { type Micros, SECOND, columnTime, payloadTime } from './time';

/*
 * Generates the row and the executions of one job as GoodJob leaves them after some attempts. The
 * order of the calls of `random` determines all demo data, so changing that order changes every
 * row.
 */

/** The state of a generator of demo rows. */
export interface DemoContext {
  random: Random;
  now: Micros;
  rows: Rows;
  /** Returns the id of the process that performed a job at that time. */
  processAt: (at: Micros) => string;
}

export interface JobPlan {
  jobClass: JobClass;
  /**
   * When it was enqueued; moved if the state requires it: the next attempt of a retried job must be
   * in the future, the last attempt of a finished job in the past.
   */
  at: Micros;
  state: JobState;
  /** For a scheduled job: when it will run. */
  scheduledAt?: Micros;
  /** Failed attempts before the last one; default: random. */
  failures?: number;
  /** The time in the queue before the first attempt; default: random. */
  wait?: Micros;
  /** For a discarded job: when a user discarded it; absent: its own error did. */
  discardedByHandAt?: Micros;
  arguments?: Value[];
  labels?: string[];
  queue?: string;
  priority?: number;
  batchId?: string;
  batchCallbackId?: string;
  cron?: { key: string; at: Micros };
  /** For a running job: the process that holds it. */
  lockedBy?: string;
}

interface Attempt {
  scheduledAt: Micros;
  startedAt: Micros;
  /** Absent: it is still running. */
  finishedAt?: Micros;
  error?: RaisedError;
}

/** The attempts of a job, at the times that its state requires. */
interface Timeline {
  enqueuedAt: Micros;
  attempts: Attempt[];
  /** The retry that a failed attempt has enqueued and that has not run yet. */
  nextRetry: { enqueuedAt: Micros; scheduledAt: Micros } | null;
}

/** The columns and payload fields that do not depend on the attempts. */
interface JobIdentity {
  id: string;
  jobClass: JobClass;
  queue: string;
  priority: number | null;
  arguments: Value[];
  labels: string[];
}

/** Adds a job and its executions to the rows; returns its row. */
export function addJob(context: DemoContext, plan: JobPlan): JobRow {
  const { random, rows } = context;
  const { jobClass } = plan;
  const timeline = planTimeline(context, plan);
  const job: JobIdentity = {
    id: random.uuid(),
    jobClass,
    arguments: plan.arguments ?? jobClass.arguments(random, timeline.enqueuedAt),
    labels: plan.labels ?? jobClass.labels?.(random) ?? [],
    queue: plan.queue ?? jobClass.queue,
    priority: plan.priority ?? jobClass.priority,
  };
  const row = jobRow(plan, job, timeline, addExecutions(context, plan, job, timeline));
  rows.jobs.push(row);
  return row;
}

function planTimeline(context: DemoContext, plan: JobPlan): Timeline {
  const { random, now } = context;
  const attempts = planAttempts(context, plan);
  const last = attempts.at(-1);
  const willRetry = plan.state === 'retried' || plan.state === 'queued';
  const nextRetry =
    willRetry && last?.finishedAt !== undefined
      ? {
          enqueuedAt: last.finishedAt,
          scheduledAt: last.finishedAt + retryWaitMs(random, plan.jobClass, attempts.length) * 1000,
        }
      : null;
  let shift = 0;
  if (plan.state === 'retried' && nextRetry) {
    const waitLeft = (nextRetry.scheduledAt - nextRetry.enqueuedAt) * random.between(0.05, 0.95);
    shift = now + Math.floor(waitLeft) - nextRetry.scheduledAt;
  } else if (last?.finishedAt !== undefined && last.finishedAt > now - SECOND)
    shift = now - Math.floor(random.between(1, 600) * SECOND) - last.finishedAt;
  return {
    enqueuedAt: plan.at + shift,
    attempts: attempts.map((attempt) => shiftAttempt(attempt, shift)),
    nextRetry: nextRetry && {
      enqueuedAt: nextRetry.enqueuedAt + shift,
      scheduledAt: nextRetry.scheduledAt + shift,
    },
  };
}

function shiftAttempt(attempt: Attempt, shift: Micros): Attempt {
  return {
    ...attempt,
    scheduledAt: attempt.scheduledAt + shift,
    startedAt: attempt.startedAt + shift,
    ...(attempt.finishedAt !== undefined && { finishedAt: attempt.finishedAt + shift }),
  };
}

/** The attempts of a job that is enqueued at `plan.at`. */
function planAttempts({ random }: DemoContext, plan: JobPlan): Attempt[] {
  const { jobClass, state } = plan;
  const isDiscardedByHand = plan.discardedByHandAt !== undefined;
  if (state === 'scheduled' || (isDiscardedByHand && !plan.failures)) return [];
  const retriedErrors = jobClass.errors.filter((error) => error.rule === 'retry');
  const finalError =
    state === 'discarded' && !isDiscardedByHand
      ? raise(random, jobClass.name, jobClass.errors)
      : undefined;
  const failures = plan.failures ?? planFailures(random, plan, finalError);
  const hasLastAttempt = state === 'succeeded' || state === 'running' || finalError !== undefined;
  const attempts: Attempt[] = [];
  let scheduledAt = plan.scheduledAt ?? plan.at;
  for (let run = 0; run < failures + (hasLastAttempt ? 1 : 0); run += 1) {
    const wait =
      run === 0 && plan.wait !== undefined ? plan.wait : Math.floor(random.skewed(0.35) * SECOND);
    const startedAt = scheduledAt + wait;
    const finishedAt = startedAt + Math.floor(random.skewed(jobClass.seconds) * SECOND);
    if (run < failures) {
      const error = raise(random, jobClass.name, retriedErrors);
      attempts.push({ scheduledAt, startedAt, finishedAt, error });
      scheduledAt = finishedAt + retryWaitMs(random, jobClass, run + 1) * 1000;
    } else if (state === 'running') attempts.push({ scheduledAt, startedAt });
    else
      attempts.push({
        scheduledAt,
        startedAt,
        finishedAt,
        ...(finalError && { error: finalError }),
      });
  }
  return attempts;
}

/** The number of failed attempts before the last one. */
function planFailures(
  random: Random,
  { jobClass, state }: JobPlan,
  finalError: RaisedError | undefined,
): number {
  if (finalError?.kind.rule === 'retry') return jobClass.attempts - 1;
  if (state === 'retried') return random.int(1, Math.max(1, jobClass.attempts - 1));
  if (state === 'queued' || state === 'running') return 0;
  let failures = 0;
  while (failures < jobClass.attempts - 1 && random.chance(jobClass.failure)) failures += 1;
  return failures;
}

/** The last payload of a job and when it was enqueued. */
interface Enqueued {
  at: Micros;
  payload: Payload;
}

/** Adds the executions; each retry enqueues the job anew. */
function addExecutions(
  context: DemoContext,
  plan: JobPlan,
  job: JobIdentity,
  { enqueuedAt, attempts, nextRetry }: Timeline,
): Enqueued {
  const { random, rows } = context;
  const enqueue = (attempt: number, at: Micros, scheduledAt: Micros | undefined): Enqueued => ({
    at,
    payload: payloadOf(random, job, attempt, at, scheduledAt),
  });
  let enqueued = enqueue(0, enqueuedAt, plan.scheduledAt);
  attempts.forEach((attempt, index) => {
    const previous = attempts[index - 1];
    if (previous?.finishedAt !== undefined)
      enqueued = enqueue(index, previous.finishedAt, attempt.scheduledAt);
    const isLast = index === attempts.length - 1;
    rows.executions.push(
      executionRow(context, job, enqueued.payload, attempt, isLast ? plan : null),
    );
  });
  return nextRetry
    ? enqueue(attempts.length, nextRetry.enqueuedAt, nextRetry.scheduledAt)
    : enqueued;
}

/** The payload after `attempt` attempts. */
function payloadOf(
  random: Random,
  job: JobIdentity,
  attempt: number,
  enqueuedAt: Micros,
  scheduledAt: Micros | undefined,
): Payload {
  return {
    job_class: job.jobClass.name,
    job_id: job.id,
    provider_job_id: attempt === 0 ? null : job.id,
    queue_name: job.queue,
    priority: job.priority,
    arguments: job.arguments,
    executions: attempt,
    exception_executions: attempt === 0 ? {} : { [retriedExceptions(job.jobClass)]: attempt },
    locale: 'ja',
    timezone: 'Asia/Tokyo',
    enqueued_at: payloadTime(enqueuedAt, random.int(0, 999)),
    scheduled_at: scheduledAt === undefined ? null : payloadTime(scheduledAt, random.int(0, 999)),
  };
}

const timeOrNull = (at: Micros | undefined): string | null =>
  at === undefined ? null : columnTime(at);

/** `plan` is set for the last attempt only: no earlier error is final. */
function executionRow(
  { random, processAt }: DemoContext,
  job: JobIdentity,
  payload: Payload,
  { scheduledAt, startedAt, finishedAt, error }: Attempt,
  plan: JobPlan | null,
): ExecutionRow {
  const isFinal = plan?.state === 'discarded' && plan.discardedByHandAt === undefined;
  return {
    id: random.uuid(),
    active_job_id: job.id,
    job_class: job.jobClass.name,
    queue_name: job.queue,
    serialized_params: payload,
    scheduled_at: columnTime(scheduledAt),
    created_at: columnTime(startedAt),
    updated_at: columnTime(finishedAt ?? startedAt),
    finished_at: timeOrNull(finishedAt),
    duration:
      finishedAt === undefined ? null : `${((finishedAt - startedAt) / SECOND).toFixed(6)} seconds`,
    error: error?.text ?? null,
    error_event: error ? errorEvent(error, isFinal) : null,
    error_backtrace: error?.backtrace ?? null,
    process_id: plan?.lockedBy ?? processAt(startedAt),
  };
}

function jobRow(
  plan: JobPlan,
  job: JobIdentity,
  { attempts, nextRetry }: Timeline,
  { at: enqueuedAt, payload }: Enqueued,
): JobRow {
  const { state } = plan;
  const last = attempts.at(-1);
  const hasStarted = state === 'running' || state === 'succeeded' || state === 'discarded';
  const hasFinished = state === 'succeeded' || state === 'discarded';
  const startedAt = hasStarted ? last?.startedAt : undefined;
  const finishedAt = plan.discardedByHandAt ?? (hasFinished ? last?.finishedAt : undefined);
  return {
    id: job.id,
    active_job_id: job.id,
    job_class: job.jobClass.name,
    queue_name: job.queue,
    priority: job.priority ?? 0,
    serialized_params: payload,
    created_at: columnTime(enqueuedAt),
    updated_at: columnTime(finishedAt ?? startedAt ?? enqueuedAt),
    scheduled_at: columnTime(
      nextRetry?.scheduledAt ?? last?.scheduledAt ?? plan.scheduledAt ?? enqueuedAt,
    ),
    performed_at: timeOrNull(startedAt),
    finished_at: timeOrNull(finishedAt),
    ...errorColumns(plan, attempts),
    executions_count: attempts.length || null,
    concurrency_key: job.jobClass.concurrencyKey?.(job.arguments) ?? job.jobClass.name,
    labels: job.labels.length > 0 ? job.labels : null,
    cron_key: plan.cron?.key ?? null,
    cron_at: timeOrNull(plan.cron?.at),
    batch_id: plan.batchId ?? null,
    batch_callback_id: plan.batchCallbackId ?? null,
    locked_by_id: plan.lockedBy ?? null,
    locked_at: plan.lockedBy ? timeOrNull(startedAt) : null,
    lock_type: plan.lockedBy ? 2 : null,
  };
}

function errorColumns(
  { state, discardedByHandAt }: JobPlan,
  attempts: Attempt[],
): Pick<JobRow, 'error' | 'error_event'> {
  if (discardedByHandAt !== undefined)
    return { error: DISCARD_ERRORS.discard, error_event: eventNumber('discarded') };
  const lastFinished = state === 'running' ? attempts.at(-2) : attempts.at(-1);
  const error = state === 'succeeded' ? undefined : lastFinished?.error;
  if (!error) return { error: null, error_event: null };
  return { error: error.text, error_event: errorEvent(error, state === 'discarded') };
}

const eventNumber = (name: ErrorEvent): number => ERROR_EVENTS.indexOf(name);

function errorEvent({ kind }: RaisedError, isFinal: boolean): number {
  if (!isFinal) return eventNumber('retried');
  if (kind.rule === 'retry') return eventNumber('retry_stopped');
  return eventNumber(kind.rule === 'discard' ? 'discarded' : 'unhandled');
}
