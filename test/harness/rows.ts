import { randomUUID } from 'node:crypto';
import type pg from 'pg';

/** Columns by name; a value goes to Postgres as a parameter, jsonb as its text. */
export type Columns = Record<string, unknown>;

const HOUR_AGO = () => new Date(Date.now() - 3_600_000).toISOString();

async function insert(
  client: pg.Client | pg.PoolClient,
  table: string,
  columns: Columns,
): Promise<string> {
  const names = Object.keys(columns);
  await client.query(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(columns),
  );
  return String(columns.id);
}

/** A payload as Active Job writes it, as text. */
export function params(id: string, changes: Columns = {}): string {
  return JSON.stringify({
    job_class: 'TestJob',
    job_id: id,
    provider_job_id: null,
    queue_name: 'default',
    priority: null,
    arguments: [],
    executions: 0,
    exception_executions: {},
    locale: 'en',
    timezone: 'UTC',
    enqueued_at: '2026-01-02T03:04:05.678901234Z',
    scheduled_at: null,
    ...changes,
  });
}

/** A queued job, or what the columns make of it. */
export async function insertJob(client: pg.Client, columns: Columns = {}): Promise<string> {
  const id = String(columns.id ?? randomUUID());
  const at = HOUR_AGO();
  return insert(client, 'good_jobs', {
    id,
    active_job_id: id,
    queue_name: 'default',
    priority: 0,
    job_class: 'TestJob',
    serialized_params: params(id),
    scheduled_at: at,
    created_at: at,
    updated_at: at,
    ...columns,
  });
}

export const RUNNING = { performed_at: HOUR_AGO(), executions_count: 1 };
export const SUCCEEDED = { ...RUNNING, finished_at: HOUR_AGO() };
export const DISCARDED = { ...SUCCEEDED, error: 'RuntimeError: boom', error_event: 1 };

/** A batch that was enqueued and is open. */
export function insertBatch(client: pg.Client, columns: Columns = {}): Promise<string> {
  const at = HOUR_AGO();
  return insert(client, 'good_job_batches', {
    id: randomUUID(),
    serialized_properties: '{"_aj_symbol_keys": []}',
    enqueued_at: at,
    created_at: at,
    updated_at: at,
    ...columns,
  });
}

/** A worker seen just now, which holds no advisory lock of its own. */
export function insertProcess(client: pg.Client, columns: Columns = {}): Promise<string> {
  const at = new Date().toISOString();
  return insert(client, 'good_job_processes', {
    id: randomUUID(),
    state: '{}',
    created_at: at,
    updated_at: at,
    ...columns,
  });
}

export function insertExecution(
  client: pg.Client,
  jobId: string,
  columns: Columns = {},
): Promise<string> {
  const at = HOUR_AGO();
  return insert(client, 'good_job_executions', {
    id: randomUUID(),
    active_job_id: jobId,
    created_at: at,
    updated_at: at,
    ...columns,
  });
}

/** The row as Postgres prints it: JSON text of every column. */
export async function rowText(
  client: pg.Client,
  table: 'good_jobs' | 'good_job_batches',
  id: string,
): Promise<string | undefined> {
  const { rows } = await client.query<{ row: string }>(
    `SELECT to_jsonb(t)::text AS row FROM ${table} t WHERE id = $1`,
    [id],
  );
  return rows[0]?.row;
}

/** The row with its numbers as JavaScript has them. */
export async function row(
  client: pg.Client,
  table: 'good_jobs' | 'good_job_batches',
  id: string,
): Promise<Record<string, unknown>> {
  return JSON.parse((await rowText(client, table, id)) ?? 'null') as Record<string, unknown>;
}
