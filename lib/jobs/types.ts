import type { Page } from '../core/search-params';
import type { ErrorEvent } from '../good-job/raw-rows';
import type { JobState } from '../good-job/states';
import type { Term } from '../search/terms';
import type { IndexHint } from '../search/text-indexes';
import type { ExtraValues } from './columns';

/** Why the texts of a job are not shown: which part was not read, and its bytes (of arguments: as they are stored). */
export interface TooLarge {
  /** `names`: labels or keys. `page`: the texts of the rows before it used up what one page reads. */
  part: 'arguments' | 'error' | 'names' | 'backtrace' | 'page';
  bytes: number | null;
}

/** A job as lists show it. Times are ISO 8601 UTC text with microseconds; long texts are cut. */
export interface JobRow {
  id: string;
  jobClass: string | null;
  queueName: string | null;
  priority: number | null;
  labels: string[];
  /** Attempts so far (`executions_count`). */
  attempts: number;
  error: string | null;
  state: JobState;
  errorEvent: ErrorEvent | null;
  /** When it came into its state: finished, performed, or is to be performed. */
  lastAt: string;
  sortAt: string;
  batchId: string | null;
  /** Refinements on top of the state. */
  paused: boolean;
  lostWorker: boolean;
  /** Some text was not read, so those that could repeat a hidden value of it are hidden. */
  tooLarge?: TooLarge;
  /** Of columns that a viewer chose besides these. */
  extra?: ExtraValues;
}

/** A text that was taken for an id, and the term of `q` that searches for it as a text. */
export interface Named {
  source: string;
  as: 'id' | 'batch';
  asText: string;
}

/** A page of jobs, and how far they were searched when no index could answer. */
export interface JobPage extends Page<JobRow> {
  /**
   * Null: the page is complete. Else the search stopped here (`at`: the sort key of the last job looked at, null where
   * that is no time) after so many jobs, and `next` (`previous`, when it went backwards) goes on.
   */
  searched: { at: string | null; looked: number } | null;
  /** Texts that were taken for ids. */
  named: Named[];
  /** With `searched`: what would have answered at once. */
  hint: IndexHint | null;
  /** A text was found by an index, which has no labels: of them only those that the newest jobs have were searched. */
  labelsOfNewest: boolean;
  /** Jobs among those searched whose texts were too large to be searched: neither a term nor its negation matches them. */
  unsearched: number;
}

/** A number of jobs that says what it is. */
export type Count =
  | { kind: 'exact'; count: number }
  /** There are so many or more. */
  | { kind: 'at_least'; count: number }
  /** By the planner's statistics, good to about a tenth after ANALYZE. */
  | { kind: 'estimate'; count: number }
  /** It could not be counted in time. */
  | { kind: 'unknown' };

export interface JobCounts {
  /** Jobs of each state under the terms of the filter, whatever its tab. */
  tabs: Record<JobState, Count>;
  all: Count;
  /** Jobs of the list itself. */
  list: Count;
}

export interface JobDetail extends JobRow {
  createdAt: string;
  scheduledAt: string | null;
  performedAt: string | null;
  finishedAt: string | null;
  concurrencyKey: string | null;
  cronKey: string | null;
  cronAt: string | null;
  batchCallbackId: string | null;
  lockedById: string | null;
  /** When the process that holds it by `locked_by_id` was last seen; null when there is no such process. */
  processSeenAt: string | null;
  /** Whether somebody live holds it now. */
  held: boolean | null;
  /** The arguments as pretty JSON, decoded as a reader would write them; cut at ARGUMENTS_SHOWN characters. Null: too large. */
  argumentsJson: string | null;
  argumentsLength: number;
  /** Characters of the redacted error. */
  errorLength: number;
  /** The last attempt that ended with this error; null: none of the newest attempts did. */
  errorAttempt: { at: string; number: number | null } | null;
  /** Where a retry has moved `createdAt`: when the first attempt was enqueued, else started. */
  firstEnqueuedAt: string | null;
  /** "Show all": nothing is cut, and a text that was not read cannot be shown at all. */
  isWhole: boolean;
  /** Some of them are hidden. */
  argumentsHidden: boolean;
  retryable: boolean;
}

/** Raw JSON, or its bytes where it is too large to be shown (null: too large to be measured). */
export type RawText = { text: string } | { tooLarge: number | null };

/** Executions a page lists. */
export const EXECUTIONS_SHOWN = 100;

export interface FirstFailure {
  id: string;
  number: number | null;
}

/** A page of executions, newest first; `from` is the execution that a neighbouring page starts with (null: the newest). */
export interface ExecutionPage {
  rows: ExecutionRow[];
  newer: { from: string | null } | null;
  older: { from: string } | null;
  /** The oldest execution that failed. */
  firstFailure: FirstFailure | null;
}

export interface ExecutionRow {
  id: string;
  /** `serialized_params.executions` + 1. */
  number: number | null;
  /** `interrupted`: it never ended, and nobody runs it any more. */
  state: 'running' | 'interrupted' | 'succeeded' | 'retried' | 'discarded';
  createdAt: string;
  /** When this attempt was enqueued, as its payload says; untrusted text. */
  enqueuedAt: string | null;
  scheduledAt: string | null;
  finishedAt: string | null;
  /** Seconds. */
  queueWait: number | null;
  /** Seconds, by the worker's monotonic clock. */
  runTime: number | null;
  error: string | null;
  errorEvent: ErrorEvent | null;
  /** The error or a frame is cut; "Show all" has the rest. */
  isCut: boolean;
  /** Some text was not read, so those that could repeat a hidden value of it are hidden. */
  tooLarge?: TooLarge;
  /** "Show all" of this execution. */
  isWhole: boolean;
  /** Frames of the app first; the rest is folded. */
  applicationFrames: string[];
  otherFrames: string[];
  processId: string | null;
}

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
