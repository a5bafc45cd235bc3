import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { NotUnderstoodChips } from '@/components/not-understood';
import { AccuracyNote } from '@/components/performance/accuracy-note';
import { HistogramChart, TimeChart } from '@/components/performance/charts';
import { FiguresTable } from '@/components/performance/figures-table';
import { RangePicker } from '@/components/performance/range-picker';
import { Totals } from '@/components/performance/totals';
import { env } from '@/lib/config/environment';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { parsePerformanceFilter } from '@/lib/performance/filters';
import { measure } from '@/lib/performance/queries';
import { guardPage } from '../guard';

const PATH = '/performance';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('performance'))('title') };
}

export default async function PerformancePage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('performance');
    const filter = parsePerformanceFilter(given);
    const performance = filter.notUnderstood.length === 0 ? await measure(ctx, filter) : null;
    const sampled = performance?.now.accuracy.kind === 'sample';
    return (
      <>
        <h1 className="mb-2 text-xl font-semibold">{t('title')}</h1>
        <NotUnderstoodChips chips={filter.notUnderstood} clearHref={PATH} />
        {performance && (
          <>
            <RangePicker
              filter={filter}
              period={performance.period}
              path={PATH}
              action={env().basePath + PATH}
            />
            <AccuracyNote performance={performance} />
            {performance.now.total?.executions === 0 ? (
              <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
                {t('empty')}
              </div>
            ) : (
              <>
                <Totals performance={performance} jobClass={null} />
                <div className="grid gap-3 xl:grid-cols-2">
                  <TimeChart performance={performance} jobClass={null} />
                  <HistogramChart performance={performance} />
                </div>
                {performance.now.total && (
                  <FiguresTable
                    of="class"
                    rows={performance.now.classes}
                    before={performance.before.classes}
                    period={performance.period}
                    filter={filter}
                    path={PATH}
                    jobClass={null}
                    sampled={sampled}
                  />
                )}
                {performance.now.total && (
                  <FiguresTable
                    of="queue"
                    rows={performance.now.queues}
                    before={performance.before.queues}
                    period={performance.period}
                    filter={filter}
                    path={PATH}
                    jobClass={null}
                    sampled={sampled}
                  />
                )}
              </>
            )}
          </>
        )}
      </>
    );
  });
}
