'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { PAUSE_KINDS } from '@/lib/good-job/types';
import type { PauseList as Pauses, PauseRow } from '@/lib/pauses/types';
import { Link } from '../navigation';
import { RefreshNote } from '../polling/polling-status';
import { usePolledList } from '../polling/use-polling-query';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { JOB_PARAMS, PauseButton, usePause } from './pause-actions';
import { PauseRecordText } from './pause-outcome';

/** The pauses by kind, each with its origin, its end and its waiting jobs, polled. */
export function PauseList({ initial, canEnd }: { initial: Pauses; canEnd: boolean }) {
  const t = useTranslations('pauses');
  // Unpausing removes the row with the focused button, so focus moves to the list.
  const list = useRef<HTMLDivElement>(null);
  const { listRef, data, error, dataUpdatedAt } = usePolledList('/api/pauses', initial);
  const { openDialog, dialog } = usePause({ canEnd, returnTo: list });
  return (
    <div ref={listRef}>
      {data.tooLarge && (
        <div className="mb-3">
          <Banner tone="warning">{t('tooLarge')}</Banner>
        </div>
      )}
      {data.unreadable && (
        <div className="mb-3">
          <Banner tone="warning">{t('refused.setting_of_wrong_type')}</Banner>
        </div>
      )}
      <div ref={list} tabIndex={-1} className="outline-none">
        {data.rows.length === 0 && (
          <div className="card px-4 py-8 text-center text-soft">{t('empty')}</div>
        )}
        {PAUSE_KINDS.map((kind) => {
          const rows = data.rows.filter((row) => row.kind === kind);
          if (rows.length === 0) return null;
          return (
            <section key={kind} aria-labelledby={`paused-${kind}`} className="card mb-4">
              <h2 id={`paused-${kind}`} className="card-title px-3 pt-2.5 pb-1">
                {t(`kinds.${kind}`)}
              </h2>
              <ul className="divide-y divide-line">
                {rows.map((row) => (
                  <Pause key={row.name} row={row} onUnpause={() => openDialog('unpause', row)} />
                ))}
              </ul>
            </section>
          );
        })}
      </div>
      {data.changedAt && (
        <p className="mt-2 text-sm text-soft">
          {t('changed')} <RelativeTime iso={data.changedAt} /> {data.more && t('more')}
        </p>
      )}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {dialog}
    </div>
  );
}

function Pause({ row, onUnpause }: { row: PauseRow; onUnpause: () => void }) {
  const t = useTranslations('pauses');
  const countText = useCountText();
  const { number, title } = countText(row.waiting);
  const ready = countText(row.ready);
  const param = { [JOB_PARAMS[row.kind]]: row.name };
  const readyHref = `/jobs?${new URLSearchParams({ state: 'queued', ...param })}`;
  const waitingHref = `/jobs?${new URLSearchParams({ ...param, q: 'state:scheduled,retried,queued' })}`;
  return (
    <li
      className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-3 py-2.5"
      data-pause={`${row.kind} ${row.name}`}
    >
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-mono font-semibold any-break">{row.name}</p>
        <p className="text-sm text-soft">
          <PauseRecordText record={row} />
        </p>
      </div>
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        {row.ready.kind !== 'unknown' && (
          <Link
            href={readyHref}
            prefetch={false}
            title={ready.title}
            className="py-1 text-ink hover:text-accent"
          >
            {t(`ready.${row.ready.kind}`, { count: row.ready.count, number: ready.number })}
          </Link>
        )}
        <Link
          href={waitingHref}
          prefetch={false}
          title={title}
          className="py-1 text-ink hover:text-accent"
        >
          {row.waiting.kind === 'unknown'
            ? t('waitingUnknown')
            : t(`waiting.${row.waiting.kind}`, { count: row.waiting.count, number })}
        </Link>
        <PauseButton action="unpause" target={row} text={t('unpause.menu')} onPress={onUnpause} />
      </div>
    </li>
  );
}
