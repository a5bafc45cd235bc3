import { randomUUID } from 'node:crypto';
import type pg from 'pg';

/** Values by column name, sent as parameters; jsonb as text. */
export type Columns = Record<string, unknown>;

const HOUR_AGO = () => new Date(Date.now() - 3_600_000).toISOString();

async function insert(
  client: pg.Client | pg.PoolClient,
  table: string,
  columns: Columns,
): Promise<string> {
  const names = Object.keys(columns);
  await client.query(
    `INSERT INTO ${table} (${names.join(', ')})
     VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(columns),
  );
  return String(columns.id);
}

/** The `serialized_params` of a job as Active Job writes them, as text. */
export function serializedParams(id: string, changes: Columns = {}): string {
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

/** Inserts a queued job with changed columns and returns its id. */
export async function insertJob(client: pg.Client, columns: Columns = {}): Promise<string> {
  const id = String(columns.id ?? randomUUID());
  const at = HOUR_AGO();
  return insert(client, 'good_jobs', {
    id,
    active_job_id: id,
    queue_name: 'default',
    priority: 0,
    job_class: 'TestJob',
    serialized_params: serializedParams(id),
    scheduled_at: at,
    created_at: at,
    updated_at: at,
    ...columns,
  });
}

export const RUNNING = { performed_at: HOUR_AGO(), executions_count: 1 };
export const SUCCEEDED = { ...RUNNING, finished_at: HOUR_AGO() };
export const DISCARDED = { ...SUCCEEDED, error: 'RuntimeError: boom', error_event: 1 };

/** Inserts an enqueued, unfinished batch. */
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

/** Inserts a process with a current heartbeat but without an advisory lock. */
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

/** The row as JSON text printed by Postgres. */
export async function readRowText(
  client: pg.Client,
  table: 'good_jobs' | 'good_job_batches',
  id: string,
): Promise<string | undefined> {
  const { rows } = await client.query<{ text: string }>(
    `SELECT to_jsonb(t)::text AS text FROM ${table} t WHERE id = $1`,
    [id],
  );
  return rows[0]?.text;
}

/** The row parsed with JSON.parse, which rounds large numbers. */
export async function readRow(
  client: pg.Client,
  table: 'good_jobs' | 'good_job_batches',
  id: string,
): Promise<Record<string, unknown>> {
  return JSON.parse((await readRowText(client, table, id)) ?? 'null') as Record<string, unknown>;
}
