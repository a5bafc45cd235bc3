import type { AuditEvent } from './audit';

/**
 * What an act came to as a whole. `refused`: not allowed, or it could not be accepted. `failed`: it was begun and undone.
 * `unchanged`: every row was in another state, held, or gone. `started`: a bulk run that has dealt with no job yet.
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

/** The rule of the column `outcome` (lib/audit/migrations.ts, version 5). */
export function outcomeOf({
  refused,
  error,
  counts,
  details,
}: Pick<AuditEvent, 'refused' | 'error' | 'counts' | 'details'>): AuditOutcome {
  if (refused) return 'refused';
  if (error) return 'failed';
  const names = Object.keys(counts);
  if (names.length === 0) return 'bulk_run' in details ? 'started' : 'done';
  if (names.every((name) => name === 'done')) return 'done';
  if (names.includes('done')) return 'mixed';
  return names.every((name) => name === 'refused') ? 'refused' : 'unchanged';
}
