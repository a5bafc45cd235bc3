import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader, RangeLinks } from '@/components/page-header';
import { PlaceTabs, QueueFilterForm } from '@/components/queues/queue-filters';
import { QueueList } from '@/components/queues/queue-list';
import { PauseResultBanner } from '@/components/result-banners';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { RANGES, isRange, parseQueueFilter, queueFilterParams } from '@/lib/queues/filters';
import { listQueues } from '@/lib/queues/queries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('queues'))('title') };
}

export default async function QueuesPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('queues');
    const filter = parseQueueFilter(pageParams);
    const hasValidFilter = filter.notUnderstood.length === 0;
    const initial = await listQueues(ctx, filter);
    const ranges = Object.keys(RANGES)
      .filter(isRange)
      .map((range) => ({
        href: `/queues?${queueFilterParams({ ...filter, range })}`,
        text: t(`ranges.${range}`),
        current: hasValidFilter && filter.range === range,
      }));
    return (
      <>
        <PageHeader title={t('title')} />
        <PlaceTabs current="queues" pauses={initial.pauses} />
        <PauseResultBanner params={pageParams} />
        <InvalidConditions chips={filter.notUnderstood} clearHref="/queues" />
        <div className="mb-3 flex flex-wrap items-end gap-x-4 gap-y-2">
          {hasValidFilter && <QueueFilterForm filter={filter} />}
          <RangeLinks label={t('range')} choices={ranges} />
        </div>
        {hasValidFilter && (
          <QueueList
            key={queueFilterParams(filter)}
            initial={initial}
            range={filter.range}
            name={filter.name}
            canEnd={ctx.pauseEnds === 'write'}
          />
        )}
      </>
    );
  });
}
