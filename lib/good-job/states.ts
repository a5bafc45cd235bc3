import sql, { type Sql } from 'sql-template-tag';
import { secondsBetween } from '../db/text-limit';
import type { JobState } from './types';

/** The time from which the job `j` may run; a null `scheduled_at` counts as `created_at`. */
export const readyAt = sql`coalesce(j.scheduled_at, j.created_at)`;

/** The state of the job `j` as text, at the start of the transaction. */
export const stateOf = sql`CASE
  WHEN j.finished_at IS NOT NULL
    THEN CASE WHEN j.error IS NULL THEN 'succeeded' ELSE 'discarded' END
  WHEN j.performed_at IS NOT NULL THEN 'running'
  WHEN ${readyAt} <= now() THEN 'queued'
  WHEN j.error IS NOT NULL THEN 'retried'
  ELSE 'scheduled' END`;

/**
 * Seconds that the job `j` waited for its last attempt, or has waited for its next one; NULL before
 * it is due and for a job that finished without an attempt.
 */
export const waitSeconds = sql`CASE
  WHEN j.performed_at IS NOT NULL OR (j.finished_at IS NULL AND ${readyAt} <= now())
    THEN ${secondsBetween(
      readyAt,
      sql`greatest(coalesce(j.performed_at, now()), ${readyAt})`,
    )} END`;

/** Seconds that the last attempt of the job `j` ran, or has run; NULL without an attempt. */
export const runSeconds = sql`CASE
  WHEN j.performed_at IS NOT NULL
    THEN ${secondsBetween(
      sql`j.performed_at`,
      sql`greatest(coalesce(j.finished_at, now()), j.performed_at)`,
    )} END`;

/** Whether the job `j` is in the state, written so that the schema's partial indexes match. */
export function isInState(state: JobState): Sql {
  switch (state) {
    case 'scheduled':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NULL
        AND ${readyAt} > now()`;
    case 'retried':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NOT NULL
        AND ${readyAt} > now()`;
    case 'queued':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND ${readyAt} <= now()`;
    case 'running':
      return sql`j.finished_at IS NULL AND j.performed_at IS NOT NULL`;
    case 'succeeded':
      return sql`j.finished_at IS NOT NULL AND j.error IS NULL`;
    case 'discarded':
      return sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`;
  }
}
