'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useState } from 'react';
import type { BatchListRow } from '@/lib/batches/types';
import type { Page } from '@/lib/core/search-params';
import { Dismissible } from '../dismissible';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../link';
import { useAnnounceOutcome } from '../outcomes';
import { Pager } from '../pager';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { usePolledList } from '../polling/use-polling-query';
import { useCount } from '../quantities';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';
import { BatchDescription } from './batch-description';
import { BatchMenu } from './batch-menu';
import { BatchStateBadge } from './batch-state';
import { PROGRESS_ORDER, ProgressBar } from './progress-bar';
import { type BatchActionResult, BatchOutcome } from './retry-dialog';

const GRID =
  'lg:grid lg:grid-cols-[minmax(0,1fr)_minmax(0,17rem)_7.5rem_7.5rem_7.5rem_7.5rem_2.5rem] lg:items-start lg:gap-x-3';

interface Props {
  endpoint: string;
  initial: Page<BatchListRow>;
  page: { path: string; params: Record<string, string> };
  label: string;
  empty: ReactNode;
}

/** The list of batches, each with its progress, polled. */
export function BatchList({ endpoint, initial, page, label, empty }: Props) {
  const t = useTranslations('batches');
  const paging = useTranslations('paging');
  const { refresh } = usePolling();
  const [results, setResults] = useState<Record<string, BatchActionResult>>({});
  const announce = useAnnounceOutcome(useCallback(() => setResults({}), []));
  const { listRef, data, error, dataUpdatedAt } = usePolledList(endpoint, initial);
  if (data.rows.length === 0)
    return (
      <div
        ref={listRef}
        className={
          'flex flex-col items-center gap-3 rounded-md border border-dashed border-line-strong ' +
          'px-4 py-6 text-center text-soft'
        }
      >
        {data.previous || data.next ? paging('empty') : empty}
        <Pager path={page.path} params={page.params} previous={data.previous} next={data.next} />
      </div>
    );
  return (
    <div ref={listRef}>
      <div className="rounded-md border border-line">
        <div
          aria-hidden="true"
          className={`border-b border-line bg-sunken px-3 py-1.5 text-sm text-soft max-lg:hidden ${GRID}`}
        >
          <div>{t('description')}</div>
          <div>{t('progress')}</div>
          <div>{t('created')}</div>
          <div>{t('enqueued')}</div>
          <div>{t('discarded')}</div>
          <div>{t('finished')}</div>
          <div />
        </div>
        <ul aria-label={label} className="divide-y divide-line">
          {data.rows.map((batch) => (
            <BatchItem
              key={batch.id}
              batch={batch}
              result={results[batch.id]}
              onDone={(result) => {
                announce();
                setResults((previous) => ({ ...previous, [batch.id]: result }));
                refresh();
              }}
              onDismiss={() => setResults(({ [batch.id]: _dismissed, ...others }) => others)}
            />
          ))}
        </ul>
      </div>
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager path={page.path} params={page.params} previous={data.previous} next={data.next} />
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}

function BatchItem({
  batch,
  result,
  onDone,
  onDismiss,
}: {
  batch: BatchListRow;
  result: BatchActionResult | undefined;
  onDone: (result: BatchActionResult) => void;
  onDismiss: () => void;
}) {
  const t = useTranslations('batches');
  return (
    <li className="px-3 py-2.5" data-batch={batch.id}>
      <div className={GRID}>
        <NameCell batch={batch} />
        <div className="mt-2 min-w-0 lg:mt-0.5">
          <ProgressCell batch={batch} />
        </div>
        <dl className="mt-2 flex flex-col gap-0.5 lg:contents">
          <TimeCell label={t('created')} iso={batch.createdAt} />
          <TimeCell label={t('enqueued')} iso={batch.enqueuedAt} />
          <TimeCell label={t('discarded')} iso={batch.discardedAt} />
          <TimeCell label={t('finished')} iso={batch.finishedAt} />
        </dl>
        <div className="flex justify-end">
          <BatchMenu
            batch={batch}
            discarded={batch.progress?.states?.discarded ?? 0}
            onDone={onDone}
          />
        </div>
      </div>
      {result && (
        <div className="mt-1">
          <Dismissible onDismiss={onDismiss}>
            <BatchOutcome result={result} />
          </Dismissible>
        </div>
      )}
    </li>
  );
}

function NameCell({ batch }: { batch: BatchListRow }) {
  const t = useTranslations('batches');
  return (
    <div className="flex min-w-0 flex-col items-start">
      <Link
        href={`/batches/${batch.id}`}
        prefetch={false}
        className="font-semibold any-break text-accent no-underline hover:underline"
      >
        <BatchDescription batch={batch} />
      </Link>
      <span className="font-mono text-xs break-all text-soft">{batch.id}</span>
      <span className="mt-1 flex max-w-full flex-wrap items-center gap-x-2 gap-y-1">
        <BatchStateBadge batch={batch} stalled={batch.stalled} />
        {batch.hangs && (
          <span className="inline-flex items-center gap-1 text-sm whitespace-nowrap text-warn">
            <Icon name="lost" className="size-3.5" />
            {t('hangs')}
          </span>
        )}
        {batch.onFinish && (
          <span className="max-w-full min-w-0 font-mono text-xs break-words text-soft any-break">
            {t('onFinish')}: {batch.onFinish}
          </span>
        )}
      </span>
    </div>
  );
}

function TimeCell({ label, iso }: { label: string; iso: string | null }) {
  const t = useTranslations('time');
  return (
    <div className="flex gap-2 text-sm lg:block">
      <dt className="w-20 shrink-0 text-soft lg:sr-only">{label}</dt>
      <dd>{iso ? <RelativeTime iso={iso} /> : <span className="text-soft">{t('never')}</span>}</dd>
    </div>
  );
}

function ProgressCell({ batch }: { batch: BatchListRow }) {
  const t = useTranslations();
  const count = useCount();
  const { progress } = batch;
  if (!progress) return <span className="text-soft">{t('errors.partial')}</span>;
  if (progress.more)
    return <span>{t('batches.jobCountMore', { number: count(progress.total) })}</span>;
  const { states, total } = progress;
  if (!states || total === 0) return <span className="text-soft">{t('batches.noJobs')}</span>;
  return (
    <>
      <ProgressBar progress={progress} />
      <p className="mt-1 text-sm">
        {t('batches.doneOf', {
          done: count(states.succeeded + states.discarded),
          total: count(total),
        })}
      </p>
      <ul className="flex flex-wrap gap-x-2 text-xs">
        {PROGRESS_ORDER.filter((state) => states[state] > 0).map((state) => (
          <li
            key={state}
            className={`inline-flex items-center gap-1 whitespace-nowrap rounded px-1 ${STATE_CLASSES[state].badge}`}
          >
            <Icon name={state} className="size-3" />
            {t(`states.${state}`)} {count(states[state])}
          </li>
        ))}
      </ul>
    </>
  );
}
