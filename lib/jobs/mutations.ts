import 'server-only';
import { countOutcomes } from '../audit/recorder';
import { type Snapshot, changesOf, readJobs } from '../audit/snapshot';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { type ActionOptions, actOnJobs } from '../good-job/actions';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import type { JobAction, Outcome } from '../good-job/types';

/**
 * Applies an action to up to MAX_JOBS_PER_TRANSACTION jobs and its audit record in one transaction.
 * Returns an outcome for every id, in input order; after a lock timeout nothing is changed and all
 * are `locked`.
 *
 * `check` runs first in the transaction and may throw to reject the action. Throws ConsoleError for
 * a denied permission, and RangeError for too many ids.
 */
export async function changeJobs(
  ctx: Ctx,
  action: JobAction,
  ids: string[],
  options: ActionOptions = {},
  check?: (tx: Tx) => Promise<void>,
): Promise<Outcome[]> {
  if (ids.length > MAX_JOBS_PER_TRANSACTION)
    throw new RangeError(`At most ${MAX_JOBS_PER_TRANSACTION} jobs a transaction.`);
  const target = {
    targetType: 'job' as const,
    targetIds: ids,
    details: options.scheduledAt ? { scheduled_at: options.scheduledAt } : {},
  };
  try {
    return await auditedTransaction(
      ctx,
      `job.${action}`,
      async (tx) => {
        await check?.(tx);
        let before: Snapshot = new Map();
        const outcomes = await actOnJobs(tx, ctx.tables, action, ids, {
          ...options,
          onLocked: async (claimedIds) => {
            before = await readJobs(tx, ctx.tables, claimedIds);
          },
        });
        const done = outcomes.flatMap(({ id, outcome }) => (outcome === 'done' ? [id] : []));
        await tx.audit({
          ...target,
          counts: countOutcomes(outcomes),
          ...changesOf(before, await readJobs(tx, ctx.tables, done), done),
        });
        return outcomes;
      },
      target,
    );
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'locked')
      return ids.map((id) => ({ id, outcome: 'locked' }));
    throw error;
  }
}
