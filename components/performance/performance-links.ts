import type { Period } from '@/lib/performance/types';

/** The jobs of which an execution began in the period, or one that failed; of a class or a queue. */
export function jobsHref(
  { from, to }: Period,
  of: { jobClass?: string | null; queueName?: string | null },
  failed = false,
): string {
  return `/jobs?${new URLSearchParams({
    ...(of.jobClass ? { job_class: of.jobClass } : {}),
    ...(of.queueName ? { queue_name: of.queueName } : {}),
    q: `${failed ? 'attempt_failed' : 'attempted'}:${from}..${last(to)}`,
  })}`;
}

/** A period ends before its `to`, a range with it: a microsecond before. */
const last = (to: string) => new Date(Date.parse(to) - 1).toISOString().replace('Z', '999Z');

export function classHref(jobClass: string, params: Record<string, string>): string {
  const query = String(new URLSearchParams(params));
  return `/performance/${encodeURIComponent(jobClass)}${query ? `?${query}` : ''}`;
}
