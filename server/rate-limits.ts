import type { IncomingMessage } from 'node:http';
import type { Env } from '../lib/config/environment';
import { type ClientAddresses, rateLimitKey } from './client-address';

const WINDOW_MS = 60_000;
/** Clients counted at once; a client with more addresses than this pushes the oldest windows out. */
const MAX_KEYS = 20_000;
/** Doors that look for what somebody is typing: each request to them is a search, whatever its parameters are called. */
const SEARCHES = new Set(['/api/jobs/completion', '/api/pauses/values']);
/** Parameters that make any other request a search, which no index may answer. */
const SEARCHED = ['q', 'query'];
/** Of one client address in a minute, which may be a whole office's: a sign-in takes two. */
const SIGN_INS = 300;

/** Seconds to wait until this viewer may write or search again; 0: may now. In this process' memory. `path` is without base path and query. */
export function createRateLimits(
  env: Env,
): (request: IncomingMessage, path: string, viewer: string) => number {
  const writes = createLimit(env.writeRateLimit);
  const searches = createLimit(env.searchRateLimit);
  return (request, path, viewer) => {
    if (request.method === 'POST') return writes(viewer);
    return isSearch(request.url ?? '', path) ? searches(viewer) : 0;
  };
}

/** Counts one request that costs the sign-in provider; seconds to wait, 0: carry on. */
export type SignInLimit = (request: IncomingMessage) => number;

/** The limit on sign-ins, by client address: nobody is known yet, and each costs the provider a request. */
export function createSignInLimit({ addressOf, ignoresForwarded }: ClientAddresses): SignInLimit {
  const limit = createLimit(SIGN_INS);
  let hasWarned = false;
  return (request) => {
    if (!hasWarned && ignoresForwarded(request)) {
      hasWarned = true;
      console.warn(
        'Sign-ins arrive through a proxy that is not in TRUSTED_PROXIES: the limit on them counts all its clients as one.',
      );
    }
    return limit(rateLimitKey(addressOf(request)));
  };
}

/** Fixed windows in bounded memory. Returns the seconds until the key has points again, 0: it had one. */
export function createLimit(points: number, maxKeys = MAX_KEYS): (key: string) => number {
  if (points === 0) return () => 0;
  /** In the order in which the windows end. */
  const windows = new Map<string, { used: number; endsAt: number }>();
  return (key) => {
    const now = Date.now();
    for (const [oldest, { endsAt }] of windows) {
      // An end further away than a window's length is left over from a clock that was set back.
      const isCurrent = endsAt > now && endsAt <= now + WINDOW_MS;
      if (isCurrent && (windows.size < maxKeys || windows.has(key))) break;
      windows.delete(oldest);
    }
    const window = windows.get(key) ?? { used: 0, endsAt: now + WINDOW_MS };
    windows.set(key, window);
    window.used += 1;
    return window.used <= points ? 0 : Math.max(1, Math.ceil((window.endsAt - now) / 1000));
  };
}

function isSearch(url: string, path: string): boolean {
  if (SEARCHES.has(path)) return true;
  const at = url.indexOf('?');
  if (at < 0) return false;
  const params = new URLSearchParams(url.slice(at + 1));
  return SEARCHED.some((name) => params.getAll(name).some((value) => value.trim() !== ''));
}
