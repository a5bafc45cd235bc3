import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Env } from '../../lib/config/environment';
import { takeAway, withoutBlanks } from './one-header';

/** A browser drops a larger one, name and attributes included. */
const MAX_COOKIE = 4_000;

/** Every value that was sent, by name. */
export function authCookieValues(request: IncomingMessage): Map<string, string[]> {
  const cookies = new Map<string, string[]>();
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    const name = withoutBlanks(part.slice(0, Math.max(0, at)));
    if (!name.includes('gjc_')) continue;
    const values = cookies.get(name) ?? [];
    values.push(withoutBlanks(part.slice(at + 1)));
    cookies.set(name, values);
  }
  return cookies;
}

/** Values by name; a name that was sent twice has none: one of the two is not ours, and nothing says which. */
export function authCookies(request: IncomingMessage): Map<string, string> {
  return new Map(
    [...authCookieValues(request)].flatMap(([name, [value, ...more]]) =>
      value === undefined || more.length > 0 ? [] : [[name, value] as const],
    ),
  );
}

/** Session and sign-in cookies of every console, of older releases too. */
const HIDDEN = /^[ \t]*(__Host-|__Secure-)?gjc_([0-9a-f]{8}_)?(session|sign_in_)/;

/**
 * Names and attributes of the console's own cookies. On https they carry `__Host-`, which no other host can set, not
 * even a sibling domain; that prefix demands `Path=/`, so the name tells consoles of one host apart by base path.
 */
export function cookieJar({ publicUrl, basePath }: Env) {
  const secure = publicUrl?.protocol === 'https:';
  const digest = createHash('sha256').update(basePath).digest('hex').slice(0, 8);
  const prefix = `${secure ? '__Host-' : ''}gjc_${basePath === '' ? '' : `${digest}_`}`;
  const path = secure || basePath === '' ? '/' : basePath;
  const attributes = `; Path=${path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  const nameOf = (name: string) => prefix + name;
  return {
    session: nameOf('session'),
    signIn: (state: string) => nameOf(`sign_in_${state.slice(0, 8)}`),
    isSignIn: (name: string) => name.startsWith(nameOf('sign_in_')),
    /** null: too large for a browser to keep. */
    set: (name: string, value: string, seconds: number) => {
      const cookie = `${name}=${value}; Max-Age=${seconds}${attributes}`;
      return cookie.length > MAX_COOKIE ? null : cookie;
    },
    clear: (name: string) => `${name}=; Max-Age=0${attributes}`,
    /** Leaves the pages the cookies that are theirs. */
    hide(request: IncomingMessage): void {
      const { cookie } = request.headers;
      if (cookie === undefined) return;
      const visible = cookie.split(';').filter((part) => !HIDDEN.test(part));
      takeAway(request, 'cookie');
      if (visible.length > 0) request.headers.cookie = visible.join(';').trim();
    },
  };
}
export type CookieJar = ReturnType<typeof cookieJar>;
