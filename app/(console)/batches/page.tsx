import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { BatchList } from '@/components/batches/batch-list';
import { BatchSearch } from '@/components/batches/batch-search';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader, Tabs } from '@/components/page-header';
import { isHiddenSearch } from '@/lib/batches/search';
import { listBatchesWithProgress } from '@/lib/batches/status';
import {
  BATCH_STATES,
  type BatchFilter,
  batchFilterParams,
  parseBatchFilter,
} from '@/lib/batches/types';
import { requireCtx } from '@/lib/context/request-context';
import { truncateText } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('batches'))('title') };
}

function hrefOf(filter: BatchFilter): string {
  const params = new URLSearchParams(batchFilterParams(filter));
  return params.size > 0 ? `/batches?${params}` : '/batches';
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
      href: hrefOf({ ...filter, state }),
      text: t(`batchStates.${state ?? 'all'}`),
      current: filter.state === state && filter.notUnderstood.length === 0,
    }));
    const problems = isHiddenSearch(filter.q)
      ? [
          {
            name: 'q',
            value: truncateText(filter.q, 80),
            explanation: t('search.problems.hidden'),
            href: hrefOf({ ...filter, q: '' }),
          },
        ]
      : [];
    const isFiltered = filter.state !== null || filter.q !== '' || filter.notUnderstood.length > 0;
    return (
      <>
        <PageHeader title={t('batches.title')} />
        <BatchSearch
          key={filter.q}
          q={filter.q}
          params={batchFilterParams({ ...filter, q: '' })}
          clearHref={hrefOf({ ...filter, q: '' })}
        />
        <Tabs label={t('jobs.tabs')} tabs={tabs} />
        <InvalidConditions chips={[...filter.notUnderstood, ...problems]} clearHref="/batches" />
        <BatchList
          key={JSON.stringify(filter)}
          endpoint={`/api/batches?${new URLSearchParams(batchFilterParams(filter, filter.cursor))}`}
          initial={page}
          page={{ path: '/batches', params }}
          label={t('batches.title')}
          empty={t(isFiltered ? 'batches.empty' : 'batches.emptyAll')}
        />
      </>
    );
  });
}
