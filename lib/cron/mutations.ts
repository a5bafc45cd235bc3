import 'server-only';
import sql from 'sql-template-tag';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { type CronEnqueued, enqueueCron } from '../good-job/cron-enqueue';
import { type SettingRefusal, SettingRefused, switchCronKey } from '../good-job/settings';
import type { CronFile } from './cron-file';

export const CRON_ACTIONS = ['enable', 'disable', 'enqueue'] as const;
export type CronAction = (typeof CRON_ACTIONS)[number];

/** What an action on one cron key came to. */
export type CronOutcome =
  | { outcome: 'done'; jobId?: string; source?: 'file' | 'last_job' }
  /** It was so already, or a job of this key and moment is there: nothing was written. */
  | { outcome: 'unchanged' }
  | { outcome: 'locked' }
  /** Neither the file nor any job has this key. */
  | { outcome: 'missing' }
  | {
      outcome: 'refused';
      code:
        Extract<CronEnqueued, { outcome: 'refused' }>['code'] | SettingRefusal | 'entry_invalid';
    };

/** Enables, disables or enqueues a cron key, in one transaction with its audit record. `cronAt`: in place of now. */
export async function changeCronKey(
  ctx: Ctx,
  action: CronAction,
  key: string,
  file: CronFile,
  cronAt?: string,
): Promise<CronOutcome> {
  try {
    return await auditedTransaction(
      ctx,
      `cron.${action}`,
      async (tx) => {
        const entry = file.entries.get(key);
        if (!entry && !(await isKnown(tx, ctx, key))) return { outcome: 'missing' };
        const done =
          action === 'enqueue'
            ? await enqueue(tx, ctx, key, file, cronAt)
            : await switchTo(tx, ctx, key, action);
        await tx.audit({
          targetType: 'cron_key',
          targetIds: 'jobId' in done && done.jobId ? [done.jobId] : [],
          targetName: key,
          counts: { [done.outcome]: 1 },
          details: detailsOf(done),
        });
        return done;
      },
      { targetType: 'cron_key', targetName: key },
    );
  } catch (error) {
    if (error instanceof SettingRefused) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}

async function switchTo(
  tx: WriteTx,
  ctx: Ctx,
  key: string,
  action: 'enable' | 'disable',
): Promise<CronOutcome> {
  return {
    outcome: (await switchCronKey(
      tx,
      ctx.tables,
      key,
      action === 'enable' ? 'enabled' : 'disabled',
    ))
      ? 'done'
      : 'unchanged',
  };
}

async function enqueue(
  tx: WriteTx,
  ctx: Ctx,
  key: string,
  file: CronFile,
  cronAt: string | undefined,
): Promise<CronOutcome> {
  const entry = file.entries.get(key);
  // A mistake in the file must not be hidden by a clone of what it said before.
  if (entry && !entry.job) return { outcome: 'refused', code: 'entry_invalid' };
  return enqueueCron(tx, ctx.tables, key, entry?.job ?? null, cronAt);
}

/** The key of a job or of a setting. index_good_jobs_on_cron_key_and_cron_at_cond. */
async function isKnown(tx: WriteTx, ctx: Ctx, key: string): Promise<boolean> {
  const [row] = await tx.query<{ known: boolean }>(sql`
    SELECT EXISTS (SELECT 1 FROM ${ctx.tables.jobs} j WHERE j.cron_key = ${key})
        OR EXISTS (SELECT 1 FROM ${ctx.tables.settings} s WHERE s.key IN ('cron_keys_enabled', 'cron_keys_disabled') AND jsonb_typeof(s.value) = 'array' AND s.value ? ${key}::text) AS known`);
  return row?.known === true;
}

function detailsOf(done: CronOutcome): Record<string, unknown> {
  if (done.outcome === 'refused') return { code: done.code };
  return done.outcome === 'done' && done.source ? { source: done.source } : {};
}
