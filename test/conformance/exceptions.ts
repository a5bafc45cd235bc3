import { stringify } from 'lossless-json';
import { type Expectation, type ExpectedRows, isObject, recordedExpectation } from './expectation';
import { applyRules } from './rules';
import type { Situation } from './situation';
import {
  type Flag,
  type Json,
  type Row,
  type Rows,
  type Vector,
  flagsOf,
  microseconds,
  targetRow,
} from './vector';

/**
 * A kind of situation in which the console differs from GoodJob. The expected rows are computed by
 * the rules of GOODJOB.md, so it also applies to new vectors.
 */
interface Exception {
  /** At least one of these flags is set. */
  flags: Flag[];
  when(vector: Vector, situation: Situation): boolean;
  reason: string;
  /** Returns the rows before the action; default: `before` of the vector. */
  start?(vector: Vector): Rows;
  /** The property that justifies the exception; the result of the rules must have it. */
  claim?(expected: Expectation, vector: Vector, situation: Situation): boolean;
}

const isBatch = (_: Vector, { action }: Situation) => action === 'batch_retry';
const isBulk = (vector: Vector) => vector.action === 'http_mass_update';
const hasFailed = ({ result }: Vector) => result !== 'ok';

const allOutcomes = (expected: Expectation, outcome: string) =>
  Object.values(expected.outcomes).every((actual) => actual === outcome);
const isUnchanged = ({ start, rows, queues }: Expectation) =>
  queues.size === 0 && JSON.stringify(start) === JSON.stringify(rows);
const batchIn = <R extends Rows | ExpectedRows>(rows: R, { target }: Vector) =>
  (rows.good_job_batches as R['good_job_batches'][number][]).find((row) => row.id === target);
const areLockedJobsUnchanged = ({ start, rows }: Expectation, _: Vector, { heldJobs }: Situation) =>
  heldJobs.every(
    (id) =>
      JSON.stringify(start.good_jobs.find((row) => row.id === id)) ===
      JSON.stringify(rows.good_jobs.find((row) => row.id === id)),
  );

const EXCEPTIONS: Exception[] = [
  {
    flags: ['needs_app'],
    when: (_, { action }) => action === 'enqueue',
    reason:
      "the entry's class sets its concurrency key in Ruby, and a caller may omit cron_at: " +
      'the job follows the configuration, with cron_at now',
    claim: (expected, vector) => isRecordedCronJob(expected, vector),
  },
  {
    flags: ['stricter'],
    when: (vector, situation) => !isBulk(vector) && !isBatch(vector, situation),
    reason:
      'a live worker holds the job, which GoodJob ignores under skiplocked: locked, nothing changed',
    claim: (expected) => allOutcomes(expected, 'locked') && isUnchanged(expected),
  },
  {
    flags: ['stricter'],
    when: () => true,
    reason:
      'live workers hold some of the jobs, which GoodJob ignores under skiplocked: ' +
      'those stay unchanged, the others are done',
    claim: areLockedJobsUnchanged,
  },
  {
    flags: ['meanwhile', 'defect'],
    when: (vector, { action }) => action === 'destroy' && changedMeanwhile(vector),
    reason:
      'another session finished the job before it was destroyed: the row under the lock decides',
    start: finishedByAnother,
    claim: (expected, vector) =>
      allOutcomes(expected, 'done') &&
      !expected.rows.good_jobs.some((row) => row.id === vector.target),
  },
  {
    flags: ['meanwhile', 'defect'],
    when: (vector, { action }) =>
      changedMeanwhile(vector) && (action !== 'reschedule' || hasFailed(vector)),
    reason:
      'another session changed the job first, and GoodJob does not always read it again under its ' +
      'lock: conflict, nothing changed',
    start: withoutTheDiscard,
    claim: (expected) => allOutcomes(expected, 'conflict') && isUnchanged(expected),
  },
  {
    flags: ['defect'],
    when: (_, { action }) => action === 'discard' || action === 'force_discard',
    reason:
      'GoodJob skips the completion check after a discard in the dashboard, so the batch hangs: ' +
      'the completion check runs',
    claim: (expected, vector) =>
      !allOutcomes(expected, 'done') || hasBatchProgressed(expected, vector),
  },
  {
    flags: ['needs_app', 'defect'],
    when: (vector, situation) => isBatch(vector, situation) && hasFailed(vector),
    reason:
      'GoodJob stops at a member that is locked or blank or has a missing class: the others are ' +
      'retried as stored, and discarded_at stays if one could not be',
    claim: areLockedJobsUnchanged,
  },
  {
    flags: ['needs_app', 'defect'],
    when: (vector, situation) => isBatch(vector, situation) && addsCallbacks(vector),
    reason:
      "GoodJob sets finished_at before the callbacks have run and may give them the operator's locale: " +
      'it stays null until then, and they have the locale of the stored callbacks',
    claim: (expected, vector) => batchIn(expected.rows, vector)?.finished_at === null,
  },
  {
    flags: ['defect'],
    when: (vector, situation) =>
      isBatch(vector, situation) &&
      stringify(batchIn(vector.before, vector)?.serialized_properties) !==
        stringify(batchIn(vector.after, vector)?.serialized_properties),
    reason: 'GoodJob rewrites serialized_properties in another order: they stay unchanged',
    claim: (expected, vector) =>
      batchIn(expected.rows, vector)?.serialized_properties ===
      batchIn(vector.before, vector)?.serialized_properties,
  },
  {
    flags: ['needs_app'],
    when: (vector, { action }) => action === 'retry' && !isBulk(vector),
    reason:
      "the app's class decides in Ruby (missing, other adapter, halted, rewritten keys or arguments): " +
      'enqueued again as stored',
    claim: (expected, vector) =>
      !allOutcomes(expected, 'done') || isStillAsStored(expected, vector),
  },
  {
    flags: ['needs_app'],
    when: isBulk,
    reason: 'GoodJob skips a job whose class is missing: enqueued again as stored',
    claim: (expected, vector) =>
      Object.values(expected.outcomes).filter((outcome) => outcome === 'done').length >=
      Number(recordedExpectation(vector).outcomes.doneCount ?? 0),
  },
  {
    flags: ['meanwhile'],
    when: () => true,
    reason:
      "another session's change came first: the rules of GOODJOB.md apply to the changed rows",
    start: withoutTheDiscard,
  },
  {
    flags: ['needs_app', 'defect', 'stricter'],
    when: () => true,
    reason: 'none of the kinds above: only the rules of GOODJOB.md',
  },
];

interface ExceptedExpectation {
  expectation: Expectation;
  reason: string;
  /** The result of the rules contradicts the claim of the exception. */
  isBroken: boolean;
}

/** The expectation for a flagged vector; null for a vector without flags. */
export function exceptionFor(vector: Vector, situation: Situation): ExceptedExpectation | null {
  const flags = flagsOf(vector);
  const exception = EXCEPTIONS.find(
    (candidate) =>
      candidate.flags.some((flag) => flags.includes(flag)) && candidate.when(vector, situation),
  );
  if (flags.length === 0 || !exception) return null;
  const expectation = applyRules(vector, situation, exception.start?.(vector));
  return {
    expectation,
    reason: exception.reason,
    isBroken: exception.claim?.(expectation, vector, situation) === false,
  };
}

/** Whether another session changed the job during the action; actions never set performed_at. */
function changedMeanwhile(vector: Vector): boolean {
  const performedAt = targetRow(vector, vector.after)?.performed_at;
  return (
    vector.meanwhile === true ||
    (typeof performedAt === 'string' &&
      microseconds(performedAt) >= microseconds(vector.now_before))
  );
}

/** The rows after the other session's change, without GoodJob's discard. */
function withoutTheDiscard(vector: Vector): Rows {
  const withoutDiscard = (row: Row) =>
    row.id === vector.target && String(row.error).startsWith('GoodJob::Job::DiscardJobError')
      ? { ...row, error: null, error_event: null }
      : row;
  return { ...vector.after, good_jobs: vector.after.good_jobs.map(withoutDiscard) };
}

/** The rows after another session finished the job, before it was destroyed. */
function finishedByAnother(vector: Vector): Rows {
  if (targetRow(vector, vector.after)) return vector.after;
  const finished = (row: Row) =>
    row.id === vector.target
      ? { ...row, performed_at: vector.now_before, finished_at: vector.now_before }
      : row;
  return { ...vector.before, good_jobs: vector.before.good_jobs.map(finished) };
}

/** Whether the discarded job's batch has discarded_at set and is finished if no member is open. */
function hasBatchProgressed({ rows }: Expectation, vector: Vector): boolean {
  const batchId = targetRow(vector, vector.before)?.batch_id;
  const batch = rows.good_job_batches.find((row) => row.id === batchId);
  const hasOpenMember = rows.good_jobs.some(
    (job) => job.batch_id === batchId && job.finished_at === null,
  );
  return (
    !batch ||
    (batch.discarded_at !== null &&
      (hasOpenMember || batch.enqueued_at === null || batch.jobs_finished_at !== null))
  );
}

function addsCallbacks({ before, after, target }: Vector): boolean {
  const oldIds = new Set(before.good_jobs.map((row) => row.id));
  return after.good_jobs.some((row) => row.batch_callback_id === target && !oldIds.has(row.id));
}

/**
 * Whether the new job has a `cron_at` and equals the recorded one, except for what the class
 * decides.
 */
function isRecordedCronJob({ rows }: Expectation, vector: Vector): boolean {
  const [job] = rows.good_jobs.filter(({ id }) => typeof id === 'symbol');
  const [recordedJob] = recordedExpectation(vector).rows.good_jobs.filter(
    ({ id }) => typeof id === 'symbol',
  );
  if (!job || !recordedJob) return !job && !recordedJob;
  const columns = [
    'queue_name',
    'priority',
    'job_class',
    'cron_key',
    'scheduled_at',
    'created_at',
    'labels',
  ];
  return (
    job.cron_at !== null &&
    columns.every(
      (column) =>
        job[column] === recordedJob[column] || print(job[column]) === print(recordedJob[column]),
    )
  );
}

const print = (value: unknown) => stringify(value ?? null);

/** Whether a retry changed only the keys that every retry writes. */
function isStillAsStored({ rows }: Expectation, vector: Vector): boolean {
  const before = targetRow(vector, vector.before)?.serialized_params;
  const after = rows.good_jobs.find((row) => row.id === vector.target)?.serialized_params;
  if (!isObject<Json>(before) || !isObject(after)) return false;
  const retryKeys = ['executions', 'provider_job_id', 'enqueued_at', 'scheduled_at'];
  return Object.keys(before).every(
    (key) => retryKeys.includes(key) || before[key] === null || before[key] === after[key],
  );
}
