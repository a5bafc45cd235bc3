import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { AttentionView } from '@/components/attention/attention-view';
import { RepairResultBanner } from '@/components/attention/repair-result-banner';
import { getAttention } from '@/lib/attention/queries';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('attention'))('title') };
}

export default async function AttentionPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const attention = await getAttention(await requireCtx());
    const t = await getTranslations('attention');
    return (
      <>
        <h1 className="mb-1 text-xl font-semibold">{t('title')}</h1>
        <RepairResultBanner params={pageParams} />
        <AttentionView initial={attention} />
      </>
    );
  });
}
