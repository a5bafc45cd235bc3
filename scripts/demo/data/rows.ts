import type pg from 'pg';
import { quoteIdentifier } from '../../../lib/good-job/tables';
import { type Payload, type Value, withExactNumbers } from './active-job';

/* Rows to insert into GoodJob's tables. Times are text; jsonb is a JavaScript value. */

export interface JobRow {
  id: string;
  active_job_id: string;
  job_class: string;
  queue_name: string;
  priority: number;
  serialized_params: Payload;
  created_at: string;
  updated_at: string;
  scheduled_at: string;
  performed_at: string | null;
  finished_at: string | null;
  error: string | null;
  error_event: number | null;
  executions_count: number | null;
  concurrency_key: string | null;
  labels: string[] | null;
  cron_key: string | null;
  cron_at: string | null;
  batch_id: string | null;
  batch_callback_id: string | null;
  locked_by_id: string | null;
  locked_at: string | null;
  lock_type: number | null;
}

export interface ExecutionRow {
  id: string;
  active_job_id: string;
  job_class: string;
  queue_name: string;
  serialized_params: Payload;
  scheduled_at: string;
  created_at: string;
  updated_at: string;
  finished_at: string | null;
  /** An interval. */
  duration: string | null;
  error: string | null;
  error_event: number | null;
  error_backtrace: string[] | null;
  process_id: string;
}

export interface BatchRow {
  id: string;
  created_at: string;
  updated_at: string;
  description: string | null;
  serialized_properties: Value;
  on_finish: string | null;
  on_success: string | null;
  on_discard: string | null;
  callback_queue_name: string | null;
  callback_priority: number | null;
  enqueued_at: string | null;
  discarded_at: string | null;
  jobs_finished_at: string | null;
  finished_at: string | null;
}

export interface ProcessRow {
  id: string;
  created_at: string;
  updated_at: string;
  state: Value;
  lock_type: number | null;
}

export interface SettingRow {
  id: string;
  created_at: string;
  updated_at: string;
  key: string;
  value: Value;
}

export interface Rows {
  jobs: JobRow[];
  executions: ExecutionRow[];
  batches: BatchRow[];
  processes: ProcessRow[];
  settings: SettingRow[];
}

/** Rows per INSERT. */
const CHUNK = 2_000;

/** Inserts rows with the same columns, oldest first, so that the physical order is realistic. */
export async function insertInto(
  client: pg.ClientBase,
  schema: string,
  table: string,
  rows: readonly { created_at: string }[],
): Promise<void> {
  const target = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  const sorted = [...rows].sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
  const columns = Object.keys(sorted[0] ?? {})
    .map(quoteIdentifier)
    .join(', ');
  for (let from = 0; from < sorted.length; from += CHUNK) {
    const json = withExactNumbers(JSON.stringify(sorted.slice(from, from + CHUNK)));
    await client.query(
      `INSERT INTO ${target} (${columns})
       SELECT ${columns}
       FROM json_populate_recordset(NULL::${target}, $1::json)`,
      [json],
    );
  }
}

/** Inserts the rows of all tables. */
export async function insertRows(client: pg.ClientBase, schema: string, rows: Rows): Promise<void> {
  await insertInto(client, schema, 'good_jobs', rows.jobs);
  await insertInto(client, schema, 'good_job_executions', rows.executions);
  await insertInto(client, schema, 'good_job_batches', rows.batches);
  await insertInto(client, schema, 'good_job_processes', rows.processes);
  await insertInto(client, schema, 'good_job_settings', rows.settings);
}
