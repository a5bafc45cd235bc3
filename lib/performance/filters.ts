import { truncateText, isTimestamp } from '../core/text';
import type { NotUnderstood, Params } from '../core/urls';

/** The time ranges of the performance page, in seconds. */
export const RANGES = { hour: 3_600, day: 86_400, week: 604_800, fortnight: 1_209_600 } as const;
export type RangeName = keyof typeof RANGES;

export const isRangeName = (text: string): text is RangeName => Object.hasOwn(RANGES, text);

/** Number of bars of the chart for each range. */
export const BUCKETS: Record<RangeName | 'custom', number> = {
  hour: 60,
  day: 48,
  week: 56,
  fortnight: 56,
  custom: 48,
};

/**
 * Upper bounds of the histogram's buckets in seconds, as in `GoodJob::PerformanceShowChart`. One
 * more bucket holds slower executions.
 */
export const HISTOGRAM = [
  0.02, 0.03, 0.045, 0.065, 0.1, 0.15, 0.225, 0.335, 0.5, 0.75, 1.1, 1.7, 2.5, 3.8, 5.75, 8.5, 13,
  20, 30, 45, 65, 100, 150, 225, 335,
] as const;

/** The 50th, 95th and 99th percentile in seconds; null: no execution has the time. */
export type Percentiles = [number | null, number | null, number | null];

/** Executions of one class, one queue, or all. Times are in seconds. */
export interface ExecutionStats {
  name: string | null;
  /** Executions that started in the period; extrapolated from a sample. */
  executions: number;
  /** Executions that ended with an error. */
  failures: number;
  /** The sum of all run times. */
  total: number;
  average: number | null;
  min: number | null;
  max: number | null;
  run: Percentiles;
  /** The time between due and started. */
  wait: Percentiles;
}

/** The accuracy of a period; `scanned` is the number of scanned executions. */
export type Accuracy =
  | { kind: 'exact'; scanned: number }
  /** A random `share` of the table's pages, or of the period in time slices. */
  | { kind: 'sample'; scanned: number; share: number }
  /** The query timed out. */
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

/** A half-open interval from `from` until before `to`, in ISO 8601 UTC. */
export interface Period {
  from: string;
  to: string;
}

/** The measurements of one period. */
export interface Measurement {
  accuracy: Accuracy;
  total: ExecutionStats | null;
  classes: ExecutionStats[];
  queues: ExecutionStats[];
  /** Executions per bucket of HISTOGRAM; the last one holds slower executions. */
  histogram: number[];
  /** Run time in seconds per class and bar of the chart. */
  series: { bucket: number; name: string | null; total: number }[];
  slowest: SlowExecution[];
}

export interface Performance {
  period: Period;
  /** Number of bars of the chart. */
  buckets: number;
  now: Measurement;
  /** The preceding period of the same length. */
  before: Pick<Measurement, 'accuracy' | 'total' | 'classes' | 'queues'>;
  /** The SQL statement that creates a missing index; null: none is missing. */
  hint: string | null;
}

export const SORTS = ['total', 'executions', 'p95', 'wait', 'failures', 'name'] as const;
export type Sort = (typeof SORTS)[number];

export interface PerformanceFilter {
  range: RangeName | 'custom';
  /** Start and end of a custom range in ISO 8601 UTC; null for other ranges. */
  from: string | null;
  to: string | null;
  sort: Sort;
  notUnderstood: NotUnderstood[];
}

const MAX_RANGE_MS = 92 * 86_400_000;

/** Parses a time; one without a zone, as a form sends it, is in the given offset. Null: invalid. */
function parseInstant(value: string, offset: string): string | null {
  const hasZone = /(?:Z|UTC|[+-]\d\d:?\d\d)$/.test(value.slice(10));
  const full = (hasZone ? value : value + offset)
    .replace(/ ?UTC$/, 'Z')
    .replace(' ', 'T')
    .replace(/([+-]\d\d)(\d\d)$/, '$1:$2');
  return isTimestamp(full) ? new Date(full).toISOString() : null;
}

/** Parses the filter of the performance page; invalid parameters are in `notUnderstood`. */
export function parsePerformanceFilter(params: Params): PerformanceFilter {
  const notUnderstood: NotUnderstood[] = [];
  const reject = (name: string) =>
    notUnderstood.push({ name, value: truncateText(params.get(name) ?? '', 80) });
  const rangeParam = params.get('range') || 'day';
  const range = isRangeName(rangeParam) ? rangeParam : null;
  if (!range) reject('range');
  const sort = SORTS.find((name) => name === (params.get('sort') || 'total'));
  if (!sort) reject('sort');
  const offset = /^(?:Z|[+-]\d\d:\d\d)$/.exec(params.get('offset') ?? '')?.[0] ?? 'Z';
  const readInstant = (name: 'from' | 'to') => {
    const value = params.get(name)?.trim();
    if (!value) return null;
    const instant = parseInstant(value, offset);
    if (instant === null) reject(name);
    return instant;
  };
  const from = readInstant('from');
  const to = readInstant('to');
  const isCustom = Boolean(from && to);
  if (from && to) {
    const lengthMs = Date.parse(to) - Date.parse(from);
    if (!(lengthMs > 0 && lengthMs <= MAX_RANGE_MS)) reject('from');
  } else if (from || to) reject(from ? 'from' : 'to');
  return {
    range: isCustom ? 'custom' : (range ?? 'day'),
    from: isCustom ? from : null,
    to: isCustom ? to : null,
    sort: sort ?? 'total',
    notUnderstood,
  };
}

/** Returns the query parameters of a filter with changes, without defaults. */
export function performanceParams(
  filter: PerformanceFilter,
  changes: Partial<PerformanceFilter> = {},
): Record<string, string> {
  const { range, from, to, sort } = { ...filter, ...changes };
  return {
    ...rangeParams(range, from, to),
    ...(sort === 'total' ? {} : { sort }),
  };
}

function rangeParams(
  range: PerformanceFilter['range'],
  from: string | null,
  to: string | null,
): Record<string, string> {
  if (range === 'custom' && from && to) return { from, to };
  return range === 'day' ? {} : { range };
}
