import type { NotUnderstood, Params } from '../filter-params';
import { cut, isTimestamp } from '../text';
import { RANGES, type RangeName } from './types';

export const SORTS = ['total', 'executions', 'p95', 'wait', 'failures', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export interface PerformanceFilter {
  range: RangeName | 'custom';
  /** Of a custom range. ISO 8601. */
  from: string | null;
  to: string | null;
  sort: Sort;
  notUnderstood: NotUnderstood[];
}

/** Longer ones are no range to compare. */
const LONGEST_MS = 92 * 86_400_000;

export function parsePerformanceFilter(params: Params): PerformanceFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) => notUnderstood.push({ name, value: cut(params.get(name) ?? '', 80) });
  const range = params.get('range') || 'day';
  const known = Object.hasOwn(RANGES, range) ? (range as RangeName) : null;
  if (!known) refuse('range');
  const sort = SORTS.find((one) => one === (params.get('sort') || 'total'));
  if (!sort) refuse('sort');
  const [from, to] = (['from', 'to'] as const).map((name) => {
    const value = params.get(name)?.trim().replace(/^(\S+) (?=\d\d:\d\d$)/, '$1+') || null;
    if (value === null || isTimestamp(value)) return value;
    refuse(name);
    return null;
  });
  const isCustom = Boolean(from && to);
  if (from && to && !(Date.parse(from) < Date.parse(to) && Date.parse(to) - Date.parse(from) <= LONGEST_MS)) refuse('from');
  else if (!isCustom && (from || to)) refuse(from ? 'from' : 'to');
  return { range: isCustom ? 'custom' : (known ?? 'day'), from: isCustom ? (from ?? null) : null, to: isCustom ? (to ?? null) : null, sort: sort ?? 'total', notUnderstood };
}

export function performanceParams(filter: PerformanceFilter, changes: Partial<PerformanceFilter> = {}): Record<string, string> {
  const { range, from, to, sort } = { ...filter, ...changes };
  return {
    ...(range === 'custom' && from && to ? { from, to } : range === 'day' ? {} : { range }),
    ...(sort === 'total' ? {} : { sort }),
  };
}
