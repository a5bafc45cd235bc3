import type { JobState } from '../good-job/states';
import { isRowTime } from '../text';

/** Columns that an index of GoodJob's own schema keeps in order, for the states that it has. */
export const SORT_COLUMNS = ['created', 'scheduled', 'performed', 'finished', 'priority'] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

export interface Sort {
  column: SortColumn;
  direction: 'asc' | 'desc';
}

const UNFINISHED: readonly JobState[] = ['scheduled', 'retried', 'queued', 'running'];

/** Whether jobs of these states can be sorted by it. Running ones are few: they need no index. */
export function suits({ column }: Pick<Sort, 'column'>, states: readonly JobState[]): boolean {
  if (column === 'priority') return states.every((state) => UNFINISHED.includes(state));
  if (column === 'performed') return states.every((state) => state === 'running');
  return true;
}

/** Natural order: what will run next first, what ran last first; of several kinds the newest. */
export function naturalSort(states: readonly JobState[]): Sort {
  const only = (...some: JobState[]) =>
    states.length > 0 && states.every((state) => some.includes(state));
  if (only('scheduled', 'retried', 'queued')) return { column: 'scheduled', direction: 'asc' };
  if (only('running')) return { column: 'performed', direction: 'desc' };
  if (only('succeeded', 'discarded')) return { column: 'finished', direction: 'desc' };
  return { column: 'created', direction: 'desc' };
}

/** `created`, or `-created` for the newest first. */
export function parseSort(text: string): Sort | null {
  const column = SORT_COLUMNS.find((one) => one === text.replace(/^-/, ''));
  return column ? { column, direction: text.startsWith('-') ? 'desc' : 'asc' } : null;
}

export function printSort({ column, direction }: Sort): string {
  return direction === 'desc' ? `-${column}` : column;
}

/** Whether a cursor's `at` is a sort key of the list: a time (`infinity` where a job has not finished), or `5/2026-11-20 …` by priority. */
export function isSortAt(sort: Sort): (text: string) => boolean {
  return (text) => {
    if (sort.column !== 'priority') return isRowTime(text);
    const [, priority = '', at = ''] = /^(-?\d{1,10})\/(.*)$/s.exec(text) ?? [];
    return isRowTime(at) && Math.abs(Number(priority)) <= 2_147_483_647;
  };
}
