import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { notificationTime } from './clock';

/**
 * Wakes the workers of each queue as GoodJob::Notifier does: one notification a queue, with `count` when it
 * stands for more than one job (as GoodJob's bulk enqueue). Postgres folds equal payloads within a
 * transaction, so one a job would arrive as one anyway. `scheduledAt` is ISO 8601 UTC.
 */
export async function notify(tx: Tx, queues: string[], scheduledAt: string): Promise<void> {
  const counts = new Map<string, number>();
  for (const queue of queues) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  if (counts.size === 0) return;
  const payloads = [...counts].map(([queue_name, count]) =>
    JSON.stringify({
      queue_name,
      scheduled_at: notificationTime(scheduledAt),
      ...(count > 1 ? { count } : {}),
    }),
  );
  await tx.query(
    sql`SELECT pg_notify('good_job', payload) FROM unnest(${payloads}::text[]) payload`,
  );
}
