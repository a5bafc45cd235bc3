import type pg from 'pg';
import { serializedParams } from './rows';

/** Inserts `count` discarded jobs in one statement. `columns` are SQL expressions of `n`. */
export async function insertJobs(
  client: pg.Client,
  count: number,
  columns: Record<string, string> = {},
): Promise<string[]> {
  const all: Record<string, string> = {
    queue_name: `'default'`,
    priority: '0',
    job_class: `'TestJob'`,
    created_at: `now() - interval '1 hour'`,
    updated_at: `now() - interval '1 hour'`,
    scheduled_at: `now() - interval '1 hour'`,
    performed_at: `now() - interval '1 hour'`,
    finished_at: `now() - interval '1 hour'`,
    error: `'RuntimeError: boom'`,
    error_event: '1',
    ...columns,
  };
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO good_jobs (id, active_job_id, serialized_params, ${Object.keys(all).join(', ')})
     SELECT id, id, jsonb_set($1::jsonb, '{job_id}', to_jsonb(id)),
       ${Object.values(all).join(', ')}
     FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $2::int) n) ids
     RETURNING id`,
    [serializedParams('x'), count],
  );
  return rows.map(({ id }) => id);
}

/** Columns of an unfinished job for `insertJobs`. */
export const UNFINISHED = {
  performed_at: 'NULL',
  finished_at: 'NULL',
  error: 'NULL',
  error_event: 'NULL',
};
