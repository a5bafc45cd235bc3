import type { Env } from '../lib/config/environment';

/** First segments of the console's own addresses. */
const OWN = new Set([
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

/** Puts back what the proxy took off. What has the prefix came past the proxy, unless that is also a page's own name. */
export function restorePrefix(url: string, { basePath, proxyStripsPrefix }: Env): string {
  if (!proxyStripsPrefix || basePath === '') return url;
  const [path, query] = splitUrl(url);
  const has = path === basePath || path.startsWith(`${basePath}/`);
  if (has && !OWN.has(basePath.split('/')[1] ?? '')) return url;
  return basePath + (path === '/' ? '' : path) + query;
}

/** The path without the base path and the query, `/` at least; null: not an address of this console. */
export function pathInside(url: string, { basePath }: Env): string | null {
  const [path] = splitUrl(url);
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : null;
}

/** What is answered to everybody: assets and probes, and nothing that is sent to their addresses. */
export function isPublic(method: string | undefined, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && (isAsset(path) || isProbe(path));
}

/** Hashed files of the build and the icon: the same for everybody, and asked for by the page that says "sign in". */
export function isAsset(path: string): boolean {
  return STATIC.test(path) || path === '/icon.svg';
}

/** Probes of an orchestrator come by address; they carry no data. */
export function isProbe(path: string): boolean {
  return path === '/healthz' || path === '/readyz';
}
