import 'server-only';
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
import { denial, type Permission } from '../auth/roles';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite } from '../core/process-state';
import type { Database, Tx } from '../db/database';
import { redetectAndThrow } from './detection';
import type { Ctx } from './request-context';

/** Databases by context. Ctx has no `write`, so a write without a permission is a type error. */
const writers = new WeakMap<Ctx, Database>();

/** Registers the database that `auditedTransaction` uses for a context. */
export function registerWriter(ctx: Ctx, db: Database): void {
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
