import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { parsePerformanceFilter } from './filters';
import { measure } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('infinite_times');
});
afterAll(() => testConsole.close());

it('measures executions of which a time is infinite without that time', async () => {
  await testConsole.client.query(
    `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, scheduled_at, finished_at, job_class, queue_name, serialized_params)
     SELECT gen_random_uuid(), now() - interval '1 minute', now(), at, at, 'OddJob', 'default', '{}' FROM unnest(ARRAY['infinity', '-infinity']::timestamp[]) at`,
  );
  const filter = parsePerformanceFilter(new URLSearchParams());
  const { now } = await measure(testConsole.ctx(), filter);
  expect(now.total).toMatchObject({ executions: 2 });
});
