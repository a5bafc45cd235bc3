import 'server-only';
import sql, { type Sql, empty } from 'sql-template-tag';
import { z } from 'zod';
import { ignoreTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { isDiscardedByHand } from '../good-job/actions';
import { isHanging } from '../good-job/batches';
import { advisoryKey, isAdvisoryLocked } from '../good-job/locks';
import { idRow, hasIndex } from '../good-job/tables';
import {
  batchTextColumns,
  newPageBudget,
  redactBatchTexts,
  storedBatchTexts,
} from '../redaction/row-texts';
import {
  type FinderResult,
  type CheckContext,
  countUpTo,
  nextChunk,
  firstItems,
} from './check-context';
import type { DiscardedCallback } from './types';

/** Unfinished batches to scan. Oldest first, because hanging batches accumulate there. */
const BATCH_SCAN_LIMIT = 5_000;
const FIRST_CHUNK = 200;
const TIME_LIMIT_MS = 1_000;
/** Maximum jobs of a batch that are scanned for the time of its last job. */
const MEMBER_SCAN_LIMIT = 10_000;
const DESCRIPTION_LENGTH = 300;

/**
 * Returns the ids of batches whose completion check is due but will not run, because GoodJob's
 * dashboard skips `GoodJob::BatchRecord#_continue_discard_or_finish`. `incomplete`: the scan
 * reached its limit or ran out of time.
 */
export async function readHangingBatchIds(
  checkContext: CheckContext,
): Promise<{ ids: string[]; incomplete: boolean }> {
  const { tables } = checkContext.ctx;
  // good_job_batches has only its primary key; the table scan is fine, as batches are few.
  const rows = await checkContext.read(
    (tx) =>
      tx.query(
        idRow,
        sql`
          SELECT b.id
            FROM ${tables.batches} b
           WHERE b.finished_at IS NULL
             AND b.enqueued_at IS NOT NULL
           ORDER BY b.enqueued_at
           LIMIT ${BATCH_SCAN_LIMIT + 1}`,
      ),
    { byIndexOnly: false },
  );
  const candidates = rows.slice(0, BATCH_SCAN_LIMIT).map(({ id }) => id);
  const deadline = performance.now() + TIME_LIMIT_MS;
  const ids: string[] = [];
  for (let at = 0, size = FIRST_CHUNK; at < candidates.length;) {
    const startedAt = performance.now();
    if (at > 0 && startedAt > deadline) return { ids, incomplete: true };
    const chunk = candidates.slice(at, at + size);
    const hanging = await checkContext
      .read((tx) => filterHanging(tx, checkContext, chunk))
      .catch(ignoreTimeout);
    if (!hanging) return { ids, incomplete: true };
    ids.push(...hanging);
    at += chunk.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { ids, incomplete: rows.length > BATCH_SCAN_LIMIT };
}

/**
 * Uses index_good_jobs_on_batch_id and index_good_jobs_on_batch_callback_id. A locked batch is
 * being checked right now; on a standby locks are unknown and ignored.
 */
async function filterHanging(
  tx: Tx,
  { ctx: { tables }, gracePeriods }: CheckContext,
  ids: string[],
): Promise<string[]> {
  const rows = await tx.query(
    idRow,
    sql`
      SELECT b.id
        FROM ${tables.batches} b
       WHERE b.id = ANY(${ids}::uuid[])
         AND ${isHanging(tables, gracePeriods.batchSeconds)}
         AND NOT coalesce(
               ${isAdvisoryLocked(tables, advisoryKey('good_job_batches', sql`b.id`))}, false)
       ORDER BY b.enqueued_at`,
  );
  return rows.map(({ id }) => id);
}

const hangingBatchRow = storedBatchTexts.extend({
  id: z.string(),
  /** When its last job or callback finished; null: it has too many jobs to scan. */
  since: z.string().nullable(),
});

/** Finds batches that will never finish without a completion check. */
export async function findHangingBatches(checkContext: CheckContext): Promise<FinderResult> {
  const { ids, incomplete } = await readHangingBatchIds(checkContext);
  if (ids.length === 0) return { finding: null, incomplete };
  // The lock of a batch that is being checked is not visible on a standby.
  if (checkContext.ctx.tables.schema.isStandby) return { finding: null, unknownOnStandby: true };
  const { tables } = checkContext.ctx;
  const lastFinishedAt = (isMember: Sql) => sql`(
    SELECT CASE WHEN count(*) <= ${MEMBER_SCAN_LIMIT}
                THEN coalesce(max(j.finished_at), b.enqueued_at)
           END
      FROM (SELECT j.finished_at
              FROM ${tables.jobs} j
             WHERE ${isMember}
             LIMIT ${MEMBER_SCAN_LIMIT + 1}) j)`;
  const budget = newPageBudget();
  const items = await checkContext.read((tx) =>
    tx.query(
      hangingBatchRow,
      sql`
        SELECT b.id, ${batchTextColumns('b')},
               CASE WHEN b.${tables.jobsFinishedAt} IS NULL
                    THEN ${lastFinishedAt(sql`j.batch_id = b.id`)}
                    ELSE greatest(b.${tables.jobsFinishedAt},
                                  ${lastFinishedAt(sql`j.batch_callback_id = b.id`)})
               END AS since
          FROM ${tables.batches} b
         WHERE b.id = ANY(${firstItems(ids)}::uuid[])
         ORDER BY b.enqueued_at`,
    ),
  );
  return {
    finding: {
      kind: 'hanging_batches',
      severity: 'critical',
      since: items[0]?.since ?? null,
      count: countUpTo(ids.length, BATCH_SCAN_LIMIT, incomplete),
      items: items.map(({ id, since, ...stored }) => {
        const { description, tooLarge } = redactBatchTexts(stored, DESCRIPTION_LENGTH, budget);
        return { id, description, tooLarge, since };
      }),
      href: '/batches?state=running',
      repair: 'check_batches',
    },
  };
}

const WINDOW_SECONDS = 3 * 24 * 3_600;
const CALLBACK_SCAN_LIMIT = 5_000;
const CALLBACK_CLASS_LENGTH = 300;

const discardedCallbackRow = z.strictObject({
  id: z.string(),
  jobClass: z.string().nullable(),
  batchId: z.string(),
  since: z.string(),
}) satisfies z.ZodType<Omit<DiscardedCallback, 'error' | 'tooLarge'>>;

/** Finds callback jobs that were discarded in the last three days. */
export async function findDiscardedCallbacks({
  ctx: { tables },
  read,
}: CheckContext): Promise<FinderResult> {
  // Scans index_good_jobs_on_discarded; without it, the jobs that finished last.
  const hasDiscardedIndex = hasIndex(tables, 'add_index_good_jobs_discarded');
  const items = await read((tx) =>
    tx.query(
      discardedCallbackRow,
      sql`
        SELECT j.id,
               left(j.job_class, ${CALLBACK_CLASS_LENGTH}) AS "jobClass",
               j.batch_callback_id AS "batchId",
               j.finished_at AS since
          FROM (SELECT j.id, j.job_class, j.batch_callback_id, j.finished_at, j.error
                  FROM ${tables.jobs} j
                 WHERE j.finished_at IS NOT NULL
                       ${hasDiscardedIndex ? sql`AND j.error IS NOT NULL` : empty}
                   AND j.finished_at > now() - make_interval(secs => ${WINDOW_SECONDS})
                 ORDER BY j.finished_at DESC
                 LIMIT ${CALLBACK_SCAN_LIMIT}) j
         WHERE j.batch_callback_id IS NOT NULL
           AND j.error IS NOT NULL
           AND NOT ${isDiscardedByHand}
         ORDER BY j.finished_at DESC`,
    ),
  );
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'discarded_callbacks',
      severity: 'warning',
      since: items.at(-1)?.since ?? null,
      count: countUpTo(items.length, CALLBACK_SCAN_LIMIT),
      items: firstItems(items).map((item) => ({ ...item, error: null, tooLarge: false })),
      href: '/jobs?state=discarded',
      repair: null,
    },
    errorJobIds: firstItems(items).map(({ id }) => id),
  };
}
