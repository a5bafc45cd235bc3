'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { type QueuesPage, type Range, queueFilterParams } from '@/lib/queues/filters';
import { usePause } from '../pauses/pause-actions';
import { RefreshNote } from '../polling/polling-status';
import { usePolledList } from '../polling/use-polling-query';
import { useCount, useCountText } from '../quantities';
import { Banner } from '../ui/banner';
import { QUEUE_GRID, QueueItem } from './queue-item';

/** All queues with their waiting jobs and their throughput in the range, polled. */
export function QueueList({
  initial,
  range,
  name,
  canEnd,
}: {
  initial: QueuesPage;
  range: Range;
  name: string | null;
  /** Whether a pause can end by itself. */
  canEnd: boolean;
}) {
  const t = useTranslations('queues');
  const states = useTranslations('states');
  const endpoint = `/api/queues?${queueFilterParams({ range, name })}`;
  // The button of a row changes after its action, so focus moves to the list.
  const list = useRef<HTMLDivElement>(null);
  const { openDialog, dialog } = usePause({ canEnd, returnTo: list });
  const { listRef, data, error, dataUpdatedAt } = usePolledList(endpoint, initial);
  if (data.rows.length === 0)
    return (
      <div ref={listRef} className="card px-4 py-8 text-center text-soft">
        {name === null ? t('empty') : t('noMatch')}
      </div>
    );
  return (
    <div ref={listRef}>
      <Notes page={data} />
      <div ref={list} tabIndex={-1} className="card @container outline-none">
        <div
          aria-hidden="true"
          className={
            'sticky top-0 z-10 hidden rounded-t-lg border-b border-line bg-raised px-3 py-2 ' +
            'text-xs text-soft ' +
            QUEUE_GRID
          }
        >
          <div>{t('queue')}</div>
          {[
            states('queued'),
            t('oldest'),
            states('running'),
            states('scheduled'),
            states('retried'),
            t('finished'),
            states('discarded'),
            t('wait'),
          ].map((head) => (
            <div key={head} className="text-right">
              {head}
            </div>
          ))}
          <div className="pl-3">{t('servedBy')}</div>
          <div />
        </div>
        <ul aria-label={t('title')} className="divide-y divide-line">
          {data.rows.map((queue) => (
            <QueueItem key={queue.name ?? '\0'} queue={queue} range={range} onAct={openDialog} />
          ))}
        </ul>
      </div>
      <MeasurementNote page={data} range={range} />
      {dialog}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}

/** Warnings about the worker processes. */
function Notes({ page }: { page: QueuesPage }) {
  const t = useTranslations('queues');
  const count = useCount();
  const notes = [
    page.liveProcesses === 0 && t('noProcess'),
    page.silentProcesses > 0 &&
      t('silentProcesses', { count: page.silentProcesses, number: count(page.silentProcesses) }),
  ].filter((note) => note !== false);
  return notes.length === 0 ? null : (
    <div className="mb-3 flex flex-col gap-2">
      {notes.map((note) => (
        <Banner key={note} tone="warning">
          {note}
        </Banner>
      ))}
    </div>
  );
}

/** How the numbers were measured. */
function MeasurementNote({ page, range }: { page: QueuesPage; range: Range }) {
  const t = useTranslations('queues');
  const count = useCount();
  const countText = useCountText();
  const { flow } = page;
  const sourceText = () => {
    if (!flow) return t('scanTimedOut');
    const finished = countText(flow.finished).text;
    const rangeText = t(`ranges.${range}`);
    return flow.isSample
      ? t('scannedSample', { scanned: count(flow.scannedJobs), finished, range: rangeText })
      : t('scannedAll', { number: finished, range: rangeText });
  };
  return (
    <div className="mt-2 flex flex-col gap-0.5 text-sm text-soft">
      <p>
        {sourceText()} {t('waitHint')}
      </p>
      {page.omittedQueues > 0 && (
        <p>{t('hidden', { count: page.omittedQueues, number: count(page.omittedQueues) })}</p>
      )}
      {page.more && <p>{t('more')}</p>}
      {page.onlyOpen && <p>{t('onlyOpen')}</p>}
    </div>
  );
}
