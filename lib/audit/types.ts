export const AUDIT_TARGET_TYPES = [
  'job',
  'batch',
  'bulk_run',
  'queue',
  'job_class',
  'label',
  'cron_key',
  /** The request had no target. */
  'none',
] as const;
export type AuditTargetType = (typeof AUDIT_TARGET_TYPES)[number];

/** Who set a pause in the console. */
export interface PauseOrigin {
  viewer: string;
  viewerName: string | null;
  /** ISO 8601 UTC. */
  at: string;
  reason: string | null;
  /** The pauses were changed outside the console since, so that this may be another pause. */
  mayBeReplaced: boolean;
}

/** What the console's own schema stores about a pause. */
export interface PauseRecord {
  /**
   * Null: it was set outside the console, or before its audit. Undefined: not known, because the
   * audit could not be read.
   */
  origin?: PauseOrigin | null;
  /** When it ends by itself, in ISO 8601 UTC; null: it does not. */
  endsAt: string | null;
}

/**
 * Outcomes of a whole action. `refused`: rejected before it began. `failed`: rolled back.
 * `unchanged`: every row was in another state, locked or deleted. `started`: a bulk run that has
 * not processed a job yet.
 */
export const AUDIT_OUTCOMES = [
  'done',
  'mixed',
  'unchanged',
  'refused',
  'failed',
  'started',
] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Maximum length of a reason in characters. */
export const MAX_REASON = 500;
/** Jobs of a record that are named with their class. */
export const MAX_NAMED_TARGETS = 3;
/** Actions on more rows are recorded with counts only, without the rows. */
export const MAX_ROWS = 25;
/** Limit for a recorded column, and for a payload without its arguments. */
export const MAX_COLUMN_BYTES = 4 * 1024;
/** Limit for all recorded rows, before and after together. */
export const MAX_SNAPSHOT_BYTES = 256 * 1024;
/** Time limit for the redaction of recorded rows, which runs while the action holds its locks. */
export const MAX_SNAPSHOT_MS = 50;
/** Replaces a recorded column or row that was too large. */
export const NOT_RECORDED = 'not recorded: too large';

/** A changed column, or a changed key of the payload, as text; null: null or missing. */
export interface FieldChange {
  name: string;
  before: string | null;
  after: string | null;
}

export interface RowChange {
  id: string;
  /** The row was deleted, and `before` has all of its fields. */
  isDeleted: boolean;
  /** The changed fields. */
  fields: FieldChange[];
}

/** A redacted audit record for the UI. Times are ISO 8601 UTC. */
export interface AuditRow {
  id: string;
  createdAt: string;
  viewer: string;
  viewerName: string | null;
  viewerEmail: string | null;
  role: string;
  requestId: string;
  /** An AuditAction, or an action of a newer release. */
  action: string;
  outcome: AuditOutcome;
  /** Code of the error or refusal; null if the action was executed. */
  error: string | null;
  targetType: AuditTargetType;
  targetIds: string[];
  /** Redacted classes of the first MAX_NAMED_TARGETS jobs, by id; deleted jobs have none. */
  targetClasses: Record<string, string>;
  targetName: string | null;
  counts: Record<string, number>;
  reason: string | null;
  /** URL query of the filter of a bulk run. */
  filter: string | null;
  /** Id of a bulk run. */
  bulkRun: string | null;
  changes: RowChange[];
  /** Other details as pretty-printed JSON; null if empty. */
  details: string | null;
  /** `changes` or `details` exceed the limit of a page; an export contains them. */
  tooLarge: boolean;
}

/** A record in the history of a job or batch. */
export interface HistoryRow extends AuditRow {
  /** The outcome for this job if a bulk run stored it as a sample; else null. */
  sample: { outcome: string; code: string | null } | null;
}

export interface History {
  rows: HistoryRow[];
  /** There are older records. */
  hasMore: boolean;
  /** Bulk runs on a filter or batch may have changed this job: they do not record job ids. */
  hasUnlistedRuns: boolean;
}

/**
 * Whether a record has no rows because a bulk run or an action on more than MAX_ROWS changed them.
 */
export function omitsRows({
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
