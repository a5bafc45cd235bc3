import sql, { type Sql, join, raw } from 'sql-template-tag';
import { type Json, get, object, scalar, stringOf } from '../core/json';
import { compactJson, parseJson } from '../core/json-text';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import { MAX_STORED_JSON_BYTES, limitedJsonInMemory } from '../db/text-limit';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import type { GoodJobTables } from '../good-job/tables';
import { HIDDEN, redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import {
  MAX_COLUMN_BYTES,
  MAX_ROWS,
  MAX_SNAPSHOT_BYTES,
  MAX_SNAPSHOT_MS,
  NOT_RECORDED,
} from './types';

/*
 * The rows that an act changes, before and after, by primary key. They are read and redacted while the act holds its
 * locks, so SQL bounds what is read: a column, the rows and all of it together.
 */

/** A column as JSON; `too large` was not read. */
type Column = Json | 'too large';
/** Rows by id; 'too large': the rows before it used up the bytes of a snapshot. */
export type Snapshot = Map<string, Map<string, Column> | 'too large'>;

/** Selects the JSON text of a column, or NULL where the column is too large. */
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

/** What the actions of lib/good-job change of a job; `updated_at` says no more than the record's own time. */
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

/** Texts that anybody may have written: hidden whole where a hidden value of the row is unknown. */
const FREE_TEXTS = new Set(['queue_name', 'error']);

/** These jobs as they are now; empty for more than MAX_ROWS. */
export async function readJobs(tx: Tx, tables: GoodJobTables, ids: string[]): Promise<Snapshot> {
  const params = sql`r.serialized_params`;
  const isLarge = sql`coalesce(pg_column_size(${params}) > ${MAX_STORED_JSON_BYTES}::int, false)`;
  const isObject = sql`NOT ${isLarge} AND jsonb_typeof(${params}) = 'object'`;
  // OFFSET 0: the payload is decompressed once, and not by each expression that uses it.
  const source = sql`(
    SELECT r.*, ${isLarge} AS is_large,
           CASE WHEN ${isObject} THEN ${params} - 'arguments' WHEN NOT ${isLarge} THEN ${params} END AS params,
           CASE WHEN ${isObject} THEN ${params} -> 'arguments' END AS arguments
      FROM ${tables.jobs} r WHERE r.id = ANY(${ids}::uuid[]) OFFSET 0)`;
  return read(tx, source, JOB_COLUMNS, ids);
}

/** These batches as they are now; empty for more than MAX_ROWS. */
export async function readBatches(tx: Tx, tables: GoodJobTables, ids: string[]): Promise<Snapshot> {
  const names = ['enqueued_at', 'discarded_at', 'jobs_finished_at', 'finished_at'].filter((name) =>
    tables.has('good_job_batches', name),
  );
  return read(tx, tables.batches, names.map(time), ids);
}

async function read(tx: Tx, source: Sql, columns: ColumnSql[], ids: string[]): Promise<Snapshot> {
  if (ids.length === 0 || ids.length > MAX_ROWS) return new Map();
  const rows = await tx.query<{ id: string; values: (string | null)[] | null }>(sql`
    WITH rows AS MATERIALIZED (
      SELECT r.id, ARRAY[${join(columns.map(({ json }) => json))}] AS values
        FROM ${source} r
       WHERE r.id = ANY(${ids}::uuid[])),
    sizes AS (
      SELECT r.*, (SELECT sum(octet_length(v)) FROM unnest(r.values) v) AS bytes FROM rows r)
    SELECT r.id, CASE WHEN sum(r.bytes) OVER (ORDER BY r.id) <= ${MAX_SNAPSHOT_BYTES / 2}
             THEN r.values END AS values
      FROM sizes r
     ORDER BY r.id`);
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
 * `before` and `after` of the rows that were changed, as redacted JSON text for the record; a row that was deleted is
 * in `before` alone. Rows that do not fit into the bytes or the time of a snapshot are recorded as NOT_RECORDED.
 */
export function changesOf(
  before: Snapshot,
  after: Snapshot,
  changed: string[],
  budget = new TextBudget({ maxBytes: MAX_SNAPSHOT_BYTES, maxMs: MAX_SNAPSHOT_MS }),
): { before: string | null; after: string | null } {
  const old: [string, Json][] = [];
  const current: [string, Json][] = [];
  for (const id of changed) {
    const rows = { before: before.get(id), after: after.get(id) };
    const redacted = redactedPair(id, rows, budget);
    if (rows.before) old.push([id, redacted?.before ?? scalar(NOT_RECORDED)]);
    if (rows.after) current.push([id, redacted?.after ?? scalar(NOT_RECORDED)]);
  }
  const print = (rows: [string, Json][]) => (rows.length > 0 ? compactJson(object(rows)) : null);
  return { before: print(old), after: print(current) };
}

interface Pair<T> {
  before?: T;
  after?: T;
}

/** Null: one of the rows was not read, or there is no budget left to redact them. */
function redactedPair(
  id: string,
  rows: Pair<Map<string, Column> | 'too large'>,
  budget: TextBudget,
): Pair<Json> | null {
  if (rows.before === 'too large' || rows.after === 'too large') return null;
  const both = [rows.before, rows.after].filter((row) => row !== undefined);
  const bytes = both.reduce((sum, row) => sum + sizeOf(row), 0);
  if (budget.exhausted || !budget.spend(bytes)) return null;
  const secrets = new SecretRegistry();
  secrets.overflowed = both.some((row) => [...row.values()].includes('too large'));
  // Both rows first: what one of them hides may be repeated in the other.
  for (const row of both) redactRow(row, entriesOf(row), secrets);
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

/** The row as GoodJob stores it, with the arguments in its payload: the redaction rules of a class name paths in it. */
function entriesOf(row: Map<string, Column>, changedFrom?: Map<string, Column>): [string, Json][] {
  const entries = [...row].filter(
    (column): column is [string, Json] => column[1] !== 'too large' && !isPayload(column[0]),
  );
  const payload = payloadOf(row, changedFrom);
  return payload ? [...entries, ['serialized_params', payload]] : entries;
}

const isPayload = (name: string) => name === 'params' || name === 'arguments';

/** Of a row that is still there only the keys that changed; of a deleted row all, with its arguments. */
function payloadOf(row: Map<string, Column>, changedFrom?: Map<string, Column>): Json | null {
  const params = row.get('params');
  if (params === undefined || params === 'too large') return null;
  if (params.kind !== 'object') return changedFrom ? null : params;
  const old = changedFrom?.get('params');
  const isChanged = (key: string, value: Json) => {
    const other = old && old !== 'too large' ? get(old, key) : undefined;
    return !other || compactJson(other) !== compactJson(value);
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
    of: 'row',
    jobClass: jobClass && jobClass !== 'too large' ? (stringOf(jobClass) ?? null) : null,
    secrets,
  });
}

/** What is recorded of one row; `other` is the same row on the other side of the act. */
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
    const json = get(redacted, name) ?? value;
    if (json === 'too large') entries.push([name, tooLarge]);
    else entries.push([name, FREE_TEXTS.has(name) ? hideUnknown(json, secrets) : json]);
  }
  const payload = get(redacted, 'serialized_params');
  const params = payload && hideUnknownIn(payload, id, secrets);
  if (row.get('params') === 'too large') entries.push(['serialized_params', tooLarge]);
  // The acts that keep a row leave its arguments as they are.
  else if (params?.kind === 'object' && !other && row.get('arguments') === 'too large')
    entries.push([
      'serialized_params',
      { ...params, entries: [...params.entries, { key: 'arguments', value: tooLarge }] },
    ]);
  else if (params) entries.push(['serialized_params', params]);
  return object(entries);
}

/** A text that could repeat a hidden value that was not read is hidden whole. */
function hideUnknown(json: Json, secrets: SecretRegistry): Json {
  const value = stringOf(json);
  if (value === undefined || !secrets.overflowed) return json;
  const redacted = redaction().redactText(value, secrets);
  return redacted === value ? json : scalar(redacted);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** The same in a payload, but for what GoodJob itself writes there: numbers, times, the class and the job's id. */
function hideUnknownIn(payload: Json, id: string, secrets: SecretRegistry): Json {
  if (!secrets.overflowed || redaction().off) return payload;
  if (payload.kind !== 'object') return isNull(payload) ? payload : scalar(HIDDEN);
  return {
    kind: 'object',
    entries: payload.entries.map(({ key, value }) => {
      const written = stringOf(value);
      const isOwn = key === 'job_class' || (written && (written === id || TIME.test(written)));
      const isEmpty = value.kind !== 'scalar' && compactJson(value).length <= 2;
      if (isOwn || isEmpty) return { key, value };
      return { key, value: value.kind === 'scalar' ? hideUnknown(value, secrets) : scalar(HIDDEN) };
    }),
  };
}
