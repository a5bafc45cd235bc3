import 'server-only';
import { readStoredEnds, settingVersions } from '../console-schema/pause-records';
import { type WriteTx, auditedTransaction } from '../context/audited-transaction';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { SettingRefusalError, lockPauses, pause, pauseTarget, unpause } from '../good-job/settings';
import type { PauseKind } from '../good-job/types';
import { canEnd, endTime, insertEnd, removeEnd, renewEnds } from './ends';
import type { PauseEnd, PauseOutcome, PauseState } from './types';

type Target = NonNullable<ReturnType<typeof pauseTarget>>;

/**
 * Pauses or resumes one queue, class or label (`GoodJob::Setting.pause`, `.unpause`) in one
 * transaction with its audit record. `end`: when the pause ends by itself; null: it does not, even
 * if it was to end before. `names` with none or several of them is refused with `exactly_one`.
 * Throws ConsoleError `forbidden`, `read_only`, and `bad_request` for an end that cannot be stored.
 */
export async function changePause(
  ctx: Ctx,
  action: 'pause' | 'unpause',
  names: Partial<Record<PauseKind, string | null>>,
  end: PauseEnd | null = null,
): Promise<PauseOutcome> {
  const target = pauseTarget(names);
  if (!target) return { outcome: 'refused', code: 'exactly_one' };
  const { kind, name } = target;
  return outcomeOf(
    auditedTransaction(
      ctx,
      `pause.${action}`,
      async (tx) => {
        if (end !== null && !canEnd(ctx, name)) throw new ConsoleError('bad_request');
        const before = await lockPauses(tx, ctx.tables);
        const endsAt = end === null ? null : await endTime(tx, end);
        const outcome: PauseOutcome =
          end !== null && endsAt === null
            ? { outcome: 'refused', code: 'end_invalid' }
            : await applyChange(tx, ctx, action, target, endsAt);
        await tx.audit({
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { [outcome.outcome === 'end_changed' ? 'done' : outcome.outcome]: 1 },
          details: {
            ...(endsAt === null ? {} : { ends_at: endsAt }),
            ...(outcome.outcome === 'end_changed' ? { already_paused: true } : {}),
            ...settingVersions(before, await lockPauses(tx, ctx.tables)),
          },
        });
        return outcome;
      },
      { targetType: kind, targetName: name },
    ),
  );
}

async function applyChange(
  tx: WriteTx,
  ctx: Ctx,
  action: 'pause' | 'unpause',
  target: Target,
  endsAt: string | null,
): Promise<PauseOutcome> {
  const { tables } = ctx;
  const before = await lockPauses(tx, tables);
  const change = action === 'pause' ? pause : unpause;
  const hasChanged = await change(tx, tables, target.kind, target.name);
  const version = (hasChanged ? await lockPauses(tx, tables) : before) ?? '';
  let previousEnd: string | null = null;
  if (ctx.pauseEnds === 'write') {
    previousEnd = await removeEnd(tx, target, before);
    await renewEnds(tx, before, version);
    if (endsAt !== null) await insertEnd(tx, target, { endsAt, viewer: ctx.viewer.id, version });
  }
  if (hasChanged)
    return { outcome: 'done', added: action === 'pause' ? { version, endsAt } : null };
  const keepsEnd = timeOf(previousEnd) === timeOf(endsAt) || action === 'unpause';
  return keepsEnd ? { outcome: 'unchanged' } : { outcome: 'end_changed', endsAt };
}

/**
 * Reverts a pause that an action of the console added, only while GoodJob's setting and the end
 * are as that action left them. Throws ConsoleError `forbidden` and `read_only`.
 */
export async function undoPause(
  ctx: Ctx,
  target: Target,
  state: PauseState,
): Promise<PauseOutcome> {
  const { kind, name } = target;
  return outcomeOf(
    auditedTransaction(
      ctx,
      'pause.undo',
      async (tx) => {
        const before = await lockPauses(tx, ctx.tables);
        const outcome = await applyUndo(tx, ctx, target, state);
        await tx.audit({
          targetType: kind,
          targetIds: [],
          targetName: name,
          counts: { [outcome.outcome]: 1 },
          details: settingVersions(before, await lockPauses(tx, ctx.tables)),
        });
        return outcome;
      },
      { targetType: kind, targetName: name },
    ),
  );
}

async function applyUndo(
  tx: WriteTx,
  { tables, pauseEnds }: Ctx,
  target: Target,
  state: PauseState,
): Promise<PauseOutcome> {
  const version = await lockPauses(tx, tables);
  if (version !== state.version) return { outcome: 'conflict' };
  const ends = pauseEnds === 'write' ? await readStoredEnds(tx, tables) : [];
  const end = ends.find(({ kind, name }) => kind === target.kind && name === target.name);
  if (timeOf(end?.endsAt) !== timeOf(state.endsAt)) return { outcome: 'conflict' };
  if (!(await unpause(tx, tables, target.kind, target.name))) return { outcome: 'conflict' };
  if (pauseEnds === 'write') {
    await removeEnd(tx, target, version);
    await renewEnds(tx, version, await lockPauses(tx, tables));
  }
  return { outcome: 'done', added: null };
}

const timeOf = (at: string | null | undefined) => (at ? Date.parse(at) : null);

async function outcomeOf(action: Promise<PauseOutcome>): Promise<PauseOutcome> {
  try {
    return await action;
  } catch (error) {
    if (error instanceof SettingRefusalError) return { outcome: 'refused', code: error.code };
    if (error instanceof ConsoleError && error.code === 'locked') return { outcome: 'locked' };
    throw error;
  }
}
