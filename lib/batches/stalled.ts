import sql, { type Sql, join } from 'sql-template-tag';
import { isHanging } from '../good-job/completion';
import { isPaused } from '../good-job/pauses';
import type { LivePools } from '../good-job/processes';
import { readyAt } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';

/** Whether a live process serves the queue of the job `j`; true where a process does not report its queues. */
function isServed({ pools, silent }: LivePools): Sql {
  if (silent > 0 || pools.some(({ served }) => served.kind === 'all')) return sql`true`;
  const conditions = pools.flatMap(({ served }) => {
    if (served.kind === 'except')
      return [sql`(j.queue_name = ANY(${served.queues}::text[])) IS NOT TRUE`];
    return served.kind === 'only' ? [sql`j.queue_name = ANY(${served.queues}::text[])`] : [];
  });
  return conditions.length > 0 ? sql`(${join(conditions, ' OR ')})` : sql`false`;
}

/**
 * Whether the batch `b` is stalled: it is enqueued and not finished, and either its completion check is due, or none of
 * its unfinished jobs is running, waits for a time, or can be taken by a live process. By index_good_jobs_on_batch_id;
 * OFFSET 0 keeps the planner from everybody's unfinished jobs.
 */
export function isStalled(gj: GoodJob, live: LivePools): Sql {
  const hasOpen = (condition: Sql) => sql`
    EXISTS (SELECT 1 FROM (SELECT * FROM ${gj.jobs} WHERE batch_id = b.id OFFSET 0) j
             WHERE j.finished_at IS NULL AND ${condition} LIMIT 1)`;
  const canBeTaken = sql`
    (NOT coalesce(${isPaused(gj)}, false) AND (${readyAt} > now() OR ${isServed(live)}))`;
  return sql`(b.enqueued_at IS NOT NULL AND b.finished_at IS NULL AND (${isHanging(gj)}
    OR (${hasOpen(sql`true`)} AND NOT ${hasOpen(sql`(j.performed_at IS NOT NULL OR ${canBeTaken})`)})))`;
}
