/** Returns the offset of the zone at an instant (Unix ms), in ms east of UTC. */
function offsetAt(instant: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant);
  const part = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return (
    Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    ) -
    Math.floor(instant / 1000) * 1000
  );
}

/**
 * Converts the value of a `datetime-local` input (`2026-11-23T21:30`) in a zone to ISO 8601 UTC;
 * returns null for an invalid date. A time that a clock change skips uses the offset before the
 * change.
 */
export function zonedToUtc(local: string, zone: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local)) return null;
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return null;
  const guess = wall - offsetAt(wall, zone);
  return new Date(wall - offsetAt(guess, zone)).toISOString();
}

const DAY_MS = 86_400_000;

/**
 * Returns the first instant (Unix ms) of a day (`2026-11-30`) in a zone, also on days where
 * midnight occurs twice or not at all.
 */
export function startOfDay(day: string, zone: string): number {
  const wall = Date.parse(`${day}T00:00Z`);
  const offsetBefore = offsetAt(wall - DAY_MS, zone);
  const starts = [offsetBefore, offsetAt(wall + DAY_MS, zone)]
    .map((offset) => wall - offset)
    .filter((instant) => instant + offsetAt(instant, zone) === wall);
  return starts.length > 0 ? Math.min(...starts) : wall - offsetBefore;
}

/** Formats an offset (ms east of UTC) as in ISO 8601: `+09:00`, or `Z` for UTC. */
export function offsetText(offset: number): string {
  const minutes = Math.round(offset / 60_000);
  if (minutes === 0) return 'Z';
  const twoDigits = (number: number) => String(number).padStart(2, '0');
  const size = Math.abs(minutes);
  const sign = minutes < 0 ? '-' : '+';
  return `${sign}${twoDigits(Math.floor(size / 60))}:${twoDigits(size % 60)}`;
}

/**
 * Formats an instant (Unix ms) as ISO 8601 with the zone's offset, to the second:
 * `2026-11-23T21:30+09:00`, or `…Z` in UTC.
 */
export function zonedIso(instant: number, zone: string): string {
  const offset = offsetAt(instant, zone);
  const local = new Date(instant + offset).toISOString().slice(0, 19);
  return local.replace(/:00$/, '') + offsetText(offset);
}

/**
 * Whether the minute of a time is over at `now` (Unix ms). Forms have a precision of one minute.
 */
export function isPastMinute(iso: string, now: number): boolean {
  return Date.parse(iso) + 60_000 <= now;
}

/**
 * Formats an instant (Unix ms) as the value of a `datetime-local` input in a zone, to the minute.
 */
export function utcToZoned(instant: number, zone: string): string {
  return new Date(instant + offsetAt(instant, zone)).toISOString().slice(0, 16);
}

/** Suggested times of a reschedule: in 15 minutes, today at 22:00, tomorrow at 9:00. */
export const TIME_PRESETS = ['in15', 'tonight', 'tomorrow'] as const;
export type TimePreset = (typeof TIME_PRESETS)[number];

/**
 * The time of a preset at `now` (Unix ms) in the viewer's zone, ISO 8601 UTC; null if it has passed
 * or the name is not a preset.
 */
export function presetTime(name: string, now: number, zone: string): string | null {
  const dayAt = (instant: number) => utcToZoned(instant, zone).slice(0, 10);
  switch (name) {
    case 'in15':
      return new Date(now + 15 * 60_000).toISOString();
    case 'tonight': {
      const time = zonedToUtc(`${dayAt(now)}T22:00`, zone);
      return time !== null && Date.parse(time) > now ? time : null;
    }
    case 'tomorrow': {
      const today = Date.parse(`${dayAt(now)}T00:00Z`);
      return zonedToUtc(`${new Date(today + DAY_MS).toISOString().slice(0, 10)}T09:00`, zone);
    }
    default:
      return null;
  }
}

const HOUR_MS = 3_600_000;

export interface RescheduleDefaults {
  zone: string;
  /** Default of the `datetime-local` input, in an hour. */
  at: string;
  /** The presets that are still to come, with their times in ISO 8601 UTC. */
  presets: { name: TimePreset; time: string }[];
}

/** The suggested times of a reschedule at `now` (Unix ms) in the viewer's zone. */
export function rescheduleDefaults(now: number, zone: string): RescheduleDefaults {
  return {
    zone,
    at: utcToZoned(now + HOUR_MS, zone),
    presets: TIME_PRESETS.flatMap((name) => {
      const time = presetTime(name, now, zone);
      return time === null ? [] : [{ name, time }];
    }),
  };
}

export const LOCALES = ['en', 'ja'] as const;
export type Locale = (typeof LOCALES)[number];

/** Whether a value is one of LOCALES. */
export function isLocale(value: string | null | undefined): value is Locale {
  return value === 'en' || value === 'ja';
}

/** Cookies that store a viewer's preferences, and the headers that pass them on to the pages. */
export const PREFERENCES = {
  locale: { cookie: 'gjc_locale', header: 'x-gjc-locale' },
  theme: { cookie: 'gjc_theme', header: 'x-gjc-theme' },
  timeZone: { cookie: 'gjc_time_zone', header: 'x-gjc-time-zone' },
  density: { cookie: 'gjc_density', header: 'x-gjc-density' },
} as const;

/** The browser's own time zone, which the browser stores after its first page. */
export const BROWSER_ZONE_COOKIE = 'gjc_browser_zone';
/** Where the time zone of a request comes from. */
export const ZONE_SOURCE_HEADER = 'x-gjc-time-zone-source';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];

/** Whether a value is one of THEMES. */
export function isTheme(value: string | null | undefined): value is Theme {
  return THEMES.some((theme) => theme === value);
}

const DENSITIES = ['comfortable', 'compact'] as const;
/** The height of list rows. */
type Density = (typeof DENSITIES)[number];

/** Whether a value is one of DENSITIES. */
export function isDensity(value: string | null | undefined): value is Density {
  return DENSITIES.some((density) => density === value);
}

/** Validating a zone takes 0.1 ms, and every request needs it. */
const validZoneCache = new Set<string>();
const MAX_CACHED_ZONES = 1_000;

/** Whether a value is the name of a time zone that this Node supports. */
export function isTimeZone(value: string | null | undefined): value is string {
  if (!value || value.length > 60) return false;
  if (validZoneCache.has(value)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    if (validZoneCache.size < MAX_CACHED_ZONES) validZoneCache.add(value);
    return true;
  } catch {
    return false;
  }
}

const ZONE_SOURCES = ['choice', 'configuration', 'browser', 'app', 'none'] as const;
/**
 * Where a time zone comes from: the viewer's choice, TIME_ZONE, the browser,
 * GOOD_JOB_APP_TIME_ZONE, or nowhere (UTC).
 */
export type ZoneSource = (typeof ZONE_SOURCES)[number];

/** Returns `value` if it is one of ZONE_SOURCES, else `none`. */
export function parseZoneSource(value: string | null | undefined): ZoneSource {
  return ZONE_SOURCES.find((source) => source === value) ?? 'none';
}

/**
 * Chooses the time zone by the viewer's choice, then TIME_ZONE, then the browser's zone, then the
 * app's; UTC if none of them is valid.
 */
export function chooseTimeZone(from: {
  choice: string | undefined;
  configuration: string | null;
  browser: string | undefined;
  app: string | null;
}): { zone: string; source: ZoneSource } {
  for (const source of ['choice', 'configuration', 'browser', 'app'] as const) {
    const zone = from[source];
    if (isTimeZone(zone)) return { zone: canonicalZone(zone), source };
  }
  return { zone: 'UTC', source: 'none' };
}

/** Returns `UTC` for each of its names, of which browsers and Rails use several. */
export const canonicalZone = (zone: string): string =>
  /^(?:Etc\/)?(?:UTC|UCT|GMT|Universal|Zulu)$/.test(zone) ? 'UTC' : zone;

/** Chooses the locale by `?locale=`, then the cookie, then Accept-Language, then the default. */
export function chooseLocale(from: {
  query: string | null;
  cookie: string | undefined;
  acceptLanguage: string | undefined;
  fallback: Locale;
}): Locale {
  if (isLocale(from.query)) return from.query;
  if (isLocale(from.cookie)) return from.cookie;
  const preferred = (from.acceptLanguage ?? '')
    .split(',')
    .map((part) => {
      const [tag = '', ...parameters] = part.trim().split(';');
      const q = parameters
        .map((p) => /^\s*q=([\d.]+)\s*$/.exec(p)?.[1])
        .find((value) => value !== undefined);
      return { language: tag.split('-')[0]?.toLowerCase(), q: q === undefined ? 1 : Number(q) };
    })
    .filter(({ language, q }) => isLocale(language) && q > 0)
    .sort((a, b) => b.q - a.q)[0]?.language;
  return isLocale(preferred) ? preferred : from.fallback;
}
