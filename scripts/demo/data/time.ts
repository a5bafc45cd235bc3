import type { Random } from './random';

/** Whole microseconds since the epoch, the precision of GoodJob's columns. */
export type Micros = number;

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The offset of Tokyo, which has no daylight saving time. */
const TOKYO = 9 * HOUR;

/** `YYYY-MM-DDTHH:MM:SS.ffffff`, UTC. */
function iso(at: Micros): string {
  return (
    new Date(Math.floor(at / 1000)).toISOString().slice(0, -1) +
    String(((at % 1000) + 1000) % 1000).padStart(3, '0')
  );
}

/** Formats a time for a `timestamp` column. */
export const columnTime = (at: Micros): string => iso(at);
/** Parses the result of `columnTime`. */
export const microsOf = (column: string): Micros =>
  Date.parse(`${column.slice(0, 23)}Z`) * 1000 + Number(column.slice(23));
/** Formats a time as Active Job does in payloads, with nine decimals. */
export const payloadTime = (at: Micros, nanoseconds = 0): string =>
  `${iso(at)}${String(nanoseconds).padStart(3, '0')}Z`;
/** Formats a time as Active Job serializes a `TimeWithZone`. */
export const tokyoTime = (at: Micros): string => `${iso(at + TOKYO)}000+09:00`;
/** The date in Tokyo, `YYYY-MM-DD`. */
export const tokyoDate = (at: Micros): string => iso(at + TOKYO).slice(0, 10);
const tokyoHour = (at: Micros): number => Math.floor((at + TOKYO) / HOUR) % 24;
/** The last midnight in Tokyo before `at`. */
export const tokyoMidnight = (at: Micros): Micros => at - ((at + TOKYO) % DAY);

/** 0 is Sunday; 1970-01-01 was a Thursday. */
function tokyoWeekday(at: Micros): number {
  return (Math.floor((at + TOKYO) / DAY) + 4) % 7;
}

/** The rate of new jobs at an hour of the day in Tokyo, relative to the rate at night. */
function weekdayActivity(hour: number): number {
  if (hour === 12) return 8;
  if (hour >= 9 && hour < 19) return 12;
  return hour >= 7 && hour < 22 ? 4 : 1;
}

function activity(at: Micros): number {
  const rate = weekdayActivity(tokyoHour(at));
  const weekday = tokyoWeekday(at);
  return weekday === 0 || weekday === 6 ? 1 + (rate - 1) * 0.3 : rate;
}

/** Returns a generator of times between two times, denser in office hours. */
export function businessTimes(random: Random, from: Micros, to: Micros): () => Micros {
  const hours: { start: Micros; upTo: number }[] = [];
  let total = 0;
  for (let start = from; start < to; start += HOUR) {
    total += activity(start);
    hours.push({ start, upTo: total });
  }
  return () => {
    const position = random.float() * total;
    const hour = hours.find(({ upTo }) => position < upTo) ?? hours[0];
    if (!hour) throw new RangeError('The range of times is empty.');
    return Math.floor(Math.min(hour.start + random.float() * HOUR, to - 1));
  };
}
