import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { InvalidConditions } from '@/components/not-understood';
import { PageHeader } from '@/components/page-header';
import { QueueFilterForm } from '@/components/queues/queue-filter-form';
import { QueueList } from '@/components/queues/queue-list';
import { Tabs } from '@/components/tabs';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
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
    const tabs = Object.keys(RANGES)
      .filter(isRange)
      .map((range) => ({
        href: `/queues?${queueFilterParams({ ...filter, range })}`,
        text: t(`ranges.${range}`),
        current: hasValidFilter && filter.range === range,
      }));
    return (
      <>
        <PageHeader title={t('title')} />
        <Tabs label={t('range')} tabs={tabs} />
        <InvalidConditions chips={filter.notUnderstood} clearHref="/queues" />
        {hasValidFilter && (
          <>
            <QueueFilterForm filter={filter} />
            <QueueList
              key={queueFilterParams(filter)}
              initial={initial}
              range={filter.range}
              name={filter.name}
            />
          </>
        )}
      </>
    );
  });
}
