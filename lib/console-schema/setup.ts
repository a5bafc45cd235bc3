import sql, { type Sql, raw } from 'sql-template-tag';
import { z } from 'zod';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import type { Tx } from '../db/database';
import { TABLES, type TableName, quoteIdentifier } from '../good-job/tables';

/**
 * Migrations of the console's own schema; `npm run setup` runs the missing ones. Never edit a
 * released migration: add another one.
 */
export const MIGRATIONS: { version: number; name: string; statements: string }[] = [
  {
    version: 1,
    name: 'audit events',
    statements: `
      CREATE TABLE good_job_console.audit_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        viewer text NOT NULL,
        role text NOT NULL,
        request_id text NOT NULL,
        action text NOT NULL,
        target_type text NOT NULL,
        target_ids uuid[] NOT NULL,
        counts jsonb NOT NULL,
        details jsonb NOT NULL
      );
      CREATE INDEX audit_events_created_at ON good_job_console.audit_events (created_at, id);
      CREATE INDEX audit_events_target_ids ON good_job_console.audit_events USING gin (target_ids);`,
  },
  {
    version: 2,
    name: 'bulk runs',
    statements: `
      CREATE TABLE good_job_console.bulk_runs (
        id uuid PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        viewer text NOT NULL,
        role text NOT NULL,
        request_id text NOT NULL,
        audit_id bigint,
        action text NOT NULL,
        scheduled_at timestamptz,
        target text NOT NULL,
        filter text,
        batch_id uuid,
        cut_off_at timestamptz NOT NULL,
        cut_off_txid bigint NOT NULL,
        expected bigint,
        expected_kind text NOT NULL,
        state text NOT NULL,
        pause_reason text,
        controlled_by text,
        collected boolean NOT NULL,
        collected_to_at timestamptz,
        collected_to_id uuid,
        pass smallint NOT NULL DEFAULT 1,
        counts jsonb NOT NULL DEFAULT '{}',
        active_ms bigint NOT NULL DEFAULT 0,
        finished_at timestamptz,
        lease_owner uuid,
        lease_expires_at timestamptz
      );
      CREATE INDEX bulk_runs_created_at ON good_job_console.bulk_runs (created_at, id);
      CREATE TABLE good_job_console.bulk_run_targets (
        run_id uuid NOT NULL,
        pass smallint NOT NULL,
        job_id uuid NOT NULL,
        PRIMARY KEY (run_id, pass, job_id)
      );
      CREATE TABLE good_job_console.bulk_run_samples (
        run_id uuid NOT NULL,
        job_id uuid NOT NULL,
        outcome text NOT NULL,
        code text,
        PRIMARY KEY (run_id, outcome, job_id)
      );`,
  },
  {
    version: 3,
    name: 'audit of named targets',
    statements: `
      ALTER TABLE good_job_console.audit_events ADD COLUMN target_name text;`,
  },
  {
    version: 4,
    name: 'parts of bulk runs',
    statements: `
      ALTER TABLE good_job_console.bulk_run_targets ADD COLUMN part smallint NOT NULL DEFAULT 0;
      ALTER TABLE good_job_console.bulk_run_targets DROP CONSTRAINT bulk_run_targets_pkey;
      ALTER TABLE good_job_console.bulk_run_targets ADD PRIMARY KEY (run_id, pass, part, job_id);`,
  },
  {
    version: 5,
    name: 'audit of reasons, outcomes and changes',
    // `outcome` is generated because bulk runs update `counts`; same rule as `outcomeOf` in
    // lib/audit.
    statements: `
      ALTER TABLE good_job_console.audit_events
        ADD COLUMN viewer_name text,
        ADD COLUMN viewer_email text,
        ADD COLUMN reason text,
        ADD COLUMN before jsonb,
        ADD COLUMN after jsonb,
        ADD COLUMN error text,
        ADD COLUMN refused boolean NOT NULL DEFAULT false;
      ALTER TABLE good_job_console.audit_events
        ADD COLUMN outcome text NOT NULL GENERATED ALWAYS AS (
          CASE
            WHEN refused THEN 'refused'
            WHEN error IS NOT NULL THEN 'failed'
            WHEN counts = '{}'::jsonb
              THEN CASE WHEN jsonb_exists(details, 'bulk_run') THEN 'started' ELSE 'done' END
            WHEN counts - 'done'::text = '{}'::jsonb THEN 'done'
            WHEN jsonb_exists(counts, 'done') THEN 'mixed'
            WHEN counts - 'refused'::text = '{}'::jsonb THEN 'refused'
            ELSE 'unchanged'
          END) STORED;
      CREATE INDEX audit_events_viewer ON good_job_console.audit_events (viewer, created_at, id);
      CREATE INDEX audit_events_action ON good_job_console.audit_events (action, created_at, id);
      CREATE INDEX audit_events_outcome ON good_job_console.audit_events (outcome, created_at, id);
      CREATE INDEX audit_events_target_name
        ON good_job_console.audit_events (target_name, created_at, id)
        WHERE target_name IS NOT NULL;
      CREATE INDEX audit_events_request_id ON good_job_console.audit_events (request_id);
      CREATE INDEX bulk_run_samples_job_id ON good_job_console.bulk_run_samples (job_id);`,
  },
  {
    version: 6,
    name: 'revoked sessions',
    statements: `
      CREATE TABLE good_job_console.revoked_sessions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        key text NOT NULL,
        expires_at timestamptz NOT NULL,
        issued_until timestamptz,
        revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE INDEX revoked_sessions_revoked_at ON good_job_console.revoked_sessions (revoked_at);
      CREATE INDEX revoked_sessions_expires_at ON good_job_console.revoked_sessions (expires_at);
      CREATE UNIQUE INDEX revoked_sessions_logout_token ON good_job_console.revoked_sessions (key)
        WHERE kind = 'logout_token';`,
  },
  {
    version: 7,
    name: 'adoption of bulk runs',
    statements: `
      CREATE TABLE good_job_console.bulk_run_adoptions (
        run_id uuid PRIMARY KEY,
        count smallint NOT NULL,
        progress text NOT NULL,
        adopted_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE INDEX bulk_runs_running ON good_job_console.bulk_runs (created_at, id)
        WHERE state = 'running';`,
  },
  {
    version: 8,
    name: 'ends of pauses',
    statements: `
      CREATE TABLE good_job_console.pause_ends (
        kind text NOT NULL,
        name text NOT NULL,
        ends_at timestamptz NOT NULL,
        setting_version text NOT NULL,
        viewer text NOT NULL,
        set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        lease_owner uuid,
        lease_expires_at timestamptz,
        PRIMARY KEY (kind, name)
      );
      CREATE INDEX pause_ends_ends_at ON good_job_console.pause_ends (ends_at);`,
  },
  {
    version: 9,
    name: 'retried jobs of bulk runs',
    statements: `
      CREATE TABLE good_job_console.bulk_run_retries (
        run_id uuid NOT NULL,
        job_id uuid NOT NULL,
        retried_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (run_id, job_id)
      );
      CREATE INDEX bulk_run_retries_retried_at ON good_job_console.bulk_run_retries (retried_at);`,
  },
];

/**
 * Advisory lock key that serializes concurrent set-ups. Hashed from our own name, so that it
 * differs from GoodJob's lock keys.
 */
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
  /** Schema-qualified statements without parameters. */
  statements: string;
}

interface SetUpResult {
  /** The migrations that this call ran, oldest first. */
  applied: Pick<Migration, 'version' | 'name'>[];
  /**
   * The newest version in the schema; higher than in MIGRATIONS if a newer release has set it up.
   */
  version: number;
}

const versionRow = z.strictObject({ version: z.number() });

/**
 * Applies the missing migrations in the caller's transaction; concurrent callers wait for each
 * other. A role without CREATE can call it for an up-to-date schema; otherwise it throws
 * ConsoleError `no_permission`.
 */
export async function setUpConsoleSchema(
  tx: Tx,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<SetUpResult> {
  await tx.execute(sql`SELECT pg_advisory_xact_lock(${LOCK_KEY})`);
  // Checked first, because CREATE ... IF NOT EXISTS requires the privilege even if the object
  // exists.
  if (!(await exists(tx, sql`pg_catalog.pg_namespace n WHERE n.nspname = ${CONSOLE_SCHEMA}`)))
    await tx.execute(raw(CREATE_SCHEMA));
  const versionsTable = sql`pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname = ${CONSOLE_SCHEMA} AND c.relname = 'schema_migrations'`;
  if (!(await exists(tx, versionsTable))) await tx.execute(raw(CREATE_VERSIONS_TABLE));

  const rows = await tx.query(versionRow, sql`SELECT version FROM ${VERSIONS_TABLE}`);
  const existingVersions = new Set(rows.map((row) => row.version));
  const applied = [...migrations]
    .sort((a, b) => a.version - b.version)
    .filter(({ version }) => !existingVersions.has(version));
  for (const { version, name, statements } of applied) {
    await tx.execute(raw(statements));
    await tx.execute(
      sql`INSERT INTO ${VERSIONS_TABLE} (version, name) VALUES (${version}, ${name})`,
    );
  }
  return {
    applied: applied.map(({ version, name }) => ({ version, name })),
    version: Math.max(0, ...existingVersions, ...applied.map((migration) => migration.version)),
  };
}

const existsRow = z.strictObject({ exists: z.boolean() });

/** Whether a FROM clause with its conditions matches a row. */
async function exists(tx: Tx, from: Sql): Promise<boolean> {
  const [row] = await tx.query(existsRow, sql`SELECT EXISTS (SELECT 1 FROM ${from}) AS exists`);
  return row?.exists === true;
}

/** Returns `setUpConsoleSchema` as an SQL script, for psql or another migration tool. */
export function consoleSchemaScript(migrations: readonly Migration[] = MIGRATIONS): string {
  const table = VERSIONS_TABLE.sql;
  const steps = migrations.map(({ version, name, statements }) => {
    const values = `${version}, '${name.replaceAll("'", "''")}'`;
    return `DO $setup$ BEGIN
IF NOT EXISTS (SELECT 1 FROM ${table} WHERE version = ${version}) THEN
${statements.replace(/^\s*\n/, '').trimEnd()}
      INSERT INTO ${table} (version, name) VALUES (${values});
END IF;
END $setup$;`;
  });
  return [
    'BEGIN;',
    `SELECT pg_advisory_xact_lock(${LOCK_KEY.sql});`,
    `${CREATE_SCHEMA};`,
    `${CREATE_VERSIONS_TABLE};`,
    ...steps,
    'COMMIT;',
  ].join('\n');
}

/** Privileges that actions need besides SELECT; lib/good-job/tables.ts checks the same ones. */
const WRITE_PRIVILEGES: [privileges: string, table: TableName][] = [
  ['INSERT, UPDATE, DELETE', 'good_jobs'],
  ['UPDATE', 'good_job_batches'],
  ['DELETE', 'good_job_executions'],
  ['INSERT, UPDATE', 'good_job_settings'],
];

interface Grants {
  /** Sufficient for READ_ONLY=1. */
  read: string[];
  /** Needed in addition for actions on jobs, batches, pauses and cron entries. */
  operate: string[];
  /**
   * Privileges on the console's own schema. Audit records are append-only except for `counts`,
   * which bulk runs update. Identity columns need no grant on their sequence.
   */
  record: string[];
}

/** Returns the GRANT statements for the console's role; `schema` contains GoodJob's tables. */
export function grantsFor(schema: string, role: string): Grants {
  const to = `TO ${quoteIdentifier(role)};`;
  const table = (name: TableName) => `${quoteIdentifier(schema)}.${name}`;
  const ownTables = (...names: string[]) =>
    names.map((name) => `${CONSOLE_SCHEMA}.${name}`).join(', ');
  return {
    read: [
      `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} ${to}`,
      `GRANT SELECT ON ${TABLES.map(table).join(', ')} ${to}`,
    ],
    operate: WRITE_PRIVILEGES.map(
      ([privileges, name]) => `GRANT ${privileges} ON ${table(name)} ${to}`,
    ),
    record: [
      `GRANT USAGE ON SCHEMA ${CONSOLE_SCHEMA} ${to}`,
      `GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ${CONSOLE_SCHEMA} ${to}`,
      `GRANT UPDATE (counts) ON ${CONSOLE_SCHEMA}.audit_events ${to}`,
      `GRANT UPDATE ON ${ownTables('bulk_runs', 'bulk_run_targets', 'bulk_run_adoptions')} ${to}`,
      `GRANT UPDATE, DELETE ON ${ownTables('pause_ends')} ${to}`,
      `GRANT DELETE ON ${ownTables('bulk_run_targets', 'revoked_sessions')} ${to}`,
      `GRANT DELETE ON ${ownTables('bulk_run_retries')} ${to}`,
    ],
  };
}

export interface DetectedConsoleSchema {
  /** The audit table exists with all columns, and the role can write it. */
  consoleSchema: boolean;
  /** A table exists but lacks columns, so `npm run setup` must run again. */
  consoleSchemaOutdated: boolean;
  /** The tables of bulk runs exist (version 2), and the role can write them. */
  bulkRuns: boolean;
  /** Access to the table of revoked sessions (version 6); `none` also if it does not exist. */
  revokedSessions: 'none' | 'read' | 'write';
  /** Access to the table of ends of pauses (version 8); `none` also if it does not exist. */
  pauseEnds: 'none' | 'read' | 'write';
}

/** A table of the console's own schema and the role's privileges on it. */
const ownTableRow = z.strictObject({
  name: z.string(),
  canSelect: z.boolean(),
  /** INSERT and SELECT. */
  canInsert: z.boolean(),
  canUpdate: z.boolean(),
  canDelete: z.boolean(),
  /** Has the columns of the newest version. */
  isCurrent: z.boolean(),
});

/** Detects the tables of the console's own schema and the role's privileges on them. */
export async function detectConsoleSchema(tx: Tx): Promise<DetectedConsoleSchema> {
  const tables = await tx.query(
    ownTableRow,
    sql`
      SELECT c.relname::text AS name,
             has_table_privilege(c.oid, 'SELECT') AS "canSelect",
             has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
               AS "canInsert",
             has_any_column_privilege(c.oid, 'UPDATE') AS "canUpdate",
             has_table_privilege(c.oid, 'DELETE') AS "canDelete",
             c.relname NOT IN ('audit_events', 'bulk_run_targets')
               OR EXISTS (
                 SELECT 1
                   FROM pg_catalog.pg_attribute a
                  WHERE a.attrelid = c.oid
                    AND a.attname IN ('outcome', 'part')
                    AND NOT a.attisdropped) AS "isCurrent"
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${CONSOLE_SCHEMA}
         AND has_schema_privilege(n.oid, 'USAGE')
         AND c.relname IN (
               'audit_events', 'bulk_runs', 'bulk_run_targets', 'bulk_run_samples',
               'revoked_sessions', 'pause_ends')`,
  );
  const isWritable = (name: string, ...privileges: ('canUpdate' | 'canDelete')[]) =>
    tables.some(
      (table) =>
        table.name === name &&
        table.isCurrent &&
        table.canInsert &&
        privileges.every((privilege) => table[privilege]),
    );
  const accessTo = (name: string, isWritten: boolean) => {
    if (isWritten) return 'write';
    return tables.some((table) => table.name === name && table.canSelect) ? 'read' : 'none';
  };
  return {
    consoleSchema: isWritable('audit_events'),
    consoleSchemaOutdated: tables.some(({ isCurrent }) => !isCurrent),
    bulkRuns:
      isWritable('audit_events', 'canUpdate') &&
      isWritable('bulk_runs', 'canUpdate') &&
      isWritable('bulk_run_targets', 'canUpdate', 'canDelete') &&
      isWritable('bulk_run_samples'),
    revokedSessions: accessTo('revoked_sessions', isWritable('revoked_sessions')),
    pauseEnds: accessTo('pause_ends', isWritable('pause_ends', 'canUpdate', 'canDelete')),
  };
}
