import { afterAll, beforeAll, expect, test } from 'vitest';
import { Stage } from './replay';
import { type Vector, readVectors } from './vector';
import { verdictOn } from './verdict';

/* The whole replay is `npm run test:conformance`; here only that it would notice. */

let stage: Stage;
let vectors: Vector[];
beforeAll(async () => {
  [stage, vectors] = await Promise.all([Stage.open('conformance'), readVectors(new URL('vectors.jsonl.gz', import.meta.url))]);
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
  const moved = vector.after.good_jobs.map((row) => (row.id === vector.target ? { ...row, queue_name: 'another' } : row));
  expect(await kindOf({ ...vector, after: { ...vector.after, good_jobs: moved } })).toBe('differing');
  expect(await kindOf({ ...vector, notifications: [] })).toBe('differing');
  expect(await kindOf({ ...vector, result: { error: 'GoodJob::Job::ActionForStateMismatchError', message: '' } })).toBe('differing');
  expect(await kindOf({ ...vector, result: { error: 'SomethingNew', message: '' } })).toBe('differing');
  expect(await kindOf({ ...vector, held_advisory_locks: [vector.target] })).toBe('differing');
});

test('a flag does not excuse everything: the rules still decide', async () => {
  const vector = named('retry_job/discarded');
  expect(await kindOf({ ...vector, needs_app: true })).toBe('excepted');
  expect(await kindOf({ ...vector, stricter: true })).toBe('differing');
  expect(await kindOf({ ...vector, meanwhile: true, after: vector.before })).toBe('differing');
});

test('a dead process holds nothing, which the shifted times make visible', async () => {
  const vector = named('reschedule_job/running', 'skiplocked');
  expect(await kindOf(vector)).toBe('excepted');
  const dead = vector.before.good_job_processes.map((row) => ({ ...row, updated_at: '2020-01-01T00:00:00.000000Z' }));
  expect(await kindOf({ ...vector, before: { ...vector.before, good_job_processes: dead } })).toBe('differing');
});
