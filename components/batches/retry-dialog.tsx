'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { type FormEvent, type RefObject, useId, useState } from 'react';
import type { BatchRetryResult } from '@/lib/batches/mutations';
import type { BatchRow } from '@/lib/batches/types';
import { retryBatchAction } from '@/lib/bulk/actions';
import type { ActionResult } from '@/lib/http/server-action';
import { actionFailed, isConsoleUpdated } from '../action-failed';
import { BulkDialog } from '../bulk/bulk-dialog';
import { BulkProgress } from '../bulk/bulk-progress';
import { ConsoleUpdated } from '../console-updated';
import { OutcomeLine } from '../jobs/outcome-text';
import { usePausePolling } from '../live';
import { useReasonRequired } from '../permissions';
import { useCount } from '../quantities';
import { ReasonField } from '../reason-field';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { RetryEffect } from './retry-effect';

/** `started`: a large batch is retried by a run. */
export type BatchActed = ActionResult<BatchRetryResult | { outcome: 'started'; runId: string }>;

/** Asks before a batch retry, names the callbacks that will run again, and carries it out. */
export function RetryDialog({
  batch,
  returnTo,
  onDone,
  onClose,
}: {
  batch: BatchRow;
  returnTo?: RefObject<HTMLElement | null>;
  onDone: (acted: BatchActed) => void;
  onClose: () => void;
}) {
  const t = useTranslations('actions');
  const heading = useId();
  const [working, setWorking] = useState(false);
  const [large, setLarge] = useState(false);
  const [isOutdated, setOutdated] = useState(false);
  const reasonRequired = useReasonRequired();
  usePausePolling(true);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get('reason'));
    setWorking(true);
    const result = await retryBatchAction({ id: batch.id, reason }).catch(actionFailed);
    if (result.ok && result.value.outcome === 'large') return setLarge(true);
    setWorking(false);
    if (isConsoleUpdated(result)) return setOutdated(true);
    onDone(result as ActionResult<BatchRetryResult>);
    onClose();
  }
  if (large)
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
        <RetryEffect batch={batch} />
      </BulkDialog>
    );
  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={heading} className="text-lg font-semibold">
          {t('batch_retry.title')}
        </h2>
        <RetryEffect batch={batch} />
        <ReasonField required={reasonRequired} />
        {isOutdated && <ConsoleUpdated />}
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button onClick={onClose} disabled={working}>
            {t('cancel')}
          </Button>
          <Button type="submit" kind="primary" disabled={working} data-focus-first="">
            {t(working ? 'working' : 'batch_retry.confirm')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What a batch retry came to: how many jobs, which were skipped and why, which callbacks run again. */
export function BatchOutcome({ acted }: { acted: BatchActed }) {
  const t = useTranslations();
  const count = useCount();
  if (!acted.ok) return <OutcomeLine done={false} text={t(`errors.${acted.error}`)} />;
  if (acted.value.outcome === 'started') return <BulkProgress id={acted.value.runId} />;
  const { outcome, code, retried, skipped, skippedCount, events } = acted.value;
  if (outcome === 'missing') return <OutcomeLine done={false} text={t('outcomes.missingBatch')} />;
  if (outcome === 'refused' && code)
    return <OutcomeLine done={false} text={t(`outcomes.refused.${code}`)} />;
  const head =
    outcome === 'unchanged'
      ? t('actions.batch_retry.unchanged')
      : outcome === 'locked' && retried === 0
        ? t('errors.locked')
        : t('actions.batch_retry.result', { count: retried, number: count(retried) });
  return (
    <div>
      <OutcomeLine done={outcome === 'done'} text={head} />
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
                <Link href={`/jobs/${job.id}`} className="font-mono text-[13px] break-all">
                  {job.id}
                </Link>{' '}
                {job.outcome === 'refused'
                  ? t(`outcomes.refused.${job.code}`)
                  : job.outcome === 'done'
                    ? null
                    : t(`outcomes.${job.outcome}`)}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}
