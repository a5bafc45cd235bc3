import sql, { type Sql, join, raw } from 'sql-template-tag';
import { z } from 'zod';
import {
  type Json,
  compactJson,
  memberOf,
  object,
  parseJson,
  scalar,
  stringOf,
} from '../core/json';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { MAX_STORED_JSON_BYTES, limitedJsonInMemory } from '../db/text-limit';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import type { GoodJobTables } from '../good-job/tables';
import { REDACTION_MARKER, redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import {
  MAX_COLUMN_BYTES,
  MAX_ROWS,
  MAX_SNAPSHOT_BYTES,
  MAX_SNAPSHOT_MS,
  NOT_RECORDED,
} from './types';

/*
 * Reads the rows that an action changes, before and after. Reading and redaction run while the
 * action holds its locks, so SQL limits the size of each column, the number of rows and the total
 * size.
 */

/** A column as JSON; 'too large': not read. */
type Column = Json | 'too large';
/** Rows by id; 'too large': not read, because earlier rows used up the byte limit. */
export type Snapshot = Map<string, Map<string, Column> | 'too large'>;

/** SQL for the JSON text of a column; NULL if it is too large. */
interface ColumnSql {
  name: string;
  json: Sql;
}

const orNull = (json: Sql) => sql`coalesce(${json}, 'null')`;

const time = (name: string): ColumnSql => ({
  name,
  json: orNull(sql`to_json(to_char(r.${raw(name)}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text`),
});
const scalarColumn = (name: string): ColumnSql => ({
  name,
  json: orNull(sql`to_json(r.${raw(name)})::text`),
});
const text = (name: string): ColumnSql => ({
  name,
  json: sql`CASE WHEN coalesce(octet_length(r.${raw(name)}) <= ${MAX_COLUMN_BYTES}, true)
    THEN ${orNull(sql`to_json(r.${raw(name)})::text`)} END`,
});
const limitedColumn = (name: string): ColumnSql => ({
  name,
  json: sql`CASE WHEN r.is_large THEN NULL WHEN r.${raw(name)} IS NULL THEN 'null'
    ELSE ${limitedJsonInMemory(sql`r.${raw(name)}`, MAX_COLUMN_BYTES)} END`,
});

/** The columns that actions change. Not `updated_at`, which equals the time of the record. */
const JOB_COLUMNS: ColumnSql[] = [
  text('job_class'),
  text('queue_name'),
  scalarColumn('priority'),
  ...['created_at', 'scheduled_at', 'performed_at', 'finished_at'].map(time),
  text('error'),
  {
    name: 'error_event',
    json: orNull(sql`to_json((${[...ERROR_EVENTS]}::text[])[r.error_event + 1])::text`),
  },
  scalarColumn('locked_by_id'),
  time('locked_at'),
  limitedColumn('params'),
  limitedColumn('arguments'),
];

/**
 * Columns with free text, which may repeat a secret: redacted if secrets of the row are unknown.
 */
const FREE_TEXTS = new Set(['queue_name', 'error']);

/** Reads the current state of jobs; returns an empty snapshot for more than MAX_ROWS. */
export async function readJobs(tx: Tx, tables: GoodJobTables, ids: string[]): Promise<Snapshot> {
  const params = sql`r.serialized_params`;
  const isLarge = sql`coalesce(pg_column_size(${params}) > ${MAX_STORED_JSON_BYTES}::int, false)`;
  const isObject = sql`NOT ${isLarge} AND jsonb_typeof(${params}) = 'object'`;
  // OFFSET 0 makes Postgres decompress the payload once per row, not once per expression.
  const source = sql`(
    SELECT r.*, ${isLarge} AS is_large,
           CASE
             WHEN ${isObject} THEN ${params} - 'arguments'
             WHEN NOT ${isLarge} THEN ${params}
           END AS params,
           CASE WHEN ${isObject} THEN ${params} -> 'arguments' END AS arguments
      FROM ${tables.jobs} r
     WHERE r.id = ANY(${ids}::uuid[])
    OFFSET 0)`;
  return read(tx, source, JOB_COLUMNS, ids);
}

/** Reads the current state of batches; returns an empty snapshot for more than MAX_ROWS. */
export async function readBatches(tx: Tx, tables: GoodJobTables, ids: string[]): Promise<Snapshot> {
  const names = ['enqueued_at', 'discarded_at', 'jobs_finished_at', 'finished_at'].filter((name) =>
    tables.has('good_job_batches', name),
  );
  return read(tx, tables.batches, names.map(time), ids);
}

const snapshotRow = z.strictObject({
  id: z.string(),
  /** One JSON text for each column; null if earlier rows used up the byte limit. */
  values: z.array(z.string().nullable()).nullable(),
});

async function read(tx: Tx, source: Sql, columns: ColumnSql[], ids: string[]): Promise<Snapshot> {
  if (ids.length === 0 || ids.length > MAX_ROWS) return new Map();
  const rows = await tx.query(
    snapshotRow,
    sql`
      WITH rows AS MATERIALIZED (
        SELECT r.id, ARRAY[${join(columns.map(({ json }) => json))}] AS values
          FROM ${source} r
         WHERE r.id = ANY(${ids}::uuid[])),
      sizes AS (
        SELECT r.*, (SELECT sum(octet_length(v)) FROM unnest(r.values) v) AS bytes
          FROM rows r)
      SELECT r.id,
             CASE
               WHEN sum(r.bytes) OVER (ORDER BY r.id) <= ${MAX_SNAPSHOT_BYTES / 2} THEN r.values
             END AS values
        FROM sizes r
       ORDER BY r.id`,
  );
  return new Map(
    rows.map(({ id, values }) => [id, values === null ? 'too large' : columnsOf(columns, values)]),
  );
}

function columnsOf(columns: ColumnSql[], values: (string | null)[]): Map<string, Column> {
  return new Map(
    columns.map(({ name }, n) => {
      const value = values[n] ?? null;
      return [name, value === null ? 'too large' : parseJson(value)];
    }),
  );
}

/**
 * Returns `before` and `after` of the changed rows as redacted JSON text; a deleted row is only in
 * `before`. Rows beyond the limits of bytes or time become NOT_RECORDED.
 */
export function changesOf(
  before: Snapshot,
  after: Snapshot,
  changedIds: string[],
  budget = new TextBudget({ maxBytes: MAX_SNAPSHOT_BYTES, maxMs: MAX_SNAPSHOT_MS }),
): { before: string | null; after: string | null } {
  const oldRows: [string, Json][] = [];
  const newRows: [string, Json][] = [];
  for (const id of changedIds) {
    const rows = { before: before.get(id), after: after.get(id) };
    const redacted = redactPair(id, rows, budget);
    if (rows.before) oldRows.push([id, redacted?.before ?? scalar(NOT_RECORDED)]);
    if (rows.after) newRows.push([id, redacted?.after ?? scalar(NOT_RECORDED)]);
  }
  const print = (rows: [string, Json][]) => (rows.length > 0 ? compactJson(object(rows)) : null);
  return { before: print(oldRows), after: print(newRows) };
}

interface Pair<T> {
  before?: T;
  after?: T;
}

/**
 * Redacts a row before and after the action; null if one was not read or the budget is exhausted.
 */
function redactPair(
  id: string,
  rows: Pair<Map<string, Column> | 'too large'>,
  budget: TextBudget,
): Pair<Json> | null {
  if (rows.before === 'too large' || rows.after === 'too large') return null;
  const existingRows = [rows.before, rows.after].filter((row) => row !== undefined);
  const bytes = existingRows.reduce((sum, row) => sum + sizeOf(row), 0);
  if (budget.isExhausted || !budget.spend(bytes)) return null;
  const secrets = new SecretRegistry();
  secrets.overflowed = existingRows.some((row) => [...row.values()].includes('too large'));
  // Collects the secrets of both rows first, because each may repeat a secret of the other.
  for (const row of existingRows) redactRow(row, entriesOf(row), secrets);
  return {
    before: rows.before && recordOf(id, rows.before, rows.after, secrets),
    after: rows.after && recordOf(id, rows.after, rows.before, secrets),
  };
}

function sizeOf(row: Map<string, Column>): number {
  let bytes = 0;
  for (const value of row.values())
    if (value !== 'too large') bytes += Buffer.byteLength(compactJson(value));
  return bytes;
}

/** Restores the row as GoodJob stores it, because redaction rules use paths in the payload. */
function entriesOf(row: Map<string, Column>, changedFrom?: Map<string, Column>): [string, Json][] {
  const entries = [...row].filter(
    (column): column is [string, Json] => column[1] !== 'too large' && !isPayload(column[0]),
  );
  const payload = payloadOf(row, changedFrom);
  return payload ? [...entries, ['serialized_params', payload]] : entries;
}

const isPayload = (name: string) => name === 'params' || name === 'arguments';

/** Returns the changed payload keys of an existing row, or the whole payload of a deleted row. */
function payloadOf(row: Map<string, Column>, changedFrom?: Map<string, Column>): Json | null {
  const params = row.get('params');
  if (params === undefined || params === 'too large') return null;
  if (params.kind !== 'object') return changedFrom ? null : params;
  const oldParams = changedFrom?.get('params');
  const isChanged = (key: string, value: Json) => {
    const oldValue = oldParams && oldParams !== 'too large' ? memberOf(oldParams, key) : undefined;
    return !oldValue || compactJson(oldValue) !== compactJson(value);
  };
  const entries = params.entries.filter(({ key, value }) => !changedFrom || isChanged(key, value));
  const args = row.get('arguments');
  const oldArgs = changedFrom?.get('arguments');
  const hasArguments =
    args !== undefined &&
    args !== 'too large' &&
    !isNull(args) &&
    (!changedFrom || (oldArgs !== 'too large' && !(oldArgs && isSame(oldArgs, args))));
  if (hasArguments) entries.push({ key: 'arguments', value: args });
  return changedFrom && entries.length === 0 ? null : { kind: 'object', entries };
}

const isNull = (json: Json) => json.kind === 'scalar' && json.text === 'null';
const isSame = (one: Json, other: Json) => compactJson(one) === compactJson(other);

function redactRow(
  row: Map<string, Column>,
  entries: [string, Json][],
  secrets: SecretRegistry,
): Json {
  const jobClass = row.get('job_class');
  return redaction().redactJson(object(entries), {
    kind: 'row',
    jobClass: jobClass && jobClass !== 'too large' ? (stringOf(jobClass) ?? null) : null,
    secrets,
  });
}

/** Returns the record of one row; `other` is the same row after the action, or before it. */
function recordOf(
  id: string,
  row: Map<string, Column>,
  other: Map<string, Column> | undefined,
  secrets: SecretRegistry,
): Json {
  const redacted = redactRow(row, entriesOf(row, other), secrets);
  const tooLarge = scalar(NOT_RECORDED);
  const entries: [string, Json][] = [];
  for (const [name, value] of row) {
    if (isPayload(name)) continue;
    const json = memberOf(redacted, name) ?? value;
    if (json === 'too large') entries.push([name, tooLarge]);
    else entries.push([name, FREE_TEXTS.has(name) ? hideUnknown(json, secrets) : json]);
  }
  const payload = memberOf(redacted, 'serialized_params');
  const params = payload && hideUnknownIn(payload, id, secrets);
  if (row.get('params') === 'too large') entries.push(['serialized_params', tooLarge]);
  // Only deletion needs the arguments: no action changes them.
  else if (params?.kind === 'object' && !other && row.get('arguments') === 'too large')
    entries.push([
      'serialized_params',
      { ...params, entries: [...params.entries, { key: 'arguments', value: tooLarge }] },
    ]);
  else if (params) entries.push(['serialized_params', params]);
  return object(entries);
}

/** Redacts a text if secrets of the row are unknown, because the text may repeat one. */
function hideUnknown(json: Json, secrets: SecretRegistry): Json {
  const value = stringOf(json);
  if (value === undefined || !secrets.overflowed) return json;
  const redacted = redaction().redactText(value, secrets);
  return redacted === value ? json : scalar(redacted);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/**
 * Like `hideUnknown`, but for a payload: keeps the values that GoodJob writes, such as numbers,
 * times, class and job id.
 */
function hideUnknownIn(payload: Json, id: string, secrets: SecretRegistry): Json {
  if (!secrets.overflowed || redaction().isOff) return payload;
  if (payload.kind !== 'object') return isNull(payload) ? payload : scalar(REDACTION_MARKER);
  return {
    kind: 'object',
    entries: payload.entries.map(({ key, value }) => {
      const text = stringOf(value);
      const isFromGoodJob = key === 'job_class' || (text && (text === id || TIME.test(text)));
      const isEmpty = value.kind !== 'scalar' && compactJson(value).length <= 2;
      if (isFromGoodJob || isEmpty) return { key, value };
      return {
        key,
        value: value.kind === 'scalar' ? hideUnknown(value, secrets) : scalar(REDACTION_MARKER),
      };
    }),
  };
}
