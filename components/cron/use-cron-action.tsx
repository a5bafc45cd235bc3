'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useState } from 'react';
import { changeCron } from '@/lib/cron/actions';
import type { CronAction, CronOutcome } from '@/lib/cron/mutations';
import type { CronRow } from '@/lib/cron/types';
import type { ActionResult } from '@/lib/http/server-action';
import { actionFailed, isConsoleUpdated } from '../action-failed';
import { ConfirmDialog } from '../confirm-dialog';
import type { DenialMap } from '../permissions';
import { CronEffect } from './cron-effect';

export interface CronActed {
  action: CronAction;
  result: ActionResult<CronOutcome>;
}

/** Those that are offered for an entry as it is. */
export function cronActions({ enabled }: Pick<CronRow, 'enabled'>): CronAction[] {
  return ['enqueue', enabled ? 'disable' : 'enable'];
}

/** Why an action is not offered; a message `actions.why.…` or `cron.refused.…`. */
export function whyNotCron(
  action: CronAction,
  row: CronRow,
  denials: DenialMap,
):
  | 'actions.why.forbidden'
  | 'actions.why.read_only'
  | `cron.refused.${'entry_invalid' | 'no_source'}`
  | null {
  const denied = denials[`cron.${action}`];
  if (denied) return `actions.why.${denied}`;
  return action === 'enqueue' && row.cannotEnqueue ? `cron.refused.${row.cannotEnqueue}` : null;
}

/** A dialog that asks before an action on an entry and carries it out. */
export function useCronAction(
  row: CronRow,
  onDone: (acted: CronActed) => void,
  returnTo?: RefObject<HTMLElement | null>,
): { ask: (action: CronAction) => void; dialog: ReactNode } {
  const t = useTranslations('cron');
  const [action, setAction] = useState<CronAction | null>(null);
  const dialog = action && (
    <ConfirmDialog
      title={t(`${action}.title`)}
      confirm={t(`${action}.confirm`)}
      returnTo={returnTo}
      onClose={() => setAction(null)}
      onConfirm={async (reason) => {
        const result = await changeCron({ action, key: row.key, reason }).catch(actionFailed);
        if (isConsoleUpdated(result)) return 'console_updated';
        onDone({ action, result });
        return 'done';
      }}
    >
      <CronEffect action={action} row={row} />
    </ConfirmDialog>
  );
  return { ask: setAction, dialog };
}
