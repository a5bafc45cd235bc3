'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, useCallback, useRef, useState } from 'react';
import type { BatchListRow, BatchPage, BatchRow } from '@/lib/batches/types';
import { cursorParams } from '@/lib/core/urls';
import { useHref } from '../application';
import { Dismissible, useAnnounceOutcome } from '../dismissible';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../navigation';
import { Pager } from '../pager';
import { useDenials } from '../permissions';
import { usePausePolling, usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/polling-status';
import { usePolledList } from '../polling/use-polling-query';
import { useCount } from '../quantities';
import { RelativeTime, useAbsoluteTime } from '../time';
import { buttonClass } from '../ui/button';
import { Menu } from '../ui/menu';
import {
  BatchDescription,
  BatchStateBadge,
  PROGRESS_ORDER,
  ProgressBar,
  StuckLabel,
} from './batch-summary';
import { type BatchActionResult, BatchOutcome, RetryDialog } from './retry-dialog';

const GRID =
  'lg:grid lg:grid-cols-[minmax(0,1fr)_minmax(0,17rem)_6.5rem_6.5rem_2.5rem] lg:items-start ' +
  'lg:gap-x-4 2xl:grid-cols-[minmax(0,1fr)_minmax(0,22rem)_7rem_7rem_7rem_7rem_2.5rem]';

interface Props {
  endpoint: string;
  initial: BatchPage<BatchListRow>;
  page: { path: string; params: Record<string, string> };
  label: string;
  empty: ReactNode;
}

/** The list of batches, each with its progress and what it waits for, polled. */
export function BatchList({ endpoint, initial, page, label, empty }: Props) {
  const t = useTranslations('batches');
  const paging = useTranslations('paging');
  const { refresh } = usePolling();
  const [results, setResults] = useState<Record<string, BatchActionResult>>({});
  const announce = useAnnounceOutcome(useCallback(() => setResults({}), []));
  const { listRef, data, error, dataUpdatedAt } = usePolledList(endpoint, initial);
  const emptyText = () => {
    if (data.partial) return t('nothingFoundYet');
    return data.previous || data.next ? paging('empty') : empty;
  };
  return (
    <div ref={listRef}>
      {data.rows.length === 0 ? (
        <div className="card px-4 py-8 text-center text-soft">{emptyText()}</div>
      ) : (
        <div className="card">
          <ListHead />
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
      )}
      <SearchNote search={data} page={page} />
      <div className="mt-2 flex flex-wrap items-center justify-between gap-2">
        <Pager
          path={page.path}
          params={page.params}
          previous={data.previous}
          next={data.partial ? null : data.next}
        />
        {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      </div>
    </div>
  );
}

function ListHead() {
  const t = useTranslations('batches');
  return (
    <div
      aria-hidden="true"
      className={`border-b border-line px-4 py-2 text-soft max-lg:hidden ${GRID}`}
    >
      <div>{t('description')}</div>
      <div>{t('progress')}</div>
      <div>{t('created')}</div>
      <div className="max-2xl:hidden">{t('enqueued')}</div>
      <div className="max-2xl:hidden">{t('discarded')}</div>
      <div>{t('finished')}</div>
      <div />
    </div>
  );
}

/** How far an incomplete search got, with a link that continues it. */
function SearchNote({
  search: { partial, unsearched, next, previous },
  page: { path, params },
}: {
  search: BatchPage<BatchListRow>;
  page: Props['page'];
}) {
  const t = useTranslations('batches');
  const count = useCount();
  const absolute = useAbsoluteTime();
  const resumeCursor = next ?? previous;
  return (
    <>
      {unsearched > 0 && (
        <p role="status" className="mt-2 text-soft">
          {t('unsearched', { count: unsearched, number: count(unsearched) })}
        </p>
      )}
      {partial && (
        <p
          role="status"
          className="mt-2 card flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2"
        >
          {t('searchedBackTo', {
            time: absolute(partial.at),
            count: partial.scanned,
            number: count(partial.scanned),
          })}
          {resumeCursor && (
            <Link
              href={`${path}?${new URLSearchParams({ ...params, ...cursorParams(resumeCursor) })}`}
              prefetch={false}
              className={buttonClass()}
            >
              {t('continue')}
            </Link>
          )}
        </p>
      )}
    </>
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
    <li className="relative px-4 py-3" data-batch={batch.id}>
      <div className={GRID}>
        <NameCell batch={batch} />
        <div className="mt-2 min-w-0 lg:mt-1">
          <ProgressCell batch={batch} />
        </div>
        <dl className="mt-2 flex flex-wrap gap-x-4 gap-y-0.5 lg:contents">
          <TimeCell label={t('created')} iso={batch.createdAt} />
          <TimeCell label={t('enqueued')} iso={batch.enqueuedAt} isSecondary />
          <TimeCell label={t('discarded')} iso={batch.discardedAt} isSecondary />
          <TimeCell label={t('finished')} iso={batch.finishedAt} />
        </dl>
        <div className="flex justify-end max-lg:absolute max-lg:top-2 max-lg:right-2">
          <BatchMenu
            batch={batch}
            discarded={batch.progress?.states?.discarded ?? null}
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
  const [cause] = batch.stuck;
  return (
    <div className="flex min-w-0 flex-col items-start gap-0.5 max-lg:pr-8">
      <Link
        href={`/batches/${batch.id}`}
        prefetch={false}
        className="font-medium text-ink no-underline hover:text-accent hover:underline any-break"
      >
        <BatchDescription batch={batch} clamp="line-clamp-2" />
      </Link>
      <span className="flex max-w-full flex-wrap items-center gap-x-2 gap-y-1">
        <BatchStateBadge
          batch={batch}
          stalled={batch.stalled}
          discarded={batch.progress?.states?.discarded}
        />
        {cause && (
          <span className={`min-w-0 any-break ${batch.stalled ? 'text-warn' : 'text-soft'}`}>
            <StuckLabel cause={cause} />
          </span>
        )}
      </span>
      <span className="flex max-w-full flex-wrap gap-x-3 font-mono text-xs text-faint">
        <span className="break-all">{batch.id}</span>
        {batch.onFinish && (
          <span className="min-w-0 any-break">
            {t('onFinish')}: {batch.onFinish}
          </span>
        )}
      </span>
    </div>
  );
}

/** A time; a secondary one has no column on narrow screens. */
function TimeCell({
  label,
  iso,
  isSecondary = false,
}: {
  label: string;
  iso: string | null;
  isSecondary?: boolean;
}) {
  const t = useTranslations('time');
  return (
    <div
      className={
        `flex gap-1.5 ${iso ? '' : 'max-lg:hidden'} ` +
        (isSecondary ? 'lg:max-2xl:hidden 2xl:block' : 'lg:block')
      }
    >
      <dt className="shrink-0 text-soft lg:sr-only">{label}</dt>
      <dd>{iso ? <RelativeTime iso={iso} /> : <span className="text-faint">{t('never')}</span>}</dd>
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
      <p className="mt-1">
        {t('batches.doneOf', {
          done: count(states.succeeded + states.discarded),
          total: count(total),
        })}
      </p>
      <ul className="flex flex-wrap gap-x-2.5 text-xs text-soft">
        {PROGRESS_ORDER.filter((state) => states[state] > 0).map((state) => (
          <li key={state} className="inline-flex items-center gap-1 whitespace-nowrap">
            <span aria-hidden="true" className={`dot size-1.5 ${STATE_CLASSES[state].swatch}`} />
            <span className={state === 'discarded' ? 'font-medium text-discarded' : ''}>
              {t(`states.${state}`)} {count(states[state])}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The actions menu of a batch row; without JavaScript, a link to the confirmation page. */
function BatchMenu({
  batch,
  discarded,
  onDone,
}: {
  batch: BatchRow;
  /** Null if they were not counted. */
  discarded: number | null;
  onDone: (result: BatchActionResult) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denial = useDenials()['batch.retry'];
  const [open, setOpen] = useState(false);
  const [isDialogOpen, setDialogOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open);
  const reason = denial ?? (batch.discardedAt || (discarded ?? 0) > 0 ? null : 'noDiscarded');
  return (
    <>
      <Menu
        label={t('batches.menu', { id: batch.id })}
        href={href(`/batches/${batch.id}${reason ? '' : '/retry'}`)}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() => [
          {
            key: 'retry',
            text: t('actions.batch_retry.menu'),
            reason: reason && t(`actions.why.${reason}`),
            onSelect: () => setDialogOpen(true),
          },
        ]}
      />
      {isDialogOpen && (
        <RetryDialog
          batch={batch}
          discarded={discarded}
          returnTo={trigger}
          onDone={onDone}
          onClose={() => setDialogOpen(false)}
        />
      )}
    </>
  );
}
