import 'server-only';
import { headers } from 'next/headers';
import { cache } from 'react';
import sql from 'sql-template-tag';
import { type AuditEvent, CONSOLE_SCHEMA, printAudit, recordAudit } from './audit/audit';
import { type Denial, PERMISSIONS, type Permission, type Viewer, denial } from './auth/permissions';
import { VIEWER_HEADER, decodeViewer } from './auth/viewer';
import { type Database, type ReadOptions, openDatabase } from './db/database';
import type { Tx } from './db/types';
import { BULK_OPERATOR_LIMIT, SEARCH_BUDGET_MS, env } from './env';
import { ConsoleError } from './errors';
import { type DetectedSchema, detectSchema } from './good-job/schema';
import { GoodJob } from './good-job/tables';

/** What every query and mutation takes: who is asking, and how to reach the database as it is. */
export interface Ctx {
  viewer: Viewer;
  db: Pick<Database, 'read' | 'connections'>;
  gj: GoodJob;
  /** The console's own schema is there and may be written. */
  consoleSchema: boolean;
  /** It also has the tables of bulk runs (its version 2), and they may be written. */
  bulkRuns: boolean;
  /** READ_ONLY=1, a standby, or a role without the needed grants. */
  readOnly: boolean;
  requestId: string;
  /** Milliseconds that a search without an index may take before it says how far it came. */
  searchBudgetMs: number;
  /** Rows of a bulk run that needs no `bulk.large`. */
  bulkOperatorLimit: number;
}

interface Detected {
  schema: DetectedSchema;
  consoleSchema: boolean;
  bulkRuns: boolean;
}

/**
 * Modules are instantiated more than once in one server; the pool and what was detected must not be. Plain data
 * only: to `sql` and `instanceof` an object of another instance's class is a stranger.
 */
const shared = globalThis as typeof globalThis & {
  goodJobConsole?: { db?: Database; detected?: Promise<Detected> };
};
const state = (shared.goodJobConsole ??= {});

export function database(): Database {
  return (state.db ??= openDatabase({
    url: env().databaseUrl,
    caFile: env().databaseCaFile,
    poolSize: env().databasePoolSize,
    applicationName: 'good_job_console',
  }));
}

const DETECT_AGAIN_MS = 2_000;

/** What GoodJob's tables look like here; asked once, and again after a query met something that was not there. */
export function detected(): Promise<Detected> {
  return (state.detected ??= database()
    .read(async (tx) => ({ schema: await detectSchema(tx, env().databaseSchema), ...(await detectConsoleSchema(tx)) }))
    .then((found) => {
      // What is not ready yet is looked at again before long, not taken for what it is now.
      if (found.schema.problem || !found.consoleSchema || !found.bulkRuns) setTimeout(() => (state.detected = undefined), DETECT_AGAIN_MS).unref();
      return found;
    })
    .catch((error: unknown) => {
      state.detected = undefined;
      throw error;
    }));
}

/** What of the console's own schema is there with the privileges that lib/audit/grants.ts asks for. */
async function detectConsoleSchema(tx: Tx): Promise<Pick<Detected, 'consoleSchema' | 'bulkRuns'>> {
  const tables = await tx.query<{ name: string; record: boolean; update: boolean; remove: boolean }>(sql`
    SELECT c.relname::text AS name, has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AS record,
           has_any_column_privilege(c.oid, 'UPDATE') AS update, has_table_privilege(c.oid, 'DELETE') AS remove
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${CONSOLE_SCHEMA} AND has_schema_privilege(n.oid, 'USAGE')
       AND c.relname IN ('audit_events', 'bulk_runs', 'bulk_run_targets', 'bulk_run_samples')`);
  const may = (name: string, ...also: ('update' | 'remove')[]) => tables.some((table) => table.name === name && table.record && also.every((privilege) => table[privilege]));
  return {
    consoleSchema: may('audit_events'),
    bulkRuns: may('audit_events', 'update') && may('bulk_runs', 'update') && may('bulk_run_targets', 'update', 'remove') && may('bulk_run_samples'),
  };
}

function forgetDetected(error: unknown): never {
  if (error instanceof ConsoleError && (error.code === 'schema_changed' || error.code === 'no_permission')) state.detected = undefined;
  throw error;
}

/**
 * The only way to a ctx. Throws ConsoleError when the database cannot be asked, or holds no GoodJob 4 tables
 * that this role may read. Reading the request's headers keeps every page that calls it dynamic.
 */
export const requireCtx = cache(async (): Promise<Ctx> => {
  const request = await headers();
  const requestId = request.get('x-request-id') ?? crypto.randomUUID();
  const viewer = decodeViewer(request.get(VIEWER_HEADER));
  if (!viewer) throw new ConsoleError('signed_out');
  const { schema, consoleSchema, bulkRuns } = await detected();
  if (schema.problem) throw new ConsoleError(schema.problem);
  const { appName, appLocale: locale, appTimeZone: timeZone, dequeueQuerySort, searchBudgetMs, bulkOperatorLimit } = env();
  const gj = new GoodJob(schema, { appName, locale, timeZone, dequeueQuerySort });
  return contextFor({ viewer, db: database(), gj, consoleSchema, bulkRuns, requestId, searchBudgetMs, bulkOperatorLimit });
});

/** Builds a ctx for a process without requests (tests, the demo, the bench). */
export function contextFor(parts: { viewer: Viewer; db: Database; gj: GoodJob; consoleSchema: boolean; bulkRuns?: boolean; requestId: string; readOnly?: boolean; searchBudgetMs?: number; bulkOperatorLimit?: number }): Ctx {
  const { db, gj } = parts;
  const readOnly = parts.readOnly ?? (env().readOnly || gj.schema.serverReadOnly || gj.schema.tablesWithoutWrite.length > 0);
  const ctx: Ctx = {
    ...parts,
    bulkRuns: parts.bulkRuns ?? false,
    searchBudgetMs: parts.searchBudgetMs ?? SEARCH_BUDGET_MS,
    bulkOperatorLimit: parts.bulkOperatorLimit ?? BULK_OPERATOR_LIMIT,
    readOnly,
    db: { connections: db.connections, read: <T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions) => db.read(fn, options).catch(forgetDetected) },
  };
  writers.set(ctx, db);
  return ctx;
}

/** A ctx's own way to write, reachable through transaction() alone: forgetting the permission is a type error. */
const writers = new WeakMap<Ctx, Database>();

export interface WriteTx extends Tx {
  /** Records who did what, in this transaction. Returns the record's id, null where there is no schema for it. */
  audit(event: Pick<AuditEvent, 'targetType' | 'targetIds' | 'targetName' | 'counts' | 'details'>): Promise<string | null>;
}

/**
 * Opens a write: role first, then the transaction. Throws ConsoleError `forbidden` or `read_only` before any
 * statement, `locked` when a lock was not to be had in 2 s.
 */
export async function transaction<T>(ctx: Ctx, permission: Permission, fn: (tx: WriteTx) => Promise<T>): Promise<T> {
  const denied = denial(ctx.viewer, permission, ctx.readOnly);
  if (denied) throw new ConsoleError(denied);
  const db = writers.get(ctx);
  if (!db) throw new Error('A ctx comes from requireCtx() or contextFor().');
  const printed: AuditEvent[] = [];
  const result = await db
    .write(async (tx) => {
      printed.length = 0;
      return fn({
        query: (statement) => tx.query(statement),
        async audit(event) {
          const full: AuditEvent = { viewer: ctx.viewer.id, role: ctx.viewer.role, requestId: ctx.requestId, action: permission, ...event };
          if (ctx.consoleSchema) return recordAudit(tx, full);
          printed.push(full);
          return null;
        },
      });
    })
    .catch(forgetDetected);
  printed.forEach(printAudit);
  return result;
}

/** Whether the database answers a trivial query. */
export async function isReady(): Promise<boolean> {
  return database()
    .read((tx) => tx.query(sql`SELECT 1`), { timeoutMs: 2_000 })
    .then(() => true)
    .catch(() => false);
}

/** What this viewer may not do now, and why; for the UI to mirror. */
export function denialsOf(ctx: Ctx): Partial<Record<Permission, Denial>> {
  const entries = (Object.keys(PERMISSIONS) as Permission[]).map((permission) => [permission, denial(ctx.viewer, permission, ctx.readOnly)] as const);
  return Object.fromEntries(entries.filter(([, denied]) => denied !== null));
}
