import sql, { raw } from 'sql-template-tag';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import type { DetectedConsoleSchema } from '../console-schema/setup';
import { ConsoleError } from '../core/errors';
import { processValue } from '../core/process-state';
import type { Database, Tx } from '../db/database';

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

/** The server before Next reads it, and only Next's build has the database. */
const shared = processValue<RevocationStore>('revocation store');

/** The first one stays. */
export function offerRevocationStore(make: () => RevocationStore): void {
  shared.current ??= make();
}

function offered(): RevocationStore {
  if (shared.current) return shared.current;
  throw new Error('The table of revoked sessions is not available yet.');
}

/** The store of this process; its functions throw until one was offered. */
export const processRevocationStore: RevocationStore = {
  read: async (cursor) => offered().read(cursor),
  write: async (rows) => offered().write(rows),
};

const TABLE = raw(`${CONSOLE_SCHEMA}.revoked_sessions`);
const READ_TIMEOUT_MS = 2_000;
const MAX_ROWS = 50_000;
/** Expired rows that one write removes. */
const MAX_REMOVED = 1_000;
/**
 * A row becomes visible at its commit, after its `revoked_at`; a write takes at most ten seconds. `pg_snapshot_xmin` as a
 * cursor needs no lag, but a long write of the app holds it back, and on a logical replica it may be ahead of new rows.
 */
const COMMIT_LAG = raw(`interval '1 minute'`);
/** Servers compare the end of a session with their own clocks. */
const CLOCK_DIFFERENCE = raw(`interval '1 hour'`);

class DuplicateLogoutToken extends Error {}

export interface RevocationTableParts {
  db: Pick<Database, 'read' | 'write'>;
  detect(): Promise<Pick<DetectedConsoleSchema, 'revokedSessions'>>;
  /** Called with every failure: the table may not be as it was detected. */
  detectAgainAfter(error: unknown): void;
  readOnly: boolean;
}

/** `good_job_console.revoked_sessions`, through which servers tell one another which sessions are over. */
export function createRevocationTable({
  db,
  detect,
  detectAgainAfter,
  readOnly,
}: RevocationTableParts): RevocationStore {
  return {
    async read(cursor) {
      if ((await detect()).revokedSessions === 'none') return null;
      return db
        .read((tx) => readPage(tx, cursor), { timeoutMs: READ_TIMEOUT_MS })
        .catch((error: unknown) => {
          detectAgainAfter(error);
          throw error;
        });
    },
    async write(rows) {
      if (readOnly || (await detect()).revokedSessions !== 'write') return 'not_writable';
      try {
        await db.write((tx) => insert(tx, rows));
      } catch (error) {
        if (error instanceof DuplicateLogoutToken) return 'duplicate';
        detectAgainAfter(error);
        if (isNotWritable(error)) return 'not_writable';
        throw error;
      }
      // A role that may not delete leaves the rows to others.
      await db.write(removeExpired).catch(() => undefined);
      return 'stored';
    },
  };
}

function isNotWritable(error: unknown): boolean {
  return (
    error instanceof ConsoleError &&
    (error.code === 'read_only' ||
      error.code === 'no_permission' ||
      error.code === 'schema_changed')
  );
}

async function readPage(tx: Tx, cursor: string | null): Promise<RevocationPage> {
  // Before the rows: what is committed in between is read again with the next page.
  const [clock] = await tx.query<{ now: string }>(sql`SELECT clock_timestamp()::text AS now`);
  const since = cursor
    ? sql`revoked_at > ${cursor}::timestamptz - ${COMMIT_LAG}`
    : sql`expires_at > clock_timestamp() - ${CLOCK_DIFFERENCE}`;
  const found = await tx.query<{
    kind: RevocationKind;
    key: string;
    expiresAtMs: string;
    issuedUntilS: string | null;
  }>(sql`
    SELECT kind, key,
           ceil(extract(epoch FROM expires_at) * 1000)::text AS "expiresAtMs",
           extract(epoch FROM issued_until)::text AS "issuedUntilS"
      FROM ${TABLE}
     WHERE ${since}
     ORDER BY expires_at DESC, id DESC
     LIMIT ${MAX_ROWS + 1}`);
  const rows = found.map(({ kind, key, expiresAtMs, issuedUntilS }): Revocation => ({
    kind,
    key,
    expiresAtMs: Number(expiresAtMs),
    issuedUntilS: issuedUntilS === null ? null : Number(issuedUntilS),
  }));
  return {
    rows: rows.slice(0, MAX_ROWS),
    cursor: clock?.now ?? '',
    omittedUntilMs: rows[MAX_ROWS]?.expiresAtMs ?? null,
  };
}

async function insert(tx: Tx, rows: Revocation[]): Promise<void> {
  const inserted = await tx.query<{ kind: RevocationKind }>(sql`
    INSERT INTO ${TABLE} (kind, key, expires_at, issued_until)
    SELECT r.kind, r.key, to_timestamp(r.expires_ms / 1000), to_timestamp(r.issued_until)
      FROM unnest(
             ${rows.map(({ kind }) => kind)}::text[],
             ${rows.map(({ key }) => key)}::text[],
             ${rows.map(({ expiresAtMs }) => expiresAtMs)}::float8[],
             ${rows.map(({ issuedUntilS }) => issuedUntilS)}::float8[]
           ) AS r (kind, key, expires_ms, issued_until)
    ON CONFLICT DO NOTHING
    RETURNING kind`);
  const count = (list: { kind: RevocationKind }[]) =>
    list.filter(({ kind }) => kind === 'logout_token').length;
  if (count(inserted) < count(rows)) throw new DuplicateLogoutToken();
}

async function removeExpired(tx: Tx): Promise<void> {
  await tx.query(sql`
    DELETE FROM ${TABLE}
     WHERE id IN (
             SELECT id FROM ${TABLE}
              WHERE expires_at < clock_timestamp() - ${CLOCK_DIFFERENCE}
              ORDER BY expires_at
              LIMIT ${MAX_REMOVED})`);
}
