import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { AttentionView } from '@/components/attention/attention-view';
import { RepairNotice } from '@/components/attention/repair-notice';
import { getAttention } from '@/lib/attention/queries';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('attention'))('title') };
}

export default async function AttentionPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const attention = await getAttention(await requireCtx());
    const t = await getTranslations('attention');
    return (
      <>
        <h1 className="mb-1 text-xl font-semibold">{t('title')}</h1>
        <RepairNotice params={given} />
        <AttentionView initial={attention} />
      </>
    );
  });
}
