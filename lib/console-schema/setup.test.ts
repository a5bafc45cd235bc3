import pg from 'pg';
import sql, { raw } from 'sql-template-tag';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { goodJobDatabase } from '../../test/harness/good-job-database';
import { testDatabase } from '../../test/harness/test-server';
import { recordAudit } from '../audit/recorder';
import { ConsoleError } from '../core/errors';
import { type Database, openDatabase } from '../db/database';
import { detectSchema } from '../good-job/tables';
import {
  MIGRATIONS,
  type Migration,
  consoleSchemaScript,
  grantsFor,
  setUpConsoleSchema,
} from './setup';

const cleanUps: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

function open(url: string): Database {
  const db = openDatabase({ url, caFile: null, poolSize: 2, applicationName: 'test' });
  cleanUps.push(() => db.close());
  return db;
}

async function emptyDatabase(name: string): Promise<{ db: Database; url: string }> {
  const { url, drop } = await testDatabase(name);
  cleanUps.push(drop);
  return { db: open(url), url };
}

const columnRow = z.strictObject({
  relation: z.string(),
  kind: z.string(),
  column: z.string(),
  type: z.string(),
  notNull: z.boolean(),
});
const readColumns = (db: Database) =>
  db.read((tx) =>
    tx.query(
      columnRow,
      sql`
        SELECT c.relname::text AS relation, c.relkind::text AS kind, a.attname::text AS column,
               format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS "notNull"
          FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE n.nspname = 'good_job_console'
         ORDER BY 1, a.attnum`,
    ),
  );
const readVersions = (db: Database) =>
  db.read((tx) =>
    tx.query(
      z.strictObject({ version: z.number(), name: z.string() }),
      sql`SELECT version, name FROM good_job_console.schema_migrations ORDER BY version`,
    ),
  );

const extraMigrations: Migration[] = [
  ...MIGRATIONS,
  {
    version: 900,
    name: "another team's views",
    statements: `
      CREATE TABLE good_job_console.extra (id bigint);
      CREATE INDEX extra_id ON good_job_console.extra (id);`,
  },
];

describe('setUpConsoleSchema', () => {
  test('setUpConsoleSchema runs each migration once', async () => {
    const { db } = await emptyDatabase('set up');
    const allMigrations = MIGRATIONS.map(({ version, name }) => ({ version, name }));
    const newest = Math.max(...MIGRATIONS.map(({ version }) => version));
    expect(await db.write((tx) => setUpConsoleSchema(tx))).toEqual({
      applied: allMigrations,
      version: newest,
    });
    expect(await db.write((tx) => setUpConsoleSchema(tx))).toEqual({
      applied: [],
      version: newest,
    });
    expect(await db.write((tx) => setUpConsoleSchema(tx, extraMigrations))).toEqual({
      applied: [{ version: 900, name: "another team's views" }],
      version: 900,
    });
    // An older release does not change the schema of a newer one.
    expect(await db.write((tx) => setUpConsoleSchema(tx))).toEqual({ applied: [], version: 900 });
    expect(await readVersions(db)).toEqual([
      ...allMigrations,
      { version: 900, name: "another team's views" },
    ]);
    const event = {
      viewer: 'a',
      role: 'admin',
      requestId: 'r',
      action: 'job.retry' as const,
      targetType: 'job' as const,
      targetIds: [crypto.randomUUID()],
      counts: { done: 1 },
      details: {},
    };
    await db.write((tx) => recordAudit(tx, event));
  });

  test('applies the migrations once when several servers run it at the same time', async () => {
    const { db, url } = await emptyDatabase('set up twice');
    const otherDb = open(url);
    const results = await Promise.all(
      [db, otherDb, db, otherDb].map((each) => each.write((tx) => setUpConsoleSchema(tx))),
    );
    expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  });

  test('setUpConsoleSchema rolls back all migrations when one fails', async () => {
    const { db } = await emptyDatabase('set up broken');
    const broken = [
      ...MIGRATIONS,
      {
        version: 901,
        name: 'broken',
        statements: 'CREATE TABLE good_job_console.half (id bigint); SELECT nothing_of_that_name;',
      },
    ];
    await expect(db.write((tx) => setUpConsoleSchema(tx, broken))).rejects.toThrow(ConsoleError);
    expect(await readColumns(db)).toEqual([]);
  });

  test('setUpConsoleSchema needs the CREATE privilege only if a migration is missing', async () => {
    const { db, url } = await emptyDatabase('set up rights');
    const role = `gjc_${crypto.randomUUID().slice(0, 8)}`;
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    // Roles belong to the server and outlive the test database.
    cleanUps.push(async () => {
      await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await admin.end();
    });
    await admin.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'secret'; REVOKE ALL ON SCHEMA public FROM public`,
    );
    const login = new URL(url);
    login.username = role;
    login.password = 'secret';
    const restrictedDb = open(login.href);
    await expect(restrictedDb.write((tx) => setUpConsoleSchema(tx))).rejects.toMatchObject({
      code: 'no_permission',
    });
    await db.write((tx) => setUpConsoleSchema(tx));
    await admin.query(grantsFor('public', role).record.join('\n'));
    expect(await restrictedDb.write((tx) => setUpConsoleSchema(tx))).toMatchObject({ applied: [] });
  });
});

test('consoleSchemaScript creates the same schema and can run twice', async () => {
  const { db: byCode } = await emptyDatabase('by code');
  const { db: byScript, url } = await emptyDatabase('by script');
  await byCode.write((tx) => setUpConsoleSchema(tx, extraMigrations));
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(consoleSchemaScript(extraMigrations));
  await client.query(consoleSchemaScript(extraMigrations));
  await client.end();
  expect(await readColumns(byScript)).toEqual(await readColumns(byCode));
  expect(await readVersions(byScript)).toEqual(await readVersions(byCode));
  expect(await byScript.write((tx) => setUpConsoleSchema(tx, extraMigrations))).toMatchObject({
    applied: [],
  });
});

test('grantsFor grants the privileges that the startup check requires', async () => {
  const schema = 'Jobs "x"';
  const { url, drop } = await goodJobDatabase('grants', { schema });
  cleanUps.push(drop);
  const db = open(url);
  await db.write((tx) => setUpConsoleSchema(tx));
  const role = `gjc_${crypto.randomUUID().slice(0, 8)}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  cleanUps.push(async () => {
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await admin.end();
  });
  await admin.query(`CREATE ROLE ${role}`);
  const detectAsRole = () =>
    db.read(async (tx) => {
      await tx.execute(sql`SET LOCAL ROLE ${raw(role)}`);
      return detectSchema(tx, schema);
    });
  const { read, operate, record } = grantsFor(schema, role);
  expect((await detectAsRole()).problem).toBe('no_read_permission');
  await admin.query(read.join('\n'));
  expect(await detectAsRole()).toMatchObject({
    problem: null,
    tablesWithoutWrite: [
      'good_jobs',
      'good_job_executions',
      'good_job_batches',
      'good_job_settings',
    ],
  });
  await admin.query(operate.join('\n'));
  expect((await detectAsRole()).tablesWithoutWrite).toEqual([]);
  await admin.query(record.join('\n'));
  await admin.query(
    `SET ROLE ${role};
     INSERT INTO good_job_console.audit_events
       (viewer, role, request_id, action, target_type, target_ids, counts, details)
     VALUES ('a', 'b', 'c', 'd', 'job', '{}', '{}', '{}');
     RESET ROLE`,
  );
});
