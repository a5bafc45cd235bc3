import type { Revocation, RevocationKind } from '../../lib/sessions/revocation';

const MAX_KEYS = 100_000;
const PRUNE_MS = 60_000;

/**
 * Revocations in bounded memory. Where they are too many, those that expire first are forgotten, and with them every
 * session that ends by then is refused: it may have been one of theirs.
 */
export class RevokedKeys {
  readonly #rows = new Map<string, { expiresAtMs: number; issuedUntilS: number }>();
  #forgottenUntilMs = 0;
  #prunedAt = 0;

  constructor(private readonly max = MAX_KEYS) {}

  has(kind: RevocationKind, key: string): boolean {
    return this.#rows.has(nameOf({ kind, key }));
  }

  /** Whether an ID token of that age is revoked; seconds since 1970. */
  isIssuedBefore(kind: RevocationKind, key: string, issuedAtS: number): boolean {
    return issuedAtS <= (this.#rows.get(nameOf({ kind, key }))?.issuedUntilS ?? -Infinity);
  }

  /** Whether a session that ends then may be one that was forgotten; ms since 1970. */
  isForgotten(endsAtMs: number): boolean {
    return endsAtMs <= this.#forgottenUntilMs;
  }

  add(row: Revocation): void {
    const name = nameOf(row);
    const before = this.#rows.get(name);
    if (!before && this.#rows.size >= this.max) this.#makeRoom();
    this.#rows.set(name, {
      expiresAtMs: Math.max(row.expiresAtMs, before?.expiresAtMs ?? 0),
      issuedUntilS: Math.max(row.issuedUntilS ?? Infinity, before?.issuedUntilS ?? -Infinity),
    });
  }

  delete(row: Revocation): void {
    this.#rows.delete(nameOf(row));
  }

  forgetUntil(expiresAtMs: number): void {
    this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, expiresAtMs);
  }

  /** Drops what has expired, once a minute. */
  prune(): void {
    const now = Date.now();
    if (Math.abs(now - this.#prunedAt) < PRUNE_MS) return;
    this.#prunedAt = now;
    for (const [name, { expiresAtMs }] of this.#rows)
      if (expiresAtMs <= now) this.#rows.delete(name);
  }

  #makeRoom(): void {
    const byEnd = [...this.#rows].sort(([, a], [, b]) => a.expiresAtMs - b.expiresAtMs);
    const now = Date.now();
    for (const [name, { expiresAtMs }] of byEnd.slice(0, Math.ceil(this.max / 10))) {
      this.#rows.delete(name);
      if (expiresAtMs > now) this.forgetUntil(expiresAtMs);
    }
  }
}

function nameOf({ kind, key }: Pick<Revocation, 'kind' | 'key'>): string {
  return `${kind} ${key}`;
}
