'use client';

import { useTranslations } from 'next-intl';
import { type FormEvent, useId, useState } from 'react';
import { repairFinding } from '@/lib/attention/actions';
import type { RepairResult, RepairTarget } from '@/lib/attention/types';
import type { ActionResult } from '@/lib/http/server-action';
import { actionFailed, isConsoleUpdated } from '../action-failed';
import { ConsoleUpdated } from '../console-updated';
import { usePausePolling } from '../live';
import { useReasonRequired } from '../permissions';
import { ReasonField } from '../reason-field';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { RepairEffect } from './repair-effect';

export interface Repaired {
  target: RepairTarget;
  result: ActionResult<RepairResult>;
}

/** Asks before a repair and carries it out; `onRepaired` gets what it came to. */
export function RepairDialog({
  target,
  onRepaired,
  onClose,
}: {
  target: RepairTarget;
  onRepaired: (repaired: Repaired) => void;
  onClose: () => void;
}) {
  const t = useTranslations();
  const heading = useId();
  const reasonRequired = useReasonRequired();
  const [working, setWorking] = useState(false);
  const [isOutdated, setOutdated] = useState(false);
  usePausePolling(true);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get('reason'));
    setWorking(true);
    const result = await repairFinding({ ...target, reason }).catch(actionFailed);
    setWorking(false);
    if (isConsoleUpdated(result)) return setOutdated(true);
    onRepaired({ target, result });
    onClose();
  }
  return (
    <Dialog labelledBy={heading} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={heading} className="text-lg font-semibold">
          {t(`attention.repairs.${target.repair}.title`)}
        </h2>
        <RepairEffect target={target} />
        <ReasonField required={reasonRequired} />
        {isOutdated && <ConsoleUpdated />}
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={onClose} disabled={working}>
            {t('actions.cancel')}
          </Button>
          <Button type="submit" kind="primary" disabled={working} data-focus-first="">
            {working ? t('actions.working') : t(`attention.repairs.${target.repair}.confirm`)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
