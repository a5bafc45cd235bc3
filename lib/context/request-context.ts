import 'server-only';
import { headers } from 'next/headers';
import { cache } from 'react';
import {
  type Attempt,
  type AuditEvent,
  createAuditEvent,
  failureFieldsOf,
  printAudit,
  recordAudit,
  truncateAttempt,
  writeAttempt,
} from '../audit/recorder';
import {
  decodeViewer,
  denial,
  type Denial,
  type Permission,
  PERMISSION_NAMES,
  type Viewer,
  VIEWER_HEADER,
} from '../auth/roles';
import { BULK_OPERATOR_LIMIT, env, SEARCH_BUDGET_MS } from '../config/environment';
import type { DetectedConsoleSchema } from '../console-schema/setup';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite } from '../core/process-state';
import type { Application } from '../core/urls';
import type { Database, ReadOptions, Tx } from '../db/database';
import { GoodJobTables } from '../good-job/tables';
import { database, loadDetection, redetectAndThrow } from './detection';

/** The context of every query and mutation: the viewer, the database and its detected schema. */
export interface Ctx extends Omit<DetectedConsoleSchema, 'revokedSessions'> {
  /** The application that the request is about. */
  application: Application;
  viewer: Viewer;
  db: Pick<Database, 'read' | 'connections'>;
  tables: GoodJobTables;
  /** READ_ONLY=1, a standby server, or a role without write privileges. */
  readOnly: boolean;
  /**
   * Denied and failed attempts can be written to the audit: not under READ_ONLY=1 or on a standby.
   */
  recordsAttempts: boolean;
  requestId: string;
  /**
   * Time since the viewer's last action, which limits the age of cached counts; Infinity: no limit.
   */
  maxAgeMs: number;
  /** The viewer's reason for the action. */
  reason: string | null;
  /** AUDIT_REASON=required. */
  reasonRequired: boolean;
  /** Time after which a search without an index returns partial results. */
  searchBudgetMs: number;
  /** Maximum rows of a bulk run without the permission `bulk.large`. */
  bulkOperatorLimit: number;
}

/**
 * Returns the context of a request. Throws ConsoleError if the database is not available or has no
 * readable GoodJob 4 tables. It reads the request's headers, so pages that call it are dynamic.
 */
export const requireCtx = cache(async (): Promise<Ctx> => {
  const request = await headers();
  const requestId = request.get('x-request-id') ?? crypto.randomUUID();
  const viewer = decodeViewer(request.get(VIEWER_HEADER));
  if (!viewer) throw new ConsoleError('signed_out');
  // Ignores the max-age=0 that browsers send on reload, which does not follow an action.
  const isPage = request.get('sec-fetch-mode') === 'navigate';
  return serverContext(viewer, requestId, {
    maxAgeMs: isPage ? Infinity : maxAgeMs(request.get('cache-control')),
  });
});

/**
 * Returns a context outside a request, for work on behalf of `viewer`. Throws ConsoleError like
 * `requireCtx`.
 */
export async function serverContext(
  viewer: Viewer,
  requestId: string,
  parts: Partial<Pick<Ctx, 'maxAgeMs'>> = {},
): Promise<Ctx> {
  const { schema, ...consoleSchema } = await loadDetection();
  if (schema.problem) throw new ConsoleError(schema.problem);
  const {
    appName,
    appLocale: locale,
    appTimeZone: timeZone,
    dequeueQuerySort,
    searchBudgetMs,
    bulkOperatorLimit,
  } = env();
  const tables = new GoodJobTables(schema, { appName, locale, timeZone, dequeueQuerySort });
  return contextFor({
    application: currentApplication(),
    viewer,
    db: database(),
    tables,
    ...consoleSchema,
    requestId,
    ...parts,
    searchBudgetMs,
    bulkOperatorLimit,
    reasonRequired: env().auditReason === 'required',
  });
}

/**
 * Parses the `max-age` in ms that a page sends after an action of its viewer; returns Infinity if
 * there is none.
 */
export function maxAgeMs(cacheControl: string | null): number {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})(?:$|[\s,])/.exec(cacheControl ?? '') ?? [];
  return seconds === undefined ? Infinity : Number(seconds) * 1000;
}

/** The application of a context outside a request. */
const ONE_APPLICATION: Application = {
  key: null,
  basePath: '',
  label: null,
  environment: null,
  color: 'grey',
};

interface CtxParts
  extends
    Pick<Ctx, 'viewer' | 'tables' | 'consoleSchema' | 'requestId'>,
    Partial<
      Pick<
        Ctx,
        | 'application'
        | 'consoleSchemaOutdated'
        | 'bulkRuns'
        | 'pauseEnds'
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

/** Builds a context from its parts. Only tests, the demo and the benchmark call it directly. */
export function contextFor(parts: CtxParts): Ctx {
  const { db, tables } = parts;
  const isReadOnly = parts.readOnly ?? env().readOnly;
  const ctx: Ctx = {
    ...parts,
    application: parts.application ?? ONE_APPLICATION,
    consoleSchemaOutdated: parts.consoleSchemaOutdated ?? false,
    bulkRuns: parts.bulkRuns ?? false,
    pauseEnds: parts.pauseEnds ?? 'none',
    maxAgeMs: parts.maxAgeMs ?? Infinity,
    searchBudgetMs: parts.searchBudgetMs ?? SEARCH_BUDGET_MS,
    bulkOperatorLimit: parts.bulkOperatorLimit ?? BULK_OPERATOR_LIMIT,
    readOnly:
      parts.readOnly ??
      (isReadOnly || tables.schema.serverReadOnly || tables.schema.tablesWithoutWrite.length > 0),
    recordsAttempts: parts.consoleSchema && !isReadOnly && !tables.schema.serverReadOnly,
    reason: parts.reason ?? null,
    reasonRequired: parts.reasonRequired ?? false,
    db: {
      connections: db.connections,
      read: <T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions) =>
        db.read(fn, options).catch(redetectAndThrow),
    },
  };
  registerWriter(ctx, db);
  return ctx;
}

/** Returns the application that the request is about. The console serves one. */
export function currentApplication(): Application {
  const { basePath, appLabel, appEnvironment, appColor } = env();
  return { key: null, basePath, label: appLabel, environment: appEnvironment, color: appColor };
}

/** Returns the permissions that a viewer lacks and why, for the UI. */
export function denialsOf(ctx: Ctx): Partial<Record<Permission, Denial>> {
  const entries = PERMISSION_NAMES.map(
    (permission) => [permission, denial(ctx.viewer, permission, ctx.readOnly)] as const,
  );
  return Object.fromEntries(entries.filter(([, reason]) => reason !== null));
}

/* Writes: a transaction with its audit record. */

/** Databases by context. Ctx has no `write`, so a write without a permission is a type error. */
const writers = new WeakMap<Ctx, Database>();

/** Registers the database that `auditedTransaction` uses for a context. */
function registerWriter(ctx: Ctx, db: Database): void {
  writers.set(ctx, db);
}

/** Returns a copy of the context with the reason of an action. */
export function withReason(ctx: Ctx, reason: string | null): Ctx {
  const copy = { ...ctx, reason };
  const db = writers.get(ctx);
  if (db) writers.set(copy, db);
  return copy;
}

type AuditInput = Pick<
  AuditEvent,
  'targetType' | 'targetIds' | 'targetName' | 'counts' | 'details' | 'before' | 'after' | 'undo'
> & { action?: AuditEvent['action'] };

/** A transaction that can write audit records. */
export interface WriteTx extends Tx {
  /** Writes an audit record; returns its id, or null without the console's own schema. */
  audit(event: AuditInput): Promise<string | null>;
}

/**
 * Runs `fn` in a write transaction after checking permission and reason. Throws ConsoleError
 * `forbidden`, `read_only` or `reason_required` before any statement, and `locked` after 2 s.
 * `attempt` is the target of the record of a denied or failed attempt; null for a chunk of a bulk
 * run, which is not recorded.
 */
export async function auditedTransaction<T>(
  ctx: Ctx,
  permission: Permission,
  fn: (tx: WriteTx) => Promise<T>,
  attempt: Attempt | null = {},
): Promise<T> {
  const lacksReason = attempt && attempt.asksReason !== false && ctx.reasonRequired && !ctx.reason;
  const denialCode =
    denial(ctx.viewer, permission, ctx.readOnly) ?? (lacksReason ? 'reason_required' : null);
  if (denialCode) {
    const error = new ConsoleError(denialCode);
    if (attempt) await recordFailure(ctx, permission, attempt, error);
    throw error;
  }
  const db = writers.get(ctx);
  if (!db) throw new Error('A ctx comes from requireCtx() or contextFor().');
  const eventsForLog: AuditEvent[] = [];
  const result = await db
    .write(async (tx) => {
      eventsForLog.length = 0;
      return fn({
        ...tx,
        async audit(input) {
          const event = createAuditEvent(ctx, permission, input);
          if (ctx.consoleSchema) return recordAudit(tx, event);
          eventsForLog.push(event);
          return null;
        },
      });
    })
    .catch(async (error: unknown) => {
      if (attempt) await recordFailure(ctx, permission, attempt, error);
      return redetectAndThrow(error);
    });
  eventsForLog.forEach(printAudit);
  // Not after a chunk of a bulk run, because chunks would empty the caches several times per
  // second.
  if (attempt) expireAfterWrite(ctx.tables.schema.identity);
  return result;
}

/**
 * Records a denied or failed attempt in its own transaction, or prints it if that is impossible.
 * Repeated attempts are counted instead (`writeAttempt`). Never throws.
 */
export async function recordFailure(
  ctx: Ctx,
  action: AuditEvent['action'],
  attempt: Attempt,
  error: unknown,
): Promise<void> {
  const db = ctx.recordsAttempts ? writers.get(ctx) : undefined;
  const event = truncateAttempt(
    createAuditEvent(ctx, action, { ...attempt, ...failureFieldsOf(error, attempt) }),
  );
  await writeAttempt(event, async (record) => {
    if (!db || record.error?.startsWith('database_') || record.error === 'console_locked')
      return printAudit(record);
    await db.write((tx) => recordAudit(tx, record)).catch(() => printAudit(record));
  });
}

/**
 * Records an audited read, such as an export, in its own transaction, or prints it if that is
 * impossible. Never throws.
 */
export async function recordRead(
  ctx: Ctx,
  action: AuditEvent['action'],
  input: Attempt & Pick<AuditEvent, 'counts'>,
): Promise<void> {
  const event = createAuditEvent(ctx, action, input);
  const db = ctx.recordsAttempts ? writers.get(ctx) : undefined;
  if (!db) return printAudit(event);
  await db.write((tx) => recordAudit(tx, event)).catch(() => printAudit(event));
}

/** Whether this viewer may change at most `bulkOperatorLimit` rows at once. */
export function hasBulkLimit({ viewer }: Pick<Ctx, 'viewer'>): boolean {
  return denial(viewer, 'bulk.large', false) !== null;
}

/**
 * Throws ConsoleError `bulk_too_large` if this viewer may not change `count` rows at once; null
 * counts as unlimited. Call it inside the action's transaction, so that permissions are checked
 * first and the refusal is audited.
 */
export function checkBulkLimit(
  ctx: Pick<Ctx, 'viewer' | 'bulkOperatorLimit'>,
  count: number | null,
): void {
  if ((count === null || count > ctx.bulkOperatorLimit) && hasBulkLimit(ctx))
    throw new ConsoleError('bulk_too_large');
}
