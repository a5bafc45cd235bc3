'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useId, useState } from 'react';
import { useHold } from './live';
import { useReasonRequired } from './permissions';
import { ReasonField } from './reason-field';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';

interface Props {
  title: string;
  confirm: string;
  returnTo?: RefObject<HTMLElement | null>;
  /** Closes when it is done. `reason`: for the audit, empty where none is given. */
  onConfirm: (reason: string) => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks before an action that needs nothing but a yes. */
export function ConfirmDialog({ title, confirm, returnTo, onConfirm, onClose, children }: Props) {
  const t = useTranslations('actions');
  const heading = useId();
  const [working, setWorking] = useState(false);
  const reasonRequired = useReasonRequired();
  useHold(true);
  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setWorking(true);
          void onConfirm(String(new FormData(event.currentTarget).get('reason'))).then(onClose);
        }}
      >
        <h2 id={heading} className="text-lg font-semibold any-break">
          {title}
        </h2>
        {children}
        <ReasonField required={reasonRequired} />
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
