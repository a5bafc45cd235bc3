import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';

/** PostgreSQL refuses a notification of 8,000 bytes or more. */
const MAX_PAYLOAD_BYTES = 7_999;

/** The queue's name as `notify` needs it: of a longer one no notification can be sent. */
export const notifiedQueue = (queueName: Sql): Sql =>
  sql`left(${queueName}, ${MAX_PAYLOAD_BYTES}::int)`;

/**
 * Wakes the workers of each queue as GoodJob::Notifier does: one notification a queue, with `count` when it
 * stands for more than one job (as GoodJob's bulk enqueue). Postgres folds equal payloads within a
 * transaction, so one a job would arrive as one anyway. `scheduledAt` is ISO 8601 UTC. A queue whose name is too long
 * for a notification gets none: workers find its jobs by polling.
 */
export async function notify(tx: Tx, queues: string[], scheduledAt: string): Promise<void> {
  const counts = new Map<string, number>();
  for (const queue of queues) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  const payloads = [...counts]
    .map(([queue_name, count]) =>
      JSON.stringify({
        queue_name,
        scheduled_at: notificationTime(scheduledAt),
        ...(count > 1 ? { count } : {}),
      }),
    )
    .filter((payload) => Buffer.byteLength(payload) <= MAX_PAYLOAD_BYTES);
  if (payloads.length === 0) return;
  await tx.query(
    sql`SELECT pg_notify('good_job', payload) FROM unnest(${payloads}::text[]) payload`,
  );
}

/**
 * The database's clock now, UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Not now(): that is the transaction's start,
 * before any wait for a lock. One reading serves all columns and payload keys of an action.
 */
export async function clock(tx: Tx): Promise<string> {
  const [row] = await tx.query<{ now: string }>(sql`SELECT clock_timestamp() AS now`);
  if (!row) throw new Error('The database did not tell its time.');
  return row.now;
}

/** As Active Job writes a time into a payload (Rails 7.1+): nine decimals, the same instant as the column. */
export function payloadTime(now: string): string {
  return now.replace(/(\.\d{6})Z$/, '$1000Z');
}

/** As GoodJob writes `scheduled_at` into a notification: milliseconds. */
export function notificationTime(now: string): string {
  return now.replace(/(\.\d{3})\d{3}Z$/, '$1Z');
}
