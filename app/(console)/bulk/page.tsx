import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { LiveRunList, NoRuns } from '@/components/bulk/live-run-list';
import { NotUnderstoodChips } from '@/components/not-understood';
import { Banner } from '@/components/ui/banner';
import { listRuns } from '@/lib/bulk/runs';
import { requireCtx } from '@/lib/context/request-context';
import { cursorParams, paramsOf, parseCursor } from '@/lib/core/search-params';
import { cut } from '@/lib/core/text';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('bulk'))('title') };
}

export default async function BulkPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('bulk');
    const cursor = parseCursor(given);
    const unread =
      cursor === 'not_understood'
        ? [
            {
              name: 'after_id',
              value: cut(given.get('after_id') ?? given.get('before_id') ?? '', 80),
            },
          ]
        : [];
    const place = cursor === 'not_understood' ? null : cursor;
    const page = await listRuns(ctx, place);
    return (
      <>
        <h1 className="mb-3 text-xl font-semibold">{t('title')}</h1>
        <NotUnderstoodChips chips={unread} clearHref="/bulk" />
        {!ctx.bulkRuns ? (
          <Banner tone="info">{t('needsSchema')}</Banner>
        ) : unread.length > 0 ? (
          <NoRuns text={t('empty')} />
        ) : (
          <LiveRunList
            initial={page}
            query={String(new URLSearchParams(place ? cursorParams(place) : {}))}
            label={t('title')}
            empty={t('empty')}
          />
        )}
      </>
    );
  });
}
