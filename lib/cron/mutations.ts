import 'server-only';
import sql from 'sql-template-tag';
import { z } from 'zod';
import { auditedTransaction, type WriteTx } from '../context/audited-transaction';
import { type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { type CronEnqueueResult, enqueueCron } from '../good-job/enqueue';
import { type SettingRefusalCode, SettingRefusalError, switchCronKey } from '../good-job/settings';
import type { CronFile } from './cron-file';

export const CRON_ACTIONS = ['enable', 'disable', 'enqueue'] as const;
export type CronAction = (typeof CRON_ACTIONS)[number];

/** The outcome of an action on one cron key. */
export type CronOutcome =
  | { outcome: 'done'; jobId?: string; source?: 'file' | 'last_job' }
  /**
   * The key already had that state, or a job with this key and `cron_at` exists; nothing written.
   */
  | { outcome: 'unchanged' }
  | { outcome: 'locked' }
  /** Neither CRON_FILE nor a job nor a setting has the key. */
  | { outcome: 'missing' }
  | {
      outcome: 'refused';
      code:
        | Extract<CronEnqueueResult, { outcome: 'refused' }>['code']
        | SettingRefusalCode
        | 'entry_invalid';
    };

/**
 * Enables, disables or enqueues a cron key (`GoodJob::CronEntry#enable`, `#disable`, `#enqueue`)
 * in one transaction with its audit record. `cronAt` (ISO 8601 UTC) replaces now. Throws
 * ConsoleError `forbidden` and `read_only`.
 */
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
        if (!entry && !(await keyExists(tx, ctx, key))) return { outcome: 'missing' };
        const result =
          action === 'enqueue'
            ? await enqueue(tx, ctx, key, file, cronAt)
            : await switchKey(tx, ctx, key, action);
        await tx.audit({
          targetType: 'cron_key',
          targetIds: 'jobId' in result && result.jobId ? [result.jobId] : [],
          targetName: key,
          counts: { [result.outcome]: 1 },
          details: auditDetails(result),
        });
        return result;
      },
      { targetType: 'cron_key', targetName: key },
    );
  } catch (error) {
    if (error instanceof SettingRefusalError) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}

async function switchKey(
  tx: WriteTx,
  ctx: Ctx,
  key: string,
  action: 'enable' | 'disable',
): Promise<CronOutcome> {
  const state = action === 'enable' ? 'enabled' : 'disabled';
  const hasChanged = await switchCronKey(tx, ctx.tables, key, state);
  return { outcome: hasChanged ? 'done' : 'unchanged' };
}

async function enqueue(
  tx: WriteTx,
  ctx: Ctx,
  key: string,
  file: CronFile,
  cronAt: string | undefined,
): Promise<CronOutcome> {
  const entry = file.entries.get(key);
  // Cloning the last job here would hide the error in the file.
  if (entry && !entry.job) return { outcome: 'refused', code: 'entry_invalid' };
  return enqueueCron(tx, ctx.tables, key, entry?.job ?? null, cronAt);
}

const existsRow = z.strictObject({ exists: z.boolean() });

/** A job or a setting has the key; uses index_good_jobs_on_cron_key_and_cron_at_cond. */
async function keyExists(tx: WriteTx, ctx: Ctx, key: string): Promise<boolean> {
  const [row] = await tx.query(
    existsRow,
    sql`
      SELECT EXISTS (SELECT 1 FROM ${ctx.tables.jobs} j WHERE j.cron_key = ${key})
          OR EXISTS (
               SELECT 1
                 FROM ${ctx.tables.settings} s
                WHERE s.key IN ('cron_keys_enabled', 'cron_keys_disabled')
                  AND jsonb_typeof(s.value) = 'array'
                  AND s.value ? ${key}::text
             ) AS exists`,
  );
  return row?.exists ?? false;
}

function auditDetails(result: CronOutcome): Record<string, unknown> {
  if (result.outcome === 'refused') return { code: result.code };
  return result.outcome === 'done' && result.source ? { source: result.source } : {};
}
