import { stringify } from 'lossless-json';
import { type Expected, type ExpectedRow, isObject } from './expectation';
import { type Json, TABLES, type Vector } from './vector';

/** What GoodJob is known to do otherwise than the console (GOODJOB.md), and under which flag that belongs. */
export const WAYS = {
  seesNoLock: 'stricter: GoodJob sees no lock of others under skiplocked',
  forgetsBatch: 'defect: GoodJob forgets the batch of a job that is discarded by hand',
  finishesEarly: 'defect: GoodJob sets finished_at before the callbacks have run',
  operatorsLocale: "defect: GoodJob gives callbacks the operator's locale",
  rewritesProperties: 'defect: GoodJob writes serialized_properties anew, in another order',
  stopsHalfWay: 'defect: GoodJob stops half-way at a member that it cannot retry',
  ownTabs: "defect: GoodJob's own tabs go by executions, the console's by its one rule of states",
  rewritesArguments: 'needs_app: GoodJob writes arguments of an old format anew',
  dropsKeys: 'needs_app: GoodJob drops keys that Active Job does not know',
  refusesByRuby: "needs_app: the app's own class keeps GoodJob from retrying the job",
  halts: "needs_app: the app's own class halts the retry",
  classDecides:
    'needs_app: the class decides its concurrency key in Ruby, and a caller may give no cron_at',
} as const;
export type Way = keyof typeof WAYS;

/** Whether a row of the recording is as it was. */
export function isUntouched({ before, after }: Vector, id: string): boolean {
  const [was, is] = [before, after].map((rows) =>
    TABLES.flatMap((table) => rows[table].filter((row) => row.id === id)),
  );
  return stringify(was) === stringify(is);
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

/** The job's payload without the keys that the recording has lost, as far as they are none of Active Job's. */
export function dropsKeys({ after }: Vector, job: ExpectedRow): Expected {
  const params = job.serialized_params as { [key: string]: Expected };
  const left = after.good_jobs.find(({ id }) => id === job.id)?.serialized_params;
  return Object.fromEntries(
    Object.entries(params).filter(
      ([key]) => ACTIVE_JOB_KEYS.has(key) || (isObject<Json>(left) && key in left),
    ),
  );
}

/** Arguments as the recording has them, when they say the same in another form. */
export function rewrittenArguments({ after }: Vector, job: ExpectedRow): Expected {
  const params = job.serialized_params as { [key: string]: Expected };
  const written = after.good_jobs.find(({ id }) => id === job.id)?.serialized_params;
  const theirs = isObject<Json>(written) ? written.arguments : undefined;
  return theirs !== undefined && inOneForm(theirs) === inOneForm(params.arguments as Json)
    ? { ...params, arguments: theirs }
    : params;
}

/** A time by its instant: older Rails wrote fewer decimals, and no zone beside it. */
function inOneForm(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inOneForm).join()}]`;
  if (!isObject<Json>(value)) return stringify(value) ?? '';
  const isTime = /Time(WithZone)?Serializer$/.test(String(value._aj_serialized));
  const entries = Object.entries(value).filter(([key]) => !(isTime && key === 'time_zone'));
  return `{${entries
    .map(
      ([key, inner]) =>
        `${stringify(key)}:${isTime && key === 'value' ? Date.parse(String(inner)) : inOneForm(inner)}`,
    )
    .sort()
    .join()}}`;
}

/** The properties as the recording has them, when they say the same. */
export function rewrittenProperties({ after }: Vector, batch: ExpectedRow): Expected {
  const written = after.good_job_batches.find(({ id }) => id === batch.id)?.serialized_properties;
  return written !== undefined &&
    inOneOrder(written) === inOneOrder(batch.serialized_properties as Json)
    ? written
    : (batch.serialized_properties ?? null);
}

function inOneOrder(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inOneOrder).join()}]`;
  if (!isObject<Json>(value)) return stringify(value) ?? '';
  const entry = ([key, inner]: [string, Json]) =>
    `${stringify(key)}:${key === '_aj_symbol_keys' && Array.isArray(inner) ? inner.map(inOneOrder).sort().join() : inOneOrder(inner)}`;
  return `{${Object.entries(value).map(entry).sort().join()}}`;
}
