import 'server-only';
import { auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import {
  type PauseKind,
  type SettingRefusal,
  SettingRefused,
  pause,
  pauseTarget,
  unpause,
} from '../good-job/settings';

export type PauseOutcome =
  | { outcome: 'done' }
  /** It was so already: nothing was written. */
  | { outcome: 'unchanged' }
  | { outcome: 'locked' }
  | { outcome: 'refused'; code: SettingRefusal };

/** Pauses or resumes exactly one queue, class or label, in one transaction with its audit record. */
export async function changePause(
  ctx: Ctx,
  action: 'pause' | 'unpause',
  given: Partial<Record<PauseKind, string | null>>,
): Promise<PauseOutcome> {
  const target = pauseTarget(given);
  if (!target) return { outcome: 'refused', code: 'exactly_one' };
  const { kind, name } = target;
  try {
    return await auditedTransaction(
      ctx,
      `pause.${action}`,
      async (tx) => {
        const outcome = (await (action === 'pause' ? pause : unpause)(tx, ctx.tables, kind, name))
          ? 'done'
          : 'unchanged';
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
    if (error instanceof SettingRefused) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}
