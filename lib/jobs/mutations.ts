import 'server-only';
import { countOutcomes } from '../audit/recorder';
import { type Snapshot, changesOf, readJobs } from '../audit/snapshot';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import type { Tx } from '../db/database';
import { type ActionOptions, type JobAction, actOnJobs } from '../good-job/actions';
import { MAX_JOBS_PER_TRANSACTION } from '../good-job/locks';
import type { Outcome } from '../good-job/outcomes';

/**
 * Carries out one action on these jobs in one transaction, with its audit record: at most
 * MAX_JOBS_PER_TRANSACTION distinct UUIDs. An outcome for every id, in the order given. When a lock could not
 * be had within two seconds nothing is changed and every row's outcome is `locked`. `check`, first thing in the
 * transaction, may refuse it all by throwing.
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
  const about = {
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
          claimed: async (ready) => void (before = await readJobs(tx, ctx.tables, ready)),
        });
        const done = outcomes.flatMap(({ id, outcome }) => (outcome === 'done' ? [id] : []));
        await tx.audit({
          ...about,
          counts: countOutcomes(outcomes),
          ...changesOf(before, await readJobs(tx, ctx.tables, done), done),
        });
        return outcomes;
      },
      about,
    );
  } catch (error) {
    if (error instanceof ConsoleError && error.code === 'locked')
      return ids.map((id) => ({ id, outcome: 'locked' }));
    throw error;
  }
}
