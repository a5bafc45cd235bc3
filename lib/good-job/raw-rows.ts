import sql, { join, raw, type Sql } from 'sql-template-tag';
import { type Json, object, scalar } from '../core/json';
import { parseJsonInSteps } from '../core/json-text';
import type { Tx } from '../db/database';
import { isLargeJson, maxStoredBytes } from '../db/text-limit';
import { decodeActiveJob } from './payload';
import type { Column, TableName } from './schema';
import { type GoodJobTables, quoteIdentifier } from './tables';

/*
 * Rows as GoodJob's dashboard prints them: every column in the table's own order, also one that the console
 * does not know, times in whole seconds and `UTC`, enums by name.
 */

/** Columns that GoodJob 4 ignores (Job.ignored_columns). */
const IGNORED = new Set(['is_discrete', 'retried_good_job_id']);

/** GoodJob::ErrorEvents */
export const ERROR_EVENTS = [
  'interrupted',
  'unhandled',
  'handled',
  'retried',
  'retry_stopped',
  'discarded',
] as const;
export type ErrorEvent = (typeof ERROR_EVENTS)[number];

function columnsOf(tables: GoodJobTables, table: TableName): Column[] {
  return tables.schema.columns[table].filter(({ name }) => !IGNORED.has(name));
}

/** One column as JSON text, so that numbers and nested JSON keep their characters. An array of times is no time. */
function asJson({ name, type }: Column): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  if (type.endsWith('[]')) return sql`to_json(${column})::text`;
  // Of infinity to_char makes nothing.
  if (type.startsWith('timestamp'))
    return sql`to_json(coalesce(to_char(${column}, 'YYYY-MM-DD HH24:MI:SS "UTC"'), ${column}::text))::text`;
  if (type.startsWith('interval')) return sql`to_json(extract(epoch FROM ${column})::text)::text`;
  return sql`to_json(${column})::text`;
}

/** Whether a column has more than `maxBytes`; times and numbers never have. */
function isLargeColumn({ name, type }: Column, maxBytes: number): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  if (type === 'jsonb') return isLargeJson(column, maxBytes);
  const stored = sql`coalesce(pg_column_size(${column}), 0)`;
  const maxStored = maxStoredBytes(maxBytes);
  if (type === 'json')
    return sql`CASE WHEN ${stored} > ${maxStored}::int THEN true ELSE octet_length(${column}::text) > ${maxBytes}::int END`;
  if (type === 'text' || type.startsWith('character varying'))
    return sql`coalesce(octet_length(${column}) > ${maxBytes}::int, false)`;
  if (type.endsWith('[]'))
    return sql`CASE WHEN ${stored} > ${maxStored}::int THEN true
      ELSE coalesce(octet_length(${column}::text) > ${maxBytes}::int, false) END`;
  return sql`${stored} > ${maxBytes}::int`;
}

/** A row of which no column has more than `maxBytes`, or no row and the bytes of all columns as they are stored. */
async function readLimitedRow(
  tx: Tx,
  tables: GoodJobTables,
  table: TableName,
  { from, id, maxBytes }: { from: Sql; id: string; maxBytes: number },
): Promise<{ row: Map<string, Json> | null; bytes: number } | null> {
  const columns = columnsOf(tables, table);
  const isLarge = columns
    .map((column) => sql`(${isLargeColumn(column, maxBytes)})`)
    .reduce((any, condition) => sql`${any} OR ${condition}`);
  const bytes = columns
    .map(({ name }) => sql`coalesce(pg_column_size(${raw(`r.${quoteIdentifier(name)}`)}), 0)`)
    .reduce((sum, size) => sql`${sum} + ${size}`);
  const [found] = await tx.query<{ values: (string | null)[] | null; bytes: number }>(sql`
    SELECT CASE WHEN NOT (${isLarge}) THEN ARRAY[${join(columns.map(asJson))}] END AS values,
           ${bytes} AS bytes
      FROM ${from} r WHERE r.id = ${id}`);
  if (!found) return null;
  const { values } = found;
  return {
    row: values && (await parseColumns(columns, values)),
    bytes: found.bytes,
  };
}

/** A row as it was read: a JSON text of each column. It is parsed when no transaction waits for it. */
export interface RawRow {
  columns: readonly Column[];
  values: readonly (string | null)[];
  /** The member of the payload that holds the row itself. */
  key: '_good_job' | '_good_job_execution';
}

async function readRow(
  tx: Tx,
  columns: Column[],
  { from, id, key }: { from: Sql; id: string; key: RawRow['key'] },
): Promise<RawRow | null> {
  const [row] = await tx.query<{ values: (string | null)[] }>(
    sql`SELECT ARRAY[${join(columns.map(asJson))}] AS values FROM ${from} r WHERE r.id = ${id}`,
  );
  return row ? { columns, values: row.values, key } : null;
}

async function parseColumns(
  columns: readonly Column[],
  values: readonly (string | null)[],
): Promise<Map<string, Json>> {
  const row = new Map<string, Json>();
  for (const [n, { name }] of columns.entries())
    row.set(name, await parseJsonInSteps(values[n] ?? 'null'));
  return row;
}

function enumName(json: Json): Json {
  const name = json.kind === 'scalar' ? ERROR_EVENTS[Number(json.text)] : undefined;
  return name && json.kind === 'scalar' && json.text !== 'null' ? scalar(name) : json;
}

/** The payload with the row itself merged in at the end (display_serialized_params). */
function withAttributes(row: Map<string, Json>, key: string): Json {
  const attributes = [...row]
    .filter(([name]) => name !== 'serialized_params')
    .map(([name, value]): [string, Json] => [
      name,
      name === 'error_event' ? enumName(value) : value,
    ]);
  const params = row.get('serialized_params');
  const own = { key, value: object(attributes) };
  if (params?.kind === 'object') return { kind: 'object', entries: [...params.entries, own] };
  // A payload that is no object has nothing to be merged into, and must not be lost either.
  const kept =
    params && !(params.kind === 'scalar' && params.text === 'null')
      ? [{ key: 'serialized_params', value: params }]
      : [];
  return { kind: 'object', entries: [...kept, own] };
}

/** A job's row; null when there is none. */
export const readRawJob = (tx: Tx, tables: GoodJobTables, id: string): Promise<RawRow | null> =>
  readRow(tx, columnsOf(tables, 'good_jobs'), { from: tables.jobs, id, key: '_good_job' });

/** An execution's row; null when there is none. */
export const readRawExecution = (
  tx: Tx,
  tables: GoodJobTables,
  id: string,
): Promise<RawRow | null> =>
  readRow(tx, columnsOf(tables, 'good_job_executions'), {
    from: tables.executions,
    id,
    key: '_good_job_execution',
  });

/** The payload with the row's other columns under `key`. Yields to the event loop. */
export async function rawJson({ columns, values, key }: RawRow): Promise<Json> {
  return withAttributes(await parseColumns(columns, values), key);
}

/** The job that the execution is of. */
export function jobIdOf({ columns, values }: RawRow): string | null {
  const value = values[columns.findIndex(({ name }) => name === 'active_job_id')] ?? 'null';
  return JSON.parse(value) as string | null;
}

export interface RawBatch {
  /** Null: a column has more than the bytes that were asked for. */
  json: Json | null;
  /** Of all columns, as they are stored. */
  bytes: number;
}

/**
 * A batch's columns, `serialized_properties` decoded in its place as `properties` (BatchRecord#display_attributes);
 * null when there is no such batch.
 */
export async function rawBatch(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  maxBytes: number,
): Promise<RawBatch | null> {
  const found = await readLimitedRow(tx, tables, 'good_job_batches', {
    from: tables.batches,
    id,
    maxBytes,
  });
  if (!found?.row) return found && { json: null, bytes: found.bytes };
  const columns = [...found.row].map(([name, value]): [string, Json] =>
    name === 'serialized_properties' ? ['properties', decodeActiveJob(value)] : [name, value],
  );
  return { json: object(columns), bytes: found.bytes };
}
