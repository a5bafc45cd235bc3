'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useState } from 'react';
import { CHART_COOKIE, type ChartChoice, printChartChoice } from '@/lib/jobs/types';
import type { ChartPanelProps } from '../chart/chart-panel';
import { keepCookie } from '../keep-cookie';
import { useLive } from '../live';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { lazyScript } from '../ui/lazy-script';

// The chart and the library that draws it come when it is first shown.
const ChartPanel = lazyScript(() =>
  import('../chart/chart-panel').then(({ ChartPanel: component }) => ({ default: component })),
);

/** The chart above the list: folded until the viewer wants it, and then as it was left. */
export function JobChart({
  choice: first,
  ...props
}: Omit<ChartPanelProps, 'choice' | 'onChoice'> & { choice: ChartChoice }) {
  const t = useTranslations('chart');
  const { basePath } = useLive();
  const [choice, setChoice] = useState(first);
  function choose(next: ChartChoice) {
    setChoice(next);
    keepCookie(CHART_COOKIE, printChartChoice(next), basePath);
  }
  return (
    <section aria-label={t('title')} className="js-only mb-3">
      {/* At a desk the tabs leave it room at their end. */}
      <Button
        kind="quiet"
        aria-expanded={choice.open}
        onClick={() => choose({ ...choice, open: !choice.open })}
        className="max-lg:-ml-2.5 lg:absolute lg:top-0 lg:right-0"
      >
        <Icon name="chart" />
        {t(choice.open ? 'hide' : 'show')}
      </Button>
      {choice.open && (
        <Suspense fallback={<div className="h-[15rem]" />}>
          <ChartPanel {...props} choice={choice} onChoice={choose} />
        </Suspense>
      )}
    </section>
  );
}
