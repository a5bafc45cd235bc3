import 'server-only';
import { isDeepStrictEqual } from 'node:util';
import { headers } from 'next/headers';
import { cache } from 'react';
import sql from 'sql-template-tag';
import { type Attempt, boundAttempt, eventOf, failureOf, writeAttempt } from './audit/attempts';
import { type AuditEvent, printAudit, recordAudit } from './audit/recorder';
import { type DetectedConsoleSchema, detectConsoleSchema } from './console-schema/setup';
import {
  type Denial,
  PERMISSIONS,
  type Permission,
  VIEWER_HEADER,
  type Viewer,
  decodeViewer,
  denial,
} from './auth/roles';
import { ProcessCache, expireAfterWrite } from './core/process-cache';
import { type Database, type ReadOptions, type Tx, openDatabase } from './db/database';
import { BULK_OPERATOR_LIMIT, SEARCH_BUDGET_MS, env } from './config/environment';
import { ConsoleError, type ErrorCode } from './core/errors';
import { type DetectedSchema, detectSchema } from './good-job/schema';
import { GoodJob } from './good-job/tables';

/** What every query and mutation takes: who is asking, and how to reach the database as it is. */
export interface Ctx extends Omit<DetectedConsoleSchema, 'revokedSessions'> {
  viewer: Viewer;
  db: Pick<Database, 'read' | 'connections'>;
  gj: GoodJob;
  /** READ_ONLY=1, a standby, or a role without the needed grants. */
  readOnly: boolean;
  /** What came to nothing may be recorded too: not under READ_ONLY=1 or on a standby. */
  recordsAttempts: boolean;
  requestId: string;
  /** Milliseconds since the viewer's last action: cached counts must not be older. Infinity: any age is accepted. */
  maxAgeMs: number;
  /** Why the viewer does it, in their own words. */
  reason: string | null;
  /** AUDIT_REASON=required */
  reasonRequired: boolean;
  /** Milliseconds that a search without an index may take before it says how far it came. */
  searchBudgetMs: number;
  /** Rows of a bulk run that needs no `bulk.large`. */
  bulkOperatorLimit: number;
}

interface Detected extends DetectedConsoleSchema {
  schema: DetectedSchema;
}

/**
 * Modules are instantiated more than once in one server; the pool and what was detected must not be. Plain data
 * only: to `sql` and `instanceof` an object of another instance's class is a stranger.
 */
const shared = globalThis as typeof globalThis & {
  goodJobConsole?: {
    db?: Database;
    detected?: Detected;
    ready?: Promise<'ready' | ErrorCode>;
  };
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

function forgetDetected(error: unknown): never {
  detectAgainAfter(error);
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
  // A browser that reloads a page sends max-age=0 too: nothing was changed.
  const isPage = request.get('sec-fetch-mode') === 'navigate';
  return serverContext(viewer, requestId, {
    maxAgeMs: isPage ? Infinity : maxAgeMs(request.get('cache-control')),
  });
});

/**
 * A context without a request, for work that the server does in the name of `viewer`. Throws ConsoleError as
 * `requireCtx` does.
 */
export async function serverContext(
  viewer: Viewer,
  requestId: string,
  parts: Partial<Pick<Ctx, 'maxAgeMs'>> = {},
): Promise<Ctx> {
  const { schema, ...own } = await detected();
  if (schema.problem) throw new ConsoleError(schema.problem);
  const {
    appName,
    appLocale: locale,
    appTimeZone: timeZone,
    dequeueQuerySort,
    searchBudgetMs,
    bulkOperatorLimit,
  } = env();
  const gj = new GoodJob(schema, { appName, locale, timeZone, dequeueQuerySort });
  return contextFor({
    viewer,
    db: database(),
    gj,
    ...own,
    requestId,
    ...parts,
    searchBudgetMs,
    bulkOperatorLimit,
    reasonRequired: env().auditReason === 'required',
  });
}

/** The `max-age` of a request's Cache-Control, as a page sends it after an action of its viewer. */
export function maxAgeMs(cacheControl: string | null): number {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})(?:$|[\s,])/.exec(cacheControl ?? '') ?? [];
  return seconds === undefined ? Infinity : Number(seconds) * 1000;
}

interface CtxParts
  extends
    Pick<Ctx, 'viewer' | 'gj' | 'consoleSchema' | 'requestId'>,
    Partial<
      Pick<
        Ctx,
        | 'consoleSchemaOutdated'
        | 'bulkRuns'
        | 'readOnly'
        | 'searchBudgetMs'
        | 'bulkOperatorLimit'
        | 'maxAgeMs'
        | 'reason'
        | 'reasonRequired'
      >
    > {
  db: Database;
}

/** Builds a ctx for a process without requests (tests, the demo, the bench). */
export function contextFor(parts: CtxParts): Ctx {
  const { db, gj } = parts;
  const set = parts.readOnly ?? env().readOnly;
  const ctx: Ctx = {
    ...parts,
    consoleSchemaOutdated: parts.consoleSchemaOutdated ?? false,
    bulkRuns: parts.bulkRuns ?? false,
    maxAgeMs: parts.maxAgeMs ?? Infinity,
    searchBudgetMs: parts.searchBudgetMs ?? SEARCH_BUDGET_MS,
    bulkOperatorLimit: parts.bulkOperatorLimit ?? BULK_OPERATOR_LIMIT,
    readOnly:
      parts.readOnly ??
      (set || gj.schema.serverReadOnly || gj.schema.tablesWithoutWrite.length > 0),
    recordsAttempts: parts.consoleSchema && !set && !gj.schema.serverReadOnly,
    reason: parts.reason ?? null,
    reasonRequired: parts.reasonRequired ?? false,
    db: {
      connections: db.connections,
      read: <T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions) =>
        db.read(fn, options).catch(forgetDetected),
    },
  };
  writers.set(ctx, db);
  return ctx;
}

/** The same for an act that a reason is given for. */
export function withReason(ctx: Ctx, reason: string | null): Ctx {
  const own = { ...ctx, reason };
  const db = writers.get(ctx);
  if (db) writers.set(own, db);
  return own;
}

/** A ctx's own way to write, reachable through transaction() alone: forgetting the permission is a type error. */
const writers = new WeakMap<Ctx, Database>();

type Recorded = Pick<
  AuditEvent,
  'targetType' | 'targetIds' | 'targetName' | 'counts' | 'details' | 'before' | 'after'
> & { action?: AuditEvent['action'] };

export interface WriteTx extends Tx {
  /** Records who did what, in this transaction. Returns the record's id, null where there is no schema for it. */
  audit(event: Recorded): Promise<string | null>;
}

/**
 * Opens a write: role and reason first, then the transaction. Throws ConsoleError `forbidden`, `read_only` or
 * `reason_required` before any statement, `locked` when a lock was not to be had in 2 s. What is refused or fails is
 * recorded too, as `attempt` tells what it was about; null: no viewer asks, it is a run's own step.
 */
export async function transaction<T>(
  ctx: Ctx,
  permission: Permission,
  fn: (tx: WriteTx) => Promise<T>,
  attempt: Attempt | null = {},
): Promise<T> {
  const denied =
    denial(ctx.viewer, permission, ctx.readOnly) ??
    (attempt && attempt.asksReason !== false && ctx.reasonRequired && !ctx.reason
      ? 'reason_required'
      : null);
  if (denied) {
    const error = new ConsoleError(denied);
    if (attempt) await recordAttempt(ctx, permission, attempt, error);
    throw error;
  }
  const db = writers.get(ctx);
  if (!db) throw new Error('A ctx comes from requireCtx() or contextFor().');
  const printed: AuditEvent[] = [];
  const result = await db
    .write(async (tx) => {
      printed.length = 0;
      return fn({
        query: (statement) => tx.query(statement),
        async audit(event) {
          const full = eventOf(ctx, permission, event);
          if (ctx.consoleSchema) return recordAudit(tx, full);
          printed.push(full);
          return null;
        },
      });
    })
    .catch(async (error: unknown) => {
      if (attempt) await recordAttempt(ctx, permission, attempt, error);
      return forgetDetected(error);
    });
  printed.forEach(printAudit);
  // A bulk run expires nothing with each of its steps.
  if (attempt) expireAfterWrite(ctx.gj.schema.identity);
  return result;
}

/**
 * Records what came to nothing, in a short transaction of its own; where that cannot be, it is printed. Of attempts
 * that are repeated only the first ones, then their number. Never throws.
 */
export async function recordAttempt(
  ctx: Ctx,
  action: AuditEvent['action'],
  attempt: Attempt,
  error: unknown,
): Promise<void> {
  const db = ctx.recordsAttempts ? writers.get(ctx) : undefined;
  const event = boundAttempt(eventOf(ctx, action, { ...attempt, ...failureOf(error, attempt) }));
  await writeAttempt(event, async (record) => {
    if (!db || record.error?.startsWith('database_') || record.error === 'console_locked')
      return printAudit(record);
    await db.write((tx) => recordAudit(tx, record)).catch(() => printAudit(record));
  });
}

/** Records a read that must be on record (an export), in a short transaction of its own; where that cannot be, it is printed. Never throws. */
export async function recordRead(
  ctx: Ctx,
  action: AuditEvent['action'],
  event: Attempt & Pick<AuditEvent, 'counts'>,
): Promise<void> {
  const full = eventOf(ctx, action, event);
  const db = ctx.recordsAttempts ? writers.get(ctx) : undefined;
  if (!db) return printAudit(full);
  await db.write((tx) => recordAudit(tx, full)).catch(() => printAudit(full));
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

/** What this viewer may not do now, and why; for the UI to mirror. */
export function denialsOf(ctx: Ctx): Partial<Record<Permission, Denial>> {
  const entries = (Object.keys(PERMISSIONS) as Permission[]).map(
    (permission) => [permission, denial(ctx.viewer, permission, ctx.readOnly)] as const,
  );
  return Object.fromEntries(entries.filter(([, denied]) => denied !== null));
}
