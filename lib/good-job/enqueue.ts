import { randomUUID } from 'node:crypto';
import sql, { raw, type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { isBlankText } from '../core/text';
import type { Tx } from '../db/database';
import {
  clock,
  notifiedQueue,
  notify,
  PARAMS_PROBLEMS,
  paramsProblem,
  payloadSource,
  payloadTime,
  priorityOfParams,
  queueOfParams,
} from './payload';
import { type AppSettings, type GoodJobTables, idRow } from './tables';
import type { RefusalCode } from './types';

/**
 * Thrown inside a transaction to roll it back: the action is not possible for the reason in `code`.
 */
export class RefusalError extends Error {
  constructor(readonly code: RefusalCode) {
    super(code);
  }
}

/* Callback jobs of batches. */

export type BatchEvent = 'discard' | 'success' | 'finish';

/** The row of `callbackColumns`. */
export const batchCallbacksRow = z.strictObject({
  id: z.string(),
  onFinish: z.string().nullable(),
  onSuccess: z.string().nullable(),
  onDiscard: z.string().nullable(),
  callbackQueueName: z.string().nullable(),
  callbackPriority: z.number().nullable(),
});
export type BatchCallbacks = z.infer<typeof batchCallbacksRow>;

/** Longer names of classes, queues, locales and time zones are treated as missing. */
const MAX_NAME_CHARACTERS = 1_000;
const nameOrNull = (text: Sql): Sql =>
  sql`CASE WHEN left(${text}, ${MAX_NAME_CHARACTERS + 1}::int)
      = left(${text}, ${MAX_NAME_CHARACTERS}::int)
    THEN left(${text}, ${MAX_NAME_CHARACTERS}::int) END`;

/** The columns of `batchCallbacksRow`, of a batch `b`. */
export const callbackColumns = sql`b.id,
  ${nameOrNull(sql`b.on_finish`)} AS "onFinish",
  ${nameOrNull(sql`b.on_success`)} AS "onSuccess",
  ${nameOrNull(sql`b.on_discard`)} AS "onDiscard",
  ${nameOrNull(sql`b.callback_queue_name`)} AS "callbackQueueName",
  b.callback_priority AS "callbackPriority"`;

/** The job class of an event's callback; null if `on_*` is blank. */
export function callbackClass(batch: BatchCallbacks, event: BatchEvent): string | null {
  const name = { discard: batch.onDiscard, success: batch.onSuccess, finish: batch.onFinish }[
    event
  ];
  // The name of a class does not include the leading `::` that `constantize` accepts.
  return isBlankText(name) ? null : (name?.replace(/^::/, '') ?? null);
}

/**
 * The app name for `gid://<app>/GoodJob::Batch/<id>`: the setting, else the name in a stored
 * callback job of this or any other batch, else null.
 */
export async function readAppName(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
): Promise<string | null> {
  return (await appNames(tx, tables, [batchId])).get(batchId) ?? null;
}

const appRow = z.strictObject({ app: z.string().nullable() });
const batchAppRow = appRow.extend({ id: z.string() });

async function appNames(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
): Promise<Map<string, string | null>> {
  if (tables.app.appName) return new Map(batchIds.map((id) => [id, tables.app.appName]));
  // Both use index_good_jobs_on_batch_callback_id; the limit bounds the cost of unreadable rows.
  const storedName = (isCallback: Sql): Sql => sql`(
    SELECT substring(gid FROM '^gid://([^/]+)/GoodJob::Batch/')
      FROM (
        SELECT left(
                 j.serialized_params #>> '{arguments,0,_aj_globalid}',
                 ${MAX_NAME_CHARACTERS}::int) AS gid
          FROM ${tables.jobs} j
         WHERE ${isCallback}
         LIMIT 1000) stored
     WHERE gid ~ '^gid://[^/]+/GoodJob::Batch/'
     LIMIT 1)`;
  const batchNames = await tx.query(
    batchAppRow,
    sql`
      SELECT b.id, ${storedName(sql`j.batch_callback_id = b.id`)} AS app
        FROM unnest(${batchIds}::uuid[]) b(id)`,
  );
  const [anyName] = batchNames.every(({ app }) => app)
    ? []
    : await tx.query(
        appRow,
        sql`SELECT ${storedName(sql`j.batch_callback_id IS NOT NULL`)} AS app`,
      );
  return new Map(batchNames.map(({ id, app }) => [id, app ?? anyName?.app ?? null]));
}

/** One callback job to enqueue. */
interface Callback {
  batch: BatchCallbacks;
  event: BatchEvent;
  jobClass: string;
}

/** Values that a job class sets in Ruby, read from a stored payload of that class. */
const storedDefaultsRow = z.strictObject({
  locale: z.string().nullable(),
  timezone: z.string().nullable(),
  queue: z.string().nullable(),
  priority: z.number().nullable(),
});
type StoredDefaults = z.infer<typeof storedDefaultsRow>;

/** The columns of `storedDefaultsRow`, of a payload that is already decompressed. */
const storedDefaultColumns = (p: Sql): Sql => sql`
  CASE jsonb_typeof(${p} -> 'locale')
    WHEN 'string' THEN NULLIF(trim(${nameOrNull(sql`${p} ->> 'locale'`)}), '') END AS locale,
  CASE jsonb_typeof(${p} -> 'timezone')
    WHEN 'string' THEN NULLIF(trim(${nameOrNull(sql`${p} ->> 'timezone'`)}), '') END AS timezone,
  CASE jsonb_typeof(${p} -> 'queue_name')
    WHEN 'string' THEN ${nameOrNull(sql`${p} ->> 'queue_name'`)} END AS queue,
  CASE jsonb_typeof(${p} -> 'priority')
    WHEN 'number' THEN CASE
      WHEN (${p} ->> 'priority')::numeric BETWEEN -2147483648 AND 2147483647
        THEN ${priorityOfParams(p)} END END AS priority`;

/** The defaults in the newest stored job of the class; undefined if there is none. */
async function readStoredDefaults(
  tx: Tx,
  tables: GoodJobTables,
  jobClass: string,
): Promise<StoredDefaults | undefined> {
  const [newest] = await tx.query(
    storedDefaultsRow,
    sql`
      SELECT ${storedDefaultColumns(sql`newest.p[1]`)}
        FROM (
          SELECT ARRAY[j.serialized_params] AS p
            FROM ${tables.jobs} j
           WHERE j.job_class = ${jobClass}
           ORDER BY j.created_at DESC
           LIMIT 1) newest`,
  );
  return newest;
}

/**
 * Enqueues callback jobs as `GoodJob::BatchRecord` does. Queue, priority, locale and time zone that
 * the class sets in Ruby come from its newest stored job.
 *
 * `now` is a result of clock(). Returns the queue of each job; throws RefusalError
 * `app_name_unknown` before it enqueues any.
 */
export async function enqueueCallbacks(
  tx: Tx,
  tables: GoodJobTables,
  callbacks: Callback[],
  now: string,
): Promise<string[]> {
  if (callbacks.length === 0) return [];
  const apps = await appNames(tx, tables, [...new Set(callbacks.map(({ batch }) => batch.id))]);
  if ([...apps.values()].includes(null)) throw new RefusalError('app_name_unknown');
  const defaults = new Map<string, StoredDefaults | undefined>();
  for (const { jobClass } of callbacks)
    if (!defaults.has(jobClass))
      defaults.set(jobClass, await readStoredDefaults(tx, tables, jobClass));

  const jobs = callbacks.map((callback) =>
    callbackJob(
      callback,
      defaults.get(callback.jobClass),
      apps.get(callback.batch.id) ?? null,
      tables.app,
      now,
    ),
  );
  const column = (name: keyof (typeof jobs)[number]) => jobs.map((job) => job[name]);
  await tx.execute(sql`
    INSERT INTO ${tables.jobs} (
           id, active_job_id, queue_name, priority, job_class, serialized_params,
           batch_callback_id, scheduled_at, created_at, updated_at)
    SELECT id, id, queue, priority, job_class, payload, batch_id, ${now}, ${now}, ${now}
      FROM unnest(
             ${column('id')}::uuid[],
             ${column('queue')}::text[],
             ${column('priority')}::int[],
             ${column('jobClass')}::text[],
             ${column('payload')}::jsonb[],
             ${column('batchId')}::uuid[])
        AS c(id, queue, priority, job_class, payload, batch_id)`);
  return jobs.map(({ queue }) => queue);
}

/** The first queue name that is not blank; `default` if all are. */
function firstPresentQueue(...names: (string | null | undefined)[]): string {
  return names.find((name) => !isBlankText(name ?? null)) ?? 'default';
}

/** The columns of a callback job. `now` is a result of clock(). */
function callbackJob(
  { batch, event, jobClass }: Callback,
  defaults: StoredDefaults | undefined,
  app: string | null,
  settings: AppSettings,
  now: string,
) {
  const queue = firstPresentQueue(batch.callbackQueueName, defaults?.queue);
  const priority = batch.callbackPriority ?? defaults?.priority ?? null;
  const id = randomUUID();
  const payload = {
    job_class: jobClass,
    job_id: id,
    provider_job_id: null,
    queue_name: queue,
    priority,
    arguments: [
      { _aj_globalid: `gid://${app}/GoodJob::Batch/${batch.id}` },
      {
        event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: event },
        _aj_symbol_keys: ['event'],
      },
    ],
    executions: 0,
    exception_executions: {},
    locale: defaults?.locale ?? settings.locale,
    timezone: defaults?.timezone ?? settings.timeZone,
    enqueued_at: payloadTime(now),
    scheduled_at: null,
  };
  return {
    id,
    queue,
    priority: priority ?? 0,
    jobClass,
    payload: JSON.stringify(payload),
    batchId: batch.id,
  };
}

/** `enqueueCallbacks` for one callback; returns its queue. */
export async function enqueueCallback(
  tx: Tx,
  tables: GoodJobTables,
  batch: BatchCallbacks,
  event: BatchEvent,
  jobClass: string,
  now: string,
): Promise<string> {
  const [queue] = await enqueueCallbacks(tx, tables, [{ batch, event, jobClass }], now);
  return queue ?? 'default';
}

/* Jobs of cron entries. */

/** The job of a cron entry in the configuration; null for what the configuration omits. */
export interface CronJob {
  jobClass: string;
  /** Serialized by Active Job: the text of a JSON array. */
  arguments: string;
  queue: string | null;
  priority: number | null;
  /** 'none': the configuration sets no labels. */
  labels: string[] | 'none' | null;
  concurrencyKey: string | null;
  /** `set: { wait: }`, in seconds. */
  waitSeconds: number | null;
  /** `set: { wait_until: }`, ISO 8601. */
  waitUntil: string | null;
  /** False for `set: { good_job_notify: false }`. */
  notify: boolean;
}

export type CronEnqueueResult =
  | { outcome: 'done'; jobId: string; source: 'file' | 'last_job' }
  /** A job with this `cron_key` and `cron_at` exists (unique index). */
  | { outcome: 'unchanged' }
  /** `no_source`: neither the file nor an earlier job defines what to enqueue. */
  | { outcome: 'refused'; code: 'no_source' | RefusalCode };

const lastJobRow = storedDefaultsRow.extend({
  id: z.string(),
  jobClass: z.string().nullable(),
  problem: z.enum(PARAMS_PROBLEMS).nullable(),
});
type LastJob = z.infer<typeof lastJobRow>;

/**
 * Enqueues a job with `cron_key` and `cron_at` (default: now), as configured or else as a copy of
 * the key's last job (`GoodJob::CronEntry#enqueue`). Values that the class sets in Ruby come from
 * stored jobs; concurrency limits are not checked.
 */
export async function enqueueCron(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  job: CronJob | null,
  cronAt?: string,
): Promise<CronEnqueueResult> {
  const last = await lastJobOf(tx, tables, key);
  if (job) return enqueueFromFile(tx, tables, key, job, last, cronAt);
  if (!last) return { outcome: 'refused', code: 'no_source' };
  if (last.problem) return { outcome: 'refused', code: last.problem };
  return enqueueClone(tx, tables, key, last, cronAt);
}

/** `GoodJob::CronEntry#last_job`; uses index_good_jobs_on_cron_key_and_cron_at_cond. */
async function lastJobOf(tx: Tx, tables: GoodJobTables, key: string): Promise<LastJob | undefined> {
  const [last] = await tx.query(
    lastJobRow,
    sql`
      SELECT j.id,
             left(j.job_class, 1000) AS "jobClass",
             ${storedDefaultColumns(sql`payload.p[1]`)},
             ${paramsProblem(sql`j.serialized_params`)} AS problem
        FROM (
          (SELECT 1 AS part, l.*
             FROM ${tables.jobs} l
            WHERE l.cron_key = ${key} AND l.cron_at IS NOT NULL
            ORDER BY l.cron_at DESC
            LIMIT 1)
          UNION ALL
          (SELECT 2 AS part, l.*
             FROM (
               SELECT *
                 FROM ${tables.jobs}
                WHERE cron_key = ${key} AND cron_at IS NULL
                LIMIT 1000) l
            ORDER BY l.created_at DESC
            LIMIT 1)) j
       CROSS JOIN LATERAL ${payloadSource(sql`j.serialized_params`)}
       ORDER BY j.part
       LIMIT 1`,
  );
  return last;
}

async function enqueueFromFile(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  job: CronJob,
  last: LastJob | undefined,
  cronAt: string | undefined,
): Promise<CronEnqueueResult> {
  const template = last?.jobClass === job.jobClass ? last : undefined;
  // The last job of the same key comes first: other jobs of the class may use `set(queue:)`.
  const defaults = template ?? (await readStoredDefaults(tx, tables, job.jobClass));
  const now = await clock(tx);
  const scheduledAt =
    job.waitUntil ?? (job.waitSeconds === null ? null : addSeconds(now, job.waitSeconds));
  const queue = firstPresentQueue(job.queue, defaults?.queue);
  const priority = job.priority ?? defaults?.priority ?? null;
  // Copied in SQL, because their size is not limited.
  const copyOf = (name: 'labels' | 'concurrency_key') =>
    sql`(SELECT j.${raw(name)} FROM ${tables.jobs} j WHERE j.id = ${template?.id ?? null}::uuid)`;
  const labels =
    job.labels === null
      ? copyOf('labels')
      : sql`${job.labels === 'none' ? null : job.labels}::text[]`;
  const concurrencyKey =
    job.concurrencyKey === null ? copyOf('concurrency_key') : sql`${job.concurrencyKey}::text`;
  const id = randomUUID();
  const payload = {
    job_class: job.jobClass,
    job_id: id,
    provider_job_id: null,
    queue_name: queue,
    priority,
    executions: 0,
    exception_executions: {},
    // Not from other jobs of the class: those have the locale of the request that enqueued them.
    locale: template?.locale ?? tables.app.locale,
    timezone: template?.timezone ?? tables.app.timeZone,
    enqueued_at: payloadTime(now),
    scheduled_at: scheduledAt === null ? null : payloadTime(scheduledAt),
  };
  // The arguments are added as text, which keeps the digits of their numbers.
  const inserted = await tx.query(
    idRow,
    sql`
      INSERT INTO ${tables.jobs} (
             id, active_job_id, queue_name, priority, job_class, serialized_params,
             labels, concurrency_key, cron_key, cron_at, scheduled_at, created_at, updated_at)
      VALUES (${id}, ${id}, ${queue}, ${priority ?? 0}, ${job.jobClass},
              ${JSON.stringify(payload)}::jsonb
                || jsonb_build_object('arguments', ${job.arguments}::jsonb),
              ${labels}, ${concurrencyKey}, ${key}, ${cronAt ?? now}, ${scheduledAt ?? now},
              ${now}, ${now})
          ON CONFLICT DO NOTHING
      RETURNING id`,
  );
  if (inserted.length === 0) return { outcome: 'unchanged' };
  if (job.notify) await notify(tx, [queue], scheduledAt ?? now);
  return { outcome: 'done', jobId: id, source: 'file' };
}

const clonedRow = z.strictObject({ queue: z.string() });

/** Payload keys of Active Job's continuations, which belong to a single run. */
const CONTINUATION_KEYS = ['continuation', 'resumptions'];

async function enqueueClone(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  last: LastJob,
  cronAt: string | undefined,
): Promise<CronEnqueueResult> {
  const now = await clock(tx);
  const id = randomUUID();
  const newRunParams = {
    job_id: id,
    provider_job_id: null,
    executions: 0,
    exception_executions: {},
    enqueued_at: payloadTime(now),
    scheduled_at: null,
  };
  const params = sql`j.serialized_params`;
  const inserted = await tx.query(
    clonedRow,
    sql`
      INSERT INTO ${tables.jobs} (
             id, active_job_id, queue_name, priority, job_class, serialized_params,
             labels, concurrency_key, cron_key, cron_at, scheduled_at, created_at, updated_at)
      SELECT ${id}, ${id}, ${queueOfParams(params)}, ${priorityOfParams(params)},
             ${params} ->> 'job_class',
             (${params} - ${CONTINUATION_KEYS}::text[]) || ${JSON.stringify(newRunParams)}::jsonb
               || CASE WHEN coalesce(jsonb_typeof(${params} -> 'arguments'), 'null') = 'null'
                    THEN '{"arguments": []}'::jsonb ELSE '{}'::jsonb END,
             j.labels, j.concurrency_key, ${key}, ${cronAt ?? now}, ${now}, ${now}, ${now}
        FROM ${tables.jobs} j
       WHERE j.id = ${last.id}
          ON CONFLICT DO NOTHING
      RETURNING ${notifiedQueue(sql`queue_name`)} AS queue`,
  );
  const [row] = inserted;
  if (!row) return { outcome: 'unchanged' };
  await notify(tx, [row.queue], now);
  return { outcome: 'done', jobId: id, source: 'last_job' };
}

/** Adds seconds to a time in the format of clock(). */
function addSeconds(now: string, seconds: number): string {
  const at = new Date(
    Date.parse(now.replace(/\d{3}Z$/, 'Z')) + Math.round(seconds * 1000),
  ).toISOString();
  return `${at.slice(0, 23)}${now.slice(23, 26)}Z`;
}
