import type { Metadata } from 'next';
import { getFormatter, getTranslations } from 'next-intl/server';
import { Breadcrumb } from '@/components/breadcrumb';
import { RevealForm } from '@/components/jobs/reveal-form';
import { ReasonField } from '@/components/reason-field';
import { Banner } from '@/components/ui/banner';
import { denialsOf, requireCtx } from '@/lib/ctx';
import { getJob, listExecutions } from '@/lib/jobs/detail';
import { isUuid } from '@/lib/text';
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
            {job.jobClass ?? t('jobs.noClass')}
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
            {executions.length > 0 && (
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
            )}
            {!denied && (
              <div className="w-full max-w-xl">
                <ReasonField required={ctx.reasonRequired} />
              </div>
            )}
          </RevealForm>
        </div>
      </>
    );
  });
}
