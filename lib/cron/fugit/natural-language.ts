import { type SlotValue, type Slot, parseWords } from './words';

const MAX_LENGTH = 256;

/** fugit parses the words but fails to build a cron expression from them. */
class InvalidPhrase extends Error {}

/**
 * Converts natural language to a cron expression, with its zone, as `Fugit::Nat.parse` does; null:
 * fugit does not understand the phrase.
 */
export function wordsToCron(text: string): string | null {
  const phrase = text.trim();
  // fugit reads plain numbers as a duration.
  const slots = phrase.length > MAX_LENGTH || /^[\d.\s]+$/.test(phrase) ? null : parseWords(phrase);
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
