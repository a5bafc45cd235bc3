import 'server-only';
import sql from 'sql-template-tag';
import { isPaused } from '../good-job/pauses';
import { type Look, type ReadyQueue, inIndexOrder } from './look';

/** Queues looked at, and of each the jobs that are due longest. */
const QUEUES = 200;
const LOOKED_AT = 1_000;

/**
 * Loose index scan over the queues of open jobs, then the head of each
 * (both index_good_jobs_on_queue_name_and_scheduled_at).
 */
export async function readReadyQueues({ ctx: { gj }, grace, read }: Look): Promise<ReadyQueue[]> {
  const isOf = sql`j.queue_name >= n.name AND j.queue_name <= n.name`;
  return read(async (tx) => {
    await inIndexOrder(tx);
    return tx.query<ReadyQueue>(sql`
    WITH RECURSIVE names AS (
      (SELECT j.queue_name AS name FROM ${gj.jobs} j WHERE j.finished_at IS NULL AND j.queue_name >= '' ORDER BY j.queue_name LIMIT 1)
      UNION ALL
      SELECT (SELECT j.queue_name FROM ${gj.jobs} j WHERE j.finished_at IS NULL AND j.queue_name > n.name ORDER BY j.queue_name LIMIT 1) FROM names n WHERE n.name IS NOT NULL)
    SELECT n.name AS queue, head.* FROM (SELECT name FROM names WHERE name IS NOT NULL LIMIT ${QUEUES}) n
     CROSS JOIN LATERAL (
       SELECT min(ready_at) FILTER (WHERE free) AS since, extract(epoch FROM clock_timestamp() - min(ready_at) FILTER (WHERE free))::float8 AS waited,
              (count(*) FILTER (WHERE free))::int AS ready, count(*) > ${LOOKED_AT} AS more,
              (count(*) FILTER (WHERE free AND ready_at < clock_timestamp() - make_interval(mins => ${grace.readyMinutes})))::int AS late
         FROM (SELECT j.ready_at, j.performed_at IS NULL AND j.locked_by_id IS NULL AND NOT coalesce(${isPaused(gj)}, false) AS free
                 FROM ((SELECT j.*, j.scheduled_at AS ready_at FROM ${gj.jobs} j WHERE ${isOf} AND j.finished_at IS NULL AND j.scheduled_at <= now() ORDER BY j.queue_name, j.scheduled_at LIMIT ${LOOKED_AT + 1})
                       UNION ALL
                       (SELECT j.*, j.created_at AS ready_at FROM ${gj.jobs} j WHERE ${isOf} AND j.finished_at IS NULL AND j.scheduled_at IS NULL ORDER BY j.queue_name, j.scheduled_at LIMIT ${LOOKED_AT})) j) j) head
     WHERE head.ready > 0 ORDER BY head.since`);
  });
}
