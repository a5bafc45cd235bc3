import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { History } from '@/components/audit/history';
import { BatchAttributes } from '@/components/batches/batch-attributes';
import { BatchHead } from '@/components/batches/batch-head';
import { BatchJobsFilter } from '@/components/batches/batch-jobs-filter';
import { ActionResultBanner } from '@/components/jobs/action-result-banner';
import { FilterChips } from '@/components/jobs/filter-chips';
import { JobList } from '@/components/jobs/job-list';
import { NotUnderstoodChips } from '@/components/not-understood';
import { historyOf } from '@/lib/audit-log/queries';
import { getBatch, getRawBatch } from '@/lib/batches/queries';
import { getBatchStatus, getSmallBatchStatus } from '@/lib/batches/status';
import type { BatchRow } from '@/lib/batches/types';
import { requireCtx } from '@/lib/context/request-context';
import type { Ctx } from '@/lib/context/types';
import { ConsoleError } from '@/lib/core/errors';
import { paramsOf } from '@/lib/core/search-params';
import { isUuid } from '@/lib/core/text';
import { listBatchJobs } from '@/lib/jobs/batch-jobs';
import {
  isUnderstood,
  type JobFilter,
  jobFilterParams,
  notUnderstoodOf,
  parseJobFilter,
} from '@/lib/jobs/filters';
import { listCallbackJobs } from '@/lib/jobs/rows';
import { guardPage, renderSection, missingPage } from '../../guard';
import { queryZone } from '../../query-zone';

/** A batch of at most so many jobs is counted with the page; a larger one by a request of its own. */
const COUNTED_WITH_PAGE = 1_000;

interface Props {
  params: Promise<{ id: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return {
    title: `${(await getTranslations('batches'))('title')} ${(await params).id.slice(0, 8)}`,
  };
}

export default async function BatchPage({ params, searchParams }: Props) {
  const { id } = await params;
  const all = await searchParams;
  const given = paramsOf(all);
  if (!isUuid(id)) return missingPage();
  return guardPage(async () => {
    const zone = await queryZone(`/batches/${id}`, all);
    const ctx = await requireCtx();
    const [t, audit] = [await getTranslations('batch'), await getTranslations('audit')];
    const filter = parseJobFilter(given, { zone });
    // All at once: each is a short transaction of its own, and none waits for another.
    const asked = getBatch(ctx, id);
    const [found, status, callbacks, jobs, history] = await Promise.all([
      asked,
      statusNow(
        ctx,
        asked.then((batch) => batch?.row ?? null),
        id,
        given.get('counts') === '1',
      ),
      renderSection(() => callbackJobs(ctx, id)),
      renderSection(() => batchedJobs(ctx, id, filter)),
      renderSection(async () => <History id={id} history={await historyOf(ctx, 'batch', id)} />),
    ]);
    if (!found) return missingPage();
    const showsAll = given.get('attributes') === 'all' && found.attributes.json === null;
    const attributes = (showsAll ? await getRawBatch(ctx, id) : null) ?? found.attributes;
    const allHref = showsAll ? null : `/batches/${id}?attributes=all#attributes`;
    return (
      <>
        <BatchHead batch={found.row} initial={status} />
        <ActionResultBanner params={given} />
        <BatchAttributes attributes={attributes} allHref={allHref} />
        <section aria-labelledby="callback-jobs" className="mt-6">
          <h2 id="callback-jobs" className="mb-2 text-base font-semibold">
            {t('callbackJobs')}
          </h2>
          {callbacks}
        </section>
        <section aria-labelledby="batched-jobs" className="mt-6">
          <h2 id="batched-jobs" className="mb-2 text-base font-semibold">
            {t('batchedJobs')}
          </h2>
          <BatchJobsFilter batchId={id} filter={filter} />
          <FilterChips filter={filter} path={`/batches/${id}`} />
          <NotUnderstoodChips chips={notUnderstoodOf(filter)} clearHref={`/batches/${id}`} />
          {jobs}
        </section>
        <section aria-labelledby="history" className="mt-6">
          <h2 id="history" className="mb-2 text-base font-semibold">
            {audit('history.title')}
          </h2>
          {history}
        </section>
      </>
    );
  });
}

/** The status when the counts are cheap (or asked for by a reader without JavaScript); else null: the page asks again for it. */
async function statusNow(ctx: Ctx, asked: Promise<BatchRow | null>, id: string, always: boolean) {
  try {
    if (!always) return await getSmallBatchStatus(ctx, asked, id, COUNTED_WITH_PAGE);
    const batch = await asked;
    return batch && (await getBatchStatus(ctx, batch));
  } catch (error) {
    // Cut: the page stands without it.
    if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
    throw error;
  }
}

async function callbackJobs(ctx: Ctx, id: string) {
  const t = await getTranslations('batch');
  const rows = await listCallbackJobs(ctx, id);
  return (
    <JobList
      door={`/api/batches/${id}/callback-jobs`}
      initial={{ rows, previous: null, next: null }}
      page={null}
      label={t('callbackJobs')}
      empty={t('noCallbackJobs')}
    />
  );
}

async function batchedJobs(ctx: Ctx, id: string, filter: JobFilter) {
  const t = await getTranslations();
  return (
    <JobList
      key={JSON.stringify(filter)}
      door={`/api/batches/${id}/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
      initial={await listBatchJobs(ctx, id, filter)}
      page={{ path: `/batches/${id}`, params: jobFilterParams(filter) }}
      label={t('batch.batchedJobs')}
      bulk={
        isUnderstood(filter)
          ? { filterQuery: String(new URLSearchParams(jobFilterParams(filter))), batchId: id }
          : null
      }
      empty={t(
        filter.state || filter.terms.length > 0 || filter.notUnderstood.length > 0
          ? 'jobs.empty'
          : 'batches.noJobs',
      )}
    />
  );
}
