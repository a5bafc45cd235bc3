import type { Metadata } from 'next';
import { getFormatter, getTranslations } from 'next-intl/server';
import { Breadcrumb } from '@/components/breadcrumb';
import { RevealForm } from '@/components/jobs/reveal-form';
import { ReasonField } from '@/components/reason-field';
import { Banner } from '@/components/ui/banner';
import { Button } from '@/components/ui/button';
import { env } from '@/lib/config/environment';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { isUuid } from '@/lib/core/text';
import { getJob } from '@/lib/jobs/detail';
import { DOWNLOAD_PARTS } from '@/lib/jobs/download';
import { listExecutions } from '@/lib/jobs/executions';
import { isBlankName } from '@/lib/jobs/links';
import { guardPage, missingPage } from '../../../guard';

/** Attempts to choose from. */
const ATTEMPTS = 20;

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('reveal'))('title') };
}

/** Shows a job's hidden values to who may see them, and says that it is on record. */
export default async function RevealPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  if (!isUuid(id)) return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const [t, format, job] = await Promise.all([
      getTranslations(),
      getFormatter(),
      getJob(ctx, id),
    ]);
    if (!job) return missingPage();
    const denied = denialsOf(ctx)['argument.reveal'];
    const executions = denied ? [] : (await listExecutions(ctx, id)).slice(0, ATTEMPTS);
    const attempts = executions.length > 0 && (
      <label className="flex max-w-full flex-col gap-0.5">
        <span className="text-[13px] text-soft">{t('reveal.what')}</span>
        <select name="execution" className="control max-w-full">
          <option value="">{t('reveal.job')}</option>
          {executions.map((execution) => (
            <option key={execution.id} value={execution.id}>
              {t('reveal.attempt', {
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
          <p className="mt-1 font-mono text-[13px] any-break">
            {isBlankName(job.jobClass) ? t('jobs.noClass') : job.jobClass}
          </p>
          <p className="mt-3">{t('reveal.effect')}</p>
          {denied && (
            <div className="mt-3">
              <Banner tone="warning">{t(`reveal.why.${denied}`)}</Banner>
            </div>
          )}
          <RevealForm
            jobId={id}
            disabled={denied !== undefined}
            labels={{
              submit: t('reveal.submit'),
              working: t('reveal.working'),
              result: t('reveal.result'),
            }}
          >
            {attempts}
            {!denied && (
              <div className="w-full max-w-xl">
                <ReasonField required />
              </div>
            )}
          </RevealForm>
          {!denied && (
            <section id="download" aria-labelledby="download-title" className="mt-8">
              <h2 id="download-title" className="text-base font-semibold">
                {t('reveal.downloadTitle')}
              </h2>
              <p className="mt-1">{t('reveal.downloadEffect')}</p>
              <form
                method="post"
                action={`${env().basePath}/api/jobs/${id}/download`}
                autoComplete="off"
                className="mt-4 flex flex-col items-start gap-3"
              >
                {attempts}
                <label className="flex max-w-full flex-col gap-0.5">
                  <span className="text-[13px] text-soft">{t('reveal.part')}</span>
                  <select name="part" className="control max-w-full">
                    {DOWNLOAD_PARTS.map((part) => (
                      <option key={part} value={part}>
                        {t(`reveal.parts.${part}`)}
                      </option>
                    ))}
                  </select>
                </label>
                <div className="w-full max-w-xl">
                  <ReasonField required />
                </div>
                <Button type="submit">{t('reveal.download')}</Button>
              </form>
            </section>
          )}
        </div>
      </>
    );
  });
}
