import sql, { raw } from 'sql-template-tag';
import { CONSOLE_SCHEMA } from '../audit/audit';
import type { DetectedConsoleSchema } from '../audit/detect';
import type { Database } from '../db/database';
import type { Tx } from '../db/types';
import { ConsoleError } from '../errors';
import type { Revocation, RevocationKind, RevocationPage, RevocationStore } from './revocation';

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
