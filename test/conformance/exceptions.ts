import { stringify } from 'lossless-json';
import { type Expectation, type ExpectedRows, isObject, recorded } from './expectation';
import { ruled } from './rules';
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
 * One kind of situation in which the console does not repeat what GoodJob did, and why. The expected rows are
 * computed from the vector by GOODJOB.md's rules, so the table holds for vectors that nobody has seen yet.
 */
interface Exception {
  /** Any of these. */
  flags: Flag[];
  when(vector: Vector, situation: Situation): boolean;
  reason: string;
  /** What to begin with, where it is not `before`. */
  start?(vector: Vector): Rows;
  /** What makes the console's outcome the right one; the rules' own result is held to it. */
  claim?(expected: Expectation, vector: Vector, situation: Situation): boolean;
}

const isBatch = (_: Vector, { action }: Situation) => action === 'batch_retry';
const isBulk = (vector: Vector) => vector.action === 'http_mass_update';
const failed = ({ result }: Vector) => result !== 'ok';

const allOutcomes = (expected: Expectation, outcome: string) =>
  Object.values(expected.outcomes).every((one) => one === outcome);
const nothingChanged = ({ start, rows, queues }: Expectation) =>
  queues.size === 0 && JSON.stringify(start) === JSON.stringify(rows);
const batchIn = <R extends Rows | ExpectedRows>(rows: R, { target }: Vector) =>
  (rows.good_job_batches as R['good_job_batches'][number][]).find((row) => row.id === target);
const heldRowsStay = ({ start, rows }: Expectation, _: Vector, { heldJobs }: Situation) =>
  heldJobs.every(
    (id) =>
      JSON.stringify(start.good_jobs.find((row) => row.id === id)) ===
      JSON.stringify(rows.good_jobs.find((row) => row.id === id)),
  );

export const EXCEPTIONS: Exception[] = [
  {
    flags: ['needs_app'],
    when: (_, { action }) => action === 'enqueue',
    reason:
      "the entry's class decides its concurrency key in Ruby, and a caller may give no cron_at: the job as the configuration has it, cron_at now",
    claim: (expected, vector) => enqueuedAlike(expected, vector),
  },
  {
    flags: ['stricter'],
    when: (vector, situation) => !isBulk(vector) && !isBatch(vector, situation),
    reason:
      'somebody live holds the job, which GoodJob does not see under skiplocked: locked, nothing changed',
    claim: (expected) => allOutcomes(expected, 'locked') && nothingChanged(expected),
  },
  {
    flags: ['stricter'],
    when: () => true,
    reason:
      'some of the jobs are held, which GoodJob does not see under skiplocked: those are left alone, the rest is done',
    claim: heldRowsStay,
  },
  {
    flags: ['meanwhile', 'defect'],
    when: (vector, { action }) => action === 'destroy' && changedMeanwhile(vector),
    reason:
      'another session finished the job first, then it was destroyed: the row as it is under the lock counts',
    start: finishedByAnother,
    claim: (expected, vector) =>
      allOutcomes(expected, 'done') &&
      !expected.rows.good_jobs.some((row) => row.id === vector.target),
  },
  {
    flags: ['meanwhile', 'defect'],
    when: (vector, { action }) =>
      changedMeanwhile(vector) && (action !== 'reschedule' || failed(vector)),
    reason:
      'another session changed the job first, and GoodJob may not have looked again under its lock: conflict, nothing changed',
    start: withoutTheDiscard,
    claim: (expected) => allOutcomes(expected, 'conflict') && nothingChanged(expected),
  },
  {
    flags: ['defect'],
    when: (_, { action }) => action === 'discard' || action === 'force_discard',
    reason:
      'GoodJob forgets the batch of a job that is discarded by hand, which then hangs for ever: the completion check runs',
    claim: (expected, vector) => !allOutcomes(expected, 'done') || batchGoesOn(expected, vector),
  },
  {
    flags: ['needs_app', 'defect'],
    when: (vector, situation) => isBatch(vector, situation) && failed(vector),
    reason:
      'GoodJob stops half-way at a member that is locked or blank, and at a class that is missing: the others are retried as stored, and discarded_at stays for those that could not be',
    claim: heldRowsStay,
  },
  {
    flags: ['needs_app', 'defect'],
    when: (vector, situation) => isBatch(vector, situation) && addsCallbacks(vector),
    reason:
      "GoodJob sets finished_at before the callbacks have run, and may give them the operator's locale: null until they have, with the locale of the stored callbacks",
    claim: (expected, vector) => batchIn(expected.rows, vector)?.finished_at === null,
  },
  {
    flags: ['defect'],
    when: (vector, situation) =>
      isBatch(vector, situation) &&
      stringify(batchIn(vector.before, vector)?.serialized_properties) !==
        stringify(batchIn(vector.after, vector)?.serialized_properties),
    reason:
      'GoodJob writes serialized_properties anew, in another order: they are left as they are',
    claim: (expected, vector) =>
      batchIn(expected.rows, vector)?.serialized_properties ===
      batchIn(vector.before, vector)?.serialized_properties,
  },
  {
    flags: ['needs_app'],
    when: (vector, { action }) => action === 'retry' && !isBulk(vector),
    reason:
      "the app's own class decides in Ruby (missing, other adapter, halted, keys and arguments written anew): re-queued as stored",
    claim: (expected, vector) =>
      !allOutcomes(expected, 'done') || isStillAsStored(expected, vector),
  },
  {
    flags: ['needs_app'],
    when: isBulk,
    reason: 'GoodJob skips a job whose class is missing: re-queued as stored',
    claim: (expected, vector) =>
      Object.values(expected.outcomes).filter((one) => one === 'done').length >=
      Number(recorded(vector).outcomes.doneCount ?? 0),
  },
  {
    flags: ['meanwhile'],
    when: () => true,
    reason: "another session's change came first: GOODJOB.md's rules from there on",
    start: withoutTheDiscard,
  },
  {
    flags: ['needs_app', 'defect', 'stricter'],
    when: () => true,
    reason: "none of the kinds above: GOODJOB.md's rules alone",
  },
];

export interface ExceptedExpectation {
  expectation: Expectation;
  reason: string;
  /** The rules and this table contradict each other. */
  broken: boolean;
}

/** What the console must do with a flagged vector; null for a vector without flags. */
export function excepted(vector: Vector, situation: Situation): ExceptedExpectation | null {
  const flags = flagsOf(vector);
  const exception = EXCEPTIONS.find(
    (one) => one.flags.some((flag) => flags.includes(flag)) && one.when(vector, situation),
  );
  if (flags.length === 0 || !exception) return null;
  const expectation = ruled(vector, situation, exception.start?.(vector));
  return {
    expectation,
    reason: exception.reason,
    broken: exception.claim?.(expectation, vector, situation) === false,
  };
}

/** A change inside the action that the action itself does not make: it runs nothing. */
function changedMeanwhile(vector: Vector): boolean {
  const performedAt = targetRow(vector, vector.after)?.performed_at;
  return (
    vector.meanwhile === true ||
    (typeof performedAt === 'string' &&
      microseconds(performedAt) >= microseconds(vector.now_before))
  );
}

/** The rows as the other session left them, before GoodJob wrote its discard over them. */
function withoutTheDiscard(vector: Vector): Rows {
  const undone = (row: Row) =>
    row.id === vector.target && String(row.error).startsWith('GoodJob::Job::DiscardJobError')
      ? { ...row, error: null, error_event: null }
      : row;
  return { ...vector.after, good_jobs: vector.after.good_jobs.map(undone) };
}

/** The rows before the destruction: those after, when GoodJob refused it. */
function finishedByAnother(vector: Vector): Rows {
  if (targetRow(vector, vector.after)) return vector.after;
  const finished = (row: Row) =>
    row.id === vector.target
      ? { ...row, performed_at: vector.now_before, finished_at: vector.now_before }
      : row;
  return { ...vector.before, good_jobs: vector.before.good_jobs.map(finished) };
}

/** The batch of the job that was discarded knows of it, and has ended if no member is open. */
function batchGoesOn({ rows }: Expectation, vector: Vector): boolean {
  const batchId = targetRow(vector, vector.before)?.batch_id;
  const batch = rows.good_job_batches.find((row) => row.id === batchId);
  const open = rows.good_jobs.some((job) => job.batch_id === batchId && job.finished_at === null);
  return (
    !batch ||
    (batch.discarded_at !== null &&
      (open || batch.enqueued_at === null || batch.jobs_finished_at !== null))
  );
}

function addsCallbacks({ before, after, target }: Vector): boolean {
  const known = new Set(before.good_jobs.map((row) => row.id));
  return after.good_jobs.some((row) => row.batch_callback_id === target && !known.has(row.id));
}

/** The new job is the recorded one but for what the app's own class decided, and its `cron_at` is there. */
function enqueuedAlike({ rows }: Expectation, vector: Vector): boolean {
  const [job] = rows.good_jobs.filter(({ id }) => typeof id === 'symbol');
  const [recordedJob] = recorded(vector).rows.good_jobs.filter(({ id }) => typeof id === 'symbol');
  if (!job || !recordedJob) return !job && !recordedJob;
  const same = [
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
    same.every(
      (column) =>
        job[column] === recordedJob[column] || print(job[column]) === print(recordedJob[column]),
    )
  );
}

const print = (value: unknown) => stringify(value ?? null);

/** Only what every retry writes has changed: no key has gone, no argument is another. */
function isStillAsStored({ rows }: Expectation, vector: Vector): boolean {
  const before = targetRow(vector, vector.before)?.serialized_params;
  const after = rows.good_jobs.find((row) => row.id === vector.target)?.serialized_params;
  if (!isObject<Json>(before) || !isObject(after)) return false;
  const written = ['executions', 'provider_job_id', 'enqueued_at', 'scheduled_at'];
  return Object.keys(before).every(
    (key) => written.includes(key) || before[key] === null || before[key] === after[key],
  );
}
