import { createHash } from 'node:crypto';
import type { Revocation, RevocationStore } from '../../lib/sessions/revocation';
import { RevokedKeys } from './revoked-keys';

/** Maximum age of the list while the database is available. */
const TTL_MS = 5_000;
/** Maximum time a request waits for the database. */
const WAIT_MS = 2_000;
const MAX_UNSAVED = 1_000;

/** The keys of a session that a revocation can refer to. */
interface RevocableSession {
  key: string;
  endsAt: number;
  subjectKey: string;
  /** Missing if the ID token has no `sid`. */
  providerSessionKey?: string;
  /** `iat` of the ID token: seconds since 1970. */
  issuedAtS: number;
}

/** Returns a digest function scoped to provider and client, so that the database stores no ids. */
export function createKeyDigest(...scope: string[]): (value: string) => string {
  return (value) =>
    createHash('sha256')
      .update(JSON.stringify([...scope, value]))
      .digest('base64url');
}

/** `failed`: revoked on this server only; stored as soon as the database is available. */
type RevokeResult = 'stored' | 'not_writable' | 'duplicate' | 'failed';

/**
 * Revoked sessions, cached in memory and stored in a table shared by all servers. Without a store
 * they apply to this process only. Checking a session refreshes a list older than TTL_MS.
 */
export class Revocations {
  readonly #revoked = new RevokedKeys();
  readonly #unsaved = new Map<string, Revocation>();
  #cursor: string | null = null;
  #isLoaded: boolean;
  #readAt = -Infinity;
  #reading: Promise<void> | null = null;

  constructor(private readonly store: RevocationStore | null) {
    this.#isLoaded = store === null;
  }

  /** Refreshes the list. Returns false if it was never read, so no session can be accepted. */
  async refresh(): Promise<boolean> {
    if (this.store === null) return true;
    const age = Date.now() - this.#readAt;
    if (age >= 0 && age < TTL_MS) return this.#isLoaded;
    this.#reading ??= this.#read(this.store).finally(() => (this.#reading = null));
    await undefinedOnTimeout(WAIT_MS, this.#reading);
    return this.#isLoaded;
  }

  isRevoked(session: RevocableSession): boolean {
    const { key, endsAt, subjectKey, providerSessionKey, issuedAtS } = session;
    return (
      this.#revoked.mayBeEvicted(endsAt) ||
      this.#revoked.has('session', key) ||
      this.#revoked.isIssuedBefore('subject', subjectKey, issuedAtS) ||
      (providerSessionKey === undefined
        ? this.#revoked.isIssuedBefore('subject_without_provider_session', subjectKey, issuedAtS)
        : this.#revoked.has('provider_session', providerSessionKey))
    );
  }

  /**
   * Applies to this server immediately. `token` is the logout token, which is accepted only once.
   */
  async revoke(rows: Revocation[], token: Revocation | null = null): Promise<RevokeResult> {
    if (token && this.#revoked.has(token.kind, token.key)) return 'duplicate';
    const all = token ? [token, ...rows] : rows;
    for (const row of all) this.#revoked.add(row);
    const result = this.store ? await this.#write(this.store, all) : 'not_writable';
    if (result === 'not_writable' || result === 'failed')
      rows.forEach((row) => this.#saveLater(row));
    // Allow the provider to send it again.
    if (token && result === 'failed') this.#revoked.delete(token);
    return result;
  }

  async #write(store: RevocationStore, rows: Revocation[]): Promise<RevokeResult> {
    const written = store.write(rows).catch((error: unknown) => {
      console.error(
        `A revoked session was not stored: ${error instanceof Error ? error.message : 'unknown'}`,
      );
      return 'failed' as const;
    });
    return (await undefinedOnTimeout(WAIT_MS, written)) ?? 'failed';
  }

  #saveLater(row: Revocation): void {
    if (this.store && this.#unsaved.size < MAX_UNSAVED)
      this.#unsaved.set(`${row.kind} ${row.key}`, row);
  }

  async #read(store: RevocationStore): Promise<void> {
    const startedAt = Date.now();
    try {
      const page = await store.read(this.#cursor);
      this.#cursor = page?.cursor ?? null;
      for (const row of page?.rows ?? []) this.#revoked.add(row);
      if (page?.omittedUntilMs) this.#revoked.setEvictedUntil(page.omittedUntilMs);
      this.#isLoaded = true;
      this.#readAt = startedAt;
    } catch {
      // Keep the list; pages report that the database is down.
      this.#readAt = Date.now();
      return;
    }
    this.#revoked.prune();
    await this.#saveUnsaved(store).catch(() => undefined);
  }

  async #saveUnsaved(store: RevocationStore): Promise<void> {
    const now = Date.now();
    for (const [name, { expiresAtMs }] of this.#unsaved)
      if (expiresAtMs <= now) this.#unsaved.delete(name);
    if (this.#unsaved.size === 0) return;
    const rows = [...this.#unsaved];
    if ((await store.write(rows.map(([, row]) => row))) !== 'stored') return;
    for (const [name] of rows) this.#unsaved.delete(name);
  }
}

/** Resolves to undefined if `promise` takes longer than `ms`. */
function undefinedOnTimeout<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
