import { truncateText, isFilterText } from '../core/text';
import type { NotUnderstood, Params } from '../core/urls';

/** The ranges of the page, named like the values of GoodJob's `finished_since`. */
export const RANGE_NAMES = [
  '1_hour_ago',
  '3_hours_ago',
  '24_hours_ago',
  '3_days_ago',
  '7_days_ago',
] as const;
export type FailureRange = (typeof RANGE_NAMES)[number];

/** The ranges in seconds. */
export const FAILURE_RANGES: Record<FailureRange, number> = {
  '1_hour_ago': 3_600,
  '3_hours_ago': 10_800,
  '24_hours_ago': 86_400,
  '3_days_ago': 259_200,
  '7_days_ago': 604_800,
};

/** How failures are grouped; `class` and `exception` are the tables of GoodJob's own page. */
export const GROUPINGS = ['failure', 'class', 'exception'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** Number of bars of a sparkline. */
export const SPARK_BARS = 24;

/** A job of a failure group. */
export interface FailureSample extends Pick<FailureRow, 'id' | 'state' | 'at'> {
  /** Redacted and truncated; null for all but the newest sample of a group. */
  error: string | null;
}

/** Jobs with the same class, normalized error and top application frame. */
export interface FailureGroup {
  fingerprint: string;
  jobClass: string | null;
  /** Normalized. */
  error: string;
  /** Top application frame of the newest failure. */
  frame: string | null;
  queues: string[];
  /** Failures in the selected range. */
  discarded: number;
  /** Failures in the selected range. */
  retried: number;
  /** Failures in each range of RANGE_NAMES. */
  counts: number[];
  /** Failures per bar of the selected range, oldest first. */
  spark: number[];
  /**
   * Failures in the period of the same length before the range; null if it was not scanned
   * completely.
   */
  previousCount: number | null;
  /** Of the scanned failures. ISO 8601 UTC. */
  firstSeen: string;
  lastSeen: string;
  /** Newest first. */
  samples: FailureSample[];
  /** The error is hidden, because the newest job's error or payload is too large to read. */
  tooLarge: boolean;
}

/** The failure groups of a page, and how far back they were scanned. */
export interface FailurePage {
  /** The database's time. ISO 8601 UTC. */
  now: string;
  groups: FailureGroup[];
  /** Number of groups on all pages. */
  groupCount: number;
  /** The page of groups, from 1; the last one if the filter asks for a later one. */
  number: number;
  /** Number of scanned failures. */
  scanned: number;
  /** Scanned failures in the selected range. */
  countInRange: number;
  /** All failures from this time on were scanned. */
  since: string;
  /** Whether the scan ended before it reached the beginning of the window. */
  isPartial: boolean;
  /** Jobs that wait for a retry were scanned up to this scheduled time; null if all were. */
  until: string | null;
}

/** A row of GoodJob's own tables: discarded jobs of one class or with one exception. */
export interface DiscardCount {
  name: string | null;
  all: number;
  /** Counts for each range of RANGE_NAMES. */
  counts: number[];
  /** Whether an error consists of the exception's name alone. */
  isBare: boolean;
  /** Whether the name is truncated or partly hidden. */
  isCut: boolean;
  /** The name is hidden, because the error or payload of its jobs is too large to read. */
  tooLarge: boolean;
}

/** Discarded jobs counted by class or exception. */
export interface DiscardCounts {
  rows: DiscardCount[];
  total: DiscardCount;
  /** Only jobs discarded since this time are counted; null if all are. ISO 8601 UTC. */
  since: string | null;
  now: string;
}

/** The filter of /cleaner. */
export interface FailureFilter {
  by: Grouping;
  range: FailureRange;
  jobClass: string | null;
  /** Fingerprint of the expanded group. */
  group: string | null;
  /** Whether to scan further back, with a longer time budget. */
  deep: boolean;
  /** Page of groups, from 1. */
  page: number;
  notUnderstood: NotUnderstood[];
}

/** Parses the filter of /cleaner from its URL. */
export function parseFailureFilter(params: Params): FailureFilter {
  const notUnderstood: NotUnderstood[] = [];
  const read = <T>(name: string, parse: (value: string) => T | undefined): T | undefined => {
    const value = params.get(name);
    if (!value) return undefined;
    const result = parse(value);
    if (result === undefined) notUnderstood.push({ name, value: truncateText(value, 80) });
    return result;
  };
  return {
    by: read('by', (value) => GROUPINGS.find((grouping) => grouping === value)) ?? 'failure',
    range:
      read('finished_since', (value) => RANGE_NAMES.find((range) => range === value)) ??
      '24_hours_ago',
    jobClass: read('job_class', (value) => (isFilterText(value) ? value : undefined)) ?? null,
    group: read('group', (value) => (/^[0-9a-f]{16}$/.test(value) ? value : undefined)) ?? null,
    deep: read('deep', (value) => (value === '1' ? true : undefined)) ?? false,
    page: read('page', (value) => (/^[1-9]\d{0,3}$/.test(value) ? Number(value) : undefined)) ?? 1,
    notUnderstood,
  };
}

/** Groups on a page. */
export const GROUPS_PER_PAGE = 15;

/**
 * Prints the filter as query parameters, with some fields changed. A change of anything but the
 * expanded group leads to the first page.
 */
export function failureParams(
  filter: FailureFilter,
  changes: Partial<FailureFilter> = {},
): Record<string, string> {
  const isSameList = Object.keys(changes).every((name) => name === 'group');
  const { by, range, jobClass, group, deep, page } = {
    ...filter,
    ...(isSameList ? {} : { page: 1 }),
    ...changes,
  };
  return {
    ...(by === 'failure' ? {} : { by }),
    ...(range === '24_hours_ago' ? {} : { finished_since: range }),
    ...(jobClass === null ? {} : { job_class: jobClass }),
    ...(group === null ? {} : { group }),
    ...(deep ? { deep: '1' } : {}),
    ...(page === 1 ? {} : { page: String(page) }),
  };
}

/** A failed job: discarded, or waiting for a retry. Times are ISO 8601 UTC. */
export interface FailureRow {
  id: string;
  state: 'discarded' | 'retried';
  jobClass: string | null;
  queueName: string | null;
  /** Truncated to MAX_ERROR_CHARS characters. */
  error: string;
  /** Time of the last failure. */
  at: string;
  /** First application frame of the newest execution's backtrace. */
  frame: string | null;
}
