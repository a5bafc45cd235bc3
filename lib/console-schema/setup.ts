import sql, { type Sql, raw } from 'sql-template-tag';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import type { Tx } from '../db/database';
import { TABLES, type TableName } from '../good-job/schema';
import { quoteIdentifier } from '../good-job/tables';
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

/** What the actions need on top of reading; lib/good-job/schema.ts looks for the same privileges at start. */
const WRITES: [privileges: string, table: TableName][] = [
  ['INSERT, UPDATE, DELETE', 'good_jobs'],
  ['UPDATE', 'good_job_batches'],
  ['DELETE', 'good_job_executions'],
  ['INSERT, UPDATE', 'good_job_settings'],
];

export interface Grants {
  /** Enough to look at everything (READ_ONLY=1). */
  read: string[];
  /** On top of `read`: retry, discard, reschedule, pause, … */
  operate: string[];
  /**
   * On the console's own schema, for either. An identity column needs no grant on its sequence. Of an audit record
   * only the counts may change: those of a bulk run grow with it.
   */
  record: string[];
}

/** The GRANT statements for the role that the console connects as. `schema` is the one that holds GoodJob's tables. */
export function grantsFor(schema: string, role: string): Grants {
  const to = `TO ${quoteIdentifier(role)};`;
  const table = (name: TableName) => `${quoteIdentifier(schema)}.${name}`;
  return {
    read: [
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} ${to}`,
      `GRANT SELECT ON ${TABLES.map(table).join(', ')} ${to}`,
    ],
    operate: WRITES.map(([privileges, name]) => `GRANT ${privileges} ON ${table(name)} ${to}`),
    record: [
      `GRANT USAGE ON SCHEMA ${CONSOLE_SCHEMA} ${to}`,
      `GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ${CONSOLE_SCHEMA} ${to}`,
      `GRANT UPDATE (counts) ON ${CONSOLE_SCHEMA}.audit_events ${to}`,
      `GRANT UPDATE ON ${CONSOLE_SCHEMA}.bulk_runs, ${CONSOLE_SCHEMA}.bulk_run_targets, ${CONSOLE_SCHEMA}.bulk_run_adoptions ${to}`,
      `GRANT DELETE ON ${CONSOLE_SCHEMA}.bulk_run_targets, ${CONSOLE_SCHEMA}.revoked_sessions ${to}`,
    ],
  };
}

export interface DetectedConsoleSchema {
  /** The console's own schema is there, up to date for the audit, and may be written. */
  consoleSchema: boolean;
  /** It is there and lacks what the audit has come to need: `npm run setup` is to be run again. */
  consoleSchemaOutdated: boolean;
  /** It also has the tables of bulk runs (its version 2), and they may be written. */
  bulkRuns: boolean;
  /** What the role may do with the table of revoked sessions (its version 6); `none`: it is not there, or is hidden. */
  revokedSessions: 'none' | 'read' | 'write';
}

/** What of the console's own schema is there, up to date, with the privileges that lib/console-schema/setup.ts asks for. */
export async function detectConsoleSchema(tx: Tx): Promise<DetectedConsoleSchema> {
  const tables = await tx.query<{
    name: string;
    read: boolean;
    record: boolean;
    update: boolean;
    remove: boolean;
    current: boolean;
  }>(sql`
    SELECT c.relname::text AS name, has_table_privilege(c.oid, 'SELECT') AS read,
           has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AS record,
           has_any_column_privilege(c.oid, 'UPDATE') AS update, has_table_privilege(c.oid, 'DELETE') AS remove,
           c.relname NOT IN ('audit_events', 'bulk_run_targets') OR EXISTS (
             SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('outcome', 'part') AND NOT a.attisdropped) AS current
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${CONSOLE_SCHEMA} AND has_schema_privilege(n.oid, 'USAGE')
       AND c.relname IN ('audit_events', 'bulk_runs', 'bulk_run_targets', 'bulk_run_samples', 'revoked_sessions')`);
  const may = (name: string, ...also: ('update' | 'remove')[]) =>
    tables.some(
      (table) =>
        table.name === name &&
        table.current &&
        table.record &&
        also.every((privilege) => table[privilege]),
    );
  const revocations = tables.find(({ name }) => name === 'revoked_sessions');
  const readable = revocations?.read ? 'read' : 'none';
  return {
    consoleSchema: may('audit_events'),
    consoleSchemaOutdated: tables.some(({ current }) => !current),
    bulkRuns:
      may('audit_events', 'update') &&
      may('bulk_runs', 'update') &&
      may('bulk_run_targets', 'update', 'remove') &&
      may('bulk_run_samples'),
    revokedSessions: revocations?.record ? 'write' : readable,
  };
}
