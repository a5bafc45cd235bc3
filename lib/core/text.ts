import sql, { type Sql } from 'sql-template-tag';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID in its canonical form; Postgres would take others too, and links must have one spelling. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|UTC|[+-](0\d|1[0-4]):?\d\d))?$/;

/** ISO 8601 with a zone, as the console and GoodJob write it into links; days that there are, years that Postgres' timestamp holds. */
export function isTimestamp(text: string): boolean {
  const [, year, month, day] = TIMESTAMP.exec(text) ?? [];
  if (!year || year === '0000') return false;
  // To Date.parse the 30th of February is the 2nd of March.
  const isDay =
    new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  const instant = instantOf(text);
  // In UTC the first and the last hours of these years may be in others.
  return isDay && !Number.isNaN(instant.getTime()) && /^(?!0000)\d{4}-/.test(instant.toISOString());
}

/** UTC, unless it names a zone. To the millisecond. */
function instantOf(timestamp: string): Date {
  const [, day = '', time = '', fraction = '', zone = ''] =
    /^(\S{10})[T ](\d\d:\d\d(?::\d\d)?)(\.\d{1,3})?\d* ?(\S*)$/.exec(timestamp) ?? [];
  return new Date(
    `${day}T${time}${fraction}${zone === '' || zone === 'UTC' ? 'Z' : zone.replace(/(\d\d):?(\d\d)$/, '$1:$2')}`,
  );
}

/** A timestamp (`isTimestamp`) as the console writes it: in UTC, with microseconds. */
export function inUtc(timestamp: string): string {
  const [, fraction = ''] = /\.(\d{1,6})/.exec(timestamp) ?? [];
  return `${instantOf(timestamp).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}Z`;
}

/** The instant of a time as the console writes it, ms; NaN for other texts. JavaScript wants a sign on a year after 9999. */
export function instantMs(time: string): number {
  return Date.parse(time.replace(/^(\d{5,6})(?=-)/, (year) => `+${year.padStart(6, '0')}`));
}

const LAST_POSTGRES_YEAR = 294_276;

/** A time as it is stored: `isTimestamp`, or one of a later year as the console writes it. */
export function isStoredTime(text: string): boolean {
  if (isTimestamp(text)) return true;
  const [, year, monthToTime] = /^(\d{5,6})(-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)$/.exec(text) ?? [];
  if (!year || !monthToTime || Number(year) > LAST_POSTGRES_YEAR) return false;
  // The calendar repeats every 400 years, and a Date ends before Postgres' last year.
  return isTimestamp(`${2000 + (Number(year) % 400)}${monthToTime}`);
}

/** A time as a row gives it: `isStoredTime`, infinite, or of a year before Christ as Postgres prints it. */
export function isRowTime(text: string): boolean {
  return (
    isStoredTime(text) ||
    /^-?infinity$/.test(text) ||
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?(\+00)? BC$/.test(text)
  );
}

/** Text that Postgres can hold: no NUL, and not longer than any filter of ours needs. */
export function isFilterText(text: string): boolean {
  return text.length <= 1000 && !text.includes('\0');
}

/** Cuts at a character, not inside one (surrogate pairs stay whole). */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\uD800-\uDBFF]/.test(text[length - 1] ?? '') ? length - 1 : length;
  return text.slice(0, end);
}

/**
 * Ms since 1970 of a timestamp as Postgres rows have it; `Infinity` or `-Infinity` for an infinite one and for one that
 * is beyond the years of a JavaScript date.
 */
export function timestampMs(text: string): number {
  const ms = instantMs(text);
  if (!Number.isNaN(ms)) return ms;
  return text.startsWith('-') || text.endsWith('BC') ? -Infinity : Infinity;
}

/** Characters that change the direction of the text around them, so that it reads as something else. */
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
const EVERY_BIDI = new RegExp(BIDI.source, 'g');

/**
 * The text with each bidirectional control as its escape, such as `\u202e`. In JSON source text the escape means the
 * same character, so the JSON still parses to the same value.
 */
export function escapeBidi(text: string): string {
  return BIDI.test(text)
    ? text.replaceAll(
        EVERY_BIDI,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    : text;
}

/**
 * Ruby's `blank?` for text: nothing but white space, Unicode's included. Spelled out, because what Postgres'
 * [[:space:]] matches depends on the database's locale.
 */
const BLANK = '^[\\s\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]*$';

/** Characters that are examined first. */
const BEGINNING = 1_000;

export function isBlank(text: Sql): Sql {
  // A regular expression reads its text from end to end; nearly every text shows at its beginning that it is not blank.
  return sql`CASE WHEN left(coalesce(${text}, ''), ${BEGINNING}::int) !~ ${BLANK} THEN false
    ELSE coalesce(${text}, '') ~ ${BLANK} END`;
}

export function blankText(text: string | null): boolean {
  return text === null || /^[\s\u0085]*$/.test(text);
}
