import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { createTx } from '../db/database';
import { detectSchema } from './schema';

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('schema detection');
});
afterAll(() => console_.close());

/** What is missing once these statements have run; they are undone. */
async function missingAfter(...statements: string[]): Promise<string[]> {
  await console_.client.query('BEGIN');
  try {
    for (const statement of statements) await console_.client.query(statement);
    const tx = createTx(
      async ({ text, values }) =>
        (await console_.client.query<Record<string, unknown>>({ text, values })).rows,
    );
    return (await detectSchema(tx, 'public')).missingMigrations.map(({ migration }) => migration);
  } finally {
    await console_.client.query('ROLLBACK');
  }
}

/** What each update migration since 4.0 brought. */
const BROUGHT: [migration: string, ...undo: string[]][] = [
  [
    'add_jobs_finished_at_to_good_job_batches',
    'ALTER TABLE good_job_batches DROP COLUMN jobs_finished_at',
  ],
  [
    'add_index_good_jobs_concurrency_key_created_at',
    'DROP INDEX index_good_jobs_on_concurrency_key_and_created_at',
  ],
  ['add_index_good_jobs_job_class', 'DROP INDEX index_good_jobs_on_job_class'],
  [
    'add_index_good_jobs_finished_at_for_cleanup',
    'DROP INDEX index_good_jobs_jobs_on_finished_at_only',
  ],
  ['add_lock_type_to_good_jobs', 'ALTER TABLE good_jobs DROP COLUMN lock_type'],
  [
    'add_index_good_jobs_for_candidate_dequeue_unlocked',
    'DROP INDEX index_good_jobs_for_candidate_dequeue_unlocked',
  ],
  [
    'add_index_good_jobs_priority_scheduled_at',
    'DROP INDEX index_good_jobs_on_priority_scheduled_at_unfinished',
    'DROP INDEX index_good_jobs_on_queue_name_priority_scheduled_at_unfinished',
  ],
  ['add_index_good_jobs_queue_name', 'DROP INDEX index_good_jobs_on_queue_name'],
  ['add_index_good_jobs_created_at', 'DROP INDEX index_good_jobs_on_created_at'],
  ['add_index_good_jobs_discarded', 'DROP INDEX index_good_jobs_on_discarded'],
  [
    'add_index_good_jobs_scheduled_at_and_queue_name',
    'DROP INDEX index_good_jobs_on_scheduled_at_and_queue_name',
  ],
  [
    'add_index_good_jobs_on_unfinished_or_errored',
    'DROP INDEX index_good_jobs_on_unfinished_or_errored',
  ],
];

test('a schema of 4.19 lacks nothing', async () => {
  expect(await missingAfter()).toEqual([]);
});

test.each(BROUGHT)('%s is missed alone, whatever else is there', async (migration, ...undo) => {
  for (const statement of undo)
    expect(await missingAfter(statement), statement).toEqual([migration]);
});

test('a schema of 4.0 lacks them all, each named once', async () => {
  // The first migration made this one, and a later one took it away again.
  const ofItsOwn =
    'CREATE INDEX index_good_jobs_jobs_on_finished_at ON good_jobs (finished_at) WHERE retried_good_job_id IS NULL AND finished_at IS NOT NULL';
  expect(
    await missingAfter(
      ...BROUGHT.flatMap(([, ...undo]) => undo),
      'ALTER TABLE good_jobs ADD COLUMN IF NOT EXISTS retried_good_job_id uuid',
      ofItsOwn,
    ),
  ).toEqual(BROUGHT.map(([migration]) => migration));
});

test('an index of another name and with its conditions in another order does; one of another kind does not', async () => {
  const without = 'DROP INDEX index_good_jobs_on_discarded';
  expect(
    await missingAfter(
      without,
      'CREATE INDEX ours ON good_jobs (finished_at, queue_name) WHERE error IS NOT NULL AND finished_at IS NOT NULL',
    ),
  ).toEqual([]);
  expect(
    await missingAfter(
      'DROP INDEX index_good_jobs_on_created_at',
      'CREATE INDEX ours ON good_jobs USING brin (created_at)',
    ),
  ).toEqual(['add_index_good_jobs_created_at']);
});
