import {
  type Cursor,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  cursorParams,
  parseCursor,
  parseLimit,
} from '../core/search-params';
import { truncateText } from '../core/text';
import type { JobState } from '../good-job/types';

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
  /** The completion check is due and no worker will run it. */
  hangs: boolean;
  /** No unfinished job can run at present. */
  stalled: boolean;
}

/** All columns as GoodJob prints them. */
export interface BatchAttributes {
  /** Null if they are too large to be shown. */
  json: string | null;
  /** The stored size of all columns. */
  bytes: number;
}

export interface BatchDetail {
  row: BatchRow;
  attributes: BatchAttributes;
}

/** Why a batch is stuck; each kind is a message `batches.stuck.<kind>`. */
export type StuckCause =
  /** The batch was never enqueued, so no callback will run. */
  | { kind: 'not_enqueued' }
  /** The completion check is due and no worker will run it. */
  | { kind: 'never_completes' }
  /** The queue, class or a label of every waiting job is paused. */
  | { kind: 'paused'; count: number }
  /** Running jobs without a live worker. `more`: the count is a lower bound. */
  | { kind: 'lost_workers'; count: number; more: boolean }
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
  /** Seconds from enqueueing to the end, or to now. */
  elapsed: number | null;
  /** Estimated from the rate of the last minutes; null if there is none or no job is open. */
  expectedAt: string | null;
  /** The due time of the last waiting job; null if no job waits for a time. */
  notBefore: string | null;
  stuck: StuckCause[];
  canRetry: boolean;
}

export interface BatchFilter {
  state: BatchState | null;
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
  return {
    state: state && isBatchState(state) ? state : null,
    limit: limit ?? PAGE_SIZE,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as URL parameters, for the first page if there is no cursor. */
export function batchFilterParams(
  { state, limit }: Pick<BatchFilter, 'state' | 'limit'>,
  cursor: Cursor | null = null,
): Record<string, string> {
  return {
    ...(state ? { state } : {}),
    ...(limit === PAGE_SIZE ? {} : { limit: String(limit) }),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}
