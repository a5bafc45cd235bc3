import sql, { raw } from 'sql-template-tag';
import type { Outcome } from '../good-job/outcomes';
import type { Tx } from '../db/types';

export const CONSOLE_SCHEMA = 'good_job_console';
/** One record an act; those of bulk runs have counts that grow with the run. */
export const AUDIT_EVENTS = raw(`"${CONSOLE_SCHEMA}"."audit_events"`);

/** One act of one viewer, as it is kept. */
export interface AuditEvent {
  viewer: string;
  role: string;
  requestId: string;
  /** A permission's name, such as `job.retry`. */
  action: string;
  targetType: 'job' | 'batch' | 'bulk_run' | 'queue' | 'job_class' | 'label' | 'cron_key';
  /** UUIDs; empty for a target that has a name instead. */
  targetIds: string[];
  /** A queue, class, label or cron key. */
  targetName?: string;
  /** Rows by outcome: `{ "done": 3, "locked": 1 }`. */
  counts: Record<string, number>;
  /** What else is needed to understand it: the chosen time, the callbacks enqueued. */
  details: Record<string, unknown>;
}

export function countOutcomes(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Records the act in the transaction that carries it out: either both are there afterwards or neither. Returns the record's id. */
export async function recordAudit(tx: Tx, event: AuditEvent): Promise<string> {
  const [row] = await tx.query<{ id: string }>(sql`
    INSERT INTO ${AUDIT_EVENTS} (viewer, role, request_id, action, target_type, target_ids, target_name, counts, details)
    VALUES (${event.viewer}, ${event.role}, ${event.requestId}, ${event.action}, ${event.targetType},
            ${event.targetIds}::uuid[], ${event.targetName ?? null}, ${JSON.stringify(event.counts)}, ${JSON.stringify(event.details)}) RETURNING id`);
  if (!row) throw new Error('The audit record was not written.');
  return row.id;
}

/** Without the console's own schema (`npm run setup`) the record goes to stdout, one JSON object a line. */
export function printAudit(event: AuditEvent): void {
  console.log(JSON.stringify({ audit: { at: new Date().toISOString(), ...event } }));
}
