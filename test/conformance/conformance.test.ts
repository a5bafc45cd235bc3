import { afterAll, beforeAll, expect, it } from 'vitest';
import { ReplayDatabase } from './replay';
import { checkUndoVector, readUndoVectors } from './undo-vectors';
import { type Vector, readVectors } from './vector';
import { checkVector } from './verdict';

/*
 * `npm run test:conformance` replays all recordings; these tests ensure that it detects
 * differences.
 */

let stage: ReplayDatabase;
let vectors: Vector[];
beforeAll(async () => {
  [stage, vectors] = await Promise.all([
    ReplayDatabase.open('conformance'),
    readVectors(new URL('vectors.jsonl.gz', import.meta.url)),
  ]);
});
afterAll(() => stage.close());

const findVector = (name: string, strategy = 'advisory') => {
  const vector = vectors.find((one) => one.name === name && one.lock_strategy === strategy);
  if (!vector) throw new Error(`There is no vector ${name}.`);
  return vector;
};
const kindOf = async (vector: Vector) => (await checkVector(vector, stage)).kind;

it('reports a difference in rows, notifications, outcomes or errors', async () => {
  const vector = findVector('retry_job/discarded');
  expect(await kindOf(vector)).toBe('matched');
  const jobsInOtherQueue = vector.after.good_jobs.map((row) =>
    row.id === vector.target ? { ...row, queue_name: 'another' } : row,
  );
  expect(await kindOf({ ...vector, after: { ...vector.after, good_jobs: jobsInOtherQueue } })).toBe(
    'differing',
  );
  expect(await kindOf({ ...vector, notifications: [] })).toBe('differing');
  expect(
    await kindOf({
      ...vector,
      result: { error: 'GoodJob::Job::ActionForStateMismatchError', message: '' },
    }),
  ).toBe('differing');
  expect(await kindOf({ ...vector, result: { error: 'SomethingNew', message: '' } })).toBe(
    'differing',
  );
  expect(await kindOf({ ...vector, held_advisory_locks: [vector.target] })).toBe('differing');
});

it('requires a flagged recording to follow the rules', async () => {
  const vector = findVector('retry_job/discarded');
  expect(await kindOf({ ...vector, needs_app: true })).toBe('excepted');
  expect(await kindOf({ ...vector, meanwhile: true, after: vector.before })).toBe('differing');
  const jobsInOtherQueue = vector.after.good_jobs.map((row) =>
    row.id === vector.target ? { ...row, queue_name: 'another' } : row,
  );
  expect(
    await kindOf({
      ...vector,
      stricter: true,
      after: { ...vector.after, good_jobs: jobsInOtherQueue },
    }),
  ).toBe('differing');
});

it('reports a wrong or missing flag that the recording reveals', async () => {
  expect(
    await checkVector({ ...findVector('retry_job/discarded'), stricter: true }, stage),
  ).toMatchObject({
    kind: 'excepted',
    reason: expect.stringContaining('the flag stricter is wrong'),
  });
  const lockedJob = { ...findVector('reschedule_job/running', 'skiplocked'), stricter: false };
  expect(await checkVector(lockedJob, stage)).toMatchObject({
    kind: 'excepted',
    reason: expect.stringContaining('the flag is missing, stricter'),
  });
  expect(await kindOf({ ...lockedJob, lock_strategy: 'hybrid' })).toBe('differing');
  const hanging = { ...findVector('discard_job/special/batch_last_unfinished'), defect: false };
  expect(await checkVector(hanging, stage)).toMatchObject({
    kind: 'excepted',
    reason: expect.stringContaining('the flag is missing, defect'),
  });
});

it('accepts an unknown error if the rules refuse the action, too', async () => {
  const vector = findVector('retry_job/discarded');
  const params = { executions: 'three' };
  const before = {
    ...vector.before,
    good_jobs: vector.before.good_jobs.map((row) => ({
      ...row,
      serialized_params: { ...(row.serialized_params as object), ...params },
    })),
  };
  const failed = {
    ...vector,
    before,
    after: before,
    notifications: [],
    result: { error: 'TypeError', message: '' },
  };
  expect(await kindOf(failed)).toBe('excepted');
  expect(await kindOf({ ...failed, after: vector.after })).toBe('differing');
});

it('refuses an unknown bulk action, like GoodJob', async () => {
  const vector = findVector('http/mass_discard/job_ids');
  const refused = {
    ...vector,
    after: vector.before,
    notifications: [],
    http: {
      params: { mass_action: 'force_discard' },
      status: 400,
      exception: 'ActionController::BadRequest',
    },
  };
  expect(await kindOf(refused)).toBe('matched');
  expect(
    await kindOf({ ...refused, http: { ...refused.http, params: { mass_action: 'discard' } } }),
  ).toBe('differing');
});

it('decides whether a process is dead by the shifted times of the recording', async () => {
  const vector = findVector('reschedule_job/running', 'skiplocked');
  expect(await kindOf(vector)).toBe('excepted');
  const dead = vector.before.good_job_processes.map((row) => ({
    ...row,
    updated_at: '2020-01-01T00:00:00.000000Z',
  }));
  expect(await kindOf({ ...vector, before: { ...vector.before, good_job_processes: dead } })).toBe(
    'differing',
  );
});

it('reports a difference in the rows, the outcome or the notifications of an undo', async () => {
  const [vector] = (await readUndoVectors()).filter(({ name }) => name === 'undo_discard/queued');
  if (!vector) throw new Error('There is no vector undo_discard/queued.');
  const undoKindOf = async (changes: Partial<typeof vector>) =>
    (await checkUndoVector({ ...vector, ...changes }, stage)).kind;
  expect(await undoKindOf({})).toBe('matched');
  const jobsInOtherQueue = vector.after.good_jobs.map((row) => ({ ...row, queue_name: 'another' }));
  expect(await undoKindOf({ after: { ...vector.after, good_jobs: jobsInOtherQueue } })).toBe(
    'differing',
  );
  expect(await undoKindOf({ outcome: 'conflict' })).toBe('differing');
  expect(await undoKindOf({ notifications: [] })).toBe('differing');
  expect(await undoKindOf({ code: 'undo_not_recorded' })).toBe('differing');
});
