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

const FIRST_POSTGRES_YEAR_BC = 4_713;
const LAST_POSTGRES_YEAR = 294_276;

/** A time as it is stored: `isTimestamp`, or one of a later year as the console writes it. */
export function isStoredTime(text: string): boolean {
  if (isTimestamp(text)) return true;
  const [, year, monthToTime] = /^(\d{5,6})(-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)$/.exec(text) ?? [];
  if (!year || !monthToTime) return false;
  // A Date ends before Postgres' last year.
  const isInRange = Number(year) > 9_999 && Number(year) <= LAST_POSTGRES_YEAR;
  return isInRange && isTimestamp(`${sameCalendarYear(Number(year))}${monthToTime}`);
}

/** A time of a row: `isStoredTime`, an infinite one, or one of a year before Christ as Postgres prints it. */
export function isRowTime(text: string): boolean {
  if (isStoredTime(text) || text === 'infinity' || text === '-infinity') return true;
  const [, year, monthToTime] =
    /^(\d{4})(-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:\+00)? BC$/.exec(text) ?? [];
  if (!year || !monthToTime) return false;
  const isInRange = Number(year) >= 1 && Number(year) <= FIRST_POSTGRES_YEAR_BC;
  return isInRange && isTimestamp(`${sameCalendarYear(1 - Number(year))}${monthToTime}`);
}

/** A year from 2000 to 2399 with the same days as an astronomical year: the calendar repeats every 400 years. */
function sameCalendarYear(year: number): number {
  return 2000 + (((year % 400) + 400) % 400);
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
