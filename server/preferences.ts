import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/config/environment';
import { PREFERENCES, chooseLocale, isLocale, isTheme, isTimeZone } from '../lib/core/locale';
import { cookiePairs, printSetCookie } from './auth/cookies';

/** Query parameters that set a preference cookie: `?_locale=ja` works without JavaScript. */
const SETTERS = [
  { parameter: '_locale', ...PREFERENCES.locale, valid: isLocale },
  { parameter: '_theme', ...PREFERENCES.theme, valid: isTheme },
  { parameter: '_time_zone', ...PREFERENCES.timeZone, valid: isTimeZone },
] as const;

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
  const zone = cookies.get(PREFERENCES.timeZone.cookie);
  request.headers[PREFERENCES.timeZone.header] = isTimeZone(zone) ? zone : env.timeZone;
}
