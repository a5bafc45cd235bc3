import { isFilterText, truncateText } from '../core/text';
import {
  type Cursor,
  cursorParams,
  type NotUnderstood,
  type Page,
  PAGE_SIZE,
  type Params,
  parseCursor,
  parseLimit,
} from '../core/urls';
import type { JobState, PauseKind } from '../good-job/types';

/** The job counts of a batch. */
export interface BatchProgress {
  total: number;
  /** The total is a lower bound, because counting took too long. */
  more: boolean;
  /** Null if `more`, because the counted jobs are not representative of the others. */
  states: Record<JobState, number> | null;
}

export const BATCH_STATES = ['pending', 'running', 'finished', 'discarded'] as const;
/**
 * pending: not enqueued; running: enqueued, not finished; discarded: a job was discarded, whether
 * or not the batch is finished.
 */
export type BatchState = (typeof BATCH_STATES)[number];

export interface BatchRow {
  id: string;
  description: string | null;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /**
   * The description or the properties are too large to read, so texts that may repeat them are
   * redacted.
   */
  tooLarge: boolean;
  createdAt: string;
  sortAt: string;
  enqueuedAt: string | null;
  discardedAt: string | null;
  jobsFinishedAt: string | null;
  finishedAt: string | null;
}

/** `progress` is null if it could not be counted. */
export interface BatchListRow extends BatchRow {
  progress: BatchProgress | null;
  /** No unfinished job can run at present; null if that is unknown. */
  stalled: boolean | null;
  /** What the batch waits for, the most important cause first. */
  stuck: StuckCause[];
}

/** A page of batches; a search may end before it has filled the page. */
export interface BatchPage<Row extends BatchRow = BatchRow> extends Page<Row> {
  /** How far an incomplete search got: the time of the last searched batch, and their number. */
  partial: { at: string; scanned: number } | null;
  /** Batches that were not searched, because a text is too large or took too long. */
  unsearched: number;
}

/** A value of a batch's properties: a scalar as JSON, or the entries of an object or array. */
export interface PropertyNode {
  /** The key in an object; null for an element of an array. */
  key: string | null;
  /** Null for a container. */
  text: string | null;
  children: PropertyNode[];
  /** Entries that were omitted after the limit. */
  omitted: number;
}

/** A column of a batch that has a value. */
export type BatchField =
  | { name: string; kind: 'text' | 'time' | 'class'; text: string }
  | { name: string; kind: 'tree'; nodes: PropertyNode[]; omitted: number };

/** All columns as GoodJob prints them. */
export interface BatchAttributes {
  /** Null if they are too large to be shown. */
  json: string | null;
  /** The columns that have a value, without `id`; empty if the attributes are too large. */
  fields: BatchField[];
  /** The stored size of all columns. */
  bytes: number;
}

export interface BatchDetail {
  row: BatchRow;
  attributes: BatchAttributes;
}

export interface Pause {
  by: PauseKind;
  name: string;
}

/** Why a batch is stuck; each kind is a message `batches.stuck.<kind>`. */
export type StuckCause =
  /** The batch was never enqueued, so no callback will run. */
  | { kind: 'not_enqueued' }
  /** The completion check is due and no worker will run it. */
  | { kind: 'never_completes' }
  /** The queue, class or a label of every waiting job is paused. `by`: the first pauses. */
  | { kind: 'paused'; count: number; by: Pause[]; more: boolean }
  /**
   * Running jobs without a live worker. `more`: the count is a lower bound. `lockedIds`: the first
   * ones that no other worker can take, because their worker's id still locks them.
   */
  | { kind: 'lost_workers'; count: number; more: boolean; lockedIds: string[] }
  /** Jobs are ready, but no process is alive. */
  | { kind: 'no_process'; count: number }
  /**
   * No live process serves the queues of ready jobs. `count`: all queues; `queues`: the first ones.
   */
  | { kind: 'queues_unserved'; count: number; queues: string[] }
  /** No job is due before that time. */
  | { kind: 'waits_until'; at: string; count: number }
  /** The jobs are finished, but a callback job is not. */
  | { kind: 'callbacks_open'; count: number }
  | { kind: 'callbacks_discarded'; count: number };

/** The status that the batch page polls. */
export interface BatchStatus {
  batch: BatchRow;
  progress: BatchProgress;
  /** No unfinished job can run at present. */
  stalled: boolean;
  /**
   * Share of finished jobs, 0 to 1; null while jobs can be added or if the counts are not exact.
   */
  finishedShare: number | null;
  /**
   * Seconds from enqueueing to the end of the last job, or to now, without the time between an end
   * and a retry by hand.
   */
  elapsed: number | null;
  /** Estimated from the rate of the last minutes; null if there is none or no job is open. */
  expectedAt: string | null;
  /** The due time of the last waiting job; null if no job waits for a time. */
  notBefore: string | null;
  stuck: StuckCause[];
  canRetry: boolean;
}

/** Jobs that the timeline reads; a larger batch is a sample. */
export const MAX_TIMELINE_JOBS = 20_000;
/** Bars up to which each is one job. */
export const MAX_TIMELINE_BARS = 500;

/** One job of a batch's timeline, or several that started one after the other. */
export interface TimelineBar {
  /** The job; null for several. */
  id: string | null;
  jobs: number;
  /** The most serious state among the jobs. */
  state: JobState;
  /** Unix ms: the first start, or the due time of a waiting job. */
  from: number;
  /** Unix ms: the last end; null while a job is unfinished. */
  to: number | null;
}

/** When the jobs of a batch ran, sorted by start. */
export interface BatchTimeline {
  /** Unix ms, by the database's clock. */
  now: number;
  bars: TimelineBar[];
  jobs: number;
  /** The batch has more jobs than were read. */
  isSample: boolean;
}

export interface BatchFilter {
  state: BatchState | null;
  /** Words that a batch must contain. */
  q: string;
  /** Rows per page. */
  limit: number;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isBatchState = (value: string): value is BatchState =>
  (BATCH_STATES as readonly string[]).includes(value);

/** Parses the filter of the batch list from the URL parameters. */
export function parseBatchFilter(params: Params): BatchFilter {
  const state = params.get('state');
  const cursor = parseCursor(params);
  const limit = parseLimit(params);
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isBatchState(state))
    notUnderstood.push({ name: 'state', value: truncateText(state, 80) });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: truncateText(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  if (limit === null)
    notUnderstood.push({ name: 'limit', value: truncateText(params.get('limit') ?? '', 80) });
  const q = params.get('q')?.trim() ?? '';
  if (!isFilterText(q)) notUnderstood.push({ name: 'q', value: truncateText(q, 80) });
  return {
    state: state && isBatchState(state) ? state : null,
    q: isFilterText(q) ? q : '',
    limit: limit ?? PAGE_SIZE,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as URL parameters, for the first page if there is no cursor. */
export function batchFilterParams(
  { state, q, limit }: Pick<BatchFilter, 'state' | 'q' | 'limit'>,
  cursor: Cursor | null = null,
): Record<string, string> {
  return {
    ...(state ? { state } : {}),
    ...(q ? { q } : {}),
    ...(limit === PAGE_SIZE ? {} : { limit: String(limit) }),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}
