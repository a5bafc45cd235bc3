import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { BatchEvent } from './callbacks';
import { lockBatchesOrSkip } from './claim';
import { continueBatch, isHanging } from './completion';
import { type Outcome, Refusal } from './outcomes';
import type { GoodJob } from './tables';

/** How long a batch that a worker has locked is waited for; it is being checked just then. */
const PATIENCE_MS = 500;

/** Batches and their callbacks: far fewer rows than MAX_JOBS_PER_TRANSACTION allows. */
export const MAX_BATCHES_PER_TRANSACTION = 100;

export interface BatchCheck {
  outcomes: Outcome[];
  /** Events whose callback was enqueued. */
  events: BatchEvent[];
}

/**
 * Runs the completion check of batches that nobody checks any more, each under its own lock. One that goes on by
 * itself (again) is a conflict. A batch whose callbacks cannot be enqueued is refused, and the others go on.
 */
export async function checkBatches(tx: Tx, gj: GoodJob, ids: string[]): Promise<BatchCheck> {
  const busy = await lockBatchesOrSkip(tx, ids, { patienceMs: PATIENCE_MS, busy: new Set() });
  const read = await tx.query<{ id: string; hangs: boolean }>(sql`
    SELECT b.id, ${isHanging(gj, null)} AS hangs FROM ${gj.batches} b WHERE b.id = ANY(${ids}::uuid[])`);
  const found = new Map(read.map(({ id, hangs }) => [id, hangs]));
  const check: BatchCheck = { outcomes: [], events: [] };
  for (const id of ids) {
    const hangs = found.get(id);
    if (hangs === undefined) check.outcomes.push({ id, outcome: 'missing' });
    else if (busy.has(id)) check.outcomes.push({ id, outcome: 'locked' });
    else if (!hangs) check.outcomes.push({ id, outcome: 'conflict' });
    else check.outcomes.push(await checkOrRefuse(tx, gj, id, check.events));
  }
  return check;
}

async function checkOrRefuse(
  tx: Tx,
  gj: GoodJob,
  id: string,
  events: BatchEvent[],
): Promise<Outcome> {
  await tx.query(sql`SAVEPOINT batch_check`);
  try {
    events.push(...(await continueBatch(tx, gj, id, { memberDiscarded: false })));
    await tx.query(sql`RELEASE SAVEPOINT batch_check`);
    return { id, outcome: 'done' };
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    await tx.query(sql`ROLLBACK TO SAVEPOINT batch_check`);
    return { id, outcome: 'refused', code: cause.code };
  }
}
