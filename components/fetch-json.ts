import type { Badges } from '@/lib/navigation/counts';

/** Server caches live less than this, in ms. */
const CACHES_LIVE_MS = 120_000;

let changedAt = -Infinity;
let publish: (badges: Badges) => void = () => undefined;

/** After an action of the viewer no answer may come from what a server cached before it. */
export function markChanged(): void {
  changedAt = performance.now();
}

/** Calls `onBadges` with the navigation's numbers whenever an answer brings them; returns how to end that. */
export function subscribeToBadges(onBadges: (badges: Badges) => void): () => void {
  publish = onBadges;
  return () => {
    if (publish === onBadges) publish = () => undefined;
  };
}

/** GETs one of the console's own endpoints; rejects with the error's code. */
export async function fetchJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const age = performance.now() - changedAt;
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (age < CACHES_LIVE_MS) headers['Cache-Control'] = `max-age=${Math.floor(age / 1000)}`;
  const response = await fetch(url, { headers, signal });
  const isOurs = response.headers.get('content-type')?.startsWith('application/json');
  // What signs people in before the console answers for it, with its own page or a way to one.
  if (!isOurs && (response.ok || response.status === 401 || response.status === 403))
    throw new Error('signed_out');
  if (!response.ok)
    throw new Error(
      ((await response.json().catch(() => ({}))) as { error?: string }).error ?? 'unexpected',
    );
  const badges = response.headers.get('x-console-badges');
  if (badges) publish(JSON.parse(badges) as Badges);
  return (await response.json()) as T;
}
