import type { Env } from '../lib/config/environment';

/** First path segments that the console serves. */
const OWN_SEGMENTS = new Set([
  '',
  'jobs',
  'batches',
  'bulk',
  'cron_entries',
  'processes',
  'pauses',
  'queues',
  'cleaner',
  'performance',
  'attention',
  'audit',
  'api',
  'auth',
  'healthz',
  'readyz',
  'metrics',
  '_next',
  'icon.svg',
]);
const STATIC = /^\/_next\/static\/[A-Za-z0-9_~./-]+$/;

const splitUrl = (url: string): [path: string, query: string] =>
  url.includes('?') ? [url.slice(0, url.indexOf('?')), url.slice(url.indexOf('?'))] : [url, ''];

/**
 * Restores the base path that the proxy strips. A URL with the prefix is left alone (the request
 * bypassed the proxy), unless the prefix equals the name of a page. The base path with a slash, as
 * proxies send it, becomes the one without, which Next would redirect to.
 */
export function restorePrefix(url: string, { basePath, proxyStripsPrefix }: Env): string {
  if (basePath === '') return url;
  const [path, query] = splitUrl(url);
  if (path === `${basePath}/`) return basePath + query;
  if (!proxyStripsPrefix) return url;
  const hasPrefix = path === basePath || path.startsWith(`${basePath}/`);
  if (hasPrefix && !OWN_SEGMENTS.has(basePath.split('/')[1] ?? '')) return url;
  return basePath + (path === '/' ? '' : path) + query;
}

/** The path without base path and query, at least `/`; null if it is outside of the base path. */
export function pathInside(url: string, { basePath }: Env): string | null {
  const [path] = splitUrl(url);
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : null;
}

/** Whether a request needs no session: a read of an asset or a probe. */
export function isPublic(method: string | undefined, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && (isAsset(path) || isProbe(path));
}

/** Build files and the icon, which the sign-in page needs too. */
export function isAsset(path: string): boolean {
  return STATIC.test(path) || path === '/icon.svg';
}

/**
 * Probes come from an orchestrator, which may not send a public host name; the responses contain no
 * data.
 */
export function isProbe(path: string): boolean {
  return path === '/healthz' || path === '/readyz';
}
