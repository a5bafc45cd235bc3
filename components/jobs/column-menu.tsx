'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import type { Column, Density } from '@/lib/jobs/types';
import { usePausePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Panel } from '../ui/panel';

// Loaded when the panel first opens.
const ColumnPanel = lazyScript(() => import('./column-panel'));

/** Chooses the columns and the row height of the list; the choice is stored in cookies. */
export function ColumnMenu({ columns, density }: { columns: readonly Column[]; density: Density }) {
  const t = useTranslations('columnMenu');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  return (
    <Panel
      label={t('label')}
      buttonClassName={buttonClass()}
      onOpenChange={setOpen}
      button={
        <>
          <Icon name="columns" />
          <span className="max-sm:sr-only">{t('label')}</span>
        </>
      }
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <ColumnPanel columns={columns} density={density} />
        </Suspense>
      )}
    </Panel>
  );
}
