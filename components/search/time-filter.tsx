'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import type { ChipTerm } from '../jobs/query-terms';
import { usePausePolling } from '../live';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { Popover } from '../ui/popover';

// What a popover holds comes when it is first opened.
const TimePanel = lazyScript(() => import('./time-panel'));

export interface SearchProps {
  path: string;
  /** The filter's query parameters, without a cursor. */
  params: Record<string, string>;
  chips: ChipTerm[];
}

/** Bounds a time of the jobs: spans before now, and exact ones in the viewer's zone. Takes the place of the bounds that were there. */
export function TimeFilter({ path, params, chips }: SearchProps) {
  const t = useTranslations('search.time');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  const bounded = chips.some(({ time }) => time !== null);
  return (
    <Popover
      label={t('label')}
      className="min-h-9"
      onOpenChange={setOpen}
      button={
        <>
          <Icon name="clock" className={bounded ? 'text-accent' : ''} />
          <span className="max-sm:sr-only">{t('label')}</span>
        </>
      }
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <TimePanel path={path} params={params} chips={chips} />
        </Suspense>
      )}
    </Popover>
  );
}
