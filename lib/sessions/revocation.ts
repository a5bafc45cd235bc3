import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import type { DetectedConsoleSchema } from '../console-schema/setup';
import { ConsoleError } from '../core/errors';
import { processValue } from '../core/process-state';
import type { Database, Tx } from '../db/database';

/** Which sessions a revocation ends. */
export const REVOCATION_KINDS = [
  /** One session of the console. */
  'session',
  /** Every session that belongs to one session at the OIDC provider (`sid`). */
  'provider_session',
  /** Every session of one user (`sub`). */
  'subject',
  /** Every session of one user (`sub`) that has no `sid`. */
  'subject_without_provider_session',
  /** No session: the `jti` of a used logout token, which prevents its replay. */
  'logout_token',
] as const;
export type RevocationKind = (typeof REVOCATION_KINDS)[number];

export interface Revocation {
  kind: RevocationKind;
  /** A digest of the session, `sid`, `sub` or `jti`; never the id itself. */
  key: string;
  /** Unix ms at which all revoked sessions have expired, so that the row can be deleted. */
  expiresAtMs: number;
  /** Unix seconds of the provider: revokes only sessions with an older ID token; null: all. */
  issuedUntilSeconds: number | null;
}

export interface RevocationPage {
  rows: Revocation[];
  /** Pass it to the next read. */
  cursor: string;
  /** Unix ms at which the rows beyond the limit have expired; null: there are no more rows. */
  omittedUntilMs: number | null;
}

/** Revocations that all servers of a deployment share. */
export interface RevocationStore {
  /**
   * Returns the rows since `cursor`, possibly repeating some, or all rows for null. Returns null if
   * the table does not exist.
   */
  read(cursor: string | null): Promise<RevocationPage | null>;
  /**
   * Stores the rows; `duplicate`: the logout token was used before, and nothing was stored. Throws
   * the database's error.
   */
  write(rows: Revocation[]): Promise<'stored' | 'duplicate' | 'not_writable'>;
}

/** The gateway reads the store, but only the bundle of Next has a database connection. */
const storeHolder = processValue<RevocationStore>('revocation store');

/** Sets the store of this process unless one is set. */
export function setRevocationStore(make: () => RevocationStore): void {
  storeHolder.current ??= make();
}

function currentStore(): RevocationStore {
  if (storeHolder.current) return storeHolder.current;
  throw new Error('The table of revoked sessions is not available yet.');
}

/** The store of this process; its functions throw until a store is set. */
export const processRevocationStore: RevocationStore = {
  read: async (cursor) => currentStore().read(cursor),
  write: async (rows) => currentStore().write(rows),
};

const TABLE = raw(`${CONSOLE_SCHEMA}.revoked_sessions`);
const READ_TIMEOUT_MS = 2_000;
const MAX_ROWS = 50_000;
/** Maximum number of expired rows that one write deletes. */
const MAX_REMOVED = 1_000;
/**
 * Rows become visible at commit, up to ten seconds after `revoked_at`, so each read overlaps the
 * last one. A cursor of `pg_snapshot_xmin` would need no overlap, but long transactions hold it
 * back, and on a logical replica it can be ahead of new rows.
 */
const COMMIT_LAG = raw(`interval '1 minute'`);
/** Tolerance for the clocks of servers, which decide when a session has expired. */
const CLOCK_DIFFERENCE = raw(`interval '1 hour'`);

class DuplicateLogoutToken extends Error {}

interface RevocationTableOptions {
  db: Pick<Database, 'read' | 'write'>;
  detect(): Promise<Pick<DetectedConsoleSchema, 'revokedSessions'>>;
  /** Receives every error, because the table may have changed since its detection. */
  detectAgainAfter(error: unknown): void;
  readOnly: boolean;
}

/** Returns a store in `good_job_console.revoked_sessions`, which all servers share. */
export function createRevocationTable({
  db,
  detect,
  detectAgainAfter,
  readOnly,
}: RevocationTableOptions): RevocationStore {
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
      // The role may lack DELETE; other servers then delete the rows.
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

const cursorRow = z.strictObject({ now: z.string() });

const revocationRow = z.strictObject({
  kind: z.enum(REVOCATION_KINDS),
  key: z.string(),
  expiresAtMs: z.string(),
  issuedUntilSeconds: z.string().nullable(),
});

async function readPage(tx: Tx, cursor: string | null): Promise<RevocationPage> {
  // Read before the rows, so that rows committed in between belong to the next page.
  const [clock] = await tx.query(cursorRow, sql`SELECT clock_timestamp()::text AS now`);
  const since = cursor
    ? sql`revoked_at > ${cursor}::timestamptz - ${COMMIT_LAG}`
    : sql`expires_at > clock_timestamp() - ${CLOCK_DIFFERENCE}`;
  const storedRows = await tx.query(
    revocationRow,
    sql`
      SELECT kind, key,
             ceil(extract(epoch FROM expires_at) * 1000)::text AS "expiresAtMs",
             extract(epoch FROM issued_until)::text AS "issuedUntilSeconds"
        FROM ${TABLE}
       WHERE ${since}
       ORDER BY expires_at DESC, id DESC
       LIMIT ${MAX_ROWS + 1}`,
  );
  const rows = storedRows.map(({ kind, key, expiresAtMs, issuedUntilSeconds }): Revocation => ({
    kind,
    key,
    expiresAtMs: Number(expiresAtMs),
    issuedUntilSeconds: issuedUntilSeconds === null ? null : Number(issuedUntilSeconds),
  }));
  return {
    rows: rows.slice(0, MAX_ROWS),
    cursor: clock?.now ?? '',
    omittedUntilMs: rows[MAX_ROWS]?.expiresAtMs ?? null,
  };
}

const kindRow = revocationRow.pick({ kind: true });

async function insert(tx: Tx, rows: Revocation[]): Promise<void> {
  const inserted = await tx.query(
    kindRow,
    sql`
      INSERT INTO ${TABLE} (kind, key, expires_at, issued_until)
      SELECT r.kind, r.key, to_timestamp(r.expires_ms / 1000), to_timestamp(r.issued_until)
        FROM unnest(
               ${rows.map(({ kind }) => kind)}::text[],
               ${rows.map(({ key }) => key)}::text[],
               ${rows.map(({ expiresAtMs }) => expiresAtMs)}::float8[],
               ${rows.map(({ issuedUntilSeconds }) => issuedUntilSeconds)}::float8[]
             ) AS r (kind, key, expires_ms, issued_until)
      ON CONFLICT DO NOTHING
      RETURNING kind`,
  );
  const countTokens = (list: { kind: RevocationKind }[]) =>
    list.filter(({ kind }) => kind === 'logout_token').length;
  if (countTokens(inserted) < countTokens(rows)) throw new DuplicateLogoutToken();
}

async function removeExpired(tx: Tx): Promise<void> {
  await tx.execute(sql`
    DELETE FROM ${TABLE}
     WHERE id IN (
             SELECT id
               FROM ${TABLE}
              WHERE expires_at < clock_timestamp() - ${CLOCK_DIFFERENCE}
              ORDER BY expires_at
              LIMIT ${MAX_REMOVED})`);
}
