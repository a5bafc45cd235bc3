import { randomUUID } from 'node:crypto';
import sql, { raw } from 'sql-template-tag';
import { blankText } from '../core/text';
import type { Tx } from '../db/database';
import { type StoredDefaults, defaultsOf, storedDefaults } from './callbacks';
import { clock, notifiedQueue, notify, payloadTime } from './notify';
import type { RefusalCode } from './outcomes';
import { decompressed, paramsProblem, priorityOfParams, queueOfParams } from './payload';
import type { GoodJobTables } from './tables';

/** What a cron entry's configuration says of the job that it enqueues; null: it does not say. */
export interface CronJob {
  jobClass: string;
  /** As Active Job serializes them: the text of a JSON array. */
  arguments: string;
  queue: string | null;
  priority: number | null;
  /** 'none': it says that there are none. */
  labels: string[] | 'none' | null;
  concurrencyKey: string | null;
  /** `set: { wait: }`, seconds. */
  waitSeconds: number | null;
  /** `set: { wait_until: }`, ISO 8601. */
  waitUntil: string | null;
  /** `set: { good_job_notify: false }` wakes nobody. */
  notify: boolean;
}

export type CronEnqueued =
  | { outcome: 'done'; jobId: string; source: 'file' | 'last_job' }
  /** There is a job of this key and this moment already (the unique index on `cron_key` and `cron_at`). */
  | { outcome: 'unchanged' }
  /** Neither the file nor a job of this key says what to enqueue; or what is stored cannot be enqueued. */
  | { outcome: 'refused'; code: 'no_source' | RefusalCode };

interface LastJob extends StoredDefaults {
  id: string;
  jobClass: string | null;
  problem: RefusalCode | null;
}

/**
 * GoodJob::CronEntry#enqueue, as far as the tables tell: a job with `cron_key` and `cron_at` (default: now), as the
 * configuration has it, else as the key's last job was. What the class itself decides in Ruby (queue, priority,
 * labels, concurrency key) is taken from the key's last job, queue and priority else from the class' newest one; a
 * limit that would refuse it is not seen.
 */
export async function enqueueCron(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  job: CronJob | null,
  cronAt?: string,
): Promise<CronEnqueued> {
  const last = await lastJobOf(tx, tables, key);
  if (job) return enqueueFromFile(tx, tables, key, job, last, cronAt);
  if (!last) return { outcome: 'refused', code: 'no_source' };
  if (last.problem) return { outcome: 'refused', code: last.problem };
  return enqueueClone(tx, tables, key, last, cronAt);
}

/** GoodJob::CronEntry#last_job: those without `cron_at` come after all others. index_good_jobs_on_cron_key_and_cron_at_cond. */
async function lastJobOf(tx: Tx, tables: GoodJobTables, key: string): Promise<LastJob | undefined> {
  const [last] = await tx.query<LastJob>(sql`
    SELECT j.id, left(j.job_class, 1000) AS "jobClass", ${storedDefaults(sql`payload.p[1]`)}, ${paramsProblem(sql`j.serialized_params`)} AS problem FROM (
      (SELECT 1 AS part, l.* FROM ${tables.jobs} l WHERE l.cron_key = ${key} AND l.cron_at IS NOT NULL ORDER BY l.cron_at DESC LIMIT 1)
      UNION ALL
      (SELECT 2 AS part, l.* FROM (SELECT * FROM ${tables.jobs} WHERE cron_key = ${key} AND cron_at IS NULL LIMIT 1000) l ORDER BY l.created_at DESC LIMIT 1)) j
     CROSS JOIN LATERAL ${decompressed(sql`j.serialized_params`)}
     ORDER BY j.part LIMIT 1`);
  return last;
}

async function enqueueFromFile(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  job: CronJob,
  last: LastJob | undefined,
  cronAt: string | undefined,
): Promise<CronEnqueued> {
  const like = last?.jobClass === job.jobClass ? last : undefined;
  // Any other job of the class may have been set to a queue of its own.
  const defaults = like ?? (await defaultsOf(tx, tables, job.jobClass));
  const now = await clock(tx);
  const scheduledAt =
    job.waitUntil ?? (job.waitSeconds === null ? null : later(now, job.waitSeconds));
  const storedQueue = blankText(defaults?.queue ?? null)
    ? 'default'
    : (defaults?.queue ?? 'default');
  const queue = blankText(job.queue) ? storedQueue : (job.queue ?? storedQueue);
  const priority = job.priority ?? defaults?.priority ?? null;
  // Of a size that nobody knows: they go from row to row in SQL.
  const likeColumn = (name: 'labels' | 'concurrency_key') =>
    sql`(SELECT j.${raw(name)} FROM ${tables.jobs} j WHERE j.id = ${like?.id ?? null}::uuid)`;
  const labels =
    job.labels === null
      ? likeColumn('labels')
      : sql`${job.labels === 'none' ? null : job.labels}::text[]`;
  const concurrencyKey =
    job.concurrencyKey === null ? likeColumn('concurrency_key') : sql`${job.concurrencyKey}::text`;
  const id = randomUUID();
  const payload = {
    job_class: job.jobClass,
    job_id: id,
    provider_job_id: null,
    queue_name: queue,
    priority,
    executions: 0,
    exception_executions: {},
    // I18n.default_locale and Time.zone of the app: another job of the class has those of whoever enqueued it.
    locale: like?.locale ?? tables.app.locale,
    timezone: like?.timezone ?? tables.app.timeZone,
    enqueued_at: payloadTime(now),
    scheduled_at: scheduledAt === null ? null : payloadTime(scheduledAt),
  };
  // The arguments go in as text: their numbers are kept as they are written.
  const inserted = await tx.query<{ id: string }>(sql`
    INSERT INTO ${tables.jobs} (id, active_job_id, queue_name, priority, job_class, serialized_params, labels, concurrency_key, cron_key, cron_at, scheduled_at, created_at, updated_at)
    VALUES (${id}, ${id}, ${queue}, ${priority ?? 0}, ${job.jobClass}, ${JSON.stringify(payload)}::jsonb || jsonb_build_object('arguments', ${job.arguments}::jsonb),
            ${labels}, ${concurrencyKey}, ${key}, ${cronAt ?? now}, ${scheduledAt ?? now}, ${now}, ${now})
    ON CONFLICT DO NOTHING RETURNING id`);
  if (inserted.length === 0) return { outcome: 'unchanged' };
  if (job.notify) await notify(tx, [queue], scheduledAt ?? now);
  return { outcome: 'done', jobId: id, source: 'file' };
}

/** Keys of a payload that belong to the run of that job and not to its class and arguments (Active Job's continuations). */
const OF_THE_RUN = ['continuation', 'resumptions'];

async function enqueueClone(
  tx: Tx,
  tables: GoodJobTables,
  key: string,
  last: LastJob,
  cronAt: string | undefined,
): Promise<CronEnqueued> {
  const now = await clock(tx);
  const id = randomUUID();
  const fresh = {
    job_id: id,
    provider_job_id: null,
    executions: 0,
    exception_executions: {},
    enqueued_at: payloadTime(now),
    scheduled_at: null,
  };
  const params = sql`j.serialized_params`;
  const inserted = await tx.query<{ queue: string }>(sql`
    INSERT INTO ${tables.jobs} (id, active_job_id, queue_name, priority, job_class, serialized_params, labels, concurrency_key, cron_key, cron_at, scheduled_at, created_at, updated_at)
    SELECT ${id}, ${id}, ${queueOfParams(params)}, ${priorityOfParams(params)}, ${params} ->> 'job_class', (${params} - ${OF_THE_RUN}::text[]) || ${JSON.stringify(fresh)}::jsonb
             || CASE WHEN coalesce(jsonb_typeof(${params} -> 'arguments'), 'null') = 'null' THEN '{"arguments": []}'::jsonb ELSE '{}'::jsonb END,
           j.labels, j.concurrency_key, ${key}, ${cronAt ?? now}, ${now}, ${now}, ${now}
      FROM ${tables.jobs} j WHERE j.id = ${last.id}
    ON CONFLICT DO NOTHING RETURNING ${notifiedQueue(sql`queue_name`)} AS queue`);
  const [row] = inserted;
  if (!row) return { outcome: 'unchanged' };
  await notify(tx, [row.queue], now);
  return { outcome: 'done', jobId: id, source: 'last_job' };
}

/** So many seconds after a time of clock(), in its form. */
function later(now: string, seconds: number): string {
  const at = new Date(
    Date.parse(now.replace(/\d{3}Z$/, 'Z')) + Math.round(seconds * 1000),
  ).toISOString();
  return `${at.slice(0, 23)}${now.slice(23, 26)}Z`;
}
