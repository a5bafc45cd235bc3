import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { MAX_NAME_BYTES } from '../db/name-limit';
import type { Tx } from '../db/types';
import { runningByIndex } from '../good-job/running';
import { readyAt } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import type { Count } from '../jobs/types';
import type { QueueRow } from './types';

export type Depth = Pick<QueueRow, 'ready' | 'scheduled' | 'retried' | 'running'>;

/** A lower bound says no more than this. */
const AT_LEAST = 10_000;
/** Entries of an index that are counted at most, over all queues together. */
const ENTRIES = 300_000;
const FEWEST = 200;

interface DepthRow {
  name: string | null;
  due: number;
  future: number;
  retried: number;
  unset: number;
  unsetReady: number;
  unsetRetried: number;
}

/**
 * What is open in each queue. Ready jobs are counted in the index alone (index_good_jobs_on_queue_name_and_scheduled_at):
 * those that are due, without those of them that run.
 */
export async function queueDepths(
  tx: Tx,
  gj: GoodJob,
  names: string[],
  unnamed: boolean,
): Promise<Map<string | null, Depth>> {
  const running = await tx.query<{ name: string | null; running: number; due: number }>(sql`
    SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS name, count(*)::int AS running, (count(*) FILTER (WHERE j.scheduled_at <= now()))::int AS due
      FROM ${gj.jobs} j WHERE ${await runningByIndex(tx, gj)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL GROUP BY 1`);
  const most = Math.max(
    FEWEST,
    Math.min(AT_LEAST, Math.floor(ENTRIES / Math.max(names.length, 1))),
  );
  const limit = most + Math.max(0, ...running.map(({ due }) => due)) + 1;
  const isNull = sql`j.queue_name IS NULL`;
  const ofUnnamed = sql`UNION ALL SELECT NULL, d.* FROM (${depthOf(gj, isNull, isNull, limit)}) d`;
  const rows = await tx.query<DepthRow>(
    sql`SELECT q.name, d.* FROM unnest(${names}::text[]) q(name) CROSS JOIN LATERAL (${depthOf(gj, sql`j.queue_name = q.name`, sql`j.queue_name >= q.name AND j.queue_name <= q.name`, limit)}) d
    ${unnamed ? ofUnnamed : empty}`,
  );
  const runs = new Map(running.map((row) => [row.name, row]));
  return new Map(rows.map((row) => [row.name, depthFrom(row, runs.get(row.name), most, limit)]));
}

/**
 * `ordered`: the same queue as a range, and in its order: that of the index on queue names. Else the planner takes the
 * one on scheduled_at, and goes through the jobs of all queues for each of them.
 */
function depthOf(gj: GoodJob, inQueue: Sql, ordered: Sql, limit: number): Sql {
  const open = (when: Sql) =>
    sql`FROM ${gj.jobs} j WHERE ${ordered} AND j.finished_at IS NULL AND ${when} ORDER BY j.queue_name, j.scheduled_at`;
  return sql`
    SELECT (SELECT count(*)::int FROM (SELECT 1 FROM ${gj.jobs} j WHERE ${inQueue} AND j.finished_at IS NULL AND j.scheduled_at <= now() LIMIT ${limit}) j) AS due,
           f.future, f.retried, u.unset, u.ready AS "unsetReady", u.retried AS "unsetRetried"
      FROM (SELECT count(*)::int AS future, (count(*) FILTER (WHERE j.performed_at IS NULL AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.performed_at, j.error ${open(sql`j.scheduled_at > now()`)} LIMIT ${limit}) j) f,
           (SELECT count(*)::int AS unset, (count(*) FILTER (WHERE ${readyAt} <= now()))::int AS ready,
                   (count(*) FILTER (WHERE ${readyAt} > now() AND j.error IS NOT NULL))::int AS retried
              FROM (SELECT j.scheduled_at, j.created_at, j.error ${open(sql`j.scheduled_at IS NULL AND j.performed_at IS NULL`)} LIMIT ${limit}) j) u`;
}

function depthFrom(
  row: DepthRow,
  runs: { running: number; due: number } | undefined,
  most: number,
  limit: number,
): Depth {
  const running = runs?.running ?? 0;
  // Running jobs whose time is still to come are rare (a clock, a hand), and stand among the future ones.
  const count = (number: number, complete: boolean): Count =>
    complete
      ? { kind: 'exact', count: Math.max(0, number) }
      : { kind: 'at_least', count: Math.min(Math.max(0, number), most) };
  const unsetFuture = row.unset - row.unsetReady - row.unsetRetried;
  const whole = row.future < limit && row.unset < limit;
  return {
    ready: count(row.due - (runs?.due ?? 0) + row.unsetReady, row.due < limit && row.unset < limit),
    scheduled: count(row.future - row.retried + unsetFuture, whole),
    retried: count(row.retried + row.unsetRetried, whole),
    running: { kind: 'exact', count: running },
  };
}
