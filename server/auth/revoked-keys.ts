import type { Revocation, RevocationKind } from '../../lib/sessions/revocation';

const MAX_KEYS = 100_000;
const PRUNE_MS = 60_000;

/**
 * Revocations in bounded memory. Evicts those that expire first, and then treats every session that
 * ends by that time as revoked, because its revocation may be among them.
 */
export class RevokedKeys {
  readonly #rows = new Map<string, { expiresAtMs: number; issuedUntilS: number }>();
  #evictedUntilMs = 0;
  #prunedAt = 0;

  constructor(private readonly max = MAX_KEYS) {}

  has(kind: RevocationKind, key: string): boolean {
    return this.#rows.has(mapKey({ kind, key }));
  }

  /** Whether ID tokens issued at that time (seconds since 1970) are revoked. */
  isIssuedBefore(kind: RevocationKind, key: string, issuedAtS: number): boolean {
    return issuedAtS <= (this.#rows.get(mapKey({ kind, key }))?.issuedUntilS ?? -Infinity);
  }

  /** Whether the revocation of a session that ends then (ms since 1970) may have been evicted. */
  mayBeEvicted(endsAtMs: number): boolean {
    return endsAtMs <= this.#evictedUntilMs;
  }

  add(row: Revocation): void {
    const name = mapKey(row);
    const existing = this.#rows.get(name);
    if (!existing && this.#rows.size >= this.max) this.#evict();
    this.#rows.set(name, {
      expiresAtMs: Math.max(row.expiresAtMs, existing?.expiresAtMs ?? 0),
      issuedUntilS: Math.max(
        row.issuedUntilSeconds ?? Infinity,
        existing?.issuedUntilS ?? -Infinity,
      ),
    });
  }

  delete(row: Revocation): void {
    this.#rows.delete(mapKey(row));
  }

  setEvictedUntil(expiresAtMs: number): void {
    this.#evictedUntilMs = Math.max(this.#evictedUntilMs, expiresAtMs);
  }

  /** Removes expired revocations, at most once a minute. */
  prune(): void {
    const now = Date.now();
    if (Math.abs(now - this.#prunedAt) < PRUNE_MS) return;
    this.#prunedAt = now;
    for (const [name, { expiresAtMs }] of this.#rows)
      if (expiresAtMs <= now) this.#rows.delete(name);
  }

  #evict(): void {
    const byEnd = [...this.#rows].sort(([, a], [, b]) => a.expiresAtMs - b.expiresAtMs);
    const now = Date.now();
    for (const [name, { expiresAtMs }] of byEnd.slice(0, Math.ceil(this.max / 10))) {
      this.#rows.delete(name);
      if (expiresAtMs > now) this.setEvictedUntil(expiresAtMs);
    }
  }
}

function mapKey({ kind, key }: Pick<Revocation, 'kind' | 'key'>): string {
  return `${kind} ${key}`;
}
