import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { countCronEntries } from '../cron/entries';
import type { Ctx } from '../ctx';
import { pausedNames } from '../good-job/pauses';
import { processStateOf } from '../good-job/processes';
import type { DetectedSchema } from '../good-job/schema';
import { isInState } from '../good-job/states';
import type { Count } from '../jobs/types';

/** What stands beside the names in the navigation, as in GoodJob's own. */
export interface NavigationCounts {
  jobs: Count;
  batches: Count;
  /** Alive by GoodJob's rule. */
  processes: number;
  cron: { enabled: number; disabled: number };
  pauses: number;
  discarded: Count;
}

const AT_LEAST = 10_000;
const FRESH_MS = 10_000;
const MAX_AGE_MS = 10 * 60_000;
const TIMEOUT_MS = 2_000;

interface Kept {
  last: NavigationCounts | null;
  at: number;
  /** Nobody looks again before that. */
  until: number;
}

/** Modules are instantiated more than once in one server; by schema, for tests ask several databases. */
const shared = globalThis as typeof globalThis & {
  goodJobConsoleNavigation?: WeakMap<DetectedSchema, Kept>;
};
const kept = (shared.goodJobConsoleNavigation ??= new WeakMap<DetectedSchema, Kept>());

/** The numbers as they were last counted, at once, and counted again behind the answer once they are ten seconds old. Null: not known yet. */
export function navigationCounts(ctx: Ctx): NavigationCounts | null {
  const known = kept.get(ctx.gj.schema);
  const now = Date.now();
  if (!known || known.until <= now) {
    const entry: Kept = {
      last: known?.last ?? null,
      at: known?.at ?? 0,
      until: now + TIMEOUT_MS * 3,
    };
    kept.set(ctx.gj.schema, entry);
    void readNavigationCounts(ctx).then(
      (last) => Object.assign(entry, { last, at: Date.now(), until: Date.now() + FRESH_MS }),
      // The page itself says what is wrong with the database.
      () => undefined,
    );
  }
  return known?.last && now - known.at <= MAX_AGE_MS ? known.last : null;
}

/** Counts now, for a viewer who has just changed something. */
export async function freshNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const last = await readNavigationCounts(ctx);
  const at = Date.now();
  kept.set(ctx.gj.schema, { last, at, until: at + FRESH_MS });
  return last;
}

export async function readNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { gj } = ctx;
  const some = (from: Sql) =>
    sql`(SELECT count(*)::int FROM (SELECT 1 FROM ${from} LIMIT ${AT_LEAST + 1}) s)`;
  // By the planner's statistics: a scan of a large table would be for a number that nobody acts on.
  const about = (table: string) =>
    sql`(SELECT greatest(c.reltuples, 0)::float8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${gj.schema.name} AND c.relname = ${table})`;
  const [row] = await ctx.db.read(
    (tx) =>
      tx.query<{
        jobs: number;
        jobsAbout: number;
        batches: number;
        batchesAbout: number;
        discarded: number;
        processes: number;
        pauses: number;
      }>(sql`
        SELECT ${some(gj.jobs)} AS jobs, ${about('good_jobs')} AS "jobsAbout", ${some(gj.batches)} AS batches, ${about('good_job_batches')} AS "batchesAbout",
               ${some(sql`${gj.jobs} j WHERE ${isInState('discarded')}`)} AS discarded,
               (SELECT count(*)::int FROM ${gj.processes} p WHERE ${processStateOf(gj)} <> 'dead') AS processes,
               (SELECT count(*)::int FROM (${pausedNames(gj)}) p) AS pauses`),
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
