import 'server-only';
import sql, { empty } from 'sql-template-tag';
import { nullOnTimeout } from '../core/errors';
import type { Tx } from '../db/database';
import { isDiscardedByHand } from '../good-job/actions';
import { isHanging } from '../good-job/batches';
import { advisoryKey, isAdvisoryLocked } from '../good-job/locks';
import {
  type StoredBatchTexts,
  batchTextColumns,
  newPageBudget,
  redactBatchTexts,
} from '../redaction/row-texts';
import { type Found, type CheckContext, countUpTo, nextChunk, shown } from './check-context';
import type { DiscardedCallback, HangingBatch } from './types';

/** Open batches looked at, the oldest first: those that hang stay, the others go. */
const BATCHES_SCANNED = 5_000;
const FIRST_CHUNK = 200;
const TIME_MS = 1_000;
/** Of a batch with more jobs it is not said when the last one finished. */
const MEMBERS = 10_000;
const DESCRIPTION_LENGTH = 300;

/** Ids of batches whose completion check is due and that nobody runs. */
export async function hangingBatchIds(
  checkContext: CheckContext,
): Promise<{ ids: string[]; incomplete: boolean }> {
  const { tables } = checkContext.ctx;
  // good_job_batches has no index but its key: the scan is of batches, not of jobs.
  const open = await checkContext.read(
    (tx) =>
      tx.query<{ id: string }>(sql`
    SELECT b.id FROM ${tables.batches} b WHERE b.finished_at IS NULL AND b.enqueued_at IS NOT NULL ORDER BY b.enqueued_at LIMIT ${BATCHES_SCANNED + 1}`),
    { byIndexOnly: false },
  );
  const candidates = open.slice(0, BATCHES_SCANNED).map(({ id }) => id);
  const deadline = performance.now() + TIME_MS;
  const ids: string[] = [];
  for (let at = 0, size = FIRST_CHUNK; at < candidates.length;) {
    const startedAt = performance.now();
    if (at > 0 && startedAt > deadline) return { ids, incomplete: true };
    const chunk = candidates.slice(at, at + size);
    const hanging = await checkContext
      .read((tx) => hangingAmong(tx, checkContext, chunk))
      .catch(nullOnTimeout);
    if (!hanging) return { ids, incomplete: true };
    ids.push(...hanging);
    at += chunk.length;
    const endedAt = performance.now();
    size = nextChunk(size, endedAt - startedAt, deadline - endedAt);
  }
  return { ids, incomplete: open.length > BATCHES_SCANNED };
}

/** By index_good_jobs_on_batch_id and …_on_batch_callback_id. Who holds the batch's lock is checking it right now; a standby does not know of locks. */
async function hangingAmong(
  tx: Tx,
  { ctx: { tables }, gracePeriods }: CheckContext,
  ids: string[],
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(sql`
    SELECT b.id FROM ${tables.batches} b WHERE b.id = ANY(${ids}::uuid[]) AND ${isHanging(tables, gracePeriods.batchS)}
       AND NOT coalesce(${isAdvisoryLocked(tables, advisoryKey('good_job_batches', sql`b.id`))}, false) ORDER BY b.enqueued_at`);
  return rows.map(({ id }) => id);
}

/** Batches that will never finish by themselves. */
export async function findHangingBatches(checkContext: CheckContext): Promise<Found> {
  const { ids, incomplete } = await hangingBatchIds(checkContext);
  if (ids.length === 0) return { finding: null, incomplete };
  // Whoever holds a batch's lock is checking it right now.
  if (checkContext.ctx.tables.schema.isStandby) return { finding: null, unknownOnStandby: true };
  const { tables } = checkContext.ctx;
  const lastOf = (of: 'batch_id' | 'batch_callback_id') => {
    const belongs = of === 'batch_id' ? sql`j.batch_id = b.id` : sql`j.batch_callback_id = b.id`;
    return sql`(SELECT CASE WHEN count(*) <= ${MEMBERS} THEN coalesce(max(j.finished_at), b.enqueued_at) END FROM (SELECT j.finished_at FROM ${tables.jobs} j WHERE ${belongs} LIMIT ${MEMBERS + 1}) j)`;
  };
  const budget = newPageBudget();
  const items = await checkContext.read((tx) =>
    tx.query<StoredBatchTexts & Pick<HangingBatch, 'id' | 'since'>>(sql`
    SELECT b.id, ${batchTextColumns('b')},
           CASE WHEN b.${tables.jobsFinishedAt} IS NULL THEN ${lastOf('batch_id')} ELSE greatest(b.${tables.jobsFinishedAt}, ${lastOf('batch_callback_id')}) END AS since
      FROM ${tables.batches} b WHERE b.id = ANY(${shown(ids)}::uuid[]) ORDER BY b.enqueued_at`),
  );
  return {
    finding: {
      kind: 'hanging_batches',
      severity: 'critical',
      since: items[0]?.since ?? null,
      count: countUpTo(ids.length, BATCHES_SCANNED, incomplete),
      items: items.map(({ id, since, ...stored }) => {
        const { description, tooLarge } = redactBatchTexts(stored, DESCRIPTION_LENGTH, budget);
        return { id, description, tooLarge, since };
      }),
      where: '/batches?state=running',
      repair: 'check_batches',
    },
  };
}

const WINDOW_S = 3 * 24 * 3_600;
/** Callback jobs looked at, and as many as may have been discarded. */
const CALLBACKS_SCANNED = 5_000;
const CALLBACK_CLASS_LENGTH = 300;

/** Callback jobs that were discarded in the last days: what was to follow the batch has not happened. */
export async function findDiscardedCallbacks({
  ctx: { tables },
  read,
}: CheckContext): Promise<Found> {
  // index_good_jobs_on_discarded; without it the jobs that finished last.
  const hasDiscarded = !tables.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_discarded',
  );
  const items = await read((tx) =>
    tx.query<Omit<DiscardedCallback, 'error' | 'tooLarge'>>(sql`
    SELECT j.id, left(j.job_class, ${CALLBACK_CLASS_LENGTH}) AS "jobClass", j.batch_callback_id AS "batchId", j.finished_at AS since
      FROM (SELECT j.id, j.job_class, j.batch_callback_id, j.finished_at, j.error FROM ${tables.jobs} j
             WHERE j.finished_at IS NOT NULL ${hasDiscarded ? sql`AND j.error IS NOT NULL` : empty} AND j.finished_at > now() - make_interval(secs => ${WINDOW_S})
             ORDER BY j.finished_at DESC LIMIT ${CALLBACKS_SCANNED}) j
     WHERE j.batch_callback_id IS NOT NULL AND j.error IS NOT NULL AND NOT ${isDiscardedByHand} ORDER BY j.finished_at DESC`),
  );
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'discarded_callbacks',
      severity: 'warning',
      since: items.at(-1)?.since ?? null,
      count: countUpTo(items.length, CALLBACKS_SCANNED),
      items: shown(items).map((item) => ({ ...item, error: null, tooLarge: false })),
      where: '/jobs?state=discarded',
      repair: null,
    },
    errorsOf: shown(items).map(({ id }) => id),
  };
}
