import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { codeOf } from '../db/error-code';
import type { Tx } from '../db/types';
import { ConsoleError } from '../errors';
import { GROUP_LOOKED_AT } from '../good-job/failure-group';
import {
  type FailurePlace,
  type FailureRow,
  type FailureWindow,
  discardedFailures,
  retriedFailures,
  waitingUntil,
} from '../good-job/failure-rows';
import { isInState } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { redactError } from '../redaction';
import { cut } from '../text';
import type { FailureFilter } from './filters';
import { Groups } from './groups';
import { redactSamples } from './samples';
import {
  type DiscardCount,
  type DiscardCounts,
  FAILURE_RANGES,
  type FailurePage,
  RANGE_NAMES,
} from './types';

/** What a page takes for looking at failures, ms; and when somebody asks for more. */
const BUDGET_MS = 110;
const DEEP_BUDGET_MS = 500;
const FIRST_CHUNK = 500;
const LARGEST_CHUNK = 4_000;
const CHUNK_MS = 60;
/** A chunk that is slower than the one before it may still end. */
const OVERTIME_MS = 150;
const GROUPS_SHOWN = 50;
const GROUPS_SHOWN_DEEP = 300;
const WEEK = 604_800;

/** Failures by class, error and frame: the newest first, as far back as the time allows for, and it says how far. */
export async function listFailures(
  ctx: Ctx,
  filter: FailureFilter,
  budgetMs = filter.deep ? DEEP_BUDGET_MS : BUDGET_MS,
): Promise<FailurePage> {
  const seconds = Math.max(WEEK, 2 * FAILURE_RANGES[filter.range]);
  const { page, shown } = await ctx.db.read(
    async (tx) => {
      const [clock] = await tx.query<{ now: string; since: string }>(
        sql`SELECT now() AS now, now() - make_interval(secs => ${seconds}) AS since`,
      );
      if (!clock) throw new Error('The database did not tell its time.');
      const window: FailureWindow = {
        since: clock.since,
        until: await waitingUntil(tx, ctx.gj),
        classes: filter.jobClass === null ? null : [filter.jobClass],
      };
      const groups = new Groups(clock.now, filter.range);
      const deadline = performance.now() + budgetMs;
      for (const row of await retriedFailures(tx, ctx.gj, window)) groups.add(row);
      const stoppedAt = await walk(tx, ctx.gj, window, deadline, (row) => groups.add(row));
      const since = stoppedAt ?? clock.since;
      const found = groups.inRange(since);
      const shown = found.slice(0, filter.deep ? GROUPS_SHOWN_DEEP : GROUPS_SHOWN);
      const unfolded = found.find(({ fingerprint }) => fingerprint === filter.group);
      if (unfolded && !shown.includes(unfolded)) shown.push(unfolded);
      return {
        shown,
        page: {
          now: clock.now,
          more: found.length - shown.length,
          looked: groups.looked,
          since,
          cut: stoppedAt !== null,
          until: window.until,
        },
      };
    },
    { byIndexOnly: true },
  );
  // In a transaction of its own: a chunk that was cut short has ended the other.
  return {
    ...page,
    groups: await ctx.db.read((tx) => redactSamples(tx, ctx.gj, shown), { byIndexOnly: true }),
  };
}

/** Discarded jobs in chunks, each as large as the time that is left allows for. Where it stopped; null: at the window's beginning. */
async function walk(
  tx: Tx,
  gj: GoodJob,
  window: FailureWindow,
  deadline: number,
  take: (row: FailureRow) => void,
): Promise<string | null> {
  let from: FailurePlace | null = null;
  let size = FIRST_CHUNK;
  for (let looked = 0; looked < GROUP_LOOKED_AT;) {
    const started = performance.now();
    // The first chunk is read whatever it costs: a page that has looked at nothing says nothing.
    if (from)
      await tx.query(
        sql`SET LOCAL statement_timeout = ${raw(String(Math.ceil(Math.max(deadline - started, 0) + OVERTIME_MS)))}`,
      );
    let rows: FailureRow[];
    try {
      rows = await discardedFailures(tx, gj, window, from, size);
    } catch (error) {
      // Cut in the middle of a chunk: those before it still hold.
      if (codeOf(error) === '57014' && from) return from.at;
      throw error;
    }
    rows.forEach(take);
    looked += rows.length;
    const last = rows.at(-1);
    if (rows.length < size || !last) return null;
    from = last;
    const left = deadline - performance.now();
    if (left <= 0) return last.at;
    const perMs = rows.length / Math.max(performance.now() - started, 0.1);
    size = Math.max(50, Math.min(LARGEST_CHUNK, Math.round(perMs * Math.min(CHUNK_MS, left))));
  }
  return from?.at ?? null;
}

/** Discarded jobs that are counted by name at most: 30 ms for each 10,000. */
const COUNTED = 60_000;
const COUNTED_AT_LEAST = 5_000;
const COUNT_MS = 900;
const NAMES_SHOWN = 500;
const NAME_READ = 300;

/** GoodJob's own two tables: discarded jobs by class or by exception (what stands before the first `: `), in all and by its columns. */
export async function countDiscarded(
  ctx: Ctx,
  filter: FailureFilter,
  limit = COUNTED,
): Promise<DiscardCounts> {
  return readCounts(ctx, filter, limit).catch((error: unknown) => {
    if (error instanceof ConsoleError && error.code === 'query_timeout' && limit > COUNTED_AT_LEAST)
      return readCounts(ctx, filter, COUNTED_AT_LEAST);
    throw error;
  });
}

async function readCounts(
  ctx: Ctx,
  { by, jobClass }: FailureFilter,
  limit: number,
): Promise<DiscardCounts> {
  const name: Sql =
    by === 'class'
      ? sql`left(j.job_class, ${NAME_READ})`
      : sql`left(split_part(left(j.error, 2000), ': ', 1), ${NAME_READ})`;
  const bare: Sql = by === 'class' ? sql`false` : sql`position(': ' IN left(j.error, 2000)) = 0`;
  const ofClass = jobClass === null ? sql`true` : sql`j.job_class = ${jobClass}`;
  const rows = await ctx.db.read(
    (tx) =>
      tx.query<{
        name: string | null;
        bare: boolean;
        counts: string;
        since: string;
        now: string;
        looked: number;
      }>(sql`
        WITH looked AS MATERIALIZED (
          SELECT ${name} AS name, ${bare} AS bare, j.finished_at FROM ${ctx.gj.jobs} j
           WHERE ${isInState('discarded')} AND ${ofClass} ORDER BY j.finished_at DESC LIMIT ${limit + 1})
        SELECT name, bool_or(bare) AS bare, now() AS now, (SELECT min(finished_at) FROM looked) AS since, (SELECT count(*)::int FROM looked) AS looked,
               array_to_json(ARRAY[count(*)::int, ${raw(RANGE_NAMES.map((range) => `(count(*) FILTER (WHERE finished_at >= now() - interval '${FAILURE_RANGES[range]} seconds'))::int`).join(', '))}])::text AS counts
          FROM looked GROUP BY name ORDER BY name`),
    { byIndexOnly: true, timeoutMs: COUNT_MS },
  );
  const counted = rows.map((row): DiscardCount => {
    const [all = 0, ...counts] = JSON.parse(row.counts) as number[];
    const shown =
      row.name === null ? null : cut(by === 'class' ? row.name : redactError(row.name), NAME_READ);
    return {
      name: shown,
      all,
      counts,
      bare: row.bare,
      cut: shown !== row.name || (row.name ?? '').length >= NAME_READ,
    };
  });
  const total: DiscardCount = {
    name: null,
    bare: false,
    cut: false,
    all: counted.reduce((sum, { all }) => sum + all, 0),
    counts: RANGE_NAMES.map((_, n) =>
      counted.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0),
    ),
  };
  const [first] = rows;
  return {
    rows: counted.slice(0, NAMES_SHOWN),
    total,
    since: first && first.looked > limit ? first.since : null,
    now: first?.now ?? new Date().toISOString(),
  };
}
