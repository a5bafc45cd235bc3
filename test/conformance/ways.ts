import { stringify } from 'lossless-json';
import { type Expected, type ExpectedRow, isObject } from './expectation';
import { type Json, type Rows, TABLES, type Vector } from './vector';

/** Known deviations of GoodJob from the console's rules (GOODJOB.md), each with its flag. */
export const DEVIATIONS = {
  ignoresLocks: 'stricter: GoodJob ignores the locks of other sessions under skiplocked',
  skipsCompletionCheck:
    'defect: GoodJob skips the completion check after a discard in the dashboard',
  finishesEarly: 'defect: GoodJob sets finished_at before the callbacks have run',
  usesOperatorLocale: "defect: GoodJob gives callbacks the operator's locale",
  rewritesProperties: 'defect: GoodJob rewrites serialized_properties in another order',
  stopsHalfWay: 'defect: GoodJob stops at the first member that it cannot retry',
  usesOwnTabs: "defect: GoodJob's tabs use executions, the console's use one rule of states",
  rewritesArguments: 'needs_app: GoodJob rewrites arguments of an old format',
  dropsKeys: 'needs_app: GoodJob drops keys unknown to Active Job',
  isRefusedByClass: "needs_app: the app's class prevents the retry",
  isHaltedByCallback: 'needs_app: an enqueue callback of the app halts the retry',
  isDecidedByClass:
    'needs_app: the class sets its concurrency key in Ruby, and a caller may omit cron_at',
} as const;
export type Deviation = keyof typeof DEVIATIONS;

/** Whether the recorded action did not change a row. */
export function isUnchanged({ before, after }: Vector, id: string): boolean {
  const rowsOf = (rows: Rows) =>
    TABLES.flatMap((table) => rows[table].filter((row) => row.id === id));
  return stringify(rowsOf(before)) === stringify(rowsOf(after));
}

const ACTIVE_JOB_KEYS = new Set([
  'job_class',
  'job_id',
  'provider_job_id',
  'queue_name',
  'priority',
  'arguments',
  'executions',
  'exception_executions',
  'locale',
  'timezone',
  'enqueued_at',
  'scheduled_at',
]);

/** The job's payload without the keys unknown to Active Job that the recording lacks. */
export function dropUnknownKeys({ after }: Vector, job: ExpectedRow): Expected {
  const params = job.serialized_params as { [key: string]: Expected };
  const recordedParams = after.good_jobs.find(({ id }) => id === job.id)?.serialized_params;
  return Object.fromEntries(
    Object.entries(params).filter(
      ([key]) =>
        ACTIVE_JOB_KEYS.has(key) || (isObject<Json>(recordedParams) && key in recordedParams),
    ),
  );
}

/** The payload with the recorded arguments if they are equal in another format. */
export function rewriteArguments({ after }: Vector, job: ExpectedRow): Expected {
  const params = job.serialized_params as { [key: string]: Expected };
  const recordedParams = after.good_jobs.find(({ id }) => id === job.id)?.serialized_params;
  const recordedArguments = isObject<Json>(recordedParams) ? recordedParams.arguments : undefined;
  return recordedArguments !== undefined &&
    normalizeTimes(recordedArguments) === normalizeTimes(params.arguments as Json)
    ? { ...params, arguments: recordedArguments }
    : params;
}

/**
 * Serializes a value so that times of the same instant are equal, because older Rails versions
 * wrote fewer decimals and no zone.
 */
function normalizeTimes(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(normalizeTimes).join()}]`;
  if (!isObject<Json>(value)) return stringify(value) ?? '';
  const isTime = /Time(WithZone)?Serializer$/.test(String(value._aj_serialized));
  const entries = Object.entries(value).filter(([key]) => !(isTime && key === 'time_zone'));
  return `{${entries
    .map(([key, inner]) => {
      const isInstant = isTime && key === 'value';
      const text = isInstant ? Date.parse(String(inner)) : normalizeTimes(inner);
      return `${stringify(key)}:${text}`;
    })
    .sort()
    .join()}}`;
}

/** The recorded properties if they are equal in another order, else the batch's own. */
export function rewriteProperties({ after }: Vector, batch: ExpectedRow): Expected {
  const recordedProperties = after.good_job_batches.find(
    ({ id }) => id === batch.id,
  )?.serialized_properties;
  return recordedProperties !== undefined &&
    sortKeys(recordedProperties) === sortKeys(batch.serialized_properties as Json)
    ? recordedProperties
    : (batch.serialized_properties ?? null);
}

/** Serializes a value so that objects with the same entries in any order are equal. */
function sortKeys(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(sortKeys).join()}]`;
  if (!isObject<Json>(value)) return stringify(value) ?? '';
  const entry = ([key, inner]: [string, Json]) => {
    const isKeyList = key === '_aj_symbol_keys' && Array.isArray(inner);
    const text = isKeyList ? inner.map(sortKeys).sort().join() : sortKeys(inner);
    return `${stringify(key)}:${text}`;
  };
  return `{${Object.entries(value).map(entry).sort().join()}}`;
}
