import type { Metadata } from 'next';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { History } from '@/components/audit/history';
import { BatchAttributes, CallbackClass } from '@/components/batches/batch-attributes';
import { BatchHeader } from '@/components/batches/batch-header';
import { BatchStateFilter } from '@/components/batches/batch-status';
import { BatchTimeline } from '@/components/batches/batch-timeline';
import { JobList } from '@/components/jobs/job-list';
import { JobResultBanner } from '@/components/jobs/job-result-banner';
import { InvalidConditions } from '@/components/page-errors';
import { toChip } from '@/components/search/query-terms';
import { SearchBox } from '@/components/search/search-box';
import { SearchForm } from '@/components/search/search-form';
import { SearchHelp, TimeFilter } from '@/components/search/search-panels';
import { historyOf } from '@/lib/audit-log/queries';
import { getBatch, getRawBatch } from '@/lib/batches/queries';
import { getBatchStatus, getSmallBatchStatus } from '@/lib/batches/status';
import type { BatchRow, BatchStatus } from '@/lib/batches/types';
import { type Ctx, requireCtx } from '@/lib/context/request-context';
import { ConsoleError } from '@/lib/core/errors';
import { isUuid } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { JOB_STATES, type JobState } from '@/lib/good-job/types';
import { listBatchJobs } from '@/lib/jobs/batch-jobs';
import {
  isUnderstood,
  type JobFilter,
  jobFilterParams,
  notUnderstoodOf,
  parseJobFilter,
  withState,
} from '@/lib/jobs/filters';
import { listCallbackJobs } from '@/lib/jobs/rows';
import type { Column } from '@/lib/jobs/types';
import { guardPage, renderSection, renderMissingPage } from '../../guard';
import { type IdParams, titleWithId } from '../../page-title';
import { queryZone } from '../../query-zone';

/**
 * Maximum jobs of a batch that are counted with the page; larger batches need a separate request.
 */
const MAX_JOBS_COUNTED_WITH_PAGE = 1_000;

/** The columns of GoodJob's own batch page. */
const COLUMNS: readonly Column[] = ['queue', 'priority', 'labels', 'attempts', 'time', 'state'];

interface Props {
  params: IdParams;
  searchParams: PageSearchParams;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return titleWithId((await getTranslations('batch'))('title'), params);
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
      renderSection(() => renderCallbackJobs(ctx, id, batchQuery)),
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
        <BatchTimeline batch={batch.row} />
        <JobResultBanner params={pageParams} />
        <BatchAttributes attributes={attributes} allHref={allHref} />
        <section aria-labelledby="callback-jobs" className="mt-6">
          <h2 id="callback-jobs" className="mb-2 text-lg font-semibold">
            {t('callbackJobs')}
          </h2>
          {callbacks}
        </section>
        <section aria-labelledby="batched-jobs" className="mt-6">
          <h2 id="batched-jobs" className="mb-2 scroll-mt-4 text-lg font-semibold">
            {t('batchedJobs')}
          </h2>
          <BatchedJobsFilter batch={batch.row} status={status} filter={filter} />
          {jobs}
        </section>
        <section aria-labelledby="history" className="mt-6">
          <h2 id="history" className="mb-2 text-lg font-semibold">
            {audit('history.title')}
          </h2>
          {history}
        </section>
      </>
    );
  });
}

/** The state chips, and the search of /jobs within the batch. */
function BatchedJobsFilter({
  batch,
  status,
  filter,
}: {
  batch: BatchRow;
  status: BatchStatus | null;
  filter: JobFilter;
}) {
  const path = `/batches/${batch.id}`;
  const hrefOf = (state: JobState | null) => {
    const params = new URLSearchParams(jobFilterParams(withState(filter, state)));
    return `${path}${params.size > 0 ? `?${params}` : ''}#batched-jobs`;
  };
  const hrefs = Object.fromEntries(
    [null, ...JOB_STATES].map((state) => [state ?? 'all', hrefOf(state)]),
  ) as Record<JobState | 'all', string>;
  const search = {
    path: `${path}#batched-jobs`,
    params: jobFilterParams(filter),
    chips: filter.terms.map(toChip),
  };
  return (
    <>
      <SearchBox {...search}>
        <TimeFilter {...search} />
        <SearchHelp />
      </SearchBox>
      <SearchForm {...search} />
      <div className="mb-3">
        <BatchStateFilter
          batch={batch}
          initial={status}
          hrefs={hrefs}
          current={isUnderstood(filter) ? filter.state : undefined}
          hasSearch={filter.terms.length > 0}
        />
      </div>
      <InvalidConditions chips={notUnderstoodOf(filter)} clearHref={path} />
    </>
  );
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

/** The callback jobs, or one line for each callback if none was enqueued. */
async function renderCallbackJobs(
  ctx: Ctx,
  id: string,
  batchQuery: Promise<{ row: BatchRow } | null>,
) {
  const t = await getTranslations('batch');
  const rows = await listCallbackJobs(ctx, id);
  const batch = (await batchQuery)?.row;
  if (rows.length === 0 && batch) return <MissingCallbacks batch={batch} />;
  return (
    <JobList
      endpoint={`/api/batches/${id}/callback-jobs`}
      initial={{ rows, previous: null, next: null }}
      page={null}
      label={t('callbackJobs')}
      empty={t('noCallbackJobs')}
      columns={COLUMNS}
    />
  );
}

function MissingCallbacks({ batch }: { batch: BatchRow }) {
  const t = useTranslations();
  const callbacks = [
    ['on_finish', batch.onFinish],
    ['on_success', batch.onSuccess],
    ['on_discard', batch.onDiscard],
  ] as const;
  const named = callbacks.flatMap(([event, name]) => (name?.trim() ? [{ event, name }] : []));
  if (named.length === 0)
    return <p className="text-soft">{t('actions.batch_retry.noCallbacks')}</p>;
  return (
    <ul>
      {named.map(({ event, name }) => (
        <li key={event} className="flex flex-wrap gap-x-2">
          <span className="font-mono text-soft">{event}</span>
          <CallbackClass name={name} />
          <span className="text-soft">{t('batch.callbackNotRun')}</span>
        </li>
      ))}
    </ul>
  );
}

async function renderBatchedJobs(ctx: Ctx, id: string, filter: JobFilter) {
  const t = await getTranslations();
  return (
    <JobList
      key={JSON.stringify(filter)}
      endpoint={`/api/batches/${id}/jobs?${new URLSearchParams(jobFilterParams(filter, filter.cursor))}`}
      initial={await listBatchJobs(ctx, id, filter)}
      page={{
        path: `/batches/${id}`,
        params: jobFilterParams(filter),
        fragment: '#batched-jobs',
      }}
      label={t('batch.batchedJobs')}
      columns={COLUMNS}
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
