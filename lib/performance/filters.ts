import type { NotUnderstood, Params } from '../core/search-params';
import { cut, isTimestamp } from '../core/text';

/** Ranges in seconds, in so many buckets of a chart. */
export const RANGES = { hour: 3_600, day: 86_400, week: 604_800, fortnight: 1_209_600 } as const;
export type RangeName = keyof typeof RANGES;
export const BUCKETS: Record<RangeName | 'custom', number> = {
  hour: 60,
  day: 48,
  week: 56,
  fortnight: 56,
  custom: 48,
};

/** Upper ends of a histogram's buckets, in seconds: those of GoodJob's own (PerformanceShowChart); what is slower is in one more. */
export const HISTOGRAM = [
  0.02, 0.03, 0.045, 0.065, 0.1, 0.15, 0.225, 0.335, 0.5, 0.75, 1.1, 1.7, 2.5, 3.8, 5.75, 8.5, 13,
  20, 30, 45, 65, 100, 150, 225, 335,
] as const;

/** The 50th, 95th and 99th percentile; seconds, null where nothing was measured. */
export type Percentiles = [number | null, number | null, number | null];

/** Executions of one class or queue, or all; times in seconds. */
export interface Figures {
  name: string | null;
  /** Executions that began in the period; reckoned where it was sampled. */
  executions: number;
  /** Of them, those that ended with an error. */
  failures: number;
  /** Run time of all of them together. */
  total: number;
  average: number | null;
  min: number | null;
  max: number | null;
  run: Percentiles;
  /** From when it was due until it began. */
  wait: Percentiles;
}

/** How a period was read. */
export type Accuracy =
  | { kind: 'exact'; looked: number }
  /** A share of the table's pages at random, or of the period in slices of time: `looked` executions were read. */
  | { kind: 'sample'; looked: number; share: number }
  /** The database took too long. */
  | { kind: 'unknown' };

export interface SlowExecution {
  id: string;
  jobId: string;
  createdAt: string;
  queueName: string | null;
  run: number;
  wait: number | null;
  failed: boolean;
}

/** ISO 8601 UTC. */
export interface Period {
  from: string;
  to: string;
}

/** What was measured in one period. */
export interface Measured {
  accuracy: Accuracy;
  total: Figures | null;
  classes: Figures[];
  queues: Figures[];
  /** Executions by run time, in the buckets of HISTOGRAM and one more. */
  histogram: number[];
  /** Run time by class and bucket of the period, in seconds. */
  series: { bucket: number; name: string | null; total: number }[];
  slowest: SlowExecution[];
}

export interface Performance {
  period: Period;
  buckets: number;
  now: Measured;
  /** The period of the same length before it. */
  before: Pick<Measured, 'accuracy' | 'total' | 'classes' | 'queues'>;
  /** An index that the database lacks, as an operator creates it. */
  hint: string | null;
}

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
