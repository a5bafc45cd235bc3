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
import { type Way, dropsKeys, isUntouched, rewrittenArguments, rewrittenProperties } from './ways';

/*
 * GOODJOB.md written down a second time, as plain functions of a vector's rows: what must come out where the
 * console deliberately differs from the recording. It knows nothing of lib/good-job, and rules.test.ts holds it
 * against every recording that has no flag.
 */

export interface World {
  rows: ExpectedRows;
  queues: Set<string>;
  vector: Vector;
  situation: Situation;
  /** What GoodJob does otherwise; none: the rules as they are. */
  ways: ReadonlySet<Way>;
}

const DISCARD_ERRORS: Partial<Record<JobAction, string>> = {
  discard: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
  force_discard: 'GoodJob::Job::DiscardJobError: Force discarded through dashboard',
};

/** What GOODJOB.md says must come out, beginning with these rows. */
export function ruled(
  vector: Vector,
  situation: Situation,
  start: Rows = vector.before,
  ways: ReadonlySet<Way> = new Set(),
): Expectation {
  const world: World = { rows: structuredCopy(start), queues: new Set(), vector, situation, ways };
  const outcomes = Object.fromEntries(situation.ids.map((id) => [id, actOn(world, id)]));
  return { start, rows: world.rows, outcomes, queues: world.queues };
}

function structuredCopy(rows: Rows): ExpectedRows {
  return Object.fromEntries(
    Object.entries(rows).map(([table, list]) => [table, list.map((row) => ({ ...row }))]),
  ) as ExpectedRows;
}

function actOn(world: World, id: string): OutcomeName {
  const { action, setting, unknownBulk } = world.situation;
  if (unknownBulk !== null) return 'refused';
  if (setting) return changeSetting(world, setting);
  if (!isJobAction(action)) throw new Error(`${action} without what it is asked to do.`);
  return action === 'batch_retry' ? retryBatch(world, id) : act(world, action, id);
}

function act(world: World, action: JobAction, id: string): OutcomeName {
  const job = world.rows.good_jobs.find((row) => row.id === id);
  const obstacle = job ? judge(world, action, job) : 'missing';
  if (obstacle || !job) return obstacle ?? 'missing';
  if (action === 'retry' && world.ways.has('halts')) return halt(job);
  if (action === 'retry' && world.ways.has('refusesByRuby') && isUntouched(world.vector, id))
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
      if (world.ways.has('forgetsBatch')) break;
      if (typeof job.batch_id === 'string')
        completionCheck(world, job.batch_id, { memberDiscarded: true });
      if (typeof job.batch_callback_id === 'string')
        completionCheck(world, job.batch_callback_id, { memberDiscarded: false });
  }
  return 'done';
}

/** The checks in GOODJOB.md's order; null: go ahead. */
function judge(world: World, action: JobAction, job: ExpectedRow): OutcomeName | null {
  if (action !== 'force_discard' && isHeld(world, job)) return 'locked';
  const finished = job.finished_at !== null && job.finished_at !== undefined;
  switch (action) {
    case 'retry':
    case 'batch_retry':
      if (!isSane(job.serialized_params)) return 'refused';
      return finished && typeof job.error === 'string' && /\S/.test(job.error) ? null : 'conflict';
    case 'destroy':
      return finished ? null : 'conflict';
    default:
      return finished ? 'conflict' : null;
  }
}

function isHeld({ vector, situation, ways }: World, job: ExpectedRow): boolean {
  if (ways.has('seesNoLock')) return false;
  if (situation.heldJobs.includes(String(job.id))) return true;
  return (
    String(job.lock_type) === '1' &&
    typeof job.locked_by_id === 'string' &&
    isProcessAlive(vector, situation, job.locked_by_id)
  );
}

function isSane(params: Expected | undefined): params is { [key: string]: Expected } {
  if (!isObject<Expected>(params)) return false;
  const is = (key: string, test: (value: Expected) => boolean) =>
    params[key] === undefined || params[key] === null || test(params[key]);
  const integer = (low: bigint, high: bigint) => (value: Expected) => {
    const [, whole] =
      (value instanceof LosslessNumber && /^(-?\d+)(\.0+)?$/.exec(value.value)) || [];
    return whole !== undefined && BigInt(whole) >= low && BigInt(whole) <= high;
  };
  const text = (value: Expected) => typeof value === 'string';
  return (
    typeof params.job_class === 'string' &&
    /\S/.test(params.job_class) &&
    is('queue_name', text) &&
    is('locale', text) &&
    is('timezone', text) &&
    is('priority', integer(-(2n ** 31n), 2n ** 31n - 1n)) &&
    is('executions', integer(-(2n ** 63n), 2n ** 63n - 2n)) &&
    is('arguments', Array.isArray) &&
    is('exception_executions', (value) => isObject<Expected>(value))
  );
}

function retry(world: World, job: ExpectedRow): void {
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
  if (world.ways.has('rewritesArguments'))
    job.serialized_params = rewrittenArguments(world.vector, job);
  if (world.ways.has('dropsKeys')) job.serialized_params = dropsKeys(world.vector, job);
  world.queues.add(queue);
}

/** What a callback of the app's leaves of a retry that it halts, which GoodJob takes for done. */
function halt(job: ExpectedRow): OutcomeName {
  Object.assign(job, { error_event: new LosslessNumber('3'), updated_at: NOW });
  return 'done';
}

function retryBatch(world: World, id: string): OutcomeName {
  const batch = world.rows.good_job_batches.find((row) => row.id === id);
  if (!batch) return 'missing';
  const discarded = world.rows.good_jobs.filter(
    (job) => job.batch_id === id && job.finished_at !== null && job.error !== null,
  );
  const half = world.ways.has('stopsHalfWay');
  const ready = discarded.filter(
    (job) =>
      judge(world, 'batch_retry', job) === null &&
      !(half && isUntouched(world.vector, String(job.id))),
  );
  if (half && isUntouched(world.vector, id)) return 'unchanged';
  if (discarded.length > 0 && ready.length === 0 && !half) return 'unchanged';
  for (const job of ready) retry(world, job);
  const times = [
    'finished_at',
    'jobs_finished_at',
    ...(ready.length === discarded.length || half ? ['discarded_at'] : []),
  ];
  if (times.some((column) => batch[column] !== null))
    Object.assign(batch, Object.fromEntries(times.map((column) => [column, null])), {
      updated_at: NOW,
    });
  if (world.ways.has('rewritesProperties'))
    batch.serialized_properties = rewrittenProperties(world.vector, batch);
  if (!half) completionCheck(world, id, { memberDiscarded: false });
  return 'done';
}
