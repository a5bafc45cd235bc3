'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useState } from 'react';
import { useAnnounceOutcome } from './outcomes';
import { Icon } from './ui/icon';

/** An outcome with a button that removes it; `onDismiss` null: it cannot be removed yet. */
export function Dismissible({
  onDismiss,
  children,
}: {
  onDismiss: (() => void) | null;
  children: ReactNode;
}) {
  const t = useTranslations('common');
  return (
    <div className="flex items-start gap-2">
      <div className="min-w-0 flex-1">{children}</div>
      {onDismiss && (
        <button
          type="button"
          onClick={onDismiss}
          aria-label={t('dismiss')}
          title={t('dismiss')}
          className={
            'js-only flex size-6.5 shrink-0 items-center justify-center rounded text-soft ' +
            'hover:bg-sunken hover:text-ink'
          }
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

/** Parameters with which a confirmation page returns the result of its action. */
const RESULT_PARAMS = [
  ...['did', 'outcome', 'name', 'ends', 'error', 'retried', 'skipped', 'at', 'undo'],
  ...['done', 'conflict', 'locked', 'missing', 'refused'],
];

/** The result of a confirmation page's action, until it is dismissed or another result appears. */
export function DismissibleResult({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(true);
  const close = useCallback(() => {
    setOpen(false);
    const url = new URL(window.location.href);
    for (const name of RESULT_PARAMS) url.searchParams.delete(name);
    window.history.replaceState(null, '', url);
  }, []);
  useAnnounceOutcome(close);
  return (
    open && (
      <div className="my-3">
        <Dismissible onDismiss={close}>{children}</Dismissible>
      </div>
    )
  );
}
