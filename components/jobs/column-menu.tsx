'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import type { Column } from '@/lib/jobs/columns';
import { usePausePolling } from '../live';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Popover } from '../ui/popover';

// What a popover holds comes when it is first opened.
const ColumnPanel = lazyScript(() => import('./column-panel'));

/** Which columns the list has: the viewer's own choice, kept in this browser. */
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
