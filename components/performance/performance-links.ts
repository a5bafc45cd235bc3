import type { Period } from '@/lib/performance/types';

/** The jobs whose last attempt began in the period, of a class or a queue. */
export function jobsHref({ from, to }: Period, of: { jobClass?: string | null; queueName?: string | null }, failed = false): string {
  return `/jobs?${new URLSearchParams({
    ...(of.jobClass ? { job_class: of.jobClass } : {}),
    ...(of.queueName ? { queue_name: of.queueName } : {}),
    q: `performed:>=${from} performed:<${to}${failed ? ' error:*' : ''}`,
  })}`;
}

export function classHref(jobClass: string, params: Record<string, string>): string {
  const query = String(new URLSearchParams(params));
  return `/performance/${encodeURIComponent(jobClass)}${query ? `?${query}` : ''}`;
}
