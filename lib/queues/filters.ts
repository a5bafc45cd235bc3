import type { NotUnderstood, Params } from '../filter-params';
import { cut, isFilterText } from '../text';
import { RANGES, type Range } from './types';

export interface QueueFilter {
  range: Range;
  notUnderstood: NotUnderstood[];
}

export const DEFAULT_RANGE: Range = '1h';

const isRange = (text: string): text is Range => Object.hasOwn(RANGES, text);

/** Reads the range of the queues page from its URL. */
export function parseQueueFilter(params: Params): QueueFilter {
  const range = params.get('range') || DEFAULT_RANGE;
  return isRange(range)
    ? { range, notUnderstood: [] }
    : { range: DEFAULT_RANGE, notUnderstood: [{ name: 'range', value: cut(range, 80) }] };
}

/** The jobs of a queue behind a number, as a link; null where the list of jobs has no such filter. */
export function jobsOfQueue(
  name: string | null,
  filter: { state?: string; within?: Range },
): string | null {
  if (name === null || name.trim() === '' || !isFilterText(name)) return null;
  const { state, within } = filter;
  return `/jobs?${new URLSearchParams({ ...(state ? { state } : {}), queue_name: name, ...(within ? { q: `finished:>${within}` } : {}) })}`;
}
