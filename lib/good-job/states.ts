import sql, { type Sql } from 'sql-template-tag';

/** The six states in the order of the tabs. One rule for tab, badge, count, filter and bulk (GoodJob's own tabs and badges disagree). */
export const JOB_STATES = [
  'scheduled',
  'retried',
  'queued',
  'running',
  'succeeded',
  'discarded',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export function isJobState(value: string): value is JobState {
  return (JOB_STATES as readonly string[]).includes(value);
}

/** When a job may run: a null `scheduled_at` counts as `created_at`. */
export const readyAt = sql`coalesce(j.scheduled_at, j.created_at)`;

/** The state of a `good_jobs` row with the alias `j`, as text; judged at the transaction's start. */
export const stateOf = sql`CASE
  WHEN j.finished_at IS NOT NULL THEN CASE WHEN j.error IS NULL THEN 'succeeded' ELSE 'discarded' END
  WHEN j.performed_at IS NOT NULL THEN 'running'
  WHEN ${readyAt} <= now() THEN 'queued'
  WHEN j.error IS NOT NULL THEN 'retried'
  ELSE 'scheduled' END`;

/** The same rule as a condition on the alias `j`, written so that the partial indexes of the schema match it. */
export function isInState(state: JobState): Sql {
  switch (state) {
    case 'scheduled':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NULL AND ${readyAt} > now()`;
    case 'retried':
      return sql`j.finished_at IS NULL AND j.performed_at IS NULL AND j.error IS NOT NULL AND ${readyAt} > now()`;
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
