import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { AccuracyNote, RangePicker } from '@/components/performance/range-picker';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import type { Performance, PerformanceFilter } from '@/lib/performance/filters';

interface Props {
  filter: PerformanceFilter;
  performance: Performance;
  path: string;
  /** The figures, displayed if there was an execution in the period. */
  children: ReactNode;
}

/** The measured period with its accuracy, and its figures. */
export function MeasuredPeriod({ filter, performance, path, children }: Props) {
  const t = useTranslations('performance');
  return (
    <>
      <RangePicker
        filter={filter}
        period={performance.period}
        path={path}
        action={href(currentApplication(), path)}
      />
      <AccuracyNote performance={performance} />
      {performance.now.total?.executions === 0 ? (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {t('empty')}
        </div>
      ) : (
        children
      )}
    </>
  );
}
