import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/config/environment';
import { PREFERENCES, chooseLocale, isLocale, isTheme, isTimeZone } from '../lib/core/locale';

/** Query parameters that set a preference and vanish: `?_locale=ja` works without JavaScript and keeps the page. */
const SETTERS = [
  { parameter: '_locale', ...PREFERENCES.locale, valid: isLocale },
  { parameter: '_theme', ...PREFERENCES.theme, valid: isTheme },
  { parameter: '_time_zone', ...PREFERENCES.timeZone, valid: isTimeZone },
] as const;

const YEAR_S = 31_536_000;

export function cookiesOf(request: IncomingMessage): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0) cookies.set(part.slice(0, at).trim(), part.slice(at + 1).trim());
  }
  return cookies;
}

/** Answers a request that sets a preference with the same page without the parameter; false: there was none. */
export function setPreferences(
  request: IncomingMessage,
  response: ServerResponse,
  env: Env,
): boolean {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const params = new URLSearchParams(query);
  const given = SETTERS.filter(({ parameter }) => params.has(parameter));
  if (given.length === 0 || request.method !== 'GET') return false;
  const secure = env.publicUrl?.protocol === 'https:' ? '; Secure' : '';
  const cookies = given.flatMap(({ parameter, cookie, valid }) => {
    const value = params.get(parameter);
    params.delete(parameter);
    return valid(value)
      ? [
          `${cookie}=${encodeURIComponent(value)}; Path=${env.basePath || '/'}; Max-Age=${YEAR_S}; SameSite=Lax${secure}`,
        ]
      : [];
  });
  response.statusCode = 303;
  for (const cookie of cookies) response.appendHeader('Set-Cookie', cookie);
  response.setHeader('Location', params.size > 0 ? `${path}?${params}` : path);
  response.end();
  return true;
}

/** Decides once what the pages read from the headers, in place of whatever the client sent there. */
export function passPreferences(request: IncomingMessage, env: Env): void {
  const cookies = cookiesOf(request);
  const query = new URLSearchParams((request.url ?? '').split('?', 2)[1] ?? '');
  request.headers[PREFERENCES.locale.header] = chooseLocale({
    query: query.get('locale'),
    cookie: cookies.get(PREFERENCES.locale.cookie),
    acceptLanguage: request.headers['accept-language'],
    fallback: env.defaultLocale,
  });
  const theme = cookies.get(PREFERENCES.theme.cookie);
  request.headers[PREFERENCES.theme.header] = isTheme(theme) ? theme : 'auto';
  const zone = safeDecode(cookies.get(PREFERENCES.timeZone.cookie));
  request.headers[PREFERENCES.timeZone.header] = isTimeZone(zone) ? zone : env.timeZone;
}

function safeDecode(value: string | undefined): string | undefined {
  try {
    return value && decodeURIComponent(value);
  } catch {
    return undefined;
  }
}
