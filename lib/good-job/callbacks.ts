import { randomUUID } from 'node:crypto';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { isBlankText } from '../core/text';
import type { Tx } from '../db/database';
import { payloadTime } from './notify';
import { priorityOfParams } from './payload';
import type { AppSettings, GoodJobTables } from './tables';
import type { RefusalCode } from './types';

/**
 * Thrown inside a transaction to roll it back: the action is not possible for the reason in `code`.
 */
export class RefusalError extends Error {
  constructor(readonly code: RefusalCode) {
    super(code);
  }
}

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
export const storedDefaultsRow = z.strictObject({
  locale: z.string().nullable(),
  timezone: z.string().nullable(),
  queue: z.string().nullable(),
  priority: z.number().nullable(),
});
type StoredDefaults = z.infer<typeof storedDefaultsRow>;

/** The columns of `storedDefaultsRow`, of a payload that is already decompressed. */
export const storedDefaultColumns = (p: Sql): Sql => sql`
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
export async function readStoredDefaults(
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
export function firstPresentQueue(...names: (string | null | undefined)[]): string {
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
