import { quoteIdentifier } from '../good-job/tables';
import { TABLES, type TableName } from '../good-job/schema';
import { CONSOLE_SCHEMA } from './audit';

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
