import 'server-only';
import { headers } from 'next/headers';
import { cache } from 'react';
import {
  type Denial,
  PERMISSIONS,
  type Permission,
  type Viewer,
  VIEWER_HEADER,
  decodeViewer,
  denial,
} from '../auth/roles';
import { BULK_OPERATOR_LIMIT, SEARCH_BUDGET_MS, env } from '../config/environment';
import { ConsoleError } from '../core/errors';
import type { Database, ReadOptions, Tx } from '../db/database';
import { GoodJobTables } from '../good-job/tables';
import { registerWriter } from './audited-transaction';
import { database, detected, forgetDetected } from './detection';
import type { Ctx } from './types';

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
  const tables = new GoodJobTables(schema, { appName, locale, timeZone, dequeueQuerySort });
  return contextFor({
    viewer,
    db: database(),
    tables,
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
    Pick<Ctx, 'viewer' | 'tables' | 'consoleSchema' | 'requestId'>,
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
  const { db, tables } = parts;
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
      (set || tables.schema.serverReadOnly || tables.schema.tablesWithoutWrite.length > 0),
    recordsAttempts: parts.consoleSchema && !set && !tables.schema.serverReadOnly,
    reason: parts.reason ?? null,
    reasonRequired: parts.reasonRequired ?? false,
    db: {
      connections: db.connections,
      read: <T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions) =>
        db.read(fn, options).catch(forgetDetected),
    },
  };
  registerWriter(ctx, db);
  return ctx;
}

/** What this viewer may not do now, and why; for the UI to mirror. */
export function denialsOf(ctx: Ctx): Partial<Record<Permission, Denial>> {
  const entries = (Object.keys(PERMISSIONS) as Permission[]).map(
    (permission) => [permission, denial(ctx.viewer, permission, ctx.readOnly)] as const,
  );
  return Object.fromEntries(entries.filter(([, denied]) => denied !== null));
}
