import {
  type JobFilter,
  SORT_COLUMNS,
  type Sort,
  type SortColumn,
  jobFilterParams,
  listedStates,
  naturalSort,
  sortOf,
  suits,
} from './filters';

/** What a list of jobs may show beside the class and the id, in this order. */
export const COLUMNS = [
  'queue',
  'priority',
  'labels',
  'attempts',
  'created',
  'scheduled',
  'performed',
  'finished',
  'error',
  'batch',
  'cron',
  'time',
  'state',
] as const;
export type KnownColumn = (typeof COLUMNS)[number];
/** A known one, or a path of the arguments: `args.0.invoice_id`. */
export type Column = KnownColumn | `args.${string}`;

export const DEFAULT_COLUMNS: readonly Column[] = [
  'queue',
  'priority',
  'labels',
  'attempts',
  'time',
  'state',
];
/** Kept in a cookie: the server must know them before the first paint. */
export const COLUMNS_COOKIE = 'gjc_columns';

/** Paths of the arguments at a time; each costs a look into every row's payload. */
export const MOST_PATHS = 3;
const LONGEST_PATH = 120;

export const isPath = (column: string): column is `args.${string}` =>
  /^args(\.[^.,\s\0]{1,60}){1,6}$/.test(column) && column.length <= LONGEST_PATH;
const isKnown = (column: string): column is KnownColumn =>
  (COLUMNS as readonly string[]).includes(column);

/** Reads a choice of columns, comma-separated; what is none is left out. When nothing is left: the default. */
export function parseColumns(text: string | null | undefined): readonly Column[] {
  const given = (text ?? '').split(',').map((name) => name.trim());
  const chosen = inOrder([
    ...COLUMNS.filter((name) => given.includes(name)),
    ...[...new Set(given.filter(isPath))].slice(0, MOST_PATHS),
  ]);
  return chosen.length > 0 ? chosen : DEFAULT_COLUMNS;
}

/** Known ones as COLUMNS has them; paths before the time and the state, which close a row. */
export function inOrder(columns: readonly Column[]): Column[] {
  const place = (column: Column) =>
    isKnown(column) ? COLUMNS.indexOf(column) : COLUMNS.indexOf('time') - 0.5;
  return [...columns].sort((a, b) => place(a) - place(b));
}

/** For the URL, the door and the cookie; null: the default. */
export function printColumns(columns: readonly Column[]): string | null {
  const text = columns.join(',');
  return text === DEFAULT_COLUMNS.join(',') ? null : text;
}

/** Values of columns that a JobRow does not have by itself. Times are ISO 8601 UTC, texts are cut. */
export type ExtraValues = Partial<Record<Column, string | null>>;

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
