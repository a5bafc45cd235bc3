import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { NotUnderstoodChips } from '@/components/not-understood';
import { ProcessList } from '@/components/processes/process-list';
import { requireCtx } from '@/lib/context/request-context';
import { cursorParams, paramsOf } from '@/lib/core/search-params';
import { isUuid } from '@/lib/core/text';
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

export default async function ProcessesPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('processes');
    const filter = parseProcessFilter(given);
    const understood = filter.notUnderstood.length === 0;
    const initial = await listProcesses(ctx, filter);
    const params = processFilterParams(filter);
    // Without JavaScript the raw state of one process comes with the page.
    const asked = given.get('raw') ?? '';
    const raw =
      isUuid(asked) && initial.rows.some(({ id }) => id === asked)
        ? await getRawProcess(ctx, asked)
        : null;
    return (
      <>
        <h1 className="mb-2 text-xl font-semibold">{t('title')}</h1>
        <NotUnderstoodChips chips={filter.notUnderstood} clearHref="/processes" />
        {understood && (
          <ProcessList
            key={JSON.stringify(filter)}
            door={`/api/processes?${new URLSearchParams({ ...params, ...(filter.cursor ? cursorParams(filter.cursor) : {}) })}`}
            initial={initial}
            params={params}
            state={filter.state}
            queueName={filter.queueName}
            raw={raw === null ? null : { id: asked, json: raw }}
          />
        )}
      </>
    );
  });
}
