import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { ProcessCache, costTtl } from '../core/process-cache';
import type { Tx } from '../db/database';
import { refreshRunning } from '../good-job/running';
import { stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { indexTerms, knownSelected, select } from '../search/index-hints';
import { type CountScope, type StateCount, countParts, recheckParts } from './count-parts';
import { CountLimits, COUNT_LIMITS, countsOf, exactOrAtLeast, jobCounts } from './count-rules';
import { type JobFilter, isUnderstood, jobFilterParams, listedStates } from './filters';
import { redactedMatch } from './recheck';
import { resolveFilter } from './resolve-filter';
import type { JobCounts } from './types';

const NO_JOBS = countsOf(() => ({ kind: 'exact', count: 0 }));
const BUDGET_MS = 1_500;

const cache = new ProcessCache<JobCounts>('job counts', {
  ttlMs: costTtl(5_000, 50, 35_000),
  maxEntries: 500,
  expiresOnWrite: true,
});

/** Counts for the tabs and the list: cached for all viewers of this server, and not older than the viewer's last change. */
export async function countTabs(ctx: Ctx, filter: JobFilter): Promise<JobCounts> {
  if (!isUnderstood(filter)) return jobCounts(filter, NO_JOBS);
  const { tables, maxAgeMs } = ctx;
  const key = JSON.stringify(jobFilterParams({ ...filter, state: null, sort: null, limit: 25 }));
  const load = () => {
    refreshRunning(ctx);
    return readCounts(ctx, { ...filter, state: null }, COUNT_LIMITS).catch(unknown);
  };
  const { tabs, all } = await cache.get(tables.schema.identity, key, load, { maxAgeMs });
  return jobCounts(filter, tabs, { all });
}

function unknown(error: unknown): JobCounts {
  if (error instanceof ConsoleError && error.code === 'query_timeout')
    return jobCounts(
      { state: null, terms: [] },
      countsOf(() => ({ kind: 'unknown' })),
    );
  throw error;
}

/** Counts without the cache, under any limits. */
export async function readCounts(
  ctx: Ctx,
  filter: JobFilter,
  limits: CountLimits,
): Promise<JobCounts> {
  const { tabs, all } = await ctx.db.read(
    (tx) => countAll(tx, ctx.tables, { ...filter, state: null }, limits),
    { timeoutMs: BUDGET_MS, byIndexOnly: true },
  );
  return jobCounts(filter, tabs, { all, limits });
}

async function countAll(
  tx: Tx,
  tables: GoodJobTables,
  asked: JobFilter,
  limits: CountLimits,
): Promise<JobCounts> {
  const { filter } = await resolveFilter(tx, tables, asked);
  // Not by the state alone: that is what the parts below are for.
  const terms = indexTerms(tables, '', listedStates(filter), filter.terms).filter(({ key }) =>
    key.startsWith('['),
  );
  const known = knownSelected(tables, terms);
  const selected = known.selected ?? (known.all ? null : await select(tx, tables, terms));
  const match = redactedMatch(tables, filter);
  const scope: CountScope = { tx, tables, filter, match, limits };
  // Each of many rows would have to be checked again.
  if (!selected || (match.needsRecheck && selected.count > limits.textScan))
    return countParts(scope);
  const { condition } = selected.term;
  return match.needsRecheck ? countRechecked(scope, condition) : countByTerm(scope, condition);
}

/** All jobs on which an indexed term holds, each rechecked. */
async function countRechecked(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { filter, limits } = scope;
  const { counts, partial } = await recheckParts(
    scope,
    [{ name: 'all', where: condition }],
    limits.textScan + 1,
  );
  const tabs = countsOf((state) => {
    const count = counts.find((row) => row.state === state)?.count ?? 0;
    return exactOrAtLeast(partial.size === 0, count, limits);
  });
  return jobCounts(filter, tabs, { limits });
}

/** All jobs on which an indexed term holds: exact. */
async function countByTerm(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { tx, tables, filter, match, limits } = scope;
  const rows = await tx.query<StateCount>(sql`
    SELECT ${stateOf} AS state, count(*)::int AS count
      FROM (SELECT * FROM ${tables.jobs} j WHERE ${condition} OFFSET 0) j WHERE ${match.sql} GROUP BY 1`);
  const tabs = countsOf((state) => ({
    kind: 'exact',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  }));
  return jobCounts(filter, tabs, { limits });
}
