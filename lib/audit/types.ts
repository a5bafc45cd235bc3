import type { AuditOutcome, AuditTargetType } from './recorder';

/** Characters of a reason at most. */
export const MAX_REASON = 500;
/** An act on more rows than this is on record by its counts alone. */
export const MAX_ROWS = 25;
/** A column, or a payload without its arguments, with more bytes is not recorded. */
export const MAX_COLUMN_BYTES = 4 * 1024;
/** Bytes of all recorded rows, before and after together. */
export const MAX_SNAPSHOT_BYTES = 256 * 1024;
/** Milliseconds that the redaction of the recorded rows may hold the locks of the act. */
export const MAX_SNAPSHOT_MS = 50;
/** Stands in the record for a column or a row that was too large. */
export const NOT_RECORDED = 'not recorded: too large';

/** A column, or a key of the payload, as text; null: it was null, or not there. */
export interface FieldChange {
  name: string;
  before: string | null;
  after: string | null;
}

export interface RowChange {
  id: string;
  /** The row was deleted: `before` is all of it. */
  gone: boolean;
  /** What is not the same afterwards. */
  fields: FieldChange[];
}

/** A record as the pages have it; redacted. Times are ISO 8601 UTC. */
export interface AuditRow {
  id: string;
  createdAt: string;
  viewer: string;
  viewerName: string | null;
  viewerEmail: string | null;
  role: string;
  requestId: string;
  /** An AuditAction, or one of a newer console. */
  action: string;
  outcome: AuditOutcome;
  /** Why all of it came to nothing, as a code. */
  error: string | null;
  targetType: AuditTargetType;
  targetIds: string[];
  targetName: string | null;
  counts: Record<string, number>;
  reason: string | null;
  /** URL query of the jobs that a bulk run was for. */
  filter: string | null;
  bulkRun: string | null;
  changes: RowChange[];
  /** What else is recorded, as printed JSON; null: nothing. */
  details: string | null;
  /** `changes` or `details` are too large to be read here; an export has them. */
  tooLarge: boolean;
}

/** A record in the history of one job: what a bulk run, which names no job, made of it. */
export interface HistoryRow extends AuditRow {
  sample: { outcome: string; code: string | null } | null;
}

export interface History {
  rows: HistoryRow[];
  /** There are older ones. */
  more: boolean;
  /** Bulk runs on a filter or a batch have been here, and whether they changed this job cannot be told. */
  untold: boolean;
}

/** Whether the record leaves out what its rows were, because a bulk run or an act on many rows changed them. */
export function leavesOutRows({
  action,
  bulkRun,
  changes,
  counts,
  tooLarge,
}: Pick<AuditRow, 'action' | 'bulkRun' | 'changes' | 'counts' | 'tooLarge'>): boolean {
  const done = counts.done ?? 0;
  const isLarge = bulkRun !== null || done > MAX_ROWS;
  return done > 0 && isLarge && changes.length === 0 && !tooLarge && !action.endsWith('.export');
}
