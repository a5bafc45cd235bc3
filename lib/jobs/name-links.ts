import { quoteValue } from './query-tokens';

const PARAMS = { class: 'job_class', queue: 'queue_name' } as const;

/** Whether a name has nothing to read or to click on. */
export const isBlankName = (name: string | null): boolean => name === null || name.trim() === '';

/**
 * The query parameters of the list of jobs of these classes and queues, with `q` beside them. GoodJob's own parameters
 * mean every job where a name is blank or null, so `q` has the condition then. An absent name is no condition.
 */
export function nameParams(
  names: { class?: string | null; queue?: string | null },
  q = '',
): Record<string, string> {
  const params: Record<string, string> = {};
  const terms: string[] = [];
  for (const field of ['class', 'queue'] as const) {
    const name = names[field];
    if (name === undefined) continue;
    if (name === null) terms.push(`-${field}:*`);
    else if (isBlankName(name)) terms.push(`${field}:${quoteValue(name)}`);
    else params[PARAMS[field]] = name;
  }
  const query = [...terms, q].filter(Boolean).join(' ');
  return { ...params, ...(query ? { q: query } : {}) };
}
