import type { IncomingMessage } from 'node:http';

/**
 * Whether a request is a sign of a viewer. A poll is none, and neither is a page that the router renders again by
 * itself: its referrer is its own URL.
 */
export function isActivity(request: IncomingMessage, basePath: string): boolean {
  if (request.method !== 'GET') return true;
  const url = request.url ?? '';
  if (url.startsWith(`${basePath}/api/`)) return false;
  return request.headers.rsc !== '1' || pageOf(url) !== pageOf(request.headers.referer ?? '');
}

/** Path and query without the router's own parameter; null: no URL. */
function pageOf(url: string): string | null {
  if (url === '' || !URL.canParse(url, 'http://localhost')) return null;
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.delete('_rsc');
  return `${pathname}?${searchParams}`;
}
