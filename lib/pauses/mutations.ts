import 'server-only';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import {
  SettingRefusalError,
  type SettingRefusalCode,
  pause,
  pauseTarget,
  unpause,
} from '../good-job/settings';
import type { PauseKind } from '../good-job/types';

export type PauseOutcome =
  | { outcome: 'done' }
  /** The pause already had that state; nothing was written. */
  | { outcome: 'unchanged' }
  | { outcome: 'locked' }
  | { outcome: 'refused'; code: SettingRefusalCode };

/**
 * Pauses or resumes one queue, class or label (`GoodJob::Setting.pause`, `.unpause`) in one
 * transaction with its audit record. `names` with none or several of them is refused with
 * `exactly_one`. Throws ConsoleError `forbidden` and `read_only`.
 */
export async function changePause(
  ctx: Ctx,
  action: 'pause' | 'unpause',
  names: Partial<Record<PauseKind, string | null>>,
): Promise<PauseOutcome> {
  const target = pauseTarget(names);
  if (!target) return { outcome: 'refused', code: 'exactly_one' };
  const { kind, name } = target;
  try {
    return await auditedTransaction(
      ctx,
      `pause.${action}`,
      async (tx) => {
        const change = action === 'pause' ? pause : unpause;
        const hasChanged = await change(tx, ctx.tables, kind, name);
        const outcome = hasChanged ? 'done' : 'unchanged';
        await tx.audit({
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { [outcome]: 1 },
          details: {},
        });
        return { outcome };
      },
      { targetType: kind, targetName: name },
    );
  } catch (error) {
    if (error instanceof SettingRefusalError) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}
