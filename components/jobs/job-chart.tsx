'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import { CHART_COOKIE, type ChartChoice, printChartChoice } from '@/lib/jobs/types';
import { useApplication } from '../application';
import type { ChartPanelProps } from '../chart/chart-panel';
import { setPreferenceCookie } from '../preference-cookie';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';
import { useIsBrowser } from './job-table';

// Loads the chart and its library when it is first opened.
const ChartPanel = lazyScript(() =>
  import('../chart/chart-panel').then(({ ChartPanel: component }) => ({ default: component })),
);

/** The chart above the list; its settings, also whether it is hidden, are stored in a cookie. */
export function JobChart({
  choice: initialChoice,
  ...props
}: Omit<ChartPanelProps, 'choice' | 'onChoice' | 'children'> & { choice: ChartChoice }) {
  const t = useTranslations('chart');
  const { basePath } = useApplication();
  const isBrowser = useIsBrowser();
  const [choice, setChoice] = useState(initialChoice);
  function applyChoice(next: ChartChoice) {
    setChoice(next);
    setPreferenceCookie(CHART_COOKIE, printChartChoice(next), basePath);
  }
  const fold = (
    <Button
      kind="quiet"
      aria-expanded={choice.open}
      onClick={() => applyChoice({ ...choice, open: !choice.open })}
      className="!min-h-6 !px-1.5 !py-0 !text-xs"
    >
      <Icon name={choice.open ? 'fold' : 'chart'} className="size-3.5" />
      <span className={choice.open ? 'max-sm:sr-only' : ''}>
        {t(choice.open ? 'hide' : 'show')}
      </span>
    </Button>
  );
  // Reserves the height of the chart, whose script loads after the page.
  const placeholder = <div className="h-22" />;
  return (
    <section aria-label={t('title')} className="js-only mb-2">
      {!choice.open && <div className="flex justify-end">{fold}</div>}
      {choice.open && !isBrowser && placeholder}
      {choice.open && isBrowser && (
        <Suspense fallback={placeholder}>
          <ChartPanel {...props} choice={choice} onChoice={applyChoice}>
            {fold}
          </ChartPanel>
        </Suspense>
      )}
    </section>
  );
}
