import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/config/environment';
import type { RouteClass } from '../lib/metrics/metrics';
import { isAsset, isProbe } from './address';
import { getRecorder } from './recorder';
import { loopbackRule } from './request-rules';

/** The headers of a scraper without a proxy. A proxy that signs viewers in always adds another. */
const SCRAPER_HEADERS = new Set([
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
 * Returns the status of a request for metrics. With METRICS_TOKEN the token decides; otherwise only
 * a direct client on this machine has access, and none with `oidc`, where a proxy may add no
 * header.
 */
export function metricsAccess(request: IncomingMessage, env: Env): 200 | 401 | 404 {
  if (env.metricsToken !== null) {
    const [, token = ''] =
      /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    return isEqual(token, env.metricsToken) ? 200 : 401;
  }
  const address = request.socket.remoteAddress ?? '';
  if (
    !/^(::ffff:)?127\.|^::1$/.test(address) ||
    loopbackRule(request) !== null ||
    env.auth.mode === 'oidc'
  )
    return 404;
  // Local clients are admins in this mode.
  if (env.auth.mode === 'none' && !env.auth.isOpen) return 200;
  return request.rawHeaders.every(
    (name, index) => index % 2 === 1 || SCRAPER_HEADERS.has(name.toLowerCase()),
  )
    ? 200
    : 404;
}

/** Compares in constant time, whatever the lengths. */
function isEqual(token: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(token), digest(expected));
}

export async function sendMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  env: Env,
): Promise<void> {
  const status =
    request.method === 'GET' || request.method === 'HEAD' ? metricsAccess(request, env) : 405;
  const metrics = status === 200 ? await getRecorder()?.text() : undefined;
  response.statusCode = status === 200 && !metrics ? 503 : status;
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="metrics"');
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.setHeader('Content-Type', metrics?.contentType ?? 'text/plain; charset=utf-8');
  response.end(request.method === 'HEAD' ? undefined : (metrics?.body ?? ''));
}

/** Records status and duration when the response closes. `path` excludes base path and query. */
export function recordRequest(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): void {
  const started = performance.now();
  const route = classifyRoute(request.method, path);
  response.once('close', () =>
    getRecorder()?.record(
      route,
      response.writableFinished ? response.statusCode : null,
      (performance.now() - started) / 1000,
    ),
  );
}

export function classifyRoute(method: string | undefined, path: string): RouteClass {
  if (isAsset(path)) return 'static';
  if (isProbe(path)) return 'probe';
  if (path === '/metrics') return 'metrics';
  if (path.startsWith('/auth/')) return 'auth';
  if (path.startsWith('/api/')) return path.endsWith('/export') ? 'download' : 'api';
  return method === 'POST' ? 'action' : 'page';
}
