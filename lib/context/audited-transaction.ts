import 'server-only';
import { boundAttempt, writeAttempt, type Attempt, eventOf, failureOf } from '../audit/attempts';
import { type AuditEvent, printAudit, recordAudit } from '../audit/recorder';
import { type Permission, denial } from '../auth/roles';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite } from '../core/process-cache';
import type { Database, Tx } from '../db/database';
import { forgetDetected } from './detection';
import type { Ctx } from './types';

/** A ctx's own way to write, reachable through transaction() alone: forgetting the permission is a type error. */
const writers = new WeakMap<Ctx, Database>();

/** Lets `auditedTransaction` write for this context; for whatever builds one. */
export function registerWriter(ctx: Ctx, db: Database): void {
  writers.set(ctx, db);
}

/** The same context for an act that a reason is given for. */
export function withReason(ctx: Ctx, reason: string | null): Ctx {
  const own = { ...ctx, reason };
  const db = writers.get(ctx);
  if (db) writers.set(own, db);
  return own;
}

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
export async function auditedTransaction<T>(
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
    if (attempt) await recordFailure(ctx, permission, attempt, error);
    throw error;
  }
  const db = writers.get(ctx);
  if (!db) throw new Error('A ctx comes from requireCtx() or contextFor().');
  const printed: AuditEvent[] = [];
  const result = await db
    .write(async (tx) => {
      printed.length = 0;
      return fn({
        ...tx,
        async audit(event) {
          const full = eventOf(ctx, permission, event);
          if (ctx.consoleSchema) return recordAudit(tx, full);
          printed.push(full);
          return null;
        },
      });
    })
    .catch(async (error: unknown) => {
      if (attempt) await recordFailure(ctx, permission, attempt, error);
      return forgetDetected(error);
    });
  printed.forEach(printAudit);
  // A bulk run expires nothing with each of its steps.
  if (attempt) expireAfterWrite(ctx.tables.schema.identity);
  return result;
}

/**
 * Records what came to nothing, in a short transaction of its own; where that cannot be, it is printed. Of attempts
 * that are repeated only the first ones, then their number. Never throws.
 */
export async function recordFailure(
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
