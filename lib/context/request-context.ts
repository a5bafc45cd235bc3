import 'server-only';
import { headers } from 'next/headers';
import { cache } from 'react';
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
import type { Application } from '../core/urls';
import type { Database, ReadOptions, Tx } from '../db/database';
import { GoodJobTables } from '../good-job/tables';
import { registerWriter } from './audited-transaction';
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
