import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';

/** PostgreSQL rejects a notification of 8,000 bytes or more. */
const MAX_PAYLOAD_BYTES = 7_999;

/** A queue name as a parameter of `notify`: truncated, because a longer one is never sent. */
export const notifiedQueue = (queueName: Sql): Sql =>
  sql`left(${queueName}, ${MAX_PAYLOAD_BYTES}::int)`;

/**
 * Wakes the workers of each queue with one notification, as `GoodJob::Bulk` does; `queues` has an
 * entry for each job, `scheduledAt` is ISO 8601 UTC. A queue name too long for a payload is
 * skipped, and the workers find its jobs by polling.
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
  await tx.execute(
    sql`SELECT pg_notify('good_job', payload) FROM unnest(${payloads}::text[]) payload`,
  );
}

const clockRow = z.strictObject({ now: z.string() });

/**
 * The database's time, UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. now() would be the start of the
 * transaction, before any wait for a lock.
 */
export async function clock(tx: Tx): Promise<string> {
  const [row] = await tx.query(clockRow, sql`SELECT clock_timestamp() AS now`);
  if (!row) throw new Error('The database returned no time.');
  return row.now;
}

/** A clock() time as Active Job writes it into a payload (Rails 7.1+): with nine decimals. */
export function payloadTime(now: string): string {
  return now.replace(/(\.\d{6})Z$/, '$1000Z');
}

/** A clock() time as GoodJob writes it into a notification: with three decimals. */
function notificationTime(now: string): string {
  return now.replace(/(\.\d{3})\d{3}Z$/, '$1Z');
}
