import 'server-only';
import { isDeepStrictEqual } from 'node:util';
import sql from 'sql-template-tag';
import { env } from '../config/environment';
import { type DetectedConsoleSchema, detectConsoleSchema } from '../console-schema/setup';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { ProcessCache } from '../core/process-cache';
import { processState } from '../core/process-state';
import { type Database, openDatabase } from '../db/database';
import { type DetectedSchema, detectSchema } from '../good-job/schema';

interface Detected extends DetectedConsoleSchema {
  schema: DetectedSchema;
}

const state = processState<{
  db?: Database;
  detected?: Detected;
  ready?: Promise<'ready' | ErrorCode>;
}>('database', () => ({}));

export function database(): Database {
  return (state.db ??= openDatabase({
    url: env().databaseUrl,
    caFile: env().databaseCaFile,
    poolSize: env().databasePoolSize,
    applicationName: 'good_job_console',
  }));
}

/** While something blocks pages or actions, detect again every 2 s: nobody restarts the console for it. */
const DETECT_AGAIN_MS = 2_000;
/** Older tables work as they are: their migration is noticed within a minute. */
const DETECT_OLDER_AGAIN_MS = 60_000;

function detectAgainMs({ schema, consoleSchema, bulkRuns, revokedSessions }: Detected): number {
  if (
    schema.problem ||
    schema.serverReadOnly ||
    schema.tablesWithoutWrite.length > 0 ||
    !consoleSchema ||
    !bulkRuns
  )
    return DETECT_AGAIN_MS;
  return schema.missingMigrations.length > 0 || revokedSessions !== 'write'
    ? DETECT_OLDER_AGAIN_MS
    : Infinity;
}

const detections = new ProcessCache<Detected>('detection', {
  ttlMs: (_, value) => detectAgainMs(value),
  maxEntries: 1,
});

/** What GoodJob's tables look like here; detected once, again after a query met something that was not there, and while something is missing. */
export function detected(): Promise<Detected> {
  return detections.get('', '', detect);
}

/** A detection that finds the same returns the same object. */
async function detect(): Promise<Detected> {
  const detection = await database().read(async (tx) => ({
    schema: await detectSchema(tx, env().databaseSchema),
    ...(await detectConsoleSchema(tx)),
  }));
  if (!isDeepStrictEqual(detection, state.detected)) state.detected = detection;
  return state.detected ?? detection;
}

/** Detects again after an error that says that a table is not as it was detected. */
export function detectAgainAfter(error: unknown): void {
  if (
    error instanceof ConsoleError &&
    (error.code === 'schema_changed' ||
      error.code === 'no_permission' ||
      error.code === 'read_only')
  )
    detections.delete('', '');
}

/** `detectAgainAfter`, then throws the error. */
export function forgetDetected(error: unknown): never {
  detectAgainAfter(error);
  throw error;
}

const READY_FOR_MS = 1_000;

/**
 * `ready`, or why no page can be served: the database does not answer, or it has no GoodJob 4 tables that this role may
 * read. Everybody who asks within a second shares one answer.
 */
export function readiness(): Promise<'ready' | ErrorCode> {
  return (state.ready ??= database()
    .read((tx) => tx.query(sql`SELECT 1`), { timeoutMs: 2_000 })
    .then(detected)
    .then(({ schema }) => schema.problem ?? ('ready' as const))
    .catch((error: unknown) => (error instanceof ConsoleError ? error.code : 'unexpected'))
    .finally(() => setTimeout(() => (state.ready = undefined), READY_FOR_MS).unref()));
}
