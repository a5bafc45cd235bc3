'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useState } from 'react';
import { ERROR_CODES } from '@/lib/core/errors';
import type { ActionResult } from '@/lib/http/server-action';
import { changePauses } from '@/lib/pauses/actions';
import type { PauseOutcome } from '@/lib/pauses/mutations';
import type { PauseRow } from '@/lib/pauses/queries';
import { actionFailed, isConsoleUpdated } from '../action-failed';
import { ConfirmDialog } from '../confirm-dialog';
import { PauseEffect } from './pause-effect';

export type PauseAction = 'pause' | 'unpause';
type Target = Pick<PauseRow, 'kind' | 'name'>;

export interface PauseActed {
  action: PauseAction;
  target: Target;
  result: ActionResult<PauseOutcome>;
}

export function pauseCode(result: ActionResult<PauseOutcome>): string {
  if (!result.ok) return result.error;
  return result.value.outcome === 'refused' ? result.value.code : result.value.outcome;
}

/** What became of it, in words; null for a code that is none. */
export function usePauseText(): (action: PauseAction, code: string, name: string) => string | null {
  const t = useTranslations();
  return (action, code, name) => {
    if (code === 'done' || code === 'unchanged') return t(`pauses.${action}.${code}`, { name });
    if (code === 'exactly_one' || code === 'setting_of_wrong_type')
      return t(`pauses.refused.${code}`);
    const error = ERROR_CODES.find((one) => one === code);
    return error ? t(`errors.${error}`) : null;
  };
}

/** A dialog that asks before a pause, or its end, and carries it out. */
export function usePause(
  action: PauseAction,
  onDone: (acted: PauseActed) => void,
  returnTo?: RefObject<HTMLElement | null>,
): { ask: (target: Target) => void; dialog: ReactNode } {
  const t = useTranslations('pauses');
  const [target, setTarget] = useState<Target | null>(null);
  const dialog = target && (
    <ConfirmDialog
      title={t(`${action}.title.${target.kind}`)}
      confirm={t(`${action}.confirm`)}
      returnTo={returnTo}
      onClose={() => setTarget(null)}
      onConfirm={async (reason) => {
        const { kind, name } = target;
        const result = await changePauses({ action, kind, name, reason }).catch(actionFailed);
        if (isConsoleUpdated(result)) return 'console_updated';
        onDone({ action, target, result });
        return 'done';
      }}
    >
      <PauseEffect action={action} pause={target} />
    </ConfirmDialog>
  );
  return { ask: setTarget, dialog };
}
