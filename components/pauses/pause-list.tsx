'use client';

import { useTranslations } from 'next-intl';
import { useRef } from 'react';
import { PAUSE_KINDS } from '@/lib/good-job/types';
import type { PauseList as Pauses, PauseRow } from '@/lib/pauses/queries';
import { useHref } from '../application';
import { Dismissible } from '../dismissible';
import { OutcomeLine } from '../jobs/outcome-text';
import { Link } from '../link';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { RefreshNote } from '../polling/refresh-note';
import { usePolledList } from '../polling/use-polling-query';
import { useCountText } from '../quantities';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import { pauseOutcomeCode, usePauseOutcomeText } from './pause-outcome';
import { type PauseActionResult, usePause } from './use-pause';

const ENDPOINT = '/api/pauses';
const FILTER_PARAMS = { queue: 'queue_name', job_class: 'job_class', label: 'label' } as const;

/** The pauses by kind, each with its number of waiting jobs, polled. */
export function PauseList({ initial }: { initial: Pauses }) {
  const t = useTranslations('pauses');
  const { refresh } = usePolling();
  const pauseText = usePauseOutcomeText();
  const outcome = useRef<HTMLDivElement>(null);
  const { outcome: lastAction, show, drop } = useLastOutcome<PauseActionResult>();
  const { listRef, data, error, dataUpdatedAt } = usePolledList(ENDPOINT, initial);
  // Unpausing removes the row with the focused button, so focus moves to the outcome.
  const { openDialog, dialog } = usePause(
    'unpause',
    (result) => {
      show(result);
      refresh();
    },
    outcome,
  );
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
      <div ref={outcome} tabIndex={-1} className={lastAction ? 'mb-3' : ''}>
        {lastAction && (
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={pauseOutcomeCode(lastAction.result) === 'done'}
              text={
                pauseText('unpause', pauseOutcomeCode(lastAction.result), lastAction.target.name) ??
                ''
              }
            />
          </Dismissible>
        )}
      </div>
      {data.changedAt && (
        <p className="mb-2 text-sm text-soft">
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
        return <PausesOfKind key={kind} kind={kind} rows={rows} onUnpause={openDialog} />;
      })}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
      {dialog}
    </div>
  );
}

function PausesOfKind({
  kind,
  rows,
  onUnpause,
}: {
  kind: PauseRow['kind'];
  rows: PauseRow[];
  onUnpause: (row: PauseRow) => void;
}) {
  const t = useTranslations('pauses');
  return (
    <section aria-labelledby={`paused-${kind}`} className="mb-4 rounded-md border border-line">
      <h2
        id={`paused-${kind}`}
        className="border-b border-line bg-sunken px-3 py-1.5 text-sm font-medium text-soft"
      >
        {t(`kinds.${kind}`)}
      </h2>
      <ul className="divide-y divide-line">
        {rows.map((row) => (
          <Pause key={row.name} row={row} onUnpause={() => onUnpause(row)} />
        ))}
      </ul>
    </section>
  );
}

function Pause({ row, onUnpause }: { row: PauseRow; onUnpause: () => void }) {
  const t = useTranslations();
  const href = useHref();
  const denial = useDenials()['pause.unpause'];
  const countText = useCountText();
  const { number, title } = countText(row.waiting);
  const ready = countText(row.ready);
  const param = { [FILTER_PARAMS[row.kind]]: row.name };
  const readyHref = `/jobs?${new URLSearchParams({ state: 'queued', ...param })}`;
  const waitingHref = `/jobs?${new URLSearchParams({ ...param, q: 'state:scheduled,retried,queued' })}`;
  return (
    <li
      className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 px-3 py-2"
      data-pause={`${row.kind} ${row.name}`}
    >
      <span className="min-w-0 font-mono any-break">{row.name}</span>
      <span className="flex flex-wrap items-center gap-3">
        {row.ready.kind !== 'unknown' && (
          <Link href={readyHref} prefetch={false} title={ready.title} className="text-accent">
            {t(`pauses.ready.${row.ready.kind}`, { count: row.ready.count, number: ready.number })}
          </Link>
        )}
        <Link href={waitingHref} prefetch={false} title={title} className="text-accent">
          {row.waiting.kind === 'unknown'
            ? t('pauses.waitingUnknown')
            : t(`pauses.waiting.${row.waiting.kind}`, { count: row.waiting.count, number })}
        </Link>
        <a
          href={href(`/pauses/unpause?${new URLSearchParams({ type: row.kind, value: row.name })}`)}
          aria-disabled={denial ? true : undefined}
          aria-label={t('pauses.unpause.menuOf', { name: row.name })}
          title={denial && t(`actions.why.${denial}`)}
          className={buttonClass()}
          onClick={(event) => {
            event.preventDefault();
            if (!denial) onUnpause();
          }}
        >
          {t('pauses.unpause.menu')}
        </a>
      </span>
    </li>
  );
}
