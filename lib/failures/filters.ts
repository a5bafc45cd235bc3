import type { NotUnderstood, Params } from '../filter-params';
import { cut, isFilterText } from '../text';
import { type FailureRange, GROUPINGS, type Grouping, RANGE_NAMES } from './types';

export interface FailureFilter {
  by: Grouping;
  range: FailureRange;
  jobClass: string | null;
  /** The group that is unfolded. */
  group: string | null;
  /** Look further back than a page usually has time for. */
  deep: boolean;
  notUnderstood: NotUnderstood[];
}

/** Reads the filter of /cleaner from its URL. */
export function parseFailureFilter(params: Params): FailureFilter {
  const notUnderstood: NotUnderstood[] = [];
  const read = <T>(name: string, known: (value: string) => T | undefined): T | undefined => {
    const value = params.get(name);
    if (!value) return undefined;
    const found = known(value);
    if (found === undefined) notUnderstood.push({ name, value: cut(value, 80) });
    return found;
  };
  return {
    by: read('by', (value) => GROUPINGS.find((one) => one === value)) ?? 'failure',
    range:
      read('finished_since', (value) => RANGE_NAMES.find((one) => one === value)) ?? '24_hours_ago',
    jobClass: read('job_class', (value) => (isFilterText(value) ? value : undefined)) ?? null,
    group: read('group', (value) => (/^[0-9a-f]{16}$/.test(value) ? value : undefined)) ?? null,
    deep: read('deep', (value) => (value === '1' ? true : undefined)) ?? false,
    notUnderstood,
  };
}

/** The filter as query parameters, with changes. */
export function failureParams(
  filter: FailureFilter,
  changes: Partial<FailureFilter> = {},
): Record<string, string> {
  const { by, range, jobClass, group, deep } = { ...filter, ...changes };
  return {
    ...(by === 'failure' ? {} : { by }),
    ...(range === '24_hours_ago' ? {} : { finished_since: range }),
    ...(jobClass === null ? {} : { job_class: jobClass }),
    ...(group === null ? {} : { group }),
    ...(deep ? { deep: '1' } : {}),
  };
}
