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
import { type RedactedMatch, type ScannedJob, SearchBudget, redactedMatch } from './recheck';
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
  const match = redactedMatch(gj, filter);
  // Each of many rows would have to be looked at again.
  if (!selected || (match.needsRecheck && selected.count > LOOKED_AT_TEXT))
    return countParts(tx, gj, filter, match);
  return match.needsRecheck
    ? countRechecked(tx, gj, filter, selected.term.condition, match)
    : countBy(tx, gj, filter, selected.term.condition, match);
}

interface StateCount {
  state: JobState;
  count: number;
}

interface ScannedPart extends ScannedJob {
  part: string;
  state: JobState;
}

/** Bytes of all parts together that are scanned, an equal share of each: how far one comes depends on no other. */
const COUNTED_BYTES = 1_000_000;

interface Rechecked {
  /** Visible matches by part and state. */
  counts: (StateCount & { part: string })[];
  /** Parts that were not scanned to their end, or hold large jobs that were not searched. */
  partial: Set<string>;
}

/** Counts the visible matches of each part among its first `limit` rows. */
async function recheckParts(
  tx: Tx,
  gj: GoodJob,
  match: RedactedMatch,
  parts: readonly { name: string; where: Sql }[],
  limit: number,
): Promise<Rechecked> {
  const budget = new SearchBudget();
  const maxBytes = Math.floor(COUNTED_BYTES / Math.max(parts.length, 1));
  const scanned = await tx.query<ScannedPart>(
    join(
      parts.map(({ name, where }) => {
        const source = sql`(SELECT * FROM ${gj.jobs} j WHERE ${where} LIMIT ${limit}) j`;
        return sql`SELECT ${name} AS part, scanned.*, (SELECT ${stateOf} FROM ${gj.jobs} j WHERE j.id = scanned.id) AS state
          FROM (${match.endedScanSql(source, { lastN: limit, maxBytes, limit: limit + 1 })}) scanned`;
      }),
      ' UNION ALL ',
    ),
  );
  const result: Rechecked = { counts: [], partial: new Set() };
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

/** All jobs on which an indexed term holds, each rechecked. */
async function countRechecked(
  tx: Tx,
  gj: GoodJob,
  filter: JobFilter,
  condition: Sql,
  match: RedactedMatch,
): Promise<JobCounts> {
  const { counts, partial } = await recheckParts(
    tx,
    gj,
    match,
    [{ name: 'all', where: condition }],
    LOOKED_AT_TEXT + 1,
  );
  return sum(filter, (state) => {
    const count = counts.find((row) => row.state === state)?.count ?? 0;
    return lowerBoundUnless(partial.size === 0, count);
  });
}

function lowerBoundUnless(isExact: boolean, count: number): Count {
  if (isExact) return { kind: 'exact', count };
  return count > 0 ? { kind: 'at_least', count: Math.min(count, AT_LEAST) } : { kind: 'unknown' };
}

/** All jobs on which an indexed term holds: exact. */
async function countBy(
  tx: Tx,
  gj: GoodJob,
  filter: JobFilter,
  condition: Sql,
  match: RedactedMatch,
): Promise<JobCounts> {
  const rows = await tx.query<StateCount>(sql`
    SELECT ${stateOf} AS state, count(*)::int AS count
      FROM (SELECT * FROM ${gj.jobs} j WHERE ${condition} OFFSET 0) j WHERE ${match.sql} GROUP BY 1`);
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
  match: RedactedMatch,
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
  const { counts, partial } = match.needsRecheck
    ? await recheckParts(tx, gj, match, parts, LOOKED_AT_AGAIN)
    : await scanParts(tx, gj, { parts, filter, match, hasDiscarded });
  const found = (state: JobState, ...names: string[]): Count => {
    if (!listed.includes(state)) return { kind: 'exact', count: 0 };
    const count = counts
      .filter((row) => row.state === state && names.includes(row.part))
      .reduce((total, row) => total + row.count, 0);
    return lowerBoundUnless(
      names.every((name) => !partial.has(name)),
      count,
    );
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

interface PartsScan {
  parts: readonly Part[];
  filter: JobFilter;
  match: RedactedMatch;
  hasDiscarded: boolean;
}

/** Counts the matches of each part among its first rows, by SQL alone. */
async function scanParts(
  tx: Tx,
  gj: GoodJob,
  { parts, filter, match, hasDiscarded }: PartsScan,
): Promise<Rechecked> {
  const isAll = filter.terms.length === 0;
  const filtered = filter.terms.some(isSlow) ? LOOKED_AT_TEXT : LOOKED_AT_FILTERED;
  const limit = isAll ? LOOKED_AT : filtered;
  const fits = isAll ? sql`true` : sql`coalesce((${match.sql}), false)`;
  // Of all jobs those that finished are counted by the index alone, and the discarded ones taken from them.
  const isOneState = ({ name, states }: Part) =>
    states.length === 1 || (isAll && hasDiscarded && name === 'finished');
  const rows = await tx.query<StateCount & { part: string; looked: number }>(
    join(
      parts.map(
        (part) => sql`
    SELECT ${part.name} AS part, j.state, count(*)::int AS looked, (count(*) FILTER (WHERE j.fits))::int AS count
      FROM (SELECT ${isOneState(part) ? sql`${part.states[0]}::text` : stateOf} AS state, ${fits} AS fits FROM (SELECT * FROM ${gj.jobs} j WHERE ${part.where} LIMIT ${limit}) j) j
     GROUP BY j.state`,
      ),
      ' UNION ALL ',
    ),
  );
  const looked = (name: string) =>
    rows.filter((row) => row.part === name).reduce((total, row) => total + row.looked, 0);
  return {
    counts: rows,
    partial: new Set(parts.filter(({ name }) => looked(name) >= limit).map(({ name }) => name)),
  };
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
    sql`EXPLAIN (FORMAT JSON) SELECT 1 FROM ${gj.jobs} j WHERE ${redactedMatch(gj, { state: null, terms }).sql}`,
  );
  const [plan] = JSON.parse(row?.['QUERY PLAN'] ?? '[]') as { Plan: { 'Plan Rows': number } }[];
  return plan && plan.Plan['Plan Rows'] >= AT_LEAST
    ? { kind: 'estimate', count: Math.round(plan.Plan['Plan Rows']) }
    : undefined;
}
