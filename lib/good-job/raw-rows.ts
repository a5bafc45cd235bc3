import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import { type Json, object, parseJsonInSteps, scalar } from '../core/json';
import type { Tx } from '../db/database';
import { isLargeJson, maxStoredBytes } from '../db/text-limit';
import { decodeActiveJob } from './payload';
import { type Column, type GoodJobTables, type TableName, quoteIdentifier } from './tables';

/*
 * Rows as GoodJob's dashboard prints them: all columns in table order, including columns unknown to
 * the console, times in whole seconds and UTC, enums by name.
 */

/** `GoodJob::Job.ignored_columns`. */
const IGNORED_COLUMNS = new Set(['is_discrete', 'retried_good_job_id']);

/** `GoodJob::ErrorEvents`; the index is the value of `error_event`. */
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
  return tables.schema.columns[table].filter(({ name }) => !IGNORED_COLUMNS.has(name));
}

/** A column as JSON text, which keeps the digits of numbers. Arrays of times are not formatted. */
function asJson({ name, type }: Column): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  if (type.endsWith('[]')) return sql`to_json(${column})::text`;
  // to_char returns NULL for infinity.
  if (type.startsWith('timestamp'))
    return sql`to_json(coalesce(
      to_char(${column}, 'YYYY-MM-DD HH24:MI:SS "UTC"'), ${column}::text))::text`;
  if (type.startsWith('interval')) return sql`to_json(extract(epoch FROM ${column})::text)::text`;
  return sql`to_json(${column})::text`;
}

/** Whether a column is larger than `maxBytes`. */
function isLargeColumn({ name, type }: Column, maxBytes: number): Sql {
  const column = raw(`r.${quoteIdentifier(name)}`);
  if (type === 'jsonb') return isLargeJson(column, maxBytes);
  const stored = sql`coalesce(pg_column_size(${column}), 0)`;
  const maxStored = maxStoredBytes(maxBytes);
  if (type === 'json')
    return sql`CASE WHEN ${stored} > ${maxStored}::int THEN true
      ELSE octet_length(${column}::text) > ${maxBytes}::int END`;
  if (type === 'text' || type.startsWith('character varying'))
    return sql`coalesce(octet_length(${column}) > ${maxBytes}::int, false)`;
  if (type.endsWith('[]'))
    return sql`CASE WHEN ${stored} > ${maxStored}::int THEN true
      ELSE coalesce(octet_length(${column}::text) > ${maxBytes}::int, false) END`;
  return sql`${stored} > ${maxBytes}::int`;
}

/** The JSON text of one column; without a column number if one of the columns is too large. */
const limitedColumn = z.strictObject({
  column: z.number().nullable(),
  value: z.string().nullable(),
  bytes: z.number(),
});

/**
 * Reads a row, without its values if a column is larger than `maxBytes`. `bytes` is the stored size
 * of all columns.
 */
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
  const stored = await tx.query(
    limitedColumn,
    sql`
      SELECT v.n::int AS column, v.value, s.bytes
        FROM ${from} r
       CROSS JOIN LATERAL (SELECT ${isLarge} AS large, ${bytes} AS bytes) s
        LEFT JOIN LATERAL unnest(CASE WHEN NOT s.large THEN ${columnTexts(columns)} END)
             WITH ORDINALITY v(value, n) ON true
       WHERE r.id = ${id}
       ORDER BY v.n`,
  );
  const [first] = stored;
  if (!first) return null;
  const values = first.column === null ? null : stored.map(({ value }) => value);
  return { row: values && (await parseColumns(columns, values)), bytes: first.bytes };
}

/**
 * The columns as an array of JSON texts. It is read with `unnest`: node-pg parses an array
 * character by character without yielding.
 */
const columnTexts = (columns: readonly Column[]): Sql => sql`ARRAY[${join(columns.map(asJson))}]`;

/** A row as JSON texts, so that it can be parsed after the transaction. */
export interface RawRow {
  columns: readonly Column[];
  values: readonly (string | null)[];
  /** The key under which rawJson() adds the row's columns to the payload. */
  key: '_good_job' | '_good_job_execution';
}

const valueRow = z.strictObject({ value: z.string().nullable() });

async function readRow(
  tx: Tx,
  columns: Column[],
  { from, id, key }: { from: Sql; id: string; key: RawRow['key'] },
): Promise<RawRow | null> {
  const rows = await tx.query(
    valueRow,
    sql`
      SELECT v.value
        FROM ${from} r
       CROSS JOIN LATERAL unnest(${columnTexts(columns)}) WITH ORDINALITY v(value, n)
       WHERE r.id = ${id}
       ORDER BY v.n`,
  );
  return rows.length > 0 ? { columns, values: rows.map(({ value }) => value), key } : null;
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

/**
 * The payload with the row's columns as its last entry (`GoodJob::Job#display_serialized_params`).
 */
function withAttributes(row: Map<string, Json>, key: string): Json {
  const attributes = [...row]
    .filter(([name]) => name !== 'serialized_params')
    .map(([name, value]): [string, Json] => [
      name,
      name === 'error_event' ? enumName(value) : value,
    ]);
  const params = row.get('serialized_params');
  const rowEntry = { key, value: object(attributes) };
  if (params?.kind === 'object') return { kind: 'object', entries: [...params.entries, rowEntry] };
  // A payload that is not an object is still shown, under its column name.
  const paramsEntries =
    params && !(params.kind === 'scalar' && params.text === 'null')
      ? [{ key: 'serialized_params', value: params }]
      : [];
  return { kind: 'object', entries: [...paramsEntries, rowEntry] };
}

/** A job's row; null if it does not exist. */
export const readRawJob = (tx: Tx, tables: GoodJobTables, id: string): Promise<RawRow | null> =>
  readRow(tx, columnsOf(tables, 'good_jobs'), { from: tables.jobs, id, key: '_good_job' });

/** An execution's row; null if it does not exist. */
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

/** The payload with the row's other columns under `key`; yields to the event loop. */
export async function rawJson({ columns, values, key }: RawRow): Promise<Json> {
  return withAttributes(await parseColumns(columns, values), key);
}

/** The job id of an execution's row. */
export function jobIdOf({ columns, values }: RawRow): string | null {
  const value = values[columns.findIndex(({ name }) => name === 'active_job_id')] ?? 'null';
  return z.string().nullable().parse(JSON.parse(value));
}

export interface RawBatch {
  /** Null if a column is larger than `maxBytes`. */
  json: Json | null;
  /** The stored size of all columns. */
  bytes: number;
}

/**
 * A batch's columns with `serialized_properties` decoded as `properties`
 * (`GoodJob::BatchRecord#display_attributes`); null if the batch does not exist.
 */
export async function readRawBatch(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  maxBytes: number,
): Promise<RawBatch | null> {
  const stored = await readLimitedRow(tx, tables, 'good_job_batches', {
    from: tables.batches,
    id,
    maxBytes,
  });
  if (!stored?.row) return stored && { json: null, bytes: stored.bytes };
  const columns = [...stored.row].map(([name, value]): [string, Json] =>
    name === 'serialized_properties' ? ['properties', decodeActiveJob(value)] : [name, value],
  );
  return { json: object(columns), bytes: stored.bytes };
}
