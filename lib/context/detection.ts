import 'server-only';
import { isDeepStrictEqual } from 'node:util';
import sql from 'sql-template-tag';
import { z } from 'zod';
import messages from '../../messages/en.json';
import { env } from '../config/environment';
import { type DetectedConsoleSchema, detectConsoleSchema } from '../console-schema/setup';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { ProcessCache, processState } from '../core/process-state';
import { type Database, openDatabase } from '../db/database';
import { DEMO_COMMENT, type DetectedSchema, detectSchema, TABLES } from '../good-job/tables';

interface Detected extends DetectedConsoleSchema {
  schema: DetectedSchema;
}

const state = processState<{
  db?: Database;
  detection?: Detected;
  ready?: Promise<'ready' | ErrorCode>;
}>('database', () => ({}));

/** Returns the database of this process. */
export function database(): Database {
  state.db ??= openDatabase({
    url: env().databaseUrl,
    caFile: env().databaseCaFile,
    poolSize: env().databasePoolSize,
    applicationName: 'good_job_console',
  });
  return state.db;
}

/**
 * While something blocks pages or actions, detect again every 2 s, so that no restart is needed.
 */
const DETECT_AGAIN_MS = 2_000;
/** Missing optional migrations block nothing, so a minute is often enough. */
const DETECT_OLDER_AGAIN_MS = 60_000;

function detectAgainMs(detected: Detected): number {
  const { schema, consoleSchema, bulkRuns, revokedSessions, pauseEnds } = detected;
  if (
    schema.problem ||
    schema.serverReadOnly ||
    schema.tablesWithoutWrite.length > 0 ||
    !consoleSchema ||
    !bulkRuns
  )
    return DETECT_AGAIN_MS;
  return schema.missingMigrations.length > 0 || revokedSessions !== 'write' || pauseEnds !== 'write'
    ? DETECT_OLDER_AGAIN_MS
    : Infinity;
}

const detections = new ProcessCache<Detected>('detection', {
  ttlMs: (_, value) => detectAgainMs(value),
  maxEntries: 1,
});

/**
 * Returns the detected schema, privileges and server version. The detection is cached until
 * `detectAgainAfter`, or for a short time while something is missing. Throws ConsoleError.
 */
export function loadDetection(): Promise<Detected> {
  return detections.get('', '', detect);
}

/** Returns the previous object if nothing has changed, so that readers can compare by identity. */
async function detect(): Promise<Detected> {
  const detection = await database().read(async (tx) => ({
    schema: await detectSchema(tx, env().databaseSchema),
    ...(await detectConsoleSchema(tx)),
  }));
  if (!isDeepStrictEqual(detection, state.detection)) state.detection = detection;
  return state.detection ?? detection;
}

/** Discards the detection after an error that shows that tables or privileges have changed. */
export function detectAgainAfter(error: unknown): void {
  if (
    error instanceof ConsoleError &&
    (error.code === 'schema_changed' ||
      error.code === 'no_permission' ||
      error.code === 'read_only')
  )
    detections.delete('', '');
}

/** Calls `detectAgainAfter` and throws the error. */
export function redetectAndThrow(error: unknown): never {
  detectAgainAfter(error);
  throw error;
}

const READINESS_TTL_MS = 1_000;

/**
 * Returns `ready`, or the error code if no page can be served: the database does not respond, or
 * has no readable GoodJob 4 tables. Cached for one second.
 */
export function readiness(): Promise<'ready' | ErrorCode> {
  state.ready ??= database()
    .read((tx) => tx.execute(sql`SELECT 1`), { timeoutMs: 2_000 })
    .then(loadDetection)
    .then(({ schema }) => schema.problem ?? ('ready' as const))
    .catch((error: unknown) => (error instanceof ConsoleError ? error.code : 'unexpected'))
    .finally(() => setTimeout(clearReadiness, READINESS_TTL_MS).unref());
  return state.ready;
}

function clearReadiness(): void {
  state.ready = undefined;
}

/** Logs one line about the tables, missing migrations and privileges, or about the failure. */
export async function logDatabase(): Promise<void> {
  try {
    const { schema, consoleSchema, revokedSessions } = await loadDetection();
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
    const tables = `GoodJob 4 tables in schema ${schema.name}, PostgreSQL ${schema.serverVersion}`;
    console.log(`Database: ${[tables, ...notes].join('; ')}.`);
  } catch (error) {
    const code = error instanceof ConsoleError ? error.code : 'unexpected';
    const cause =
      error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
    console.error(`Database: ${messages.errors[code]}${cause}`);
  }
}

const demoRow = z.strictObject({ demo: z.boolean().nullable() });

/** Whether `npm run demo` created all GoodJob tables in DATABASE_SCHEMA; false without tables. */
export async function hasDemoTables(): Promise<boolean> {
  const comment = sql`obj_description(c.oid, 'pg_class')`;
  const hasMark = sql`coalesce(starts_with(${comment}, ${DEMO_COMMENT}), false)`;
  const [row] = await database().read((tx) =>
    tx.query(
      demoRow,
      sql`
        SELECT bool_and(${hasMark}) AS demo
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ${env().databaseSchema}
           AND c.relname = ANY(${[...TABLES]})
           AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
    ),
  );
  return row?.demo === true;
}
