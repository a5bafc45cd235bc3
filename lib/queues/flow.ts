import 'server-only';
import sql from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { nullOnTimeout } from '../core/errors';
import { ProcessCache, costTtl } from '../core/process-cache';
import type { Tx } from '../db/database';
import { MAX_NAME_BYTES, secondsBetween } from '../db/text-limit';
import { readyAt } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import type { Count } from '../jobs/types';
import { type FlowReading, type QueueFlow, RANGES, type Range } from './filters';

export interface Flow {
  reading: FlowReading;
  queues: Map<string | null, QueueFlow>;
}

/** The range is looked at in equal parts, of each its newest jobs, so that a burst does not hide the hours before it. */
const PARTS = 60;
/** Queues of which the numbers are read, those with the most jobs first. */
const QUEUES = 2_000;
/** Jobs that are looked at, over all parts together. */
const LOOKED_AT = 12_000;
/** What a part has is counted in the index alone, up to here. */
const COUNTED_A_PART = 30_000;
const DISCARDED = 10_000;
const BUDGET_MS = 1_500;
/** All viewers of this server share one reading, and an expensive one is read less often. */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 40;
const MAX_TTL_MS = 30_000;
/** Who asks within this time gets the old reading, and another runs behind it. */
const STALE_MS = 15_000;

const cache = new ProcessCache<Flow | null>('queue flow', {
  ttlMs: costTtl(TTL_MS, TTL_PER_QUERY_MS, MAX_TTL_MS),
  maxEntries: 50,
});

/** What became of the jobs of each queue in the range; null: not in time. */
export function flowWithin(ctx: Ctx, range: Range): Promise<Flow | null> {
  const read = () =>
    ctx.db
      .read((tx) => readFlow(tx, ctx.tables, range), { timeoutMs: BUDGET_MS, byIndexOnly: true })
      .catch(nullOnTimeout);
  return cache.get(ctx.tables.schema.identity, range, read, { staleMs: STALE_MS });
}

interface FlowRow {
  name: string | null;
  looked: number;
  /** Jobs that the ones that were looked at stand for. */
  finished: number;
  discarded: number;
  p50: number | null;
  p95: number | null;
}

/** By index_good_jobs_jobs_on_finished_at_only; discarded jobs by index_good_jobs_on_discarded, of GoodJob 4.18. */
export async function readFlow(
  tx: Tx,
  tables: GoodJobTables,
  range: Range,
  most = LOOKED_AT,
): Promise<Flow> {
  const step = sql`interval '1 second' * ${RANGES[range] / PARTS}::float8`;
  const within = sql`j.finished_at IS NOT NULL AND j.finished_at > now() - ${step} * (n + 1) AND j.finished_at <= now() - ${step} * n`;
  const parts = await tx.query<{ total: number }>(sql`
    SELECT (SELECT count(*)::int FROM (SELECT 1 FROM ${tables.jobs} j WHERE ${within} LIMIT ${COUNTED_A_PART}) j) AS total FROM generate_series(0, ${PARTS - 1}::int) n ORDER BY n`);
  const totals = parts.map(({ total }) => total);
  const jobsAPart = shareOf(totals, most);
  // Each job looked at stands for so many of its part.
  const weights = totals.map((total) => Math.max(1, total / jobsAPart));
  const rows = await tx.query<FlowRow>(sql`
    WITH looked AS MATERIALIZED (
      SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS queue_name, j.failed, CASE WHEN j.wait < 0 THEN 0 ELSE j.wait END AS wait, w.weight
        FROM unnest(${weights}::float8[]) WITH ORDINALITY w(weight, ord) CROSS JOIN LATERAL (SELECT (w.ord - 1)::int AS n OFFSET 0) part
       CROSS JOIN LATERAL (SELECT j.queue_name, j.error IS NOT NULL AS failed, ${secondsBetween(readyAt, sql`j.performed_at`)} AS wait
                             FROM ${tables.jobs} j WHERE ${within} ORDER BY j.finished_at DESC LIMIT ${jobsAPart}) j),
    waited AS (SELECT queue_name, wait, sum(weight) OVER (PARTITION BY queue_name ORDER BY wait) AS upto, sum(weight) OVER (PARTITION BY queue_name) AS total FROM looked WHERE wait IS NOT NULL),
    waits AS (SELECT queue_name, min(wait) FILTER (WHERE upto >= total * 0.5) AS p50, min(wait) FILTER (WHERE upto >= total * 0.95) AS p95 FROM waited GROUP BY queue_name),
    sums AS (SELECT queue_name, count(*)::int AS looked, sum(weight) AS finished, coalesce(sum(weight) FILTER (WHERE failed), 0) AS discarded FROM looked GROUP BY queue_name)
    SELECT s.queue_name AS name, s.looked, s.finished, s.discarded, w.p50, w.p95 FROM sums s LEFT JOIN waits w ON w.queue_name IS NOT DISTINCT FROM s.queue_name
     ORDER BY s.looked DESC LIMIT ${QUEUES}`);
  const isSample = totals.some((total) => total > jobsAPart);
  const isCounted = totals.every((total) => total < COUNTED_A_PART);
  const about = (number: number): Count =>
    isSample
      ? { kind: 'estimate', count: Math.round(number) }
      : { kind: 'exact', count: Math.round(number) };
  const discarded = await discardedWithin(tx, tables, range, isSample);
  const all = totals.reduce((sum, total) => sum + total, 0);
  return {
    reading: {
      finished: isCounted ? { kind: 'exact', count: all } : { kind: 'at_least', count: all },
      looked: rows.reduce((sum, { looked }) => sum + looked, 0),
      isSample,
    },
    queues: new Map(
      rows.filter(isListed).map(({ name, finished, discarded: sampled, p50, p95 }) => [
        name,
        {
          finished: about(finished),
          discarded: discarded
            ? (discarded.get(name) ?? { kind: 'exact', count: 0 })
            : about(sampled),
          waitP50: p50,
          waitP95: p95,
        },
      ]),
    ),
  };
}

const isListed = ({ name }: { name: string | null }) =>
  name === null || Buffer.byteLength(name) <= MAX_NAME_BYTES;

/** The most jobs to look at in a part so that all parts together have no more than `most`: the small ones leave room to the large. */
function shareOf(totals: number[], most: number): number {
  let [left, share] = [most, 0];
  const ascending = [...totals].sort((a, b) => a - b);
  for (const [n, total] of ascending.entries()) {
    share = Math.floor(left / (ascending.length - n));
    if (total > share) return Math.max(1, share);
    left -= total;
  }
  return Math.max(1, ...totals);
}

/** Exact, where the index has them; null where it does not, or they are too many to count: then the sample tells. */
async function discardedWithin(
  tx: Tx,
  tables: GoodJobTables,
  range: Range,
  isSample: boolean,
): Promise<Map<string | null, Count> | null> {
  if (
    !isSample ||
    tables.schema.missingMigrations.some(
      ({ migration }) => migration === 'add_index_good_jobs_discarded',
    )
  )
    return null;
  const rows = await tx.query<{ name: string | null; count: number }>(sql`
    SELECT left(j.queue_name, ${MAX_NAME_BYTES + 1}::int) AS name, count(*)::int AS count FROM (SELECT j.queue_name FROM ${tables.jobs} j
      WHERE j.finished_at IS NOT NULL AND j.error IS NOT NULL AND j.finished_at > now() - interval '1 second' * ${RANGES[range]}::float8 ORDER BY j.finished_at DESC LIMIT ${DISCARDED + 1}) j GROUP BY 1`);
  return rows.reduce((sum, { count }) => sum + count, 0) > DISCARDED
    ? null
    : new Map(rows.map(({ name, count }) => [name, { kind: 'exact', count }]));
}
