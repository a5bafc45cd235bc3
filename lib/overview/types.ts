import type { FindingKind, Severity } from '../attention/types';
import type { AuditOutcome, AuditTargetType } from '../audit/types';
import type { BatchProgress, BatchRow, StuckCause } from '../batches/types';
import type { ErrorCode } from '../core/errors';
import { truncateText } from '../core/text';
import type { NotUnderstood, Params } from '../core/urls';
import type { UpcomingCron } from '../cron/types';
import type { Count, JobRow } from '../jobs/types';

/**
 * The ranges of the overview: `buckets` bars of the chart, each `seconds` long. A cell of the heat
 * strip is `cellBuckets` bars long.
 */
export const RANGES = {
  '1h': { buckets: 60, seconds: 60, cellBuckets: 2 },
  '6h': { buckets: 72, seconds: 300, cellBuckets: 2 },
  '24h': { buckets: 96, seconds: 900, cellBuckets: 3 },
} as const;
export type Range = keyof typeof RANGES;
export const RANGE_NAMES = ['1h', '6h', '24h'] as const satisfies readonly Range[];
const DEFAULT_RANGE: Range = '1h';

interface OverviewFilter {
  range: Range;
  notUnderstood: NotUnderstood[];
}

/** Parses the filter of the overview; an invalid range is in `notUnderstood`. */
export function parseOverviewFilter(params: Params): OverviewFilter {
  const text = params.get('range') || DEFAULT_RANGE;
  const range = RANGE_NAMES.find((name) => name === text);
  return {
    range: range ?? DEFAULT_RANGE,
    notUnderstood: range ? [] : [{ name: 'range', value: truncateText(text, 80) }],
  };
}

/** Returns the query string of a range, with its question mark; empty for the default. */
export const rangeQuery = (range: Range): string =>
  range === DEFAULT_RANGE ? '' : `?range=${range}`;

/** A part of the overview, or why it could not be read. */
export type Section<T> = { value: T } | { error: ErrorCode };

/** The findings of /attention, without their items. */
export interface Health {
  /** The most severe first. */
  findings: { kind: FindingKind; severity: Severity; count: Count }[];
  /** Checks that found nothing, and checks whose result is unknown. */
  clear: number;
  unknown: number;
  /** ISO 8601 UTC. */
  checkedAt: string;
}

/** Numbers of a period. Null: unknown, or no job to compute it from. */
export interface PeriodFigures {
  /** Succeeded and discarded jobs and retried attempts. */
  processed: Count;
  perMinute: number | null;
  /** The share of discarded jobs and retried attempts in all processed ones, 0 to 1. */
  failureRate: number | null;
  /** 95th percentile of the time between due and started, in seconds. */
  waitP95: number | null;
}

/** The wait of one queue over time. */
export interface QueueWaits {
  name: string;
  /**
   * For each cell, the 95th percentile of the wait of attempts that started in it, or the age of a
   * job that still waits if that is longer. Seconds; null: nothing started or waited.
   */
  cells: (number | null)[];
  /** All scanned ready jobs of the queue are paused. */
  paused: boolean;
}

/** The jobs and attempts of the range, by bar of the chart. */
export interface Activity {
  /** Start of the first bar, in ms since 1970. */
  startMs: number;
  /** The time of the measurement, in ms since 1970. */
  nowMs: number;
  succeeded: number[];
  discarded: number[];
  /** Attempts that ended in a retry; null: the query timed out. */
  retried: number[] | null;
  /** The succeeded and discarded jobs, or the attempts, are extrapolated. */
  isEstimate: boolean;
  /** The waits are from a sample of the attempts. */
  isWaitSample: boolean;
  /** 95th percentile of the wait by bar, in seconds. */
  waits: (number | null)[];
  now: PeriodFigures;
  /** The period of the same length before. */
  before: PeriodFigures;
  queues: QueueWaits[];
}

/** The ready jobs and the workers at present. */
export interface Current {
  ready: Count;
  /** The paused ones among the ready jobs; a lower bound like `ready`. */
  paused: Count;
  /** The ready job that has waited longest; null: no job is ready. */
  oldest: { queue: string | null; seconds: number; paused: boolean } | null;
  /** Threads of all live processes, by their last heartbeat; null: not reported. */
  threads: { busy: number | null; total: number | null };
  /** Live processes. */
  processes: number;
}

/** A group of failures of the last day. */
export interface Cause {
  fingerprint: string;
  error: string;
  jobClass: string | null;
  tooLarge: boolean;
  count: Count;
  /** There was none in the day before; false if that is unknown. */
  isNew: boolean;
  /** Failures by hour, oldest first. */
  spark: number[];
}

export interface OpenBatch extends Pick<BatchRow, 'id' | 'description' | 'tooLarge'> {
  progress: BatchProgress | null;
  stalled: boolean;
  stuck: StuckCause[];
  /** When it is expected to end; null: unknown. */
  expectedAt: string | null;
}

export interface OpenBatches {
  /** Newest first. */
  rows: OpenBatch[];
  hasMore: boolean;
}

export type RunningJob = Pick<JobRow, 'id' | 'jobClass' | 'queueName' | 'lostWorker'> & {
  /** How long it has been running. */
  seconds: number;
};

/** A record of the audit. Texts are redacted. */
export interface Act {
  id: string;
  at: string;
  viewer: string;
  action: string;
  outcome: AuditOutcome;
  targetType: AuditTargetType;
  /** The first id of the target; null: none. */
  targetId: string | null;
  targetName: string | null;
  /** The number of jobs, batches or runs in the target. */
  targets: number;
  /** The class of the only job of the target, if it exists. */
  jobClass: string | null;
  /** Rows that were changed. */
  done: number;
  reason: string | null;
  isBulk: boolean;
}

/** A mark on the chart, in ms since 1970. */
export type Mark = { atMs: number } & (
  | { kind: 'pause' | 'unpause'; act: Act }
  | { kind: 'bulk'; act: Act }
  /** Processes that started within two minutes, of those that are still recorded. */
  | { kind: 'workers'; processes: number }
);

export interface Acts {
  /** Newest first. */
  latest: Act[];
  /** False: the console has no schema of its own, so it records nothing. */
  isRecorded: boolean;
}

/** Marks in the range, oldest first. */
export interface Marks {
  marks: Mark[];
  /** There are more marks in the range than are listed. */
  more: boolean;
}

export interface Overview {
  range: Range;
  /** When the oldest section was measured, in ISO 8601 UTC by the console's clock. */
  measuredAt: string;
  health: Section<Health>;
  current: Section<Current>;
  activity: Section<Activity>;
  marks: Section<Marks>;
  causes: Section<Cause[]>;
  batches: Section<OpenBatches>;
  running: Section<RunningJob[]>;
  cron: Section<UpcomingCron>;
  acts: Section<Acts>;
}
