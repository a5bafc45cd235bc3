import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { getBatch, listBatches } from '../batches/queries';
import { parseBatchFilter } from '../batches/types';
import { setRedactionConfig } from '../config/redaction-rules';
import { listPauses } from '../pauses/queries';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { changeJobs } from './mutations';
import { getRawExecution, getRawJob } from './raw';

/** Numbers of a few bytes that Postgres prints with up to 131,072 digits. */
let testConsole: TestConsole;
beforeAll(async () => {
  setRedactionConfig({});
  testConsole = await TestConsole.open('long_numbers');
});
afterAll(() => testConsole.close());
afterEach(() =>
  testConsole.client.query(`
    DELETE FROM good_jobs;
    DELETE FROM good_job_executions;
    DELETE FROM good_job_settings;
    DELETE FROM good_job_batches;
    DELETE FROM good_job_processes;
    DELETE FROM good_job_console.audit_events`),
);

async function insertJob(numbers: string): Promise<string> {
  const { rows } = await testConsole.client.query<{ id: string }>(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, error,
      serialized_params, scheduled_at, finished_at, performed_at, created_at, updated_at)
     SELECT id, id, 'default', 0, 'NumberJob', 'KeyError: x',
            jsonb_build_object('job_class', 'NumberJob', 'job_id', id,
                               'arguments', jsonb_build_array($1::jsonb)),
            now(), now(), now(), now(), now()
       FROM (SELECT gen_random_uuid() AS id) j RETURNING id`,
    [numbers],
  );
  return rows[0]?.id ?? '';
}

describe.each([
  ['9,000 huge', '1e131071', 9_000],
  ['600 huge', '-1e131071', 600],
  ['9,000 tiny', '-1e-16383', 9_000],
  ['600 tiny', '1e-16383', 600],
])('%s numbers', (_name, number, count) => {
  const numbers = `[${new Array(count).fill(number).join(',')}]`;

  it('marks long numbers in arguments and execution payloads as too large to show', async () => {
    const ctx = testConsole.ctx();
    const id = await insertJob(numbers);
    const { rows } = await testConsole.client.query<{ id: string }>(
      `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, scheduled_at,
        finished_at, job_class, queue_name, serialized_params, error)
       SELECT id, now(), now(), now(), now(), job_class, queue_name, serialized_params, error
         FROM good_jobs RETURNING id`,
    );
    const list = await listJobs(ctx, parseJobFilter(new URLSearchParams()));
    expect(list.rows.map((row) => row.tooLarge?.part)).toEqual(['arguments']);
    expect((await getJob(ctx, id))?.tooLarge?.part).toBe('arguments');
    expect((await getJob(ctx, id, { all: true }))?.tooLarge?.part).toBe('arguments');
    expect((await listExecutions(ctx, id)).map((row) => row.tooLarge?.part)).toEqual(['arguments']);
    expect(await getRawJob(ctx, id)).toEqual({ tooLarge: null });
    expect(await getRawExecution(ctx, rows[0]?.id ?? '')).toEqual({ tooLarge: null });
  });

  it('long numbers cause no error in pauses, batch properties and process states', async () => {
    const ctx = testConsole.ctx();
    const { client } = testConsole;
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value)
       VALUES (now(), now(), 'pauses', jsonb_build_object('queues', $1::jsonb))`,
      [numbers],
    );
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO good_job_batches (created_at, updated_at, description, serialized_properties)
        VALUES (now(), now(), 'd', jsonb_build_object('x', $1::jsonb)) RETURNING id`,
      [numbers],
    );
    await client.query(
      `INSERT INTO good_job_processes (created_at, updated_at, state)
       VALUES (now(), now(), jsonb_build_object('x', $1::jsonb))`,
      [numbers],
    );
    expect((await listPauses(ctx)).tooLarge).toBe(true);
    const batches = await listBatches(ctx, parseBatchFilter(new URLSearchParams()));
    expect(batches.rows).toHaveLength(1);
    expect(await getBatch(ctx, rows[0]?.id ?? '')).toMatchObject({
      row: { id: rows[0]?.id, tooLarge: true },
    });
    const processes = await listProcesses(ctx, parseProcessFilter(new URLSearchParams()));
    expect(processes.rows).toHaveLength(1);
  });

  it('retries a job with long numbers, which its audit record marks as too large', async () => {
    const id = await insertJob(numbers);
    await testConsole.client.query(
      `UPDATE good_jobs
          SET serialized_params = serialized_params || jsonb_build_object('x', $1::jsonb)`,
      [numbers],
    );
    const [outcome] = await changeJobs(testConsole.ctx(), 'retry', [id]);
    expect(outcome).toMatchObject({ outcome: 'done' });
    const { rows } = await testConsole.client.query<{ before: string }>(
      `SELECT before::text FROM good_job_console.audit_events WHERE action = 'job.retry'`,
    );
    expect(rows[0]?.before).toContain('not recorded: too large');
  });
});
