import type { NotUnderstood, Params } from '../filter-params';
import { type Cursor, PAGE_SIZE, cursorParams, parseCursor, parseLimit } from '../paging';
import { cut } from '../text';
import { BATCH_STATES, type BatchState } from './types';

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
