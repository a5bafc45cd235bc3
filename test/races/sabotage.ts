import type pg from 'pg';
import type { RaceAction } from './client';

const STATEMENTS: Record<RaceAction, string> = {
  discard: `
    UPDATE good_jobs
       SET finished_at = now(),
           error = 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
           error_event = 5,
           updated_at = now()
     WHERE id = $1 AND finished_at IS NULL`,
  retry: `
    UPDATE good_jobs
       SET finished_at = NULL,
           performed_at = NULL,
           locked_by_id = NULL,
           scheduled_at = now(),
           error_event = 3,
           updated_at = now()
     WHERE id = $1 AND error IS NOT NULL`,
  reschedule: `
    UPDATE good_jobs
       SET scheduled_at = now(), locked_by_id = NULL, updated_at = now()
     WHERE id = $1 AND finished_at IS NULL`,
};

/**
 * Changes jobs without any lock, as an operator with psql would, so that the checks have violations
 * to find.
 */
export async function actWithoutLocks(
  client: pg.Client,
  action: RaceAction,
  ids: string[],
): Promise<{ id: string; outcome: string }[]> {
  const outcomes: { id: string; outcome: string }[] = [];
  for (const id of ids) {
    const { rowCount } = await client.query(STATEMENTS[action], [id]);
    outcomes.push({ id, outcome: rowCount === 1 ? 'done' : 'conflict' });
  }
  return outcomes;
}
