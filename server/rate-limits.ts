import type { IncomingMessage } from 'node:http';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Env } from '../lib/env';

const WINDOW_S = 60;
/** Doors that look for what somebody is typing: each request to them is a search, whatever its parameters are called. */
const SEARCHES = new Set(['/api/jobs/completion', '/api/pauses/values']);
/** Parameters that make any other request a search, which no index may answer. */
const SEARCHED = ['q', 'query'];
/** Of one address, which behind a proxy is everybody's: a sign-in takes two. */
const SIGN_INS = 300;

/** Seconds to wait until this viewer may write or search again; 0: may now. In this process' memory. `path` is without base path and query. */
export function createRateLimits(
  env: Env,
): (request: IncomingMessage, path: string, viewer: string) => Promise<number> {
  const writes = createLimit(env.writeRateLimit);
  const searches = createLimit(env.searchRateLimit);
  return async (request, path, viewer) =>
    request.method === 'POST'
      ? writes(viewer)
      : isSearch(request.url ?? '', path)
        ? searches(viewer)
        : 0;
}

/** The same for who is on the way in or out, by address: nobody is known yet, and each request may cost one to the provider. */
export function createSignInLimit(): (request: IncomingMessage, path: string) => Promise<number> {
  const limit = createLimit(SIGN_INS);
  return async ({ socket }, path) =>
    path.startsWith('/auth/') ? limit(socket.remoteAddress ?? '') : 0;
}

function createLimit(points: number): (key: string) => Promise<number> {
  if (points === 0) return () => Promise.resolve(0);
  const limiter = new RateLimiterMemory({ points, duration: WINDOW_S });
  return async (key) => {
    try {
      await limiter.consume(key);
      return 0;
    } catch (error) {
      if (error instanceof RateLimiterRes) return Math.max(1, Math.ceil(error.msBeforeNext / 1000));
      throw error;
    }
  };
}

function isSearch(url: string, path: string): boolean {
  if (SEARCHES.has(path)) return true;
  const at = url.indexOf('?');
  if (at < 0) return false;
  const params = new URLSearchParams(url.slice(at + 1));
  return SEARCHED.some((name) => params.getAll(name).some((value) => value.trim() !== ''));
}
