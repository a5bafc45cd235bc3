import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { CONSOLE_SCHEMA } from './audit';

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

/** What of the console's own schema is there, up to date, with the privileges that lib/audit/grants.ts asks for. */
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
