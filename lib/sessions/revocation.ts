/** What a revocation ends, or that a logout token was used. */
export const REVOCATION_KINDS = [
  /** One session of the console. */
  'session',
  /** Every session that began in one session at the provider (`sid`). */
  'provider_session',
  /** Every session of one person (`sub`). */
  'subject',
  /** The same, as far as the session does not say in which session at the provider it began. */
  'subject_without_provider_session',
  /** No session: the `jti` of a logout token, which counts once. */
  'logout_token',
] as const;
export type RevocationKind = (typeof REVOCATION_KINDS)[number];

export interface Revocation {
  kind: RevocationKind;
  /** A digest of the id, never the id itself. */
  key: string;
  /** Ms since 1970: every session that it ends is over by then. */
  expiresAtMs: number;
  /** Seconds since 1970 by the provider's clock: it ends sessions whose ID token is not newer; null: all. */
  issuedUntilS: number | null;
}

export interface RevocationPage {
  rows: Revocation[];
  /** Where the next read continues. */
  cursor: string;
  /** Ms since 1970: there were too many rows, and those left out expire by then; null: all were read. */
  omittedUntilMs: number | null;
}

/** Where servers share what was revoked. */
export interface RevocationStore {
  /** The rows since `cursor`, some of them again; null as a cursor: all. Null: there is no such table here. */
  read(cursor: string | null): Promise<RevocationPage | null>;
  /** `duplicate`: the logout token was used before, and nothing was stored. Throws when the database fails. */
  write(rows: Revocation[]): Promise<'stored' | 'duplicate' | 'not_writable'>;
}

/** The server is a bundle of its own, and only Next's build has the database; globalThis is shared. */
const shared = globalThis as typeof globalThis & { goodJobConsoleRevocations?: RevocationStore };

/** The first one stays. */
export function offerRevocationStore(make: () => RevocationStore): void {
  shared.goodJobConsoleRevocations ??= make();
}

function offered(): RevocationStore {
  if (shared.goodJobConsoleRevocations) return shared.goodJobConsoleRevocations;
  throw new Error('The table of revoked sessions is not available yet.');
}

/** The store of this process; its functions throw until one was offered. */
export const processRevocationStore: RevocationStore = {
  read: async (cursor) => offered().read(cursor),
  write: async (rows) => offered().write(rows),
};
