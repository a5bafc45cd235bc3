import { type SetCookie, parseCookie, stringifySetCookie } from 'cookie';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Env } from '../../lib/config/environment';
import { removeHeader } from './one-header';

/** Browsers drop larger cookies; includes name and attributes. */
const MAX_COOKIE_LENGTH = 4_000;

/** The request's cookies in order. Keeps names sent twice, which `parseCookie` alone would drop. */
export function cookiePairs({ headers }: IncomingMessage): [name: string, value: string][] {
  return (headers.cookie ?? '')
    .split(';')
    .flatMap((pair) => Object.entries(parseCookie(pair)))
    .map(([name, value = '']) => [name, value]);
}

/** All values of the console's cookies, by name. */
export function authCookieValues(request: IncomingMessage): Map<string, string[]> {
  const cookies = new Map<string, string[]>();
  for (const [name, value] of cookiePairs(request)) {
    if (!name.includes('gjc_')) continue;
    const values = cookies.get(name) ?? [];
    values.push(value);
    cookies.set(name, values);
  }
  return cookies;
}

/** The console's cookies by name, without names sent twice, whose genuine value is unknown. */
export function authCookies(request: IncomingMessage): Map<string, string> {
  return new Map(
    [...authCookieValues(request)].flatMap(([name, [value, ...more]]) =>
      value === undefined || more.length > 0 ? [] : [[name, value] as const],
    ),
  );
}

/** Removes the cookies that match from the request, so that later code cannot leak them. */
export function removeCookies(request: IncomingMessage, pattern: RegExp): void {
  const { cookie } = request.headers;
  if (cookie === undefined) return;
  const others = cookie.split(';').filter((pair) => !pattern.test(pair));
  removeHeader(request, 'cookie');
  if (others.length > 0) request.headers.cookie = others.join(';').trim();
}

/** The Set-Cookie header. `Secure` is the last attribute, as in earlier releases. */
export function printSetCookie({ secure, ...cookie }: SetCookie): string {
  return stringifySetCookie(cookie) + (secure ? '; Secure' : '');
}

/** Session and sign-in cookies of every console, including older releases. */
const HIDDEN_COOKIE = /^[ \t]*(__Host-|__Secure-)?gjc_([0-9a-f]{8}_)?(session|sign_in_)/;

/**
 * Names and attributes of the console's cookies. On https they have the prefix `__Host-`, which no
 * sibling domain can set; it requires `Path=/`, so the name includes a digest of the base path.
 */
export function createCookieJar({ publicUrl, basePath }: Env) {
  const secure = publicUrl?.protocol === 'https:';
  const digest = createHash('sha256').update(basePath).digest('hex').slice(0, 8);
  const prefix = `${secure ? '__Host-' : ''}gjc_${basePath === '' ? '' : `${digest}_`}`;
  const path = secure || basePath === '' ? '/' : basePath;
  const nameOf = (name: string) => prefix + name;
  const print = (name: string, value: string, maxAge: number) =>
    printSetCookie({ name, value, maxAge, path, httpOnly: true, sameSite: 'lax', secure });
  return {
    session: nameOf('session'),
    signIn: (state: string) => nameOf(`sign_in_${state.slice(0, 8)}`),
    // A name of another form is not ours, and cannot be printed in Set-Cookie.
    isSignIn: (name: string) =>
      name.startsWith(nameOf('sign_in_')) &&
      /^[A-Za-z0-9_-]{1,8}$/.test(name.slice(nameOf('sign_in_').length)),
    /** Returns null if the cookie is too large for a browser. */
    set: (name: string, value: string, seconds: number) => {
      const cookie = print(name, value, seconds);
      return cookie.length > MAX_COOKIE_LENGTH ? null : cookie;
    },
    clear: (name: string) => print(name, '', 0),
    /** Removes session and sign-in cookies from the request, so that pages cannot leak them. */
    hide: (request: IncomingMessage) => removeCookies(request, HIDDEN_COOKIE),
  };
}
export type CookieJar = ReturnType<typeof createCookieJar>;
