import { randomUUID } from 'node:crypto';
import sql, { type Sql } from 'sql-template-tag';
import { blankText } from '../core/text';
import type { Tx } from '../db/database';
import { payloadTime } from './notify';
import { Refusal } from './outcomes';
import { priorityOfParams } from './payload';
import type { GoodJobTables } from './tables';

export type BatchEvent = 'discard' | 'success' | 'finish';

export interface BatchCallbacks {
  id: string;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  callbackQueueName: string | null;
  callbackPriority: number | null;
}

/** No class, queue, locale or time zone has a longer name, in characters. A longer one is as good as none. */
const MAX_NAME = 1_000;
const nameOrNull = (text: Sql): Sql =>
  sql`CASE WHEN left(${text}, ${MAX_NAME + 1}::int) = left(${text}, ${MAX_NAME}::int) THEN left(${text}, ${MAX_NAME}::int) END`;

export const callbackColumns = sql`b.id, ${nameOrNull(sql`b.on_finish`)} AS "onFinish",
  ${nameOrNull(sql`b.on_success`)} AS "onSuccess", ${nameOrNull(sql`b.on_discard`)} AS "onDiscard",
  ${nameOrNull(sql`b.callback_queue_name`)} AS "callbackQueueName", b.callback_priority AS "callbackPriority"`;

/** The class that an event's callback runs, or null: a blank `on_*` means none. */
export function callbackClass(batch: BatchCallbacks, event: BatchEvent): string | null {
  const name = { discard: batch.onDiscard, success: batch.onSuccess, finish: batch.onFinish }[
    event
  ];
  // `constantize` takes a name from the top; the class itself has none of that.
  return blankText(name) ? null : (name?.replace(/^::/, '') ?? null);
}

/**
 * The app's name in `gid://<app>/GoodJob::Batch/<id>`: the setting, else as a stored callback job has it, the
 * batch's own first. Null when neither tells.
 */
export async function appName(
  tx: Tx,
  tables: GoodJobTables,
  batchId: string,
): Promise<string | null> {
  return (await appNames(tx, tables, [batchId])).get(batchId) ?? null;
}

async function appNames(
  tx: Tx,
  tables: GoodJobTables,
  batchIds: string[],
): Promise<Map<string, string | null>> {
  if (tables.app.appName) return new Map(batchIds.map((id) => [id, tables.app.appName]));
  // Both use index_good_jobs_on_batch_callback_id; the limit bounds what unreadable rows can cost.
  const stored = (which: Sql): Sql => sql`(
    SELECT substring(gid FROM '^gid://([^/]+)/GoodJob::Batch/')
      FROM (SELECT left(j.serialized_params #>> '{arguments,0,_aj_globalid}', ${MAX_NAME}::int) AS gid FROM ${tables.jobs} j WHERE ${which} LIMIT 1000) stored
     WHERE gid ~ '^gid://[^/]+/GoodJob::Batch/' LIMIT 1)`;
  const own = await tx.query<{ id: string; app: string | null }>(
    sql`SELECT b.id, ${stored(sql`j.batch_callback_id = b.id`)} AS app FROM unnest(${batchIds}::uuid[]) b(id)`,
  );
  const [any] = own.every(({ app }) => app)
    ? []
    : await tx.query<{ app: string | null }>(
        sql`SELECT ${stored(sql`j.batch_callback_id IS NOT NULL`)} AS app`,
      );
  return new Map(own.map(({ id, app }) => [id, app ?? any?.app ?? null]));
}

/** One callback job to enqueue. */
export interface Callback {
  batch: BatchCallbacks;
  event: BatchEvent;
  jobClass: string;
}

export interface StoredDefaults {
  locale: string | null;
  timezone: string | null;
  queue: string | null;
  priority: number | null;
}

/** The columns of StoredDefaults, of a payload (`decompressed`). */
export const storedDefaults = (p: Sql): Sql => sql`
  CASE jsonb_typeof(${p} -> 'locale') WHEN 'string' THEN NULLIF(trim(${nameOrNull(sql`${p} ->> 'locale'`)}), '') END AS locale,
  CASE jsonb_typeof(${p} -> 'timezone') WHEN 'string' THEN NULLIF(trim(${nameOrNull(sql`${p} ->> 'timezone'`)}), '') END AS timezone,
  CASE jsonb_typeof(${p} -> 'queue_name') WHEN 'string' THEN ${nameOrNull(sql`${p} ->> 'queue_name'`)} END AS queue,
  CASE jsonb_typeof(${p} -> 'priority') WHEN 'number' THEN CASE WHEN (${p} ->> 'priority')::numeric BETWEEN -2147483648 AND 2147483647 THEN ${priorityOfParams(p)} END END AS priority`;

/** What a class itself would decide, as the newest stored job of that class has it. */
export async function defaultsOf(
  tx: Tx,
  tables: GoodJobTables,
  jobClass: string,
): Promise<StoredDefaults | undefined> {
  const [newest] = await tx.query<StoredDefaults>(sql`
    SELECT ${storedDefaults(sql`newest.p[1]`)}
      FROM (SELECT ARRAY[j.serialized_params] AS p FROM ${tables.jobs} j WHERE j.job_class = ${jobClass} ORDER BY j.created_at DESC LIMIT 1) newest`);
  return newest;
}

/**
 * Enqueues callback jobs of batches as BatchRecord does (`on_x.constantize.set(priority:, queue:).perform_later(batch,
 * { event: })`), as far as the tables tell: what the class itself would decide (queue, priority, locale, time zone)
 * is taken from the newest stored job of that class. Returns their queues; throws Refusal `app_name_unknown`, and
 * enqueues none, when that is so for one of them.
 */
export async function enqueueCallbacks(
  tx: Tx,
  tables: GoodJobTables,
  callbacks: Callback[],
  now: string,
): Promise<string[]> {
  if (callbacks.length === 0) return [];
  const apps = await appNames(tx, tables, [...new Set(callbacks.map(({ batch }) => batch.id))]);
  if ([...apps.values()].includes(null)) throw new Refusal('app_name_unknown');
  const defaults = new Map<string, StoredDefaults | undefined>();
  for (const { jobClass } of callbacks)
    if (!defaults.has(jobClass)) defaults.set(jobClass, await defaultsOf(tx, tables, jobClass));

  const jobs = callbacks.map(({ batch, event, jobClass }) => {
    const newest = defaults.get(jobClass);
    const storedQueue = blankText(newest?.queue ?? null) ? 'default' : (newest?.queue ?? 'default');
    const queue = blankText(batch.callbackQueueName)
      ? storedQueue
      : (batch.callbackQueueName ?? storedQueue);
    const priority = batch.callbackPriority ?? newest?.priority ?? null;
    const id = randomUUID();
    const payload = {
      job_class: jobClass,
      job_id: id,
      provider_job_id: null,
      queue_name: queue,
      priority,
      arguments: [
        { _aj_globalid: `gid://${apps.get(batch.id)}/GoodJob::Batch/${batch.id}` },
        {
          event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: event },
          _aj_symbol_keys: ['event'],
        },
      ],
      executions: 0,
      exception_executions: {},
      locale: newest?.locale ?? tables.app.locale,
      timezone: newest?.timezone ?? tables.app.timeZone,
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
  });
  const column = (name: keyof (typeof jobs)[number]) => jobs.map((job) => job[name]);
  await tx.query(sql`
    INSERT INTO ${tables.jobs} (id, active_job_id, queue_name, priority, job_class, serialized_params, batch_callback_id, scheduled_at, created_at, updated_at)
    SELECT id, id, queue, priority, job_class, payload, batch_id, ${now}, ${now}, ${now}
      FROM unnest(${column('id')}::uuid[], ${column('queue')}::text[], ${column('priority')}::int[], ${column('jobClass')}::text[], ${column('payload')}::jsonb[], ${column('batchId')}::uuid[])
        AS c(id, queue, priority, job_class, payload, batch_id)`);
  return jobs.map(({ queue }) => queue);
}

/** The same for one; returns its queue. */
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
