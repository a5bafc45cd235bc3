import type { IncomingMessage } from 'node:http';
import type { Env } from '../lib/config/environment';
import { type ClientAddresses, rateLimitKey } from './client-address';

const WINDOW_MS = 60_000;
/** Bounds memory: beyond this many clients the oldest windows are dropped. */
const MAX_KEYS = 20_000;
/** Suggestion endpoints: each request is a search, whatever its parameters are. */
const SEARCH_PATHS = new Set(['/api/jobs/completion', '/api/palette', '/api/pauses/values']);
/** Query parameters that mark a request to any other path as a search. */
const SEARCH_PARAMETERS = ['q', 'query'];
/**
 * Sign-in requests per client address and minute. A whole office may share one address, and one
 * sign-in takes two requests.
 */
const MAX_SIGN_INS = 300;

/**
 * Returns a function that counts a write or search of a viewer and returns the seconds to wait, 0
 * if it is allowed. The counts are per process. `path` excludes base path and query.
 */
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

/** Counts a request that calls the sign-in provider. Returns the seconds to wait, 0 if allowed. */
export type SignInLimit = (request: IncomingMessage) => number;

/** Limits sign-ins by client address, because the viewer is not known yet. */
export function createSignInLimit({ addressOf, ignoresForwarded }: ClientAddresses): SignInLimit {
  const limit = createLimit(MAX_SIGN_INS);
  let hasWarned = false;
  return (request) => {
    if (!hasWarned && ignoresForwarded(request)) {
      hasWarned = true;
      console.warn(
        'Sign-ins arrive through a proxy that is not in TRUSTED_PROXIES: ' +
          'their rate limit counts all its clients as one.',
      );
    }
    return limit(rateLimitKey(addressOf(request)));
  };
}

/**
 * Fixed-window rate limit of `points` per minute and key. The returned function counts a request
 * and returns the seconds to wait, 0 if it is allowed.
 */
export function createLimit(points: number, maxKeys = MAX_KEYS): (key: string) => number {
  if (points === 0) return () => 0;
  /** Ordered by end of the window. */
  const windows = new Map<string, { used: number; endsAt: number }>();
  return (key) => {
    const now = Date.now();
    for (const [oldest, { endsAt }] of windows) {
      // A window that ends more than WINDOW_MS from now began before the clock was set back.
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
  if (SEARCH_PATHS.has(path)) return true;
  const at = url.indexOf('?');
  if (at < 0) return false;
  const params = new URLSearchParams(url.slice(at + 1));
  return SEARCH_PARAMETERS.some((name) => params.getAll(name).some((value) => value.trim() !== ''));
}
