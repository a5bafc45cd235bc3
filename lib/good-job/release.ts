import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { claimJobs } from './claim';
import { clock } from './clock';
import { notifiedQueue, notify } from './notify';
import type { Outcome } from './outcomes';
import type { GoodJob } from './tables';

/**
 * Gives jobs of dead workers back to the queue: what GoodJob::Process.cleanup does to them (`locked_by_id` and
 * `locked_at` become null, nothing else), for these jobs alone, at most MAX_JOBS_PER_TRANSACTION, and a notification.
 * The claim leaves a job that somebody live holds alone (`locked`). One that is finished, or that no process is
 * named for, needs no release: `conflict`.
 */
export async function releaseJobs(tx: Tx, gj: GoodJob, ids: string[]): Promise<Outcome[]> {
  const claim = await claimJobs(tx, gj, ids);
  const outcomes = new Map<string, Outcome>(claim.outcomes.map((outcome) => [outcome.id, outcome]));
  const now = await clock(tx);
  const released = await tx.query<{ id: string; queueName: string | null; due: boolean }>(sql`
    UPDATE ${gj.jobs} j SET locked_by_id = NULL, locked_at = NULL
     WHERE j.id = ANY(${claim.jobs.map(({ id }) => id)}::uuid[]) AND j.finished_at IS NULL AND j.locked_by_id IS NOT NULL
     RETURNING j.id, ${notifiedQueue(sql`j.queue_name`)} AS "queueName", coalesce(j.scheduled_at <= ${now}, true) AS due`);
  await notify(
    tx,
    released.filter(({ due }) => due).map(({ queueName }) => queueName ?? 'default'),
    now,
  );
  for (const { id } of released) outcomes.set(id, { id, outcome: 'done' });
  return ids.map((id) => outcomes.get(id) ?? { id, outcome: 'conflict' });
}
