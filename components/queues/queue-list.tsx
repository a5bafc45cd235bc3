'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { type QueuesPage, type Range, queueFilterParams } from '@/lib/queues/filters';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { useCount, useCountText } from '../quantities';
import { RefreshNote } from '../refresh-note';
import { Banner } from '../ui/banner';
import { useLiveQuery, useOnScreen } from '../use-live-query';
import { QUEUE_GRID, QueueItem } from './queue-item';

/** All queues with what they hold and what became of their jobs in the range, kept fresh. */
export function QueueList({
  initial,
  range,
  name,
}: {
  initial: QueuesPage;
  range: Range;
  name: string | null;
}) {
  const t = useTranslations('queues');
  const states = useTranslations('states');
  const { basePath } = useLive();
  const list = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const door = `/api/queues?${queueFilterParams({ range, name })}`;
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = useLiveQuery({
    key: [door],
    fetch: (signal) => fetchJson<QueuesPage>(basePath + door, signal),
    initial,
    wanted: onScreen,
  });
  if (data.rows.length === 0)
    return (
      <div
        ref={list}
        className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft"
      >
        {name === null ? t('empty') : t('noMatch')}
      </div>
    );
  return (
    <div ref={list}>
      <Notes page={data} />
      <div className="rounded-md border border-line">
        <div
          aria-hidden="true"
          className={`border-b border-line bg-sunken px-3 py-1.5 text-[13px] text-soft max-lg:hidden ${QUEUE_GRID}`}
        >
          <div>{t('queue')}</div>
          {[
            states('queued'),
            t('oldest'),
            states('scheduled'),
            states('retried'),
            states('running'),
            t('finished'),
            states('discarded'),
            t('wait'),
          ].map((head) => (
            <div key={head} className="text-right">
              {head}
            </div>
          ))}
          <div>{t('servedBy')}</div>
        </div>
        <ul aria-label={t('title')} className="divide-y divide-line">
          {data.rows.map((queue) => (
            <QueueItem key={queue.name ?? '\0'} queue={queue} range={range} />
          ))}
        </ul>
      </div>
      <Reading page={data} range={range} />
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}

/** What an operator has to know before the numbers. */
function Notes({ page }: { page: QueuesPage }) {
  const t = useTranslations('queues');
  const count = useCount();
  const notes = [
    page.liveProcesses === 0 && t('noProcess'),
    page.silentProcesses > 0 &&
      t('silent', { count: page.silentProcesses, number: count(page.silentProcesses) }),
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

/** How the numbers were come by. */
function Reading({ page, range }: { page: QueuesPage; range: Range }) {
  const t = useTranslations('queues');
  const count = useCount();
  const countText = useCountText();
  const { flow } = page;
  const read = !flow
    ? t('readLate')
    : flow.isSample
      ? t('readSample', {
          looked: count(flow.looked),
          finished: countText(flow.finished).text,
          range: t(`ranges.${range}`),
        })
      : t('readAll', { number: countText(flow.finished).text, range: t(`ranges.${range}`) });
  return (
    <div className="mt-2 flex flex-col gap-0.5 text-[13px] text-soft">
      <p>
        {read} {t('waitHint')}
      </p>
      {page.hidden > 0 && <p>{t('hidden', { count: page.hidden, number: count(page.hidden) })}</p>}
      {page.more && <p>{t('more')}</p>}
      {page.onlyOpen && <p>{t('onlyOpen')}</p>}
    </div>
  );
}
