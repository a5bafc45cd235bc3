import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { CronList } from '@/components/cron/cron-list';
import { PageHeader } from '@/components/page-header';
import { CronResultBanner } from '@/components/result-banners';
import { requireCtx } from '@/lib/context/request-context';
import { truncateText } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { listCronEntries } from '@/lib/cron/entries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('cron'))('title') };
}

export default async function CronEntriesPage({
  searchParams,
}: {
  searchParams: PageSearchParams;
}) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('cron');
    const after = pageParams.get('after');
    const params =
      after === null ? '' : `?${new URLSearchParams({ after: truncateText(after, 1000) })}`;
    return (
      <>
        <PageHeader title={t('title')} />
        <CronResultBanner params={pageParams} />
        <CronList
          key={params}
          endpoint={`/api/cron_entries${params}`}
          initial={await listCronEntries(ctx, after)}
        />
      </>
    );
  });
}
