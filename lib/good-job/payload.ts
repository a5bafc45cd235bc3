import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { type Json, memberOf, scalar, stringOf } from '../core/json';
import { runInSteps, runToEnd, type Steps } from '../core/steps';
import { isBlankSql } from '../core/text';
import type { Tx } from '../db/database';
import type { AppSettings } from './tables';
import type { RefusalCode } from './types';

/*
 * `serialized_params` is changed in SQL only: JavaScript would corrupt 12345678901234567890, 1.10
 * and integer-like keys. `jsonb || NULL` and `jsonb_set(x, path, NULL)` are NULL and would wipe the
 * payload; `-> 'key'` of a JSON null is not SQL NULL and differs from a missing key.
 */

const typeOf = (params: Sql, key: string) =>
  sql`coalesce(jsonb_typeof(${params} -> ${key}), 'null')`;
const missingOrNull = (params: Sql, key: string) => sql`${typeOf(params, key)} = 'null'`;
/** `typeOf` without copying the value, which may be megabytes of arguments. */
const typeInPlace = (params: Sql, key: 'arguments' | 'exception_executions') =>
  sql`coalesce(jsonb_path_query_first(${params}, ${`$.${key}.type()`}::jsonpath) #>> '{}', 'null')`;

/**
 * A FROM item `payload` whose `p[1]` is the payload. Postgres decompresses a stored value in every
 * expression that reads it; an array holds its elements decompressed.
 */
export const payloadSource = (params: Sql): Sql =>
  sql`(SELECT ARRAY[${params}] AS p OFFSET 0) payload`;
const PAYLOAD = sql`payload.p[1]`;

const MIN_INT4 = '-2147483648';
const MAX_INT4 = '2147483647';
const MIN_INT8 = '-9223372036854775808';
/** One below the largest bigint, because a retry adds 1. */
const MAX_INT8_TO_INCREMENT = '9223372036854775806';

/** Whether a number is fractional or outside the bounds; false for any other type. */
const isInvalidInteger = (params: Sql, key: string, low: string, high: string) => sql`
  CASE WHEN ${typeOf(params, key)} = 'number'
    THEN (${params} ->> ${key})::numeric <> trunc((${params} ->> ${key})::numeric)
      OR (${params} ->> ${key})::numeric NOT BETWEEN ${low}::numeric AND ${high}::numeric
    ELSE false END`;

/** The refusal codes of payloads that Active Job cannot deserialize. */
export const PARAMS_PROBLEMS = [
  'params_not_an_object',
  'params_without_job_class',
  'params_of_wrong_type',
] as const satisfies RefusalCode[];

/** SQL for the code in PARAMS_PROBLEMS; NULL if Active Job can deserialize the payload. */
export function paramsProblem(params: Sql): Sql {
  return sql`(SELECT CASE
    WHEN jsonb_typeof(${PAYLOAD}) IS DISTINCT FROM 'object' THEN 'params_not_an_object'
    WHEN ${typeOf(PAYLOAD, 'job_class')} <> 'string'
      OR ${isBlankSql(sql`${PAYLOAD} ->> 'job_class'`)} THEN 'params_without_job_class'
    WHEN ${typeOf(PAYLOAD, 'queue_name')} NOT IN ('string', 'null')
      OR ${typeOf(PAYLOAD, 'priority')} NOT IN ('number', 'null')
      OR ${isInvalidInteger(PAYLOAD, 'priority', MIN_INT4, MAX_INT4)}
      OR ${typeOf(PAYLOAD, 'executions')} NOT IN ('number', 'null')
      OR ${isInvalidInteger(PAYLOAD, 'executions', MIN_INT8, MAX_INT8_TO_INCREMENT)}
      OR ${typeInPlace(PAYLOAD, 'arguments')} NOT IN ('array', 'null')
      OR ${typeOf(PAYLOAD, 'locale')} NOT IN ('string', 'null')
      OR ${typeOf(PAYLOAD, 'timezone')} NOT IN ('string', 'null')
      OR ${typeInPlace(PAYLOAD, 'exception_executions')} NOT IN ('object', 'null')
    THEN 'params_of_wrong_type' END
    FROM ${payloadSource(params)})`;
}

/** The row's `queue_name` for this payload: `default` for null or blank. */
export function queueOfParams(params: Sql): Sql {
  return sql`CASE WHEN ${isBlankSql(sql`${params} ->> 'queue_name'`)} THEN 'default'
    ELSE ${params} ->> 'queue_name' END`;
}

/** The row's `priority` for this payload: 0 for null. */
export function priorityOfParams(params: Sql): Sql {
  return sql`coalesce((${params} ->> 'priority')::numeric::integer, 0)`;
}

/**
 * The payload after `GoodJob::Job#retry_job`. Keys unknown to Active Job stay, because an app that
 * overrides `serialize` needs them. `now` is a result of clock(); `id` is the job's id.
 */
export function retriedParams(params: Sql, id: Sql, now: string, app: AppSettings): Sql {
  const at = payloadTime(now);
  const fill = (key: string, value: Sql) =>
    sql`CASE WHEN ${missingOrNull(params, key)} THEN jsonb_build_object(${key}::text, ${value})
      ELSE '{}'::jsonb END`;
  const noArguments = sql`${typeInPlace(params, 'arguments')} = 'null'`;
  // Every `||` copies the whole payload, so it is concatenated once.
  return sql`${params} || (
    jsonb_build_object(
      'executions', coalesce((${params} ->> 'executions')::numeric, 0) + 1,
      'provider_job_id', ${id}::text,
      'enqueued_at', ${at}::text,
      'scheduled_at', ${at}::text)
    || ${fill('locale', sql`${app.locale}::text`)}
    || ${fill('timezone', sql`${app.timeZone}::text`)}
    || CASE WHEN ${noArguments} THEN '{"arguments": []}'::jsonb ELSE '{}'::jsonb END
    || CASE WHEN ${params} ? 'exception_executions' THEN '{}'::jsonb
         ELSE '{"exception_executions": null}'::jsonb END)`;
}

/** Keys in which ActiveJob::Arguments records the original key type of a hash. */
const HASH_KEY_MARKERS = new Set([
  '_aj_symbol_keys',
  '_aj_ruby2_keywords',
  '_aj_hash_with_indifferent_access',
]);

const VALUES_PER_STEP = 2_048;

/**
 * Decodes ActiveJob::Arguments values to the text that GoodJob's dashboard prints. A GlobalID stays
 * a `gid://` URI, and the value of a custom serializer stays as stored.
 */
export const decodeActiveJob = (json: Json): Json => runToEnd(decodeSteps(json));

/** `decodeActiveJob` for large values; yields to the event loop. */
export const decodeActiveJobInSteps = (json: Json): Promise<Json> => runInSteps(decodeSteps(json));

/** Recursion is safe because the JSON parser limits the depth to MAX_DEPTH. */
function* decodeSteps(json: Json): Steps<Json> {
  if (json.kind === 'array') {
    const items: Json[] = [];
    for (const item of json.items) {
      if (items.length % VALUES_PER_STEP === VALUES_PER_STEP - 1) yield;
      items.push(item.kind === 'scalar' ? item : yield* decodeSteps(item));
    }
    return { kind: 'array', items };
  }
  if (json.kind === 'scalar') return json;
  // Active Job reads `_aj_globalid` only in a hash without other keys.
  const globalId = json.entries.length === 1 ? memberOf(json, '_aj_globalid') : undefined;
  if (globalId) return globalId;
  const serializer = stringOf(memberOf(json, '_aj_serialized'));
  if (serializer !== undefined) return (yield* decodeSerialized(serializer, json)) ?? json;
  const entries: { key: string; value: Json }[] = [];
  for (const [n, { key, value }] of json.entries.entries()) {
    if (n % VALUES_PER_STEP === VALUES_PER_STEP - 1) yield;
    if (!HASH_KEY_MARKERS.has(key))
      entries.push({ key, value: value.kind === 'scalar' ? value : yield* decodeSteps(value) });
  }
  return { kind: 'object', entries };
}

function* decodeSerialized(serializer: string, json: Json): Steps<Json | undefined> {
  const value = memberOf(json, 'value');
  const text = stringOf(value);
  switch (serializer.replace(/^ActiveJob::Serializers::/, '')) {
    case 'SymbolSerializer':
    case 'ModuleSerializer':
    case 'DateSerializer':
    case 'BigDecimalSerializer':
      return value;
    case 'DateTimeSerializer':
      return text === undefined
        ? undefined
        : scalar(text.replace(/\.\d+/, '').replace(/Z$/, '+00:00'));
    case 'TimeSerializer':
    case 'TimeWithZoneSerializer':
      return text === undefined ? undefined : scalar(rubyTime(text));
    case 'DurationSerializer':
      return value?.kind === 'scalar' && text === undefined ? scalar(value.text) : value;
    case 'RangeSerializer': {
      const exclusive = memberOf(json, 'exclude_end');
      const dots = exclusive?.kind === 'scalar' && exclusive.text === 'true' ? '...' : '..';
      return scalar(
        (yield* boundSteps(memberOf(json, 'begin'))) +
          dots +
          (yield* boundSteps(memberOf(json, 'end'))),
      );
    }
    default:
      return undefined;
  }
}

/** The text of one end of a range; empty if it is open. */
function* boundSteps(bound: Json | undefined): Steps<string> {
  const decoded = bound && (yield* decodeSteps(bound));
  return decoded?.kind === 'scalar' && decoded.text !== 'null'
    ? (stringOf(decoded) ?? decoded.text)
    : '';
}

/** `Time#to_s` of an ISO 8601 time: seconds, and `UTC` or the offset. */
function rubyTime(iso: string): string {
  const match = /^(\d{4,}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)$/.exec(iso);
  if (!match) return iso;
  return `${match[1]} ${match[2]} ${match[3] === 'Z' ? 'UTC' : (match[3] ?? '').replace(':', '')}`;
}

/**
 * Matches backtrace frames of gems, Ruby and generated code, like Rails' backtrace cleaner. The
 * syntax means the same in JavaScript and Postgres.
 */
export const LIBRARY_FRAME_PATTERN = [
  String.raw`/(gems|bundler|rubygems|ruby/\d|lib/ruby|vendor/bundle|\.rbenv|\.rvm)/`,
  '^<internal:',
  String.raw`^\(eval`,
  '/bin/(rails|bundle|good_job|ruby)',
].join('|');
const LIBRARY_FRAME = new RegExp(LIBRARY_FRAME_PATTERN);

/** Whether a backtrace line belongs to a library and not to the app. */
export function isLibraryFrame(frame: string): boolean {
  return LIBRARY_FRAME.test(frame);
}

/* Notifications to workers, and the times in them and in payloads. */

/** PostgreSQL rejects a notification of 8,000 bytes or more. */
const MAX_PAYLOAD_BYTES = 7_999;

/** A queue name as a parameter of `notify`: truncated, because a longer one is never sent. */
export const notifiedQueue = (queueName: Sql): Sql =>
  sql`left(${queueName}, ${MAX_PAYLOAD_BYTES}::int)`;

/**
 * Wakes the workers of each queue with one notification, as `GoodJob::Bulk` does; `queues` has an
 * entry for each job, `scheduledAt` is ISO 8601 UTC. A queue name too long for a payload is
 * skipped, and the workers find its jobs by polling.
 */
export async function notify(tx: Tx, queues: string[], scheduledAt: string): Promise<void> {
  const counts = new Map<string, number>();
  for (const queue of queues) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  const payloads = [...counts]
    .map(([queue_name, count]) =>
      JSON.stringify({
        queue_name,
        scheduled_at: notificationTime(scheduledAt),
        ...(count > 1 ? { count } : {}),
      }),
    )
    .filter((payload) => Buffer.byteLength(payload) <= MAX_PAYLOAD_BYTES);
  if (payloads.length === 0) return;
  await tx.execute(
    sql`SELECT pg_notify('good_job', payload) FROM unnest(${payloads}::text[]) payload`,
  );
}

const clockRow = z.strictObject({ now: z.string() });

/**
 * The database's time, UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. now() would be the start of the
 * transaction, before any wait for a lock.
 */
export async function clock(tx: Tx): Promise<string> {
  const [row] = await tx.query(clockRow, sql`SELECT clock_timestamp() AS now`);
  if (!row) throw new Error('The database returned no time.');
  return row.now;
}

/** A clock() time as Active Job writes it into a payload (Rails 7.1+): with nine decimals. */
export function payloadTime(now: string): string {
  return now.replace(/(\.\d{6})Z$/, '$1000Z');
}

/** A clock() time as GoodJob writes it into a notification: with three decimals. */
function notificationTime(now: string): string {
  return now.replace(/(\.\d{3})\d{3}Z$/, '$1Z');
}
