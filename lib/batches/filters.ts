import type { NotUnderstood, Params } from '../filter-params';
import { type Cursor, parseCursor } from '../paging';
import { cut } from '../text';
import { BATCH_STATES, type BatchState } from './types';

export interface BatchFilter {
  state: BatchState | null;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isBatchState = (value: string): value is BatchState =>
  (BATCH_STATES as readonly string[]).includes(value);

/** Reads the filter of the batch list from its URL. */
export function parseBatchFilter(params: Params): BatchFilter {
  const state = params.get('state');
  const cursor = parseCursor(params);
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isBatchState(state)) notUnderstood.push({ name: 'state', value: cut(state, 80) });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: cut(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  return {
    state: state && isBatchState(state) ? state : null,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}
