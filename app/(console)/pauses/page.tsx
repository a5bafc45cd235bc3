import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { PageHeader } from '@/components/page-header';
import { PauseForm } from '@/components/pauses/pause-form';
import { PauseList } from '@/components/pauses/pause-list';
import { PauseResultBanner } from '@/components/pauses/pause-result-banner';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
import { listPauses } from '@/lib/pauses/queries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('pauses'))('title') };
}

export default async function PausesPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('pauses');
    return (
      <>
        <PageHeader title={t('title')} />
        <p className="mb-3 max-w-prose text-soft">
          {t.rich('workers', {
            code: (name) => <code className="font-mono text-sm text-ink">{name}</code>,
          })}
        </p>
        <PauseResultBanner params={pageParams} />
        <PauseForm />
        <PauseList initial={await listPauses(ctx)} />
      </>
    );
  });
}
