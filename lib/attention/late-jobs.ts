import 'server-only';
import { type Found, type Look, countUpTo, queuedJobs, shown } from './look';
import type { WaitingQueue } from './types';

/** Queues whose jobs have been ready for longer than they should wait, although somebody serves them. */
export async function findLateJobs(look: Look): Promise<Found> {
  const { queues, incomplete } = await look.readyQueues();
  const unserved = new Set((await look.unserved()).queues.map(({ queue }) => queue));
  const late = queues.filter((queue) => queue.late > 0 && !unserved.has(queue.queue));
  if (late.length === 0) return { finding: null, incomplete };
  const items = late.map(({ queue, since, late: count, lateBefore, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(count, Infinity, more),
    where: queuedJobs(queue, `scheduled:<${lateBefore}`),
  }));
  return {
    finding: {
      kind: 'late_jobs',
      severity: 'warning',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: shown(items),
      where: '/jobs?state=queued&sort=scheduled',
      repair: null,
    },
  };
}
