import { createHash } from 'node:crypto';
import sql from 'sql-template-tag';
import type { Tx } from '../db/database';

export const TABLES = [
  'good_jobs',
  'good_job_executions',
  'good_job_batches',
  'good_job_processes',
  'good_job_settings',
] as const;
export type TableName = (typeof TABLES)[number];

export interface Column {
  name: string;
  /** Postgres' own name of the type, e.g. `timestamp(6) without time zone`. */
  type: string;
}

/** A GoodJob update migration that this database has not run, and what it would bring. */
export interface MissingMigration {
  /** The migration's name in the app's `db/migrate`, without its number. */
  migration: string;
  /** The table column or the index that is not there. */
  missing: string;
  /** The GoodJob release that brought it. */
  since: string;
  kind: 'column' | 'index';
}

export interface DetectedSchema {
  /** Opaque: the same for the same database and schema with the same tables, whoever detected them. The scope of caches. */
  identity: string;
  name: string;
  /** What stands in the way of showing anything; null when the tables are those of a GoodJob 4. */
  problem: 'no_schema' | 'no_tables' | 'good_job_3' | 'no_read_permission' | null;
  /** Each table's columns in the table's own order; empty for a table that is missing. */
  columns: Record<TableName, Column[]>;
  missingMigrations: MissingMigration[];
  /** Tables on which the console's role lacks UPDATE or what else an action needs; empty: it may write. */
  tablesWithoutWrite: TableName[];
  tablesWithoutRead: TableName[];
  role: string;
  serverVersion: string;
  /** The server refuses writes: a standby, or `default_transaction_read_only`. */
  serverReadOnly: boolean;
  /** A hot standby: its `pg_locks` lacks the primary's advisory locks. */
  isStandby: boolean;
}

/**
 * GoodJob's update migrations since 4.0 (lib/generators/good_job/templates/update/migrations), oldest first.
 * An index is known by its columns and its whole predicate, not by its name: teams rename them, or build them by hand,
 * and one for a part of the rows alone (that of the locked, or of the discarded) does not stand for the other.
 */
const MIGRATIONS: (MissingMigration & {
  table: TableName;
  index?: { leading: string[]; where: string };
})[] = [
  column('add_jobs_finished_at_to_good_job_batches', 'good_job_batches', 'jobs_finished_at', '4.3'),
  index(
    'add_index_good_jobs_concurrency_key_created_at',
    ['concurrency_key', 'created_at'],
    '',
    '4.9',
  ),
  index('add_index_good_jobs_job_class', ['job_class'], '', '4.12'),
  index(
    'add_index_good_jobs_finished_at_for_cleanup',
    ['finished_at'],
    'finished_at IS NOT NULL',
    '4.13',
  ),
  column('add_lock_type_to_good_jobs', 'good_jobs', 'lock_type', '4.15'),
  index(
    'add_index_good_jobs_for_candidate_dequeue_unlocked',
    ['priority', 'scheduled_at', 'id'],
    'finished_at IS NULL AND locked_by_id IS NULL',
    '4.15',
  ),
  index(
    'add_index_good_jobs_priority_scheduled_at',
    ['priority', 'scheduled_at', 'id'],
    'finished_at IS NULL',
    '4.15',
  ),
  index(
    'add_index_good_jobs_priority_scheduled_at',
    ['queue_name', 'scheduled_at', 'id'],
    'finished_at IS NULL',
    '4.15',
  ),
  index('add_index_good_jobs_queue_name', ['queue_name'], '', '4.18'),
  index('add_index_good_jobs_created_at', ['created_at'], '', '4.18'),
  index(
    'add_index_good_jobs_discarded',
    ['finished_at'],
    'finished_at IS NOT NULL AND error IS NOT NULL',
    '4.18',
  ),
  index(
    'add_index_good_jobs_scheduled_at_and_queue_name',
    ['scheduled_at', 'queue_name'],
    '',
    '4.18',
  ),
  index(
    'add_index_good_jobs_on_unfinished_or_errored',
    ['id'],
    'finished_at IS NULL OR error IS NOT NULL',
    '4.18',
  ),
];

function column(migration: string, table: TableName, name: string, since: string) {
  return { migration, table, missing: `${table}.${name}`, since, kind: 'column' as const };
}
function index(migration: string, leading: string[], where: string, since: string) {
  const table: TableName = 'good_jobs';
  return {
    migration,
    table,
    missing: `${table} (${leading.join(', ')})`,
    since,
    kind: 'index' as const,
    index: { leading, where },
  };
}

interface IndexRow {
  columns: string[];
  predicate: string | null;
  valid: boolean;
}

interface ColumnRow extends Column {
  table: TableName;
  readable: boolean;
  writable: boolean;
}

/** What the catalogue says; lists are JSON text. */
interface CatalogueRow {
  database: string;
  role: string;
  version: string;
  recovery: boolean;
  readonly: string;
  schema: boolean;
  usage: boolean | null;
  columns: string;
  indexes: string;
}

/** One statement: without `npm run setup`, on a standby or with a read-only role it runs every two seconds. */
async function readCatalogue(tx: Tx, name: string): Promise<CatalogueRow> {
  const columns = sql`
    SELECT c.relname::text AS table, a.attname::text AS name,
           format_type(a.atttypid, a.atttypmod) AS type,
           has_table_privilege(c.oid, 'SELECT') AS readable,
           CASE c.relname
             WHEN 'good_jobs' THEN has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
             WHEN 'good_job_batches' THEN has_table_privilege(c.oid, 'UPDATE')
             WHEN 'good_job_executions' THEN has_table_privilege(c.oid, 'DELETE')
             WHEN 'good_job_settings' THEN has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'UPDATE')
             ELSE true END AS writable
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_attribute a
        ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = n.oid AND c.relname = ANY(${[...TABLES]})
       AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     ORDER BY c.relname, a.attnum`;
  const indexes = sql`
    SELECT ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true)
                   FROM generate_series(1, i.indnkeyatts) k) AS columns,
           pg_get_expr(i.indpred, i.indrelid) AS predicate, i.indisvalid AS valid
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
      JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
      JOIN pg_catalog.pg_am m ON m.oid = x.relam
     WHERE c.relnamespace = n.oid AND c.relname = 'good_jobs' AND m.amname = 'btree'`;
  const [row] = await tx.query<CatalogueRow>(sql`
    SELECT d.oid || ' ' || d.datname AS database, current_user::text AS role,
           current_setting('server_version') AS version, pg_is_in_recovery() AS recovery,
           current_setting('default_transaction_read_only') AS readonly,
           n.oid IS NOT NULL AS schema, has_schema_privilege(n.oid, 'USAGE') AS usage,
           (SELECT coalesce(json_agg(r), '[]') FROM (${columns}) r)::text AS columns,
           (SELECT coalesce(json_agg(r), '[]') FROM (${indexes}) r)::text AS indexes
      FROM pg_catalog.pg_database d
      LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = ${name}
     WHERE d.datname = current_database()`);
  if (!row) throw new Error('pg_database has no row of the current database.');
  return row;
}

/**
 * Reads the catalogue: which GoodJob tables, columns and indexes this database has and what its role may do.
 * Reads nothing but the catalogue, so it works without any grant; throws only when the database cannot be asked.
 */
export async function detectSchema(tx: Tx, name: string): Promise<DetectedSchema> {
  const server = await readCatalogue(tx, name);
  const columnRows = JSON.parse(server.columns) as ColumnRow[];
  const indexes = JSON.parse(server.indexes) as IndexRow[];

  const columns = Object.fromEntries(TABLES.map((table) => [table, [] as Column[]])) as Record<
    TableName,
    Column[]
  >;
  for (const row of columnRows) columns[row.table].push({ name: row.name, type: row.type });
  const tablesWith = (lacking: (row: (typeof columnRows)[number]) => boolean) =>
    TABLES.filter((table) => columnRows.some((row) => row.table === table && lacking(row)));
  const tablesWithoutRead =
    server.usage === false ? [...TABLES] : tablesWith((row) => !row.readable);
  const tablesWithoutWrite =
    server.usage === false ? [...TABLES] : tablesWith((row) => !row.writable);

  const hasJobs = columns.good_jobs.length > 0;
  const problem: DetectedSchema['problem'] = !server.schema
    ? 'no_schema'
    : !hasJobs
      ? 'no_tables'
      : // GoodJob 4.0 requires every migration of 3.99, whose last ones bring these; without them its rules do not hold.
        !columns.good_jobs.some((c) => c.name === 'locked_by_id') ||
          TABLES.some((table) => columns[table].length === 0)
        ? 'good_job_3'
        : tablesWithoutRead.length > 0
          ? 'no_read_permission'
          : null;

  const detected: Omit<DetectedSchema, 'identity'> = {
    name,
    problem,
    columns,
    missingMigrations:
      problem === 'no_schema' || problem === 'no_tables' ? [] : missingMigrations(columns, indexes),
    tablesWithoutWrite,
    tablesWithoutRead,
    role: server.role,
    serverVersion: server.version,
    serverReadOnly: server.recovery || server.readonly === 'on',
    isStandby: server.recovery,
  };
  return { identity: identityOf(server.database, detected), ...detected };
}

/** Its content decides: a migration begins a new scope of caches, another detection of the same tables does not. */
function identityOf(database: string, detected: Omit<DetectedSchema, 'identity'>): string {
  const content = JSON.stringify([database, detected]);
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}

/** A predicate as Postgres prints it, or as it is written above, without its parentheses and in one order. */
function plain(predicate: string): string {
  const parts = predicate
    .replace(/[()]/g, '')
    .split(' AND ')
    .map((part) => part.split(' OR ').sort().join(' OR '));
  return parts.sort().join(' AND ');
}

function missingMigrations(
  columns: DetectedSchema['columns'],
  indexes: IndexRow[],
): MissingMigration[] {
  const present = (m: (typeof MIGRATIONS)[number]) => {
    if (!m.index) return columns[m.table].some((c) => `${m.table}.${c.name}` === m.missing);
    const { leading, where } = m.index;
    return indexes.some(
      (i) =>
        i.valid &&
        leading.every((name, n) => i.columns[n]?.replace(/ (DESC|ASC|NULLS \w+)/g, '') === name) &&
        plain(i.predicate ?? '') === plain(where),
    );
  };
  const found = new Map<string, MissingMigration>();
  for (const { migration, missing, since, kind } of MIGRATIONS.filter((m) => !present(m))) {
    const sameMigration = found.get(migration);
    found.set(migration, {
      migration,
      missing: sameMigration ? `${sameMigration.missing}, ${missing}` : missing,
      since,
      kind,
    });
  }
  return [...found.values()];
}
