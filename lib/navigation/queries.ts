import 'server-only';
import { setTimeout as sleep } from 'node:timers/promises';
import sql from 'sql-template-tag';
import { z } from 'zod';
import {
  type AttentionCount,
  cachedAttentionCount,
  countFindings,
  getAttention,
} from '../attention/queries';
import { getBatchRow, listBatches } from '../batches/queries';
import type { BatchRow } from '../batches/types';
import { RUNS } from '../bulk/runs';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { ProcessCache } from '../core/process-state';
import { paramsOf } from '../core/urls';
import { processStateOf } from '../good-job/processes';
import { pausedNames } from '../good-job/settings';
import { idRow } from '../good-job/tables';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { completeValue } from '../jobs/suggestions';
import type { Count } from '../jobs/types';
import { idPrefixCondition } from '../search/conditions';

/* The badges of the navigation. */

/** The counts in the navigation: what a viewer can act on. */
export interface NavigationCounts {
  /** Batches that are enqueued and neither finished nor discarded. */
  openBatches: Count;
  /** Processes that are alive by GoodJob's rule; null: unknown on a standby. */
  processes: number | null;
  pauses: number;
  /** Bulk runs in progress. */
  runs: number;
}

/** Batches are counted if there are at most so many: no index finds the open ones. */
const COUNT_LIMIT = 10_000;
const TTL_MS = 10_000;
/** The maximum age of the counts. */
const MAX_STALE_MS = 10 * 60_000;
const COUNTS_TIMEOUT_MS = 2_000;

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
  batches: z.number(),
  openBatches: z.number(),
  processes: z.number().nullable(),
  pauses: z.number(),
  runs: z.number(),
});

/** Counts now, without the cache. */
export async function readNavigationCounts(ctx: Ctx): Promise<NavigationCounts> {
  const { tables } = ctx;
  const runs = ctx.bulkRuns
    ? sql`(SELECT count(*)::int FROM ${RUNS} r WHERE r.state = 'running')`
    : sql`0`;
  const [row] = await ctx.db.read(
    (tx) =>
      tx.query(
        navigationCountsRow,
        sql`
          SELECT b.batches,
                 b."openBatches",
                 (SELECT CASE WHEN bool_and(p.state <> 'unknown') IS NOT FALSE
                              THEN (count(*) FILTER (WHERE p.state <> 'dead'))::int
                         END
                    FROM (SELECT ${processStateOf(tables)} AS state
                            FROM ${tables.processes} p) p) AS processes,
                 (SELECT count(*)::int FROM (${pausedNames(tables)}) p) AS pauses,
                 ${runs} AS runs
            FROM (SELECT count(*)::int AS batches,
                         (count(*) FILTER (WHERE b.enqueued_at IS NOT NULL
                                             AND b.finished_at IS NULL
                                             AND b.discarded_at IS NULL))::int AS "openBatches"
                    FROM (SELECT b.enqueued_at, b.finished_at, b.discarded_at
                            FROM ${tables.batches} b
                           LIMIT ${COUNT_LIMIT + 1}) b) b`,
      ),
    { timeoutMs: COUNTS_TIMEOUT_MS, byIndexOnly: true },
  );
  if (!row) throw new Error('The database returned no row for a query without FROM.');
  const isComplete = row.batches <= COUNT_LIMIT;
  return {
    openBatches: isComplete ? { kind: 'exact', count: row.openBatches } : { kind: 'unknown' },
    processes: row.processes,
    pauses: row.pauses,
    runs: row.runs,
  };
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

/* The palette. */

/** What the palette finds for a text. All of it is redacted. */
export interface PaletteMatches {
  jobs: { id: string; jobClass: string | null }[];
  batches: { id: string; description: string | null }[];
  classes: string[];
  queues: string[];
  cronKeys: string[];
}

export const NO_MATCHES: PaletteMatches = {
  jobs: [],
  batches: [],
  classes: [],
  queues: [],
  cronKeys: [],
};

const MAX_MATCHES = 5;
const MIN_CHARACTERS = 2;
const MATCHES_TIMEOUT_MS = 1_000;
type BatchMatch = PaletteMatches['batches'][number];

/**
 * Returns at most MAX_MATCHES of each kind. A search that takes longer than its timeout finds
 * nothing.
 */
export async function findPaletteMatches(ctx: Ctx, text: string): Promise<PaletteMatches> {
  if (text.length < MIN_CHARACTERS) return NO_MATCHES;
  const digits = idDigits(text);
  const [jobs, batches, classes, queues, cronKeys] = await Promise.all([
    digits ? findJobs(ctx, digits) : [],
    digits ? findBatchesById(ctx, digits) : findBatchesByText(ctx, text),
    ...(['class', 'queue', 'cron'] as const).map((field) => findNames(ctx, field, text)),
  ]);
  return { jobs, batches, classes: classes ?? [], queues: queues ?? [], cronKeys: cronKeys ?? [] };
}

/** Returns the digits of a UUID or of its beginning, if there are at least 8. */
function idDigits(text: string): string | null {
  const digits = text.toLowerCase().replaceAll('-', '');
  return /^[0-9a-f]{8,32}$/.test(digits) ? digits : null;
}

/** Uses good_jobs_pkey and index_good_jobs_on_active_job_id_and_created_at. */
async function findJobs(ctx: Ctx, digits: string): Promise<PaletteMatches['jobs']> {
  const filter = parseJobFilter(paramsOf({ q: `id:${digits}`, limit: String(MAX_MATCHES) }));
  const page = await listJobs(ctx, filter).catch(ignoreTimeout);
  return (page?.rows ?? []).map(({ id, jobClass }) => ({ id, jobClass }));
}

/** Uses good_job_batches_pkey. */
async function findBatchesById(ctx: Ctx, digits: string): Promise<BatchMatch[]> {
  const ids = await ctx.db
    .read(
      (tx) =>
        tx.query(
          idRow,
          sql`
            SELECT b.id
              FROM ${ctx.tables.batches} b
             WHERE ${idPrefixCondition(sql`b.id`, digits)}
             LIMIT ${MAX_MATCHES}`,
        ),
      { timeoutMs: MATCHES_TIMEOUT_MS, byIndexOnly: true },
    )
    .catch(ignoreTimeout);
  const rows = await Promise.all((ids ?? []).map(({ id }) => getBatchRow(ctx, id)));
  return rows.flatMap((row) => (row ? [toMatch(row)] : []));
}

/** Searches the newest batches within the budget of a search. */
async function findBatchesByText(ctx: Ctx, text: string): Promise<BatchMatch[]> {
  const filter = { state: null, q: text, limit: MAX_MATCHES, cursor: null, notUnderstood: [] };
  const page = await listBatches(ctx, filter).catch(ignoreTimeout);
  return (page?.rows ?? []).map(toMatch);
}

const toMatch = ({ id, description }: BatchRow): BatchMatch => ({ id, description });

async function findNames(
  ctx: Ctx,
  field: 'class' | 'queue' | 'cron',
  text: string,
): Promise<string[]> {
  const names = await completeValue(ctx, field, text).catch(ignoreTimeout);
  return (names ?? []).filter((name) => name.trim() !== '').slice(0, MAX_MATCHES);
}
