import { createHash } from 'node:crypto';
import sql, { raw, type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { processValue } from '../core/process-state';
import type { Tx } from '../db/database';
import { secondsBetween } from '../db/text-limit';
import type { JobState } from './types';

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
  /** Postgres' name of the type, such as `timestamp(6) without time zone`. */
  type: string;
}

/** A GoodJob update migration that this database has not run. */
export interface MissingMigration {
  /** The name in the app's `db/migrate`, without its number. */
  migration: string;
  /** The missing column or index. */
  missing: string;
  /** The GoodJob release that added it. */
  since: string;
  kind: 'column' | 'index';
}

/** A row from which only the id is read. */
export const idRow = z.strictObject({ id: z.string() });

export interface DetectedSchema {
  /** A hash that is equal for equal tables of the same database; the scope of caches. */
  identity: string;
  name: string;
  /** Why the console cannot work with these tables; null if they are GoodJob 4's. */
  problem: 'no_schema' | 'no_tables' | 'good_job_3' | 'no_read_permission' | null;
  /** Columns in table order; empty for a missing table. */
  columns: Record<TableName, Column[]>;
  missingMigrations: MissingMigration[];
  /** Tables on which the console's role lacks a privilege that an action needs. */
  tablesWithoutWrite: TableName[];
  tablesWithoutRead: TableName[];
  role: string;
  serverVersion: string;
  /** The server refuses writes: a standby, or `default_transaction_read_only`. */
  serverReadOnly: boolean;
  /** A hot standby: its `pg_locks` lacks the primary's advisory locks. */
  isStandby: boolean;
}

/** Settings of the Rails app that its tables do not contain. */
export interface AppSettings {
  /** App name in GlobalIDs (`gid://<app>/…`); null to read it from stored callback jobs. */
  appName: string | null;
  /** The app's `I18n.default_locale`, for a job without `locale`; never the operator's language. */
  locale: string;
  /** The app's `Time.zone`, for a job without `timezone`. */
  timeZone: string;
  /** `config.good_job.dequeue_query_sort`; with `created_at`, a retry sets `created_at` to now. */
  dequeueQuerySort: 'created_at' | 'scheduled_at';
}

/** GoodJob's tables in this database: qualified names, and NULL for a missing column. */
export class GoodJobTables {
  readonly jobs: Sql;
  readonly executions: Sql;
  readonly batches: Sql;
  readonly processes: Sql;
  readonly settings: Sql;

  constructor(
    readonly schema: DetectedSchema,
    readonly app: AppSettings,
  ) {
    const table = (name: TableName) =>
      raw(`${quoteIdentifier(schema.name)}.${quoteIdentifier(name)}`);
    this.jobs = table('good_jobs');
    this.executions = table('good_job_executions');
    this.batches = table('good_job_batches');
    this.processes = table('good_job_processes');
    this.settings = table('good_job_settings');
  }

  has(table: TableName, column: string): boolean {
    return this.schema.columns[table].some(({ name }) => name === column);
  }

  /**
   * The column, or a typed NULL if this schema lacks it. `alias` is the table's alias in the query.
   */
  column(table: TableName, alias: string, column: string, type: string): Sql {
    return raw(this.has(table, column) ? `${alias}.${quoteIdentifier(column)}` : `NULL::${type}`);
  }

  /** Before GoodJob 4.3, `finished_at` had the meaning of `jobs_finished_at`. */
  get jobsFinishedAt(): Sql {
    return raw(
      this.has('good_job_batches', 'jobs_finished_at') ? 'jobs_finished_at' : 'finished_at',
    );
  }
}

/** A Postgres identifier in double quotes. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * GoodJob's update migrations since 4.0 (lib/generators/good_job/templates/update/migrations),
 * oldest first. Indexes are matched by columns and predicate, because teams rename them or build
 * them by hand.
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

/** Whether the database has the index that this migration of GoodJob adds. */
export function hasIndex(tables: GoodJobTables, migration: `add_index_${string}`): boolean {
  return !tables.schema.missingMigrations.some((missing) => missing.migration === migration);
}

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

const indexRow = z.strictObject({
  columns: z.array(z.string()),
  /** The predicate of a partial index. */
  predicate: z.string().nullable(),
  valid: z.boolean(),
});
type IndexRow = z.infer<typeof indexRow>;

const columnRow = z.strictObject({
  table: z.enum(TABLES),
  name: z.string(),
  type: z.string(),
  readable: z.boolean(),
  writable: z.boolean(),
});
type ColumnRow = z.infer<typeof columnRow>;

const catalogRow = z.strictObject({
  database: z.string(),
  role: z.string(),
  version: z.string(),
  /** The server is a hot standby. */
  recovery: z.boolean(),
  /** `on` or `off`. */
  readonly: z.string(),
  /** The schema exists. */
  schema: z.boolean(),
  /** The role has USAGE on the schema; null if it does not exist. */
  usage: z.boolean().nullable(),
  /** JSON arrays of `columnRow` and `indexRow`. */
  columns: z.string(),
  indexes: z.string(),
});
type CatalogRow = z.infer<typeof catalogRow>;

/** A single statement, because it runs every two seconds while a problem persists. */
async function readCatalog(tx: Tx, name: string): Promise<CatalogRow> {
  const columns = sql`
    SELECT c.relname::text AS table, a.attname::text AS name,
           format_type(a.atttypid, a.atttypmod) AS type,
           has_table_privilege(c.oid, 'SELECT') AS readable,
           CASE c.relname
             WHEN 'good_jobs' THEN has_table_privilege(c.oid, 'INSERT')
               AND has_table_privilege(c.oid, 'UPDATE')
               AND has_table_privilege(c.oid, 'DELETE')
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
  const [row] = await tx.query(
    catalogRow,
    sql`
      SELECT d.oid || ' ' || d.datname AS database, current_user::text AS role,
             current_setting('server_version') AS version, pg_is_in_recovery() AS recovery,
             current_setting('default_transaction_read_only') AS readonly,
             n.oid IS NOT NULL AS schema, has_schema_privilege(n.oid, 'USAGE') AS usage,
             (SELECT coalesce(json_agg(r), '[]') FROM (${columns}) r)::text AS columns,
             (SELECT coalesce(json_agg(r), '[]') FROM (${indexes}) r)::text AS indexes
        FROM pg_catalog.pg_database d
        LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = ${name}
       WHERE d.datname = current_database()`,
  );
  if (!row) throw new Error('pg_database has no row of the current database.');
  return row;
}

/**
 * Detects the GoodJob tables, columns and indexes of the schema `name` and the privileges of the
 * role. Reads only the catalog, so it needs no grant; throws only if the query fails.
 */
export async function detectSchema(tx: Tx, name: string): Promise<DetectedSchema> {
  const server = await readCatalog(tx, name);
  const columnRows = z.array(columnRow).parse(JSON.parse(server.columns));
  const indexes = z.array(indexRow).parse(JSON.parse(server.indexes));

  const columns: Record<TableName, Column[]> = {
    good_jobs: [],
    good_job_executions: [],
    good_job_batches: [],
    good_job_processes: [],
    good_job_settings: [],
  };
  for (const row of columnRows) columns[row.table].push({ name: row.name, type: row.type });
  const tablesWhere = (condition: (row: ColumnRow) => boolean) =>
    TABLES.filter((table) => columnRows.some((row) => row.table === table && condition(row)));
  const tablesWithoutRead =
    server.usage === false ? [...TABLES] : tablesWhere((row) => !row.readable);
  const tablesWithoutWrite =
    server.usage === false ? [...TABLES] : tablesWhere((row) => !row.writable);

  const problem = schemaProblem(server, columns, tablesWithoutRead);

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

function schemaProblem(
  server: CatalogRow,
  columns: DetectedSchema['columns'],
  tablesWithoutRead: TableName[],
): DetectedSchema['problem'] {
  if (!server.schema) return 'no_schema';
  if (columns.good_jobs.length === 0) return 'no_tables';
  // GoodJob 4.0 requires the last migrations of 3.99, which add this column and the other tables.
  const isGoodJob3 =
    !columns.good_jobs.some((c) => c.name === 'locked_by_id') ||
    TABLES.some((table) => columns[table].length === 0);
  if (isGoodJob3) return 'good_job_3';
  return tablesWithoutRead.length > 0 ? 'no_read_permission' : null;
}

/** A hash of the content, so that a migration starts a new scope of caches. */
function identityOf(database: string, detected: Omit<DetectedSchema, 'identity'>): string {
  const content = JSON.stringify([database, detected]);
  return createHash('sha256').update(content).digest('base64url').slice(0, 22);
}

/**
 * A predicate without parentheses and with its terms sorted, to compare it with Postgres' output.
 */
function normalizePredicate(predicate: string): string {
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
  const isPresent = (m: (typeof MIGRATIONS)[number]) => {
    if (!m.index) return columns[m.table].some((c) => `${m.table}.${c.name}` === m.missing);
    const { leading, where } = m.index;
    return indexes.some(
      (i) =>
        i.valid &&
        leading.every((name, n) => i.columns[n]?.replace(/ (DESC|ASC|NULLS \w+)/g, '') === name) &&
        normalizePredicate(i.predicate ?? '') === normalizePredicate(where),
    );
  };
  const missingByName = new Map<string, MissingMigration>();
  for (const { migration, missing, since, kind } of MIGRATIONS.filter((m) => !isPresent(m))) {
    const sameMigration = missingByName.get(migration);
    missingByName.set(migration, {
      migration,
      missing: sameMigration ? `${sameMigration.missing}, ${missing}` : missing,
      since,
      kind,
    });
  }
  return [...missingByName.values()];
}

/* States and times of a row of good_jobs. */

/** The time from which the job `j` may run; a null `scheduled_at` counts as `created_at`. */
export const readyAt = sql`coalesce(j.scheduled_at, j.created_at)`;

/** The state of the job `j` as text, at the start of the transaction. */
export const stateOf = sql`CASE
  WHEN j.finished_at IS NOT NULL
    THEN CASE WHEN j.error IS NULL THEN 'succeeded' ELSE 'discarded' END
  WHEN j.performed_at IS NOT NULL THEN 'running'
  WHEN ${readyAt} <= now() THEN 'queued'
  WHEN j.error IS NOT NULL THEN 'retried'
  ELSE 'scheduled' END`;

/**
 * Seconds that the job `j` waited for its last attempt, or has waited for its next one; NULL before
 * it is due and for a job that finished without an attempt.
 */
export const waitSeconds = sql`CASE
  WHEN j.performed_at IS NOT NULL OR (j.finished_at IS NULL AND ${readyAt} <= now())
    THEN ${secondsBetween(
      readyAt,
      sql`greatest(coalesce(j.performed_at, now()), ${readyAt})`,
    )} END`;

/** Seconds that the last attempt of the job `j` ran, or has run; NULL without an attempt. */
export const runSeconds = sql`CASE
  WHEN j.performed_at IS NOT NULL
    THEN ${secondsBetween(
      sql`j.performed_at`,
      sql`greatest(coalesce(j.finished_at, now()), j.performed_at)`,
    )} END`;

/** Whether the job `j` is in the state, written so that the schema's partial indexes match. */
export function isInState(state: JobState): Sql {
  switch (state) {
    case 'scheduled':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NULL
        AND ${readyAt} > now()`;
    case 'retried':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NOT NULL
        AND ${readyAt} > now()`;
    case 'queued':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND ${readyAt} <= now()`;
    case 'running':
      return sql`j.finished_at IS NULL AND j.performed_at IS NOT NULL`;
    case 'succeeded':
      return sql`j.finished_at IS NOT NULL AND j.error IS NULL`;
    case 'discarded':
      return sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`;
  }
}

/** Comment on the tables that `npm run demo` creates; other tables contain real jobs. */
export const DEMO_COMMENT = 'good-job-console demo';

const DEMO_TTL_MS = 10_000;

const demo = processValue<{
  check: () => Promise<boolean>;
  cached?: { isDemo: Promise<boolean>; until: number };
}>('demo tables');

/** Sets the check for demo tables, because only the bundle of Next has a database connection. */
export function setDemoCheck(check: () => Promise<boolean>): void {
  demo.current = { check };
}

/**
 * Whether the tables belong to the demo; false if the database is not available. Cached for 10 s.
 */
export function isDemoDatabase(now: number = Date.now()): Promise<boolean> {
  const state = demo.current;
  if (!state) return Promise.resolve(false);
  if (!state.cached || state.cached.until <= now)
    state.cached = { isDemo: state.check().catch(() => false), until: now + DEMO_TTL_MS };
  return state.cached.isDemo;
}
