import { type JobState, isJobState } from '../good-job/states';
import type { NotUnderstood, Params } from '../filter-params';
import { type Cursor, cursorParams, parseCursor } from '../paging';
import { cut, isFilterText } from '../text';

export interface JobFilter {
  state: JobState | null;
  jobClass: string | null;
  cursor: Cursor | null;
  notUnderstood: NotUnderstood[];
}

/** Reads the filter of a job list from its URL; the same for page, polling and links. */
export function parseJobFilter(params: Params): JobFilter {
  const notUnderstood: NotUnderstood[] = [];
  const refuse = (name: string) => notUnderstood.push({ name, value: cut(params.get(name) ?? '', 80) });

  const state = params.get('state');
  if (state && !isJobState(state)) refuse('state');
  const jobClass = params.get('job_class');
  if (jobClass && !isFilterText(jobClass)) refuse('job_class');
  const cursor = parseCursor(params);
  if (cursor === 'not_understood') refuse(['after_id', 'after_at', 'before_id', 'before_at'].find((name) => params.get(name) !== null) ?? 'after_id');
  return {
    state: state && isJobState(state) ? state : null,
    jobClass: jobClass && isFilterText(jobClass) ? jobClass : null,
    cursor: cursor === 'not_understood' ? null : cursor,
    notUnderstood,
  };
}

/** The filter as query parameters, without the page. */
export function jobFilterParams(filter: Pick<JobFilter, 'state' | 'jobClass'>, cursor?: Cursor | null): Record<string, string> {
  return {
    ...(filter.state ? { state: filter.state } : {}),
    ...(filter.jobClass ? { job_class: filter.jobClass } : {}),
    ...(cursor ? cursorParams(cursor) : {}),
  };
}
