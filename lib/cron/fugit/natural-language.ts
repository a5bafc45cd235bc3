import { type Data, type Slot, readWords } from './words';

const MAX_LENGTH = 256;

/** What fugit fails on after it has read the words. */
class Unreadable extends Error {}

/** The cron expression that fugit makes of natural language, with its zone; null: it makes none. */
export function wordsToCron(text: string): string | null {
  const phrase = text.trim();
  // Numbers alone are a duration to fugit.
  const slots = phrase.length > MAX_LENGTH || /^[\d.\s]+$/.test(phrase) ? null : readWords(phrase);
  if (!slots) return null;
  try {
    return assemble(slots);
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

function assemble(slots: Slot[]): string {
  const times: Slot[] = [];
  const parts = new Map<Slot['key'], Slot>();
  for (const slot of slots) {
    const known = parts.get(slot.key);
    if (slot.key === 'hm') times.push({ ...slot });
    else if (known) append(known, slot);
    else parts.set(slot.key, { ...slot });
  }
  const midnight: Slot = { key: 'hm', data0: 0, data1: 0 };
  if (parts.has('monthday') || parts.has('weekday') || parts.has('month')) {
    if (times.length === 0) times.push(midnight);
    if (!parts.has('monthday') && !parts.has('weekday'))
      parts.set('monthday', { key: 'monthday', data0: 1, data1: null });
  }
  const [hours, minutes] = firstTimes(times);
  const field = (key: Slot['key'], other: string) => list(parts.get(key)?.data0 ?? other);
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
  return [...fields, ...(zone ? [list(zone.data0)] : [])].map(print).join(' ');
}

const list = (data: Data): (string | number)[] =>
  Array.isArray(data) ? data : data === null ? [] : [data];

/** Each value once, numbers in order, what is no number after them. */
function print(values: (string | number)[]): string {
  const rank = (value: string | number) => (typeof value === 'number' ? value : 999_999);
  return [...new Set(values)].sort((a, b) => rank(a) - rank(b)).join(',');
}

/** Hours and minutes of the first cron that the times make: those of another minute would be another cron, which GoodJob leaves out. */
function firstTimes(times: Slot[]): [(string | number)[], (string | number)[]] {
  if (times.length === 0) return [['*'], ['*']];
  const all = [...times];
  for (;;) {
    const graded =
      all.length > 1 ? all.findIndex(({ weak, strong }) => (weak ?? strong) !== undefined) : -1;
    const slot = all[graded];
    if (!slot) break;
    const [other] = all.splice(graded === 0 ? 1 : graded - 1, 1);
    if (other) append(slot, other);
  }
  const byMinute = new Map<string | number, (string | number)[]>();
  for (const { data0, data1 } of all)
    for (const minute of list(data1))
      byMinute.set(minute, [...(byMinute.get(minute) ?? []), ...list(data0)]);
  const byHours = new Map<string, [(string | number)[], (string | number)[]]>();
  for (const [minute, hours] of byMinute) {
    if (hours.length > 1 && new Set(hours.map((hour) => typeof hour)).size > 1)
      throw new Unreadable();
    const sorted = [...hours].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const key = JSON.stringify(sorted);
    byHours.set(key, [sorted, [...(byHours.get(key)?.[1] ?? []), minute]]);
  }
  const [first] = byHours.values();
  if (!first) throw new Unreadable();
  return first;
}

/** Makes one slot of two of the same kind. */
function append(slot: Slot, other: Slot): void {
  const [data0, data1] = [conflate(0, slot, other), conflate(1, slot, other)];
  slot.data0 = data0;
  slot.data1 = data1;
  delete slot.weak;
  delete slot.strong;
}

function conflate(index: 0 | 1, slot: Slot, other: Slot): Data {
  const [a, b] = index === 0 ? [slot.data0, other.data0] : [slot.data1, other.data1];
  if (b === null) return a;
  if (a === null) return b;
  const range =
    index === 0
      ? ((other.strong === 1 ? hourRange(slot) : null) ??
        (slot.strong === 1 ? hourRange(other) : null))
      : null;
  if (range) return range[0] === range[1] - 1 ? range[0] : `${range[0]}-${range[1] - 1}`;
  if (slot.strong === index || slot.strong === true) return a;
  if (other.strong === index || other.strong === true) return b;
  if (other.weak === index || other.weak === true) return a;
  if (slot.weak === index || slot.weak === true) return b;
  if (a === '*' && b === '*') return ['*'];
  return [...(a === '*' ? [] : list(a)), ...(b === '*' ? [] : list(b))];
}

/** `8-17` of full hours: every minute of it ends before 17. */
function hourRange({ key, data0, data1 }: Slot): [number, number] | null {
  if (key !== 'hm' || data1 !== 0) return null;
  if (typeof data0 !== 'string') throw new Unreadable();
  const found = /^(\d+)-(\d+)$/.exec(data0);
  return found ? [Number(found[1]), Number(found[2])] : null;
}
