'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useState } from 'react';
import type { ActionResult } from '@/lib/http/server-action';
import { changePauses } from '@/lib/pauses/actions';
import type { PauseOutcome } from '@/lib/pauses/mutations';
import type { PauseRow } from '@/lib/pauses/queries';
import { toActionError, isConsoleUpdated } from '../action-failed';
import { ConfirmDialog } from '../confirm-dialog';
import { PauseEffect } from './pause-effect';
import type { PauseAction } from './pause-outcome';

type Target = Pick<PauseRow, 'kind' | 'name'>;

export interface PauseActionResult {
  action: PauseAction;
  target: Target;
  result: ActionResult<PauseOutcome>;
}

/** Opens a dialog that confirms a pause or unpause and runs it. */
export function usePause(
  action: PauseAction,
  onDone: (result: PauseActionResult) => void,
  returnTo?: RefObject<HTMLElement | null>,
): { openDialog: (target: Target) => void; dialog: ReactNode } {
  const t = useTranslations('pauses');
  const [target, setTarget] = useState<Target | null>(null);
  const dialog = target && (
    <ConfirmDialog
      title={t(`${action}.title.${target.kind}`)}
      confirm={t(`${action}.confirm`)}
      returnTo={returnTo}
      onClose={() => setTarget(null)}
      onConfirm={async (form) => {
        const reason = String(form.get('reason'));
        const { kind, name } = target;
        const result = await changePauses({ action, kind, name, reason }).catch(toActionError);
        if (isConsoleUpdated(result)) return 'console_updated';
        onDone({ action, target, result });
        return 'done';
      }}
    >
      <PauseEffect action={action} pause={target} />
    </ConfirmDialog>
  );
  return { openDialog: setTarget, dialog };
}
