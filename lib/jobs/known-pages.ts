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

/** After so long all members are read again, ms: a job that was written with times of long ago is not found by them. */
const KEPT_MS = 5 * 60_000;
const KEPT_PAGES = 200;

/** Modules are instantiated more than once in one server; by schema, for tests ask several databases. */
const shared = globalThis as typeof globalThis & {
  goodJobConsoleKnownPages?: WeakMap<DetectedSchema, Map<string, KnownPage>>;
};
const kept = (shared.goodJobConsoleKnownPages ??= new WeakMap<
  DetectedSchema,
  Map<string, KnownPage>
>());

export function knownPage(schema: DetectedSchema, key: string): KnownPage | null {
  const page = kept.get(schema)?.get(key);
  return page && Date.now() - page.scannedAt < KEPT_MS ? page : null;
}

export function keepPage(schema: DetectedSchema, key: string, page: KnownPage): void {
  const pages = kept.get(schema) ?? new Map<string, KnownPage>();
  kept.set(schema, pages);
  // Behind all others: what was kept first is the first to go.
  pages.delete(key);
  pages.set(key, page);
  for (const oldest of pages.keys()) {
    if (pages.size <= KEPT_PAGES) break;
    pages.delete(oldest);
  }
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
