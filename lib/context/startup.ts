import 'server-only';
import sql from 'sql-template-tag';
import messages from '../../messages/en.json';
import { env } from '../config/environment';
import { ConsoleError } from '../core/errors';
import { processValue } from '../core/process-state';
import { TABLES } from '../good-job/schema';
import { database, detected } from './detection';

/** Comment on the tables that `npm run demo` makes. Tables without it hold somebody's real jobs. */
export const DEMO_MARK = 'good-job-console demo';

/** For how long an answer of the database is believed. */
const TTL_MS = 10_000;

const demo = processValue<{
  check: () => Promise<boolean>;
  answer?: { isDemo: Promise<boolean>; until: number };
}>('demo tables');

/** Sets how the database is asked whether its tables are the demo's. */
export function offerDemoCheck(check: () => Promise<boolean>): void {
  demo.current = { check };
}

/** Whether the tables are the demo's own; false when the database cannot be asked. */
export function isDemoDatabase(now: number = Date.now()): Promise<boolean> {
  const state = demo.current;
  if (!state) return Promise.resolve(false);
  if (!state.answer || state.answer.until <= now)
    state.answer = { isDemo: state.check().catch(() => false), until: now + TTL_MS };
  return state.answer.isDemo;
}

/** One log line: which tables, what they lack, what the role may do; or why the database cannot be asked. */
export async function logDatabase(): Promise<void> {
  try {
    const { schema, consoleSchema, revokedSessions } = await detected();
    if (schema.problem) return console.warn(`Database: ${messages.errors[schema.problem]}`);
    const notes = [
      schema.missingMigrations.length > 0 &&
        `missing GoodJob migrations: ${schema.missingMigrations.map((m) => m.migration).join(', ')}`,
      schema.tablesWithoutWrite.length > 0 &&
        `role ${schema.role} may not change ${schema.tablesWithoutWrite.join(', ')}`,
      schema.serverReadOnly && 'the server is read-only',
      !consoleSchema && 'no schema good_job_console (npm run setup), audit goes to this log',
      env().auth.mode === 'oidc' &&
        (env().readOnly || schema.serverReadOnly || revokedSessions !== 'write') &&
        'good_job_console.revoked_sessions may not be written (npm run setup), a sign-out holds on this server only',
    ].filter((note) => note !== false);
    console.log(
      `Database: GoodJob 4 tables in schema ${schema.name}, PostgreSQL ${schema.serverVersion}${notes.length > 0 ? `; ${notes.join('; ')}` : ''}.`,
    );
  } catch (error) {
    const code = error instanceof ConsoleError ? error.code : 'unexpected';
    const cause =
      error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
    console.error(`Database: ${messages.errors[code]}${cause}`);
  }
}

/** Whether `npm run demo` made all of the GoodJob tables in DATABASE_SCHEMA; false without tables. */
export async function holdsDemoTables(): Promise<boolean> {
  const [row] = await database().read((tx) =>
    tx.query<{ demo: boolean | null }>(sql`
      SELECT bool_and(coalesce(starts_with(obj_description(c.oid, 'pg_class'), ${DEMO_MARK}), false)) AS demo
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${env().databaseSchema}
         AND c.relname = ANY(${[...TABLES]})
         AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`),
  );
  return row?.demo === true;
}
