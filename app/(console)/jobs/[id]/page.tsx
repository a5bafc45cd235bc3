import type { Metadata } from 'next';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import { RepairResultBanner } from '@/components/attention/repair-result-banner';
import { History } from '@/components/audit/history';
import { Breadcrumb } from '@/components/breadcrumb';
import { CopyButton } from '@/components/copy-button';
import { MoreMessages } from '@/components/i18n/more-messages';
import { Executions } from '@/components/jobs/executions';
import { HiddenNote } from '@/components/jobs/hidden-note';
import { JobActions } from '@/components/jobs/job-actions';
import { JobArguments } from '@/components/jobs/job-arguments';
import { JobFacts } from '@/components/jobs/job-facts';
import { JobRaw } from '@/components/jobs/job-raw';
import { JobResultBanner } from '@/components/jobs/job-result-banner';
import { ReleaseJob } from '@/components/jobs/release-job';
import { StateBadge, StateRefinements } from '@/components/jobs/state-badge';
import { Timeline } from '@/components/jobs/timeline';
import { PageHeader } from '@/components/page-header';
import { RefreshOnChange } from '@/components/polling/refresh-on-change';
import { historyOf } from '@/lib/audit-log/queries';
import type { Denial } from '@/lib/auth/roles';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/search-params';
import { isUuid } from '@/lib/core/text';
import { getJob, getJobVersion } from '@/lib/jobs/detail';
import { markLostExecution, getExecutionPage } from '@/lib/jobs/executions';
import { isBlankName } from '@/lib/jobs/links';
import { getRawJob } from '@/lib/jobs/raw';
import type { ExecutionRow, JobDetail } from '@/lib/jobs/types';
import { REDACTION_MARKER } from '@/lib/redaction/redaction';
import { guardRowPage, renderSection, renderMissingPage } from '../../guard';
import { type IdParams, titleWithId } from '../../page-title';

const containsRedactedText = (job: JobDetail, executions: ExecutionRow[]) =>
  job.argumentsHidden ||
  job.tooLarge !== undefined ||
  [
    job.error,
    ...executions.flatMap(({ error, applicationFrames, otherFrames }) => [
      error,
      ...applicationFrames,
      ...otherFrames,
    ]),
  ].some((text) => text?.includes(REDACTION_MARKER));

interface Props {
  params: IdParams;
  searchParams: PageSearchParams;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return titleWithId((await getTranslations('jobs'))('job'), params);
}

export default async function JobPage({ params, searchParams }: Props) {
  const pageParams = paramsOf(await searchParams);
  return guardRowPage(params, async (id) => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const allParam = pageParams.get('all') ?? '';
    const fromParam = pageParams.get('executions') ?? '';
    const from = isUuid(fromParam) ? fromParam : null;
    // Read before the data, so that a change in between triggers a refresh.
    const version = await getJobVersion(ctx, id);
    if (!version) return renderMissingPage();
    const [job, page, raw, history] = await Promise.all([
      getJob(ctx, id, { all: allParam === '1' }),
      getExecutionPage(ctx, id, { from, wholeId: isUuid(allParam) ? allParam : null }),
      pageParams.get('raw') === '1' ? getRawJob(ctx, id) : null,
      renderSection(async () => <History id={id} history={await historyOf(ctx, 'job', id)} />),
    ]);
    if (!job) return renderMissingPage();
    const executions = { ...page, rows: markLostExecution(page.rows, job.lostWorker) };
    return (
      <>
        <Breadcrumb items={[{ href: '/jobs', text: t('jobs.title') }]} current={job.id} />
        <PageHeader
          title={isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
          count={
            <span className="flex flex-wrap items-center gap-2">
              <StateBadge state={job.state} />
              <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
            </span>
          }
        />
        <RefreshOnChange endpoint={`/api/jobs/${id}/version`} version={version.version} />
        <JobResultBanner params={pageParams} jobId={id} />
        <RepairResultBanner params={pageParams} />
        <section id="actions" aria-label={t('job.actions')} className="mt-3">
          <JobActions
            job={{ id: job.id, jobClass: job.jobClass, state: job.state, error: job.error }}
          />
        </section>
        {job.lostWorker && (
          <MoreMessages>
            <ReleaseJob jobId={job.id} isLocked={job.lockedById !== null} />
          </MoreMessages>
        )}
        <JobFacts job={job} />
        <ArgumentsSection
          job={job}
          hasRedactedText={containsRedactedText(job, executions.rows)}
          revealDenial={denialsOf(ctx)['argument.reveal']}
        />
        <div className="mt-6 grid gap-6 lg:grid-cols-[minmax(0,1fr)_minmax(0,22rem)]">
          <section aria-labelledby="executions" className="min-w-0">
            <h2 id="executions" className="mb-2 text-base font-semibold">
              {t('job.executions')}
            </h2>
            <Executions jobId={job.id} page={executions} from={from} />
          </section>
          <section aria-labelledby="timeline" className="min-w-0">
            <h2 id="timeline" className="mb-2 text-base font-semibold">
              {t('job.timeline')}
            </h2>
            <Timeline job={job} executions={executions} />
          </section>
        </div>
        <section aria-labelledby="history" className="mt-6">
          <h2 id="history" className="mb-2 text-base font-semibold">
            {t('audit.history.title')}
          </h2>
          {history}
        </section>
        <section id="raw" aria-labelledby="raw-heading" className="mt-6">
          <h2 id="raw-heading" className="mb-2 text-base font-semibold">
            {t('jobs.raw')}
          </h2>
          <JobRaw id={job.id} raw={raw} />
        </section>
      </>
    );
  });
}

function ArgumentsSection({
  job,
  hasRedactedText,
  revealDenial,
}: {
  job: JobDetail;
  hasRedactedText: boolean;
  revealDenial: Denial | undefined;
}) {
  const t = useTranslations('job');
  return (
    <section aria-labelledby="arguments" className="mt-6">
      <div className="mb-1 flex items-center justify-between">
        <h2 id="arguments" className="text-base font-semibold">
          {t('arguments')}
        </h2>
        {job.argumentsJson !== null && (
          <CopyButton text={job.argumentsJson} label={t('arguments')} />
        )}
      </div>
      <JobArguments job={job} />
      {hasRedactedText && <HiddenNote jobId={job.id} denial={revealDenial} />}
    </section>
  );
}
