import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader } from '@/components/page-header';
import { ProcessList } from '@/components/processes/process-list';
import { requireCtx } from '@/lib/context/request-context';
import { isUuid } from '@/lib/core/text';
import { cursorParams, type PageSearchParams, paramsOf } from '@/lib/core/urls';
import {
  getRawProcess,
  listProcesses,
  parseProcessFilter,
  processFilterParams,
} from '@/lib/processes/queries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('processes'))('title') };
}

export default async function ProcessesPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('processes');
    const filter = parseProcessFilter(pageParams);
    const hasValidFilter = filter.notUnderstood.length === 0;
    const initial = await listProcesses(ctx, filter);
    const params = processFilterParams(filter);
    const cursor = filter.cursor ? cursorParams(filter.cursor) : {};
    // Without JavaScript the page itself renders the raw state of one process.
    const rawId = pageParams.get('raw') ?? '';
    const raw =
      isUuid(rawId) && initial.rows.some(({ id }) => id === rawId)
        ? await getRawProcess(ctx, rawId)
        : null;
    return (
      <>
        <PageHeader title={t('title')} />
        <InvalidConditions chips={filter.notUnderstood} clearHref="/processes" />
        {hasValidFilter && (
          <ProcessList
            key={JSON.stringify(filter)}
            endpoint={`/api/processes?${new URLSearchParams({ ...params, ...cursor })}`}
            initial={initial}
            params={params}
            state={filter.state}
            queueName={filter.queueName}
            raw={raw === null ? null : { id: rawId, json: raw }}
          />
        )}
      </>
    );
  });
}
