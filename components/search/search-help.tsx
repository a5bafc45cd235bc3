'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import { usePausePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Panel } from '../ui/panel';

// Loaded when the panel first opens.
const HelpPanel = lazyScript(() => import('./help-panel'));

/** A button that opens the explanation of the query language. */
export function SearchHelp() {
  const t = useTranslations('search');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  return (
    <Panel
      label={t('help')}
      onOpenChange={setOpen}
      buttonClassName={`${buttonClass()} min-h-9`}
      button={<Icon name="help" />}
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <HelpPanel />
        </Suspense>
      )}
    </Panel>
  );
}
