import { nameParams } from '@/lib/jobs/links';
import type { Period } from '@/lib/performance/filters';

/**
 * The link to the jobs with an execution (or a failed one) that began in the period. `names` limits
 * them to a class or a queue.
 */
export function jobsHref(
  { from, to }: Period,
  names: { jobClass?: string | null; queueName?: string | null },
  onlyFailed = false,
): string {
  const q = `${onlyFailed ? 'attempt_failed' : 'attempted'}:${from}..${inclusiveEnd(to)}`;
  const params = nameParams({ class: names.jobClass, queue: names.queueName }, q);
  return `/jobs?${new URLSearchParams(params)}`;
}

/** A period excludes its `to` but a search range includes it, so this is a microsecond earlier. */
const inclusiveEnd = (to: string) =>
  new Date(Date.parse(to) - 1).toISOString().replace('Z', '999Z');

export function classHref(jobClass: string, params: Record<string, string>): string {
  const query = String(new URLSearchParams(params));
  return `/performance/${encodeURIComponent(jobClass)}${query ? `?${query}` : ''}`;
}
