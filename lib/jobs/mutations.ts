import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS, countOutcomes } from '../audit/recorder';
import { type Snapshot, changesOf, readJobs } from '../audit/snapshot';
import { MAX_ROWS } from '../audit/types';
import { auditedTransaction } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { type ActionOptions, actOnJobs } from '../good-job/actions';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import {
  type JobAction,
  type Outcome,
  UNDOABLE_ACTIONS,
  type UndoableAction,
} from '../good-job/types';
import {
  type OldValues,
  type UndoRow,
  filterUnchanged,
  readOldValues,
  undoJobs,
  undoRows,
  withVersions,
} from '../good-job/undo';

/**
 * Applies an action to up to MAX_JOBS_PER_TRANSACTION jobs and its audit record in one transaction.
 * Returns an outcome for every id, in input order; after a lock timeout nothing is changed and all
 * are `locked`.
 *
 * `check` runs first in the transaction and may throw to reject the action. Throws ConsoleError for
 * a denied permission, and RangeError for too many ids.
 */
export async function changeJobs(
  ctx: Ctx,
  action: JobAction,
  ids: string[],
  options: ActionOptions = {},
  check?: (tx: Tx) => Promise<void>,
): Promise<Outcome[]> {
  if (ids.length > MAX_JOBS_PER_TRANSACTION)
    throw new RangeError(`At most ${MAX_JOBS_PER_TRANSACTION} jobs a transaction.`);
  const target = {
    targetType: 'job' as const,
    targetIds: ids,
    details: options.scheduledAt ? { scheduled_at: options.scheduledAt } : {},
  };
  const undoable = undoableAction(ctx, action, ids);
  return lockedOnTimeout(ids, () =>
    auditedTransaction(
      ctx,
      `job.${action}`,
      async (tx) => {
        await check?.(tx);
        let before: Snapshot = new Map();
        let oldValues: OldValues = new Map();
        const outcomes = await actOnJobs(tx, ctx.tables, action, ids, {
          ...options,
          onLocked: async (claimedIds) => {
            before = await readJobs(tx, ctx.tables, claimedIds);
            if (undoable) oldValues = await readOldValues(tx, ctx.tables, undoable, claimedIds);
          },
        });
        const done = doneIds(outcomes);
        const undo = await withVersions(tx, ctx.tables, oldValues, done);
        const undoId = await tx.audit({
          ...target,
          undo,
          counts: countOutcomes(outcomes),
          ...changesOf(before, await readJobs(tx, ctx.tables, done), done),
        });
        return undoId === null ? outcomes : withUndoId(outcomes, undo, undoId);
      },
      target,
    ),
  );
}

/** The action if it can be undone: the audit record, which has a row limit, stores old values. */
function undoableAction(ctx: Ctx, action: JobAction, ids: string[]): UndoableAction | undefined {
  if (!ctx.consoleSchema || ids.length > MAX_ROWS) return undefined;
  return UNDOABLE_ACTIONS.find((undoable) => undoable === action);
}

const doneIds = (outcomes: Outcome[]) =>
  outcomes.flatMap(({ id, outcome }) => (outcome === 'done' ? [id] : []));

function withUndoId(outcomes: Outcome[], undo: UndoRow[], undoId: string): Outcome[] {
  const undoableIds = new Set(undo.map(({ id }) => id));
  return outcomes.map((outcome) =>
    outcome.outcome === 'done' && undoableIds.has(outcome.id) ? { ...outcome, undoId } : outcome,
  );
}

/** After a lock timeout nothing is changed, so that every job is `locked`. */
async function lockedOnTimeout(
  ids: string[],
  change: () => Promise<Outcome[]>,
): Promise<Outcome[]> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'locked')
      return ids.map((id) => ({ id, outcome: 'locked' }));
    throw error;
  }
}

/** An action can be undone for this long, while the rows are as it left them. */
const UNDO_MINUTES = 60;

const undoRecordRow = z.strictObject({ undo: z.string() });

/**
 * The old values in the audit record of an action (by primary key); null if there is no such record
 * of the last UNDO_MINUTES.
 */
async function readUndoRows(
  tx: Tx,
  action: UndoableAction,
  undoId: string,
): Promise<UndoRow[] | null> {
  const [record] = await tx.query(
    undoRecordRow,
    sql`
      SELECT coalesce(e.details ->> 'undo', '[]') AS undo
        FROM ${AUDIT_EVENTS} e
       WHERE e.id = ${undoId}::bigint
         AND e.action = ${`job.${action}`}
         AND e.error IS NULL
         AND e.created_at > clock_timestamp() - make_interval(mins => ${UNDO_MINUTES}::int)`,
  );
  const rows = record && undoRows[action].safeParse(JSON.parse(record.undo));
  return rows?.success ? rows.data : null;
}

/**
 * Undoes a reschedule or a discard for some of its jobs, with the old values in its audit record
 * `undoId`. Returns an outcome for every id. Needs no reason, like stopping a bulk run. Throws
 * ConsoleError `undo_expired` if the record is older than an hour or does not exist.
 */
export async function undoChange(
  ctx: Ctx,
  action: UndoableAction,
  ids: string[],
  undoId: string,
): Promise<Outcome[]> {
  const target = {
    targetType: 'job' as const,
    targetIds: ids,
    details: { undoes: undoId },
    asksReason: false,
  };
  return lockedOnTimeout(ids, () =>
    auditedTransaction(
      ctx,
      `job.undo_${action}`,
      async (tx) => {
        const stored = ctx.consoleSchema ? await readUndoRows(tx, action, undoId) : null;
        if (!stored) throw new ConsoleError('undo_expired');
        let before: Snapshot = new Map();
        const outcomes = await undoJobs(tx, ctx.tables, action, ids, stored, {
          onLocked: async (lockedIds) => {
            before = await readJobs(tx, ctx.tables, lockedIds);
          },
        });
        const done = doneIds(outcomes);
        const { targetType, targetIds, details } = target;
        await tx.audit({
          targetType,
          targetIds,
          details,
          counts: countOutcomes(outcomes),
          ...changesOf(before, await readJobs(tx, ctx.tables, done), done),
        });
        return outcomes;
      },
      target,
    ),
  );
}

/** Whether a job is as its action left it and the audit record of the action has its old values. */
export async function canUndo(
  ctx: Ctx,
  action: UndoableAction,
  id: string,
  undoId: string,
): Promise<boolean> {
  if (!ctx.consoleSchema) return false;
  return ctx.db.read(async (tx) => {
    const stored = await readUndoRows(tx, action, undoId);
    const rows = (stored ?? []).filter((row) => row.id === id);
    return (await filterUnchanged(tx, ctx.tables, rows)).length > 0;
  });
}
