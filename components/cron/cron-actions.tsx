'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useRef, useState } from 'react';
import { changeCron } from '@/lib/cron/actions';
import type { CronAction, CronOutcome } from '@/lib/cron/mutations';
import type { CronRow } from '@/lib/cron/types';
import type { ActionResult } from '@/lib/http/server-action';
import { useHref } from '../application';
import { ConfirmDialog } from '../confirm-dialog';
import { type DenialMap, useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { isConsoleUpdated, toActionError } from '../requests';
import { Menu } from '../ui/menu';
import { CronEffect } from './cron-outcome';

/** The actions menu of a cron entry's row; without JavaScript, a link to the entry's page. */
export function CronMenu({
  row,
  onDone,
}: {
  row: CronRow;
  onDone: (result: CronActionResult) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  const { openDialog, dialog } = useCronAction(row, onDone, trigger);
  usePausePolling(open);
  return (
    <>
      <Menu
        label={t('cron.menu', { key: row.key })}
        href={href(`/cron_entries/${encodeURIComponent(row.key)}#actions`)}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() =>
          cronActions(row).map((action) => {
            const reason = cronDisabledReason(action, row, denials);
            return {
              key: action,
              text: t(`cron.${action}.menu`),
              reason: reason && t(reason),
              onSelect: () => openDialog(action),
            };
          })
        }
      />
      {dialog}
    </>
  );
}

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
