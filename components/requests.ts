import { type ErrorCode, RELEASE_HEADER } from '@/lib/core/errors';
import type { Badges } from '@/lib/navigation/queries';

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

/**
 * Codes with which the gateway rejects a Server Action; the client gets them as an error message.
 */
const GATEWAY_CODES: ErrorCode[] = ['signed_out', 'no_role', 'too_many_requests'];
/** The gateway's codes for requests that only a page from another release sends. */
const OUTDATED_PAGE_CODES = new Set(['unknown_action', 'bad_action']);
/** Errors that Next's client throws for a script or an action that the server no longer has. */
const OUTDATED_PAGE_ERRORS = new Set(['ChunkLoadError', 'UnrecognizedActionError']);

/** The result of an action whose call threw. */
export function toActionError(error: unknown): { ok: false; error: ErrorCode } {
  return { ok: false, error: gatewayCode(error) ?? 'unexpected' };
}

/** The gateway's error code, or null for any other error. */
export function gatewayCode(error: unknown): ErrorCode | null {
  if (!(error instanceof Error)) return null;
  if (OUTDATED_PAGE_CODES.has(error.message) || OUTDATED_PAGE_ERRORS.has(error.name))
    return 'console_updated';
  return GATEWAY_CODES.find((code) => code === error.message) ?? null;
}

/** Whether the page is from another release than the server; its form then stays open. */
export function isConsoleUpdated(result: { ok: boolean; error?: ErrorCode }): boolean {
  return result.error === 'console_updated';
}
