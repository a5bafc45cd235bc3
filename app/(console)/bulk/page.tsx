import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { NoRuns, PolledRunList } from '@/components/bulk/run-list';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader } from '@/components/page-header';
import { Banner } from '@/components/ui/banner';
import { listRuns } from '@/lib/bulk/runs';
import { requireCtx } from '@/lib/context/request-context';
import { truncateText } from '@/lib/core/text';
import { cursorParams, type PageSearchParams, paramsOf, parseCursor } from '@/lib/core/urls';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('bulk'))('title') };
}

export default async function BulkPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('bulk');
    const cursor = parseCursor(pageParams);
    const notUnderstood =
      cursor === 'not_understood'
        ? [
            {
              name: 'after_id',
              value: truncateText(
                pageParams.get('after_id') ?? pageParams.get('before_id') ?? '',
                80,
              ),
            },
          ]
        : [];
    const validCursor = cursor === 'not_understood' ? null : cursor;
    const page = await listRuns(ctx, validCursor);
    return (
      <>
        <PageHeader title={t('title')} />
        <InvalidConditions chips={notUnderstood} clearHref="/bulk" />
        {!ctx.bulkRuns && <Banner tone="info">{t('needsSchema')}</Banner>}
        {ctx.bulkRuns && notUnderstood.length > 0 && <NoRuns text={t('empty')} />}
        {ctx.bulkRuns && notUnderstood.length === 0 && (
          <PolledRunList
            initial={page}
            query={String(new URLSearchParams(validCursor ? cursorParams(validCursor) : {}))}
            label={t('title')}
            empty={t('empty')}
          />
        )}
      </>
    );
  });
}
