'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { BatchRow, BatchStatus } from '@/lib/batches/types';
import { useHref } from '../application';
import { Breadcrumb } from '../breadcrumb';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { useLastOutcome } from '../outcomes';
import { usePaletteActions } from '../palette/page-actions';
import { useDenials } from '../permissions';
import { LiveControl } from '../polling/live-control';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { usePollingQuery, useOnScreen } from '../polling/use-polling-query';
import { buttonClass } from '../ui/button';
import { BatchDescription } from './batch-description';
import { BatchStateBadge } from './batch-state';
import { BatchStatusPanel } from './batch-status';
import { type BatchActionResult, BatchOutcome, RetryDialog } from './retry-dialog';

const timestampsOf = (batch: BatchRow) =>
  [batch.enqueuedAt, batch.discardedAt, batch.jobsFinishedAt, batch.finishedAt].join();

/** The header of the batch page: description, state, progress, causes of a stall, and retry. */
export function BatchHeader({
  batch: initialBatch,
  initial,
}: {
  batch: BatchRow;
  initial: BatchStatus | null;
}) {
  const t = useTranslations();
  const href = useHref();
  const { refresh } = usePolling();
  const denial = useDenials()['batch.retry'];
  const [isDialogOpen, setDialogOpen] = useState(false);
  const { outcome: result, show, drop } = useLastOutcome<BatchActionResult>();
  const router = useRouter();
  const head = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(head);
  const { data, error, dataUpdatedAt } = usePollingQuery({
    key: ['batch-status', initialBatch.id],
    fetch: (signal) =>
      fetchJson<BatchStatus>(href(`/api/batches/${initialBatch.id}/status`), signal),
    initial: initial ?? undefined,
    // A finished batch changes only when a user acts on it.
    enabled: (status) =>
      onScreen && (!(status?.batch ?? initialBatch).finishedAt || result !== null),
  });
  const batch = data?.batch ?? initialBatch;
  // The server renders the attributes, so a change needs a refresh of the route.
  const hasChanged = timestampsOf(batch) !== timestampsOf(initialBatch);
  useEffect(() => {
    if (hasChanged) router.refresh();
  }, [hasChanged, router]);
  const isRetryOffered = batch.discardedAt !== null || data?.canRetry === true;
  const retryReason = denial ?? (isRetryOffered ? null : 'noDiscarded');
  usePaletteActions(() => [
    {
      key: 'batch_retry',
      text: t('actions.batch_retry.menu'),
      reason: retryReason && t(`actions.why.${retryReason}`),
      onSelect: () => setDialogOpen(true),
    },
  ]);
  return (
    <div ref={head}>
      <Breadcrumb items={[{ href: '/batches', text: t('batches.title') }]} current={batch.id} />
      <div className="mt-1 flex flex-wrap items-start justify-between gap-3">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="max-w-full min-w-0 text-xl font-semibold any-break">
            <BatchDescription batch={batch} />
          </h1>
          <BatchStateBadge batch={batch} stalled={data?.stalled === true} />
          <LiveControl />
        </div>
        {isRetryOffered && (
          <a
            href={href(`/batches/${batch.id}/retry`)}
            aria-disabled={denial ? true : undefined}
            title={denial && t(`actions.why.${denial}`)}
            className={buttonClass('primary')}
            onClick={(event) => {
              event.preventDefault();
              if (!denial) setDialogOpen(true);
            }}
          >
            {t('actions.batch_retry.menu')}
          </a>
        )}
      </div>
      {result && (
        <div className="mt-2">
          <Dismissible onDismiss={drop}>
            <BatchOutcome result={result} />
          </Dismissible>
        </div>
      )}
      <BatchStatusPanel batch={batch} status={data ?? null} />
      {error && data && <RefreshNote at={dataUpdatedAt} error={error} />}
      {error && !data && <p className="mt-2 text-danger">{t('errors.partial')}</p>}
      {isDialogOpen && (
        <RetryDialog
          batch={batch}
          onClose={() => setDialogOpen(false)}
          onDone={(result) => {
            show(result);
            refresh();
          }}
        />
      )}
    </div>
  );
}
