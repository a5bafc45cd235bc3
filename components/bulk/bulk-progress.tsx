'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useEffect, useRef } from 'react';
import { type BulkRun, processedOf } from '@/lib/bulk/types';
import { escapeBidi } from '@/lib/core/text';
import { fetchJson } from '../fetch-json';
import { useLive } from '../live';
import { useCount, useDuration } from '../quantities';
import { RefreshNote } from '../refresh-note';
import { StackedBar } from '../ui/stacked-bar';
import { BulkControls } from './bulk-controls';
import { BulkTotals } from './bulk-totals';
import { useBulkCount } from './preview-text';
import { RunStateBadge } from './run-state';

/** A run is watched closely whatever the viewer's own refresh is: it was asked for a moment ago, or is looked at. */
const POLL_MS = 1_000;
const IDLE_POLL_MS = 5_000;

interface Props {
  id: string;
  /** The first paint, where the page has it. */
  initial?: BulkRun;
  /** On the run's own page there is no link to it. */
  own?: boolean;
  onEnd?: () => void;
}

/** How far a run is, its rate and the time left, its controls, and what it has come to. */
export function BulkProgress({ id, initial, own = false, onEnd }: Props) {
  const t = useTranslations();
  const { basePath } = useLive();
  const {
    data: run,
    error,
    dataUpdatedAt,
    refetch,
  } = useQuery({
    queryKey: ['bulk', id],
    queryFn: () => fetchJson<BulkRun>(`${basePath}/api/bulk/${id}`),
    initialData: initial,
    staleTime: 500,
    refetchInterval: ({ state }) =>
      isOver(state.data)
        ? false
        : state.data?.state === 'running' || !state.data
          ? POLL_MS
          : IDLE_POLL_MS,
  });
  const over = isOver(run);
  const told = useRef(isOver(initial));
  useEffect(() => {
    if (!over || told.current) return;
    told.current = true;
    onEnd?.();
  }, [over, onEnd]);
  if (!run) return <p className="text-soft">{error ? t('errors.partial') : t('common.loading')}</p>;
  return (
    <div className="rounded-md border border-line px-3 py-2.5" data-run={run.id}>
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <p className="flex flex-wrap items-center gap-2">
          <strong>{t(`bulk.names.${run.action}`)}</strong>
          <RunStateBadge state={run.state} />
        </p>
        {!own && (
          <Link href={`/bulk/${run.id}`} prefetch={false} className="text-accent">
            {t('bulk.open')}
          </Link>
        )}
      </div>
      <Progress run={run} />
      <div className="mt-1.5">
        <BulkTotals counts={run.counts} />
      </div>
      <Confirmed run={run} />
      <Reason run={run} />
      {!over && <BulkControls run={run} onDone={() => void refetch()} />}
      {error && <RefreshNote at={dataUpdatedAt} error={error} />}
    </div>
  );
}

function isOver(run: BulkRun | undefined): boolean {
  return run !== undefined && ['finished', 'cancelled', 'refused'].includes(run.state);
}

function Progress({ run }: { run: BulkRun }) {
  const t = useTranslations('bulk');
  const count = useCount();
  const duration = useDuration();
  const bulkCount = useBulkCount();
  const processed = processedOf(run.counts);
  const total = Math.max(run.expected.count, processed);
  const doneShare = total === 0 ? 0 : (run.counts.done ?? 0) / total;
  const perSecond = run.activeMs > 0 ? processed / (run.activeMs / 1000) : 0;
  const left = perSecond > 0 ? (total - processed) / perSecond : null;
  const label = t('progress', {
    done: count(processed),
    total: bulkCount({ ...run.expected, count: total }),
  });
  return (
    <>
      <StackedBar
        label={label}
        className="mt-2"
        segments={[
          { key: 'done', share: doneShare, className: 'fill-succeeded' },
          {
            key: 'not done',
            share: total === 0 ? 0 : processed / total - doneShare,
            className: 'fill-warn',
          },
        ]}
      />
      <p
        role={run.state === 'running' ? undefined : 'status'}
        className="mt-1 flex flex-wrap gap-x-4 text-[13px]"
      >
        <span>{label}</span>
        {perSecond > 0 && <span>{t('rate', { number: count(Math.round(perSecond)) })}</span>}
        {run.state === 'running' && left !== null && (
          <span>{t('left', { time: duration(left) })}</span>
        )}
        {run.state !== 'running' && (
          <span>{t('worked', { time: duration(run.activeMs / 1000) })}</span>
        )}
        {run.state === 'running' && run.secondTry && processed < total && (
          <span>{t('secondTry')}</span>
        )}
      </p>
    </>
  );
}

/** That there are fewer jobs than were confirmed, or that it was refused since there were more. */
function Confirmed({ run: { state, confirmed, expected } }: { run: BulkRun }) {
  const t = useTranslations('bulk');
  const bulkCount = useBulkCount();
  if (confirmed === null) return null;
  const numbers = {
    number: bulkCount(expected),
    confirmed: bulkCount({ kind: 'exact', count: confirmed }),
  };
  if (state === 'refused')
    return (
      <p role="alert" className="mt-1.5 text-danger">
        {t('refusedMore', numbers)}
      </p>
    );
  return expected.kind === 'exact' && expected.count < confirmed ? (
    <p className="mt-1.5">{t('fewer', numbers)}</p>
  ) : null;
}

/** Why it stands still, and what to do. */
function Reason({ run }: { run: BulkRun }) {
  const t = useTranslations();
  if (run.state === 'interrupted')
    return <p className="mt-1.5 text-warn">{t('bulk.interruptedHint')}</p>;
  if (run.state !== 'paused') return null;
  const { pauseReason } = run;
  if (!pauseReason)
    return (
      <p className="mt-1.5">
        {t('bulk.pausedBy', { viewer: escapeBidi(run.controlledBy ?? run.viewer) })}
      </p>
    );
  const refusal =
    pauseReason === 'app_name_unknown' ||
    pauseReason === 'params_not_an_object' ||
    pauseReason === 'params_without_job_class' ||
    pauseReason === 'params_of_wrong_type';
  return (
    <p role="alert" className="mt-1.5 text-danger">
      {t('bulk.pausedItself')}{' '}
      {refusal ? t(`outcomes.refused.${pauseReason}`) : t(`bulk.reasons.${reasonKey(pauseReason)}`)}
    </p>
  );
}

/** The sentences of a single action end in "nothing was changed", which is not so in the middle of a run. */
function reasonKey(
  code: string,
): 'query_timeout' | 'locked' | 'no_permission' | 'database' | 'unexpected' {
  if (code === 'query_timeout' || code === 'locked' || code === 'no_permission') return code;
  if (code === 'read_only' || code === 'forbidden') return 'no_permission';
  return code.startsWith('database') || code.startsWith('tls') ? 'database' : 'unexpected';
}
