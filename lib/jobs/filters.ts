import type { NotUnderstood, Params } from '../filter-params';
import { type JobState, isJobState } from '../good-job/states';
import { type Cursor, PAGE_SIZE, cursorParams, parseCursor } from '../paging';
import { cut, isFilterText, isUuid } from '../text';

/** Conditions on one value, by their query parameter: GoodJob's own, and `process_id`. */
export const VALUE_PARAMS = ['queue_name', 'job_class', 'label', 'cron_key', 'process_id'] as const;
export type ValueParam = (typeof VALUE_PARAMS)[number];

/** Parameters of GoodJob's dashboard that this list cannot carry out: it must not answer with a wider list. */
const UNSUPPORTED = ['query', 'finished_since', 'q'] as const;

export const MAX_PAGE_SIZE = 100;

export interface JobFilter {
  state: JobState | null;
  values: Partial<Record<ValueParam, string>>;
  /** Rows a page. */
  limit: number;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

/** Reads the filter of a job list from its URL; the same for page, polling and links. */
export function parseJobFilter(params: Params): JobFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) => notUnderstood.push({ name, value: cut(params.get(name) ?? '', 80) });

  const state = params.get('state') || null;
  if (state && !isJobState(state)) refuse('state');
  const values: JobFilter['values'] = {};
  for (const name of VALUE_PARAMS) {
    const value = params.get(name);
    if (!value) continue;
    if (name === 'process_id' ? isUuid(value) : isFilterText(value)) values[name] = value;
    else refuse(name);
  }
  const limit = params.get('limit') || String(PAGE_SIZE);
  const limitRead = /^\d{1,3}$/.test(limit) && Number(limit) >= 1 && Number(limit) <= MAX_PAGE_SIZE;
  if (!limitRead) refuse('limit');
  for (const name of UNSUPPORTED) if (params.get(name)) refuse(name);
  const cursor = parseCursor(params);
  if (cursor === 'not_understood') refuse(['after_id', 'after_at', 'before_id', 'before_at'].find((name) => params.get(name) !== null) ?? 'after_id');
  return {
    state: state && isJobState(state) ? state : null,
    values,
    limit: limitRead ? Number(limit) : PAGE_SIZE,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as query parameters; without a cursor, its first page. */
export function jobFilterParams(filter: Pick<JobFilter, 'state' | 'values' | 'limit'>, cursor?: Cursor | null): Record<string, string> {
  return {
    ...(filter.state ? { state: filter.state } : {}),
    ...filter.values,
    ...(filter.limit === PAGE_SIZE ? {} : { limit: String(filter.limit) }),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}
