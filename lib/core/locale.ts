/** Offset of the zone at that instant, ms east of UTC. */
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
 * What a form's `datetime-local` (`2026-11-23T21:30`) means in a zone, as ISO 8601 UTC; null when it is no date. A
 * time that a clock change skips is taken with the offset from before it.
 */
export function zonedToUtc(local: string, zone: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local)) return null;
  const wall = Date.parse(`${local}Z`);
  if (Number.isNaN(wall)) return null;
  const guess = wall - offsetAt(wall, zone);
  return new Date(wall - offsetAt(guess, zone)).toISOString();
}

const DAY_MS = 86_400_000;

/** The first instant of a day (`2026-11-30`) in a zone, ms; its midnight may come twice, or not at all. */
export function startOfDay(day: string, zone: string): number {
  const wall = Date.parse(`${day}T00:00Z`);
  const before = offsetAt(wall - DAY_MS, zone);
  const starts = [before, offsetAt(wall + DAY_MS, zone)]
    .map((offset) => wall - offset)
    .filter((instant) => instant + offsetAt(instant, zone) === wall);
  return starts.length > 0 ? Math.min(...starts) : wall - before;
}

/** An offset (ms east of UTC) as ISO 8601 has it: `+09:00`, that of UTC `Z`. */
export function offsetText(offset: number): string {
  const minutes = Math.round(offset / 60_000);
  if (minutes === 0) return 'Z';
  const two = (number: number) => String(number).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** An instant as ISO 8601 with the zone's own offset, to the second: `2026-11-23T21:30+09:00`, in UTC with `Z`. */
export function zonedIso(instant: number, zone: string): string {
  const offset = offsetAt(instant, zone);
  const local = new Date(instant + offset).toISOString().slice(0, 19);
  return local.replace(/:00$/, '') + offsetText(offset);
}

/** Whether the minute of a time has ended at `now`, ms: a form gives times to the minute. */
export function isPastMinute(iso: string, now: number): boolean {
  return Date.parse(iso) + 60_000 <= now;
}

/** The other way: an instant as the value of a `datetime-local` in that zone, to the minute. */
export function utcToZoned(instant: number, zone: string): string {
  return new Date(instant + offsetAt(instant, zone)).toISOString().slice(0, 16);
}

/** The two languages; equal, and the only ones. */
export const LOCALES = ['en', 'ja'] as const;
export type Locale = (typeof LOCALES)[number];

export function isLocale(value: string | null | undefined): value is Locale {
  return value === 'en' || value === 'ja';
}

/** Names of what the server remembers in cookies for a viewer, and of the request headers it passes on inside. */
export const PREFERENCES = {
  locale: { cookie: 'gjc_locale', header: 'x-gjc-locale' },
  theme: { cookie: 'gjc_theme', header: 'x-gjc-theme' },
  timeZone: { cookie: 'gjc_time_zone', header: 'x-gjc-time-zone' },
} as const;

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export function isTheme(value: string | null | undefined): value is Theme {
  return THEMES.some((theme) => theme === value);
}

/** Each request asks for one, and to make a format takes a tenth of a millisecond. */
const knownZones = new Set<string>();
const KNOWN_ZONES = 1_000;

export function isTimeZone(value: string | null | undefined): value is string {
  if (!value || value.length > 60) return false;
  if (knownZones.has(value)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: value });
    if (knownZones.size < KNOWN_ZONES) knownZones.add(value);
    return true;
  } catch {
    return false;
  }
}

/** `?locale=`, then the cookie, then Accept-Language, then the default; never the path. */
export function chooseLocale(from: {
  query: string | null;
  cookie: string | undefined;
  acceptLanguage: string | undefined;
  fallback: Locale;
}): Locale {
  if (isLocale(from.query)) return from.query;
  if (isLocale(from.cookie)) return from.cookie;
  const wanted = (from.acceptLanguage ?? '')
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
  return isLocale(wanted) ? wanted : from.fallback;
}
