import type { NotUnderstood, Params } from '../filter-params';
import { cut, isTimestamp } from '../text';
import { RANGES, type RangeName } from './types';

export const SORTS = ['total', 'executions', 'p95', 'wait', 'failures', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export interface PerformanceFilter {
  range: RangeName | 'custom';
  /** Of a custom range. ISO 8601 UTC. */
  from: string | null;
  to: string | null;
  sort: Sort;
  notUnderstood: NotUnderstood[];
}

/** Longer ones are no range to compare. */
const LONGEST_MS = 92 * 86_400_000;

/** ISO 8601 UTC; a time without a zone, as a form has it, is of the offset that came with it. Null: it is none. */
function instantOf(value: string, offset: string): string | null {
  const hasZone = /(?:Z|UTC|[+-]\d\d:?\d\d)$/.test(value.slice(10));
  const full = (hasZone ? value : value + offset)
    .replace(/ ?UTC$/, 'Z')
    .replace(' ', 'T')
    .replace(/([+-]\d\d)(\d\d)$/, '$1:$2');
  return isTimestamp(full) ? new Date(full).toISOString() : null;
}

export function parsePerformanceFilter(params: Params): PerformanceFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) =>
    notUnderstood.push({ name, value: cut(params.get(name) ?? '', 80) });
  const range = params.get('range') || 'day';
  const known = Object.hasOwn(RANGES, range) ? (range as RangeName) : null;
  if (!known) refuse('range');
  const sort = SORTS.find((one) => one === (params.get('sort') || 'total'));
  if (!sort) refuse('sort');
  const offset = /^(?:Z|[+-]\d\d:\d\d)$/.exec(params.get('offset') ?? '')?.[0] ?? 'Z';
  const [from, to] = (['from', 'to'] as const).map((name) => {
    const value = params.get(name)?.trim();
    if (!value) return null;
    const instant = instantOf(value, offset);
    if (instant === null) refuse(name);
    return instant;
  });
  const isCustom = Boolean(from && to);
  if (
    from &&
    to &&
    !(Date.parse(from) < Date.parse(to) && Date.parse(to) - Date.parse(from) <= LONGEST_MS)
  )
    refuse('from');
  else if (!isCustom && (from || to)) refuse(from ? 'from' : 'to');
  return {
    range: isCustom ? 'custom' : (known ?? 'day'),
    from: isCustom ? (from ?? null) : null,
    to: isCustom ? (to ?? null) : null,
    sort: sort ?? 'total',
    notUnderstood,
  };
}

export function performanceParams(
  filter: PerformanceFilter,
  changes: Partial<PerformanceFilter> = {},
): Record<string, string> {
  const { range, from, to, sort } = { ...filter, ...changes };
  return {
    ...(range === 'custom' && from && to ? { from, to } : range === 'day' ? {} : { range }),
    ...(sort === 'total' ? {} : { sort }),
  };
}
