import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../../../lib/audit/recorder';
import type { Tx } from '../../../lib/db/database';
import { quoteIdentifier } from '../../../lib/good-job/tables';

/** An audit record of an action before the start of the demo. */
interface DemoEvent {
  hoursAgo: number;
  viewer: string;
  role: 'viewer' | 'operator' | 'admin';
  action: string;
  /** The target: a job in this state. */
  job?: 'discarded' | 'scheduled' | 'succeeded';
  /** The target: a queue or cron key, with its name. */
  target?: { type: 'queue' | 'cron_key'; name: string };
  counts: Record<string, number>;
  reason?: string;
  error?: string;
  /** It made the last change of the pauses. */
  isLastPause?: true;
}

const ONCALL = 'oncall@example.com';
const DESK = 'unyou@example.jp';
const SUPPORT = 'support@example.com';

const DEMO_EVENTS: DemoEvent[] = [
  {
    hoursAgo: 0.4,
    viewer: SUPPORT,
    role: 'viewer',
    action: 'job.retry',
    job: 'discarded',
    counts: {},
    error: 'forbidden',
    reason: 'Customer asks for the invoice again',
  },
  {
    hoursAgo: 0.6,
    viewer: DESK,
    role: 'operator',
    action: 'job.retry',
    job: 'discarded',
    counts: { done: 1 },
    reason: '決済代行会社の障害が復旧したため',
  },
  {
    hoursAgo: 1.2,
    viewer: DESK,
    role: 'operator',
    action: 'job.reschedule',
    job: 'scheduled',
    counts: { done: 1 },
    reason: '夜間メンテナンスの終了後に実行',
  },
  {
    hoursAgo: 2,
    viewer: ONCALL,
    role: 'admin',
    action: 'pause.pause',
    target: { type: 'queue', name: '低優先' },
    counts: { done: 1 },
    reason: '月次請求を優先するため',
    isLastPause: true,
  },
  {
    hoursAgo: 2.1,
    viewer: ONCALL,
    role: 'admin',
    action: 'pause.pause',
    target: { type: 'queue', name: 'mailers' },
    counts: { done: 1 },
    reason: 'Provider refuses mail',
  },
  {
    hoursAgo: 2.9,
    viewer: ONCALL,
    role: 'admin',
    action: 'pause.unpause',
    target: { type: 'queue', name: 'mailers' },
    counts: { done: 1 },
  },
  {
    hoursAgo: 5,
    viewer: ONCALL,
    role: 'admin',
    action: 'job.force_discard',
    job: 'succeeded',
    counts: { conflict: 1 },
  },
  {
    hoursAgo: 7,
    viewer: DESK,
    role: 'operator',
    action: 'job.discard',
    job: 'scheduled',
    counts: { locked: 1 },
    reason: '二重投入のため',
  },
  {
    hoursAgo: 9,
    viewer: ONCALL,
    role: 'admin',
    action: 'job.destroy',
    job: 'succeeded',
    counts: {},
    error: 'query_timeout',
  },
  {
    hoursAgo: 26,
    viewer: ONCALL,
    role: 'admin',
    action: 'cron.disable',
    target: { type: 'cron_key', name: 'nightly_cleanup' },
    counts: { done: 1 },
    reason: 'Warehouse is being moved',
  },
];

/**
 * Inserts audit records of the demo's jobs unless there are records already. `schema` is that of
 * GoodJob's tables.
 */
export async function insertDemoAudit(tx: Tx, schema: string): Promise<void> {
  const existing = await tx.query(existsRow, sql`SELECT 1 AS one FROM ${AUDIT_EVENTS} LIMIT 1`);
  if (existing.length > 0) return;
  const lastChange = sql`(
    SELECT jsonb_build_object(
             'setting', jsonb_build_object('after', to_char(s.updated_at, ${ISO})))
      FROM ${raw(quoteIdentifier(schema))}.good_job_settings s
     WHERE s.key = 'pauses')`;
  for (const event of DEMO_EVENTS) {
    const job = event.job ? await findJob(tx, schema, event.job, event.hoursAgo) : null;
    const isChanged = (event.counts.done ?? 0) > 0;
    const snapshot = (scheduledAt: string | null | undefined) =>
      job && isChanged
        ? JSON.stringify({ [job.id]: { queue_name: job.queue, scheduled_at: scheduledAt } })
        : null;
    await tx.execute(sql`
      INSERT INTO ${AUDIT_EVENTS} (
        created_at, viewer, role, request_id, action, target_type, target_ids, target_name,
        counts, details, reason, error, refused, before, after
      )
      VALUES (
        clock_timestamp() - make_interval(secs => ${Math.round(event.hoursAgo * 3_600)}),
        ${event.viewer},
        ${event.role},
        gen_random_uuid()::text,
        ${event.action},
        ${event.target?.type ?? 'job'},
        ${job ? [job.id] : []}::uuid[],
        ${event.target?.name ?? null},
        ${JSON.stringify(event.counts)},
        ${event.isLastPause ? lastChange : sql`'{}'`},
        ${event.reason ?? null},
        ${event.error ?? null},
        ${event.error === 'forbidden'},
        ${snapshot(job?.before)},
        ${snapshot(job?.after)}
      )`);
  }
}

const existsRow = z.strictObject({ one: z.literal(1) });
const demoJob = z.strictObject({
  id: z.string(),
  queue: z.string().nullable(),
  /** `scheduled_at` before and after a reschedule. */
  before: z.string().nullable(),
  after: z.string().nullable(),
});

const CONDITIONS = {
  discarded: raw('finished_at IS NOT NULL AND error IS NOT NULL'),
  scheduled: raw('finished_at IS NULL AND performed_at IS NULL'),
  succeeded: raw('finished_at IS NOT NULL AND error IS NULL'),
};
const ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';

async function findJob(
  tx: Tx,
  schema: string,
  kind: keyof typeof CONDITIONS,
  hoursAgo: number,
): Promise<z.infer<typeof demoJob> | null> {
  const [job] = await tx.query(
    demoJob,
    sql`
      SELECT id,
             queue_name AS queue,
             to_char(scheduled_at - interval '1 hour', ${ISO}) AS before,
             to_char(scheduled_at, ${ISO}) AS after
        FROM ${raw(quoteIdentifier(schema))}.good_jobs
       WHERE ${CONDITIONS[kind]}
       ORDER BY created_at DESC
      OFFSET ${Math.round(hoursAgo * 3)}
       LIMIT 1`,
  );
  return job ?? null;
}
