import { getTranslations } from 'next-intl/server';
import { RetryEffect } from '@/components/batches/retry-effect';
import { ConfirmPage } from '@/components/confirm-page';
import { submitBatchRetry } from '@/lib/batches/actions';
import { getBatchRow } from '@/lib/batches/queries';
import { denialsOf, requireCtx } from '@/lib/ctx';
import { isUuid } from '@/lib/text';
import { guardPage, missingPage } from '../../../guard';

/** Asks before a batch retry where there is no JavaScript. */
export default async function BatchRetryPage({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  if (!isUuid(id)) return missingPage();
  return guardPage(async () => {
    const ctx = await requireCtx();
    const t = await getTranslations('actions');
    const batch = await getBatchRow(ctx, id);
    if (!batch) return missingPage();
    return (
      <ConfirmPage title={t('batch_retry.title')} action={submitBatchRetry} back={`/batches/${id}`} confirm={t('batch_retry.confirm')} denied={denialsOf(ctx)['batch.retry']}>
        <input type="hidden" name="id" value={id} />
        <RetryEffect batch={batch} />
      </ConfirmPage>
    );
  });
}
