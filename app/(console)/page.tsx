import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { OverviewMessages } from '@/components/i18n/more-messages';
import { OverviewView } from '@/components/overview/overview-view';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader, RangeLinks } from '@/components/page-header';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { getOverview } from '@/lib/overview/queries';
import { RANGE_NAMES, parseOverviewFilter, rangeQuery } from '@/lib/overview/types';
import { guardPage } from './guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('overview'))('title') };
}

export default async function OverviewPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('overview');
    const { range, notUnderstood } = parseOverviewFilter(pageParams);
    const isValid = notUnderstood.length === 0;
    const ranges = RANGE_NAMES.map((name) => ({
      href: `/${rangeQuery(name)}`,
      text: t(`ranges.${name}`),
      current: isValid && name === range,
    }));
    return (
      <>
        <PageHeader title={t('title')}>
          <RangeLinks label={t('range')} choices={ranges} />
        </PageHeader>
        <InvalidConditions chips={notUnderstood} clearHref="/" />
        {isValid && (
          <OverviewMessages>
            <OverviewView key={range} initial={await getOverview(ctx, range)} range={range} />
          </OverviewMessages>
        )}
      </>
    );
  });
}
