import { randomUUID } from 'node:crypto';
import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import {
  firstPresentQueue,
  readStoredDefaults,
  storedDefaultColumns,
  storedDefaultsRow,
} from './callbacks';
import { clock, notifiedQueue, notify, payloadTime } from './notify';
import {
  PARAMS_PROBLEMS,
  payloadSource,
  paramsProblem,
  priorityOfParams,
  queueOfParams,
} from './payload';
import { type GoodJobTables, idRow } from './tables';
import type { RefusalCode } from './types';

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
