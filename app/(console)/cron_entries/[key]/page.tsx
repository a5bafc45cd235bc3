import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { CopyButton } from '@/components/copy-button';
import { CronHeader } from '@/components/cron/cron-head';
import { JobList } from '@/components/jobs/job-list';
import { PollParts } from '@/components/jobs/poll-parts';
import { ListCount, StateTabs } from '@/components/jobs/state-tabs';
import { InvalidConditions } from '@/components/page-errors';
import { CronResultBanner } from '@/components/result-banners';
import { toChip } from '@/components/search/query-terms';
import { SearchBox } from '@/components/search/search-box';
import { SearchForm } from '@/components/search/search-form';
import { JsonBlock } from '@/components/ui/code';
import { type Ctx, requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, type Params, paramsOf } from '@/lib/core/urls';
import { getCronEntry } from '@/lib/cron/entries';
import { keyOfSegment } from '@/lib/cron/types';
import { JOB_STATES } from '@/lib/good-job/types';
import {
  type JobFilter,
  isUnderstood,
  jobFilterParams,
  notUnderstoodOf,
  parseJobFilter,
  withState,
} from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { guardPage, renderSection, renderMissingPage } from '../../guard';
import { queryZone } from '../../query-zone';

interface Props {
  params: Promise<{ key: string }>;
  searchParams: PageSearchParams;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return {
    title: `${(await getTranslations('cron'))('title')} ${keyOfSegment((await params).key)?.slice(0, 40) ?? ''}`,
  };
}

export default async function CronEntryPage({ params, searchParams }: Props) {
  const key = keyOfSegment((await params).key);
  const rawParams = await searchParams;
  const pageParams = paramsOf(rawParams);
  if (key === null) return renderMissingPage();
  return guardPage(async () => {
    const zone = await queryZone(`/cron_entries/${encodeURIComponent(key)}`, rawParams);
    const ctx = await requireCtx();
    const t = await getTranslations('cron');
    const [entry, jobs] = await Promise.all([
      getCronEntry(ctx, key, t('none')),
      renderSection(() => renderJobs(ctx, key, pageParams, zone)),
    ]);
    if (!entry) return renderMissingPage();
    return (
      <>
        <CronHeader initial={entry} />
        <CronResultBanner params={pageParams} />
        {entry.propertiesJson !== null && (
          <section aria-labelledby="properties" className="mt-5">
            <div className="mb-1 flex items-center justify-between">
              <h2 id="properties" className="text-base font-semibold">
                {t('properties')}
              </h2>
              <CopyButton sourceId="properties-json" label={t('properties')} />
            </div>
            <JsonBlock id="properties-json" text={entry.propertiesJson} label={t('properties')} />
          </section>
        )}
        <section aria-labelledby="cron-jobs" className="mt-6">
          <h2 id="cron-jobs" className="mb-2 text-base font-semibold">
            {t('jobs')}
          </h2>
          {jobs}
        </section>
      </>
    );
  });
}

/** The jobs of the key, as in the list of all jobs but without a chip for the key itself. */
async function renderJobs(ctx: Ctx, key: string, pageParams: Params, zone: string) {
  const t = await getTranslations();
  const filter = parseJobFilter(
    { get: (name) => (name === 'cron_key' ? key : pageParams.get(name)) },
    { zone },
  );
  const withoutKey = (jobFilter: JobFilter): JobFilter => ({
    ...jobFilter,
    terms: jobFilter.terms.filter(({ param }) => param !== 'cron_key'),
  });
  const path = `/cron_entries/${encodeURIComponent(key)}`;
  const href = (jobFilter: JobFilter) =>
    `${path}?${new URLSearchParams(jobFilterParams(withoutKey(jobFilter)))}`;
  const hasValidFilter = isUnderstood(filter);
  const explain = await getTranslations('search.problems');
  const problems = notUnderstoodOf(withoutKey(filter)).map(({ reason, ...problem }) => ({
    ...problem,
    explanation: reason && explain(reason),
  }));
  const params = jobFilterParams(withoutKey(filter));
  const search = { path, params, chips: withoutKey(filter).terms.map(toChip) };
  const query = String(
    new URLSearchParams(
      jobFilterParams({ ...withState(filter, null), sort: null, pageSort: null }),
    ),
  );
  const page = await listJobs(ctx, filter);
  return (
    <PollParts initial={hasValidFilter ? page : null}>
      <SearchBox {...search} />
      <SearchForm {...search} />
      <InvalidConditions
        chips={problems.filter((problem) => !problem.explanation)}
        terms={problems.filter((problem) => problem.explanation)}
        clearHref={path}
      />
      <StateTabs
        tabs={[null, ...JOB_STATES].map((state) => ({
          state,
          href: href(withState(filter, state)),
          current: filter.state === state && hasValidFilter,
        }))}
        query={query}
        state={filter.state}
      />
      {hasValidFilter && <ListCount state={filter.state} query={query} />}
      <JobList
        key={JSON.stringify(filter)}
        endpoint={`/api/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
        initial={page}
        page={{ path, params }}
        label={t('cron.jobs')}
        empty={t(
          filter.state || filter.terms.length > 1 || !hasValidFilter ? 'jobs.empty' : 'cron.noJobs',
        )}
        bulk={
          hasValidFilter
            ? {
                filterQuery: String(new URLSearchParams(jobFilterParams(filter))),
                countQuery: query,
              }
            : null
        }
      />
    </PollParts>
  );
}
