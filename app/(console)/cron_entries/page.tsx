import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { CronList } from '@/components/cron/cron-list';
import { CronNotice } from '@/components/cron/cron-notice';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { cut } from '@/lib/core/text';
import { listCronEntries } from '@/lib/cron/entries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('cron'))('title') };
}

export default async function CronEntriesPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('cron');
    const after = given.get('after');
    const params = after === null ? '' : `?${new URLSearchParams({ after: cut(after, 1000) })}`;
    return (
      <>
        <h1 className="mb-2 text-xl font-semibold">{t('title')}</h1>
        <CronNotice did={given.get('did')} outcome={given.get('outcome')} />
        <CronList
          key={params}
          door={`/api/cron_entries${params}`}
          initial={await listCronEntries(ctx, after)}
        />
      </>
    );
  });
}
