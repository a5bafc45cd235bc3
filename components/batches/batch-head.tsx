'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { BatchRow, BatchStatus } from '@/lib/batches/types';
import { Breadcrumb } from '../breadcrumb';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { RefreshNote } from '../refresh-note';
import { buttonClass } from '../ui/button';
import { useLiveQuery, useOnScreen } from '../use-live-query';
import { BatchDescription } from './batch-description';
import { BatchStateBadge } from './batch-state';
import { BatchStatusPanel } from './batch-status';
import { type BatchActed, BatchOutcome, RetryDialog } from './retry-dialog';

const timesOf = (batch: BatchRow) =>
  [batch.enqueuedAt, batch.discardedAt, batch.jobsFinishedAt, batch.finishedAt].join();

/** The head of the batch page: what it is, how far it is, what holds it up, and its retry. */
export function BatchHead({
  batch: rendered,
  initial,
}: {
  batch: BatchRow;
  initial: BatchStatus | null;
}) {
  const t = useTranslations();
  const { basePath, refresh } = useLive();
  const denied = useDenials()['batch.retry'];
  const [asking, setAsking] = useState(false);
  const { outcome: acted, show, drop } = useLastOutcome<BatchActed>();
  const router = useRouter();
  const head = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(head);
  const { data, error, dataUpdatedAt } = useLiveQuery({
    key: ['batch-status', rendered.id],
    fetch: (signal) =>
      fetchJson<BatchStatus>(`${basePath}/api/batches/${rendered.id}/status`, signal),
    initial: initial ?? undefined,
    // A finished batch changes by somebody's hand only.
    wanted: (status) => onScreen && (!(status?.batch ?? rendered).finishedAt || acted !== null),
  });
  const batch = data?.batch ?? rendered;
  // Its attributes are printed by the server.
  const changed = timesOf(batch) !== timesOf(rendered);
  useEffect(() => {
    if (changed) router.refresh();
  }, [changed, router]);
  const offered = batch.discardedAt !== null || data?.retryOffered === true;
  return (
    <div ref={head}>
      <Breadcrumb items={[{ href: '/batches', text: t('batches.title') }]} current={batch.id} />
      <div className="mt-1 flex flex-wrap items-start justify-between gap-3">
        <div className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
          <h1 className="max-w-full min-w-0 text-xl font-semibold any-break">
            <BatchDescription batch={batch} />
          </h1>
          <BatchStateBadge batch={batch} stalled={data?.stalled === true} />
        </div>
        {offered && (
          <a
            href={`${basePath}/batches/${batch.id}/retry`}
            aria-disabled={denied ? true : undefined}
            title={denied && t(`actions.why.${denied}`)}
            className={buttonClass('primary')}
            onClick={(event) => {
              event.preventDefault();
              if (!denied) setAsking(true);
            }}
          >
            {t('actions.batch_retry.menu')}
          </a>
        )}
      </div>
      {acted && (
        <div className="mt-2">
          <Dismissible onDismiss={drop}>
            <BatchOutcome acted={acted} />
          </Dismissible>
        </div>
      )}
      <BatchStatusPanel batch={batch} status={data ?? null} />
      {error && data && <RefreshNote at={dataUpdatedAt} error={error} />}
      {error && !data && <p className="mt-2 text-danger">{t('errors.partial')}</p>}
      {asking && (
        <RetryDialog
          batch={batch}
          onClose={() => setAsking(false)}
          onDone={(result) => {
            show(result);
            refresh();
          }}
        />
      )}
    </div>
  );
}
