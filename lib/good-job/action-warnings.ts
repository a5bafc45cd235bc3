import sql, { type Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';
import type { JobAction } from './actions';
import { hasOpen } from './batches';
import { BatchEvent, BatchCallbacks, callbackColumns, callbackClass, appName } from './callbacks';
import type { GoodJobTables } from './tables';

/**
 * `callback_batch_missing`: the job is a callback whose batch no longer exists, so Active Job cannot read its arguments.
 * `callbacks_not_enqueued`: a batch would enqueue callbacks, and the name of the app is unknown, so the action is refused.
 */
export type ActionWarning = 'callback_batch_missing' | 'callbacks_not_enqueued';

export type ActionWarnings = Partial<Record<JobAction, ActionWarning>>;

interface Links {
  batchId: string | null;
  batchCallbackId: string | null;
}

/** What is known before an action on a job to keep it from its effect. */
export async function actionWarnings(
  tx: Tx,
  tables: GoodJobTables,
  jobId: string,
): Promise<ActionWarnings> {
  const [links] = await tx.query<Links>(sql`
    SELECT j.batch_id AS "batchId", j.batch_callback_id AS "batchCallbackId" FROM ${tables.jobs} j WHERE j.id = ${jobId}`);
  if (!links || (links.batchId === null && links.batchCallbackId === null)) return {};
  const batches = await readBatches(tx, tables, jobId, links);
  const isCallbackBatchMissing =
    links.batchCallbackId !== null && !batches.some(({ id }) => id === links.batchCallbackId);
  const isRefused = await hasUnknownApp(tx, tables, batches, links);
  return {
    ...(isCallbackBatchMissing && {
      retry: 'callback_batch_missing',
      reschedule: 'callback_batch_missing',
    }),
    ...(isRefused && {
      discard: 'callbacks_not_enqueued',
      force_discard: 'callbacks_not_enqueued',
    }),
  };
}

/** `finishes`: no other member is open, so that the completion check after a discard finishes its jobs. */
type Batch = BatchCallbacks & { discarded: boolean; finishes: boolean };

function readBatches(tx: Tx, tables: GoodJobTables, jobId: string, links: Links): Promise<Batch[]> {
  const otherMember: Sql = sql`j.batch_id = b.id AND j.id <> ${jobId}`;
  return tx.query<Batch>(sql`
    SELECT ${callbackColumns}, b.discarded_at IS NOT NULL AS discarded,
           b.enqueued_at IS NOT NULL AND b.${tables.jobsFinishedAt} IS NULL AND NOT ${hasOpen(tables, otherMember)} AS finishes
      FROM ${tables.batches} b WHERE b.id = ANY(${[links.batchId, links.batchCallbackId]}::uuid[])`);
}

async function hasUnknownApp(
  tx: Tx,
  tables: GoodJobTables,
  batches: Batch[],
  { batchId }: Links,
): Promise<boolean> {
  for (const batch of batches) {
    const hasCallback = eventsOf(batch, batch.id === batchId).some(
      (event) => callbackClass(batch, event) !== null,
    );
    if (hasCallback && (await appName(tx, tables, batch.id)) === null) return true;
  }
  return false;
}

/** The events that the completion check after a discard brings about; `isMember`: of a member of this batch. */
function eventsOf({ discarded, finishes }: Batch, isMember: boolean): BatchEvent[] {
  return [
    ...(isMember && !discarded ? (['discard'] as const) : []),
    ...(finishes && !isMember && !discarded ? (['success'] as const) : []),
    ...(finishes ? (['finish'] as const) : []),
  ];
}
