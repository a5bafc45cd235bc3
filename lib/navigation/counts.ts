import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import sql, { type Sql } from 'sql-template-tag';
import {
  type AttentionCount,
  attentionCount,
  countFindings,
  getAttention,
} from '../attention/queries';
import type { Ctx } from '../context/types';
import { ProcessCache } from '../core/process-cache';
import { countCronEntries } from '../cron/entries';
import { processStateOf } from '../good-job/processes';
import { pausedNames } from '../good-job/pauses';
import { isInState } from '../good-job/states';
import type { Count } from '../jobs/types';

/** What stands beside the names in the navigation, as in GoodJob's own. */
export interface NavigationCounts {
  jobs: Count;
  batches: Count;
  /** Alive by GoodJob's rule; null: not known on a standby. */
  processes: number | null;
  cron: { enabled: number; disabled: number };
  pauses: number;
  discarded: Count;
}

const AT_LEAST = 10_000;
const TTL_MS = 10_000;
/** Older numbers are not shown. */
const MAX_STALE_MS = 10 * 60_000;
const TIMEOUT_MS = 2_000;

const cache = new ProcessCache<NavigationCounts>('navigation', {
  ttlMs: TTL_MS,
  maxEntries: 20,
  expiresOnWrite: true,
});

/** The last numbers, at once; a new count runs behind the answer once they are ten seconds old. Null: not known yet. */
export async function navigationCounts(ctx: Ctx): Promise<NavigationCounts | null> {
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

/** Counts that are not older than the viewer's last change. */
export function freshNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { maxAgeMs } = ctx;
  return cache.get(ctx.tables.schema.identity, '', () => readNavigationCounts(ctx), { maxAgeMs });
}

export async function readNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { tables } = ctx;
  const some = (from: Sql) =>
    sql`(SELECT count(*)::int FROM (SELECT 1 FROM ${from} LIMIT ${AT_LEAST + 1}) s)`;
  // By the planner's statistics: a scan of a large table would be for a number that nobody acts on.
  const about = (table: string) =>
    sql`(SELECT greatest(c.reltuples, 0)::float8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${tables.schema.name} AND c.relname = ${table})`;
  const [row] = await ctx.db.read(
    (tx) =>
      tx.query<{
        jobs: number;
        jobsAbout: number;
        batches: number;
        batchesAbout: number;
        discarded: number;
        processes: number | null;
        pauses: number;
      }>(sql`
        SELECT ${some(tables.jobs)} AS jobs, ${about('good_jobs')} AS "jobsAbout", ${some(tables.batches)} AS batches, ${about('good_job_batches')} AS "batchesAbout",
               ${some(sql`${tables.jobs} j WHERE ${isInState('discarded')}`)} AS discarded,
               (SELECT CASE WHEN bool_and(p.state <> 'unknown') IS NOT FALSE THEN (count(*) FILTER (WHERE p.state <> 'dead'))::int END
                  FROM (SELECT ${processStateOf(tables)} AS state FROM ${tables.processes} p) p) AS processes,
               (SELECT count(*)::int FROM (${pausedNames(tables)}) p) AS pauses`),
    { timeoutMs: TIMEOUT_MS, byIndexOnly: true },
  );
  if (!row) throw new Error('A query without FROM has one row.');
  const cron = await countCronEntries(ctx);
  const count = (counted: number, estimate: number | null): Count => {
    if (counted <= AT_LEAST) return { kind: 'exact', count: counted };
    return estimate !== null && estimate > AT_LEAST
      ? { kind: 'estimate', count: estimate }
      : { kind: 'at_least', count: AT_LEAST };
  };
  return {
    jobs: count(row.jobs, row.jobsAbout),
    batches: count(row.batches, row.batchesAbout),
    processes: row.processes,
    cron,
    pauses: row.pauses,
    discarded: count(row.discarded, null),
  };
}

/** The numbers beside the names in the navigation. */
export interface Badges {
  /** Null: not known yet. */
  counts: NavigationCounts | null;
  /** Null: nothing needs attention; undefined: not known yet. */
  attention?: AttentionCount | null;
}

/** How long a viewer's own action waits for the search for findings. */
const ATTENTION_WAIT_MS = 2_000;

/** The last numbers, at once. */
export async function lastBadges(ctx: Ctx): Promise<Badges> {
  const [counts, attention] = await Promise.all([navigationCounts(ctx), attentionCount(ctx)]);
  return { counts, attention };
}

/** Numbers that are not older than the viewer's last change. */
export async function freshBadges(ctx: Ctx): Promise<Badges> {
  const search = getAttention(ctx).then(countFindings, () => undefined);
  const [counts, attention] = await Promise.all([
    freshNavigationCounts(ctx),
    Promise.race([search, sleep(ATTENTION_WAIT_MS, undefined, { ref: false })]),
  ]);
  return { counts, attention };
}
