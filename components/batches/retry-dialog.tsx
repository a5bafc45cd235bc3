'use client';

import { useTranslations } from 'next-intl';
import { type RefObject, useState } from 'react';
import type { BatchRetryResult } from '@/lib/batches/mutations';
import type { BatchRow } from '@/lib/batches/types';
import { retryBatchAction } from '@/lib/bulk/actions';
import type { ActionResult } from '@/lib/http/server-action';
import { BulkDialog } from '../bulk/bulk-dialog';
import { BulkProgress } from '../bulk/bulk-progress';
import { type ConfirmResult, ConfirmDialog } from '../confirm-dialog';
import { OutcomeLine } from '../jobs/outcome-text';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { isConsoleUpdated, toActionError } from '../requests';
import { RetryEffect } from './retry-effect';

/** `started` is the outcome for a large batch, which a bulk run retries. */
export type BatchActionResult = ActionResult<
  BatchRetryResult | { outcome: 'started'; runId: string }
>;

/** Confirms a batch retry, lists the callbacks that will run again, and starts it. */
export function RetryDialog({
  batch,
  discarded,
  returnTo,
  onDone,
  onClose,
}: {
  batch: BatchRow;
  /** The jobs to retry; null if they were not counted. */
  discarded: number | null;
  returnTo?: RefObject<HTMLElement | null>;
  onDone: (result: BatchActionResult) => void;
  onClose: () => void;
}) {
  const t = useTranslations('actions.batch_retry');
  const [isLarge, setLarge] = useState(false);
  async function retry(form: FormData): Promise<ConfirmResult> {
    const reason = String(form.get('reason'));
    const result = await retryBatchAction({ id: batch.id, reason }).catch(toActionError);
    if (isConsoleUpdated(result)) return 'console_updated';
    if (!result.ok) {
      onDone(result);
      return 'done';
    }
    const { value } = result;
    if (value.outcome === 'large') {
      setLarge(true);
      return 'stay';
    }
    onDone({ ok: true, value });
    return 'done';
  }
  if (isLarge)
    return (
      <BulkDialog
        action="batch_retry"
        target={{ kind: 'batch', batchId: batch.id }}
        returnTo={returnTo}
        onClose={onClose}
        onStarted={(started) => {
          if (started.kind === 'started')
            onDone({ ok: true, value: { outcome: 'started', runId: started.runId } });
        }}
      >
        <RetryEffect batch={batch} discarded={null} />
      </BulkDialog>
    );
  return (
    <ConfirmDialog
      title={t('title')}
      confirm={t('confirm')}
      returnTo={returnTo}
      onConfirm={retry}
      onClose={onClose}
    >
      <RetryEffect batch={batch} discarded={discarded} />
    </ConfirmDialog>
  );
}

/**
 * The result of a batch retry: retried jobs, skipped jobs with reasons, and callbacks to run again.
 */
export function BatchOutcome({ result }: { result: BatchActionResult }) {
  const t = useTranslations();
  const count = useCount();
  if (!result.ok) return <OutcomeLine done={false} text={t(`errors.${result.error}`)} />;
  if (result.value.outcome === 'started') return <BulkProgress id={result.value.runId} />;
  const { outcome, code, retried, skipped, skippedCount, events } = result.value;
  if (outcome === 'missing') return <OutcomeLine done={false} text={t('outcomes.missingBatch')} />;
  if (outcome === 'refused' && code)
    return <OutcomeLine done={false} text={t(`outcomes.refused.${code}`)} />;
  const headline = () => {
    if (outcome === 'unchanged') return t('actions.batch_retry.unchanged');
    if (outcome === 'locked' && retried === 0) return t('errors.locked');
    return t('actions.batch_retry.result', { count: retried, number: count(retried) });
  };
  return (
    <div>
      <OutcomeLine done={outcome === 'done'} text={headline()} />
      {outcome === 'locked' && retried > 0 && (
        <OutcomeLine done={false} text={t('errors.locked')} />
      )}
      {events.length > 0 && (
        <p className="ml-6">
          {t('actions.batch_retry.events', {
            events: events.map((event) => `on_${event}`).join(', '),
          })}
        </p>
      )}
      {skippedCount > 0 && (
        <div className="ml-6">
          <p>
            {t('actions.batch_retry.skipped', { count: skippedCount, number: count(skippedCount) })}
          </p>
          <ul className="list-disc pl-5">
            {skipped.map((job) => (
              <li key={job.id}>
                <Link href={`/jobs/${job.id}`} className="font-mono text-sm break-all">
                  {job.id}
                </Link>{' '}
                {job.outcome === 'refused' && t(`outcomes.refused.${job.code}`)}
                {job.outcome !== 'refused' &&
                  job.outcome !== 'done' &&
                  t(`outcomes.${job.outcome}`)}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
