import type { NotUnderstood, Params } from '../filter-params';
import { PROCESS_STATES, type ProcessState } from '../good-job/processes';
import { type Cursor, parseCursor } from '../paging';
import { cut, isFilterText } from '../text';

export interface ProcessFilter {
  state: ProcessState | null;
  /** Live processes that serve this queue. */
  queueName: string | null;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

const isState = (text: string): text is ProcessState =>
  (PROCESS_STATES as readonly string[]).includes(text);

/** Reads the filter of the processes page from its URL. */
export function parseProcessFilter(params: Params): ProcessFilter {
  const [state, queueName, cursor] = [
    params.get('state') || null,
    params.get('queue_name') || null,
    parseCursor(params),
  ];
  const notUnderstood: NotUnderstood[] = [];
  if (state && !isState(state)) notUnderstood.push({ name: 'state', value: cut(state, 80) });
  if (queueName && !isFilterText(queueName))
    notUnderstood.push({
      name: 'queue_name',
      value: cut(queueName.replaceAll('\0', '\uFFFD'), 80),
    });
  if (cursor === 'not_understood')
    notUnderstood.push({
      name: 'after_id',
      value: cut(params.get('after_id') ?? params.get('before_id') ?? '', 80),
    });
  return {
    state: state && isState(state) ? state : null,
    queueName: notUnderstood.some(({ name }) => name === 'queue_name') ? null : queueName,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as query parameters, without its cursor. */
export function processFilterParams({
  state,
  queueName,
}: Pick<ProcessFilter, 'state' | 'queueName'>): Record<string, string> {
  return { ...(state ? { state } : {}), ...(queueName ? { queue_name: queueName } : {}) };
}
