import { parseWords, type Slot, type SlotValue } from './words';

/*
 * Parses cron expressions as fugit 1.12 does: five or six fields (seconds first), nicknames, names,
 * lists, wrapping ranges, steps, `L` and negative days, `weekday#nth`, `weekday%modulo`, `&` and a
 * trailing zone.
 */

/** A weekday: every week, only the nth of the month, or every nth week. */
export interface WeekdayTerm {
  /** 0 (Sunday) to 6. */
  weekday: number;
  /** The nth such weekday of the month; negative: counted from the month's end. */
  nth?: number;
  /** Matches when the weeks since Monday 2018-12-31 modulo `modulo` are `remainder`. */
  modulo?: number;
  remainder?: number;
}

/** The sorted values of each field; null stands for `*`. */
export interface CronFields {
  seconds: number[];
  minutes: number[] | null;
  hours: number[] | null;
  /** 1 to 31, or -1 (the last day) to -31. */
  monthdays: number[] | null;
  months: number[] | null;
  weekdays: WeekdayTerm[] | null;
  /** `&`: the day of the month and the weekday must both match, instead of either. */
  dayAnd: boolean;
  zone: string | null;
}

/** `random`: the expression has a `~`, for which fugit draws a value each time it parses it. */
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
/** By number from 1, so the first element is unused. */
const MONTHS = ['', ...'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
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

/** fugit rejects the expression. */
class InvalidCron extends Error {}
/** The expression has a `~`. */
class RandomCron extends Error {}

/** Parses a cron expression or nickname as `Fugit::Cron.parse` does. */
export function parseCron(text: string): CronParse {
  const [first = '', ...rest] = text.trim().split(/[ \t]+/);
  const words = first.startsWith('@')
    ? [...(NICKNAMES[first]?.split(' ') ?? ['@']), ...rest]
    : [first, ...rest];
  // fugit tries six fields before five.
  for (const count of [6, 5]) {
    const zone = words[count] ?? null;
    if (words.length < count || words.length > count + 1 || (zone !== null && !ZONE.test(zone)))
      continue;
    try {
      const fields = words.slice(0, count);
      return { fields: parseFields(count === 6 ? fields : ['0', ...fields], zone) };
    } catch (error) {
      if (error instanceof RandomCron) return 'random';
      if (!(error instanceof InvalidCron)) throw error;
    }
  }
  return 'not_cron';
}

/** Parses six fields. */
function parseFields(
  [second = '', minute = '', hour = '', monthday = '', month = '', weekday = '']: string[],
  zone: string | null,
): CronFields {
  const monthdayField = monthday.replace(/&$/, '');
  const weekdayField = weekday.replace(/&$/, '');
  const months = parseValues(month, MONTH, toNumber(MONTHS));
  const monthdays = parseValues(monthdayField, MONTHDAY, (atom) =>
    /^l/i.test(atom) ? -1 : Number(atom),
  );
  const days = months && monthdays ? dropImpossibleDays(months, monthdays) : { months, monthdays };
  const hours = parseValues(hour, HOUR, Number);
  return {
    seconds: parseValues(second, MINUTE, Number) ?? Array.from({ length: 60 }, (_, n) => n),
    minutes: parseValues(minute, MINUTE, Number),
    hours: hours && sortUnique(hours.map((value) => (value === 24 ? 0 : value))),
    ...days,
    weekdays: parseWeekdays(weekdayField),
    dayAnd: monthdayField !== monthday || weekdayField !== weekday,
    zone,
  };
}

const toNumber = (names: string[]) => (atom: string) =>
  names.includes(atom.toLowerCase()) ? names.indexOf(atom.toLowerCase()) : Number(atom);
const sortUnique = (numbers: number[]) => [...new Set(numbers)].sort((a, b) => a - b);
const splitList = (field: string) =>
  field
    .replace(/^,+|,+$/g, '')
    .replace(/,{2,}/g, ',')
    .split(',');

interface Element {
  from: string | null;
  to: string | null;
  step: number | null;
}

/** Parses `*`, `a` or `a-b` with an optional step, or a step alone. */
function parseElement(text: string, atom: string): Element {
  const match = new RegExp(
    `^(?:\\*|(${atom})?(~)(${atom})?|(${atom})(?:-(${atom}))?)?(?:/(\\d{1,2}))?$`,
    'i',
  ).exec(text);
  if (!match || text === '') throw new InvalidCron();
  if (match[2] !== undefined) throw new RandomCron();
  return {
    from: match[4] ?? null,
    to: match[5] ?? null,
    step: match[6] === undefined ? null : Number(match[6]),
  };
}

/** Returns the sorted values of a field; null for `*`. */
function parseValues(field: string, unit: Unit, parse: (atom: string) => number): number[] | null {
  const values: number[] = [];
  let isAny = false;
  for (const text of splitList(field)) {
    const { from, to, step } = parseElement(text, unit.atom);
    const range = expandRange(
      from === null ? null : parse(from),
      to === null ? null : parse(to),
      step,
      unit,
    );
    if (range === null) isAny = true;
    else values.push(...range);
  }
  return isAny ? null : sortUnique(values);
}

function expandRange(
  from: number | null,
  to: number | null,
  step: number | null,
  { min, max }: Unit,
): number[] | null {
  if (step !== null && step < 1) throw new InvalidCron();
  let end = to ?? (step === null ? null : max);
  if (from === null && end === null) return null;
  if (from !== null && end === null) return [from];
  const start = from ?? min;
  if (end === null || (end < 0 && start > 0)) end = max;
  const every = step ?? 1;
  if (start === min && end === max && every === 1) return null;
  if ((start < 0 && end > 0) || (end < 0 && start > 0)) throw new InvalidCron();
  return wrapRange(start, end, start < 0 ? { min: -max, max: -1 } : { min, max }).filter(
    (_, index) => index % every === 0,
  );
}

/** The values from start to end; continues at `min` after `max` if the end is before the start. */
function wrapRange(
  start: number,
  end: number,
  { min, max }: { min: number; max: number },
): number[] {
  const values: number[] = [];
  let last = end;
  for (let current = start; values.length <= 2 * Math.abs(max - min) + 2;) {
    values.push(current);
    if (current === last) return values;
    current += 1;
    if (current > max) {
      current = min;
      if (last > max) last = last - max - 1;
    }
  }
  throw new InvalidCron();
}

/** Removes days that none of the months has; fugit rejects a schedule without any day left. */
function dropImpossibleDays(
  months: number[],
  monthdays: number[],
): { months: number[]; monthdays: number[] } {
  const pairs = months.flatMap((month) =>
    monthdays.filter((day) => day <= (MAX_DAYS[month] ?? 31)).map((day) => ({ month, day })),
  );
  if (pairs.length === 0) throw new InvalidCron();
  return {
    months: sortUnique(pairs.map(({ month }) => month)),
    monthdays: sortUnique(pairs.map(({ day }) => day)),
  };
}

function parseWeekdays(field: string): WeekdayTerm[] | null {
  const terms = splitList(field).flatMap(
    (text) => parseNthWeekday(text) ?? parseWeekdayRange(text),
  );
  const unique = [...new Map(terms.map((term) => [JSON.stringify(term), term])).values()];
  return unique.length === 0 ? null : unique.sort((a, b) => a.weekday - b.weekday);
}

const weekdayNumber = toNumber(WEEKDAYS);

/** Parses `mon#2` and `mon%2+1`; null: the element is neither. */
function parseNthWeekday(text: string): WeekdayTerm | null {
  const match = new RegExp(
    `^(${WEEKDAY.atom})(?:#(-?[1-5]|last|l)|%(\\d+)(?:\\+(\\d+))?)$`,
    'i',
  ).exec(text);
  if (!match) return null;
  const weekday = weekdayNumber(match[1] ?? '') % 7;
  if (match[2] !== undefined) return { weekday, nth: /^l/i.test(match[2]) ? -1 : Number(match[2]) };
  const modulo = Number(match[3]);
  if (modulo === 0) throw new InvalidCron();
  return { weekday, modulo, remainder: Number(match[4] ?? 0) % modulo };
}

/** Unlike in other fields, fugit reads `3/2` as 3 alone. */
function parseWeekdayRange(text: string): WeekdayTerm[] {
  const { from, to, step } = parseElement(text, WEEKDAY.atom);
  if (from === null && step === null) return [];
  const start = from === null ? 0 : weekdayNumber(from);
  let end = from === null ? 6 : start;
  if (to !== null) end = weekdayNumber(to);
  if (start > end) end += 7;
  const terms: WeekdayTerm[] = [];
  for (let day = start; day <= end; day += Math.max(step ?? 1, 1))
    terms.push({ weekday: (day > 6 ? day - 7 : day) % 7 });
  return terms;
}

/* Natural language, which becomes a cron expression. */

const MAX_PHRASE_LENGTH = 256;

/** fugit parses the words but fails to build a cron expression from them. */
class InvalidPhrase extends Error {}

/**
 * Converts natural language to a cron expression, with its zone, as `Fugit::Nat.parse` does; null:
 * fugit does not understand the phrase.
 */
export function wordsToCron(text: string): string | null {
  const phrase = text.trim();
  // fugit reads plain numbers as a duration.
  const slots =
    phrase.length > MAX_PHRASE_LENGTH || /^[\d.\s]+$/.test(phrase) ? null : parseWords(phrase);
  if (!slots) return null;
  try {
    return assemble(slots);
  } catch (error) {
    if (error instanceof InvalidPhrase) return null;
    throw error;
  }
}

function assemble(slots: Slot[]): string {
  const times: Slot[] = [];
  const parts = new Map<Slot['key'], Slot>();
  for (const slot of slots) {
    const existing = parts.get(slot.key);
    if (slot.key === 'hm') times.push({ ...slot });
    else if (existing) mergeInto(existing, slot);
    else parts.set(slot.key, { ...slot });
  }
  const midnight: Slot = { key: 'hm', data0: 0, data1: 0 };
  if (parts.has('monthday') || parts.has('weekday') || parts.has('month')) {
    if (times.length === 0) times.push(midnight);
    if (!parts.has('monthday') && !parts.has('weekday'))
      parts.set('monthday', { key: 'monthday', data0: 1, data1: null });
  }
  const { hours, minutes } = firstTimes(times);
  const field = (key: Slot['key'], fallback: string) => toList(parts.get(key)?.data0 ?? fallback);
  const fields = [
    field('second', '0'),
    minutes,
    hours,
    field('monthday', '*'),
    field('month', '*'),
    field('weekday', '*'),
  ];
  if (fields[0]?.length === 1 && fields[0][0] === '0') fields.shift();
  const zone = parts.get('tz');
  return [...fields, ...(zone ? [toList(zone.data0)] : [])].map(formatField).join(' ');
}

function toList(data: SlotValue): (string | number)[] {
  if (data === null) return [];
  return Array.isArray(data) ? data : [data];
}

/** Unique values: numbers in order, then the others. */
function formatField(values: (string | number)[]): string {
  const rank = (value: string | number) => (typeof value === 'number' ? value : 999_999);
  return [...new Set(values)].sort((a, b) => rank(a) - rank(b)).join(',');
}

interface Times {
  hours: (string | number)[];
  minutes: (string | number)[];
}

/**
 * The hours and minutes of the first cron expression. `18:15 and 20:45` needs two expressions, of
 * which GoodJob runs only the first.
 */
function firstTimes(times: Slot[]): Times {
  if (times.length === 0) return { hours: ['*'], minutes: ['*'] };
  const byMinute = new Map<string | number, (string | number)[]>();
  for (const { data0, data1 } of mergeWeighted(times))
    for (const minute of toList(data1))
      byMinute.set(minute, [...(byMinute.get(minute) ?? []), ...toList(data0)]);
  const byHours = new Map<string, Times>();
  for (const [minute, hours] of byMinute) {
    if (hours.length > 1 && new Set(hours.map((hour) => typeof hour)).size > 1)
      throw new InvalidPhrase();
    const sorted = [...hours].sort(compare);
    const key = JSON.stringify(sorted);
    byHours.set(key, { hours: sorted, minutes: [...(byHours.get(key)?.minutes ?? []), minute] });
  }
  const [first] = byHours.values();
  if (!first) throw new InvalidPhrase();
  return first;
}

/** Merges each weak or strong slot with its neighbor. */
function mergeWeighted(times: Slot[]): Slot[] {
  const slots = [...times];
  while (slots.length > 1) {
    const index = slots.findIndex(({ weak, strong }) => (weak ?? strong) !== undefined);
    const slot = slots[index];
    if (!slot) break;
    const [other] = slots.splice(index === 0 ? 1 : index - 1, 1);
    if (other) mergeInto(slot, other);
  }
  return slots;
}

function compare(a: string | number, b: string | number): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** Merges `other` into `slot`, which has the same key. */
function mergeInto(slot: Slot, other: Slot): void {
  const data0 = mergeData(0, slot, other);
  const data1 = mergeData(1, slot, other);
  slot.data0 = data0;
  slot.data1 = data1;
  delete slot.weak;
  delete slot.strong;
}

function mergeData(index: 0 | 1, slot: Slot, other: Slot): SlotValue {
  const a = index === 0 ? slot.data0 : slot.data1;
  const b = index === 0 ? other.data0 : other.data1;
  if (b === null) return a;
  if (a === null) return b;
  const range = index === 0 ? hourRangeWithMinutes(slot, other) : null;
  if (range) {
    const last = range.to - 1;
    return range.from === last ? range.from : `${range.from}-${last}`;
  }
  if (slot.strong === index || slot.strong === true) return a;
  if (other.strong === index || other.strong === true) return b;
  if (other.weak === index || other.weak === true) return a;
  if (slot.weak === index || slot.weak === true) return b;
  if (a === '*' && b === '*') return ['*'];
  return [...(a === '*' ? [] : toList(a)), ...(b === '*' ? [] : toList(b))];
}

interface HourRange {
  from: number;
  to: number;
}

/** With minutes, `8am to 5pm` ends before 17:00. */
function hourRangeWithMinutes(slot: Slot, other: Slot): HourRange | null {
  const range = other.strong === 1 ? hourRange(slot) : null;
  return range ?? (slot.strong === 1 ? hourRange(other) : null);
}

function hourRange({ key, data0, data1 }: Slot): HourRange | null {
  if (key !== 'hm' || data1 !== 0) return null;
  if (typeof data0 !== 'string') throw new InvalidPhrase();
  const match = /^(\d+)-(\d+)$/.exec(data0);
  return match ? { from: Number(match[1]), to: Number(match[2]) } : null;
}
