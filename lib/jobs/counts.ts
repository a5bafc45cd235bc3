import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { costTtl, ProcessCache } from '../core/process-state';
import type { Tx } from '../db/database';
import { refreshRunning, runningByIndex } from '../good-job/locks';
import { type GoodJobTables, hasIndex, stateOf } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { isSlowTerm } from '../search/conditions';
import { indexTerms, cachedSelection, selectTerm } from '../search/index-hints';
import {
  COUNT_LIMITS,
  type CountLimits,
  estimateAll,
  estimateTerm,
  exactOrAtLeast,
  jobCounts,
} from './count-rules';
import {
  type JobFilter,
  isUnderstood,
  jobFilterParams,
  listedStates,
  resolveFilter,
} from './filters';
import {
  MAX_SEARCHED_BYTES,
  type RedactedMatch,
  SearchBudget,
  redactedMatch,
  scannedJob,
} from './recheck';
import { type Count, type JobCounts, type StateCounts, buildStateCounts } from './types';

/** The jobs to count, and the limits. */
interface CountScope {
  tx: Tx;
  tables: GoodJobTables;
  filter: JobFilter;
  match: RedactedMatch;
  limits: CountLimits;
}

/** A number of jobs in one state. */
const stateCountRow = z.strictObject({ state: z.enum(JOB_STATES), count: z.number() });
type StateCount = z.infer<typeof stateCountRow>;

const partCountRow = stateCountRow.extend({
  part: z.string(),
  /** Rows of the part in this state that were scanned. */
  scanned: z.number(),
});

/** A part of the table that one index selects. */
interface Part {
  name: string;
  states: JobState[];
  where: Sql;
}

interface PartCounts {
  /** Matches by part and state. */
  counts: (StateCount & { part: string })[];
  /** Parts that were not scanned to their end, or contain large jobs that were not searched. */
  partial: Set<string>;
}

/**
 * Counts by scanning the first rows of each part of the table. Counts of a larger part are lower
 * bounds.
 */
async function countParts(scope: CountScope): Promise<JobCounts> {
  const { tx, tables, filter, match, limits } = scope;
  const hasDiscarded = hasIndex(tables, 'add_index_good_jobs_discarded');
  const listed = listedStates(filter);
  const all = await partsOf(scope, hasDiscarded, listed);
  const parts = all.filter(({ states }) => states.some((state) => listed.includes(state)));
  if (parts.length === 0)
    return jobCounts(
      filter,
      buildStateCounts(() => ({ kind: 'exact', count: 0 })),
      { limits },
    );
  const { counts, partial } = match.needsRecheck
    ? await recheckParts(scope, parts, limits.recheckScan)
    : await scanParts(scope, parts);
  const countState = (state: JobState, ...names: string[]): Count => {
    if (!listed.includes(state)) return { kind: 'exact', count: 0 };
    const count = counts
      .filter((row) => row.state === state && names.includes(row.part))
      .reduce((total, row) => total + row.count, 0);
    return exactOrAtLeast(
      names.every((name) => !partial.has(name)),
      count,
      limits,
    );
  };
  const tabs: StateCounts = {
    scheduled: countState('scheduled', 'future', 'unset'),
    retried: countState('retried', 'future', 'unset'),
    queued: countState('queued', 'due', 'unset'),
    running: countState('running', 'running'),
    succeeded: countState('succeeded', 'finished'),
    discarded: countState('discarded', hasDiscarded ? 'discarded' : 'finished'),
  };
  const estimate =
    filter.terms.length === 0
      ? await estimateAll(tx, tables, tabs, limits)
      : await estimateTerm(tx, tables, filter.terms, tabs, limits);
  return jobCounts(filter, tabs, { all: estimate, limits });
}

async function partsOf(
  { tx, tables }: CountScope,
  hasDiscarded: boolean,
  listed: readonly JobState[],
): Promise<Part[]> {
  const open = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
  return [
    {
      name: 'future',
      states: ['scheduled', 'retried'],
      where: sql`${open} AND j.scheduled_at > now()`,
    },
    { name: 'due', states: ['queued'], where: sql`${open} AND j.scheduled_at <= now()` },
    {
      name: 'unset',
      states: ['scheduled', 'retried', 'queued'],
      where: sql`${open} AND j.scheduled_at IS NULL`,
    },
    {
      name: 'running',
      states: ['running'],
      where: sql`${await runningByIndex(tx, tables)}
        AND j.finished_at IS NULL
        AND j.performed_at IS NOT NULL`,
    },
    ...(hasDiscarded
      ? [
          {
            name: 'discarded',
            states: ['discarded' as const],
            where: sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`,
          },
        ]
      : []),
    {
      name: 'finished',
      states: hasDiscarded && !listed.includes('succeeded') ? [] : ['succeeded', 'discarded'],
      where: sql`j.finished_at IS NOT NULL`,
    },
  ];
}

/** Counts the matches among the first rows of each part, without a recheck. */
async function scanParts(scope: CountScope, parts: readonly Part[]): Promise<PartCounts> {
  const { filter, match, limits } = scope;
  if (filter.terms.length === 0) return scanAllJobs(scope, parts);
  const limit = filter.terms.some(isSlowTerm) ? limits.textScan : limits.filteredScan;
  return readParts(scope, parts, limit, sql`coalesce((${match.sql}), false)`);
}

/**
 * Counts without a filter. Succeeded jobs are the index entries of finished jobs minus the
 * discarded ones; with too many discarded jobs, the states of the first finished rows are read
 * instead.
 */
async function scanAllJobs(scope: CountScope, parts: readonly Part[]): Promise<PartCounts> {
  const { limits } = scope;
  const total = (rows: PartCounts['counts'], name: string) =>
    rows.filter(({ part }) => part === name).reduce((sum, { count }) => sum + count, 0);
  const bySubtraction = parts.some(({ name }) => name === 'discarded');
  const read = await readParts(
    scope,
    parts.map((part) =>
      bySubtraction && part.name === 'finished' ? { ...part, states: ['succeeded'] } : part,
    ),
    limits.scan,
    sql`true`,
  );
  const finished = parts.find(({ name }) => name === 'finished');
  if (!bySubtraction || !finished) return read;
  const others = read.counts.filter(({ part }) => part !== 'finished');
  if (read.partial.has('discarded')) {
    const first = await readParts(scope, [finished], limits.textScan, sql`true`);
    return {
      counts: [...others, ...first.counts],
      partial: new Set([...read.partial, 'finished']),
    };
  }
  const count = Math.max(0, total(read.counts, 'finished') - total(read.counts, 'discarded'));
  return {
    counts: [...others, { part: 'finished', state: 'succeeded', count }],
    partial: read.partial,
  };
}

/** Counts rows that satisfy `condition` among the first `limit` of each part, by part and state. */
async function readParts(
  { tx, tables }: CountScope,
  parts: readonly Part[],
  limit: number,
  condition: Sql,
): Promise<PartCounts> {
  const rows = await tx.query(
    partCountRow,
    join(
      parts.map(({ name, states, where }) => {
        const state = states.length === 1 ? sql`${states[0]}::text` : stateOf;
        return sql`
          SELECT ${name} AS part, j.state, count(*)::int AS scanned,
                 (count(*) FILTER (WHERE j.fits))::int AS count
            FROM (SELECT ${state} AS state, ${condition} AS fits
                    FROM (SELECT * FROM ${tables.jobs} j WHERE ${where} LIMIT ${limit}) j) j
           GROUP BY j.state`;
      }),
      ' UNION ALL ',
    ),
  );
  const scanned = (name: string) =>
    rows.filter((row) => row.part === name).reduce((total, row) => total + row.scanned, 0);
  return {
    counts: rows,
    partial: new Set(parts.filter(({ name }) => scanned(name) >= limit).map(({ name }) => name)),
  };
}

const scannedPartRow = scannedJob.extend({ part: z.string(), state: z.enum(JOB_STATES) });

/** Counts the visible matches of each part among its first `limit` rows. */
async function recheckParts(
  { tx, tables, match }: CountScope,
  parts: readonly { name: string; where: Sql }[],
  limit: number,
): Promise<PartCounts> {
  const budget = new SearchBudget();
  // Each part gets an equal share, so that where its scan ends does not depend on the others.
  const maxBytes = Math.floor(MAX_SEARCHED_BYTES / Math.max(parts.length, 1));
  const scanned = await tx.query(
    scannedPartRow,
    join(
      parts.map(({ name, where }) => {
        const source = sql`(SELECT * FROM ${tables.jobs} j WHERE ${where} LIMIT ${limit}) j`;
        const scan = match.endedScanSql(source, { lastN: limit, maxBytes, limit: limit + 1 });
        return sql`
          SELECT ${name} AS part, scanned.*,
                 (SELECT ${stateOf} FROM ${tables.jobs} j WHERE j.id = scanned.id) AS state
            FROM (${scan}) scanned`;
      }),
      ' UNION ALL ',
    ),
  );
  const result: PartCounts = { counts: [], partial: new Set() };
  for (const { name } of parts) {
    const all = scanned.filter(({ part }) => part === name).sort((a, b) => a.n - b.n);
    const exhaustedAt = all.findIndex(({ exhausted }) => exhausted);
    const rows = exhaustedAt < 0 ? all : all.slice(0, exhaustedAt + 1);
    const { ids, unsearched } = await match.visibleIds(tx, rows, budget);
    if (exhaustedAt >= 0 || unsearched > 0 || rows.at(-1)?.n === limit) result.partial.add(name);
    for (const state of JOB_STATES) {
      const count = rows.filter((row) => row.state === state && ids.has(row.id)).length;
      if (count > 0) result.counts.push({ part: name, state, count });
    }
  }
  return result;
}

const NO_JOBS = buildStateCounts(() => ({ kind: 'exact', count: 0 }));
const BUDGET_MS = 1_500;

const cache = new ProcessCache<JobCounts>('job counts', {
  ttlMs: costTtl(5_000, 50, 35_000),
  maxEntries: 500,
  expiresOnWrite: true,
});

/**
 * Returns the counts of the tabs and the list. They are cached for all viewers, but never older
 * than the viewer's own last action; a timeout makes them `unknown`.
 */
export async function countTabs(ctx: Ctx, filter: JobFilter): Promise<JobCounts> {
  if (!isUnderstood(filter)) return jobCounts(filter, NO_JOBS);
  const { tables, maxAgeMs } = ctx;
  const key = JSON.stringify(
    jobFilterParams({ ...filter, state: null, sort: null, pageSort: null, limit: 25 }),
  );
  const load = () => {
    refreshRunning(ctx);
    return readCounts(ctx, { ...filter, state: null }, COUNT_LIMITS).catch(unknownOnTimeout);
  };
  const { tabs, all } = await cache.get(tables.schema.identity, key, load, { maxAgeMs });
  return jobCounts(filter, tabs, { all });
}

function unknownOnTimeout(error: unknown): JobCounts {
  if (error instanceof ConsoleError && error.code === 'query_timeout')
    return jobCounts(
      { state: null, terms: [] },
      buildStateCounts(() => ({ kind: 'unknown' })),
    );
  throw error;
}

/** Counts jobs without the cache. Throws ConsoleError `query_timeout`. */
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
  input: JobFilter,
  limits: CountLimits,
): Promise<JobCounts> {
  const { filter } = await resolveFilter(tx, tables, input);
  // Index terms of a state alone are left to countParts.
  const terms = indexTerms(tables, '', listedStates(filter), filter.terms).filter(({ key }) =>
    key.startsWith('['),
  );
  const cached = cachedSelection(tables, terms);
  const selected = cached.selected ?? (cached.all ? null : await selectTerm(tx, tables, terms));
  const match = redactedMatch(tables, filter);
  const scope: CountScope = { tx, tables, filter, match, limits };
  // Too many rows to recheck.
  if (!selected || (match.needsRecheck && selected.count > limits.textScan))
    return countParts(scope);
  const { condition } = selected.term;
  return match.needsRecheck ? countRechecked(scope, condition) : countByTerm(scope, condition);
}

/** Counts the jobs of an indexed term, with a recheck of each. */
async function countRechecked(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { filter, limits } = scope;
  const { counts, partial } = await recheckParts(
    scope,
    [{ name: 'all', where: condition }],
    limits.textScan + 1,
  );
  const tabs = buildStateCounts((state) => {
    const count = counts.find((row) => row.state === state)?.count ?? 0;
    return exactOrAtLeast(partial.size === 0, count, limits);
  });
  return jobCounts(filter, tabs, { limits });
}

/** Counts the jobs of an indexed term exactly. */
async function countByTerm(scope: CountScope, condition: Sql): Promise<JobCounts> {
  const { tx, tables, filter, match, limits } = scope;
  const rows = await tx.query(
    stateCountRow,
    sql`
      SELECT ${stateOf} AS state, count(*)::int AS count
        FROM (SELECT * FROM ${tables.jobs} j WHERE ${condition} OFFSET 0) j
       WHERE ${match.sql}
       GROUP BY 1`,
  );
  const tabs = buildStateCounts((state) => ({
    kind: 'exact',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  }));
  return jobCounts(filter, tabs, { limits });
}
