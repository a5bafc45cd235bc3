import type { NotUnderstood, Params } from '../filter-params';
import { cut, isFilterText } from '../text';
import { RANGES, type Range } from './types';

export interface QueueFilter {
  range: Range;
  /** Part of a queue's name; null: all queues. */
  name: string | null;
  notUnderstood: NotUnderstood[];
}

export const DEFAULT_RANGE: Range = '1h';

const isRange = (text: string): text is Range => Object.hasOwn(RANGES, text);

/** Reads the filter of the queues page from its URL. */
export function parseQueueFilter(params: Params): QueueFilter {
  const range = params.get('range') || DEFAULT_RANGE;
  const name = params.get('queue_name')?.trim() ?? '';
  const notUnderstood: NotUnderstood[] = [];
  if (!isRange(range)) notUnderstood.push({ name: 'range', value: cut(range, 80) });
  if (!isFilterText(name)) notUnderstood.push({ name: 'queue_name', value: cut(name, 80) });
  return { range: isRange(range) ? range : DEFAULT_RANGE, name: name || null, notUnderstood };
}

/** The query of the page, and of its endpoint. */
export function queueFilterParams({ range, name }: Pick<QueueFilter, 'range' | 'name'>): string {
  return String(new URLSearchParams({ range, ...(name === null ? {} : { queue_name: name }) }));
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
