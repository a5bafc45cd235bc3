import type { NotUnderstood, Params } from '../core/search-params';
import { cut } from '../core/text';
import { isFilterText } from '../core/text';

/** How far back failures are counted: GoodJob's own columns, by the names of its `finished_since`, in seconds. */
export const FAILURE_RANGES = {
  '1_hour_ago': 3_600,
  '3_hours_ago': 10_800,
  '24_hours_ago': 86_400,
  '3_days_ago': 259_200,
  '7_days_ago': 604_800,
} as const;
export type FailureRange = keyof typeof FAILURE_RANGES;
export const RANGE_NAMES = Object.keys(FAILURE_RANGES) as FailureRange[];

/** By what failures are grouped; `class` and `exception` are the tables of GoodJob's own page. */
export const GROUPINGS = ['failure', 'class', 'exception'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Bars of a sparkline: its range in so many parts. */
export const SPARK_BARS = 24;

export interface FailureSample extends Pick<FailureRow, 'id' | 'state' | 'at'> {
  /** Redacted and cut; null for all but the newest sample of a group. */
  error: string | null;
}

/** Jobs that failed in one way: of one class, with one normal form of the error and one top frame of the app. */
export interface FailureGroup {
  fingerprint: string;
  jobClass: string | null;
  /** Normal form. */
  error: string;
  /** Top frame of the app, of the newest failure; null: it has none. */
  frame: string | null;
  queues: string[];
  /** Failures in the chosen period, by state. */
  discarded: number;
  retried: number;
  /** Failures by RANGE_NAMES. */
  counts: number[];
  /** Failures in the chosen range's bars, oldest first. */
  spark: number[];
  /** Failures in the period of the same length before the chosen one; null: not all of that was looked at. */
  before: number | null;
  /** Of those that were looked at. ISO 8601 UTC. */
  firstSeen: string;
  lastSeen: string;
  /** The newest first. */
  samples: FailureSample[];
  /** The newest job's error or payload is too large to be read, so the error is hidden. */
  tooLarge: boolean;
}

export interface FailurePage {
  /** The database's time. ISO 8601 UTC. */
  now: string;
  groups: FailureGroup[];
  /** There are more groups than these. */
  more: number;
  /** Failures looked at. */
  looked: number;
  /** Those of them in the chosen period. */
  inPeriod: number;
  /** Failures from here on are all in it: the window's beginning, or where the time was up. */
  since: string;
  /** The time was up before the window's beginning. */
  cut: boolean;
  /** Of those that wait to be tried again, only those due up to here were looked at; null: all. */
  until: string | null;
}

/** A row of GoodJob's tables: discarded jobs of one class, or with one exception. */
export interface DiscardCount {
  name: string | null;
  all: number;
  /** By RANGE_NAMES. */
  counts: number[];
  /** Where an exception's name is the whole error. */
  bare: boolean;
  /** It is longer than it is shown, or something of it is hidden. */
  cut: boolean;
  /** The error or the payload of its jobs is too large to be read, so the name is hidden. */
  tooLarge: boolean;
}

export interface DiscardCounts {
  rows: DiscardCount[];
  total: DiscardCount;
  /** Null: all discarded jobs are counted. Else those that were discarded since then. ISO 8601 UTC. */
  since: string | null;
  now: string;
}

export interface FailureFilter {
  by: Grouping;
  range: FailureRange;
  jobClass: string | null;
  /** The group that is unfolded. */
  group: string | null;
  /** Look further back than a page usually has time for. */
  deep: boolean;
  notUnderstood: NotUnderstood[];
}

/** Reads the filter of /cleaner from its URL. */
export function parseFailureFilter(params: Params): FailureFilter {
  const notUnderstood: NotUnderstood[] = [];
  const read = <T>(name: string, known: (value: string) => T | undefined): T | undefined => {
    const value = params.get(name);
    if (!value) return undefined;
    const found = known(value);
    if (found === undefined) notUnderstood.push({ name, value: cut(value, 80) });
    return found;
  };
  return {
    by: read('by', (value) => GROUPINGS.find((one) => one === value)) ?? 'failure',
    range:
      read('finished_since', (value) => RANGE_NAMES.find((one) => one === value)) ?? '24_hours_ago',
    jobClass: read('job_class', (value) => (isFilterText(value) ? value : undefined)) ?? null,
    group: read('group', (value) => (/^[0-9a-f]{16}$/.test(value) ? value : undefined)) ?? null,
    deep: read('deep', (value) => (value === '1' ? true : undefined)) ?? false,
    notUnderstood,
  };
}

/** The filter as query parameters, with changes. */
export function failureParams(
  filter: FailureFilter,
  changes: Partial<FailureFilter> = {},
): Record<string, string> {
  const { by, range, jobClass, group, deep } = { ...filter, ...changes };
  return {
    ...(by === 'failure' ? {} : { by }),
    ...(range === '24_hours_ago' ? {} : { finished_since: range }),
    ...(jobClass === null ? {} : { job_class: jobClass }),
    ...(group === null ? {} : { group }),
    ...(deep ? { deep: '1' } : {}),
  };
}

/** A job that failed: discarded, or waiting to be tried again. Times are ISO 8601 UTC. */
export interface FailureRow {
  id: string;
  state: 'discarded' | 'retried';
  jobClass: string | null;
  queueName: string | null;
  /** Cut at ERROR_READ characters. */
  error: string;
  /** When it failed last. */
  at: string;
  /** First line of the newest execution's backtrace that is of the app; null: there is none. */
  frame: string | null;
}
