import type { Random } from './random';

/*
 * Times of the demo are whole microseconds since 1970, as a number (exact up to the year 2255): GoodJob's columns
 * carry them, and a Date would not.
 */
export type Micros = number;

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The company works in Tokyo; Japan has no summer time. */
const TOKYO = 9 * HOUR;

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, UTC. */
function iso(at: Micros): string {
  return (
    new Date(Math.floor(at / 1000)).toISOString().slice(0, -1) +
    String(((at % 1000) + 1000) % 1000).padStart(3, '0')
  );
}

/** As a `timestamp` column takes it. */
export const columnTime = (at: Micros): string => iso(at);
/** What columnTime() was given. */
export const microsOf = (column: string): Micros =>
  Date.parse(`${column.slice(0, 23)}Z`) * 1000 + Number(column.slice(23));
/** As Active Job writes it into a payload: nine decimals. */
export const payloadTime = (at: Micros, nanoseconds = 0): string =>
  `${iso(at)}${String(nanoseconds).padStart(3, '0')}Z`;
/** With the offset, as a TimeWithZone is serialized. */
export const tokyoTime = (at: Micros): string => `${iso(at + TOKYO)}000+09:00`;
/** `2026-11-23`, in Tokyo. */
export const tokyoDate = (at: Micros): string => iso(at + TOKYO).slice(0, 10);
export const tokyoHour = (at: Micros): number => Math.floor((at + TOKYO) / HOUR) % 24;
/** The last midnight in Tokyo before `at`. */
export const tokyoMidnight = (at: Micros): Micros => at - ((at + TOKYO) % DAY);

/** 0 is Sunday; 1970-01-01 was a Thursday. */
function tokyoWeekday(at: Micros): number {
  return (Math.floor((at + TOKYO) / DAY) + 4) % 7;
}

/** How busy the company's app is in that hour, compared with a quiet night. */
function activity(at: Micros): number {
  const hour = tokyoHour(at);
  const office = hour >= 9 && hour < 19 ? (hour === 12 ? 8 : 12) : hour >= 7 && hour < 22 ? 4 : 1;
  const weekday = tokyoWeekday(at);
  return weekday === 0 || weekday === 6 ? 1 + (office - 1) * 0.3 : office;
}

/** A source of times between two moments, denser in office hours. */
export function businessTimes(random: Random, from: Micros, to: Micros): () => Micros {
  const hours: { start: Micros; upTo: number }[] = [];
  let total = 0;
  for (let start = from; start < to; start += HOUR)
    hours.push({ start, upTo: (total += activity(start)) });
  return () => {
    const wanted = random.float() * total;
    const hour = hours.find(({ upTo }) => wanted < upTo) ?? hours[0];
    if (!hour) throw new RangeError('There is no time between these.');
    return Math.floor(Math.min(hour.start + random.float() * HOUR, to - 1));
  };
}
