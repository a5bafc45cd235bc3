import { Cron } from 'croner';
import { type CronFields, type CronParse, type WeekdayTerm, parseCron } from './cron-expression';
import { wordsToCron } from './natural-language';
import { type Wall, type Zone, appZone, zoneOf } from './zone';

/** What a schedule means: its fields, and the zone whose clock they are of. */
export interface Schedule extends CronFields {
  clock: Zone;
  /** The app's own clock, by which GoodJob tells when it asks for the next run. */
  appClock: Zone;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** As fugit gives up: a 30th of February never comes. */
const MAX_STEPS = 2_048;
/** Noon of the Monday that weeks are counted from (EtOrbi.rweek_ref since 1.4), as if in UTC. */
const FIRST_WEEK = Date.UTC(2018, 11, 31, 12);

/**
 * The first run after an instant (ms), as Fugit::Cron#next_time finds it: a time that the clock skips is no run, and
 * of two moments with the same clock one after the other only the first is. It compares the run's clock with the app's
 * at `after`: a schedule with another zone of its own has both. Null: none in the years to come.
 */
export function nextRun(schedule: Schedule, after: number): number | null {
  const { clock, appClock, seconds, minutes, hours } = schedule;
  const days = calendar(schedule);
  const from = Math.floor(after / SECOND) * SECOND;
  const literal = from + appClock.offsetAt(from);
  let at = from + SECOND;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const wall = clock.wallAt(at);
    if (!isDay(schedule, wall)) {
      const next = days.nextRun(new Date(midnight(wall)));
      if (!next) return null;
      at = Math.max(clock.startOfDay(next.getTime()), at + SECOND);
    } else if (hours && !hours.includes(wall.hour))
      at += HOUR - wall.minute * MINUTE - wall.second * SECOND;
    else if (minutes && !minutes.includes(wall.minute)) at += MINUTE - wall.second * SECOND;
    else if (!seconds.includes(wall.second))
      at +=
        ((seconds.find((second) => second > wall.second) ?? 60 + (seconds[0] ?? 0)) - wall.second) *
        SECOND;
    else if (at + clock.offsetAt(at) === literal && clock.offsetAt(at) !== clock.offsetAt(from))
      at += SECOND;
    else return at;
  }
  return null;
}

/** The next so many runs after an instant, oldest first. */
export function nextRuns(schedule: Schedule, after: number, count: number): number[] {
  const runs: number[] = [];
  for (
    let at = nextRun(schedule, after);
    at !== null && runs.length < count;
    at = nextRun(schedule, at)
  )
    runs.push(at);
  return runs;
}

/** The last run before an instant (ms); null: none in the years before. */
export function previousRun(schedule: Schedule, before: number): number | null {
  const { clock, seconds, minutes, hours } = schedule;
  const days = calendar(schedule);
  let at = Math.ceil(before / SECOND) * SECOND - SECOND;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const wall = clock.wallAt(at);
    if (!isDay(schedule, wall)) {
      const [day] = days.previousRuns(1, new Date(midnight(wall)));
      if (!day) return null;
      at = Math.min(clock.startOfDay(day.getTime() + DAY) - SECOND, at - SECOND);
    } else if (hours && !hours.includes(wall.hour))
      at -= wall.minute * MINUTE + wall.second * SECOND + SECOND;
    else if (minutes && !minutes.includes(wall.minute)) at -= wall.second * SECOND + SECOND;
    else if (!seconds.includes(wall.second))
      at -=
        (wall.second -
          (seconds.findLast((second) => second < wall.second) ?? (seconds.at(-1) ?? 0) - 60)) *
        SECOND;
    else return at;
  }
  return null;
}

/**
 * The last run before an instant that GoodJob comes to from the run before it: where the clock goes back, a moment
 * with the same clock as the run before is none (see nextRun).
 */
export function previousDue(schedule: Schedule, before: number): number | null {
  let due = previousRun(schedule, before);
  for (let step = 0; due !== null && step < MAX_STEPS; step += 1) {
    const earlier = previousRun(schedule, due);
    if (earlier === null || nextRun(schedule, earlier) === due) return due;
    due = earlier;
  }
  return due;
}

const calendars = new WeakMap<Schedule, Cron>();

/** Walks the calendar's days, in UTC, where no clock changes. What croner has no word for it leaves to isDay(). */
function calendar(schedule: Schedule): Cron {
  const known = calendars.get(schedule);
  if (known) return known;
  const { months, monthdays, weekdays, dayAnd } = schedule;
  const isPlain =
    (monthdays ?? []).every((day) => day > 0) &&
    (weekdays ?? []).every(({ nth, modulo }) => nth === undefined && modulo === undefined);
  const list = (numbers: number[] | undefined) => (isPlain && numbers ? numbers.join(',') : '*');
  const pattern = `0 0 0 ${list(monthdays ?? undefined)} ${months?.join(',') ?? '*'} ${list(weekdays?.map(({ weekday }) => weekday))}`;
  const days = new Cron(pattern, { timezone: 'UTC', domAndDow: dayAnd, paused: true });
  calendars.set(schedule, days);
  return days;
}

const midnight = ({ year, month, day }: Wall) => Date.UTC(year, month - 1, day);

function isDay(schedule: Schedule, wall: Wall): boolean {
  const { months, monthdays, weekdays, dayAnd, clock } = schedule;
  if (months && !months.includes(wall.month)) return false;
  const byMonthday = () =>
    !monthdays ||
    monthdays.includes(wall.day) ||
    monthdays.some((day) => day < 0 && lastDay(wall, clock) + 1 + day === wall.day);
  const byWeekday = () => !weekdays || weekdays.some((term) => isWeekday(term, wall, clock));
  // As in crontab(5): where both are given either will do.
  return monthdays && weekdays && !dayAnd
    ? byMonthday() || byWeekday()
    : byMonthday() && byWeekday();
}

/** fugit takes 24 hours from the next month's first midnight: before a clock change on the month's last day that is a day less. */
function lastDay({ year, month }: Wall, clock: Zone): number {
  return clock.wallAt(clock.startOfDay(Date.UTC(year, month, 1)) - DAY).day;
}

function isWeekday(
  { weekday, nth, modulo, remainder }: WeekdayTerm,
  wall: Wall,
  clock: Zone,
): boolean {
  if (wall.weekday !== weekday) return false;
  if (modulo !== undefined)
    return mod(Math.floor(daysSinceFirstWeek(wall, clock) / 7), modulo) === remainder;
  if (nth === undefined) return true;
  const daysInMonth = new Date(Date.UTC(wall.year, wall.month, 0)).getUTCDate();
  return nth > 0
    ? Math.ceil(wall.day / 7) === nth
    : Math.ceil((daysInMonth - wall.day + 1) / 7) === -nth;
}

/** Whole days from noon to noon, as fugit counts them: in summer, when noon comes an hour sooner, it is one less, and Mondays are of the week before. */
function daysSinceFirstWeek(wall: Wall, clock: Zone): number {
  const noon = (literal: number) => literal - clock.offsetAt(literal - clock.offsetAt(literal));
  return Math.floor((noon(midnight(wall) + DAY / 2) - noon(FIRST_WEEK)) / DAY);
}

const mod = (number: number, by: number) => ((number % by) + by) % by;

/** Why a schedule's times are not shown; each is a message `cron.unreadable.<reason>`. */
export const UNREADABLE = [
  /** Neither a cron expression nor natural language that is known here. */
  'unknown',
  /** It has a `~`: GoodJob draws the time anew each time that it starts. */
  'random',
  /** The zone at its end is not known here. */
  'zone',
  /** It has no zone, and the app's own (GOOD_JOB_APP_TIME_ZONE) is not known here. */
  'app_zone',
] as const;
export type Unreadable = (typeof UNREADABLE)[number];

export interface ReadSchedule {
  /** The cron expression that its words mean; null when it is written as one. */
  asCron: string | null;
  schedule: Schedule;
  /** It has no zone of its own: the app's counts. */
  isAppZone: boolean;
  /** It counts weeks (`%`), which fugit does anew since et-orbi 1.4. */
  countsWeeks: boolean;
}

/** Longer ones are no schedules. */
const MAX_LENGTH = 1_000;

/** What a schedule means, as GoodJob has it read (Fugit.parse); without a zone of its own it is the app's (`Time.zone`). */
export function readSchedule(text: string, appTimeZone: string): ReadSchedule | Unreadable {
  if (text.length > MAX_LENGTH) return 'unknown';
  let parsed: CronParse = parseCron(text);
  const asCron = parsed === 'not_cron' ? wordsToCron(text) : null;
  if (asCron !== null) parsed = parseCron(asCron);
  if (parsed === 'not_cron') return 'unknown';
  if (parsed === 'random') return 'random';
  const { fields } = parsed;
  const appClock = appZone(appTimeZone);
  const clock: Zone | null = fields.zone === null ? appClock : zoneOf(fields.zone);
  if (!clock) return fields.zone === null ? 'app_zone' : 'zone';
  return {
    asCron,
    schedule: { ...fields, clock, appClock: appClock ?? clock },
    isAppZone: fields.zone === null,
    countsWeeks: fields.weekdays?.some(({ modulo }) => modulo !== undefined) ?? false,
  };
}
