import 'server-only';
import sql, { type Sql, join, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { isMeasurable, secondsBetween } from '../db/durations';
import type { Tx } from '../db/types';
import { runningByIndex } from '../good-job/running';
import type { JobState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { countTabs } from '../jobs/counts';
import { looseScan } from '../jobs/distinct-values';
import { parseJobFilter } from '../jobs/filters';
import type { Count } from '../jobs/types';
import { redactNames } from '../redact-names';

/** Queues with series of their own at most; names come from job data. */
export const MAX_QUEUES = 100;
/** UTF-16 units: a longer name is no name that anybody alerts on. */
export const MAX_QUEUE_NAME = 200;
/** Of one queue no more are counted, and of all queues together no more than TOTAL are looked at. */
const AT_MOST = 10_000;
const TOTAL = 200_000;
/** Jobs without `scheduled_at` are a leftover of old releases. */
const UNSET_AT_MOST = 1_000;
const BUDGET_MS = 2_000;

export interface QueueNumber {
  queue: string;
  state: JobState;
  /** There are more: `count` is where counting ended. */
  count: Extract<Count, { count: number }>;
}

export interface JobNumbers {
  states: Record<JobState, Count> | null;
  queues: {
    numbers: QueueNumber[];
    oldestReady: { queue: string; seconds: number }[];
    omitted: number;
  } | null;
}

/** Jobs by state, for all queues together; each says whether it is exact. */
export async function countStates(ctx: Ctx): Promise<Record<JobState, Count>> {
  return (await countTabs(ctx, parseJobFilter(new URLSearchParams()))).tabs;
}

/**
 * Jobs by queue and state, and how long the oldest ready job of each queue has waited. However large the table is, so
 * many jobs are looked at and no more; a number that is not known that way is left out, never guessed.
 */
export function countQueues(ctx: Ctx): Promise<NonNullable<JobNumbers['queues']>> {
  const { gj } = ctx;
  return ctx.db.read(
    async (tx) => {
      const { queues, omitted } = await queueNames(tx, ctx);
      if (queues.length === 0) return { numbers: [], oldestReady: [], omitted };
      const others = await countOthers(tx, ctx, queues);
      // From here on in the order of an index and no other way: a bitmap or a sort reads a queue whole before its first row.
      for (const way of ['bitmapscan', 'sort', 'incremental_sort'])
        await tx.query(raw(`SET LOCAL enable_${way} = off`));
      const numbers = [...(await countWaiting(tx, ctx, queues)), ...others];
      const oldestReady = await tx.query<{ queue: string; seconds: number }>(sql`
        SELECT q.queue,
               greatest(0, coalesce(${secondsBetween(sql`oldest.since`, sql`clock_timestamp()::timestamp`)}, 0)) AS seconds
          FROM unnest(${queues}::text[]) q(queue)
         CROSS JOIN LATERAL (
               SELECT least(
                        (SELECT j.scheduled_at FROM (${scheduledOf(gj, sql`${isMeasurable(sql`j.scheduled_at`)} AND ${isDue}`, 1)}) j),
                        (SELECT min(j.created_at) FILTER (WHERE ${isMeasurable(sql`j.created_at`)}) FROM (${unsetOf(gj)}) j)
                      )::timestamp AS since OFFSET 0) oldest`);
      return { numbers, oldestReady, omitted };
    },
    { timeoutMs: BUDGET_MS, byIndexOnly: true },
  );
}

const open = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
/**
 * The jobs of one queue whose scheduled time fulfils `due`, in that order (index_good_jobs_on_queue_name_and_scheduled_at).
 * The queue is a range: with a plain `queue_name =` any index on scheduled_at has the order too, and leads through the
 * backlogs of all other queues.
 */
const scheduledOf = (gj: GoodJob, due: Sql, limit: number) => sql`
  SELECT j.error, j.scheduled_at FROM ${gj.jobs} j
   WHERE j.queue_name >= q.queue AND j.queue_name <= q.queue AND ${due} AND ${open}
   ORDER BY j.queue_name, j.scheduled_at LIMIT ${limit}`;
const unsetOf = (gj: GoodJob) => sql`
  SELECT j.error, j.created_at FROM ${gj.jobs} j
   WHERE j.queue_name = q.queue AND ${open} AND j.scheduled_at IS NULL LIMIT ${UNSET_AT_MOST + 1}`;
const isDue = sql`j.scheduled_at <= now()`;
const isLater = sql`j.scheduled_at > now()`;
const lacks = ({ gj }: Ctx, migration: string) =>
  gj.schema.missingMigrations.some((missing) => missing.migration === migration);

/** By index_good_jobs_on_queue_name; without it those of the jobs that are not finished (index_good_jobs_on_queue_name_and_scheduled_at). */
async function queueNames(tx: Tx, ctx: Ctx): Promise<{ queues: string[]; omitted: number }> {
  const where = lacks(ctx, 'add_index_good_jobs_queue_name')
    ? sql`j.finished_at IS NULL`
    : sql`true`;
  const { values, tooLong } = await looseScan(tx, ctx.gj, 'queue_name', where, '', MAX_QUEUES * 2);
  const found = values.map(({ value }) => value);
  const redactName = await redactNames(ctx, 'queue_name', found, tx);
  const queues = found
    .filter((queue) => queue.length <= MAX_QUEUE_NAME && redactName(queue) === queue)
    .slice(0, MAX_QUEUES);
  return { queues, omitted: found.length + tooLong - queues.length };
}

/** Scheduled, retried and queued jobs: so many of each queue by index_good_jobs_on_queue_name_and_scheduled_at. */
async function countWaiting(tx: Tx, { gj }: Ctx, queues: string[]): Promise<QueueNumber[]> {
  const most = Math.max(500, Math.min(AT_MOST, Math.floor(TOTAL / 2 / queues.length)));
  const part = (state: Sql, rows: Sql, limit: number) => sql`
    SELECT q.queue, found.state, found.count, sum(found.count) OVER (PARTITION BY q.queue) > ${limit} AS more FROM unnest(${queues}::text[]) q(queue), LATERAL (
      SELECT ${state} AS state, count(*)::int AS count FROM (${rows}) j GROUP BY 1) found`;
  const future = sql`CASE WHEN j.error IS NULL THEN 'scheduled' ELSE 'retried' END`;
  const rows = await tx.query<{ queue: string; state: JobState; count: number; more: boolean }>(
    join(
      [
        part(sql`'queued'`, scheduledOf(gj, isDue, most + 1), most),
        part(sql`'queued'`, unsetOf(gj), UNSET_AT_MOST),
        part(future, scheduledOf(gj, isLater, most + 1), most),
      ],
      ' UNION ALL ',
    ),
  );
  return queues.flatMap((queue) =>
    (['queued', 'scheduled', 'retried'] as const).map((state) => {
      const own = rows.filter((row) => row.queue === queue && row.state === state);
      const isCut = rows.some(
        (row) =>
          row.queue === queue && row.more && (state === 'queued') === (row.state === 'queued'),
      );
      const count = own.reduce((sum, row) => sum + row.count, 0);
      return {
        queue,
        state,
        count: {
          kind: isCut ? ('at_least' as const) : ('exact' as const),
          count: isCut ? Math.min(count, most) : count,
        },
      };
    }),
  );
}

/** Of running, discarded and finished jobs all are counted when they are few enough; else nothing is said of their queues. */
async function countOthers(tx: Tx, ctx: Ctx, queues: string[]): Promise<QueueNumber[]> {
  const { gj } = ctx;
  const parts: { state: JobState; where: Sql }[] = [
    {
      state: 'running',
      where: sql`${await runningByIndex(tx, gj)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL`,
    },
    ...(lacks(ctx, 'add_index_good_jobs_discarded')
      ? []
      : [
          {
            state: 'discarded' as const,
            where: sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`,
          },
        ]),
    { state: 'succeeded', where: sql`j.finished_at IS NOT NULL` },
  ];
  const rows = await tx.query<{
    part: JobState;
    queue: string | null;
    state: JobState;
    count: number;
  }>(
    join(
      parts.map(
        ({ state, where }) => sql`
    SELECT ${state} AS part, left(j.queue_name, ${MAX_QUEUE_NAME + 1}::int) AS queue, CASE WHEN ${state} <> 'succeeded' OR j.error IS NULL THEN ${state} ELSE 'discarded' END AS state, count(*)::int AS count
      FROM (SELECT j.queue_name, j.error FROM ${gj.jobs} j WHERE ${where} LIMIT ${AT_MOST + 1}) j GROUP BY 1, 2, 3`,
      ),
      ' UNION ALL ',
    ),
  );
  return parts.flatMap(({ state }) => {
    const own = rows.filter(({ part }) => part === state);
    if (own.reduce((sum, { count }) => sum + count, 0) > AT_MOST) return [];
    return queues.map((queue) => ({
      queue,
      state,
      count: {
        kind: 'exact' as const,
        count: own.find((row) => row.queue === queue && row.state === state)?.count ?? 0,
      },
    }));
  });
}
