'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import type { Column } from '@/lib/jobs/types';
import { usePausePolling } from '../polling/polling-provider';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Popover } from '../ui/popover';

// Loaded when the popover first opens.
const ColumnPanel = lazyScript(() => import('./column-panel'));

/** Chooses the columns of the list; the choice is stored in a cookie. */
export function ColumnMenu({ columns }: { columns: readonly Column[] }) {
  const t = useTranslations('columnMenu');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  return (
    <Popover
      label={t('label')}
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
          <ColumnPanel columns={columns} />
        </Suspense>
      )}
    </Popover>
  );
}
