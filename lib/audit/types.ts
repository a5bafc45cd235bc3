import type { AuditTargetType } from './audit';
import type { AuditOutcome } from './outcome';

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
