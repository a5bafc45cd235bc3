import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { FilterChips } from '@/components/jobs/filter-chips';
import { DidNotice } from '@/components/jobs/did-notice';
import { ExportLinks } from '@/components/jobs/export-links';
import { JobList } from '@/components/jobs/job-list';
import { NotUnderstoodChips } from '@/components/not-understood';
import { Tabs } from '@/components/tabs';
import { requireCtx } from '@/lib/ctx';
import { env } from '@/lib/env';
import { paramsOf } from '@/lib/filter-params';
import { JOB_STATES } from '@/lib/good-job/states';
import { isUnderstood, jobFilterParams, notUnderstoodOf, parseJobFilter, withState } from '@/lib/jobs/filters';
import { listJobs } from '@/lib/jobs/job-list';
import { guardPage } from '../guard';

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('jobs'))('title') };
}

export default async function JobsPage({ searchParams }: { searchParams: Promise<Record<string, string | string[] | undefined>> }) {
  const given = paramsOf(await searchParams);
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const filter = parseJobFilter(given);
    const page = await listJobs(ctx, filter);
    const params = jobFilterParams(filter);
    const tabs = [null, ...JOB_STATES].map((state) => ({
      href: `/jobs?${new URLSearchParams(jobFilterParams(withState(filter, state)))}`,
      text: t(`states.${state ?? 'all'}`),
      current: filter.state === state && isUnderstood(filter),
    }));
    return (
      <>
        <h1 className="mb-2 text-xl font-semibold">{t('jobs.title')}</h1>
        <DidNotice params={given} />
        <Tabs label={t('jobs.tabs')} tabs={tabs} />
        <FilterChips filter={filter} path="/jobs" />
        <NotUnderstoodChips chips={notUnderstoodOf(filter)} clearHref="/jobs" />
        <JobList
          key={JSON.stringify(filter)}
          door={`/api/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
          initial={page}
          page={{ path: '/jobs', params }}
          label={t('jobs.title')}
          empty={t(filter.notUnderstood.length > 0 || filter.terms.length > 0 ? 'jobs.empty' : filter.state ? 'jobs.emptyState' : 'jobs.emptyAll')}
          newestFirst={filter.state === null || filter.state === 'running' || filter.state === 'succeeded' || filter.state === 'discarded'}
        />
        {isUnderstood(filter) && page.rows.length > 0 && (
          <div className="mt-2 flex justify-end">
            <ExportLinks basePath={env().basePath} query={params} />
          </div>
        )}
      </>
    );
  });
}
