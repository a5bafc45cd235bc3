import type { Term } from './terms';

/** How far back a chart looks: its buckets and their length. */
export const CHART_RANGES = {
  hour: { buckets: 60, seconds: 60 },
  day: { buckets: 48, seconds: 1_800 },
  week: { buckets: 56, seconds: 10_800 },
} as const;
export type ChartRange = keyof typeof CHART_RANGES;

export const CHART_GROUPS = ['state', 'queue', 'class'] as const;
export type ChartGroup = (typeof CHART_GROUPS)[number];

export interface ChartSeries {
  /** A state, a queue's or a class' name (null: none); `other`: all the rest together. */
  name: string | null;
  other: boolean;
  /** Jobs created in each bucket. */
  counts: number[];
}

/** Jobs by the time they were created, under a filter. */
export interface Chart {
  range: ChartRange;
  by: ChartGroup;
  /** Seconds since 1970 at which the first bucket begins. */
  start: number;
  /** Largest first; at most CHART_SERIES, and the rest. */
  series: ChartSeries[];
  /** `sample`: reckoned from so many jobs that were looked at. `unknown`: it could not be counted in time. */
  accuracy: { kind: 'exact' } | { kind: 'sample'; rows: number } | { kind: 'unknown' };
}

export const CHART_SERIES = 8;

/** How a viewer left the chart; in a cookie, so that the server's first paint leaves its room. */
export interface ChartChoice extends ChartRequest {
  open: boolean;
}
export const CHART_COOKIE = 'gjc_chart';

export function parseChartChoice(text: string | undefined): ChartChoice {
  const [open = '', range = '', by = ''] = (text ?? '').split('.');
  return { open: open === 'open', ...readChartRequest(range, by) };
}

export function printChartChoice({ open, range, by }: ChartChoice): string {
  return `${open ? 'open' : 'folded'}.${range}.${by}`;
}

/** Whether a term bounds the time of creation, as a choice in the chart does. */
export function isCreatedBound(term: Term): boolean {
  return term.kind === 'time' && term.field === 'created' && !term.negated;
}

/** From when to when these terms hold, ms; null: neither. `now`: ms. */
export function createdBounds(
  terms: readonly Term[],
  now: number,
): { from: number; to: number } | null {
  let [from, to] = [-Infinity, Infinity];
  for (const term of terms) {
    if (term.kind !== 'time' || !isCreatedBound(term)) continue;
    for (const { comparison, time } of term.bounds) {
      const at = 'at' in time ? Date.parse(time.at) : now - time.secondsAgo * 1000;
      if (comparison.startsWith('>')) from = Math.max(from, at);
      else to = Math.min(to, at);
    }
  }
  return from === -Infinity && to === Infinity ? null : { from, to };
}

export interface ChartRequest {
  range: ChartRange;
  by: ChartGroup;
}

/** Reads `range` and `by`; what cannot be read is the last hour, by state. */
export function readChartRequest(range: string | null, by: string | null): ChartRequest {
  return {
    range: range !== null && Object.hasOwn(CHART_RANGES, range) ? (range as ChartRange) : 'hour',
    by: CHART_GROUPS.find((group) => group === by) ?? 'state',
  };
}
