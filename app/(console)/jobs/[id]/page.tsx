import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { RepairNotice } from '@/components/attention/repair-notice';
import { History } from '@/components/audit/history';
import { Breadcrumb } from '@/components/breadcrumb';
import { CopyButton } from '@/components/copy-button';
import { ActionResultBanner } from '@/components/jobs/action-result-banner';
import { Executions } from '@/components/jobs/executions';
import { HiddenNote } from '@/components/jobs/hidden-note';
import { JobActions } from '@/components/jobs/job-actions';
import { JobArguments } from '@/components/jobs/job-arguments';
import { JobFacts } from '@/components/jobs/job-facts';
import { JobRaw } from '@/components/jobs/job-raw';
import { ReleaseJob } from '@/components/jobs/release-job';
import { StateBadge, StateRefinements } from '@/components/jobs/state-badge';
import { Timeline } from '@/components/jobs/timeline';
import { RefreshOnChange } from '@/components/refresh-on-change';
import { MoreMessages } from '@/components/shell/more-messages';
import { historyOf } from '@/lib/audit-log/queries';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { paramsOf } from '@/lib/core/search-params';
import { isUuid } from '@/lib/core/text';
import { getJob, getJobVersion } from '@/lib/jobs/detail';
import { markLostExecution, pageOfExecutions } from '@/lib/jobs/executions';
import { isBlankName } from '@/lib/jobs/links';
import { getRawJob } from '@/lib/jobs/raw';
import type { ExecutionRow, JobDetail } from '@/lib/jobs/types';
import { HIDDEN } from '@/lib/redaction/redaction';
import { guardPage, renderSection, missingPage } from '../../guard';

const hasHidden = (job: JobDetail, executions: ExecutionRow[]) =>
  job.argumentsHidden ||
  job.tooLarge !== undefined ||
  [
    job.error,
    ...executions.flatMap(({ error, applicationFrames, otherFrames }) => [
      error,
      ...applicationFrames,
      ...otherFrames,
    ]),
  ].some((text) => text?.includes(HIDDEN));

interface Props {
  params: Promise<{ id: string }>;
  searchParams: Promise<Record<string, string | string[] | undefined>>;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return { title: `${(await getTranslations('jobs'))('job')} ${(await params).id.slice(0, 8)}` };
}

export default async function JobPage({ params, searchParams }: Props) {
  const { id } = await params;
  const given = paramsOf(await searchParams);
  if (!isUuid(id)) return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const whole = given.get('all') ?? '';
    const fromParam = given.get('executions') ?? '';
    const from = isUuid(fromParam) ? fromParam : null;
    // First: a change while the page is read must show as a change.
    const version = await getJobVersion(ctx, id);
    if (!version) return missingPage();
    const [job, page, raw, history] = await Promise.all([
      getJob(ctx, id, { all: whole === '1' }),
      pageOfExecutions(ctx, id, { from, wholeId: isUuid(whole) ? whole : null }),
      given.get('raw') === '1' ? getRawJob(ctx, id) : null,
      renderSection(async () => <History id={id} history={await historyOf(ctx, 'job', id)} />),
    ]);
    if (!job) return missingPage();
    const executions = { ...page, rows: markLostExecution(page.rows, job.lostWorker) };
    return (
      <>
        <Breadcrumb items={[{ href: '/jobs', text: t('jobs.title') }]} current={job.id} />
        <div className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="max-w-full min-w-0 font-mono text-xl font-semibold any-break">
            {isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
          </h1>
          <StateBadge state={job.state} />
          <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
        </div>
        <RefreshOnChange endpoint={`/api/jobs/${id}/version`} version={version.version} />
        <ActionResultBanner params={given} />
        <RepairNotice params={given} />
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
        <section aria-labelledby="arguments" className="mt-6">
          <div className="mb-1 flex items-center justify-between">
            <h2 id="arguments" className="text-base font-semibold">
              {t('job.arguments')}
            </h2>
            {job.argumentsJson !== null && (
              <CopyButton text={job.argumentsJson} label={t('job.arguments')} />
            )}
          </div>
          <JobArguments job={job} />
          {hasHidden(job, executions.rows) && (
            <HiddenNote jobId={job.id} denied={denialsOf(ctx)['argument.reveal']} />
          )}
        </section>
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
