import sql, { type Sql, join } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { runningByIndex } from '../good-job/running';
import { JOB_STATES, type JobState, stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { isSlow } from '../search/conditions';
import {
  type CountLimits,
  countsOf,
  estimateAll,
  estimateTerm,
  exactOrAtLeast,
  jobCounts,
} from './count-rules';
import { type JobFilter, listedStates } from './filters';
import { type RedactedMatch, type ScannedJob, SearchBudget } from './recheck';
import type { Count, JobCounts } from './types';

/** What is counted, and how far. */
export interface CountScope {
  tx: Tx;
  tables: GoodJobTables;
  filter: JobFilter;
  match: RedactedMatch;
  limits: CountLimits;
}

export interface StateCount {
  state: JobState;
  count: number;
}

/** Rows of the table that an index finds. */
interface Part {
  name: string;
  states: JobState[];
  where: Sql;
}

interface PartCounts {
  /** Matches by part and state. */
  counts: (StateCount & { part: string })[];
  /** Parts that were not scanned to their end, or hold large jobs that were not searched. */
  partial: Set<string>;
}

/** Scans the first rows of each part of the table; the counts of a larger part are lower bounds. */
export async function countParts(scope: CountScope): Promise<JobCounts> {
  const { tx, tables, filter, match, limits } = scope;
  const hasDiscarded = !tables.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  const listed = listedStates(filter);
  const all = await partsOf(scope, hasDiscarded, listed);
  // A part without a state of the filter has nothing to count.
  const parts = all.filter(({ states }) => states.some((state) => listed.includes(state)));
  if (parts.length === 0)
    return jobCounts(
      filter,
      countsOf(() => ({ kind: 'exact', count: 0 })),
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
  const tabs: Record<JobState, Count> = {
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
      where: sql`${await runningByIndex(tx, tables)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL`,
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

/** Counts the matches of each part among its first rows, by SQL alone. */
async function scanParts(scope: CountScope, parts: readonly Part[]): Promise<PartCounts> {
  const { filter, match, limits } = scope;
  if (filter.terms.length === 0) return scanAllJobs(scope, parts);
  const limit = filter.terms.some(isSlow) ? limits.textScan : limits.filteredScan;
  return readParts(scope, parts, limit, sql`coalesce((${match.sql}), false)`);
}

/**
 * Counts without a filter. Finished jobs are counted by their index alone and the discarded ones subtracted; where
 * those are too many to be counted, the states of the first finished rows are read.
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

/** Counts by part and state the rows among the first `limit` of each part on which `condition` holds. */
async function readParts(
  { tx, tables }: CountScope,
  parts: readonly Part[],
  limit: number,
  condition: Sql,
): Promise<PartCounts> {
  const rows = await tx.query<StateCount & { part: string; scanned: number }>(
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

interface ScannedPart extends ScannedJob {
  part: string;
  state: JobState;
}

/** Bytes that are scanned of all parts together, an equal share of each: where one ends depends on no other. */
const SCANNED_BYTES = 1_000_000;

/** Counts the visible matches of each part among its first `limit` rows. */
export async function recheckParts(
  { tx, tables, match }: CountScope,
  parts: readonly { name: string; where: Sql }[],
  limit: number,
): Promise<PartCounts> {
  const budget = new SearchBudget();
  const maxBytes = Math.floor(SCANNED_BYTES / Math.max(parts.length, 1));
  const scanned = await tx.query<ScannedPart>(
    join(
      parts.map(({ name, where }) => {
        const source = sql`(SELECT * FROM ${tables.jobs} j WHERE ${where} LIMIT ${limit}) j`;
        return sql`
          SELECT ${name} AS part, scanned.*,
                 (SELECT ${stateOf} FROM ${tables.jobs} j WHERE j.id = scanned.id) AS state
            FROM (${match.endedScanSql(source, { lastN: limit, maxBytes, limit: limit + 1 })}) scanned`;
      }),
      ' UNION ALL ',
    ),
  );
  const result: PartCounts = { counts: [], partial: new Set() };
  for (const { name } of parts) {
    const all = scanned.filter(({ part }) => part === name).sort((a, b) => a.n - b.n);
    const cut = all.findIndex(({ exhausted }) => exhausted);
    const rows = cut < 0 ? all : all.slice(0, cut + 1);
    const { ids, unsearched } = await match.visibleIds(tx, rows, budget);
    if (cut >= 0 || unsearched > 0 || rows.at(-1)?.n === limit) result.partial.add(name);
    for (const state of JOB_STATES) {
      const count = rows.filter((row) => row.state === state && ids.has(row.id)).length;
      if (count > 0) result.counts.push({ part: name, state, count });
    }
  }
  return result;
}
