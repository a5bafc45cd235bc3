import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { TestConsole } from '../../test/harness/test-console';
import { detectConsoleSchema, grantsFor } from '../console-schema/setup';
import { openDatabase } from '../db/database';
import { type Revocation, type RevocationStore, createRevocationTable } from './revocation';

let database: TestConsole;
let store: RevocationStore;
beforeAll(async () => {
  database = await TestConsole.open('revoked sessions');
  store = storeOn(database);
});
afterAll(() => database.close());
beforeEach(() => database.client.query('TRUNCATE good_job_console.revoked_sessions'));

const storeOn = ({ db }: Pick<TestConsole, 'db'>, readOnly = false) =>
  createRevocationTable({
    db,
    detect: () => db.read(detectConsoleSchema),
    detectAgainAfter: () => undefined,
    readOnly,
  });
const HOUR_MS = 3_600_000;
const revocation = (key: string, fields: Partial<Revocation> = {}): Revocation => ({
  kind: 'session',
  key,
  expiresAtMs: 1_000 * Math.floor(Date.now() / 1_000) + HOUR_MS,
  issuedUntilSeconds: null,
  ...fields,
});
const keysOf = async (cursor: string | null = null) =>
  (await store.read(cursor))?.rows.map(({ key }) => key).sort();
const storedKeys = async () =>
  (
    await database.client.query<{ key: string }>(
      'SELECT key FROM good_job_console.revoked_sessions ORDER BY key',
    )
  ).rows.map(({ key }) => key);

describe('createRevocationTable', () => {
  it('returns the stored rows with times to the millisecond', async () => {
    const rows = [
      revocation('a'),
      revocation('b', {
        kind: 'subject',
        issuedUntilSeconds: 1_700_000_000,
        expiresAtMs: Date.now() + 5,
      }),
    ];
    expect(await store.write(rows)).toBe('stored');
    const page = await store.read(null);
    expect(page?.rows).toEqual(expect.arrayContaining(rows));
    expect(page).toMatchObject({ omittedUntilMs: null });
  });

  it('returns the rows after a cursor, including a transaction that committed late', async () => {
    const lateSession = await database.session();
    await lateSession.query('BEGIN');
    await lateSession.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at)
       VALUES ('session', 'late', now() + interval '1 hour')`,
    );
    await store.write([revocation('a')]);
    await database.client.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at, revoked_at)
       VALUES ('session', 'old', now() + interval '1 hour', now() - interval '5 minutes')`,
    );
    const page = await store.read(null);
    expect(page?.rows.map(({ key }) => key).sort()).toEqual(['a', 'old']);
    await lateSession.query('COMMIT');
    expect(await keysOf(page?.cursor)).toEqual(['a', 'late']);
  });

  it('accepts a logout token once and stores nothing for a used one', async () => {
    const token = revocation('jti', { kind: 'logout_token' });
    expect(await store.write([token, revocation('a')])).toBe('stored');
    expect(await store.write([token, revocation('b')])).toBe('duplicate');
    expect(await storedKeys()).toEqual(['a', 'jti']);
    const results = await Promise.all(
      [1, 2].map(() => store.write([revocation('other', { kind: 'logout_token' })])),
    );
    expect(results.sort()).toEqual(['duplicate', 'stored']);
  });

  it('deletes a bounded number of expired rows with each write', async () => {
    await database.client.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at)
       SELECT 'session', 'expired ' || n, now() - interval '2 hours'
         FROM generate_series(1, 1500) n`,
    );
    await store.write([revocation('a')]);
    expect((await storedKeys()).length).toBe(501);
    await store.write([revocation('b')]);
    expect(await storedKeys()).toEqual(['a', 'b']);
  });

  it('returns the latest expiry of the rows beyond the limit', async () => {
    await database.client.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at)
       SELECT 'session', n::text, to_timestamp(4000000000 + n)
         FROM generate_series(1, 50010) n`,
    );
    const page = await store.read(null);
    expect(page?.rows.length).toBe(50_000);
    expect(page?.omittedUntilMs).toBe(4_000_000_010_000);
  });

  it('reads the rows after a cursor by the index revoked_sessions_revoked_at', async () => {
    await database.client.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at, revoked_at)
       SELECT 'session', n::text, now() + n * interval '1 second', now() - n * interval '1 second'
         FROM generate_series(1, 20000) n`,
    );
    await database.client.query('ANALYZE good_job_console.revoked_sessions');
    const { rows } = await database.client.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT kind, key
         FROM good_job_console.revoked_sessions
        WHERE revoked_at > now() - interval '1 minute'
        ORDER BY expires_at DESC, id DESC
        LIMIT 50001`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(
      'revoked_sessions_revoked_at',
    );
  });
});

describe('createRevocationTable without write access', () => {
  it('reads rows but neither stores nor deletes any under READ_ONLY', async () => {
    await store.write([revocation('a')]);
    await database.client.query(
      `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at)
       VALUES ('session', 'expired', now() - interval '2 hours')`,
    );
    const readOnly = storeOn(database, true);
    expect(await readOnly.write([revocation('b')])).toBe('not_writable');
    expect(await storedKeys()).toEqual(['a', 'expired']);
    expect((await readOnly.read(null))?.rows.map(({ key }) => key)).toEqual(['a']);
  });

  it('detects the privileges of a role, for which the printed grants suffice', async () => {
    const role = `gjc_${crypto.randomUUID().slice(0, 8)}`;
    const url = new URL(database.url);
    await database.client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'`);
    url.username = role;
    url.password = 'secret';
    const db = openDatabase({ url: url.href, caFile: null, poolSize: 1, applicationName: 'test' });
    const restrictedStore = storeOn({ db });
    const detectAccess = async () => (await db.read(detectConsoleSchema)).revokedSessions;
    try {
      expect(await detectAccess()).toBe('none');
      expect(await restrictedStore.read(null)).toBeNull();
      expect(await restrictedStore.write([revocation('a')])).toBe('not_writable');
      await database.client.query(
        `GRANT USAGE ON SCHEMA good_job_console TO ${role};
         GRANT SELECT ON good_job_console.revoked_sessions TO ${role}`,
      );
      expect(await detectAccess()).toBe('read');
      expect(await restrictedStore.write([revocation('a')])).toBe('not_writable');
      await database.client.query(grantsFor('public', role).record.join('\n'));
      expect(await detectAccess()).toBe('write');
      await database.client.query(
        `INSERT INTO good_job_console.revoked_sessions (kind, key, expires_at)
         VALUES ('session', 'expired', now() - interval '2 hours')`,
      );
      expect(await restrictedStore.write([revocation('a')])).toBe('stored');
      expect(await storedKeys()).toEqual(['a']);
    } finally {
      await db.close();
      await database.client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  it('returns null and not_writable for the schema of an older release', async () => {
    const older = await TestConsole.open('revoked sessions, older');
    try {
      await older.client.query('DROP TABLE good_job_console.revoked_sessions');
      expect(await storeOn(older).read(null)).toBeNull();
      expect(await storeOn(older).write([revocation('a')])).toBe('not_writable');
      expect(await older.db.read(detectConsoleSchema)).toMatchObject({
        consoleSchema: true,
        bulkRuns: true,
        revokedSessions: 'none',
      });
    } finally {
      await older.close();
    }
  });

  it('returns not_writable if the table was dropped after its detection', async () => {
    const dropped = await TestConsole.open('revoked sessions, dropped');
    const failures: unknown[] = [];
    const storeWithOldDetection = createRevocationTable({
      db: dropped.db,
      detect: async () => ({ revokedSessions: 'write' }),
      detectAgainAfter: (error) => void failures.push(error),
      readOnly: false,
    });
    try {
      await dropped.client.query('DROP TABLE good_job_console.revoked_sessions');
      expect(await storeWithOldDetection.write([revocation('a')])).toBe('not_writable');
      expect(failures).toMatchObject([{ code: 'schema_changed' }]);
    } finally {
      await dropped.close();
    }
  });
});

it('the revocation table stores only digests and times', async () => {
  await store.write([revocation('a')]);
  const columns = await database.db.read((tx) =>
    tx.query(
      z.strictObject({ name: z.string() }),
      sql`SELECT column_name::text AS name
            FROM information_schema.columns
           WHERE table_name = 'revoked_sessions'
           ORDER BY 1`,
    ),
  );
  expect(columns.map(({ name }) => name)).toEqual([
    'expires_at',
    'id',
    'issued_until',
    'key',
    'kind',
    'revoked_at',
  ]);
});
