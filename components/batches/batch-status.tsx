'use client';

import { useFormatter, useTranslations } from 'next-intl';
import type { BatchRow, BatchStatus, StuckCause } from '@/lib/batches/types';
import { AbsoluteTime, useAbsoluteTime } from '../absolute-time';
import { useHref } from '../application';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../link';
import { useCount, useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { PROGRESS_ORDER, ProgressBar } from './progress-bar';

/**
 * The progress of a batch by state, its times, and the causes of a stall. `status` null: the jobs
 * are still being counted.
 */
export function BatchStatusPanel({
  batch,
  status,
}: {
  batch: BatchRow;
  status: BatchStatus | null;
}) {
  const t = useTranslations();
  const href = useHref();
  if (!status)
    return (
      <div
        className="mt-3 min-h-24 rounded-md border border-line px-3 py-3 text-soft"
        aria-busy="true"
      >
        <span className="js-only">{t('batch.counting')}</span>
        <a href={href(`/batches/${batch.id}?counts=1`)} className="no-js-only">
          {t('batch.countWithoutScript')}
        </a>
      </div>
    );
  return (
    <section aria-label={t('batch.status')} className="mt-3">
      {status.stuck.length > 0 && (
        <div className="mb-3 flex flex-col gap-2">
          {status.stuck.map((reason) => (
            <StuckReason key={reason.kind} batchId={batch.id} reason={reason} />
          ))}
        </div>
      )}
      <div className="rounded-md border border-line px-3 py-3">
        <Counts batch={batch} status={status} />
        <Times batch={batch} status={status} />
      </div>
    </section>
  );
}

/** The page on which the cause can be fixed. */
const REMEDY_PAGES: Partial<Record<StuckCause['kind'], 'attention' | 'pauses' | 'processes'>> = {
  lost_workers: 'attention',
  paused: 'pauses',
  no_process: 'processes',
  queues_unserved: 'processes',
};

function StuckReason({ batchId, reason }: { batchId: string; reason: StuckCause }) {
  const t = useTranslations('stuck');
  const pages = useTranslations('nav');
  const count = useCount();
  const absolute = useAbsoluteTime();
  const format = useFormatter();
  const remedy = REMEDY_PAGES[reason.kind];
  const tone =
    reason.kind === 'waits_until' || reason.kind === 'callbacks_open' ? 'info' : 'warning';
  const text = () => {
    switch (reason.kind) {
      case 'not_enqueued':
      case 'never_completes':
        return t(reason.kind);
      case 'waits_until':
        return t('waits_until', {
          count: reason.count,
          number: count(reason.count),
          time: absolute(reason.at),
        });
      case 'lost_workers':
        return t('lost_workers', {
          count: reason.count,
          number: reason.more ? `${count(reason.count)}+` : count(reason.count),
        });
      case 'queues_unserved':
        return t('queues_unserved', {
          count: reason.count,
          number: count(reason.count),
          queues: format.list(reason.queues),
          more: reason.count - reason.queues.length,
        });
      default:
        return t(reason.kind, { count: reason.count, number: count(reason.count) });
    }
  };
  return (
    <Banner tone={tone}>
      {text()}{' '}
      {reason.kind === 'never_completes' ? (
        <Link
          href={`/attention/repair?repair=check_batches&id=${batchId}`}
          prefetch={false}
          className={`${buttonClass('primary')} mt-1.5 flex w-fit`}
        >
          {t('check')}
        </Link>
      ) : (
        remedy && (
          <Link
            href={`/${remedy}`}
            prefetch={false}
            className="whitespace-nowrap text-inherit underline"
          >
            {pages(remedy)}
          </Link>
        )
      )}
    </Banner>
  );
}

function Counts({ batch, status }: { batch: BatchRow; status: BatchStatus }) {
  const t = useTranslations();
  const count = useCount();
  const format = useFormatter();
  const { states, total, more } = status.progress;
  if (more || !states)
    return (
      <p>
        {t('batches.jobCountMore', { number: count(total) })}{' '}
        <span className="text-soft">{t('batch.atLeast')}</span>
      </p>
    );
  if (total === 0) return <p className="text-soft">{t('batches.noJobs')}</p>;
  return (
    <>
      <div className="mb-1.5 flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="font-medium">
          {t('batches.doneOf', {
            done: count(states.succeeded + states.discarded),
            total: count(total),
          })}
        </span>
        <span className="text-sm text-soft">
          {status.finishedShare === null
            ? t('batch.canGrow')
            : t('batch.percent', {
                percent: format.number(status.finishedShare, {
                  style: 'percent',
                  maximumFractionDigits: 1,
                }),
              })}{' '}
          · {t('batch.exact')}
        </span>
      </div>
      <ProgressBar progress={status.progress} />
      <ul className="mt-2 flex flex-wrap gap-x-2 gap-y-1">
        {PROGRESS_ORDER.map((state) => (
          <li key={state}>
            <Link
              href={`/batches/${batch.id}?state=${state}#batched-jobs`}
              prefetch={false}
              className={
                'inline-flex items-center gap-1 rounded px-1.5 py-0.5 text-sm whitespace-nowrap ' +
                'no-underline hover:underline ' +
                (states[state] > 0 ? STATE_CLASSES[state].badge : 'text-soft')
              }
            >
              <Icon name={state} className="size-3.5" />
              {t(`states.${state}`)} {count(states[state])}
            </Link>
          </li>
        ))}
      </ul>
    </>
  );
}

function Times({ batch, status }: { batch: BatchRow; status: BatchStatus }) {
  const t = useTranslations('batch');
  const duration = useDuration();
  const finishedAt = batch.finishedAt ?? batch.jobsFinishedAt;
  const openJobs = status.progress.states
    ? status.progress.total - status.progress.states.succeeded - status.progress.states.discarded
    : 0;
  if (status.elapsed === null) return null;
  return (
    <dl className="mt-2.5 flex flex-wrap gap-x-6 gap-y-1 text-sm">
      <div className="flex gap-1.5">
        <dt className="text-soft">{t(finishedAt ? 'took' : 'elapsed')}</dt>
        <dd>{duration(status.elapsed)}</dd>
      </div>
      {!finishedAt && openJobs > 0 && !status.stalled && (
        <div className="flex gap-1.5">
          <dt className="text-soft">{t('expected')}</dt>
          <dd>
            <ExpectedEnd status={status} />
          </dd>
        </div>
      )}
    </dl>
  );
}

/** When the batch is expected to end, or the earliest time at which it can. */
function ExpectedEnd({ status }: { status: BatchStatus }) {
  const t = useTranslations('batch');
  const at = status.expectedAt ?? status.notBefore;
  if (at === null) return t('expectedUnknown');
  return (
    <>
      {status.expectedAt ? (
        <AbsoluteTime iso={at} />
      ) : (
        t.rich('expectedNotBefore', { time: () => <AbsoluteTime iso={at} /> })
      )}{' '}
      {t.rich('expectedIn', { time: () => <RelativeTime iso={at} /> })}
    </>
  );
}
