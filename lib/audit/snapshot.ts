import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { type Json, compactJson, get, object, parseJson, scalar, stringOf } from '../good-job/json';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import type { GoodJob } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { cut } from '../text';
import { MAX_ROWS } from './bounds';

/*
 * What an act changes, row by row: read under the act's own locks, before and after, by primary key. Kept with the
 * audit record, so redacted and bounded before it is stored.
 */

/** Rows by id; a row's columns in the order in which they are shown. */
export type Snapshot = Map<string, Map<string, Json>>;

/** A larger payload is kept without its arguments, bytes. */
const LARGE = 100_000;

const time = (column: string) =>
  sql`to_json(to_char(r.${raw(column)}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text`;
const plain = (column: string) => sql`to_json(r.${raw(column)})::text`;

/** Of a row: its arguments were too large to be read. No column, and not kept. */
const WITHOUT_ARGUMENTS = 'without_arguments';

/** What the actions of lib/good-job change of a job; `updated_at` says no more than the record's own time. */
const JOB_COLUMNS: [name: string, json: Sql][] = [
  ...['job_class', 'queue_name', 'priority'].map((name): [string, Sql] => [name, plain(name)]),
  ...['created_at', 'scheduled_at', 'performed_at', 'finished_at'].map((name): [string, Sql] => [
    name,
    time(name),
  ]),
  ['error', plain('error')],
  ['error_event', sql`to_json((${[...ERROR_EVENTS]}::text[])[r.error_event + 1])::text`],
  ['locked_by_id', plain('locked_by_id')],
  ['locked_at', time('locked_at')],
  [
    'serialized_params',
    sql`(CASE WHEN jsonb_typeof(r.serialized_params) = 'object' AND pg_column_size(r.serialized_params) > ${LARGE} THEN r.serialized_params - 'arguments' ELSE r.serialized_params END)::text`,
  ],
  [
    WITHOUT_ARGUMENTS,
    sql`(jsonb_typeof(r.serialized_params) = 'object' AND pg_column_size(r.serialized_params) > ${LARGE})::text`,
  ],
];

/** These jobs as they are now; empty for more than MAX_ROWS. */
export async function readJobs(tx: Tx, gj: GoodJob, ids: string[]): Promise<Snapshot> {
  return read(tx, gj.jobs, JOB_COLUMNS, ids);
}

/** These batches as they are now; empty for more than MAX_ROWS. */
export async function readBatches(tx: Tx, gj: GoodJob, ids: string[]): Promise<Snapshot> {
  const names = ['enqueued_at', 'discarded_at', 'jobs_finished_at', 'finished_at'].filter((name) =>
    gj.has('good_job_batches', name),
  );
  return read(
    tx,
    gj.batches,
    names.map((name) => [name, time(name)]),
    ids,
  );
}

async function read(
  tx: Tx,
  table: Sql,
  columns: [string, Sql][],
  ids: string[],
): Promise<Snapshot> {
  if (ids.length === 0 || ids.length > MAX_ROWS) return new Map();
  const rows = await tx.query<{ id: string; values: (string | null)[] }>(sql`
    SELECT r.id, ARRAY[${join(columns.map(([, json]) => json))}] AS values FROM ${table} r WHERE r.id = ANY(${ids}::uuid[]) ORDER BY r.id`);
  return new Map(
    rows.map(({ id, values }) => [
      id,
      new Map(columns.map(([name], n) => [name, parseJson(values[n] ?? 'null')])),
    ]),
  );
}

/** `before` and `after` of the rows that were changed, for the record; a row that is gone is in `before` alone. */
export function changesOf(
  before: Snapshot,
  after: Snapshot,
  changed: string[],
): { before: string | null; after: string | null } {
  const ids = changed.filter((id) => before.has(id) || after.has(id));
  const rows = (of: Snapshot, other: Snapshot) => {
    const kept = ids.flatMap((id): [string, Json][] => {
      const row = of.get(id);
      return row ? [[id, bounded(told(row, other.get(id)))]] : [];
    });
    return kept.length > 0 ? compactJson(object(kept)) : null;
  };
  return { before: rows(before, after), after: rows(after, before) };
}

/**
 * Of the payload only what is not the same afterwards; of a row that is gone, all. What is hidden of its arguments is
 * hidden in its error too, whether they are kept or not.
 */
function told(row: Map<string, Json>, other: Map<string, Json> | undefined): Json {
  const rules = redaction();
  const secrets = new SecretRegistry();
  const options = { of: 'row', jobClass: stringOf(row.get('job_class')) ?? null, secrets } as const;
  for (const one of [row, other]) if (one) rules.redactJson(object([...one]), options);
  secrets.overflowed ||=
    isTrue(row.get(WITHOUT_ARGUMENTS)) || isTrue(other?.get(WITHOUT_ARGUMENTS));
  const entries = [...row].flatMap(([name, value]): [string, Json][] => {
    if (name === WITHOUT_ARGUMENTS) return [];
    if (name !== 'serialized_params' || !other) return [[name, value]];
    const kept = differing(value, other.get(name));
    return kept ? [[name, kept]] : [];
  });
  return rules.redactJson(object(entries), options);
}

const isTrue = (json: Json | undefined) => json?.kind === 'scalar' && json.text === 'true';

function differing(params: Json, others: Json | undefined): Json | null {
  if (params.kind !== 'object' || !others) return null;
  const entries = params.entries.filter(({ key, value }) => {
    const other = get(others, key);
    return !other || compactJson(other) !== compactJson(value);
  });
  return entries.length > 0 ? { kind: 'object', entries } : null;
}

const TEXT_KEPT = 1_000;
/** Characters of JSON: of one column, and of one key of the payload. */
const KEPT = { column: 16_000, key: 4_000 };

/** A long text is cut, and a value that is long all the same becomes the beginning of its JSON, as text. */
function bounded(row: Json): Json {
  const entries = (json: Json, of: (value: Json) => Json): Json =>
    json.kind === 'object'
      ? {
          kind: 'object',
          entries: json.entries.map(({ key, value }) => ({ key, value: of(value) })),
        }
      : json;
  return entries(shortened(row), (column) =>
    atMost(
      KEPT.column,
      entries(column, (value) => atMost(KEPT.key, value)),
    ),
  );
}

function atMost(length: number, value: Json): Json {
  const text = compactJson(value);
  return text.length > length ? scalar(`${cut(text, length)}…`) : value;
}

function shortened(json: Json): Json {
  if (json.kind === 'array') return { kind: 'array', items: json.items.map(shortened) };
  if (json.kind === 'object')
    return {
      kind: 'object',
      entries: json.entries.map(({ key, value }) => ({ key, value: shortened(value) })),
    };
  const text = stringOf(json);
  return text && text.length > TEXT_KEPT ? scalar(`${cut(text, TEXT_KEPT)}…`) : json;
}
