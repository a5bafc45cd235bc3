import { nameParams } from '@/lib/jobs/links';
import type { Period } from '@/lib/performance/filters';

/** The jobs of which an execution began in the period, or one that failed; of a class or a queue (absent: of any). */
export function jobsHref(
  { from, to }: Period,
  of: { jobClass?: string | null; queueName?: string | null },
  failed = false,
): string {
  const q = `${failed ? 'attempt_failed' : 'attempted'}:${from}..${last(to)}`;
  return `/jobs?${new URLSearchParams(nameParams({ class: of.jobClass, queue: of.queueName }, q))}`;
}

/** A period ends before its `to`, a range with it: a microsecond before. */
const last = (to: string) => new Date(Date.parse(to) - 1).toISOString().replace('Z', '999Z');

export function classHref(jobClass: string, params: Record<string, string>): string {
  const query = String(new URLSearchParams(params));
  return `/performance/${encodeURIComponent(jobClass)}${query ? `?${query}` : ''}`;
}
