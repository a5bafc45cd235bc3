import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { AttentionView } from '@/components/attention/attention-view';
import { PageHeader } from '@/components/page-header';
import { RepairResultBanner } from '@/components/result-banners';
import { getAttention } from '@/lib/attention/queries';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
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
        <PageHeader title={t('title')} />
        <RepairResultBanner params={pageParams} />
        <AttentionView initial={attention} />
      </>
    );
  });
}
