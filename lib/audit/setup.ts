import sql, { raw, type Sql } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { CONSOLE_SCHEMA } from './audit';
import { MIGRATIONS } from './migrations';

/** The key under which two runs of the set-up wait for each other; a name of our own, so that it meets no lock of GoodJob's. */
const LOCK_KEY = raw(`hashtextextended('${CONSOLE_SCHEMA}.schema_migrations', 0)`);
const VERSIONS_TABLE = raw(`"${CONSOLE_SCHEMA}"."schema_migrations"`);

const CREATE_SCHEMA = `CREATE SCHEMA IF NOT EXISTS "${CONSOLE_SCHEMA}"`;
const CREATE_VERSIONS_TABLE = `CREATE TABLE IF NOT EXISTS "${CONSOLE_SCHEMA}"."schema_migrations" (
  version integer PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)`;

export interface Migration {
  version: number;
  name: string;
  /** Statements without parameters, schema-qualified; they run in one transaction with their record. */
  statements: string;
}

export interface ConsoleSchemaSetUp {
  /** The migrations that this call ran, oldest first; empty when nothing was missing. */
  applied: Pick<Migration, 'version' | 'name'>[];
  /** The newest version in the schema now; higher than ours when a newer console has been here. */
  version: number;
}

/**
 * Brings the console's own schema up to date inside the caller's transaction: each migration once, two callers
 * one after the other. A schema that is up to date is only read, so a role without CREATE may call it too.
 * Throws the database's 42501 when something is missing and the role may not make it.
 */
export async function setUpConsoleSchema(
  tx: Tx,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<ConsoleSchemaSetUp> {
  await tx.query(sql`SELECT pg_advisory_xact_lock(${LOCK_KEY})`);
  // Looked up first: CREATE ... IF NOT EXISTS asks for the permission even when there is nothing to create.
  if (!(await exists(tx, sql`pg_catalog.pg_namespace n WHERE n.nspname = ${CONSOLE_SCHEMA}`)))
    await tx.query(sql`${raw(CREATE_SCHEMA)}`);
  const versionsTable = sql`pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${CONSOLE_SCHEMA} AND c.relname = 'schema_migrations'`;
  if (!(await exists(tx, versionsTable))) await tx.query(sql`${raw(CREATE_VERSIONS_TABLE)}`);

  const recorded = await tx.query<{ version: number }>(sql`SELECT version FROM ${VERSIONS_TABLE}`);
  const done = new Set(recorded.map((row) => row.version));
  const applied = [...migrations]
    .sort((a, b) => a.version - b.version)
    .filter(({ version }) => !done.has(version));
  for (const { version, name, statements } of applied) {
    await tx.query(sql`${raw(statements)}`);
    await tx.query(sql`INSERT INTO ${VERSIONS_TABLE} (version, name) VALUES (${version}, ${name})`);
  }
  return {
    applied: applied.map(({ version, name }) => ({ version, name })),
    version: Math.max(0, ...done, ...applied.map((migration) => migration.version)),
  };
}

async function exists(tx: Tx, from: Sql): Promise<boolean> {
  return (await tx.query(sql`SELECT 1 FROM ${from}`)).length > 0;
}

/** The same as a script for somebody who may create schemas and does not run Node: psql, a migration tool, a DBA. */
export function consoleSchemaScript(migrations: readonly Migration[] = MIGRATIONS): string {
  const steps = migrations.map(
    ({ version, name, statements }) => `DO $setup$ BEGIN
IF NOT EXISTS (SELECT 1 FROM "${CONSOLE_SCHEMA}"."schema_migrations" WHERE version = ${version}) THEN
${statements.replace(/^\s*\n/, '').trimEnd()}
      INSERT INTO "${CONSOLE_SCHEMA}"."schema_migrations" (version, name) VALUES (${version}, '${name.replaceAll("'", "''")}');
END IF;
END $setup$;`,
  );
  return [
    'BEGIN;',
    `SELECT pg_advisory_xact_lock(${LOCK_KEY.sql});`,
    `${CREATE_SCHEMA};`,
    `${CREATE_VERSIONS_TABLE};`,
    ...steps,
    'COMMIT;',
  ].join('\n');
}
