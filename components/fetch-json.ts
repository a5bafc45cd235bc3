import { RELEASE_HEADER } from '@/lib/core/errors';
import type { Badges } from '@/lib/navigation/counts';

/** Upper bound of the TTL of the server's caches. */
const MAX_SERVER_CACHE_MS = 120_000;

let lastActionAt = -Infinity;
let publish: (badges: Badges) => void = () => undefined;

/** Makes later requests bypass responses that a server cached before the viewer's action. */
export function bypassCachedResponses(): void {
  lastActionAt = performance.now();
}

/**
 * Calls `onBadges` whenever a response carries the navigation counts; returns an unsubscribe
 * function.
 */
export function subscribeToBadges(onBadges: (badges: Badges) => void): () => void {
  publish = onBadges;
  return () => {
    if (publish === onBadges) publish = () => undefined;
  };
}

/**
 * GETs one of the console's endpoints; throws an Error whose message is the error code. `T` is not
 * checked at run time, because page and endpoint come from the same build.
 */
export async function fetchJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const age = performance.now() - lastActionAt;
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (age < MAX_SERVER_CACHE_MS) headers['Cache-Control'] = `max-age=${Math.floor(age / 1000)}`;
  const response = await fetch(url, { headers, signal });
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  // A response that is not JSON comes from a sign-in proxy in front of the console.
  if (!isJson && (response.ok || response.status === 401 || response.status === 403))
    throw new Error('signed_out');
  if (!response.ok)
    throw new Error(
      ((await response.json().catch(() => ({}))) as { error?: string }).error ?? 'unexpected',
    );
  // During an update the data may have another shape than this page reads.
  const release = response.headers.get(RELEASE_HEADER);
  if (release !== null && release !== process.env.CONSOLE_RELEASE)
    throw new Error('console_updated');
  const badges = response.headers.get('x-console-badges');
  if (badges) publish(JSON.parse(badges) as Badges);
  return (await response.json()) as T;
}
