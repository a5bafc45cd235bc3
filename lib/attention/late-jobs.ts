import 'server-only';
import { type Found, type Look, countUpTo, shown } from './look';
import type { WaitingQueue } from './types';

/** Queues whose jobs have been ready for longer than they should wait, although somebody serves them. */
export async function findLateJobs(look: Look): Promise<Found> {
  const waiting = (await look.readyQueues()).filter((queue) => queue.late > 0);
  const unserved = new Set((await look.unserved()).map(({ queue }) => queue));
  const late = waiting.filter(({ queue }) => !unserved.has(queue));
  if (late.length === 0) return { finding: null };
  const items = late.map(({ queue, since, late: count, more }): WaitingQueue => ({ queue, since, count: countUpTo(count, Infinity, more) }));
  return {
    finding: { kind: 'late_jobs', severity: 'warning', since: items[0]?.since ?? null, count: countUpTo(items.length, Infinity), items: shown(items), where: '/jobs?state=queued&sort=scheduled', repair: null },
  };
}
