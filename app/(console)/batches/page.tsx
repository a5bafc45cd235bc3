import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { BatchList } from '@/components/batches/batch-list';
import { InvalidConditions } from '@/components/not-understood';
import { PageHeader } from '@/components/page-header';
import { Tabs } from '@/components/tabs';
import { listBatchesWithProgress } from '@/lib/batches/queries';
import { BATCH_STATES, batchFilterParams, parseBatchFilter } from '@/lib/batches/types';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('batches'))('title') };
}

export default async function BatchesPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const filter = parseBatchFilter(pageParams);
    const page = await listBatchesWithProgress(ctx, filter);
    const params = batchFilterParams(filter);
    const tabs = [null, ...BATCH_STATES].map((state) => ({
      href: `/batches?${new URLSearchParams(batchFilterParams({ ...filter, state }))}`.replace(
        /\?$/,
        '',
      ),
      text: t(`batchStates.${state ?? 'all'}`),
      current: filter.state === state && filter.notUnderstood.length === 0,
    }));
    return (
      <>
        <PageHeader title={t('batches.title')} />
        <Tabs label={t('jobs.tabs')} tabs={tabs} />
        <InvalidConditions chips={filter.notUnderstood} clearHref="/batches" />
        <BatchList
          key={JSON.stringify(filter)}
          endpoint={`/api/batches?${new URLSearchParams(batchFilterParams(filter, filter.cursor))}`}
          initial={page}
          page={{ path: '/batches', params }}
          label={t('batches.title')}
          empty={t(
            filter.state || filter.notUnderstood.length > 0 ? 'batches.empty' : 'batches.emptyAll',
          )}
        />
      </>
    );
  });
}
