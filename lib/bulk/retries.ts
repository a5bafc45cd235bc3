import 'server-only';
import sql, { raw } from 'sql-template-tag';
import { z } from 'zod';
import { CONSOLE_SCHEMA } from '../audit/recorder';
import type { Ctx } from '../context/request-context';
import { ignoreTimeout } from '../core/errors';
import { costTtl, ProcessCache } from '../core/process-state';
import type { Tx } from '../db/database';
import { isDiscardedByHand } from '../good-job/actions';
import type { GoodJobTables } from '../good-job/tables';
import { type BulkRun, type RetryCounts, jobActionOf } from './types';

/*
 * Counts for a day what became of the jobs that a run has retried. The ids are stored with the
 * outcome of their chunk, so they are complete or, after a chunk by an older release, too few: then
 * there is no count.
 */

const RETRIES = raw(`"${CONSOLE_SCHEMA}"."bulk_run_retries"`);

/** Runs of more jobs store no ids. */
const MAX_COUNTED_RETRIES = 10_000;
const COUNTED_HOURS = 24;
/** Ids are deleted an hour after their run is no longer counted. */
const STORED_HOURS = COUNTED_HOURS + 1;
/** Ids that the end of one run deletes. */
const MAX_DELETED = 10_000;

const usableRow = z.strictObject({ usable: z.boolean() });

/** Whether the table of retried jobs (version 9) exists and this role may use it. */
async function isTableUsable(tx: Tx): Promise<boolean> {
  const [row] = await tx.query(
    usableRow,
    sql`
      SELECT coalesce(
               has_table_privilege(t.oid, 'SELECT')
                 AND has_table_privilege(t.oid, 'INSERT')
                 AND has_table_privilege(t.oid, 'DELETE'), false) AS usable
        FROM (SELECT to_regclass(${`${CONSOLE_SCHEMA}.bulk_run_retries`}) AS oid) t`,
  );
  return row?.usable === true;
}

/** Stores the jobs that a chunk has retried, unless the run may have too many. */
export async function storeRetries(
  tx: Tx,
  { id, action, expected }: Pick<BulkRun, 'id' | 'action' | 'expected'>,
  jobIds: string[],
): Promise<void> {
  const isCounted = expected.kind === 'exact' && expected.count <= MAX_COUNTED_RETRIES;
  if (jobActionOf(action) !== 'retry' || !isCounted || jobIds.length === 0) return;
  if (!(await isTableUsable(tx))) return;
  await tx.execute(sql`
    INSERT INTO ${RETRIES} (run_id, job_id)
    SELECT ${id}::uuid, unnest(${jobIds}::uuid[])`);
}

/** Deletes ids that no longer count, by bulk_run_retries_retried_at. */
export async function deleteOldRetries(tx: Tx): Promise<void> {
  if (!(await isTableUsable(tx))) return;
  await tx.execute(sql`
    DELETE FROM ${RETRIES}
     WHERE ctid = ANY (ARRAY(
             SELECT ctid
               FROM ${RETRIES}
              WHERE retried_at < clock_timestamp() - make_interval(hours => ${STORED_HOURS}::int)
              LIMIT ${MAX_DELETED}
                FOR UPDATE SKIP LOCKED))`);
}

const countsRow = z.strictObject({
  retried: z.number(),
  succeeded: z.number(),
  failed: z.number(),
  waiting: z.number(),
  removed: z.number(),
}) satisfies z.ZodType<RetryCounts>;

/**
 * Reads the jobs of a run by good_jobs_pkey, and the failed attempts of waiting ones by
 * index_good_job_executions_on_active_job_id_and_created_at. OFFSET 0 prevents a join that would
 * scan all jobs.
 */
async function countRetries(tx: Tx, tables: GoodJobTables, runId: string): Promise<RetryCounts> {
  const [row] = await tx.query(
    countsRow,
    sql`
      SELECT count(*)::int AS retried,
             count(*) FILTER (WHERE result = 'succeeded')::int AS succeeded,
             count(*) FILTER (WHERE result = 'failed')::int AS failed,
             count(*) FILTER (WHERE result = 'waiting')::int AS waiting,
             count(*) FILTER (WHERE result = 'removed')::int AS removed
        FROM (
          SELECT coalesce(j.result, 'removed') AS result
            FROM (
              SELECT r.job_id, r.retried_at
                FROM ${RETRIES} r
               WHERE r.run_id = ${runId}
               LIMIT ${MAX_COUNTED_RETRIES + 1}) r
            LEFT JOIN LATERAL (
              SELECT CASE
                       WHEN j.finished_at IS NOT NULL AND j.error IS NULL THEN 'succeeded'
                       WHEN j.finished_at IS NOT NULL AND ${isDiscardedByHand} THEN 'removed'
                       WHEN j.finished_at IS NOT NULL THEN 'failed'
                       WHEN EXISTS (
                         SELECT 1
                           FROM ${tables.executions} e
                          WHERE e.active_job_id = j.id
                            AND e.created_at > r.retried_at
                            AND e.error IS NOT NULL) THEN 'failed'
                       ELSE 'waiting'
                     END AS result
                FROM ${tables.jobs} j
               WHERE j.id = r.job_id
              OFFSET 0) j ON true) results`,
  );
  return row ?? { retried: 0, succeeded: 0, failed: 0, waiting: 0, removed: 0 };
}

const isFinal = ({ waiting, failed }: RetryCounts) => waiting === 0 && failed === 0;
const ttlMs = costTtl(3_000, 20, 30_000);
const FINAL_TTL_MS = 60_000;
const cache = new ProcessCache<RetryCounts>('retried jobs', {
  ttlMs: (loadMs, counts) => (isFinal(counts) ? FINAL_TTL_MS : ttlMs(loadMs)),
  maxEntries: 200,
});

const COUNT_TIMEOUT_MS = 1_000;
/** Jobs that one answer counts; the runs of a list that exceed it are counted by its next poll. */
const MAX_COUNTED_JOBS = 20_000;

/** Adds what became of the retried jobs to the runs that have ended and began within a day. */
export async function withRetryCounts(ctx: Ctx, runs: BulkRun[]): Promise<BulkRun[]> {
  const since = Date.now() - COUNTED_HOURS * 3_600_000;
  const isCounted = ({ action, state, counts: { done = 0 }, createdAt }: BulkRun) =>
    jobActionOf(action) === 'retry' &&
    (state === 'finished' || state === 'cancelled') &&
    done > 0 &&
    done <= MAX_COUNTED_RETRIES &&
    Date.parse(createdAt) > since;
  if (!runs.some(isCounted) || !(await ctx.db.read(isTableUsable))) return runs;
  let remaining = MAX_COUNTED_JOBS;
  const result: BulkRun[] = [];
  for (const run of runs) {
    const counts = isCounted(run) ? await readCounts(ctx, run, remaining) : null;
    if (counts?.isNew) remaining -= counts.value.retried;
    // Fewer ids than retried jobs: an older release has processed a part of the run.
    const isComplete = counts?.value.retried === run.counts.done;
    result.push(counts && isComplete ? { ...run, retries: counts.value } : run);
  }
  return result;
}

async function readCounts(
  ctx: Ctx,
  run: BulkRun,
  remaining: number,
): Promise<{ value: RetryCounts; isNew: boolean } | null> {
  const scope = ctx.tables.schema.identity;
  const cached = cache.peek(scope, run.id);
  if (cached) return { value: cached, isNew: false };
  if ((run.counts.done ?? 0) > remaining) return null;
  const value = await cache
    .get(scope, run.id, () =>
      ctx.db.read((tx) => countRetries(tx, ctx.tables, run.id), { timeoutMs: COUNT_TIMEOUT_MS }),
    )
    .catch(ignoreTimeout);
  return value && { value, isNew: true };
}
