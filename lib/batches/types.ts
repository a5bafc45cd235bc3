import {
  type Cursor,
  type NotUnderstood,
  PAGE_SIZE,
  type Params,
  cursorParams,
  parseCursor,
  parseLimit,
} from '../core/search-params';
import { cut } from '../core/text';
import type { JobState } from '../good-job/states';

/** Jobs of a batch by state. */
export interface Progress {
  total: number;
  /** The total is a lower bound: the batch has more jobs than could be counted in time. */
  more: boolean;
  /** Null when `more`: a part of the jobs says nothing about the whole. */
  states: Record<JobState, number> | null;
}

export const BATCH_STATES = ['pending', 'running', 'finished', 'discarded'] as const;
/** pending: not enqueued yet; running: enqueued, not finished; finished; discarded: a job was, finished or not. */
export type BatchState = (typeof BATCH_STATES)[number];

export interface BatchRow {
  id: string;
  description: string | null;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** The description or the properties were too large to be read, so texts that could repeat them are hidden. */
  tooLarge: boolean;
  createdAt: string;
  sortAt: string;
  enqueuedAt: string | null;
  discardedAt: string | null;
  jobsFinishedAt: string | null;
  finishedAt: string | null;
}

/** `progress` is null when it could not be counted. */
export interface BatchListRow extends BatchRow {
  progress: Progress | null;
  /** Its completion check is due, and nobody runs it. */
  hangs: boolean;
  /** No unfinished job of it can run as things are. */
  stalled: boolean;
}

/** 属性: all columns as GoodJob prints them. */
export interface BatchAttributes {
  /** Null: they are too large to be shown. */
  json: string | null;
  /** Of all columns, as they are stored. */
  bytes: number;
}

export interface BatchDetail {
  row: BatchRow;
  attributes: BatchAttributes;
}

/** Why a batch that is not finished does not go on; each is a message `batches.stuck.<kind>`. */
export type Stuck =
  /** Jobs were added and it was never enqueued: no callback will run. */
  | { kind: 'not_enqueued' }
  /** No unfinished job (or callback job), and nobody ran the completion check: it will never finish by itself. */
  | { kind: 'never_completes' }
  /** All waiting jobs wait because their queue, class or label is paused. */
  | { kind: 'paused'; count: number }
  /** Jobs count as running, and no live process holds them. `more`: the count is a lower bound. */
  | { kind: 'lost_workers'; count: number; more: boolean }
  /** Jobs are ready, and no live process serves anything. */
  | { kind: 'no_process'; count: number }
  /** Jobs are ready in queues that no live process serves: how many queues, and the first of them. */
  | { kind: 'queues_unserved'; count: number; queues: string[] }
  /** Nothing to do before that time. */
  | { kind: 'waits_until'; at: string; count: number }
  /** The jobs are done, a callback job is not. */
  | { kind: 'callbacks_open'; count: number }
  | { kind: 'callbacks_discarded'; count: number };

/** What the batch page polls: progress, its expected end and what holds it up. */
export interface BatchStatus {
  batch: BatchRow;
  progress: Progress;
  /** No unfinished job of it can run as things are. */
  stalled: boolean;
  /** Share of jobs finished, 0 to 1; null while jobs can be added, and when the counts are not exact. */
  finishedShare: number | null;
  /** Seconds from enqueueing to the end, or to now. */
  elapsed: number | null;
  /** By the rate of the last minutes, and not before the last job is due; null: no such rate, or nothing is left to do. */
  expectedAt: string | null;
  /** When its last waiting job is due; null when no job waits for a time. */
  notBefore: string | null;
  stuck: Stuck[];
  retryOffered: boolean;
}

export interface BatchFilter {
  state: BatchState | null;
  /** Rows a page. */
  limit: number;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isBatchState = (value: string): value is BatchState =>
  (BATCH_STATES as readonly string[]).includes(value);

/** Reads the filter of the batch list from its URL. */
export function parseBatchFilter(params: Params): BatchFilter {
  const state = params.get('state');
  const cursor = parseCursor(params);
  const limit = parseLimit(params);
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isBatchState(state)) notUnderstood.push({ name: 'state', value: cut(state, 80) });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: cut(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  if (limit === null)
    notUnderstood.push({ name: 'limit', value: cut(params.get('limit') ?? '', 80) });
  return {
    state: state && isBatchState(state) ? state : null,
    limit: limit ?? PAGE_SIZE,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as query parameters; without a cursor, its first page. */
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
