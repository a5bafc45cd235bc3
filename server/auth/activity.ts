import type { IncomingMessage } from 'node:http';

/**
 * Whether the request extends an idle session. Polls do not, and neither do pages that the router
 * refetches by itself, whose referrer is their own URL.
 */
export function isActivity(request: IncomingMessage, basePath: string): boolean {
  if (request.method !== 'GET') return true;
  const url = request.url ?? '';
  if (url.startsWith(`${basePath}/api/`)) return false;
  return request.headers.rsc !== '1' || pageUrl(url) !== pageUrl(request.headers.referer ?? '');
}

/** Path and query without the router's `_rsc` parameter; null for an invalid URL. */
function pageUrl(url: string): string | null {
  if (url === '' || !URL.canParse(url, 'http://localhost')) return null;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.delete('_rsc');
  return `${pathname}?${searchParams}`;
}
