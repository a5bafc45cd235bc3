import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { useNow, useTranslations } from 'next-intl';
import { getTimeZone, getTranslations } from 'next-intl/server';
import { EnvironmentName } from '@/components/application';
import { AuditFilterForm } from '@/components/audit/audit-filter-form';
import { AuditList } from '@/components/audit/audit-list';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader, RangeLinks } from '@/components/page-header';
import { PageSizeLinks } from '@/components/pager';
import { Banner } from '@/components/ui/banner';
import { buttonClass } from '@/components/ui/button';
import { auditFilterParams, hasLocalTimes, parseAuditFilter } from '@/lib/audit-log/filters';
import { listAudit, listViewers } from '@/lib/audit-log/queries';
import { currentApplication, requireCtx } from '@/lib/context/request-context';
import { startOfDay, zonedIso } from '@/lib/core/locale';
import { href, type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { guardPage } from '../guard';

const DAY_MS = 86_400_000;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('audit'))('title') };
}

export default async function AuditPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('audit');
    const zone = await getTimeZone();
    const filter = parseAuditFilter(pageParams, zone);
    const params = auditFilterParams(filter, zone);
    // The form sends times without an offset; a shared URL needs one to mean the same to others.
    if (hasLocalTimes(pageParams) && filter.notUnderstood.length === 0)
      redirect(`/audit?${new URLSearchParams(params)}`);
    const [page, viewers] = await Promise.all([listAudit(ctx, filter), listViewers(ctx)]);
    const withCursor = auditFilterParams(filter, zone, filter.cursor);
    return (
      <>
        <PageHeader title={t('title')} count={<EnvironmentName />}>
          {ctx.consoleSchema && <DayLinks params={params} zone={zone} />}
        </PageHeader>
        <p className="mb-3 text-soft">{t('intro')}</p>
        {!ctx.consoleSchema ? (
          <Banner tone="info">
            {t(ctx.consoleSchemaOutdated ? 'needsNewerSchema' : 'needsSchema')}
          </Banner>
        ) : (
          <>
            <AuditFilterForm key={JSON.stringify(params)} filter={filter} viewers={viewers} />
            <InvalidConditions chips={filter.notUnderstood} clearHref="/audit" />
            <div className="mb-2 flex flex-wrap items-center justify-end gap-x-4 gap-y-1">
              <span className="flex items-center gap-1 text-sm text-soft">
                {t('export')}
                {(['csv', 'ndjson'] as const).map((format) => (
                  <a
                    key={format}
                    href={href(
                      currentApplication(),
                      `/api/audit/export?${new URLSearchParams({ ...params, format })}`,
                    )}
                    download
                    className={buttonClass('quiet')}
                    title={t(`${format}Hint`)}
                  >
                    {format === 'csv' ? 'CSV' : 'NDJSON'}
                  </a>
                ))}
              </span>
              <PageSizeLinks path="/audit" params={params} />
            </div>
            <AuditList
              key={JSON.stringify(withCursor)}
              endpoint={`/api/audit?${new URLSearchParams(withCursor)}`}
              initial={page}
              params={params}
              empty={t(Object.keys(params).length > 0 ? 'emptyFilter' : 'empty')}
            />
          </>
        )}
      </>
    );
  });
}

/** Links to the records of today, of yesterday and of all days, with the other conditions kept. */
function DayLinks({ params, zone }: { params: Record<string, string>; zone: string }) {
  const t = useTranslations('audit.days');
  const now = useNow().getTime();
  const dayOf = (instant: number) => zonedIso(instant, zone).slice(0, 10);
  const startOf = (instant: number) => zonedIso(startOfDay(dayOf(instant), zone), zone);
  const today = startOf(now);
  const yesterday = startOf(Date.parse(today) - DAY_MS / 2);
  const { from, to, ...others } = params;
  const hrefOf = (times: Record<string, string>) => {
    const query = new URLSearchParams({ ...others, ...times });
    return query.size > 0 ? `/audit?${query}` : '/audit';
  };
  return (
    <RangeLinks
      label={t('label')}
      choices={[
        { text: t('all'), href: hrefOf({}), current: from === undefined && to === undefined },
        { text: t('today'), href: hrefOf({ from: today }), current: from === today && !to },
        {
          text: t('yesterday'),
          href: hrefOf({ from: yesterday, to: today }),
          current: from === yesterday && to === today,
        },
      ]}
    />
  );
}
