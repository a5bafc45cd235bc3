import type { Metadata } from 'next';
import Link from 'next/link';
import { getTranslations } from 'next-intl/server';
import { Breadcrumb } from '@/components/breadcrumb';
import { NotUnderstoodChips } from '@/components/not-understood';
import { AccuracyNote } from '@/components/performance/accuracy-note';
import { HistogramChart, TimeChart } from '@/components/performance/charts';
import { FiguresTable } from '@/components/performance/figures-table';
import { RangePicker } from '@/components/performance/range-picker';
import { Slowest } from '@/components/performance/slowest';
import { Totals } from '@/components/performance/totals';
import { buttonClass } from '@/components/ui/button';
import { env } from '@/lib/config/environment';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { cut, isFilterText } from '@/lib/core/text';
import { setResponseStatus } from '@/lib/http/response-status';
import { parsePerformanceFilter } from '@/lib/performance/filters';
import { isKnownClass, measure } from '@/lib/performance/queries';
import { guardPage, missingPage } from '../../guard';

interface Props {
  params: Promise<{ class: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

/** As it stands in the path, percent-encoded; null: nothing that a class could be called. */
function classOf(encoded: string): string | null {
  try {
    const name = decodeURIComponent(encoded);
    return isFilterText(name) && name.trim() !== '' ? name : null;
  } catch {
    return null;
  }
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return {
    title: `${cut(classOf((await params).class) ?? '', 80)} · ${(await getTranslations('performance'))('title')}`,
  };
}

export default async function ClassPage({ params, searchParams }: Props) {
  const { class: encoded } = await params;
  const given = paramsOf(await searchParams);
  const jobClass = classOf(encoded);
  if (jobClass === null) return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('performance');
    const filter = parsePerformanceFilter(given);
    const path = `/performance/${encodeURIComponent(jobClass)}`;
    const performance =
      filter.notUnderstood.length === 0 ? await measure(ctx, filter, jobClass) : null;
    if (!performance?.now.total?.executions && !(await isKnownClass(ctx, jobClass))) {
      setResponseStatus(404);
      return (
        <div className="mx-auto max-w-2xl py-10">
          <h1 className="text-xl font-semibold">{t('unknownClass')}</h1>
          <p className="mt-3">
            {t.rich('unknownClassText', {
              name: () => <span className="font-mono any-break">{jobClass}</span>,
            })}
          </p>
          <p className="mt-4">
            <Link href="/performance" className={buttonClass()}>
              {t('title')}
            </Link>
          </p>
        </div>
      );
    }
    return (
      <>
        <Breadcrumb items={[{ href: '/performance', text: t('title') }]} current={jobClass} />
        <div className="mt-1 mb-2 flex flex-wrap items-center gap-x-4 gap-y-1">
          <h1 className="max-w-full min-w-0 font-mono text-xl font-semibold any-break">
            {jobClass}
          </h1>
          <Link
            href={`/jobs?${new URLSearchParams({ job_class: jobClass })}`}
            prefetch={false}
            className="text-accent"
          >
            {t('jobsOfClass')}
          </Link>
          <Link
            href={`/cleaner?${new URLSearchParams({ job_class: jobClass })}`}
            prefetch={false}
            className="text-accent"
          >
            {t('failuresOfClass')}
          </Link>
        </div>
        <NotUnderstoodChips chips={filter.notUnderstood} clearHref={path} />
        {performance && (
          <>
            <RangePicker
              filter={filter}
              period={performance.period}
              path={path}
              action={env().basePath + path}
            />
            <AccuracyNote performance={performance} />
            {performance.now.total?.executions === 0 ? (
              <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
                {t('empty')}
              </div>
            ) : (
              <>
                <Totals performance={performance} jobClass={jobClass} />
                <div className="grid gap-3 xl:grid-cols-2">
                  <HistogramChart performance={performance} />
                  <TimeChart performance={performance} jobClass={jobClass} />
                </div>
                <Slowest now={performance.now} />
                {performance.now.total && (
                  <FiguresTable
                    of="queue"
                    rows={performance.now.queues}
                    before={performance.before.queues}
                    period={performance.period}
                    filter={filter}
                    path={path}
                    jobClass={jobClass}
                    sampled={performance.now.accuracy.kind === 'sample'}
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
