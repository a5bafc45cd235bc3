import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { listStalledRuns } from '../bulk/adoption';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/types';
import { timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import type { JobState } from '../good-job/states';
import { runningByIndex } from '../good-job/running';
import type { GoodJobTables } from '../good-job/tables';
import { countTabs } from '../jobs/counts';
import { parseJobFilter } from '../jobs/filters';
import type { Count } from '../jobs/types';
import { type QueueHead, readQueueHeads } from '../queues/depths';

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
  /** Bulk runs that no server continues; null: unknown. */
  stalledRuns: number | null;
  states: Record<JobState, Count> | null;
  queues: {
    numbers: QueueNumber[];
    oldestReady: { queue: string; seconds: number }[];
    /** Of all queues, those without series too; 0: no job is ready. */
    oldestReadySeconds: number;
    /** Queues without series. */
    omitted: number;
    /** There may be more of them. */
    omittedAtLeast: boolean;
  } | null;
}

const MAX_STALLED_RUNS = 1_000;

/** Bulk runs that no server continues any more, at most 1,000. */
export async function countStalledRuns(ctx: Ctx): Promise<number> {
  const runs = await ctx.db.read((tx) => listStalledRuns(tx, MAX_STALLED_RUNS), {
    timeoutMs: BUDGET_MS,
  });
  return runs.length;
}

/** Jobs by state, for all queues together; each says whether it is exact. */
export async function countStates(ctx: Ctx): Promise<Record<JobState, Count>> {
  return (await countTabs(ctx, parseJobFilter(new URLSearchParams()))).tabs;
}

/**
 * Jobs by queue and state, and how long the oldest ready job of each queue has waited; of the queues whose jobs wait
 * longest. However large the table is, so many jobs are looked at and no more; a number that is not known that way is
 * left out, never guessed.
 */
export async function countQueues(ctx: Ctx): Promise<NonNullable<JobNumbers['queues']>> {
  const { tables } = ctx;
  const heads = await ctx.db.read((tx) => readQueueHeads(tx, tables), {
    timeoutMs: BUDGET_MS,
    byIndexOnly: true,
    inIndexOrder: true,
  });
  const ageOf = (at: string | null) => {
    const seconds = at === null ? 0 : (timestampMs(heads.now) - timestampMs(at)) / 1000;
    return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
  };
  const named = [...heads.open, ...heads.finished.map((name) => ({ name, oldestReadyAt: null }))];
  const listed = await listedQueues(ctx, named);
  const queues = listed.map(({ name }) => name);
  const shared = {
    oldestReady: listed.map(({ name, oldestReadyAt }) => ({
      queue: name,
      seconds: ageOf(oldestReadyAt),
    })),
    oldestReadySeconds: ageOf(heads.oldestReadyAt),
    omitted: named.length + heads.tooLong - listed.length,
    omittedAtLeast: heads.more,
  };
  if (queues.length === 0) return { numbers: [], ...shared };
  const others = await ctx.db.read((tx) => countOthers(tx, ctx, queues), {
    timeoutMs: BUDGET_MS,
    byIndexOnly: true,
  });
  const waiting = await ctx.db.read((tx) => countWaiting(tx, ctx, queues), {
    timeoutMs: BUDGET_MS,
    byIndexOnly: true,
    inIndexOrder: true,
  });
  return { numbers: [...waiting, ...others], ...shared };
}

/** Names that are looked up at once. */
const LOOKED_UP = 150;

/** The first MAX_QUEUES of them whose names may be a label: short, and not hidden by redaction. */
async function listedQueues(ctx: Ctx, heads: QueueHead[]): Promise<QueueHead[]> {
  const short = heads.filter(({ name }) => name !== '' && name.length <= MAX_QUEUE_NAME);
  const listed: QueueHead[] = [];
  for (let at = 0; at < short.length && listed.length < MAX_QUEUES; at += LOOKED_UP) {
    const chunk = short.slice(at, at + LOOKED_UP);
    const redactName = await redactNames(
      ctx,
      'queue_name',
      chunk.map(({ name }) => name),
    );
    listed.push(...chunk.filter(({ name }) => redactName(name) === name));
  }
  return listed.slice(0, MAX_QUEUES);
}

const open = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
/**
 * The jobs of one queue whose scheduled time fulfils `due`, in that order (index_good_jobs_on_queue_name_and_scheduled_at).
 * The queue is a range: with a plain `queue_name =` any index on scheduled_at has the order too, and leads through the
 * backlogs of all other queues.
 */
const scheduledOf = (tables: GoodJobTables, due: Sql, limit: number) => sql`
  SELECT j.error, j.scheduled_at FROM ${tables.jobs} j
   WHERE j.queue_name >= q.queue AND j.queue_name <= q.queue AND ${due} AND ${open}
   ORDER BY j.queue_name, j.scheduled_at LIMIT ${limit}`;
const unsetOf = (tables: GoodJobTables) => sql`
  SELECT j.error, j.created_at FROM ${tables.jobs} j
   WHERE j.queue_name = q.queue AND ${open} AND j.scheduled_at IS NULL LIMIT ${UNSET_AT_MOST + 1}`;
const isDue = sql`j.scheduled_at <= now()`;
const isLater = sql`j.scheduled_at > now()`;
const lacks = ({ tables }: Ctx, migration: string) =>
  tables.schema.missingMigrations.some((missing) => missing.migration === migration);

/** Scheduled, retried and queued jobs: so many of each queue by index_good_jobs_on_queue_name_and_scheduled_at. */
async function countWaiting(tx: Tx, { tables }: Ctx, queues: string[]): Promise<QueueNumber[]> {
  const most = Math.max(500, Math.min(AT_MOST, Math.floor(TOTAL / 2 / queues.length)));
  const part = (state: Sql, rows: Sql, limit: number) => sql`
    SELECT q.queue, found.state, found.count, sum(found.count) OVER (PARTITION BY q.queue) > ${limit} AS more FROM unnest(${queues}::text[]) q(queue), LATERAL (
      SELECT ${state} AS state, count(*)::int AS count FROM (${rows}) j GROUP BY 1) found`;
  const future = sql`CASE WHEN j.error IS NULL THEN 'scheduled' ELSE 'retried' END`;
  const rows = await tx.query<{ queue: string; state: JobState; count: number; more: boolean }>(
    join(
      [
        part(sql`'queued'`, scheduledOf(tables, isDue, most + 1), most),
        part(sql`'queued'`, unsetOf(tables), UNSET_AT_MOST),
        part(future, scheduledOf(tables, isLater, most + 1), most),
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
  const { tables } = ctx;
  const parts: { state: JobState; where: Sql }[] = [
    {
      state: 'running',
      where: sql`${await runningByIndex(tx, tables)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL`,
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
      FROM (SELECT j.queue_name, j.error FROM ${tables.jobs} j WHERE ${where} LIMIT ${AT_MOST + 1}) j GROUP BY 1, 2, 3`,
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
