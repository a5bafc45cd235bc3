import { getTranslations } from 'next-intl/server';
import { RetryEffect } from '@/components/batches/retry-effect';
import { CountConfirmation, PreviewText } from '@/components/bulk/bulk-preview';
import { ConfirmPage } from '@/components/confirm-page';
import { Banner } from '@/components/ui/banner';
import { countRetriableJobs } from '@/lib/batches/mutations';
import { getBatchRow } from '@/lib/batches/queries';
import { submitBatchRetry } from '@/lib/bulk/actions';
import { previewBulk } from '@/lib/bulk/preview';
import { CONFIRM_ABOVE } from '@/lib/bulk/types';
import { denialsOf, requireCtx } from '@/lib/context/request-context';
import { type PageSearchParams, paramsOf } from '@/lib/core/urls';
import { guardRowPage, renderMissingPage } from '../../../guard';
import type { IdParams } from '../../../page-title';

interface Props {
  params: IdParams;
  searchParams: PageSearchParams;
}

/** Confirms a batch retry without JavaScript; a large batch also needs its number of jobs. */
export default async function BatchRetryPage({ params, searchParams }: Props) {
  const outcome = paramsOf(await searchParams).get('outcome');
  return guardRowPage(params, async (id) => {
    const ctx = await requireCtx();
    const t = await getTranslations();
    const batch = await getBatchRow(ctx, id);
    if (!batch) return renderMissingPage();
    const discarded = await countRetriableJobs(ctx, id);
    const isLarge = discarded === null && ctx.bulkRuns;
    const preview = isLarge
      ? await previewBulk(ctx, 'batch_retry', { kind: 'batch', batchId: id })
      : null;
    return (
      <ConfirmPage
        title={t('actions.batch_retry.title')}
        action={submitBatchRetry}
        back={`/batches/${id}`}
        confirm={t('actions.batch_retry.confirm')}
        denial={denialsOf(ctx)['batch.retry']}
      >
        {(outcome === 'not_confirmed' || outcome === 'more') && (
          <div className="mt-3">
            <Banner tone="warning" role="alert">
              {t(outcome === 'more' ? 'bulk.changedMeanwhile' : 'bulk.wrongNumber')}
            </Banner>
          </div>
        )}
        <input type="hidden" name="id" value={id} />
        <RetryEffect batch={batch} discarded={discarded} />
        {preview && (
          <div className="mt-3">
            <PreviewText action="batch_retry" preview={preview} />
            <input type="hidden" name="cut_off_at" value={preview.cutOff.at} />
            <input type="hidden" name="cut_off_txid" value={preview.cutOff.txid} />
            <input type="hidden" name="kind" value={preview.total.kind} />
            <input type="hidden" name="expected" value={preview.total.count} />
            {preview.total.count > CONFIRM_ABOVE && (
              <CountConfirmation number={preview.total.count} />
            )}
          </div>
        )}
      </ConfirmPage>
    );
  });
}
