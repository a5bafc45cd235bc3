'use client';

import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Icon } from './ui/icon';

/** An outcome with a button that takes it away; `onDismiss` null: not yet. */
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
          className="js-only flex size-6.5 shrink-0 items-center justify-center rounded text-soft hover:bg-sunken hover:text-ink"
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}
