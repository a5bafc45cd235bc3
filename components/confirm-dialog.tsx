'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useId, useState } from 'react';
import { ConsoleUpdated } from './console-updated';
import { usePausePolling } from './live';
import { useReasonRequired } from './permissions';
import { ReasonField } from './reason-field';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';

interface Props {
  title: string;
  confirm: string;
  returnTo?: RefObject<HTMLElement | null>;
  /**
   * `reason`: for the audit, empty where none is given. The dialog stays open, with what was typed, when the page turns
   * out to be of another release than the server.
   */
  onConfirm: (reason: string) => Promise<'done' | 'console_updated'>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks before an action that needs nothing but a yes. */
export function ConfirmDialog({ title, confirm, returnTo, onConfirm, onClose, children }: Props) {
  const t = useTranslations('actions');
  const heading = useId();
  const [working, setWorking] = useState(false);
  const [isOutdated, setOutdated] = useState(false);
  const reasonRequired = useReasonRequired();
  usePausePolling(true);
  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setWorking(true);
          const reason = String(new FormData(event.currentTarget).get('reason'));
          void onConfirm(reason).then((outcome) => {
            setWorking(false);
            if (outcome === 'done') onClose();
            else setOutdated(true);
          });
        }}
      >
        <h2 id={heading} className="text-lg font-semibold any-break">
          {title}
        </h2>
        {children}
        <ReasonField required={reasonRequired} />
        {isOutdated && <ConsoleUpdated />}
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={onClose} disabled={working}>
            {t('cancel')}
          </Button>
          <Button type="submit" kind="primary" disabled={working} data-focus-first="">
            {working ? t('working') : confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
