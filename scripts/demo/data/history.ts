import { DISCARD_ERRORS } from '../../../lib/good-job/actions';
import { ERROR_EVENTS, type ErrorEvent } from '../../../lib/good-job/raw-rows';
import type { JobState } from '../../../lib/good-job/states';
import type { Payload, Value } from './active-job';
import { type RaisedError, raise } from './errors';
import { type JobClass, retriedExceptions, retryWaitMs } from './job-classes';
import type { Random } from './random';
import type { ExecutionRow, JobRow, Rows } from './rows';
import { type Micros, SECOND, columnTime, payloadTime } from './time';

/*
 * The life of one job as GoodJob writes it down: what its row and its executions look like after some attempts.
 */

export interface World {
  random: Random;
  now: Micros;
  rows: Rows;
  /** Which worker process ran a job that started then. */
  processAt: (at: Micros) => string;
}

export interface Life {
  jobClass: JobClass;
  /** When it was enqueued; moved where the state asks for it (retried: its next attempt is to come; finished: it is over by now). */
  at: Micros;
  state: JobState;
  /** scheduled: when it will run. */
  scheduledAt?: Micros;
  /** Failed attempts before the last; default: now and then one. */
  failures?: number;
  /** How long it waited in its queue, µs. */
  wait?: Micros;
  /** discarded: by the dashboard, at that time, not by its own error. */
  discardedByHandAt?: Micros;
  arguments?: Value[];
  labels?: string[];
  queue?: string;
  priority?: number;
  batchId?: string;
  batchCallbackId?: string;
  cron?: { key: string; at: Micros };
  /** running: the process that holds it. */
  lockedBy?: string;
}

interface Attempt {
  scheduledAt: Micros;
  startedAt: Micros;
  /** Absent for the one that runs now. */
  finishedAt?: Micros;
  error?: RaisedError;
}

const EVENT = Object.fromEntries(ERROR_EVENTS.map((name, number) => [name, number])) as Record<
  ErrorEvent,
  number
>;

/** Adds the job and its executions to the world; returns its row. */
export function live(world: World, life: Life): JobRow {
  const { random, now } = world;
  const { jobClass } = life;
  const attempts = attemptsOf(world, life);
  const last = attempts.at(-1);
  const lastFailure = life.state === 'retried' || life.state === 'queued' ? last : undefined;
  const retryAt =
    lastFailure?.finishedAt === undefined
      ? undefined
      : lastFailure.finishedAt + retryWaitMs(random, jobClass, attempts.length) * 1000;

  // The attempts were laid out from life.at on; now they are put where the state needs them.
  let shift = 0;
  if (life.state === 'retried' && retryAt !== undefined && lastFailure?.finishedAt !== undefined)
    shift =
      now + Math.floor((retryAt - lastFailure.finishedAt) * random.between(0.05, 0.95)) - retryAt;
  else if (last?.finishedAt !== undefined && last.finishedAt > now - SECOND)
    shift = now - Math.floor(random.between(1, 600) * SECOND) - last.finishedAt;
  const move = (at: Micros) => at + shift;

  const id = random.uuid();
  const args = life.arguments ?? jobClass.arguments(random, move(life.at));
  const labels = life.labels ?? jobClass.labels?.(random) ?? [];
  const queue = life.queue ?? jobClass.queue;
  const priority = life.priority ?? jobClass.priority;
  const payloadOf = (
    attempt: number,
    enqueuedAt: Micros,
    scheduledAt: Micros | undefined,
  ): Payload => ({
    job_class: jobClass.name,
    job_id: id,
    provider_job_id: attempt === 0 ? null : id,
    queue_name: queue,
    priority,
    arguments: args,
    executions: attempt,
    exception_executions: attempt === 0 ? {} : { [retriedExceptions(jobClass)]: attempt },
    locale: 'ja',
    timezone: 'Asia/Tokyo',
    enqueued_at: payloadTime(enqueuedAt, random.int(0, 999)),
    scheduled_at: scheduledAt === undefined ? null : payloadTime(scheduledAt, random.int(0, 999)),
  });

  let enqueuedAt = move(life.at);
  let payload = payloadOf(0, enqueuedAt, life.scheduledAt);
  attempts.forEach((attempt, index) => {
    const previous = attempts[index - 1];
    if (previous?.finishedAt !== undefined) {
      enqueuedAt = move(previous.finishedAt);
      payload = payloadOf(index, enqueuedAt, move(attempt.scheduledAt));
    }
    world.rows.executions.push(
      executionOf(world, attempt, index === attempts.length - 1 ? life : null, {
        id,
        queue,
        payload,
        move,
        jobClass,
      }),
    );
  });
  if (lastFailure?.finishedAt !== undefined && retryAt !== undefined) {
    enqueuedAt = move(lastFailure.finishedAt);
    payload = payloadOf(attempts.length, enqueuedAt, move(retryAt));
  }

  const discardedByHand = life.discardedByHandAt !== undefined;
  const started =
    life.state !== 'retried' && life.state !== 'queued' && life.state !== 'scheduled' && last
      ? move(last.startedAt)
      : undefined;
  const finished =
    life.discardedByHandAt ??
    (life.state === 'succeeded' || life.state === 'discarded'
      ? last?.finishedAt && move(last.finishedAt)
      : undefined);
  const failedBefore = life.state === 'running' ? attempts.at(-2) : last;
  const error = discardedByHand
    ? DISCARD_ERRORS.discard
    : life.state === 'succeeded'
      ? null
      : (failedBefore?.error?.text ?? null);
  const row: JobRow = {
    id,
    active_job_id: id,
    job_class: jobClass.name,
    queue_name: queue,
    priority: priority ?? 0,
    serialized_params: payload,
    created_at: columnTime(enqueuedAt),
    updated_at: columnTime(finished ?? started ?? enqueuedAt),
    scheduled_at: columnTime(
      retryAt !== undefined
        ? move(retryAt)
        : last
          ? move(last.scheduledAt)
          : (life.scheduledAt ?? enqueuedAt),
    ),
    performed_at: started === undefined ? null : columnTime(started),
    finished_at: finished === undefined ? null : columnTime(finished),
    error,
    error_event:
      error === null
        ? null
        : discardedByHand
          ? EVENT.discarded
          : eventOf(failedBefore, life.state === 'discarded'),
    executions_count: attempts.length || null,
    concurrency_key: jobClass.concurrencyKey?.(args) ?? jobClass.name,
    labels: labels.length > 0 ? labels : null,
    cron_key: life.cron?.key ?? null,
    cron_at: life.cron ? columnTime(life.cron.at) : null,
    batch_id: life.batchId ?? null,
    batch_callback_id: life.batchCallbackId ?? null,
    locked_by_id: life.lockedBy ?? null,
    locked_at: life.lockedBy && started !== undefined ? columnTime(started) : null,
    lock_type: life.lockedBy ? 2 : null,
  };
  world.rows.jobs.push(row);
  return row;
}

/** How often it ran and when, laid out from `life.at` on. */
function attemptsOf({ random }: World, life: Life): Attempt[] {
  const { jobClass, state } = life;
  if (state === 'scheduled' || (life.discardedByHandAt !== undefined && !life.failures)) return [];
  const retriable = jobClass.errors.filter((error) => error.rule === 'retry');
  const final =
    state === 'discarded' && life.discardedByHandAt === undefined
      ? raise(random, jobClass.name, jobClass.errors)
      : undefined;
  const failures =
    life.failures ??
    (final?.kind.rule === 'retry' ? jobClass.attempts - 1 : defaultFailures(random, life));
  const runs = failures + (state === 'succeeded' || state === 'running' || final ? 1 : 0);

  const attempts: Attempt[] = [];
  let scheduledAt = life.scheduledAt ?? life.at;
  for (let run = 0; run < runs; run += 1) {
    const wait =
      run === 0 && life.wait !== undefined ? life.wait : Math.floor(random.skewed(0.35) * SECOND);
    const startedAt = scheduledAt + wait;
    const finishedAt = startedAt + Math.floor(random.skewed(jobClass.seconds) * SECOND);
    if (run < failures) {
      attempts.push({
        scheduledAt,
        startedAt,
        finishedAt,
        error: raise(random, jobClass.name, retriable),
      });
      scheduledAt = finishedAt + retryWaitMs(random, jobClass, run + 1) * 1000;
    } else if (state === 'running') attempts.push({ scheduledAt, startedAt });
    else attempts.push({ scheduledAt, startedAt, finishedAt, ...(final && { error: final }) });
  }
  return attempts;
}

function defaultFailures(random: Random, { jobClass, state }: Life): number {
  if (state === 'retried') return random.int(1, Math.max(1, jobClass.attempts - 1));
  if (state === 'queued' || state === 'running') return 0;
  let failures = 0;
  while (failures < jobClass.attempts - 1 && random.chance(jobClass.failure)) failures += 1;
  return failures;
}

function eventOf(attempt: Attempt | undefined, final: boolean): number {
  if (!final) return EVENT.retried;
  const rule = attempt?.error?.kind.rule;
  return rule === 'retry'
    ? EVENT.retry_stopped
    : rule === 'discard'
      ? EVENT.discarded
      : EVENT.unhandled;
}

interface Ran {
  id: string;
  queue: string;
  payload: Payload;
  jobClass: JobClass;
  move: (at: Micros) => Micros;
}

/** `life` is given for the last attempt: only there can an error be final. */
function executionOf(
  { random, processAt }: World,
  attempt: Attempt,
  life: Life | null,
  { id, queue, payload, jobClass, move }: Ran,
): ExecutionRow {
  const startedAt = move(attempt.startedAt);
  const finishedAt = attempt.finishedAt === undefined ? undefined : move(attempt.finishedAt);
  return {
    id: random.uuid(),
    active_job_id: id,
    job_class: jobClass.name,
    queue_name: queue,
    serialized_params: payload,
    scheduled_at: columnTime(move(attempt.scheduledAt)),
    created_at: columnTime(startedAt),
    updated_at: columnTime(finishedAt ?? startedAt),
    finished_at: finishedAt === undefined ? null : columnTime(finishedAt),
    duration:
      finishedAt === undefined ? null : `${((finishedAt - startedAt) / SECOND).toFixed(6)} seconds`,
    error: attempt.error?.text ?? null,
    error_event: attempt.error
      ? eventOf(attempt, life?.state === 'discarded' && life.discardedByHandAt === undefined)
      : null,
    error_backtrace: attempt.error?.backtrace ?? null,
    process_id: life?.lockedBy ?? processAt(startedAt),
  };
}
