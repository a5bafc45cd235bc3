import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/config/environment';
import { type RouteClass, recorder } from '../lib/metrics/recorder';
import { isAsset, isProbe } from './address';
import { loopbackRule } from './request-rules';

/** What a scraper sends that asks by itself. A proxy adds something: the secret, an assertion, where the request came from. */
const OF_A_SCRAPER = new Set([
  'host',
  'user-agent',
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'cache-control',
  'x-prometheus-scrape-timeout-seconds',
]);

/**
 * With METRICS_TOKEN: whoever has it, from wherever. Without: a client on this machine that asks the console itself,
 * which behind a proxy can be told by what the proxy adds; where the console signs people in it may add nothing.
 */
export function metricsAccess(request: IncomingMessage, env: Env): 200 | 401 | 404 {
  if (env.metricsToken !== null) {
    const [, given = ''] =
      /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    return isSame(given, env.metricsToken) ? 200 : 401;
  }
  const address = request.socket.remoteAddress ?? '';
  if (
    !/^(::ffff:)?127\.|^::1$/.test(address) ||
    loopbackRule(request) !== null ||
    env.auth.mode === 'oidc'
  )
    return 404;
  // Without sign-in whoever is here may see everything.
  if (env.auth.mode === 'none' && !env.auth.open) return 200;
  return request.rawHeaders.every(
    (name, index) => index % 2 === 1 || OF_A_SCRAPER.has(name.toLowerCase()),
  )
    ? 200
    : 404;
}

/** In constant time, whatever the lengths. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

export async function answerMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  env: Env,
): Promise<void> {
  const status =
    request.method === 'GET' || request.method === 'HEAD' ? metricsAccess(request, env) : 405;
  const answer = status === 200 ? await recorder()?.text() : undefined;
  response.statusCode = status === 200 && !answer ? 503 : status;
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="metrics"');
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.setHeader('Content-Type', answer?.contentType ?? 'text/plain; charset=utf-8');
  response.end(request.method === 'HEAD' ? undefined : (answer?.body ?? ''));
}

/** Counts the request when it is over, and times it. `path` is without base path and query. */
export function recordRequest(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): void {
  const started = performance.now();
  const route = routeClass(request.method, path);
  response.once('close', () =>
    recorder()?.record(
      route,
      response.writableFinished ? response.statusCode : null,
      (performance.now() - started) / 1000,
    ),
  );
}

export function routeClass(method: string | undefined, path: string): RouteClass {
  if (isAsset(path)) return 'static';
  if (isProbe(path)) return 'probe';
  if (path === '/metrics') return 'metrics';
  if (path.startsWith('/auth/')) return 'auth';
  if (path.startsWith('/api/')) return path.endsWith('/export') ? 'download' : 'api';
  return method === 'POST' ? 'action' : 'page';
}
