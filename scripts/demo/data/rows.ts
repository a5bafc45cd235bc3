import type pg from 'pg';
import { quoteIdentifier } from '../../../lib/good-job/tables';
import { type Payload, type Value, withExactNumbers } from './active-job';

/* Rows of GoodJob's tables before they are written; times as text, jsonb as it will be. */

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

const TABLES = {
  jobs: 'good_jobs',
  executions: 'good_job_executions',
  batches: 'good_job_batches',
  processes: 'good_job_processes',
  settings: 'good_job_settings',
} as const;
/** Rows a statement: few enough that no statement is huge, many enough that round trips do not count. */
const CHUNK = 2_000;

/** Rows of one table with the same columns; written the oldest first, as in a table that has grown. */
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
      `INSERT INTO ${target} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${target}, $1::json)`,
      [json],
    );
  }
}

export async function insertRows(client: pg.ClientBase, schema: string, rows: Rows): Promise<void> {
  for (const key of Object.keys(TABLES) as (keyof Rows)[])
    await insertInto(client, schema, TABLES[key], rows[key]);
}
