import type { Metadata } from 'next';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { DiscardTable } from '@/components/failures/discard-table';
import { FailureList, FailureScanNote } from '@/components/failures/failure-list';
import { Link } from '@/components/navigation';
import { InvalidConditions } from '@/components/page-errors';
import { PageHeader, RangeLinks, Tabs } from '@/components/page-header';
import { useCount } from '@/components/quantities';
import { buttonClass } from '@/components/ui/button';
import { requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { countDiscarded } from '@/lib/failures/failed-jobs';
import {
  type FailurePage,
  GROUPINGS,
  GROUPS_PER_PAGE,
  RANGE_NAMES,
  failureParams,
  parseFailureFilter,
} from '@/lib/failures/filters';
import { listFailures } from '@/lib/failures/queries';
import { guardPage } from '../guard';

const PATH = '/cleaner';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('failures'))('title') };
}

export default async function CleanerPage({ searchParams }: { searchParams: PageSearchParams }) {
  const pageParams = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('failures');
    const filter = parseFailureFilter(pageParams);
    const href = (changes: Parameters<typeof failureParams>[1]) =>
      `${PATH}?${new URLSearchParams(failureParams(filter, changes))}`;
    const hasValidFilter = filter.notUnderstood.length === 0;
    const page = hasValidFilter && filter.by === 'failure' ? await listFailures(ctx, filter) : null;
    const counts =
      hasValidFilter && filter.by !== 'failure' ? await countDiscarded(ctx, filter) : null;
    const isPartial = page !== null && (page.isPartial || page.until !== null);
    const isEmpty = (page?.groups ?? counts?.rows)?.length === 0;
    return (
      <>
        <PageHeader title={t('title')} isLive={false}>
          {filter.by === 'failure' && (
            <RangeLinks
              label={t('range')}
              choices={RANGE_NAMES.map((range) => ({
                href: href({ range, group: null }),
                text: t(`short.${range}`),
                current: range === filter.range,
              }))}
            />
          )}
        </PageHeader>
        <Tabs
          label={t('by')}
          tabs={GROUPINGS.map((by) => ({
            href: href({ by, group: null }),
            text: t(`groupings.${by}`),
            current: filter.by === by,
          }))}
        />
        <InvalidConditions chips={filter.notUnderstood} clearHref={PATH} />
        {filter.jobClass !== null && (
          <div className="mb-2 flex">
            <ClassChip name={filter.jobClass} clearHref={href({ jobClass: null, group: null })} />
          </div>
        )}
        {page && (
          <FailureScanNote
            page={page}
            range={filter.range}
            deeperHref={page.isPartial && !filter.deep ? href({ deep: true }) : null}
          />
        )}
        {counts && counts.since !== null && (
          <p className="mb-2 text-sm text-soft">{t('countedNewest')}</p>
        )}
        {isEmpty && (
          <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
            {filter.by !== 'failure' && t('noDiscarded')}
            {filter.by === 'failure' && t(isPartial ? 'emptyPartial' : 'empty')}
          </div>
        )}
        {page && page.groups.length > 0 && <FailureList page={page} filter={filter} />}
        {page && page.groupCount > GROUPS_PER_PAGE && <GroupPages page={page} href={href} />}
        {counts && counts.rows.length > 0 && <DiscardTable counts={counts} filter={filter} />}
      </>
    );
  });
}

/** The pages of groups; `href` makes the URL of a changed filter. */
function GroupPages({
  page,
  href,
}: {
  page: FailurePage;
  href: (changes: { page: number; group: null }) => string;
}) {
  const t = useTranslations('paging');
  const count = useCount();
  const { number, groupCount } = page;
  const from = (number - 1) * GROUPS_PER_PAGE;
  const to = Math.min(from + GROUPS_PER_PAGE, groupCount);
  return (
    <nav aria-label={t('label')} className="mt-3 flex flex-wrap items-center gap-2">
      {number > 1 && (
        <Link
          href={href({ page: number - 1, group: null })}
          prefetch={false}
          rel="prev"
          className={buttonClass()}
        >
          {t('previous')}
        </Link>
      )}
      <span className="text-soft">
        {t('part', { from: count(from + 1), to: count(to), total: count(groupCount) })}
      </span>
      {to < groupCount && (
        <Link
          href={href({ page: number + 1, group: null })}
          prefetch={false}
          rel="next"
          className={buttonClass()}
        >
          {t('next')}
        </Link>
      )}
    </nav>
  );
}

function ClassChip({ name, clearHref }: { name: string; clearHref: string }) {
  const t = useTranslations('failures');
  return (
    <p
      className={
        'flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-sunken px-2 ' +
        'py-0.5 text-sm'
      }
    >
      <span className="text-soft">{t('heads.class')}</span>
      <span className="min-w-0 font-mono any-break">{name}</span>
      <Link
        href={clearHref}
        prefetch={false}
        aria-label={t('allClasses')}
        className="px-1 no-underline"
      >
        ×
      </Link>
    </p>
  );
}
