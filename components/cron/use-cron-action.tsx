'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useState } from 'react';
import { changeCron } from '@/lib/cron/actions';
import type { CronAction, CronOutcome } from '@/lib/cron/mutations';
import type { CronRow } from '@/lib/cron/types';
import type { ActionResult } from '@/lib/http/server-action';
import { toActionError, isConsoleUpdated } from '../action-failed';
import { ConfirmDialog } from '../confirm-dialog';
import type { DenialMap } from '../permissions';
import { CronEffect } from './cron-effect';

export interface CronActionResult {
  action: CronAction;
  result: ActionResult<CronOutcome>;
}

/** The actions available for an entry. */
export function cronActions({ enabled }: Pick<CronRow, 'enabled'>): CronAction[] {
  return ['enqueue', enabled ? 'disable' : 'enable'];
}

/** The message key of the reason why an action is disabled; null if it is enabled. */
export function cronDisabledReason(
  action: CronAction,
  row: CronRow,
  denials: DenialMap,
):
  | 'actions.why.forbidden'
  | 'actions.why.read_only'
  | `cron.refused.${'entry_invalid' | 'no_source'}`
  | null {
  const denial = denials[`cron.${action}`];
  if (denial) return `actions.why.${denial}`;
  return action === 'enqueue' && row.cannotEnqueue ? `cron.refused.${row.cannotEnqueue}` : null;
}

/** Opens a dialog that confirms an action on an entry and runs it. */
export function useCronAction(
  row: CronRow,
  onDone: (result: CronActionResult) => void,
  returnTo?: RefObject<HTMLElement | null>,
): { openDialog: (action: CronAction) => void; dialog: ReactNode } {
  const t = useTranslations('cron');
  const [action, setAction] = useState<CronAction | null>(null);
  const dialog = action && (
    <ConfirmDialog
      title={t(`${action}.title`)}
      confirm={t(`${action}.confirm`)}
      returnTo={returnTo}
      onClose={() => setAction(null)}
      onConfirm={async (form) => {
        const reason = String(form.get('reason'));
        const result = await changeCron({ action, key: row.key, reason }).catch(toActionError);
        if (isConsoleUpdated(result)) return 'console_updated';
        onDone({ action, result });
        return 'done';
      }}
    >
      <CronEffect action={action} row={row} />
    </ConfirmDialog>
  );
  return { openDialog: setAction, dialog };
}
