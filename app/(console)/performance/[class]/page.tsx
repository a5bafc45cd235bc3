import type { Metadata } from 'next';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { Link } from '@/components/navigation';
import { InvalidConditions } from '@/components/page-errors';
import { Breadcrumb, PageHeader } from '@/components/page-header';
import { HistogramChart, TimeChart } from '@/components/performance/charts';
import { FiguresTable } from '@/components/performance/figures-table';
import { Slowest } from '@/components/performance/slowest';
import { Totals } from '@/components/performance/totals';
import { buttonClass } from '@/components/ui/button';
import { requireCtx } from '@/lib/context/request-context';
import { setResponseStatus } from '@/lib/core/process-state';
import { truncateText, isFilterText } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { parsePerformanceFilter } from '@/lib/performance/filters';
import { classExists, measure } from '@/lib/performance/queries';
import { guardPage, renderMissingPage } from '../../guard';
import { MeasuredPeriod } from '../measured-period';

interface Props {
  params: Promise<{ class: string }>;
  searchParams: PageSearchParams;
}

/** Decodes the path segment; null if it cannot be the name of a class. */
function parseClass(encoded: string): string | null {
  try {
    const name = decodeURIComponent(encoded);
    return isFilterText(name) && name.trim() !== '' ? name : null;
  } catch {
    return null;
  }
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  const t = await getTranslations('performance');
  const name = truncateText(parseClass((await params).class) ?? '', 80);
  return { title: `${name} · ${t('title')}` };
}

export default async function ClassPage({ params, searchParams }: Props) {
  const { class: encoded } = await params;
  const pageParams = paramsOf(await searchParams);
  const jobClass = parseClass(encoded);
  if (jobClass === null) return renderMissingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('performance');
    const filter = parsePerformanceFilter(pageParams);
    const path = `/performance/${encodeURIComponent(jobClass)}`;
    const performance =
      filter.notUnderstood.length === 0 ? await measure(ctx, filter, jobClass) : null;
    if (!performance?.now.total?.executions && !(await classExists(ctx, jobClass))) {
      setResponseStatus(404);
      return <UnknownClass name={jobClass} />;
    }
    return (
      <>
        <Breadcrumb items={[{ href: '/performance', text: t('title') }]} current={jobClass} />
        <ClassHead name={jobClass} />
        <InvalidConditions chips={filter.notUnderstood} clearHref={path} />
        {performance && (
          <MeasuredPeriod filter={filter} performance={performance} path={path}>
            <Totals performance={performance} jobClass={jobClass} />
            <div className="grid gap-3 xl:grid-cols-2">
              <HistogramChart performance={performance} />
              <TimeChart performance={performance} jobClass={jobClass} />
            </div>
            <Slowest now={performance.now} />
            {performance.now.total && (
              <FiguresTable
                groupBy="queue"
                rows={performance.now.queues}
                before={performance.before.queues}
                period={performance.period}
                filter={filter}
                path={path}
                jobClass={jobClass}
                isSample={performance.now.accuracy.kind === 'sample'}
              />
            )}
          </MeasuredPeriod>
        )}
      </>
    );
  });
}

function ClassHead({ name }: { name: string }) {
  const t = useTranslations('performance');
  return (
    <PageHeader title={<span className="font-mono">{name}</span>} isLive={false}>
      <Link
        href={`/jobs?${new URLSearchParams({ job_class: name })}`}
        prefetch={false}
        className="text-accent"
      >
        {t('jobsOfClass')}
      </Link>
      <Link
        href={`/cleaner?${new URLSearchParams({ job_class: name })}`}
        prefetch={false}
        className="text-accent"
      >
        {t('failuresOfClass')}
      </Link>
    </PageHeader>
  );
}

function UnknownClass({ name }: { name: string }) {
  const t = useTranslations('performance');
  return (
    <div className="mx-auto max-w-2xl py-10">
      <h1 className="text-xl font-semibold">{t('unknownClass')}</h1>
      <p className="mt-3">
        {t.rich('unknownClassText', {
          name: () => <span className="font-mono any-break">{name}</span>,
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
