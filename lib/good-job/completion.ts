import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { type BatchCallbacks, type BatchEvent, callbackClass, callbackColumns, enqueueCallback } from './callbacks';
import { clock } from './clock';
import { notify } from './notify';
import type { GoodJob } from './tables';

/**
 * The completion check of a batch: what a worker does after each member
 * (BatchRecord#_continue_discard_or_finish), and what GoodJob's dashboard forgets, so that a batch whose last
 * open job is discarded by hand hangs for ever. The caller holds the batch's lock. Each step is a statement of
 * its own: under READ COMMITTED it sees what others committed before the lock was ours.
 * Returns the events whose callback was enqueued; throws Refusal `app_name_unknown`.
 */
export async function continueBatch(tx: Tx, gj: GoodJob, batchId: string, { memberDiscarded }: { memberDiscarded: boolean }): Promise<BatchEvent[]> {
  const enqueued: BatchEvent[] = [];
  const enqueue = async (batch: BatchCallbacks, event: BatchEvent, now: string) => {
    const jobClass = callbackClass(batch, event);
    if (!jobClass) return;
    const queue = await enqueueCallback(tx, gj, batch, event, jobClass, now);
    await notify(tx, [queue], now);
    enqueued.push(event);
  };

  if (memberDiscarded) {
    const now = await clock(tx);
    const [batch] = await tx.query<BatchCallbacks>(sql`
      UPDATE ${gj.batches} b SET discarded_at = ${now}, updated_at = ${now}
       WHERE b.id = ${batchId} AND b.discarded_at IS NULL RETURNING ${callbackColumns}`);
    if (batch) await enqueue(batch, 'discard', now);
  }

  const now = await clock(tx);
  const [finished] = await tx.query<BatchCallbacks & { discarded: boolean }>(sql`
    UPDATE ${gj.batches} b SET ${gj.jobsFinishedAt} = ${now}, updated_at = ${now}
     WHERE b.id = ${batchId} AND b.enqueued_at IS NOT NULL AND b.${gj.jobsFinishedAt} IS NULL
       AND NOT EXISTS (SELECT 1 FROM ${gj.jobs} j WHERE j.batch_id = ${batchId} AND j.finished_at IS NULL)
     RETURNING ${callbackColumns}, b.discarded_at IS NOT NULL AS discarded`);
  if (finished) {
    if (!finished.discarded) await enqueue(finished, 'success', now);
    await enqueue(finished, 'finish', now);
  }

  if (gj.has('good_job_batches', 'jobs_finished_at')) {
    const at = await clock(tx);
    await tx.query(sql`
      UPDATE ${gj.batches} b SET finished_at = ${at}, updated_at = ${at}
       WHERE b.id = ${batchId} AND b.jobs_finished_at IS NOT NULL AND b.finished_at IS NULL
         AND NOT EXISTS (SELECT 1 FROM ${gj.jobs} j WHERE j.batch_callback_id = ${batchId} AND j.finished_at IS NULL)`);
  }
  return enqueued;
}
