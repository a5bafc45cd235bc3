import sql, { type Sql } from 'sql-template-tag';
import { isBlank } from './blank';
import { payloadTime } from './clock';
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
