import type { IncomingMessage } from 'node:http';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Env } from '../lib/env';

const WINDOW_S = 60;
/** Parameters that make a request a search, which no index may answer. */
const SEARCHED = ['q', 'query', 'text'];

/** Seconds to wait until this viewer may write or search again; 0: may now. In this process' memory. */
export function createRateLimits(env: Env): (request: IncomingMessage, viewer: string) => Promise<number> {
  const limiter = (points: number) => (points > 0 ? new RateLimiterMemory({ points, duration: WINDOW_S }) : null);
  const writes = limiter(env.writeRateLimit);
  const searches = limiter(env.searchRateLimit);
  return async (request, viewer) => {
    const one = request.method === 'POST' ? writes : isSearch(request.url ?? '') ? searches : null;
    if (!one) return 0;
    try {
      await one.consume(viewer);
      return 0;
    } catch (error) {
      if (error instanceof RateLimiterRes) return Math.max(1, Math.ceil(error.msBeforeNext / 1000));
      throw error;
    }
  };
}

function isSearch(url: string): boolean {
  const at = url.indexOf('?');
  if (at < 0) return false;
  const params = new URLSearchParams(url.slice(at + 1));
  return SEARCHED.some((name) => params.getAll(name).some((value) => value.trim() !== ''));
}
