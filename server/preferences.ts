import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/config/environment';
import {
  BROWSER_ZONE_COOKIE,
  PREFERENCES,
  ZONE_SOURCE_HEADER,
  chooseLocale,
  chooseTimeZone,
  isDensity,
  isLocale,
  isTheme,
  isTimeZone,
} from '../lib/core/locale';
import railsZones from '../lib/cron/fugit/rails-zones.json';
import { cookiePairs, printSetCookie } from './auth/cookies';

/** Query parameters that set a preference cookie: `?_locale=ja` works without JavaScript. */
const SETTERS = [
  { parameter: '_locale', ...PREFERENCES.locale, valid: isLocale },
  { parameter: '_theme', ...PREFERENCES.theme, valid: isTheme },
  { parameter: '_time_zone', ...PREFERENCES.timeZone, valid: isTimeZone },
  { parameter: '_density', ...PREFERENCES.density, valid: isDensity },
] as const;

/** The value of `_time_zone` that removes the viewer's choice. */
const AUTOMATIC = 'auto';

/** The IANA names of Rails' time zones, such as `Tokyo`. */
const RAILS_ZONES: Readonly<Record<string, string>> = railsZones;

const YEAR_S = 31_536_000;

/**
 * If the request sets a preference, redirects to the same page without the parameter and returns
 * true.
 */
export function setPreferences(
  request: IncomingMessage,
  response: ServerResponse,
  env: Env,
): boolean {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const params = new URLSearchParams(query);
  const requested = SETTERS.filter(({ parameter }) => params.has(parameter));
  if (requested.length === 0 || request.method !== 'GET') return false;
  const attributes = {
    path: env.basePath || '/',
    maxAge: YEAR_S,
    sameSite: 'lax',
    secure: env.publicUrl?.protocol === 'https:',
  } as const;
  const cookies = requested.flatMap(({ parameter, cookie, valid }) => {
    const value = params.get(parameter);
    params.delete(parameter);
    if (parameter === '_time_zone' && value === AUTOMATIC)
      return [printSetCookie({ name: cookie, value: '', ...attributes, maxAge: 0 })];
    return valid(value) ? [printSetCookie({ name: cookie, value, ...attributes })] : [];
  });
  response.statusCode = 303;
  for (const cookie of cookies) response.appendHeader('Set-Cookie', cookie);
  response.setHeader('Location', params.size > 0 ? `${path}?${params}` : path);
  response.end();
  return true;
}

/** Sets the headers from which pages read preferences, replacing what the client sent there. */
export function setPreferenceHeaders(request: IncomingMessage, env: Env): void {
  const cookies = new Map(cookiePairs(request));
  const query = new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '');
  request.headers[PREFERENCES.locale.header] = chooseLocale({
    query: query.get('locale'),
    cookie: cookies.get(PREFERENCES.locale.cookie),
    acceptLanguage: request.headers['accept-language'],
    fallback: env.defaultLocale,
  });
  const theme = cookies.get(PREFERENCES.theme.cookie);
  request.headers[PREFERENCES.theme.header] = isTheme(theme) ? theme : 'auto';
  const density = cookies.get(PREFERENCES.density.cookie);
  request.headers[PREFERENCES.density.header] = isDensity(density) ? density : 'comfortable';
  const { zone, source } = chooseTimeZone({
    choice: cookies.get(PREFERENCES.timeZone.cookie),
    configuration: env.timeZone,
    browser: cookies.get(BROWSER_ZONE_COOKIE),
    app: RAILS_ZONES[env.appTimeZone] ?? env.appTimeZone,
  });
  request.headers[PREFERENCES.timeZone.header] = zone;
  request.headers[ZONE_SOURCE_HEADER] = source;
}
