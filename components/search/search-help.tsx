'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import { usePausePolling } from '../live';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Popover } from '../ui/popover';

// What a popover holds comes when it is first opened.
const HelpPanel = lazyScript(() => import('./help-panel'));

/** The button that explains the search. */
export function SearchHelp() {
  const t = useTranslations('search');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  return (
    <Popover
      label={t('help')}
      onOpenChange={setOpen}
      className="min-h-9"
      button={<Icon name="help" />}
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <HelpPanel />
        </Suspense>
      )}
    </Popover>
  );
}
