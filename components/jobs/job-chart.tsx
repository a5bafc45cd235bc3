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

// Loads the chart and its library when it is first opened.
const ChartPanel = lazyScript(() =>
  import('../chart/chart-panel').then(({ ChartPanel: component }) => ({ default: component })),
);

/** The chart above the list, collapsed by default; its settings are stored in a cookie. */
export function JobChart({
  choice: initialChoice,
  ...props
}: Omit<ChartPanelProps, 'choice' | 'onChoice'> & { choice: ChartChoice }) {
  const t = useTranslations('chart');
  const { basePath } = useApplication();
  const [choice, setChoice] = useState(initialChoice);
  function applyChoice(next: ChartChoice) {
    setChoice(next);
    setPreferenceCookie(CHART_COOKIE, printChartChoice(next), basePath);
  }
  return (
    <section aria-label={t('title')} className="js-only mb-3">
      {/* On wide screens the button sits in the space at the end of the tabs. */}
      <Button
        kind="quiet"
        aria-expanded={choice.open}
        onClick={() => applyChoice({ ...choice, open: !choice.open })}
        className="max-lg:-ml-2.5 lg:absolute lg:top-0 lg:right-0"
      >
        <Icon name="chart" />
        {t(choice.open ? 'hide' : 'show')}
      </Button>
      {choice.open && (
        <Suspense fallback={<div className="h-[15rem]" />}>
          <ChartPanel {...props} choice={choice} onChoice={applyChoice} />
        </Suspense>
      )}
    </section>
  );
}
