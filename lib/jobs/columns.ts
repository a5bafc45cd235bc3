import { type Sort, type SortColumn } from './filters';

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

/** What an operator wants to see first: what is most urgent, else what is newest. */
export const FIRST: Record<SortColumn, Sort['direction']> = {
  priority: 'asc',
  created: 'desc',
  scheduled: 'asc',
  performed: 'desc',
  finished: 'desc',
};
