import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { PageHeader } from '@/components/page-header';
import { PauseForm } from '@/components/pauses/pause-form';
import { PauseList } from '@/components/pauses/pause-list';
import { PlaceTabs } from '@/components/queues/queue-filters';
import { PauseResultBanner } from '@/components/result-banners';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { listPauses } from '@/lib/pauses/queries';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('pauses'))('title') };
}

export default async function PausesPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const initial = await listPauses(ctx);
    const canEnd = ctx.pauseEnds === 'write';
    return (
      <>
        <PageHeader title={t('pauses.title')} />
        <PlaceTabs current="pauses" pauses={initial.rows.length} />
        <PauseResultBanner params={pageParams} />
        <PauseForm canEnd={canEnd} />
        <PauseList initial={initial} canEnd={canEnd} />
        <p className="mt-3 max-w-prose text-sm text-soft">
          {t.rich('pauses.workers', {
            code: (name) => <code className="font-mono text-ink">{name}</code>,
          })}
        </p>
      </>
    );
  });
}
