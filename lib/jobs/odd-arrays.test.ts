import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { setRedactionConfig } from '../config/redaction-rules';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { getRawExecution, getRawJob } from './raw';

let testConsole: TestConsole;
beforeAll(async () => {
  setRedactionConfig({});
  testConsole = await TestConsole.open('odd_arrays');
});
afterAll(() => testConsole.close());
afterEach(() => testConsole.client.query('DELETE FROM good_jobs; DELETE FROM good_job_executions'));

/** Inserts a job and an execution; `array` is SQL for the labels and the backtrace. */
async function insert(array: string, times = 'now()'): Promise<{ id: string; execution: string }> {
  const { client } = testConsole;
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, labels, error,
      serialized_params, scheduled_at, finished_at, performed_at, created_at, updated_at)
     SELECT id, id, 'default', 0, 'OddJob', ${array}, 'KeyError: x', '{"arguments": []}', now(),
       now(), now(), now(), now()
       FROM (SELECT gen_random_uuid() AS id) j RETURNING id`,
  );
  const executions = await client.query<{ id: string }>(
    `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, scheduled_at,
      finished_at, job_class, queue_name, serialized_params, error, error_backtrace)
     VALUES ($1, ${times}, now(), ${times}, ${times}, 'OddJob', 'default', '{}', 'KeyError: x',
       ${array}) RETURNING id`,
    [rows[0]?.id],
  );
  return { id: rows[0]?.id ?? '', execution: executions.rows[0]?.id ?? '' };
}

it('flattens a multidimensional array in every view', async () => {
  const ctx = testConsole.ctx();
  const { id, execution } = await insert(`'{{a,b},{c,d}}'::text[]`);
  const list = await listJobs(ctx, parseJobFilter(new URLSearchParams()));
  expect(list.rows.map(({ labels }) => labels)).toEqual([['a', 'b', 'c', 'd']]);
  expect((await getJob(ctx, id))?.labels).toEqual(['a', 'b', 'c', 'd']);
  const [row] = await listExecutions(ctx, id);
  expect([...(row?.applicationFrames ?? []), ...(row?.otherFrames ?? [])]).toEqual([
    'a',
    'b',
    'c',
    'd',
  ]);
  expect(await getRawJob(ctx, id)).toHaveProperty('text');
  expect(await getRawExecution(ctx, execution)).toHaveProperty('text');
});

it('does not read an array with too many empty elements', async () => {
  const ctx = testConsole.ctx();
  const { id } = await insert(`array_fill(''::text, ARRAY[60000])`);
  const list = await listJobs(ctx, parseJobFilter(new URLSearchParams()));
  expect(list.rows.map(({ tooLarge }) => tooLarge?.part)).toEqual(['names']);
  const [row] = await listExecutions(ctx, id);
  expect(row?.tooLarge?.part).toBe('backtrace');
  await testConsole.client.query('DELETE FROM good_jobs');
  const few = await insert(`array_fill(''::text, ARRAY[4096])`);
  expect((await getJob(ctx, few.id))?.tooLarge ?? null).toBeNull();
});

it.each(["'infinity'", "'-infinity'"])('shows an execution whose times are %s', async (times) => {
  const ctx = testConsole.ctx();
  const { id } = await insert('NULL', times);
  expect(await listExecutions(ctx, id)).toMatchObject([{ queueWait: null, runTime: null }]);
});
