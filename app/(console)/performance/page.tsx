import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader } from '@/components/page-header';
import { HistogramChart, TimeChart } from '@/components/performance/charts';
import { FiguresTable } from '@/components/performance/figures-table';
import { Totals } from '@/components/performance/totals';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { parsePerformanceFilter } from '@/lib/performance/filters';
import { measure } from '@/lib/performance/queries';
import { guardPage } from '../guard';
import { MeasuredPeriod } from './measured-period';

const PATH = '/performance';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('performance'))('title') };
}

export default async function PerformancePage({
  searchParams,
}: {
  searchParams: PageSearchParams;
}) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('performance');
    const filter = parsePerformanceFilter(pageParams);
    const performance = filter.notUnderstood.length === 0 ? await measure(ctx, filter) : null;
    const isSample = performance?.now.accuracy.kind === 'sample';
    return (
      <>
        <PageHeader title={t('title')} isLive={false} />
        <InvalidConditions chips={filter.notUnderstood} clearHref={PATH} />
        {performance && (
          <MeasuredPeriod filter={filter} performance={performance} path={PATH}>
            <Totals performance={performance} jobClass={null} />
            <div className="grid gap-3 xl:grid-cols-2">
              <TimeChart performance={performance} jobClass={null} />
              <HistogramChart performance={performance} />
            </div>
            {performance.now.total && (
              <FiguresTable
                groupBy="class"
                rows={performance.now.classes}
                before={performance.before.classes}
                period={performance.period}
                filter={filter}
                path={PATH}
                jobClass={null}
                isSample={isSample}
              />
            )}
            {performance.now.total && (
              <FiguresTable
                groupBy="queue"
                rows={performance.now.queues}
                before={performance.before.queues}
                period={performance.period}
                filter={filter}
                path={PATH}
                jobClass={null}
                isSample={isSample}
              />
            )}
          </MeasuredPeriod>
        )}
      </>
    );
  });
}
