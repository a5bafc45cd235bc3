import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { History } from '@/components/audit/history';
import { BatchAttributes } from '@/components/batches/batch-attributes';
import { BatchHeader } from '@/components/batches/batch-head';
import { BatchJobsFilter } from '@/components/batches/batch-jobs-filter';
import { FilterChips } from '@/components/jobs/filter-chips';
import { JobList } from '@/components/jobs/job-list';
import { JobResultBanner } from '@/components/jobs/job-result-banner';
import { InvalidConditions } from '@/components/not-understood';
import { historyOf } from '@/lib/audit-log/queries';
import { getBatch, getRawBatch } from '@/lib/batches/queries';
import { getBatchStatus, getSmallBatchStatus } from '@/lib/batches/status';
import type { BatchRow } from '@/lib/batches/types';
import { requireCtx } from '@/lib/context/request-context';
import type { Ctx } from '@/lib/context/types';
import { ConsoleError } from '@/lib/core/errors';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
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
import { guardPage, renderSection, renderMissingPage } from '../../guard';
import { type IdParams, titleWithId } from '../../page-title';
import { queryZone } from '../../query-zone';

/**
 * Maximum jobs of a batch that are counted with the page; larger batches need a separate request.
 */
const MAX_JOBS_COUNTED_WITH_PAGE = 1_000;

interface Props {
  params: IdParams;
  searchParams: PageSearchParams;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return titleWithId((await getTranslations('batches'))('title'), params);
}

export default async function BatchPage({ params, searchParams }: Props) {
  const { id } = await params;
  const rawParams = await searchParams;
  const pageParams = paramsOf(rawParams);
  if (!isUuid(id)) return renderMissingPage();
  return guardPage(async () => {
    const zone = await queryZone(`/batches/${id}`, rawParams);
    const ctx = await requireCtx();
    const t = await getTranslations('batch');
    const audit = await getTranslations('audit');
    const filter = parseJobFilter(pageParams, { zone });
    // In parallel, because each query runs in its own short transaction.
    const batchQuery = getBatch(ctx, id);
    const [batch, status, callbacks, jobs, history] = await Promise.all([
      batchQuery,
      initialStatus(
        ctx,
        batchQuery.then((result) => result?.row ?? null),
        id,
        pageParams.get('counts') === '1',
      ),
      renderSection(() => renderCallbackJobs(ctx, id)),
      renderSection(() => renderBatchedJobs(ctx, id, filter)),
      renderSection(async () => <History id={id} history={await historyOf(ctx, 'batch', id)} />),
    ]);
    if (!batch) return renderMissingPage();
    const showsAllAttributes =
      pageParams.get('attributes') === 'all' && batch.attributes.json === null;
    const attributes = (showsAllAttributes ? await getRawBatch(ctx, id) : null) ?? batch.attributes;
    const allHref = showsAllAttributes ? null : `/batches/${id}?attributes=all#attributes`;
    return (
      <>
        <BatchHeader batch={batch.row} initial={status} />
        <JobResultBanner params={pageParams} />
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
          <InvalidConditions chips={notUnderstoodOf(filter)} clearHref={`/batches/${id}`} />
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

/**
 * The status of a small batch, or of any with `always`; otherwise null, and the page fetches it
 * later.
 */
async function initialStatus(
  ctx: Ctx,
  batchQuery: Promise<BatchRow | null>,
  id: string,
  always: boolean,
) {
  try {
    if (!always) return await getSmallBatchStatus(ctx, batchQuery, id, MAX_JOBS_COUNTED_WITH_PAGE);
    const batch = await batchQuery;
    return batch && (await getBatchStatus(ctx, batch));
  } catch (error) {
    // After a timeout the page renders without the status.
    if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
    throw error;
  }
}

async function renderCallbackJobs(ctx: Ctx, id: string) {
  const t = await getTranslations('batch');
  const rows = await listCallbackJobs(ctx, id);
  return (
    <JobList
      endpoint={`/api/batches/${id}/callback-jobs`}
      initial={{ rows, previous: null, next: null }}
      page={null}
      label={t('callbackJobs')}
      empty={t('noCallbackJobs')}
    />
  );
}

async function renderBatchedJobs(ctx: Ctx, id: string, filter: JobFilter) {
  const t = await getTranslations();
  return (
    <JobList
      key={JSON.stringify(filter)}
      endpoint={`/api/batches/${id}/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
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
