import { LosslessNumber } from 'lossless-json';
import {
  type Expectation,
  type Expected,
  type ExpectedRow,
  type ExpectedRows,
  NOW,
  type OutcomeName,
  PAYLOAD_NOW,
  isObject,
} from './expectation';
import { completionCheck } from './rules-completion';
import { changeSetting } from './rules-settings';
import { type JobAction, type Situation, isJobAction, isProcessAlive } from './situation';
import { type Rows, type Vector } from './vector';
import {
  type Deviation,
  dropUnknownKeys,
  isUnchanged,
  rewriteArguments,
  rewriteProperties,
} from './ways';

/*
 * A second implementation of GOODJOB.md, independent of lib/good-job: the expectation where the
 * console deliberately differs from GoodJob. rules.test.ts compares it with every recording without
 * a flag.
 */

/** The state that the rules change. */
export interface RuleState {
  rows: ExpectedRows;
  queues: Set<string>;
  vector: Vector;
  situation: Situation;
  /** Deviations of GoodJob to apply; empty for the plain rules. */
  deviations: ReadonlySet<Deviation>;
}

const DISCARD_ERRORS: Partial<Record<JobAction, string>> = {
  discard: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
  force_discard: 'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
};

/** The expectation by the rules of GOODJOB.md for an action on the rows `start`. */
export function applyRules(
  vector: Vector,
  situation: Situation,
  start: Rows = vector.before,
  deviations: ReadonlySet<Deviation> = new Set(),
): Expectation {
  const world: RuleState = {
    rows: copyRows(start),
    queues: new Set(),
    vector,
    situation,
    deviations,
  };
  const outcomes = Object.fromEntries(situation.ids.map((id) => [id, actOn(world, id)]));
  return { start, rows: world.rows, outcomes, queues: world.queues };
}

function copyRows(rows: Rows): ExpectedRows {
  return Object.fromEntries(
    Object.entries(rows).map(([table, tableRows]) => [table, tableRows.map((row) => ({ ...row }))]),
  ) as ExpectedRows;
}

function actOn(world: RuleState, id: string): OutcomeName {
  const { action, setting, unknownBulk } = world.situation;
  if (unknownBulk !== null) return 'refused';
  if (setting) return changeSetting(world, setting);
  if (!isJobAction(action)) throw new Error(`The vector has no call for ${action}.`);
  return action === 'batch_retry' ? retryBatch(world, id) : actOnJob(world, action, id);
}

function actOnJob(world: RuleState, action: JobAction, id: string): OutcomeName {
  const job = world.rows.good_jobs.find((row) => row.id === id);
  const outcome = job ? eligibility(world, action, job) : 'missing';
  if (outcome || !job) return outcome ?? 'missing';
  if (action === 'retry' && world.deviations.has('isHaltedByCallback')) return haltRetry(job);
  if (
    action === 'retry' &&
    world.deviations.has('isRefusedByClass') &&
    isUnchanged(world.vector, id)
  )
    return 'refused';
  switch (action) {
    case 'retry':
      retry(world, job);
      break;
    case 'reschedule':
      Object.assign(job, { scheduled_at: world.situation.scheduledAt ?? NOW, updated_at: NOW });
      break;
    case 'destroy':
      world.rows.good_jobs = world.rows.good_jobs.filter((row) => row !== job);
      world.rows.good_job_executions = world.rows.good_job_executions.filter(
        (row) => row.active_job_id !== id,
      );
      break;
    default:
      Object.assign(job, {
        finished_at: NOW,
        error: DISCARD_ERRORS[action] ?? null,
        error_event: new LosslessNumber('5'),
        updated_at: NOW,
      });
      if (world.deviations.has('skipsCompletionCheck')) break;
      if (typeof job.batch_id === 'string')
        completionCheck(world, job.batch_id, { hasDiscardedMember: true });
      if (typeof job.batch_callback_id === 'string')
        completionCheck(world, job.batch_callback_id, { hasDiscardedMember: false });
  }
  return 'done';
}

/** The outcome that prevents the action, by the checks in GOODJOB.md's order; else null. */
function eligibility(world: RuleState, action: JobAction, job: ExpectedRow): OutcomeName | null {
  if (action !== 'force_discard' && isHeld(world, job)) return 'locked';
  const isFinished = job.finished_at !== null && job.finished_at !== undefined;
  switch (action) {
    case 'retry':
    case 'batch_retry':
      if (!hasValidTypes(job.serialized_params)) return 'refused';
      return isFinished && typeof job.error === 'string' && /\S/.test(job.error)
        ? null
        : 'conflict';
    case 'destroy':
      return isFinished ? null : 'conflict';
    default:
      return isFinished ? 'conflict' : null;
  }
}

function isHeld({ vector, situation, deviations }: RuleState, job: ExpectedRow): boolean {
  if (deviations.has('ignoresLocks')) return false;
  if (situation.heldJobs.includes(String(job.id))) return true;
  return (
    String(job.lock_type) === '1' &&
    typeof job.locked_by_id === 'string' &&
    isProcessAlive(vector, situation, job.locked_by_id)
  );
}

function hasValidTypes(params: Expected | undefined): params is { [key: string]: Expected } {
  if (!isObject<Expected>(params)) return false;
  const isNullOr = (key: string, test: (value: Expected) => boolean) =>
    params[key] === undefined || params[key] === null || test(params[key]);
  const isInteger = (low: bigint, high: bigint) => (value: Expected) => {
    const [, whole] =
      (value instanceof LosslessNumber && /^(-?\d+)(\.0+)?$/.exec(value.value)) || [];
    return whole !== undefined && BigInt(whole) >= low && BigInt(whole) <= high;
  };
  const isText = (value: Expected) => typeof value === 'string';
  return (
    typeof params.job_class === 'string' &&
    /\S/.test(params.job_class) &&
    isNullOr('queue_name', isText) &&
    isNullOr('locale', isText) &&
    isNullOr('timezone', isText) &&
    isNullOr('priority', isInteger(-(2n ** 31n), 2n ** 31n - 1n)) &&
    isNullOr('executions', isInteger(-(2n ** 63n), 2n ** 63n - 2n)) &&
    isNullOr('arguments', Array.isArray) &&
    isNullOr('exception_executions', (value) => isObject<Expected>(value))
  );
}

function retry(world: RuleState, job: ExpectedRow): void {
  const params = job.serialized_params as { [key: string]: Expected };
  const queue =
    typeof params.queue_name === 'string' && /\S/.test(params.queue_name)
      ? params.queue_name
      : 'default';
  const executions =
    params.executions instanceof LosslessNumber
      ? BigInt(params.executions.value.replace(/\..*/, ''))
      : 0n;
  Object.assign(job, {
    finished_at: null,
    performed_at: null,
    scheduled_at: NOW,
    updated_at: NOW,
    error_event: new LosslessNumber('3'),
    job_class: params.job_class,
    queue_name: queue,
    priority: params.priority ?? new LosslessNumber('0'),
    serialized_params: {
      ...params,
      executions: new LosslessNumber(String(executions + 1n)),
      provider_job_id: job.id,
      enqueued_at: PAYLOAD_NOW,
      scheduled_at: PAYLOAD_NOW,
      locale: params.locale ?? world.situation.app.locale,
      timezone: params.timezone ?? world.situation.app.timeZone,
      arguments: params.arguments ?? [],
      exception_executions: params.exception_executions ?? null,
    },
  });
  if (world.situation.dequeueQuerySort === 'created_at') job.created_at = NOW;
  if (world.deviations.has('rewritesArguments'))
    job.serialized_params = rewriteArguments(world.vector, job);
  if (world.deviations.has('dropsKeys')) job.serialized_params = dropUnknownKeys(world.vector, job);
  world.queues.add(queue);
}

/** A retry that an enqueue callback of the app halts, which GoodJob reports as done. */
function haltRetry(job: ExpectedRow): OutcomeName {
  Object.assign(job, { error_event: new LosslessNumber('3'), updated_at: NOW });
  return 'done';
}

function retryBatch(world: RuleState, id: string): OutcomeName {
  const batch = world.rows.good_job_batches.find((row) => row.id === id);
  if (!batch) return 'missing';
  const discarded = world.rows.good_jobs.filter(
    (job) => job.batch_id === id && job.finished_at !== null && job.error !== null,
  );
  const stopsHalfWay = world.deviations.has('stopsHalfWay');
  const ready = discarded.filter(
    (job) =>
      eligibility(world, 'batch_retry', job) === null &&
      !(stopsHalfWay && isUnchanged(world.vector, String(job.id))),
  );
  if (stopsHalfWay && isUnchanged(world.vector, id)) return 'unchanged';
  if (discarded.length > 0 && ready.length === 0 && !stopsHalfWay) return 'unchanged';
  for (const job of ready) retry(world, job);
  const times = [
    'finished_at',
    'jobs_finished_at',
    ...(ready.length === discarded.length || stopsHalfWay ? ['discarded_at'] : []),
  ];
  if (times.some((column) => batch[column] !== null))
    Object.assign(batch, Object.fromEntries(times.map((column) => [column, null])), {
      updated_at: NOW,
    });
  if (world.deviations.has('rewritesProperties'))
    batch.serialized_properties = rewriteProperties(world.vector, batch);
  if (!stopsHalfWay) completionCheck(world, id, { hasDiscardedMember: false });
  return 'done';
}
