'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import { usePausePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Panel } from '../ui/floating';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import type { ChipTerm } from './query-terms';

// Loaded when each panel first opens.
const TimePanel = lazyScript(() => import('./time-panel'));
const HelpPanel = lazyScript(() => import('./help-panel'));

/** The search that a panel changes. */
export interface SearchProps {
  path: string;
  /** The filter's query parameters, without a cursor. */
  params: Record<string, string>;
  chips: ChipTerm[];
}

/** Filters by a time of the jobs; a new range replaces the one of the same field. */
export function TimeFilter({ path, params, chips }: SearchProps) {
  const t = useTranslations('search.time');
  const [open, setOpen] = useState(false);
  usePausePolling(open);
  const hasTimeFilter = chips.some(({ time }) => time !== null);
  return (
    <Panel
      label={t('label')}
      buttonClassName={`${buttonClass()} min-h-9`}
      onOpenChange={setOpen}
      button={
        <>
          <Icon name="clock" className={hasTimeFilter ? 'text-accent' : ''} />
          <span className="max-sm:sr-only">{t('label')}</span>
        </>
      }
    >
      {() => (
        <Suspense fallback={<div className="h-64 w-64" />}>
          <TimePanel path={path} params={params} chips={chips} />
        </Suspense>
      )}
    </Panel>
  );
}

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
