import { ProcessCache } from '../core/process-cache';
import type { DetectedSchema } from '../good-job/schema';

/** A page as it was read last: what has joined it since is found by its times, and the rest of the members need not be read. */
export interface KnownPage {
  /** Its rows and the one beyond them, in the page's order. */
  ids: string[];
  /** When it was read, ms since 1970, by the console's clock. */
  readAt: number;
  /** When all members were read for it. */
  scannedAt: number;
}

/** After this time all members are read again: a job that was written with times of long ago is not found by them. */
const TTL_MS = 5 * 60_000;

const cache = new ProcessCache<KnownPage>('batch pages', { ttlMs: TTL_MS, maxEntries: 200 });

export function knownPage({ identity }: DetectedSchema, key: string): KnownPage | null {
  const page = cache.peek(identity, key);
  return page && Date.now() - page.scannedAt < TTL_MS ? page : null;
}

export function keepPage({ identity }: DetectedSchema, key: string, page: KnownPage): void {
  cache.set(identity, key, page);
}

/**
 * Whether rows that were read among the page's own and those that may have joined it (in the page's order, at most
 * one more than `limit`) are what a scan would find: its own still stand as they stood, and where some have made room
 * it was for others. Where one is gone or has moved, nobody knows which row follows.
 */
export function stillHolds(
  { ids }: KnownPage,
  rows: readonly { id: string }[],
  limit: number,
): boolean {
  const own = new Set(ids);
  const stayed = rows.filter(({ id }) => own.has(id));
  return (
    stayed.every(({ id }, n) => id === ids[n]) &&
    (rows.length > limit || stayed.length === ids.length)
  );
}
