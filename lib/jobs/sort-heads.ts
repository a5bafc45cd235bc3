import { type JobFilter, jobFilterParams, listedStates, sortOf } from './filters';
import type { Column } from './columns';
import { SORT_COLUMNS, type Sort, type SortColumn, naturalSort, suits } from './sort';

/** The head of a column: where it leads, and how the list is sorted by it now. */
export interface SortHead {
  href: string;
  sorted: 'ascending' | 'descending' | null;
}

/** What an operator wants to see first: what is most urgent, else what is newest. */
const FIRST: Record<SortColumn, Sort['direction']> = {
  priority: 'asc',
  created: 'desc',
  scheduled: 'asc',
  performed: 'desc',
  finished: 'desc',
};

export interface SortChoice {
  column: SortColumn;
  direction: Sort['direction'];
  href: string;
  current: boolean;
}

/** Every order that an index keeps a list with this filter in, both ways. */
export function sortChoices(filter: JobFilter, path: string): SortChoice[] {
  const states = listedStates(filter);
  const current = sortOf(filter);
  return SORT_COLUMNS.filter((column) => suits({ column }, states)).flatMap((column) =>
    (['desc', 'asc'] as const).map((direction) => ({
      column,
      direction,
      href: `${path}?${new URLSearchParams(jobFilterParams({ ...filter, sort: { column, direction } }))}`,
      current: current.column === column && current.direction === direction,
    })),
  );
}

/** The columns by which a list with this filter can be sorted, each with the link that sorts by it, or turns it round. */
export function sortHeads(filter: JobFilter, path: string): Partial<Record<Column, SortHead>> {
  const states = listedStates(filter);
  const current = sortOf(filter);
  const head = (column: SortColumn): SortHead => {
    const sorted = current.column === column;
    const direction = sorted ? (current.direction === 'asc' ? 'desc' : 'asc') : FIRST[column];
    return {
      href: `${path}?${new URLSearchParams(jobFilterParams({ ...filter, sort: { column, direction } }))}`,
      sorted: sorted ? (current.direction === 'asc' ? 'ascending' : 'descending') : null,
    };
  };
  const heads: Partial<Record<Column, SortHead>> = Object.fromEntries(
    SORT_COLUMNS.filter((column) => suits({ column }, states)).map((column) => [
      column,
      head(column),
    ]),
  );
  // The time that a row shows is its state's own; of several states no index has it.
  const natural = naturalSort(states);
  if (natural.column !== 'created' && suits(natural, states)) heads.time = head(natural.column);
  return heads;
}
