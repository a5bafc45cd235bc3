import type { Metadata } from 'next';
import { getTranslations } from 'next-intl/server';
import { TargetText } from '@/components/bulk/bulk-preview';
import { RunView } from '@/components/bulk/bulk-progress';
import { OutcomeSamples } from '@/components/bulk/run-summary';
import { Breadcrumb, PageHeader } from '@/components/page-header';
import { AbsoluteTime } from '@/components/time';
import { Banner } from '@/components/ui/banner';
import { getRun, listSamples } from '@/lib/bulk/runs';
import { requireCtx } from '@/lib/context/request-context';
import { ERROR_CODES } from '@/lib/core/errors';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { guardRowPage, renderMissingPage } from '../../guard';
import { type IdParams, titleWithId } from '../../page-title';

interface Props {
  params: IdParams;
  searchParams: PageSearchParams;
}

export async function generateMetadata({ params }: Props): Promise<Metadata> {
  return titleWithId((await getTranslations('bulk'))('title'), params);
}

/** Why a control (pause, resume, cancel) failed, as its redirect without JavaScript returns it. */
const FAILED_OUTCOMES = ['conflict', 'missing'] as const;

export default async function BulkRunPage({ params, searchParams }: Props) {
  const outcome = paramsOf(await searchParams).get('outcome');
  return guardRowPage(params, async (id) => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const [run, samples] = await Promise.all([getRun(ctx, id), listSamples(ctx, id)]);
    if (!run) return renderMissingPage();
    const failedOutcome = FAILED_OUTCOMES.find((name) => name === outcome);
    const error = ERROR_CODES.find((code) => code === outcome);
    return (
      <>
        <Breadcrumb items={[{ href: '/bulk', text: t('bulk.title') }]} current={run.id} />
        <PageHeader title={t(`bulk.names.${run.action}`)} />
        {(failedOutcome ?? error) && (
          <div className="mb-3">
            <Banner tone="warning" role="status">
              {failedOutcome
                ? t(`bulk.notControlled.${failedOutcome}`)
                : error && t(`errors.${error}`)}
            </Banner>
          </div>
        )}
        <RunView run={run} />
        <TargetText
          target={run.target}
          filter={run.filter}
          batchId={run.batchId}
          selected={run.expected.count}
          links
        />
        <dl className="mt-3 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
          <dt className="text-soft">{t('bulk.started')}</dt>
          <dd>
            <AbsoluteTime iso={run.createdAt} /> {t('bulk.startedBy', { viewer: run.viewer })}
          </dd>
          {run.reason && (
            <>
              <dt className="text-soft">{t('audit.reason')}</dt>
              <dd className="whitespace-pre-wrap any-break">{run.reason}</dd>
            </>
          )}
          <dt className="text-soft">{t('bulk.cutOffName')}</dt>
          <dd>{t.rich('bulk.cutOff', { at: () => <AbsoluteTime iso={run.cutOffAt} /> })}</dd>
          {run.action === 'reschedule' && (
            <>
              <dt className="text-soft">{t('bulk.newTime')}</dt>
              <dd>
                {run.scheduledAt ? (
                  <AbsoluteTime iso={run.scheduledAt} />
                ) : (
                  t('actions.reschedule.now')
                )}
              </dd>
            </>
          )}
          {run.finishedAt && (
            <>
              <dt className="text-soft">{t('bulk.ended')}</dt>
              <dd>
                <AbsoluteTime iso={run.finishedAt} />
              </dd>
            </>
          )}
        </dl>
        <section aria-labelledby="not-done" className="mt-6">
          <h2 id="not-done" className="text-base font-semibold">
            {t('bulk.notDone')}
          </h2>
          {samples.length === 0 ? (
            <p className="mt-1 text-soft">{t('bulk.noneNotDone')}</p>
          ) : (
            <OutcomeSamples counts={run.counts} samples={samples} />
          )}
        </section>
      </>
    );
  });
}
