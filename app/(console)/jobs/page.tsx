import type { Metadata } from 'next';
import { cookies } from 'next/headers';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { JobList } from '@/components/jobs/job-list';
import { JobResultBanner } from '@/components/jobs/job-result-banner';
import { EmptyJobs, ExportLinks } from '@/components/jobs/jobs-page';
import { ColumnMenu, JobChart, SortSelect } from '@/components/jobs/list-controls';
import { PollParts } from '@/components/jobs/poll-parts';
import { ListCount, StateTabs } from '@/components/jobs/state-tabs';
import type { ListPage } from '@/components/jobs/use-polling-rows';
import { InvalidConditions, SectionError } from '@/components/page-errors';
import { PageHeader } from '@/components/page-header';
import { type ChipTerm, toChip } from '@/components/search/query-terms';
import { SearchBox } from '@/components/search/search-box';
import { SearchForm } from '@/components/search/search-form';
import { SearchHelp, TimeFilter } from '@/components/search/search-panels';
import { Banner } from '@/components/ui/banner';
import { type Ctx, requireCtx } from '@/lib/context/request-context';
import { isUuid, truncateText } from '@/lib/core/text';
import { type PageSearchParams, type Params, paramsOf } from '@/lib/core/urls';
import { JOB_STATES } from '@/lib/good-job/types';
import { getJobPreview } from '@/lib/jobs/detail';
import {
  type JobFilter,
  isUnderstood,
  jobFilterParams,
  parseJobFilter,
  sortOf,
  withState,
  withoutTerm,
} from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { sortChoices, sortHeaders, sortWithinPage } from '@/lib/jobs/order';
import { visibleColumns, loadColumns } from '@/lib/jobs/rows';
import { searchMarks } from '@/lib/jobs/summary';
import {
  CHART_COOKIE,
  COLUMNS_COOKIE,
  type Column,
  DENSITY_COOKIE,
  type JobPreview,
  WIDTHS_COOKIE,
  createdBounds,
  parseChartChoice,
  parseDensity,
  parseWidths,
  printColumns,
} from '@/lib/jobs/types';
import { guardPage, nullOnTimeout } from '../guard';
import { queryZone } from '../query-zone';

const PATH = '/jobs';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('jobs'))('title') };
}

const filterHref = (filter: JobFilter) => `${PATH}?${new URLSearchParams(jobFilterParams(filter))}`;

/** The list's endpoint for polling, without the base path. */
function endpointOf(filter: JobFilter, columns: readonly Column[]): string {
  const params = new URLSearchParams({
    ...jobFilterParams(filter, filter.cursor),
    ...(printColumns(columns) ? { columns: columns.join(',') } : {}),
  });
  return `/api/jobs?${params}`;
}

/** The tabs of all jobs and of each state under the filter. */
function stateTabs(filter: JobFilter) {
  return [null, ...JOB_STATES].map((state) => ({
    state,
    href: filterHref(withState(filter, state)),
    current: filter.state === state && isUnderstood(filter),
  }));
}

/** The conditions that could not be parsed, each with a link that drops it. */
function problemTerms(
  filter: JobFilter,
  explain: (problem: NonNullable<ChipTerm['problem']>) => string,
) {
  return filter.terms.flatMap((term) =>
    term.kind === 'not_understood'
      ? [
          {
            name: term.param,
            value: truncateText(term.source, 80),
            explanation: explain(term.reason),
            href: filterHref(withoutTerm(filter, term)),
          },
        ]
      : [],
  );
}

/** The URL parameters that could not be parsed, each with a link that drops it. */
function problemParams(filter: JobFilter) {
  const hrefWithoutProblem = (name: string) => {
    const notUnderstood = filter.notUnderstood.filter((other) => other.name !== name);
    return filterHref({ ...filter, notUnderstood });
  };
  return filter.notUnderstood.map(({ name, value }) => ({
    name,
    value: truncateText(value, 80),
    href: hrefWithoutProblem(name),
  }));
}

/** What the viewer has chosen, from the URL and the cookies. */
async function readPreferences(pageParams: Params) {
  const cookieStore = await cookies();
  const cookie = (name: string) => cookieStore.get(name)?.value;
  return {
    ...visibleColumns(pageParams.get('columns') ?? cookie(COLUMNS_COOKIE)),
    widths: parseWidths(cookie(WIDTHS_COOKIE)),
    density: parseDensity(cookie(DENSITY_COOKIE)),
    chart: parseChartChoice(cookie(CHART_COOKIE)),
  };
}

type Preferences = Awaited<ReturnType<typeof readPreferences>>;

/** The page of the list with the values of its columns. */
async function readPage(ctx: Ctx, filter: JobFilter, columns: readonly Column[]) {
  const page = await listJobs(ctx, filter);
  const rows = await loadColumns(ctx, page.rows, columns);
  return { ...page, rows: sortWithinPage(rows, filter.pageSort) };
}

/** The job of `preview`; null without one, and for an id that is not a job's. */
async function readPreview(ctx: Ctx, pageParams: Params): Promise<JobPreview | null> {
  const id = pageParams.get('preview') ?? '';
  return isUuid(id) ? nullOnTimeout(getJobPreview(ctx, id)) : null;
}

export default async function JobsPage({ searchParams }: { searchParams: PageSearchParams }) {
  const rawParams = await searchParams;
  const pageParams = paramsOf(rawParams);
  return guardPage(async () => {
    const zone = await queryZone(PATH, rawParams);
    const ctx = await requireCtx();
    const t = await getTranslations('jobs');
    const filter = parseJobFilter(pageParams, { zone });
    const preferences = await readPreferences(pageParams);
    const { columns, hidden } = preferences;
    const [page, preview] = await Promise.all([
      nullOnTimeout(readPage(ctx, filter, columns)),
      readPreview(ctx, pageParams),
    ]);
    const params = jobFilterParams(filter);
    const hasValidFilter = isUnderstood(filter);
    const chips = filter.terms.map(toChip);
    const search = { path: PATH, params, chips };
    // Without the state, so that the counts stay the same on each tab.
    const query = String(
      new URLSearchParams(
        jobFilterParams({ ...withState(filter, null), sort: null, pageSort: null }),
      ),
    );
    const explain = await getTranslations('search.problems');
    return (
      <PollParts initial={hasValidFilter ? page : null}>
        <PageHeader
          title={t('title')}
          count={hasValidFilter && <ListCount state={filter.state} query={query} />}
        >
          {filter.pageSort && <span className="text-xs text-soft">{t('sortedWithinPage')}</span>}
          <SortSelect choices={sortChoices(filter, PATH)} />
          <ColumnMenu columns={columns} density={preferences.density} />
        </PageHeader>
        <JobResultBanner params={pageParams} />
        <SearchBox {...search}>
          <TimeFilter {...search} />
          <SearchHelp />
        </SearchBox>
        <SearchForm {...search} />
        <InvalidConditions
          chips={problemParams(filter)}
          terms={problemTerms(filter, explain)}
          clearHref={PATH}
        />
        {hidden.length > 0 && <HiddenColumns paths={hidden} />}
        <StateTabs tabs={stateTabs(filter)} query={query} state={filter.state} />
        {hasValidFilter && (
          <JobChart
            query={String(new URLSearchParams(params))}
            search={search}
            filterRange={createdBounds(filter.terms, Date.now())}
            choice={preferences.chart}
          />
        )}
        {page ? (
          <FilteredJobs
            filter={filter}
            preferences={preferences}
            page={page}
            preview={preview}
            countQuery={query}
          />
        ) : (
          <SectionError code="query_timeout" />
        )}
        {hasValidFilter && page && page.rows.length > 0 && (
          <div className="mt-2 flex justify-end">
            <ExportLinks query={params} />
          </div>
        )}
      </PollParts>
    );
  });
}

/** The polled list; `countQuery` is the filter without its state. */
function FilteredJobs({
  filter,
  preferences: { columns, widths, density },
  page,
  preview,
  countQuery,
}: {
  filter: JobFilter;
  preferences: Preferences;
  page: ListPage;
  preview: JobPreview | null;
  countQuery: string;
}) {
  const t = useTranslations('jobs');
  const params = jobFilterParams(filter);
  const order = sortOf(filter);
  const hasValidFilter = isUnderstood(filter);
  return (
    <JobList
      key={JSON.stringify(filter)}
      endpoint={endpointOf(filter, columns)}
      initial={page}
      page={{ path: PATH, params }}
      label={t('title')}
      empty={<EmptyJobs filter={filter} path={PATH} />}
      newestFirst={order.direction === 'desc' && order.column !== 'priority'}
      columns={columns}
      widths={widths}
      density={density}
      sortedBy={order.column}
      marks={searchMarks(filter.terms)}
      heads={sortHeaders(filter, PATH)}
      hidesDefaults
      preview={{ initial: preview }}
      bulk={
        hasValidFilter ? { filterQuery: String(new URLSearchParams(params)), countQuery } : null
      }
    />
  );
}

/** Explains why the columns of redacted values are missing. */
function HiddenColumns({ paths }: { paths: string[] }) {
  const t = useTranslations('reveal');
  return (
    <div className="my-3">
      <Banner tone="warning">{t('column', { paths: paths.join(', ') })}</Banner>
    </div>
  );
}
