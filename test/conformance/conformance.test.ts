import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './replay';
import { type Vector, readVectors } from './vector';
import { verdictOn } from './verdict';

/* The whole replay is `npm run test:conformance`; here only that it would notice. */

let stage: Stage;
let vectors: Vector[];
beforeAll(async () => {
  [stage, vectors] = await Promise.all([
    Stage.open('conformance'),
    readVectors(new URL('vectors.jsonl.gz', import.meta.url)),
  ]);
});
afterAll(() => stage.close());

const named = (name: string, strategy = 'advisory') => {
  const found = vectors.find((vector) => vector.name === name && vector.lock_strategy === strategy);
  if (!found) throw new Error(`There is no vector ${name}.`);
  return found;
};
const kindOf = async (vector: Vector) => (await verdictOn(vector, stage)).kind;

test('a recording of something else is differing', async () => {
  const vector = named('retry_job/discarded');
  expect(await kindOf(vector)).toBe('matched');
  const moved = vector.after.good_jobs.map((row) =>
    row.id === vector.target ? { ...row, queue_name: 'another' } : row,
  );
  expect(await kindOf({ ...vector, after: { ...vector.after, good_jobs: moved } })).toBe(
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

test('a flag does not excuse everything: the rules still decide', async () => {
  const vector = named('retry_job/discarded');
  expect(await kindOf({ ...vector, needs_app: true })).toBe('excepted');
  expect(await kindOf({ ...vector, meanwhile: true, after: vector.before })).toBe('differing');
  const moved = vector.after.good_jobs.map((row) =>
    row.id === vector.target ? { ...row, queue_name: 'another' } : row,
  );
  expect(
    await kindOf({ ...vector, stricter: true, after: { ...vector.after, good_jobs: moved } }),
  ).toBe('differing');
});

test('a flag that is wrong or missing is said to be, where the recording shows it', async () => {
  expect(await verdictOn({ ...named('retry_job/discarded'), stricter: true }, stage)).toMatchObject(
    { kind: 'excepted', reason: expect.stringContaining('the flag stricter is wrong') },
  );
  const held = { ...named('reschedule_job/running', 'skiplocked'), stricter: false };
  expect(await verdictOn(held, stage)).toMatchObject({
    kind: 'excepted',
    reason: expect.stringContaining('the flag is missing, stricter'),
  });
  expect(await kindOf({ ...held, lock_strategy: 'hybrid' })).toBe('differing');
  const hanging = { ...named('discard_job/special/batch_last_unfinished'), defect: false };
  expect(await verdictOn(hanging, stage)).toMatchObject({
    kind: 'excepted',
    reason: expect.stringContaining('the flag is missing, defect'),
  });
});

test('an error without a name is a refusal where the rules refuse too', async () => {
  const vector = named('retry_job/discarded');
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

test('a bulk action that there is not is refused, as GoodJob refuses it', async () => {
  const vector = named('http/mass_discard/job_ids');
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

test('a dead process holds nothing, which the shifted times make visible', async () => {
  const vector = named('reschedule_job/running', 'skiplocked');
  expect(await kindOf(vector)).toBe('excepted');
  const dead = vector.before.good_job_processes.map((row) => ({
    ...row,
    updated_at: '2020-01-01T00:00:00.000000Z',
  }));
  expect(await kindOf({ ...vector, before: { ...vector.before, good_job_processes: dead } })).toBe(
    'differing',
  );
});
