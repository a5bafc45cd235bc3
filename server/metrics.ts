import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/env';
import { type RouteClass, recorder } from '../lib/metrics/recorder';
import { loopbackRule } from './request-rules';

/** What a scraper sends that asks by itself. A proxy adds something: the secret, an assertion, where the request came from. */
const OF_A_SCRAPER = new Set(['host', 'user-agent', 'accept', 'accept-encoding', 'accept-language', 'connection', 'cache-control', 'x-prometheus-scrape-timeout-seconds']);

export function isMetrics(request: IncomingMessage, env: Env): boolean {
  return request.url?.split('?', 1)[0] === `${env.basePath}/metrics`;
}

/**
 * With METRICS_TOKEN: whoever has it, from wherever. Without: a client on this machine that asks the console itself.
 * `names` are all headers as they came: the door passes headers of its own on.
 */
export function metricsAccess(request: IncomingMessage, env: Env, names: string[]): 200 | 401 | 404 {
  if (env.metricsToken !== null) {
    const [, given = ''] = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '') ?? [];
    return isSame(given, env.metricsToken) ? 200 : 401;
  }
  const address = request.socket.remoteAddress ?? '';
  const isHere = /^(::ffff:)?127\.|^::1$/.test(address) && loopbackRule(request) === null;
  return isHere && (signsNobodyIn(env) || names.every((name) => OF_A_SCRAPER.has(name.toLowerCase()))) ? 200 : 404;
}

/** Whoever gets past the loopback rule then is the admin. */
const signsNobodyIn = (env: Env) => !('authMode' in env) || env.authMode === null;

/** In constant time, whatever the lengths. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

export async function answerMetrics(request: IncomingMessage, response: ServerResponse, env: Env): Promise<void> {
  const status = request.method === 'GET' || request.method === 'HEAD' ? metricsAccess(request, env, headerNames(request)) : 405;
  const answer = status === 200 ? await recorder()?.text() : undefined;
  response.statusCode = status === 200 && !answer ? 503 : status;
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="metrics"');
  if (status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.setHeader('Content-Type', answer?.contentType ?? 'text/plain; charset=utf-8');
  response.end(request.method === 'HEAD' ? undefined : (answer?.body ?? ''));
}

/** Node joins what came twice; the raw list has every one. */
function headerNames(request: IncomingMessage): string[] {
  return request.rawHeaders.filter((_, index) => index % 2 === 0);
}

/** Counts the request when it is over, and times it. */
export function recordRequest(request: IncomingMessage, response: ServerResponse, env: Env): void {
  const started = performance.now();
  // As it came and with its prefix: Next takes the address apart while it answers.
  const route = routeClass(request, env);
  response.once('close', () => recorder()?.record(route, response.writableFinished ? response.statusCode : null, (performance.now() - started) / 1000));
}

export function routeClass(request: IncomingMessage, env: Env): RouteClass {
  const path = (request.url ?? '').split('?', 1)[0]?.slice(env.basePath.length) ?? '';
  if (path.startsWith('/_next/') || path.startsWith('/icon')) return 'static';
  if (path === '/metrics') return 'metrics';
  if (path === '/healthz' || path === '/readyz') return 'probe';
  if (path.startsWith('/auth/')) return 'auth';
  if (/^\/api\/.*\/export$/.test(path)) return 'download';
  if (path.startsWith('/api/')) return 'api';
  return request.method === 'POST' ? 'action' : 'page';
}
