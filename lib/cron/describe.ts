import type { CronFields } from './fugit/cron-expression';

/** What common schedules are called; each kind is a message `cron.words.<kind>`. Times are `HH:MM`, weekdays 0 (Sunday) to 6. */
export type Words =
  | { kind: 'seconds' | 'minutes'; every: number }
  | { kind: 'hours'; every: number; minute: string }
  | { kind: 'hourly'; minutes: string[] }
  | { kind: 'daily'; times: string[] }
  | { kind: 'weekly'; weekdays: number[]; times: string[] }
  /** -1 is the last day. */
  | { kind: 'monthly'; monthdays: number[]; times: string[] }
  | { kind: 'yearly'; months: number[]; monthdays: number[]; times: string[] };

/** Longer lists say less than the expression itself. */
const MOST = 6;
const two = (number: number) => String(number).padStart(2, '0');

/** The schedule in words; null where the expression says it better. */
export function describeSchedule({
  seconds,
  minutes,
  hours,
  monthdays,
  months,
  weekdays,
  dayAnd,
}: CronFields): Words | null {
  const everyDay = !monthdays && !months && !weekdays;
  if (seconds.length !== 1 || seconds[0] !== 0) {
    const every = stepOf(seconds, 60);
    return every !== null && everyDay && !minutes && !hours ? { kind: 'seconds', every } : null;
  }
  if (!hours) return everyDay ? withinHour(minutes) : null;
  if (!minutes) return null;
  const [minute] = minutes;
  const everyHours = stepOf(hours, 24);
  if (
    everyDay &&
    everyHours !== null &&
    hours.length > 1 &&
    minutes.length === 1 &&
    minute !== undefined
  )
    return { kind: 'hours', every: everyHours, minute: two(minute) };
  const times = hours.flatMap((hour) => minutes.map((one) => `${two(hour)}:${two(one)}`));
  if (times.length > MOST) return null;
  if (everyDay) return { kind: 'daily', times };
  if (
    weekdays &&
    !monthdays &&
    !months &&
    weekdays.every(({ nth, modulo }) => nth === undefined && modulo === undefined)
  )
    return { kind: 'weekly', weekdays: weekdays.map(({ weekday }) => weekday), times };
  if (
    !monthdays ||
    weekdays ||
    dayAnd ||
    monthdays.length > MOST ||
    monthdays.some((day) => day < -1)
  )
    return null;
  if (!months) return { kind: 'monthly', monthdays, times };
  return months.length <= MOST ? { kind: 'yearly', months, monthdays, times } : null;
}

function withinHour(minutes: number[] | null): Words | null {
  const every = minutes ? stepOf(minutes, 60) : 1;
  if (every !== null && (!minutes || minutes.length > 1)) return { kind: 'minutes', every };
  return minutes && minutes.length <= MOST ? { kind: 'hourly', minutes: minutes.map(two) } : null;
}

/** The step of a list that begins at 0 and divides the whole evenly. */
function stepOf(values: number[], whole: number): number | null {
  const step = whole / values.length;
  return Number.isInteger(step) && values.every((value, index) => value === index * step)
    ? step
    : null;
}
