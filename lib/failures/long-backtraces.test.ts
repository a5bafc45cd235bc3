import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { readDiscardedFailures } from './failed-jobs';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('long_backtraces');
});
afterAll(() => testConsole.close());

it('does not read a backtrace of 100,000 frames to find the first frame', async () => {
  const { client } = testConsole;
  await client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, error,
      serialized_params, scheduled_at, finished_at, performed_at, created_at, updated_at)
     SELECT id, id, 'default', frames, 'FailJob', frames::text, '{}', now(), now(), now(), now(),
       now()
       FROM (SELECT gen_random_uuid() AS id, frames FROM unnest(ARRAY[100, 100000]) frames) j`,
  );
  await client.query(
    `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, scheduled_at,
      finished_at, job_class, queue_name, serialized_params, error, error_backtrace)
     SELECT j.id, now(), now(), now(), now(), 'FailJob', 'default', '{}', 'E: x',
       (SELECT array_agg('app/models/x' || n || '.rb:12') FROM generate_series(1, j.priority) n)
       FROM good_jobs j`,
  );
  const ctx = testConsole.ctx();
  const window = { since: '-infinity', until: null, classes: null };
  const rows = await ctx.db.read((tx) => readDiscardedFailures(tx, ctx.tables, window, null, 10));
  const frames = Object.fromEntries(rows.map(({ error, frame }) => [error, frame]));
  expect(frames).toEqual({ '100': 'app/models/x1.rb:12', '100000': null });
});
