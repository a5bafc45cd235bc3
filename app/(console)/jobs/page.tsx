import type { Metadata } from 'next';
import { cookies } from 'next/headers';
import { getTranslations } from 'next-intl/server';
import { PartFailure } from '@/components/failure';
import { ColumnMenu } from '@/components/jobs/column-menu';
import { ActionResultBanner } from '@/components/jobs/action-result-banner';
import { EmptyJobs } from '@/components/jobs/empty-jobs';
import { ExportLinks } from '@/components/jobs/export-links';
import { JobChart } from '@/components/jobs/job-chart';
import { JobList } from '@/components/jobs/job-list';
import { ListCount } from '@/components/jobs/list-count';
import { PollParts } from '@/components/jobs/poll-parts';
import { chipOf } from '@/components/jobs/query-terms';
import { SortSelect } from '@/components/jobs/sort-select';
import { StateTabs } from '@/components/jobs/state-tabs';
import { NotUnderstoodChips } from '@/components/not-understood';
import { SearchBox } from '@/components/search/search-box';
import { SearchForm } from '@/components/search/search-form';
import { SearchHelp } from '@/components/search/search-help';
import { TimeFilter } from '@/components/search/time-filter';
import { Banner } from '@/components/ui/banner';
import { env } from '@/lib/config/environment';
import { requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { cut } from '@/lib/core/text';
import { JOB_STATES } from '@/lib/good-job/states';
import { COLUMNS_COOKIE, printColumns } from '@/lib/jobs/columns';
import { sortChoices, sortHeads } from '@/lib/jobs/order';
import {
  isUnderstood,
  jobFilterParams,
  parseJobFilter,
  sortOf,
  withState,
  withoutTerm,
} from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { shownColumns, withColumns } from '@/lib/jobs/rows';
import { CHART_COOKIE, createdBounds, parseChartChoice } from '@/lib/jobs/types';
import { guardPage, nullOnTimeout } from '../guard';
import { queryZone } from '../query-zone';

const PATH = '/jobs';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('jobs'))('title') };
}

export default async function JobsPage({
  searchParams,
}: {
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}) {
  const all = await searchParams;
  const given = paramsOf(all);
  return guardPage(async () => {
    const zone = await queryZone(PATH, all);
    const ctx = await requireCtx();
    const t = await getTranslations('jobs');
    const filter = parseJobFilter(given, { zone });
    const jar = await cookies();
    const { columns, hidden } = shownColumns(
      given.get('columns') ?? jar.get(COLUMNS_COOKIE)?.value,
    );
    const page = await nullOnTimeout(
      listJobs(ctx, filter).then(async (read) => ({
        ...read,
        rows: await withColumns(ctx, read.rows, columns),
      })),
    );
    const params = jobFilterParams(filter);
    const understood = isUnderstood(filter);
    const chips = filter.terms.map(chipOf);
    const search = { path: PATH, params, chips };
    // The tabs' own filter: the same under each of them, so that a change of tab needs no other counts.
    const query = String(
      new URLSearchParams(jobFilterParams({ ...withState(filter, null), sort: null })),
    );
    const door = new URLSearchParams({
      ...jobFilterParams(filter, filter.cursor),
      ...(printColumns(columns) ? { columns: columns.join(',') } : {}),
    });
    const tabs = [null, ...JOB_STATES].map((state) => ({
      state,
      href: `${PATH}?${new URLSearchParams(jobFilterParams(withState(filter, state)))}`,
      current: filter.state === state && understood,
    }));
    const why = await getTranslations('search.problems');
    const problems = filter.terms.flatMap((term) =>
      term.kind === 'not_understood'
        ? [
            {
              name: term.param,
              value: cut(term.source, 80),
              why: why(term.reason),
              href: `${PATH}?${new URLSearchParams(jobFilterParams(withoutTerm(filter, term)))}`,
            },
          ]
        : [],
    );
    const ofParams = filter.notUnderstood.map(({ name, value }) => ({
      name,
      value: cut(value, 80),
      href: `${PATH}?${new URLSearchParams(jobFilterParams({ ...filter, notUnderstood: filter.notUnderstood.filter((other) => other.name !== name) }))}`,
    }));
    const order = sortOf(filter);
    return (
      <PollParts initial={understood ? page : null}>
        <h1 className="sr-only">{t('title')}</h1>
        <ActionResultBanner params={given} />
        <SearchBox {...search}>
          <TimeFilter {...search} />
          <SearchHelp />
        </SearchBox>
        <SearchForm {...search} />
        <NotUnderstoodChips chips={ofParams} terms={problems} clearHref={PATH} />
        {hidden.length > 0 && (
          <div className="my-3">
            <Banner tone="warning">
              {(await getTranslations('reveal'))('column', { paths: hidden.join(', ') })}
            </Banner>
          </div>
        )}
        <div className="relative">
          <StateTabs tabs={tabs} query={query} state={filter.state} />
          {understood && (
            <JobChart
              query={String(new URLSearchParams(params))}
              search={search}
              limited={createdBounds(filter.terms, Date.now())}
              choice={parseChartChoice(jar.get(CHART_COOKIE)?.value)}
            />
          )}
        </div>
        {page ? (
          <JobList
            key={JSON.stringify(filter)}
            door={`/api/jobs?${door}`}
            initial={page}
            page={{ path: PATH, params }}
            label={t('title')}
            empty={<EmptyJobs filter={filter} path={PATH} />}
            newestFirst={order.direction === 'desc' && order.column !== 'priority'}
            columns={columns}
            heads={sortHeads(filter, PATH)}
            unfolds="details"
            bulk={understood ? { filterQuery: String(new URLSearchParams(params)) } : null}
            tools={
              <>
                {understood && <ListCount state={filter.state} query={query} />}
                <SortSelect choices={sortChoices(filter, PATH)} />
                <ColumnMenu columns={columns} />
              </>
            }
          />
        ) : (
          <PartFailure code="query_timeout" />
        )}
        {understood && page && page.rows.length > 0 && (
          <div className="mt-2 flex justify-end">
            <ExportLinks basePath={env().basePath} query={params} />
          </div>
        )}
      </PollParts>
    );
  });
}
