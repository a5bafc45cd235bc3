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
