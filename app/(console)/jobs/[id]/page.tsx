import type { Metadata } from 'next';
import { useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import type { ReactNode } from 'react';
import { History } from '@/components/audit/history';
import { CopyButton } from '@/components/copy-button';
import { renderArgumentTree } from '@/components/jobs/argument-tree';
import { Executions } from '@/components/jobs/executions';
import { JobActions } from '@/components/jobs/job-actions';
import { JobError } from '@/components/jobs/job-error';
import { HiddenNote, JobFacts, JobRelated } from '@/components/jobs/job-facts';
import { JobRaw } from '@/components/jobs/job-raw';
import { JobResultBanner } from '@/components/jobs/job-result-banner';
import { ARGUMENTS_ID, hasArgumentsText, JobArguments } from '@/components/jobs/job-text';
import { StateBadge, StateRefinements } from '@/components/jobs/state-badge';
import { Timeline } from '@/components/jobs/timeline';
import { WhyWaiting } from '@/components/jobs/why-waiting';
import { Breadcrumb, PageHeader } from '@/components/page-header';
import { RefreshOnChange } from '@/components/polling/refresh-on-change';
import { RepairResultBanner } from '@/components/result-banners';
import { RubyClassName } from '@/components/ui/code';
import { historyOf } from '@/lib/audit-log/queries';
import type { Denial } from '@/lib/auth/roles';
import { env } from '@/lib/config/environment';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { isUuid, truncateText } from '@/lib/core/text';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { countSameCause } from '@/lib/failures/queries';
import { getJob, getJobVersion, linksOf } from '@/lib/jobs/detail';
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
    const allParam = pageParams.get('all') ?? '';
    const fromParam = pageParams.get('executions') ?? '';
    const from = isUuid(fromParam) ? fromParam : null;
    // Read before the data, so that a change in between triggers a refresh.
    const version = await getJobVersion(ctx, id);
    if (!version) return renderMissingPage();
    const [job, page, raw, sameCause, history] = await Promise.all([
      getJob(ctx, id, { all: allParam === '1' }),
      getExecutionPage(ctx, id, { from, wholeId: isUuid(allParam) ? allParam : null }),
      pageParams.get('raw') === '1' ? getRawJob(ctx, id) : null,
      countSameCause(ctx, id),
      renderSection(async () => <History id={id} history={await historyOf(ctx, 'job', id)} />),
    ]);
    if (!job) return renderMissingPage();
    const executions = { ...page, rows: markLostExecution(page.rows, job.lostWorker) };
    const failed = page.newer ? undefined : page.rows.find(({ error }) => error !== null);
    return (
      <>
        <JobHead job={job} />
        <RefreshOnChange endpoint={`/api/jobs/${id}/version`} version={version.version} />
        <JobResultBanner params={pageParams} jobId={id} />
        <RepairResultBanner params={pageParams} />
        <div
          className={
            'grid grid-cols-1 gap-3 min-[1100px]:grid-cols-[minmax(0,2fr)_minmax(19rem,1fr)] ' +
            'min-[1100px]:grid-rows-[auto_1fr]'
          }
        >
          <div className="empty:hidden min-[1100px]:col-start-2">
            <WhyWaiting waiting={job.waiting} job={waitingJobOf(job)} />
          </div>
          <div
            className={
              'flex min-w-0 flex-col gap-3 min-[1100px]:col-start-1 min-[1100px]:row-span-2 ' +
              'min-[1100px]:row-start-1'
            }
          >
            {job.error && (
              <JobError
                job={job}
                text={job.error}
                frame={failed?.applicationFrames[0] ?? null}
                sameCause={sameCause}
              />
            )}
            <ArgumentsSection
              job={job}
              hasRedactedText={containsRedactedText(job, executions.rows)}
              revealDenial={denialsOf(ctx)['argument.reveal']}
            />
            <Section id="executions">
              <Executions
                jobId={job.id}
                page={executions}
                from={from}
                openId={pageParams.get('attempt')}
              />
            </Section>
            <Section id="raw">
              <JobRaw id={job.id} raw={raw} />
            </Section>
          </div>
          <div className="flex min-w-0 flex-col gap-3">
            <JobFacts job={job} />
            <Section id="timeline">
              <Timeline job={job} executions={executions} nowMs={Date.now()} />
            </Section>
            <JobRelated job={job} links={linksOf(job, env().links, Date.now())} />
            <HistorySection>{history}</HistorySection>
          </div>
        </div>
      </>
    );
  });
}

function JobHead({ job }: { job: JobDetail }) {
  const t = useTranslations();
  return (
    <>
      <Breadcrumb items={[{ href: '/jobs', text: t('jobs.title') }]} current={job.id} />
      <PageHeader
        title={
          isBlankName(job.jobClass) ? (
            t('jobs.noClass')
          ) : (
            <RubyClassName name={job.jobClass ?? ''} />
          )
        }
        count={
          <span className="flex flex-wrap items-center gap-2" data-state={job.state}>
            <StateBadge state={job.state} />
            <StateRefinements paused={job.paused} lostWorker={job.lostWorker} />
          </span>
        }
      >
        <section id="actions" aria-label={t('job.actions')}>
          <JobActions job={actionJobOf(job)} />
        </section>
      </PageHeader>
    </>
  );
}

/** Actions only depend on whether the error is blank, so the browser does not need all of it. */
const actionJobOf = ({ id, jobClass, state, error }: JobDetail) => ({
  id,
  jobClass,
  state,
  error: error && truncateText(error.trim(), MAX_ACTION_ERROR_CHARS),
});
const MAX_ACTION_ERROR_CHARS = 100;

/** What the browser needs of a job to explain its wait. */
const waitingJobOf = ({ id, jobClass, queueName, concurrencyKey }: JobDetail) => ({
  id,
  jobClass,
  queueName,
  concurrencyKey,
});

const SECTION_TITLES = {
  executions: 'job.executions',
  raw: 'jobs.raw',
  timeline: 'job.timeline',
} as const;

function Section({ id, children }: { id: keyof typeof SECTION_TITLES; children: ReactNode }) {
  const t = useTranslations();
  return (
    <section id={id} aria-labelledby={`${id}-heading`} className="card min-w-0 px-4 py-3">
      <h2 id={`${id}-heading`} className="card-title mb-2">
        {t(SECTION_TITLES[id])}
      </h2>
      {children}
    </section>
  );
}

/** Without a card, because its list has a border. */
function HistorySection({ children }: { children: ReactNode }) {
  const t = useTranslations('audit.history');
  return (
    <section aria-labelledby="history" className="min-w-0">
      <h2 id="history" className="card-title mb-2 px-1">
        {t('title')}
      </h2>
      {children}
    </section>
  );
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
    <section aria-labelledby="arguments" className="card px-4 py-3">
      <div className="mb-1 flex items-center justify-between">
        <h2 id="arguments" className="card-title">
          {t('arguments')}
        </h2>
        {hasArgumentsText(job) && <CopyButton sourceId={ARGUMENTS_ID} label={t('arguments')} />}
      </div>
      <JobArguments job={job} tree={renderArgumentTree(job)} />
      {hasRedactedText && <HiddenNote jobId={job.id} denial={revealDenial} />}
    </section>
  );
}
