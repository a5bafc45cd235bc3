import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import {
  type AttentionCount,
  cachedAttentionCount,
  countFindings,
  getAttention,
} from '../attention/queries';
import type { Ctx } from '../context/types';
import { ProcessCache } from '../core/process-cache';
import { countCronEntries } from '../cron/entries';
import { processStateOf } from '../good-job/processes';
import { pausedNames } from '../good-job/settings';
import { isInState } from '../good-job/states';
import type { Count } from '../jobs/types';

/** The counts in the navigation, as in GoodJob's dashboard. */
export interface NavigationCounts {
  jobs: Count;
  batches: Count;
  /** Processes that are alive by GoodJob's rule; null: unknown on a standby. */
  processes: number | null;
  cron: { enabled: number; disabled: number };
  pauses: number;
  discarded: Count;
}

/** Counts above this are estimates or lower bounds. */
const COUNT_LIMIT = 10_000;
const TTL_MS = 10_000;
/** The maximum age of the counts. */
const MAX_STALE_MS = 10 * 60_000;
const TIMEOUT_MS = 2_000;

const cache = new ProcessCache<NavigationCounts>('navigation', {
  ttlMs: TTL_MS,
  maxEntries: 20,
  expiresOnWrite: true,
});

/**
 * Returns the cached counts without waiting; null: there are none yet. Expired ones start a new
 * count in the background.
 */
export async function cachedNavigationCounts(ctx: Ctx): Promise<NavigationCounts | null> {
  const counts = await cache.latest(
    ctx.tables.schema.identity,
    '',
    () => readNavigationCounts(ctx),
    {
      staleMs: MAX_STALE_MS,
    },
  );
  return counts ?? null;
}

/** Returns counts that are never older than the viewer's last write. */
function freshNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { maxAgeMs } = ctx;
  return cache.get(ctx.tables.schema.identity, '', () => readNavigationCounts(ctx), { maxAgeMs });
}

const navigationCountsRow = z.strictObject({
  jobs: z.number(),
  jobsEstimate: z.number().nullable(),
  batches: z.number(),
  batchesEstimate: z.number().nullable(),
  discarded: z.number(),
  processes: z.number().nullable(),
  pauses: z.number(),
});

/** Counts now, without the cache. */
export async function readNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { tables } = ctx;
  const countRows = (from: Sql) =>
    sql`(SELECT count(*)::int FROM (SELECT 1 FROM ${from} LIMIT ${COUNT_LIMIT + 1}) s)`;
  // The planner's statistics, because counting a large table is too expensive for the navigation.
  const estimateRows = (table: string) => sql`(
    SELECT greatest(c.reltuples, 0)::float8
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${tables.schema.name}
       AND c.relname = ${table})`;
  const [row] = await ctx.db.read(
    (tx) =>
      tx.query(
        navigationCountsRow,
        sql`
          SELECT ${countRows(tables.jobs)} AS jobs,
                 ${estimateRows('good_jobs')} AS "jobsEstimate",
                 ${countRows(tables.batches)} AS batches,
                 ${estimateRows('good_job_batches')} AS "batchesEstimate",
                 ${countRows(sql`${tables.jobs} j WHERE ${isInState('discarded')}`)} AS discarded,
                 (SELECT CASE WHEN bool_and(p.state <> 'unknown') IS NOT FALSE
                              THEN (count(*) FILTER (WHERE p.state <> 'dead'))::int
                         END
                    FROM (SELECT ${processStateOf(tables)} AS state
                            FROM ${tables.processes} p) p) AS processes,
                 (SELECT count(*)::int FROM (${pausedNames(tables)}) p) AS pauses`,
      ),
    { timeoutMs: TIMEOUT_MS, byIndexOnly: true },
  );
  if (!row) throw new Error('The database returned no row for a query without FROM.');
  const cron = await countCronEntries(ctx);
  return {
    jobs: toCount(row.jobs, row.jobsEstimate),
    batches: toCount(row.batches, row.batchesEstimate),
    processes: row.processes,
    cron,
    pauses: row.pauses,
    discarded: toCount(row.discarded, null),
  };
}

function toCount(count: number, estimate: number | null): Count {
  if (count <= COUNT_LIMIT) return { kind: 'exact', count };
  return estimate !== null && estimate > COUNT_LIMIT
    ? { kind: 'estimate', count: estimate }
    : { kind: 'at_least', count: COUNT_LIMIT };
}

/** The counts and the findings in the navigation. */
export interface Badges {
  /** Null: not known yet. */
  counts: NavigationCounts | null;
  /** Null: no findings; undefined: not known yet. */
  attention?: AttentionCount | null;
}

/** How long freshBadges waits for a new search for findings. */
const ATTENTION_WAIT_MS = 2_000;

/** Returns the cached badges without waiting. */
export async function cachedBadges(ctx: Ctx): Promise<Badges> {
  const [counts, attention] = await Promise.all([
    cachedNavigationCounts(ctx),
    cachedAttentionCount(ctx),
  ]);
  return { counts, attention };
}

/**
 * Returns badges that are never older than the viewer's last write; `attention` is undefined if the
 * search takes longer than ATTENTION_WAIT_MS.
 */
export async function freshBadges(ctx: Ctx): Promise<Badges> {
  const search = getAttention(ctx).then(countFindings, () => undefined);
  const [counts, attention] = await Promise.all([
    freshNavigationCounts(ctx),
    Promise.race([search, sleep(ATTENTION_WAIT_MS, undefined, { ref: false })]),
  ]);
  return { counts, attention };
}
