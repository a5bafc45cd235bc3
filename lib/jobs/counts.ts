import 'server-only';
import sql, { type Sql, join } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import type { Tx } from '../db/types';
import { ConsoleError } from '../errors';
import { refreshRunning, runningByIndex } from '../good-job/running';
import { JOB_STATES, type JobState, stateOf } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { type JobFilter, isUnderstood, jobFilterParams, listedStates } from './filters';
import { indexTerms, knownSelected, select } from './index-terms';
import { type Candidates, candidates } from './recheck';
import { settle } from './settle';
import { sizesByIndexes } from './table-sizes';
import { isSlow, wildcard } from './term-conditions';
import type { Term } from './terms';
import type { Count, JobCounts } from './types';

/** A lower bound says no more than this. */
const AT_LEAST = 10_000;
/** Jobs looked at in each part of the table: nobody waits longer for a better number. */
const LOOKED_AT = 40_000;
const LOOKED_AT_FILTERED = 15_000;
const LOOKED_AT_TEXT = 4_000;
/** Where each of them must be looked at again. */
const LOOKED_AT_AGAIN = 1_500;
const BUDGET_MS = 1_500;
/** A count is kept so long, and one that took its time so much longer. */
const KEPT_MS = 5_000;
const KEPT_PER_MS = 50;
const KEPT = 500;

const shared = globalThis as typeof globalThis & {
  goodJobConsoleCounts?: Map<string, { counts: Promise<JobCounts>; until: number }>;
};
const kept = (shared.goodJobConsoleCounts ??= new Map<
  string,
  { counts: Promise<JobCounts>; until: number }
>());

/** Counts for the tabs and the list; for all viewers of this server together, and again after a few seconds. */
export async function countTabs(ctx: Ctx, filter: JobFilter): Promise<JobCounts> {
  if (!isUnderstood(filter)) return sum(filter, () => ({ kind: 'exact', count: 0 }));
  const key = JSON.stringify([
    ctx.gj.schema.name,
    jobFilterParams({ ...filter, state: null, sort: null, limit: 25 }),
  ]);
  const known = kept.get(key);
  const counts = known && known.until > Date.now() ? known.counts : counted(ctx, filter, key);
  const { tabs, all } = await counts;
  return { tabs, all, list: sum(filter, (state) => tabs[state], all).list };
}

function counted(ctx: Ctx, filter: JobFilter, key: string): Promise<JobCounts> {
  const started = Date.now();
  refreshRunning(ctx);
  const entry = {
    counts: ctx.db
      .read((tx) => countAll(tx, ctx.gj, { ...filter, state: null }), {
        timeoutMs: BUDGET_MS,
        byIndexOnly: true,
      })
      .catch(unknown),
    until: started + BUDGET_MS * 4,
  };
  kept.delete(key);
  kept.set(key, entry);
  for (const old of kept.keys()) if (kept.size > KEPT) kept.delete(old);
  entry.counts.then(
    () =>
      (entry.until = Date.now() + KEPT_MS + Math.min((Date.now() - started) * KEPT_PER_MS, 30_000)),
    () => kept.delete(key),
  );
  return entry.counts;
}

function unknown(error: unknown): JobCounts {
  if (error instanceof ConsoleError && error.code === 'query_timeout')
    return sum({ state: null, terms: [] }, () => ({ kind: 'unknown' }));
  throw error;
}

/** The sum of counts is what the least certain of them is. */
function sum(
  filter: Pick<JobFilter, 'state' | 'terms'>,
  of: (state: JobState) => Count,
  all?: Count,
): JobCounts {
  const add = (states: readonly JobState[]): Count => {
    const counts = states.map(of);
    const count = counts.reduce(
      (total, one) => total + (one.kind === 'unknown' ? 0 : one.count),
      0,
    );
    if (counts.every((one) => one.kind === 'exact')) return { kind: 'exact', count };
    if (counts.every((one) => one.kind === 'exact' || one.kind === 'estimate'))
      return { kind: 'estimate', count };
    return count > 0 ? { kind: 'at_least', count: Math.min(count, AT_LEAST) } : { kind: 'unknown' };
  };
  const states = listedStates(filter);
  return {
    tabs: Object.fromEntries(JOB_STATES.map((state) => [state, of(state)])) as Record<
      JobState,
      Count
    >,
    all: all ?? add(JOB_STATES),
    list: all && filter.state === null ? all : add(states),
  };
}

async function countAll(tx: Tx, gj: GoodJob, asked: JobFilter): Promise<JobCounts> {
  const { filter } = await settle(tx, gj, asked);
  // Not by the state alone: that is what the parts below are for.
  const terms = indexTerms(gj, '', listedStates(filter), filter.terms).filter(({ key }) =>
    key.startsWith('['),
  );
  const known = knownSelected(terms);
  const selected = known.selected ?? (known.all ? null : await select(tx, gj, terms));
  const found = candidates(gj, filter);
  // Each of many rows would have to be looked at again.
  if (!selected || (found.isDoubtful && selected.count > LOOKED_AT_TEXT))
    return countParts(tx, gj, filter, found);
  return countBy(tx, gj, filter, selected.term.condition, found);
}

interface Found {
  state: JobState;
  count: number;
  /** Where each must be looked at again. */
  ids: string[] | null;
}

/** What is left of the numbers when each of the jobs has been looked at again. */
async function recount<Row extends Found>(tx: Tx, found: Candidates, rows: Row[]): Promise<Row[]> {
  if (!found.isDoubtful) return rows;
  const kept = await found.keep(
    tx,
    rows.flatMap(({ ids }) => ids ?? []),
  );
  return rows.map((row) => ({
    ...row,
    count: (row.ids ?? []).filter((id) => kept.has(id)).length,
  }));
}

/** All jobs on which an indexed term holds: exact. */
async function countBy(
  tx: Tx,
  gj: GoodJob,
  filter: JobFilter,
  condition: Sql,
  found: Candidates,
): Promise<JobCounts> {
  const read = await tx.query<Found>(sql`
    SELECT ${stateOf} AS state, count(*)::int AS count, ${found.isDoubtful ? sql`array_agg(j.id)` : sql`NULL::uuid[]`} AS ids
      FROM (SELECT * FROM ${gj.jobs} j WHERE ${condition} OFFSET 0) j WHERE ${found.condition} GROUP BY 1`);
  const rows = await recount(tx, found, read);
  return sum(filter, (state) => ({
    kind: 'exact',
    count: rows.find((row) => row.state === state)?.count ?? 0,
  }));
}

interface Part {
  name: string;
  states: JobState[];
  where: Sql;
}

/** The table in parts that an index each keeps; of each so many jobs are looked at, and when it has more the counts are lower bounds. */
async function countParts(
  tx: Tx,
  gj: GoodJob,
  filter: JobFilter,
  doubtful: Candidates,
): Promise<JobCounts> {
  const open = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
  const hasDiscarded = !gj.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  const listed = listedStates(filter);
  const all: Part[] = [
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
      where: sql`${await runningByIndex(tx, gj)} AND j.finished_at IS NULL AND j.performed_at IS NOT NULL`,
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
  // Where the filter leaves a state out there is nothing to look for.
  const parts = all.filter(({ states }) => states.some((state) => listed.includes(state)));
  if (parts.length === 0) return sum(filter, () => ({ kind: 'exact', count: 0 }));
  const isAll = filter.terms.length === 0;
  const limit = isAll
    ? LOOKED_AT
    : doubtful.isDoubtful
      ? LOOKED_AT_AGAIN
      : filter.terms.some(isSlow)
        ? LOOKED_AT_TEXT
        : LOOKED_AT_FILTERED;
  const fits = isAll ? sql`true` : sql`coalesce((${doubtful.condition}), false)`;
  // Of all jobs those that finished are counted by the index alone, and the discarded ones taken from them.
  const ids = doubtful.isDoubtful ? sql`array_agg(j.id) FILTER (WHERE j.fits)` : sql`NULL::uuid[]`;
  const read = await tx.query<Found & { part: string; looked: number }>(
    join(
      parts.map(
        ({ name, states, where }) => sql`
    SELECT ${name} AS part, j.state, count(*)::int AS looked, (count(*) FILTER (WHERE j.fits))::int AS count, ${ids} AS ids
      FROM (SELECT j.id, ${states.length === 1 || (isAll && hasDiscarded && name === 'finished') ? sql`${states[0]}::text` : stateOf} AS state, ${fits} AS fits FROM (SELECT * FROM ${gj.jobs} j WHERE ${where} LIMIT ${limit}) j) j
     GROUP BY j.state`,
      ),
      ' UNION ALL ',
    ),
  );
  const rows = await recount(tx, doubtful, read);
  const looked = (part: string) =>
    rows.filter((row) => row.part === part).reduce((total, row) => total + row.looked, 0);
  const found = (state: JobState, ...names: string[]): Count => {
    if (!listed.includes(state)) return { kind: 'exact', count: 0 };
    const count = rows
      .filter((row) => row.state === state && names.includes(row.part))
      .reduce((total, row) => total + row.count, 0);
    if (names.every((name) => looked(name) < limit)) return { kind: 'exact', count };
    return count > 0 ? { kind: 'at_least', count: Math.min(count, AT_LEAST) } : { kind: 'unknown' };
  };
  const tabs: Record<JobState, Count> = {
    scheduled: found('scheduled', 'future', 'unset'),
    retried: found('retried', 'future', 'unset'),
    queued: found('queued', 'due', 'unset'),
    running: found('running', 'running'),
    succeeded: found('succeeded', 'finished'),
    discarded: found('discarded', hasDiscarded ? 'discarded' : 'finished'),
  };
  if (!isAll)
    return sum(filter, (state) => tabs[state], await estimated(tx, gj, filter.terms, tabs));
  if (hasDiscarded && tabs.succeeded.kind === 'exact' && tabs.discarded.kind === 'exact')
    tabs.succeeded.count -= tabs.discarded.count;
  return sum(filter, (state) => tabs[state], await estimateAll(tx, gj, tabs));
}

/** Where all jobs are too many to count, the statistics of the table and of its partial indexes know about how many. */
async function estimateAll(
  tx: Tx,
  gj: GoodJob,
  tabs: Record<JobState, Count>,
): Promise<Count | undefined> {
  if (Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const sizes = await sizesByIndexes(tx, gj);
  const about = (state: JobState, size: number | null, ...without: JobState[]) => {
    const others = without.map((other) => tabs[other]);
    if (
      tabs[state].kind === 'exact' ||
      size === null ||
      others.some(({ kind }) => kind !== 'exact' && kind !== 'estimate')
    )
      return;
    const count = others.reduce(
      (rest, other) => rest - (other.kind === 'unknown' ? 0 : other.count),
      size,
    );
    if (count >= AT_LEAST) tabs[state] = { kind: 'estimate', count };
  };
  about('discarded', sizes.discarded);
  about('succeeded', sizes.finished, 'discarded');
  about('queued', sizes.unfinished, 'scheduled', 'retried', 'running');
  return sizes.all !== null && sizes.all >= AT_LEAST
    ? { kind: 'estimate', count: sizes.all }
    : undefined;
}

/** Of one class, queue or label alone the planner knows how many there are. */
async function estimated(
  tx: Tx,
  gj: GoodJob,
  terms: Term[],
  tabs: Record<JobState, Count>,
): Promise<Count | undefined> {
  const [term] = terms;
  const isKnown =
    terms.length === 1 &&
    term?.kind === 'match' &&
    !term.negated &&
    ['class', 'queue', 'label'].includes(term.field) &&
    term.values.every((value) => wildcard(value) === null);
  if (!isKnown || Object.values(tabs).every(({ kind }) => kind === 'exact')) return undefined;
  const [row] = await tx.query<{ 'QUERY PLAN': string }>(
    sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${gj.jobs} j WHERE ${candidates(gj, { state: null, terms }).condition}`,
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan && plan.Plan['Plan Rows'] >= AT_LEAST
    ? { kind: 'estimate', count: Math.round(plan.Plan['Plan Rows']) }
    : undefined;
}
