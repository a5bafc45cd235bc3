import sql, { raw } from 'sql-template-tag';
import { AUDIT_EVENTS } from '../../../lib/audit/recorder';
import type { Tx } from '../../../lib/db/database';
import { quoteIdentifier } from '../../../lib/good-job/tables';

/* What has been done to the demo's jobs before the demo began, so that the audit has something to show. */

interface Act {
  hoursAgo: number;
  viewer: string;
  role: 'viewer' | 'operator' | 'admin';
  action: string;
  /** Which of the demo's jobs: a condition on good_jobs. */
  job?: 'discarded' | 'scheduled' | 'succeeded';
  name?: ['queue' | 'cron_key', string];
  counts: Record<string, number>;
  reason?: string;
  error?: string;
}

const [ONCALL, DESK, SUPPORT] = ['oncall@example.com', 'unyou@example.jp', 'support@example.com'];

const ACTS: Act[] = [
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
    hoursAgo: 2.1,
    viewer: ONCALL,
    role: 'admin',
    action: 'pause.pause',
    name: ['queue', 'mailers'],
    counts: { done: 1 },
    reason: 'Provider refuses mail',
  },
  {
    hoursAgo: 2.9,
    viewer: ONCALL,
    role: 'admin',
    action: 'pause.unpause',
    name: ['queue', 'mailers'],
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
    name: ['cron_key', 'nightly_cleanup'],
    counts: { done: 1 },
    reason: 'Warehouse is being moved',
  },
];

/** Fills the console's own audit, unless there is something in it. `schema`: that of GoodJob's tables. */
export async function insertDemoAudit(tx: Tx, schema: string): Promise<void> {
  if ((await tx.query(sql`SELECT 1 FROM ${AUDIT_EVENTS} LIMIT 1`)).length > 0) return;
  for (const act of ACTS) {
    const target = act.job ? await jobFor(tx, schema, act.job, act.hoursAgo) : null;
    const changed = (act.counts.done ?? 0) > 0 && target;
    await tx.query(sql`
      INSERT INTO ${AUDIT_EVENTS} (created_at, viewer, role, request_id, action, target_type, target_ids, target_name, counts, details, reason, error, refused, before, after)
      VALUES (clock_timestamp() - make_interval(secs => ${Math.round(act.hoursAgo * 3_600)}), ${act.viewer}, ${act.role}, gen_random_uuid()::text, ${act.action}, ${act.name?.[0] ?? 'job'},
              ${target ? [target.id] : []}::uuid[], ${act.name?.[1] ?? null}, ${JSON.stringify(act.counts)}, '{}', ${act.reason ?? null}, ${act.error ?? null}, ${act.error === 'forbidden'},
              ${changed ? JSON.stringify({ [target.id]: { queue_name: target.queue, scheduled_at: target.before } }) : null},
              ${changed ? JSON.stringify({ [target.id]: { queue_name: target.queue, scheduled_at: target.after } }) : null})`);
  }
}

interface DemoJob {
  id: string;
  queue: string | null;
  before: string;
  after: string;
}

const CONDITIONS = {
  discarded: raw('finished_at IS NOT NULL AND error IS NOT NULL'),
  scheduled: raw('finished_at IS NULL AND performed_at IS NULL'),
  succeeded: raw('finished_at IS NOT NULL AND error IS NULL'),
};
const ISO = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"';

async function jobFor(
  tx: Tx,
  schema: string,
  kind: NonNullable<Act['job']>,
  hoursAgo: number,
): Promise<DemoJob | null> {
  const [job] = await tx.query<DemoJob>(sql`
    SELECT id, queue_name AS queue, to_char(scheduled_at - interval '1 hour', ${ISO}) AS before, to_char(scheduled_at, ${ISO}) AS after
      FROM ${raw(quoteIdentifier(schema))}.good_jobs WHERE ${CONDITIONS[kind]} ORDER BY created_at DESC OFFSET ${Math.round(hoursAgo * 3)} LIMIT 1`);
  return job ?? null;
}
