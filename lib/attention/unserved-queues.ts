import 'server-only';
import { livePools } from '../good-job/processes';
import { servesQueue } from '../good-job/queue-strings';
import { type Found, type Look, type ReadyQueues, countUpTo, queuedJobs, shown } from './look';
import type { WaitingQueue } from './types';

/** Queues with jobs that a worker could take, and none that would. A live process that does not tell what it serves may serve anything. */
export async function unservedQueues(look: Look): Promise<ReadyQueues> {
  const { queues, incomplete } = await look.readyQueues();
  const waiting = queues.filter(({ waited }) => waited > look.grace.unservedS);
  if (waiting.length === 0) return { queues: [], incomplete };
  const { byProcess, silent } = await look.read((tx) => livePools(tx, look.ctx.gj));
  const serving = ({ queue }: { queue: string }) =>
    byProcess.filter(({ pools }) => pools.some(({ served }) => servesQueue(served, queue)));
  const isUnknown = (queue: { queue: string }) =>
    serving(queue).length > 0 && serving(queue).every(({ isKnown }) => !isKnown);
  return {
    queues: silent > 0 ? [] : waiting.filter((queue) => serving(queue).length === 0),
    incomplete,
    unknownOnStandby: waiting.some(isUnknown),
  };
}

/** What nobody will run before a process is started for it. */
export async function findUnservedQueues(look: Look): Promise<Found> {
  const { queues, incomplete, unknownOnStandby } = await look.unserved();
  const items = queues.map(({ queue, since, ready, more }): WaitingQueue => ({
    queue,
    since,
    count: countUpTo(ready, Infinity, more),
    where: queuedJobs(queue),
  }));
  if (items.length === 0) return { finding: null, incomplete, unknownOnStandby };
  return {
    finding: {
      kind: 'unserved_queues',
      severity: 'critical',
      since: items[0]?.since ?? null,
      count: countUpTo(items.length, Infinity, incomplete),
      items: shown(items),
      where: '/processes',
      repair: null,
    },
  };
}
