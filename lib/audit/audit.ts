import sql, { raw } from 'sql-template-tag';
import type { Permission } from '../auth/permissions';
import type { Outcome } from '../good-job/outcomes';
import type { Tx } from '../db/types';

export const CONSOLE_SCHEMA = 'good_job_console';
/** One record an act; those of bulk runs have counts that grow with the run. */
export const AUDIT_EVENTS = raw(`"${CONSOLE_SCHEMA}"."audit_events"`);

/** `none`: it is not known what was meant. */
export type AuditTargetType =
  'job' | 'batch' | 'bulk_run' | 'queue' | 'job_class' | 'label' | 'cron_key' | 'none';

/** Acts that need the permission of another act, reads that are on record, and what was sent to an action and could not be read. */
export const OTHER_ACTIONS = [
  'audit.export',
  'bulk.pause',
  'bulk.resume',
  'bulk.cancel',
  'job.export',
  'unreadable',
] as const;
export type AuditAction = Permission | (typeof OTHER_ACTIONS)[number];

/** One act of one viewer, as it is kept. */
export interface AuditEvent {
  viewer: string;
  viewerName?: string | null;
  viewerEmail?: string | null;
  role: string;
  requestId: string;
  action: AuditAction;
  targetType: AuditTargetType;
  /** UUIDs; empty for a target that has a name instead. */
  targetIds: string[];
  /** A queue, class, label or cron key. */
  targetName?: string;
  /** Rows by outcome: `{ "done": 3, "locked": 1 }`. */
  counts: Record<string, number>;
  /** What else is needed to understand it: the chosen time, the callbacks enqueued. */
  details: Record<string, unknown>;
  /** In the viewer's own words. */
  reason?: string | null;
  /** The rows before and after, by id: JSON text that is redacted and bounded already (lib/audit/snapshot.ts). */
  before?: string | null;
  after?: string | null;
  /** Why all of it came to nothing: a code of lib/errors.ts, or of a refusal. */
  error?: string | null;
  /** With `error`: it was not allowed or could not be accepted, rather than begun and undone. */
  refused?: boolean;
}

export function countOutcomes(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Records the act in the transaction that carries it out: either both are there afterwards or neither. Returns the record's id. */
export async function recordAudit(tx: Tx, event: AuditEvent): Promise<string> {
  const [row] = await tx.query<{ id: string }>(sql`
    INSERT INTO ${AUDIT_EVENTS} (viewer, viewer_name, viewer_email, role, request_id, action, target_type, target_ids, target_name, counts, details, reason, before, after, error, refused)
    VALUES (${event.viewer}, ${event.viewerName ?? null}, ${event.viewerEmail ?? null}, ${event.role}, ${event.requestId}, ${event.action}, ${event.targetType},
            ${event.targetIds}::uuid[], ${event.targetName ?? null}, ${JSON.stringify(event.counts)}, ${JSON.stringify(event.details)},
            ${event.reason ?? null}, ${event.before ?? null}, ${event.after ?? null}, ${event.error ?? null}, ${event.refused ?? false}) RETURNING id`);
  if (!row) throw new Error('The audit record was not written.');
  return row.id;
}
