'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { PAUSE_KINDS } from '@/lib/good-job/settings';
import type { PauseList as Pauses, PauseRow } from '@/lib/pauses/queries';
import { Dismissible } from '../dismissible';
import { fetchJson } from '../fetch-json';
import { OutcomeLine } from '../jobs/outcome-text';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { useCountText } from '../quantities';
import { RefreshNote } from '../refresh-note';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import { useLiveQuery, useOnScreen } from '../use-live-query';
import { type PauseActed, pauseCode, usePause, usePauseText } from './use-pause';

const DOOR = '/api/pauses';
const PARAMS = { queue: 'queue_name', job_class: 'job_class', label: 'label' } as const;

/** What is paused, by kind, and how many jobs wait under each; kept fresh. */
export function PauseList({ initial }: { initial: Pauses }) {
  const t = useTranslations('pauses');
  const { basePath, refresh } = useLive();
  const text = usePauseText();
  const list = useRef<HTMLDivElement>(null);
  const outcome = useRef<HTMLDivElement>(null);
  const onScreen = useOnScreen(list);
  const { outcome: acted, show, drop } = useLastOutcome<PauseActed>();
  const {
    data = initial,
    error,
    dataUpdatedAt,
  } = useLiveQuery({
    key: [DOOR],
    fetch: (signal) => fetchJson<Pauses>(basePath + DOOR, signal),
    initial,
    wanted: onScreen,
  });
  // The row may be gone with its pause: the focus goes to what came of it.
  const { ask, dialog } = usePause(
    'unpause',
    (result) => {
      show(result);
      refresh();
    },
    outcome,
  );
  return (
    <div ref={list}>
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
      <div ref={outcome} tabIndex={-1} className={acted ? 'mb-3' : ''}>
        {acted && (
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={pauseCode(acted.result) === 'done'}
              text={text('unpause', pauseCode(acted.result), acted.target.name) ?? ''}
            />
          </Dismissible>
        )}
      </div>
      {data.changedAt && (
        <p className="mb-2 text-[13px] text-soft">
          {t('changed')} <RelativeTime iso={data.changedAt} /> {data.more && t('more')}
        </p>
      )}
      {data.rows.length === 0 && (
        <div className="rounded-md border border-dashed border-line-strong px-4 py-6 text-center text-soft">
          {t('empty')}
        </div>
      )}
      {PAUSE_KINDS.map((kind) => {
        const rows = data.rows.filter((row) => row.kind === kind);
        if (rows.length === 0) return null;
        return (
          <section
            key={kind}
            aria-labelledby={`paused-${kind}`}
            className="mb-4 rounded-md border border-line"
          >
            <h2
              id={`paused-${kind}`}
              className="border-b border-line bg-sunken px-3 py-1.5 text-[13px] font-medium text-soft"
            >
              {t(`kinds.${kind}`)}
            </h2>
            <ul className="divide-y divide-line">
              {rows.map((row) => (
                <Pause key={row.name} row={row} onUnpause={() => ask(row)} />
              ))}
            </ul>
          </section>
        );
      })}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {dialog}
    </div>
  );
}

function Pause({ row, onUnpause }: { row: PauseRow; onUnpause: () => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denied = useDenials()['pause.unpause'];
  const countText = useCountText();
  const { number, title } = countText(row.waiting);
  const ready = countText(row.ready);
  const readyJobs = `/jobs?${new URLSearchParams({ state: 'queued', [PARAMS[row.kind]]: row.name })}`;
  const jobs = `/jobs?${new URLSearchParams({ [PARAMS[row.kind]]: row.name, q: 'state:scheduled,retried,queued' })}`;
  return (
    <li
      className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 px-3 py-2"
      data-pause={`${row.kind} ${row.name}`}
    >
      <span className="min-w-0 font-mono any-break">{row.name}</span>
      <span className="flex flex-wrap items-center gap-3">
        {row.ready.kind !== 'unknown' && (
          <Link href={readyJobs} prefetch={false} title={ready.title} className="text-accent">
            {t(`pauses.ready.${row.ready.kind}`, { count: row.ready.count, number: ready.number })}
          </Link>
        )}
        <Link href={jobs} prefetch={false} title={title} className="text-accent">
          {row.waiting.kind === 'unknown'
            ? t('pauses.waitingUnknown')
            : t(`pauses.waiting.${row.waiting.kind}`, { count: row.waiting.count, number })}
        </Link>
        <a
          href={`${basePath}/pauses/unpause?${new URLSearchParams({ type: row.kind, value: row.name })}`}
          aria-disabled={denied ? true : undefined}
          aria-label={t('pauses.unpause.menuOf', { name: row.name })}
          title={denied && t(`actions.why.${denied}`)}
          className={buttonClass()}
          onClick={(event) => {
            event.preventDefault();
            if (!denied) onUnpause();
          }}
        >
          {t('pauses.unpause.menu')}
        </a>
      </span>
    </li>
  );
}
