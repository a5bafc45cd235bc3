import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { createTx } from '../db/database';
import { detectSchema } from './tables';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('schema detection');
});
afterAll(() => testConsole.close());

/** The migrations that are missing after these statements, which are rolled back. */
async function missingAfter(...statements: string[]): Promise<string[]> {
  await testConsole.client.query('BEGIN');
  try {
    for (const statement of statements) await testConsole.client.query(statement);
    const tx = createTx(
      async ({ text, values }) =>
        (await testConsole.client.query<Record<string, unknown>>({ text, values })).rows,
    );
    return (await detectSchema(tx, 'public')).missingMigrations.map(({ migration }) => migration);
  } finally {
    await testConsole.client.query('ROLLBACK');
  }
}

/** Each update migration since 4.0 with the statements that undo it. */
const MIGRATIONS: [migration: string, ...undo: string[]][] = [
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

it('reports no missing migration for the schema of GoodJob 4.19', async () => {
  expect(await missingAfter()).toEqual([]);
});

it.each(MIGRATIONS)('reports only %s if it alone is missing', async (migration, ...undo) => {
  for (const statement of undo)
    expect(await missingAfter(statement), statement).toEqual([migration]);
});

it('reports each migration once for the schema of GoodJob 4.0', async () => {
  // Created by the first migration and dropped by a later one.
  const initialIndex = `
    CREATE INDEX index_good_jobs_jobs_on_finished_at ON good_jobs (finished_at)
     WHERE retried_good_job_id IS NULL AND finished_at IS NOT NULL`;
  expect(
    await missingAfter(
      ...MIGRATIONS.flatMap(([, ...undo]) => undo),
      'ALTER TABLE good_jobs ADD COLUMN IF NOT EXISTS retried_good_job_id uuid',
      initialIndex,
    ),
  ).toEqual(MIGRATIONS.map(([migration]) => migration));
});

it('accepts an index with another name and order of conditions, but not another access method', async () => {
  expect(
    await missingAfter(
      'DROP INDEX index_good_jobs_on_discarded',
      `CREATE INDEX ours ON good_jobs (finished_at, queue_name)
        WHERE error IS NOT NULL AND finished_at IS NOT NULL`,
    ),
  ).toEqual([]);
  expect(
    await missingAfter(
      'DROP INDEX index_good_jobs_on_created_at',
      'CREATE INDEX ours ON good_jobs USING brin (created_at)',
    ),
  ).toEqual(['add_index_good_jobs_created_at']);
});
