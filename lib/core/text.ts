import sql, { type Sql } from 'sql-template-tag';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Whether a text is a UUID in canonical form. Postgres accepts more, but links need one spelling.
 */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|UTC|[+-](0\d|1[0-4]):?\d\d))?$/;

/**
 * Whether a text is an ISO 8601 time as the console and GoodJob write it into links: a valid date
 * in the years 1 to 9999, with an optional zone.
 */
export function isTimestamp(text: string): boolean {
  const [, year, month, day] = TIMESTAMP.exec(text) ?? [];
  if (!year || year === '0000') return false;
  // Date.parse turns February 30 into March 2.
  const isValidDay =
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  const instant = instantOf(text);
  // The conversion to UTC can move the first or last hours out of the years 1 to 9999.
  return (
    isValidDay && !Number.isNaN(instant.getTime()) && /^(?!0000)\d{4}-/.test(instant.toISOString())
  );
}

/** Parses a timestamp to the millisecond, as UTC unless it has a zone. */
function instantOf(timestamp: string): Date {
  const [, day = '', time = '', fraction = '', zone = ''] =
    /^(\S{10})[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,3})?\d* ?(\S*)$/.exec(timestamp) ?? [];
  const isUtc = zone === '' || zone === 'UTC';
  const offset = isUtc ? 'Z' : zone.replace(/(\d\d):?(\d\d)$/, '$1:$2');
  return new Date(`${day}T${time}${fraction}${offset}`);
}

/** Converts a timestamp (`isTimestamp`) to the console's format: UTC with microseconds. */
export function toUtc(timestamp: string): string {
  const [, fraction = ''] = /\.(\d{1,6})/.exec(timestamp) ?? [];
  return `${instantOf(timestamp).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
}

/**
 * Parses a time in the console's format to Unix ms; returns NaN for other texts. Adds the sign that
 * JavaScript requires on years after 9999.
 */
export function instantMs(time: string): number {
  return Date.parse(time.replace(/^(\d{5,6})(?=-)/, (year) => `+${year.padStart(6, '0')}`));
}

const FIRST_POSTGRES_YEAR_BC = 4_713;
const LAST_POSTGRES_YEAR = 294_276;

/**
 * Whether a text is a finite stored time: `isTimestamp`, or a year after 9999 in the console's
 * format.
 */
export function isStoredTime(text: string): boolean {
  if (isTimestamp(text)) return true;
  const [, year, monthToTime] = /^(\d{5,6})(-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)$/.exec(text) ?? [];
  if (!year || !monthToTime) return false;
  // JavaScript dates end before Postgres' last year.
  const isInRange = Number(year) > 9_999 && Number(year) <= LAST_POSTGRES_YEAR;
  return isInRange && isTimestamp(`${sameCalendarYear(Number(year))}${monthToTime}`);
}

/** Whether a text is a time as rows contain it: `isStoredTime`, infinity, or a BC date. */
export function isRowTime(text: string): boolean {
  if (isStoredTime(text) || text === 'infinity' || text === '-infinity') return true;
  const [, year, monthToTime] =
    /^(\d{4})(-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\+00)? BC$/.exec(text) ?? [];
  if (!year || !monthToTime) return false;
  const isInRange = Number(year) >= 1 && Number(year) <= FIRST_POSTGRES_YEAR_BC;
  return isInRange && isTimestamp(`${sameCalendarYear(1 - Number(year))}${monthToTime}`);
}

/**
 * Returns a year from 2000 to 2399 with the same days as an astronomical year: the calendar repeats
 * every 400 years.
 */
function sameCalendarYear(year: number): number {
  return 2000 + (((year % 400) + 400) % 400);
}

/**
 * Whether a text can be a filter value: no NUL, which Postgres rejects, and at most 1000
 * characters.
 */
export function isFilterText(text: string): boolean {
  return text.length <= 1000 && !text.includes('\0');
}

/** Truncates a text to `length` UTF-16 units without splitting a surrogate pair. */
export function truncateText(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\uD800-\uDBFF]/.test(text[length - 1] ?? '') ? length - 1 : length;
  return text.slice(0, end);
}

/**
 * Converts a timestamp of a Postgres row to Unix ms; returns `Infinity` or `-Infinity` for infinite
 * values and for years outside the range of a JavaScript date.
 */
export function timestampMs(text: string): number {
  const ms = instantMs(text);
  if (!Number.isNaN(ms)) return ms;
  return text.startsWith('-') || text.endsWith('BC') ? -Infinity : Infinity;
}

/**
 * Bidirectional controls: they reorder the surrounding text, which can disguise it as another text.
 */
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
const BIDI_GLOBAL = new RegExp(BIDI.source, 'g');
const bidiEscapes = new Map<string, string>();

/** Returns the escape of a control; cached, because a text may consist of them. */
function bidiEscape(char: string): string {
  const cached = bidiEscapes.get(char);
  if (cached !== undefined) return cached;
  const escape = `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  bidiEscapes.set(char, escape);
  return escape;
}

/**
 * Replaces each bidirectional control with its escape, such as `\u202e`. JSON source text still
 * parses to the same value.
 */
export function escapeBidi(text: string): string {
  return BIDI.test(text) ? text.replaceAll(BIDI_GLOBAL, bidiEscape) : text;
}

/**
 * Ruby's `String#blank?`: only white space, including Unicode's. The characters are listed because
 * Postgres' [[:space:]] depends on the locale of the database.
 */
const BLANK = '^[\\s\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]*$';

const BLANK_PREFIX_LENGTH = 1_000;

/**
 * SQL for Ruby's `blank?` of a text expression; NULL is blank. The prefix is tested first because
 * the expression scans the whole text, and almost no text begins with 1000 blanks.
 */
export function isBlankSql(text: Sql): Sql {
  return sql`CASE
    WHEN left(coalesce(${text}, ''), ${BLANK_PREFIX_LENGTH}::int) !~ ${BLANK} THEN false
    ELSE coalesce(${text}, '') ~ ${BLANK}
  END`;
}

/** Ruby's `blank?` of a text or nil. */
export function isBlankText(text: string | null): boolean {
  return text === null || /^[\s\u0085]*$/.test(text);
}

/** Returns the words of a text, which are separated by white space. */
export const wordList = (text: string): string[] => text.trim().split(/\s+/);

/**
 * Returns the tag for a regular expression with these flags that spans several lines. Line breaks and
 * indentation are ignored; a backtick is written as `\x60`.
 */
export const multilineRegExp =
  (flags: string) =>
  ({ raw }: TemplateStringsArray): RegExp =>
    new RegExp(raw.join('').replaceAll(/\n\s*/g, ''), flags);
