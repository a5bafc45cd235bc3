import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { CopyButton } from '@/components/copy-button';
import { CronHead } from '@/components/cron/cron-head';
import { CronNotice } from '@/components/cron/cron-notice';
import { JobList } from '@/components/jobs/job-list';
import { ListCount } from '@/components/jobs/list-count';
import { PollParts } from '@/components/jobs/poll-parts';
import { chipOf } from '@/components/jobs/query-terms';
import { StateTabs } from '@/components/jobs/state-tabs';
import { NotUnderstoodChips } from '@/components/not-understood';
import { SearchBox } from '@/components/search/search-box';
import { SearchForm } from '@/components/search/search-form';
import { JsonBlock } from '@/components/ui/json-block';
import { requireCtx } from '@/lib/context/request-context';
import type { Ctx } from '@/lib/context/types';
import { type Params, paramsOf } from '@/lib/core/search-params';
import { getCronEntry } from '@/lib/cron/entries';
import { keyOfSegment } from '@/lib/cron/types';
import { JOB_STATES } from '@/lib/good-job/states';
import {
  type JobFilter,
  isUnderstood,
  jobFilterParams,
  notUnderstoodOf,
  parseJobFilter,
  withState,
} from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/list';
import { guardPage, renderSection, missingPage } from '../../guard';
import { queryZone } from '../../query-zone';

interface Props {
  params: Promise<{ key: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return {
    title: `${(await getTranslations('cron'))('title')} ${keyOfSegment((await params).key)?.slice(0, 40) ?? ''}`,
  };
}

export default async function CronEntryPage({ params, searchParams }: Props) {
  const key = keyOfSegment((await params).key);
  const all = await searchParams;
  const given = paramsOf(all);
  if (key === null) return missingPage();
  return guardPage(async () => {
    const zone = await queryZone(`/cron_entries/${encodeURIComponent(key)}`, all);
    const ctx = await requireCtx();
    const t = await getTranslations('cron');
    const [entry, jobs] = await Promise.all([
      getCronEntry(ctx, key, t('none')),
      renderSection(() => jobsOf(ctx, key, given, zone)),
    ]);
    if (!entry) return missingPage();
    return (
      <>
        <CronHead initial={entry} />
        <CronNotice did={given.get('did')} outcome={given.get('outcome')} />
        {entry.propertiesJson !== null && (
          <section aria-labelledby="properties" className="mt-5">
            <div className="mb-1 flex items-center justify-between">
              <h2 id="properties" className="text-base font-semibold">
                {t('properties')}
              </h2>
              <CopyButton text={entry.propertiesJson} label={t('properties')} />
            </div>
            <JsonBlock text={entry.propertiesJson} label={t('properties')} />
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

/** The key's jobs, filtered and acted on as in the list of all jobs; that they are of this key is no condition to take away. */
async function jobsOf(ctx: Ctx, key: string, given: Params, zone: string) {
  const t = await getTranslations();
  const filter = parseJobFilter(
    { get: (name) => (name === 'cron_key' ? key : given.get(name)) },
    { zone },
  );
  const own = (one: JobFilter): JobFilter => ({
    ...one,
    terms: one.terms.filter(({ param }) => param !== 'cron_key'),
  });
  const path = `/cron_entries/${encodeURIComponent(key)}`;
  const href = (one: JobFilter) => `${path}?${new URLSearchParams(jobFilterParams(own(one)))}`;
  const understood = isUnderstood(filter);
  const why = await getTranslations('search.problems');
  const problems = notUnderstoodOf(own(filter)).map(({ reason, ...problem }) => ({
    ...problem,
    why: reason && why(reason),
  }));
  const params = jobFilterParams(own(filter));
  const search = { path, params, chips: own(filter).terms.map(chipOf) };
  const query = String(
    new URLSearchParams(jobFilterParams({ ...withState(filter, null), sort: null })),
  );
  const page = await listJobs(ctx, filter);
  return (
    <PollParts initial={understood ? page : null}>
      <SearchBox {...search} />
      <SearchForm {...search} />
      <NotUnderstoodChips
        chips={problems.filter((problem) => !problem.why)}
        terms={problems.filter((problem) => problem.why)}
        clearHref={path}
      />
      <StateTabs
        tabs={[null, ...JOB_STATES].map((state) => ({
          state,
          href: href(withState(filter, state)),
          current: filter.state === state && understood,
        }))}
        query={query}
        state={filter.state}
      />
      <JobList
        key={JSON.stringify(filter)}
        door={`/api/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
        initial={page}
        page={{ path, params }}
        label={t('cron.jobs')}
        empty={t(
          filter.state || filter.terms.length > 1 || !understood ? 'jobs.empty' : 'cron.noJobs',
        )}
        bulk={
          understood ? { filterQuery: String(new URLSearchParams(jobFilterParams(filter))) } : null
        }
        tools={understood && <ListCount state={filter.state} query={query} />}
      />
    </PollParts>
  );
}
