import sql, { type Sql } from 'sql-template-tag';
import { type Json, get, scalar, stringOf } from '../core/json';
import { type Steps, runInSteps, runToEnd } from '../core/steps';
import { isBlank } from '../core/text';
import { payloadTime } from './notify';
import type { AppSettings } from './tables';

/*
 * serialized_params, changed in SQL only: parsing it in JavaScript would corrupt 12345678901234567890, 1.10 and
 * integer-like keys. Traps: `jsonb || NULL` and `jsonb_set(x, path, NULL)` are NULL and would wipe the payload;
 * `-> 'key'` of a JSON null is not SQL NULL, and differs from a missing key.
 */

const typeOf = (params: Sql, key: string) =>
  sql`coalesce(jsonb_typeof(${params} -> ${key}), 'null')`;
const missingOrNull = (params: Sql, key: string) => sql`${typeOf(params, key)} = 'null'`;
/** Unlike `typeOf` it makes no copy of the value, which may be megabytes of arguments. */
const typeInPlace = (params: Sql, key: 'arguments' | 'exception_executions') =>
  sql`coalesce(jsonb_path_query_first(${params}, ${`$.${key}.type()`}::jsonpath) #>> '{}', 'null')`;

/**
 * A source `payload` whose column `p[1]` is the payload, decompressed once. Postgres decompresses a stored value again
 * in each expression that reads it, and an array holds its elements decompressed.
 */
export const decompressed = (params: Sql): Sql =>
  sql`(SELECT ARRAY[${params}] AS p OFFSET 0) payload`;
const P = sql`payload.p[1]`;

/** A number that is no integer, or does not fit between the bounds; false for anything that is no number. */
const badInteger = (params: Sql, key: string, low: string, high: string) => sql`
  CASE WHEN ${typeOf(params, key)} = 'number'
    THEN (${params} ->> ${key})::numeric <> trunc((${params} ->> ${key})::numeric)
      OR (${params} ->> ${key})::numeric NOT BETWEEN ${low}::numeric AND ${high}::numeric
    ELSE false END`;

/** Why the payload cannot be enqueued again (ActiveJobDeserializationError in GoodJob), or NULL when it can. */
export function paramsProblem(params: Sql): Sql {
  return sql`(SELECT CASE
    WHEN jsonb_typeof(${P}) IS DISTINCT FROM 'object' THEN 'params_not_an_object'
    WHEN ${typeOf(P, 'job_class')} <> 'string' OR ${isBlank(sql`${P} ->> 'job_class'`)} THEN 'params_without_job_class'
    WHEN ${typeOf(P, 'queue_name')} NOT IN ('string', 'null')
      OR ${typeOf(P, 'priority')} NOT IN ('number', 'null') OR ${badInteger(P, 'priority', '-2147483648', '2147483647')}
      OR ${typeOf(P, 'executions')} NOT IN ('number', 'null') OR ${badInteger(P, 'executions', '-9223372036854775808', '9223372036854775806')}
      OR ${typeInPlace(P, 'arguments')} NOT IN ('array', 'null')
      OR ${typeOf(P, 'locale')} NOT IN ('string', 'null') OR ${typeOf(P, 'timezone')} NOT IN ('string', 'null')
      OR ${typeInPlace(P, 'exception_executions')} NOT IN ('object', 'null')
    THEN 'params_of_wrong_type' END
    FROM ${decompressed(params)})`;
}

/** `queue_name` of the payload as GoodJob stores it in the row: null or blank is `default`. */
export function queueOfParams(params: Sql): Sql {
  return sql`CASE WHEN ${isBlank(sql`${params} ->> 'queue_name'`)} THEN 'default' ELSE ${params} ->> 'queue_name' END`;
}

/** `priority` of the payload as GoodJob stores it in the row: null is 0. */
export function priorityOfParams(params: Sql): Sql {
  return sql`coalesce((${params} ->> 'priority')::numeric::integer, 0)`;
}

/**
 * The payload of a job that is enqueued once more (ActiveJob::Core#serialize after Job#retry_job): all other
 * keys stay, also those that Active Job does not know (an app that overrides `serialize` needs them).
 * `now` as of clock(); `id` is the job's id.
 */
export function retriedParams(params: Sql, id: Sql, now: string, app: AppSettings): Sql {
  const at = payloadTime(now);
  const fill = (key: string, value: Sql) =>
    sql`CASE WHEN ${missingOrNull(params, key)} THEN jsonb_build_object(${key}::text, ${value}) ELSE '{}'::jsonb END`;
  const noArguments = sql`${typeInPlace(params, 'arguments')} = 'null'`;
  // One `||` on the payload itself: each one copies all of it.
  return sql`${params} || (
    jsonb_build_object(
      'executions', coalesce((${params} ->> 'executions')::numeric, 0) + 1,
      'provider_job_id', ${id}::text, 'enqueued_at', ${at}::text, 'scheduled_at', ${at}::text)
    || ${fill('locale', sql`${app.locale}::text`)}
    || ${fill('timezone', sql`${app.timeZone}::text`)}
    || CASE WHEN ${noArguments} THEN '{"arguments": []}'::jsonb ELSE '{}'::jsonb END
    || CASE WHEN ${params} ? 'exception_executions' THEN '{}'::jsonb ELSE '{"exception_executions": null}'::jsonb END)`;
}

/** Keys that ActiveJob::Arguments adds to a hash to remember what its keys were. */
const HASH_MARKS = new Set([
  '_aj_symbol_keys',
  '_aj_ruby2_keywords',
  '_aj_hash_with_indifferent_access',
]);

/** Values that one step decodes. */
const VALUES_PER_STEP = 2_048;

/**
 * Decodes values that ActiveJob::Arguments serialized, to the text that GoodJob's dashboard prints for them
 * (JSON.pretty_generate calls to_s on what is no JSON). A GlobalID stays its `gid://` URI: the record is the
 * app's. A serializer that is not Active Job's own stays as it is stored.
 */
export const decodeActiveJob = (json: Json): Json => runToEnd(decodeSteps(json));

/** `decodeActiveJob` for large values: yields to the event loop. */
export const decodeActiveJobInSteps = (json: Json): Promise<Json> => runInSteps(decodeSteps(json));

/** Recursive: JSON is never deeper than MAX_DEPTH. */
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
  // Beside other keys it is none to Active Job either, and those must not be lost.
  const globalId = json.entries.length === 1 ? get(json, '_aj_globalid') : undefined;
  if (globalId) return globalId;
  const serializer = stringOf(get(json, '_aj_serialized'));
  if (serializer !== undefined) return (yield* decodeSerialized(serializer, json)) ?? json;
  const entries: { key: string; value: Json }[] = [];
  for (const [n, { key, value }] of json.entries.entries()) {
    if (n % VALUES_PER_STEP === VALUES_PER_STEP - 1) yield;
    if (!HASH_MARKS.has(key))
      entries.push({ key, value: value.kind === 'scalar' ? value : yield* decodeSteps(value) });
  }
  return { kind: 'object', entries };
}

function* decodeSerialized(serializer: string, json: Json): Steps<Json | undefined> {
  const value = get(json, 'value');
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
      const exclusive = get(json, 'exclude_end');
      const dots = exclusive?.kind === 'scalar' && exclusive.text === 'true' ? '...' : '..';
      return scalar(
        (yield* boundSteps(get(json, 'begin'))) + dots + (yield* boundSteps(get(json, 'end'))),
      );
    }
    default:
      return undefined;
  }
}

/** The text of one end of a range; empty where it is open. */
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

/** Frames of gems, Ruby itself and generated code, as Rails' backtrace cleaner leaves them out; in what JavaScript and Postgres read alike. */
export const LIBRARY_FRAME_PATTERN = String.raw`/(gems|bundler|rubygems|ruby/\d|lib/ruby|vendor/bundle|\.rbenv|\.rvm)/|^<internal:|^\(eval|/bin/(rails|bundle|good_job|ruby)`;
const LIBRARY_FRAME = new RegExp(LIBRARY_FRAME_PATTERN);

/** Whether a line of a backtrace is of a library, not of the app. */
export function isLibraryFrame(frame: string): boolean {
  return LIBRARY_FRAME.test(frame);
}
