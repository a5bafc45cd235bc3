'use client';

import { useTranslations } from 'next-intl';
import { repairFinding } from '@/lib/attention/actions';
import type { RepairResult, RepairTarget } from '@/lib/attention/types';
import type { ActionResult } from '@/lib/http/server-action';
import { ConfirmDialog } from '../confirm-dialog';
import { isConsoleUpdated, toActionError } from '../requests';
import { RepairEffect } from './repair-text';

export interface RepairAttempt {
  target: RepairTarget;
  result: ActionResult<RepairResult>;
}

/** Confirms a repair and runs it; `onRepaired` gets the result, which may be a failure. */
export function RepairDialog({
  target,
  onRepaired,
  onClose,
}: {
  target: RepairTarget;
  onRepaired: (attempt: RepairAttempt) => void;
  onClose: () => void;
}) {
  const t = useTranslations('attention.repairs');
  return (
    <ConfirmDialog
      title={t(`${target.repair}.title`)}
      confirm={t(`${target.repair}.confirm`)}
      onClose={onClose}
      onConfirm={async (form) => {
        const reason = String(form.get('reason'));
        const result = await repairFinding({ ...target, reason }).catch(toActionError);
        if (isConsoleUpdated(result)) return 'console_updated';
        onRepaired({ target, result });
        return 'done';
      }}
    >
      <RepairEffect target={target} />
    </ConfirmDialog>
  );
}
