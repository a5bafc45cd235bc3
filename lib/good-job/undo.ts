import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Tx } from '../db/database';
import { DISCARD_ERRORS, ERROR_EVENT } from './actions';
import { type LockedJob, claimJobs } from './locks';
import { clock, notifiedQueue, notify } from './payload';
import type { GoodJobTables } from './tables';
import type { Outcome, UndoableAction } from './types';

/*
 * Reverts a reschedule or a discard while each row is as the action left it: no transaction has
 * written the row since (`xmin`). Old values are stored without job data: the old error is a
 * reference to the execution that has the same error.
 */

const storedRow = {
  id: z.uuid(),
  /** `xmin` of the row after the action. */
  version: z.string().regex(/^\d{1,10}$/),
};
const rescheduledRow = z.strictObject({
  ...storedRow,
  /** The old `scheduled_at` as Postgres prints a timestamptz; null: NULL. */
  scheduled_at: z.string().max(64).nullable(),
});
const discardedRow = z.strictObject({
  ...storedRow,
  error_event: z.int().nullable(),
  /** The old error: null, that of an earlier discard, or the id of an execution that has it. */
  error: z.union([z.enum(['discard', 'force_discard']), z.uuid()]).nullable(),
});

/** What the undo of an action needs, in the audit record of the action. */
export const undoRows = {
  reschedule: z.array(rescheduledRow),
  discard: z.array(discardedRow),
};
export type UndoRow = z.infer<typeof rescheduledRow> | z.infer<typeof discardedRow>;

/** Executions that are searched for the old error. */
const SCANNED_EXECUTIONS = 5;
/** A longer error is not compared, so the discard cannot be undone. */
const MAX_ERROR_BYTES = 1_000_000;

/** The old values of rows without their `version`. */
export type OldValues = Map<string, Omit<UndoRow, 'version'>>;

const oldScheduleRow = z.strictObject({ id: z.string(), scheduled_at: z.string().nullable() });
const oldErrorRow = z.strictObject({
  id: z.string(),
  error_event: z.number().nullable(),
  error: z.string().nullable(),
});

/**
 * Reads what an undo will restore. Call it while the action holds the rows' locks, before its
 * update. Omits rows whose discard cannot be undone: those of a batch, because the discard may
 * complete it, and those whose error no execution has.
 */
export async function readOldValues(
  tx: Tx,
  tables: GoodJobTables,
  action: UndoableAction,
  ids: string[],
): Promise<OldValues> {
  const rows =
    action === 'reschedule'
      ? await tx.query(
          oldScheduleRow,
          sql`
            SELECT j.id, (j.scheduled_at::timestamptz)::text AS scheduled_at
              FROM ${tables.jobs} j
             WHERE j.id = ANY(${ids}::uuid[])`,
        )
      : await tx.query(
          oldErrorRow,
          sql`
            SELECT o.id, o.error_event, o.error
              FROM (
                SELECT j.id, j.error_event, j.error IS NULL AS "isNull",
                       ${errorSource(tables)} AS error
                  FROM ${tables.jobs} j
                 WHERE j.id = ANY(${ids}::uuid[])
                   AND j.batch_id IS NULL
                   AND j.batch_callback_id IS NULL
                OFFSET 0) o
             WHERE o."isNull" OR o.error IS NOT NULL`,
        );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Where the error of the job `j` is stored elsewhere; NULL if it has none or it is nowhere. */
function errorSource(tables: GoodJobTables): Sql {
  // index_good_job_executions_on_active_job_id_and_created_at
  return sql`CASE
    WHEN j.error IS NULL OR octet_length(j.error) > ${MAX_ERROR_BYTES} THEN NULL
    WHEN j.error = ${DISCARD_ERRORS.discard} THEN 'discard'
    WHEN j.error = ${DISCARD_ERRORS.force_discard} THEN 'force_discard'
    ELSE (
      SELECT e.id::text
        FROM (
          SELECT e.id, e.error
            FROM ${tables.executions} e
           WHERE e.active_job_id = j.id
           ORDER BY e.created_at DESC
           LIMIT ${SCANNED_EXECUTIONS}) e
       WHERE e.error = j.error
       LIMIT 1) END`;
}

const versionRow = z.strictObject({ id: z.string(), version: z.string() });

/** Adds to the old values the version of each row that the action has changed. */
export async function withVersions(
  tx: Tx,
  tables: GoodJobTables,
  oldValues: OldValues,
  changedIds: string[],
): Promise<UndoRow[]> {
  const ids = changedIds.filter((id) => oldValues.has(id));
  if (ids.length === 0) return [];
  const rows = await tx.query(
    versionRow,
    sql`
      SELECT j.id, j.xmin::text AS version
        FROM ${tables.jobs} j
       WHERE j.id = ANY(${ids}::uuid[])`,
  );
  // The cast joins the parts of a row that the schema of its action checks when it is read.
  return rows.map(({ id, version }) => ({ ...oldValues.get(id), id, version }) as UndoRow);
}

interface UndoOptions {
  /** Called with the ids about to be changed while their rows are locked. */
  onLocked?: (ids: string[]) => Promise<void>;
}

/**
 * Restores the rows of an action. Returns one outcome for each id: `conflict` for a row written
 * since, `refused` for a job of a batch or without old values. Never re-queues a job: a restored
 * job is as it was before the discard.
 */
export async function undoJobs(
  tx: Tx,
  tables: GoodJobTables,
  action: UndoableAction,
  ids: string[],
  stored: UndoRow[],
  { onLocked }: UndoOptions = {},
): Promise<Outcome[]> {
  const claim = await claimJobs(tx, tables, ids);
  const outcomes = new Map<string, Outcome>(claim.outcomes.map((outcome) => [outcome.id, outcome]));
  const storedById = new Map(stored.map((row) => [row.id, row]));
  const rows: UndoRow[] = [];
  for (const job of claim.jobs) {
    const row = storedById.get(job.id);
    const refusal = refusalOf(action, job, row);
    if (refusal) outcomes.set(job.id, refusal);
    else if (row) rows.push(row);
  }
  const unchanged = await filterUnchanged(tx, tables, rows);
  if (unchanged.length > 0) {
    await onLocked?.(unchanged.map(({ id }) => id));
    for (const outcome of await restore(tx, tables, action, unchanged))
      outcomes.set(outcome.id, outcome);
  }
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'conflict' });
}

function refusalOf(
  action: UndoableAction,
  { id, batchId, batchCallbackId }: LockedJob,
  row: UndoRow | undefined,
): Outcome | null {
  if (action === 'discard' && (batchId !== null || batchCallbackId !== null))
    return { id, outcome: 'refused', code: 'undo_of_batch_job' };
  return row ? null : { id, outcome: 'refused', code: 'undo_not_recorded' };
}

/** The rows that no transaction has written since the action. */
export async function filterUnchanged(
  tx: Tx,
  tables: GoodJobTables,
  rows: UndoRow[],
): Promise<UndoRow[]> {
  if (rows.length === 0) return [];
  const versions = new Map(
    (
      await tx.query(
        versionRow,
        sql`
          SELECT j.id, j.xmin::text AS version
            FROM ${tables.jobs} j
           WHERE j.id = ANY(${rows.map(({ id }) => id)}::uuid[])`,
      )
    ).map(({ id, version }) => [id, version]),
  );
  return rows.filter(({ id, version }) => versions.get(id) === version);
}

const restoredRow = z.strictObject({
  id: z.string(),
  queueName: z.string(),
  scheduledAt: z.string().nullable(),
  /** The job is due and has not started, so a worker can take it. */
  isDue: z.boolean(),
});

async function restore(
  tx: Tx,
  tables: GoodJobTables,
  action: UndoableAction,
  rows: UndoRow[],
): Promise<Outcome[]> {
  const now = await clock(tx);
  const update = (action === 'reschedule' ? restoreSchedule : restoreError)(tables, rows, now);
  const restored = await tx.query(
    restoredRow,
    sql`
      ${update}
      RETURNING j.id,
                ${notifiedQueue(sql`coalesce(j.queue_name, 'default')`)} AS "queueName",
                j.scheduled_at AS "scheduledAt",
                j.performed_at IS NULL AND coalesce(j.scheduled_at <= ${now}, true) AS "isDue"`,
  );
  await notify(
    tx,
    restored.filter(({ isDue }) => isDue).map(({ queueName }) => queueName),
    now,
  );
  return restored.map(({ id, scheduledAt, isDue }) => ({
    id,
    outcome: 'done',
    ...(action === 'reschedule' && !isDue && scheduledAt !== null ? { scheduledAt } : {}),
  }));
}

function restoreSchedule(tables: GoodJobTables, rows: UndoRow[], now: string): Sql {
  const times = rows.map((row) => ('scheduled_at' in row ? row.scheduled_at : null));
  return sql`
    UPDATE ${tables.jobs} j
       SET scheduled_at = o.scheduled_at::timestamptz, updated_at = ${now}
      FROM unnest(${rows.map(({ id }) => id)}::uuid[], ${times}::text[]) o(id, scheduled_at)
     WHERE j.id = o.id AND j.finished_at IS NULL`;
}

/** An execution that no longer exists leaves its job unchanged. */
function restoreError(tables: GoodJobTables, rows: UndoRow[], now: string): Sql {
  const sources = rows.map((row) => ('error' in row ? row.error : null));
  const constants = sources.map((source) =>
    source === 'discard' || source === 'force_discard' ? DISCARD_ERRORS[source] : null,
  );
  const executions = sources.map((source, n) => (constants[n] ? null : source));
  const events = rows.map((row) => ('error_event' in row ? row.error_event : null));
  return sql`
    UPDATE ${tables.jobs} j
       SET finished_at = NULL,
           error = coalesce(o.error, e.error),
           error_event = o.error_event,
           updated_at = ${now}
      FROM unnest(
             ${rows.map(({ id }) => id)}::uuid[],
             ${events}::smallint[],
             ${constants}::text[],
             ${executions}::uuid[]) o(id, error_event, error, execution_id)
      LEFT JOIN ${tables.executions} e
        ON e.id = o.execution_id AND e.active_job_id = o.id
     WHERE j.id = o.id
       AND j.finished_at IS NOT NULL
       AND j.error = ${DISCARD_ERRORS.discard}
       AND j.error_event = ${ERROR_EVENT.discarded}
       AND (o.execution_id IS NULL OR e.error IS NOT NULL)`;
}
