/*
 * A cron expression as fugit (1.12) reads it: five or six fields (seconds first), nicknames, names, lists, ranges
 * that wrap, steps, L and days from the month's end, weekday#nth, weekday%modulo, `&`, and a zone at the end.
 */

/** Which days of a week: all of that weekday, the nth of the month (from its end when negative), or those of every nth week. */
export interface WeekdayTerm {
  weekday: number;
  nth?: number;
  /** Weeks since Monday 2018-12-31, modulo `modulo`, are `remainder`. */
  modulo?: number;
  remainder?: number;
}

/** The fields of a schedule; null: any. Days of the month are 1 to 31, or -1 (the last) to -31. */
export interface CronFields {
  seconds: number[];
  minutes: number[] | null;
  hours: number[] | null;
  monthdays: number[] | null;
  months: number[] | null;
  weekdays: WeekdayTerm[] | null;
  /** Day of the month and weekday must both fit, not one of them. */
  dayAnd: boolean;
  zone: string | null;
}

/** `random`: it has a `~`, which GoodJob draws anew at each start. */
export type CronParse = { fields: CronFields } | 'random' | 'not_cron';

const NICKNAMES: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@noon': '0 12 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = [
  '',
  'jan',
  'feb',
  'mar',
  'apr',
  'may',
  'jun',
  'jul',
  'aug',
  'sep',
  'oct',
  'nov',
  'dec',
];
export const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MAX_DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const ZONE =
  /^(?:[A-Z][a-zA-Z0-9+-]+(?:\/[A-Z][a-zA-Z0-9+\-_]+){0,2}|[-+](?:[01]\d|2[0-4]):?(?:00|15|30|45))$/;

interface Unit {
  atom: string;
  min: number;
  max: number;
}
const MINUTE: Unit = { atom: '[0-5]?\\d', min: 0, max: 59 };
const HOUR: Unit = { atom: '2[0-4]|[01]?\\d', min: 0, max: 23 };
const MONTHDAY: Unit = { atom: '-?(?:3[01]|[12]\\d|0?[1-9])|last|l', min: 1, max: 31 };
const MONTH: Unit = { atom: `1[0-2]|0?[1-9]|${MONTHS.slice(1).join('|')}`, min: 1, max: 12 };
const WEEKDAY: Unit = { atom: `[0-7]|${WEEKDAYS.join('|')}`, min: 0, max: 6 };

/** Thrown inside for what fugit does not read either. */
class NotCron extends Error {}
class Random extends Error {}

export function parseCron(text: string): CronParse {
  const [first = '', ...rest] = text.trim().split(/[ \t]+/);
  const words = first.startsWith('@')
    ? [...(NICKNAMES[first]?.split(' ') ?? ['@']), ...rest]
    : [first, ...rest];
  // fugit tries six fields before five: a zone counts only after the fields.
  for (const count of [6, 5]) {
    const zone = words[count] ?? null;
    if (words.length < count || words.length > count + 1 || (zone !== null && !ZONE.test(zone)))
      continue;
    try {
      const [seconds = '0', ...others] =
        count === 6 ? words.slice(0, 6) : ['0', ...words.slice(0, 5)];
      return {
        fields: readFields(seconds, others as [string, string, string, string, string], zone),
      };
    } catch (error) {
      if (error instanceof Random) return 'random';
      if (!(error instanceof NotCron)) throw error;
    }
  }
  return 'not_cron';
}

function readFields(
  seconds: string,
  [minute, hour, monthday, month, weekday]: [string, string, string, string, string],
  zone: string | null,
): CronFields {
  const days = monthday.replace(/&$/, '');
  const weekdays = weekday.replace(/&$/, '');
  const months = values(month, MONTH, nameOf(MONTHS));
  const monthdays = values(days, MONTHDAY, (atom) => (/^l/i.test(atom) ? -1 : Number(atom)));
  const compact = months && monthdays ? compacted(months, monthdays) : { months, monthdays };
  const hours = values(hour, HOUR, Number);
  return {
    seconds: values(seconds, MINUTE, Number) ?? Array.from({ length: 60 }, (_, n) => n),
    minutes: values(minute, MINUTE, Number),
    hours: hours && sorted(hours.map((one) => (one === 24 ? 0 : one))),
    ...compact,
    weekdays: weekdayTerms(weekdays),
    dayAnd: days !== monthday || weekdays !== weekday,
    zone,
  };
}

const nameOf = (names: string[]) => (atom: string) =>
  names.includes(atom.toLowerCase()) ? names.indexOf(atom.toLowerCase()) : Number(atom);
const sorted = (numbers: number[]) => [...new Set(numbers)].sort((a, b) => a - b);
const elements = (field: string) =>
  field
    .replace(/^,+|,+$/g, '')
    .replace(/,{2,}/g, ',')
    .split(',');

interface Element {
  from: string | null;
  to: string | null;
  step: number | null;
}

/** `*`, `a`, `a-b`, each with a step or not, or a step alone. */
function element(text: string, atom: string): Element {
  const found = new RegExp(
    `^(?:\\*|(${atom})?(~)(${atom})?|(${atom})(?:-(${atom}))?)?(?:/(\\d{1,2}))?$`,
    'i',
  ).exec(text);
  if (!found || text === '') throw new NotCron();
  if (found[2] !== undefined) throw new Random();
  return {
    from: found[4] ?? null,
    to: found[5] ?? null,
    step: found[6] === undefined ? null : Number(found[6]),
  };
}

/** All values of a field in order; null: any. */
function values(field: string, unit: Unit, number: (atom: string) => number): number[] | null {
  const found: number[] = [];
  let any = false;
  for (const text of elements(field)) {
    const { from, to, step } = element(text, unit.atom);
    const range = expand(
      from === null ? null : number(from),
      to === null ? null : number(to),
      step,
      unit,
    );
    if (range === null) any = true;
    else found.push(...range);
  }
  return any ? null : sorted(found);
}

function expand(
  from: number | null,
  to: number | null,
  step: number | null,
  { min, max }: Unit,
): number[] | null {
  if (step !== null && step < 1) throw new NotCron();
  let end = to ?? (step === null ? null : max);
  if (from === null && end === null) return null;
  if (from !== null && end === null) return [from];
  const start = from ?? min;
  if (end === null || (end < 0 && start > 0)) end = max;
  const every = step ?? 1;
  if (start === min && end === max && every === 1) return null;
  if ((start < 0 && end > 0) || (end < 0 && start > 0)) throw new NotCron();
  return wrapping(start, end, start < 0 ? { min: -max, max: -1 } : { min, max }).filter(
    (_, index) => index % every === 0,
  );
}

/** From start to end, beginning anew at the smallest where the end is before the start. */
function wrapping(
  start: number,
  end: number,
  { min, max }: { min: number; max: number },
): number[] {
  const all: number[] = [];
  let last = end;
  for (let current = start; all.length <= 2 * Math.abs(max - min) + 2;) {
    all.push(current);
    if (current === last) return all;
    current += 1;
    if (current > max) {
      current = min;
      if (last > max) last = last - max - 1;
    }
  }
  throw new NotCron();
}

/** Days that a month does not have are no days; a schedule without any is none. */
function compacted(
  months: number[],
  monthdays: number[],
): { months: number[]; monthdays: number[] } {
  const pairs = months.flatMap((month) =>
    monthdays.filter((day) => day <= (MAX_DAYS[month] ?? 31)).map((day) => ({ month, day })),
  );
  if (pairs.length === 0) throw new NotCron();
  return {
    months: sorted(pairs.map(({ month }) => month)),
    monthdays: sorted(pairs.map(({ day }) => day)),
  };
}

function weekdayTerms(field: string): WeekdayTerm[] | null {
  const number = nameOf(WEEKDAYS);
  const terms: WeekdayTerm[] = [];
  for (const text of elements(field)) {
    const special = new RegExp(
      `^(${WEEKDAY.atom})(?:#(-?[1-5]|last|l)|%(\\d+)(?:\\+(\\d+))?)$`,
      'i',
    ).exec(text);
    if (special) {
      const weekday = number(special[1] ?? '') % 7;
      const modulo = Number(special[3]);
      if (special[2] !== undefined)
        terms.push({ weekday, nth: /^l/i.test(special[2]) ? -1 : Number(special[2]) });
      else if (modulo === 0) throw new NotCron();
      else terms.push({ weekday, modulo, remainder: Number(special[4] ?? 0) % modulo });
      continue;
    }
    const { from, to, step } = element(text, WEEKDAY.atom);
    if (from === null && step === null) continue;
    const start = from === null ? 0 : number(from);
    let end = to === null ? (step === null ? start : from === null ? 6 : start) : number(to);
    if (start > end) end += 7;
    for (let day = start; day <= end; day += Math.max(step ?? 1, 1))
      terms.push({ weekday: (day > 6 ? day - 7 : day) % 7 });
  }
  const unique = [...new Map(terms.map((term) => [JSON.stringify(term), term])).values()];
  return unique.length === 0 ? null : unique.sort((a, b) => a.weekday - b.weekday);
}
