import type { Metadata } from 'next';
import { useFormatter, useTranslations } from 'next-intl';
import { getTranslations } from 'next-intl/server';
import type { ReactNode } from 'react';
import { RevealForm } from '@/components/jobs/reveal-form';
import { Breadcrumb } from '@/components/page-header';
import { ReasonField } from '@/components/reason-field';
import { Banner } from '@/components/ui/banner';
import { Button } from '@/components/ui/button';
import { currentApplication, denialsOf, requireCtx } from '@/lib/context/request-context';
import { href } from '@/lib/core/urls';
import { getJob } from '@/lib/jobs/detail';
import { listExecutions } from '@/lib/jobs/executions';
import { isBlankName } from '@/lib/jobs/links';
import { DOWNLOAD_PARTS } from '@/lib/jobs/raw';
import { guardRowPage, renderMissingPage } from '../../../guard';

const MAX_ATTEMPTS = 20;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('reveal'))('title') };
}

/** Reveals the redacted values of a job to viewers with the permission; the audit records it. */
export default async function RevealPage({ params }: { params: Promise<{ id: string }> }) {
  return guardRowPage(params, async (id) => {
    const ctx = await requireCtx();
    const [t, job] = await Promise.all([getTranslations(), getJob(ctx, id)]);
    if (!job) return renderMissingPage();
    const denial = denialsOf(ctx)['argument.reveal'];
    const executions = denial ? [] : (await listExecutions(ctx, id)).slice(0, MAX_ATTEMPTS);
    const attemptSelect = executions.length > 0 && <AttemptSelect executions={executions} />;
    return (
      <>
        <Breadcrumb
          items={[
            { href: '/jobs', text: t('jobs.title') },
            { href: `/jobs/${id}`, text: id },
          ]}
          current={t('reveal.title')}
        />
        <div className="mx-auto max-w-3xl py-4">
          <h1 className="text-xl font-semibold">{t('reveal.title')}</h1>
          <p className="mt-1 font-mono text-sm any-break">
            {isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
          </p>
          <p className="mt-3">{t('reveal.effect')}</p>
          {denial && (
            <div className="mt-3">
              <Banner tone="warning">{t(`reveal.why.${denial}`)}</Banner>
            </div>
          )}
          <RevealForm
            jobId={id}
            disabled={denial !== undefined}
            labels={{
              submit: t('reveal.submit'),
              working: t('reveal.working'),
              result: t('reveal.result'),
            }}
          >
            {attemptSelect}
            {!denial && (
              <div className="w-full max-w-xl">
                <ReasonField required />
              </div>
            )}
          </RevealForm>
          {!denial && <DownloadSection jobId={id} attemptSelect={attemptSelect} />}
        </div>
      </>
    );
  });
}

/** Selects the job itself or one of its attempts. */
function AttemptSelect({ executions }: { executions: Awaited<ReturnType<typeof listExecutions>> }) {
  const t = useTranslations('reveal');
  const format = useFormatter();
  return (
    <label className="flex max-w-full flex-col gap-0.5">
      <span className="text-sm text-soft">{t('what')}</span>
      <select name="execution" className="control max-w-full">
        <option value="">{t('job')}</option>
        {executions.map((execution) => (
          <option key={execution.id} value={execution.id}>
            {t('attempt', {
              number: execution.number ?? '?',
              at: format.dateTime(new Date(execution.createdAt), {
                dateStyle: 'medium',
                timeStyle: 'medium',
              }),
            })}
          </option>
        ))}
      </select>
    </label>
  );
}

function DownloadSection({ jobId, attemptSelect }: { jobId: string; attemptSelect: ReactNode }) {
  const t = useTranslations('reveal');
  return (
    <section id="download" aria-labelledby="download-title" className="mt-8">
      <h2 id="download-title" className="text-base font-semibold">
        {t('downloadTitle')}
      </h2>
      <p className="mt-1">{t('downloadEffect')}</p>
      <form
        method="post"
        action={href(currentApplication(), `/api/jobs/${jobId}/download`)}
        autoComplete="off"
        className="mt-4 flex flex-col items-start gap-3"
      >
        {attemptSelect}
        <label className="flex max-w-full flex-col gap-0.5">
          <span className="text-sm text-soft">{t('part')}</span>
          <select name="part" className="control max-w-full">
            {DOWNLOAD_PARTS.map((part) => (
              <option key={part} value={part}>
                {t(`parts.${part}`)}
              </option>
            ))}
          </select>
        </label>
        <div className="w-full max-w-xl">
          <ReasonField required />
        </div>
        <Button type="submit">{t('download')}</Button>
      </form>
    </section>
  );
}
