import type { Page } from '../core/urls';
import type { ErrorEvent } from '../good-job/raw-rows';
import type { JobState, PauseKind } from '../good-job/types';
import type { Term } from '../search/terms';
import type { IndexHint } from '../search/text-indexes';
import type { ResolvedId, Sort, SortColumn } from './filters';

/** Optional columns of a list of jobs, in display order. */
export const COLUMNS = [
  'queue',
  'priority',
  'labels',
  'attempts',
  'wait',
  'runtime',
  'created',
  'scheduled',
  'performed',
  'finished',
  'error',
  'batch',
  'cron',
  'concurrency',
  'time',
  'state',
] as const;
export type FixedColumn = (typeof COLUMNS)[number];
/** A column of COLUMNS, or a path of the arguments: `args.0.invoice_id`. */
export type Column = FixedColumn | `args.${string}`;

export const DEFAULT_COLUMNS: readonly Column[] = [
  'queue',
  'priority',
  'labels',
  'attempts',
  'wait',
  'runtime',
  'time',
  'state',
];
/** A cookie, so that the server's first paint has the selected columns. */
export const COLUMNS_COOKIE = 'gjc_columns';

/** Maximum number of argument paths; each reads the payload of every row. */
export const MAX_ARGUMENT_PATHS = 3;
const MAX_PATH_LENGTH = 120;

/** Whether a column is a path of the arguments. */
export const isArgumentPath = (column: string): column is `args.${string}` =>
  /^args(\.[^.,\s\0]{1,60}){1,6}$/.test(column) && column.length <= MAX_PATH_LENGTH;
const isKnown = (column: string): column is FixedColumn =>
  (COLUMNS as readonly string[]).includes(column);

/**
 * Parses a comma-separated selection of columns and ignores invalid names. Without a valid one,
 * returns the default.
 */
export function parseColumns(text: string | null | undefined): readonly Column[] {
  const names = (text ?? '').split(',').map((name) => name.trim());
  const columns = sortColumns([
    ...COLUMNS.filter((name) => names.includes(name)),
    ...[...new Set(names.filter(isArgumentPath))].slice(0, MAX_ARGUMENT_PATHS),
  ]);
  return columns.length > 0 ? columns : DEFAULT_COLUMNS;
}

/**
 * Sorts columns in display order: as in COLUMNS, with argument paths before the time and the state.
 */
export function sortColumns(columns: readonly Column[]): Column[] {
  const position = (column: Column) =>
    isKnown(column) ? COLUMNS.indexOf(column) : COLUMNS.indexOf('time') - 0.5;
  return [...columns].sort((a, b) => position(a) - position(b));
}

/** Prints columns for the URL, the polling endpoint and the cookie; null for the default. */
export function printColumns(columns: readonly Column[]): string | null {
  const text = columns.join(',');
  return text === DEFAULT_COLUMNS.join(',') ? null : text;
}

/** Widths of columns that the viewer has changed, in units of 4 px. */
export type ColumnWidths = Partial<Record<Column, number>>;
export const WIDTHS_COOKIE = 'gjc_widths';
export const MIN_WIDTH = 10;
export const MAX_WIDTH = 120;
/** Widths are multiples of this, because each one is a class of globals.css. */
export const WIDTH_STEP = 2;

/** Parses the cookie of widths and ignores what is invalid. */
export function parseWidths(text: string | null | undefined): ColumnWidths {
  const widths: ColumnWidths = {};
  for (const part of (text ?? '').split(',')) {
    const [, name = '', digits = ''] = /^(.+):(\d{1,3})$/.exec(part) ?? [];
    const width = Number(digits);
    const isValid = width >= MIN_WIDTH && width <= MAX_WIDTH && width % WIDTH_STEP === 0;
    if (isValid && (isKnown(name) || isArgumentPath(name))) widths[name] = width;
  }
  return widths;
}

/** Prints the cookie of widths; null for none. */
export function printWidths(widths: ColumnWidths): string | null {
  const text = Object.entries(widths).map(([column, width]) => `${column}:${width}`);
  return text.length > 0 ? text.join(',') : null;
}

/** Height of the rows of a list. */
export type Density = 'comfortable' | 'compact';
export const DENSITY_COOKIE = 'gjc_density';
export const parseDensity = (text: string | undefined): Density =>
  text === 'compact' ? 'compact' : 'comfortable';

/** Values of columns that are not part of a JobRow. Times are ISO 8601 UTC, texts are truncated. */
export type ExtraValues = Partial<Record<Column, string | null>>;

/** Direction of the first click on a column: the most urgent or the newest jobs first. */
export const FIRST_DIRECTION: Record<SortColumn, Sort['direction']> = {
  priority: 'asc',
  created: 'desc',
  scheduled: 'asc',
  performed: 'desc',
  finished: 'desc',
};

/**
 * The part of a job that was too large to read, and its size in bytes (for arguments, the stored
 * size).
 */
export interface TooLarge {
  /** `names`: labels or keys. `page`: earlier rows used up the text budget of the page. */
  part: 'arguments' | 'error' | 'names' | 'backtrace' | 'page';
  bytes: number | null;
}

/**
 * A job in a list, redacted. Times are ISO 8601 UTC with microseconds; long texts are truncated.
 */
export interface JobRow {
  id: string;
  jobClass: string | null;
  /** What a wrapper runs, such as `CustomerMailer#welcome`; absent for any other class. */
  unwrapped?: string;
  /** One line of the arguments, redacted; null without arguments or if they were not read. */
  line: string | null;
  queueName: string | null;
  priority: number | null;
  labels: string[];
  /** Number of attempts (`executions_count`). */
  attempts: number;
  error: string | null;
  state: JobState;
  errorEvent: ErrorEvent | null;
  /** Sort key of the list. */
  sortAt: string;
  /** Seconds before the last attempt, or until now for a job that is due; null before that. */
  wait: number | null;
  /** Seconds of the last attempt, until now while it runs; null without an attempt. */
  run: number | null;
  batchId: string | null;
  /** Whether the job waits and its queue, class or label is paused. */
  paused: boolean;
  /** Whether the job is running and no live worker holds it. */
  lostWorker: boolean;
  /** A text was not read, so texts that could repeat a secret of it are hidden. */
  tooLarge?: TooLarge;
  /** Values of optional columns. */
  extra?: ExtraValues;
}

/** How far a search got that ended early. */
export interface PartialSearch {
  /** Sort key of the last scanned job; null if the list is not sorted by time. */
  at: string | null;
  /** Number of scanned jobs. */
  scanned: number;
}

/** A page of jobs, and how far a search got if no index could answer it. */
export interface JobPage<Row = JobRow> extends Page<Row> {
  /** Null for a complete page. Else the search ended early, and `next` or `previous` resumes it. */
  partial: PartialSearch | null;
  /** Search texts that were resolved to ids. */
  resolvedIds: ResolvedId[];
  /** For a partial page: the index that would speed up the search. */
  hint: IndexHint | null;
  /** Whether the text index searched only the labels of the newest jobs. */
  hasNewestLabelsOnly: boolean;
  /** Jobs with texts too large to search, which neither a term nor its negation matches. */
  unsearched: number;
}

/** A number of jobs, and how certain it is. */
export type Count =
  | { kind: 'exact'; count: number }
  /** A lower bound. */
  | { kind: 'at_least'; count: number }
  /** From the planner's statistics, within about 10% after ANALYZE. */
  | { kind: 'estimate'; count: number }
  /** The count timed out. */
  | { kind: 'unknown' };

export type StateCounts = Record<JobState, Count>;

/** Builds a record of counts for all states. */
export const buildStateCounts = (countOf: (state: JobState) => Count): StateCounts => ({
  scheduled: countOf('scheduled'),
  retried: countOf('retried'),
  queued: countOf('queued'),
  running: countOf('running'),
  succeeded: countOf('succeeded'),
  discarded: countOf('discarded'),
});

/** The counts of a page of jobs. */
export interface JobCounts {
  /** Jobs in each state that match the terms of the filter, regardless of its tab. */
  tabs: StateCounts;
  all: Count;
  /** Jobs of the list itself. */
  list: Count;
}

/** A pause that keeps a job from running. The name is redacted. */
export interface JobPause {
  kind: PauseKind;
  name: string;
  /** Whether redaction changed the name, so that it cannot identify the pause. */
  isHidden: boolean;
  /** Who paused it from the console, when and why; null if it was paused outside the console. */
  by: { viewer: string; at: string; reason: string | null } | null;
}

export type WaitingReason =
  /** Running, but its worker is gone. `isLocked`: no worker takes it before it is released. */
  | { kind: 'lost_worker'; isLocked: boolean }
  | { kind: 'paused'; pauses: JobPause[] }
  | { kind: 'no_process' }
  /** Live processes exist, but none serves the queue of the job. */
  | { kind: 'queue_unserved' }
  /** A concurrency limit or a throttle put off the last attempt. `running`: jobs of its key. */
  | { kind: 'concurrency_limit'; isThrottle: boolean; running: Count | null }
  | { kind: 'not_due' }
  /** Ready: the next free worker of the queue takes it after those before it. */
  | { kind: 'in_line' };

/** Why a job is not running. Times are ISO 8601 UTC. */
export interface Waiting {
  reason: WaitingReason;
  /** When the job becomes due; null if it is due. */
  dueAt: string | null;
  /** Ready jobs of the queue that come first by GoodJob's order; null if not counted in time. */
  ahead: Count | null;
}

/** A job with all that its page shows, redacted. */
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
  /** When the process in `locked_by_id` was last seen; null if it does not exist. */
  processSeenAt: string | null;
  /** Whether a live worker holds the job. */
  held: boolean | null;
  /** Pretty JSON of the decoded arguments, truncated unless `isWhole`. Null if too large. */
  argumentsJson: string | null;
  argumentsLength: number;
  /** Length of the redacted error. */
  errorLength: number;
  /** The last of the newest attempts that ended with this error. */
  errorAttempt: { at: string; number: number | null } | null;
  /** When the first attempt was enqueued (or started), if a retry has moved `createdAt`. */
  firstEnqueuedAt: string | null;
  /** "Show all": nothing is truncated, and an unread text is too large to be shown at all. */
  isWhole: boolean;
  /** Whether some arguments are redacted. */
  argumentsHidden: boolean;
  retryable: boolean;
  /** Why it is not running; null if it runs, is finished, or the reason was not read in time. */
  waiting: Waiting | null;
}

/** A job beside its list: its details, and its newest attempts. */
export interface JobPreview {
  job: JobDetail;
  attempts: ExecutionRow[];
}

/** Raw JSON, or its size in bytes if it is too large to show (null if too large to measure). */
export type RawText = { text: string } | { tooLarge: number | null };

/** Executions per page. */
export const EXECUTIONS_PER_PAGE = 100;

/** The first failed execution of a job. */
export interface FirstFailure {
  id: string;
  number: number | null;
}

/**
 * A page of executions, newest first. `from` is the first execution of an adjacent page (null for
 * the newest).
 */
export interface ExecutionPage {
  rows: ExecutionRow[];
  newer: { from: string | null } | null;
  older: { from: string } | null;
  /** The oldest execution that failed. */
  firstFailure: FirstFailure | null;
}

/** `interrupted`: the execution never ended and no worker runs it. */
export const EXECUTION_STATES = [
  'running',
  'interrupted',
  'succeeded',
  'retried',
  'discarded',
] as const;

/** An execution (attempt) of a job, redacted. Times are ISO 8601 UTC. */
export interface ExecutionRow {
  id: string;
  /** `serialized_params.executions` + 1. */
  number: number | null;
  state: (typeof EXECUTION_STATES)[number];
  createdAt: string;
  /** Enqueue time from the payload: untrusted text. */
  enqueuedAt: string | null;
  scheduledAt: string | null;
  finishedAt: string | null;
  /** Seconds. */
  queueWait: number | null;
  /** Seconds, by the worker's monotonic clock. */
  runTime: number | null;
  error: string | null;
  errorEvent: ErrorEvent | null;
  /** Whether the error or the backtrace is truncated. */
  isCut: boolean;
  /** A text was not read, so texts that could repeat a secret of it are hidden. */
  tooLarge?: TooLarge;
  /** Whether "Show all" is active for this execution. */
  isWhole: boolean;
  /** Backtrace frames of the application. */
  applicationFrames: string[];
  /** Backtrace frames of libraries. */
  otherFrames: string[];
  processId: string | null;
}

/** Ranges of a chart: number and length of its buckets. */
export const CHART_RANGES = {
  hour: { buckets: 60, seconds: 60 },
  day: { buckets: 48, seconds: 1_800 },
  week: { buckets: 56, seconds: 10_800 },
} as const;
export type ChartRange = keyof typeof CHART_RANGES;

export const CHART_GROUPS = ['state', 'queue', 'class'] as const;
export type ChartGroup = (typeof CHART_GROUPS)[number];

/** One series of a chart. */
export interface ChartSeries {
  /** Name of a state, queue or class; null without a name. */
  name: string | null;
  /** Whether this is the sum of all other series. */
  other: boolean;
  /** Jobs created in each bucket. */
  counts: number[];
}

/** Jobs of a filter by creation time. */
export interface Chart {
  range: ChartRange;
  by: ChartGroup;
  /** Seconds since 1970 at which the first bucket begins. */
  start: number;
  /** Up to CHART_SERIES series, largest first, and the sum of the others. */
  series: ChartSeries[];
  /** `sample`: extrapolated from `rows` jobs. `unknown`: the count timed out. */
  accuracy: { kind: 'exact' } | { kind: 'sample'; rows: number } | { kind: 'unknown' };
}

export const MAX_CHART_SERIES = 8;

/**
 * The viewer's chart settings. They are a cookie, so that the server's first paint reserves space
 * for the chart.
 */
export interface ChartChoice extends ChartRequest {
  open: boolean;
}
export const CHART_COOKIE = 'gjc_chart';

/** Parses the chart cookie; invalid values become the default. */
export function parseChartChoice(text: string | undefined): ChartChoice {
  const [open = '', range = '', by = ''] = (text ?? '').split('.');
  return { open: open !== 'folded', ...readChartRequest(range, by) };
}

/** Prints the chart cookie. */
export function printChartChoice({ open, range, by }: ChartChoice): string {
  return `${open ? 'open' : 'folded'}.${range}.${by}`;
}

/** Whether a term bounds the creation time, as a selection in the chart does. */
export function isCreatedBound(term: Term): boolean {
  return term.kind === 'time' && term.field === 'created' && !term.negated;
}

/**
 * Returns the bounds of the creation time in ms since 1970, infinite if open; null without a bound.
 */
export function createdBounds(
  terms: readonly Term[],
  nowMs: number,
): { from: number; to: number } | null {
  let from = -Infinity;
  let to = Infinity;
  for (const term of terms) {
    if (term.kind !== 'time' || !isCreatedBound(term)) continue;
    for (const { comparison, time } of term.bounds) {
      const at = 'at' in time ? Date.parse(time.at) : nowMs - time.secondsAgo * 1000;
      if (comparison.startsWith('>')) from = Math.max(from, at);
      else to = Math.min(to, at);
    }
  }
  return from === -Infinity && to === Infinity ? null : { from, to };
}

/** Range and grouping of a chart. */
export interface ChartRequest {
  range: ChartRange;
  by: ChartGroup;
}

export const isChartRange = (range: string): range is ChartRange =>
  Object.hasOwn(CHART_RANGES, range);

/** Parses `range` and `by`. Invalid values become the last hour and the state. */
export function readChartRequest(range: string | null, by: string | null): ChartRequest {
  return {
    range: range !== null && isChartRange(range) ? range : 'hour',
    by: CHART_GROUPS.find((group) => group === by) ?? 'state',
  };
}
