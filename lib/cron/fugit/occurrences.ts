import { Cron } from 'croner';
import {
  type CronFields,
  type CronParse,
  parseCron,
  type WeekdayTerm,
  wordsToCron,
} from './cron-expression';
import railsZones from './rails-zones.json';

/** `ActiveSupport::TimeZone::MAPPING`: names for `config.time_zone` besides those of IANA. */
const RAILS_ZONES: Readonly<Record<string, string>> = railsZones;

/** The local time in a zone. `month` is 1 to 12, `weekday` 0 (Sunday) to 6. */
interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  weekday: number;
}

/** Offsets change only at whole quarters of an hour, so one cache entry covers a quarter. */
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
/** Cached offsets per zone. */
const MAX_OFFSETS = 5_000;
const MAX_ZONES = 1_000;

/** A time zone. Instants are whole seconds, in ms since the epoch. */
class Zone {
  private readonly offsets = new Map<number, number>();
  private readonly format: Intl.DateTimeFormat | null;

  constructor(
    /** The name that the schedule or the configuration uses. */
    readonly name: string,
    private readonly fixedOffsetMs: number | null,
    ianaName: string,
  ) {
    this.format =
      fixedOffsetMs === null
        ? new Intl.DateTimeFormat('en-US', {
            timeZone: ianaName,
            hourCycle: 'h23',
            year: 'numeric',
            month: 'numeric',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
            second: 'numeric',
          })
        : null;
  }

  /** Returns the offset east of UTC in ms. */
  offsetAt(instant: number): number {
    if (this.fixedOffsetMs !== null || !this.format) return this.fixedOffsetMs ?? 0;
    const quarter = Math.floor(instant / QUARTER_MS);
    const cached = this.offsets.get(quarter);
    if (cached !== undefined) return cached;
    const parts = this.format.formatToParts(quarter * QUARTER_MS);
    const part = (name: string) => Number(parts.find(({ type }) => type === name)?.value);
    const offset =
      Date.UTC(
        part('year'),
        part('month') - 1,
        part('day'),
        part('hour'),
        part('minute'),
        part('second'),
      ) -
      quarter * QUARTER_MS;
    if (this.offsets.size >= MAX_OFFSETS) this.offsets.clear();
    this.offsets.set(quarter, offset);
    return offset;
  }

  wallTimeAt(instant: number): WallTime {
    const local = new Date(instant + this.offsetAt(instant));
    return {
      year: local.getUTCFullYear(),
      month: local.getUTCMonth() + 1,
      day: local.getUTCDate(),
      hour: local.getUTCHours(),
      minute: local.getUTCMinutes(),
      second: local.getUTCSeconds(),
      weekday: local.getUTCDay(),
    };
  }

  /**
   * Returns the first instant of a day: midnight, or the end of a clock change that skips midnight.
   * `date` is midnight of that day as if in UTC.
   */
  startOfDay(date: number): number {
    const before = date - this.offsetAt(date - DAY_MS);
    const after = date - this.offsetAt(date + DAY_MS);
    const valid = [before, after].filter((instant) => instant + this.offsetAt(instant) === date);
    return valid.length > 0 ? Math.min(...valid) : before;
  }
}

const zones = new Map<string, Zone | null>();

/** The abbreviations that are IANA names. Intl also accepts `JST` or `PST`, which Ruby rejects. */
const IANA_ABBREVIATIONS = [
  'CET',
  'EET',
  'EST',
  'GMT',
  'HST',
  'MET',
  'MST',
  'PRC',
  'ROC',
  'ROK',
  'UCT',
  'UTC',
  'WET',
];

/**
 * Returns the zone that fugit accepts at the end of a schedule: an IANA name, or an offset of less
 * than twelve hours. Null: fugit does not accept the name.
 */
function scheduleZone(name: string): Zone | null {
  return cachedZone(name, () => {
    const [, sign, hours, minutes] = /^([+-])([01]?\d|2[0-4]):?([0-5]\d)?$/.exec(name) ?? [];
    if (hours === undefined) return ianaZone(name, name);
    if (Number(hours) > 11) return null;
    const offsetMinutes = Number(hours) * 60 + Number(minutes ?? 0);
    return new Zone(name, (sign === '-' ? -1 : 1) * offsetMinutes * 60_000, 'UTC');
  });
}

/** Returns the app's zone by its IANA or Rails name (`Tokyo`); null: the name is unknown. */
function appZone(name: string): Zone | null {
  return (
    scheduleZone(name) ??
    cachedZone(`rails ${name}`, () =>
      Object.hasOwn(RAILS_ZONES, name) ? ianaZone(name, RAILS_ZONES[name] ?? name) : null,
    )
  );
}

function ianaZone(name: string, ianaName: string): Zone | null {
  if (/^[A-Z]{3}$/.test(ianaName) && !IANA_ABBREVIATIONS.includes(ianaName)) return null;
  try {
    return new Zone(name, null, ianaName);
  } catch {
    return null;
  }
}

function cachedZone(key: string, create: () => Zone | null): Zone | null {
  const cached = zones.get(key);
  if (cached !== undefined) return cached;
  const zone = create();
  if (zones.size >= MAX_ZONES) zones.clear();
  zones.set(key, zone);
  return zone;
}

/** A parsed schedule with its time zone. */
export interface Schedule extends CronFields {
  /** The zone of the fields. */
  clock: Zone;
  /** The app's zone, in which GoodJob passes the current time to fugit. */
  appClock: Zone;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** fugit stops after this many iterations (for example on February 30). */
const MAX_ITERATIONS = 2_048;
/** Noon of the Monday from which et-orbi 1.4 counts weeks (`EtOrbi.rweek_ref`), as if in UTC. */
const WEEK_REFERENCE = Date.UTC(2018, 11, 31, 12);

/**
 * Returns the first run after `afterMs` in ms since the epoch, as `Fugit::Cron#next_time` does;
 * null: no run in the searched range. Local times that a clock change skips have no run, and of
 * two repeated ones only the first counts, unless the schedule's own zone differs from the app's:
 * fugit compares local times with the app's clock.
 */
export function nextRun(schedule: Schedule, afterMs: number): number | null {
  const { clock, appClock, seconds, minutes, hours } = schedule;
  const calendar = calendarOf(schedule);
  const fromMs = Math.floor(afterMs / SECOND) * SECOND;
  const fromLocalMs = fromMs + appClock.offsetAt(fromMs);
  let at = fromMs + SECOND;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration += 1) {
    const wall = clock.wallTimeAt(at);
    if (!matchesDay(schedule, wall)) {
      const day = calendar.nextRun(new Date(midnight(wall)));
      if (!day) return null;
      at = Math.max(clock.startOfDay(day.getTime()), at + SECOND);
    } else if (hours && !hours.includes(wall.hour))
      at += HOUR - wall.minute * MINUTE - wall.second * SECOND;
    else if (minutes && !minutes.includes(wall.minute)) at += MINUTE - wall.second * SECOND;
    else if (!seconds.includes(wall.second)) {
      const next = seconds.find((second) => second > wall.second) ?? 60 + (seconds[0] ?? 0);
      at += (next - wall.second) * SECOND;
    } else if (
      at + clock.offsetAt(at) === fromLocalMs &&
      clock.offsetAt(at) !== clock.offsetAt(fromMs)
    )
      at += SECOND;
    else return at;
  }
  return null;
}

/** Returns the next `count` runs after `afterMs` in ms since the epoch, oldest first. */
export function nextRuns(schedule: Schedule, afterMs: number, count: number): number[] {
  const runs: number[] = [];
  let at = nextRun(schedule, afterMs);
  while (at !== null && runs.length < count) {
    runs.push(at);
    at = nextRun(schedule, at);
  }
  return runs;
}

/**
 * Returns the last run before `beforeMs` in ms since the epoch, as `Fugit::Cron#previous_time`
 * does; null: no run in the searched range.
 */
export function previousRun(schedule: Schedule, beforeMs: number): number | null {
  const { clock, seconds, minutes, hours } = schedule;
  const calendar = calendarOf(schedule);
  let at = Math.ceil(beforeMs / SECOND) * SECOND - SECOND;
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration += 1) {
    const wall = clock.wallTimeAt(at);
    if (!matchesDay(schedule, wall)) {
      const [day] = calendar.previousRuns(1, new Date(midnight(wall)));
      if (!day) return null;
      at = Math.min(clock.startOfDay(day.getTime() + DAY) - SECOND, at - SECOND);
    } else if (hours && !hours.includes(wall.hour))
      at -= wall.minute * MINUTE + wall.second * SECOND + SECOND;
    else if (minutes && !minutes.includes(wall.minute)) at -= wall.second * SECOND + SECOND;
    else if (!seconds.includes(wall.second)) {
      const previous =
        seconds.findLast((second) => second < wall.second) ?? (seconds.at(-1) ?? 0) - 60;
      at -= (wall.second - previous) * SECOND;
    } else return at;
  }
  return null;
}

/**
 * Returns the last run before `beforeMs` that `nextRun` also finds, because GoodJob only enqueues
 * those: it skips a local time that a clock change repeats. Null: no run in the searched range.
 */
export function previousDue(schedule: Schedule, beforeMs: number): number | null {
  let due = previousRun(schedule, beforeMs);
  for (let iteration = 0; due !== null && iteration < MAX_ITERATIONS; iteration += 1) {
    const earlier = previousRun(schedule, due);
    if (earlier === null || nextRun(schedule, earlier) === due) return due;
    due = earlier;
  }
  return due;
}

const calendars = new WeakMap<Schedule, Cron>();

/**
 * Finds candidate days in UTC, which has no clock changes. Croner cannot express every term of
 * fugit, so `matchesDay` checks each candidate.
 */
function calendarOf(schedule: Schedule): Cron {
  const cached = calendars.get(schedule);
  if (cached) return cached;
  const { months, monthdays, weekdays, dayAnd } = schedule;
  const isPlain =
    (monthdays ?? []).every((day) => day > 0) &&
    (weekdays ?? []).every(({ nth, modulo }) => nth === undefined && modulo === undefined);
  const list = (numbers: number[] | undefined) => (isPlain && numbers ? numbers.join(',') : '*');
  const pattern = [
    '0 0 0',
    list(monthdays ?? undefined),
    months?.join(',') ?? '*',
    list(weekdays?.map(({ weekday }) => weekday)),
  ].join(' ');
  const calendar = new Cron(pattern, { timezone: 'UTC', domAndDow: dayAnd, paused: true });
  calendars.set(schedule, calendar);
  return calendar;
}

const midnight = ({ year, month, day }: WallTime) => Date.UTC(year, month - 1, day);

function matchesDay(schedule: Schedule, wall: WallTime): boolean {
  const { months, monthdays, weekdays, dayAnd, clock } = schedule;
  if (months && !months.includes(wall.month)) return false;
  const matchesMonthday = () =>
    !monthdays ||
    monthdays.includes(wall.day) ||
    monthdays.some((day) => day < 0 && lastDayOfMonth(wall, clock) + 1 + day === wall.day);
  const matchesAnyWeekday = () =>
    !weekdays || weekdays.some((term) => matchesWeekday(term, wall, clock));
  // As in crontab(5), either may match if both fields are set.
  return monthdays && weekdays && !dayAnd
    ? matchesMonthday() || matchesAnyWeekday()
    : matchesMonthday() && matchesAnyWeekday();
}

/**
 * fugit subtracts 24 hours from the first midnight of the next month, so a 23-hour last day of the
 * month makes it return the day before.
 */
function lastDayOfMonth({ year, month }: WallTime, clock: Zone): number {
  return clock.wallTimeAt(clock.startOfDay(Date.UTC(year, month, 1)) - DAY).day;
}

function matchesWeekday(
  { weekday, nth, modulo, remainder }: WeekdayTerm,
  wall: WallTime,
  clock: Zone,
): boolean {
  if (wall.weekday !== weekday) return false;
  if (modulo !== undefined)
    return mod(Math.floor(daysSinceReference(wall, clock) / 7), modulo) === remainder;
  if (nth === undefined) return true;
  const daysInMonth = new Date(Date.UTC(wall.year, wall.month, 0)).getUTCDate();
  return nth > 0
    ? Math.ceil(wall.day / 7) === nth
    : Math.ceil((daysInMonth - wall.day + 1) / 7) === -nth;
}

/**
 * Whole days from noon to noon, as et-orbi counts them. In summer noon is an hour earlier in UTC,
 * so the count is one less and Mondays belong to the week before.
 */
function daysSinceReference(wall: WallTime, clock: Zone): number {
  const toInstant = (localMs: number) =>
    localMs - clock.offsetAt(localMs - clock.offsetAt(localMs));
  return Math.floor((toInstant(midnight(wall) + DAY / 2) - toInstant(WEEK_REFERENCE)) / DAY);
}

/** The non-negative remainder, as Ruby's `%`. */
const mod = (number: number, by: number) => ((number % by) + by) % by;

/** Why a schedule has no times; each is a message `cron.unreadable.<reason>`. */
export const UNREADABLE_REASONS = [
  /** Neither a cron expression nor supported natural language. */
  'unknown',
  /** The expression has a `~`, for which GoodJob draws a value at each start. */
  'random',
  /** The schedule's own zone is unknown. */
  'zone',
  /** The schedule has no zone and the app's (GOOD_JOB_APP_TIME_ZONE) is unknown. */
  'app_zone',
] as const;
export type UnreadableReason = (typeof UNREADABLE_REASONS)[number];

export interface ParsedSchedule {
  /** The cron expression of natural language; null: the schedule is one already. */
  asCron: string | null;
  schedule: Schedule;
  /** The schedule has no zone, so the app's applies. */
  isAppZone: boolean;
  /** The schedule uses every nth week (`mon%2`), which et-orbi 1.4 counts from another week. */
  hasWeekModulo: boolean;
}

const MAX_LENGTH = 1_000;

/**
 * Parses a schedule as `GoodJob::CronEntry#fugit` does with `Fugit.parse`. A schedule without a
 * zone uses `appTimeZone`, an IANA or Rails name (Rails' `Time.zone`). Returns the reason if it
 * fails.
 */
export function parseSchedule(
  text: string,
  appTimeZone: string,
): ParsedSchedule | UnreadableReason {
  if (text.length > MAX_LENGTH) return 'unknown';
  let parsed: CronParse = parseCron(text);
  const asCron = parsed === 'not_cron' ? wordsToCron(text) : null;
  if (asCron !== null) parsed = parseCron(asCron);
  if (parsed === 'not_cron') return 'unknown';
  if (parsed === 'random') return 'random';
  const { fields } = parsed;
  const appClock = appZone(appTimeZone);
  const clock: Zone | null = fields.zone === null ? appClock : scheduleZone(fields.zone);
  if (!clock) return fields.zone === null ? 'app_zone' : 'zone';
  return {
    asCron,
    schedule: { ...fields, clock, appClock: appClock ?? clock },
    isAppZone: fields.zone === null,
    hasWeekModulo: fields.weekdays?.some(({ modulo }) => modulo !== undefined) ?? false,
  };
}
