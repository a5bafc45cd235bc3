import { createHash } from 'node:crypto';
import type { Revocation, RevocationStore } from '../../lib/sessions/revocation';
import { RevokedKeys } from './revoked-keys';

/** The list is never older than this while the database answers. */
const FRESH_MS = 5_000;
/** A request waits for the database at most this long. */
const WAIT_MS = 2_000;
const MAX_UNSAVED = 1_000;

/** What of a session a revocation can name. */
export interface RevocableSession {
  key: string;
  endsAt: number;
  subjectKey: string;
  /** Left out where the ID token names no session at the provider. */
  providerSessionKey?: string;
  /** Seconds since 1970, of the ID token. */
  issuedAtS: number;
}

/** A digest of an id of this provider and client: the database learns neither names nor ids. */
export function createKeyDigest(...scope: string[]): (value: string) => string {
  return (value) =>
    createHash('sha256')
      .update(JSON.stringify([...scope, value]))
      .digest('base64url');
}

/** `failed`: on this server only, since the database did not answer; it is stored once it does. */
export type RevokeResult = 'stored' | 'not_writable' | 'duplicate' | 'failed';

/**
 * What was revoked, in memory, and in the table that all servers share. Without a store it holds for this process.
 * No timer: the list is read when a session is checked and the last read is five seconds old.
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

  /** Brings the list up to date; false: it was never read, so nothing can be said of any session. */
  async refresh(): Promise<boolean> {
    if (this.store === null) return true;
    const age = Date.now() - this.#readAt;
    if (age >= 0 && age < FRESH_MS) return this.#isLoaded;
    this.#reading ??= this.#read(this.store).finally(() => (this.#reading = null));
    await within(WAIT_MS, this.#reading);
    return this.#isLoaded;
  }

  isRevoked(session: RevocableSession): boolean {
    const { key, endsAt, subjectKey, providerSessionKey, issuedAtS } = session;
    return (
      this.#revoked.isForgotten(endsAt) ||
      this.#revoked.has('session', key) ||
      this.#revoked.isIssuedBefore('subject', subjectKey, issuedAtS) ||
      (providerSessionKey === undefined
        ? this.#revoked.isIssuedBefore('subject_without_provider_session', subjectKey, issuedAtS)
        : this.#revoked.has('provider_session', providerSessionKey))
    );
  }

  /** Holds on this server at once. `token`: of the logout token that asks for it, which counts once. */
  async revoke(rows: Revocation[], token: Revocation | null = null): Promise<RevokeResult> {
    if (token && this.#revoked.has(token.kind, token.key)) return 'duplicate';
    const all = token ? [token, ...rows] : rows;
    for (const row of all) this.#revoked.add(row);
    const result = this.store ? await this.#write(this.store, all) : 'not_writable';
    if (result === 'not_writable' || result === 'failed')
      rows.forEach((row) => this.#saveLater(row));
    // The provider may send it again.
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
    return (await within(WAIT_MS, written)) ?? 'failed';
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
      if (page?.omittedUntilMs) this.#revoked.forgetUntil(page.omittedUntilMs);
      this.#isLoaded = true;
      this.#readAt = startedAt;
    } catch {
      // The list stays as it is; the pages say why the database does not answer.
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

/** What `promise` resolves to; undefined: it took longer. */
function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
