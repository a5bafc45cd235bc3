'use client';

import { useFormatter, useTranslations } from 'next-intl';
import type { BatchProgress, BatchRow, BatchStatus, StuckCause } from '@/lib/batches/types';
import type { JobState } from '@/lib/good-job/types';
import { useHref } from '../application';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../navigation';
import { usePollingQuery } from '../polling/use-polling-query';
import { useCount, useDuration } from '../quantities';
import { fetchJson } from '../requests';
import { AbsoluteTime, RelativeTime } from '../time';
import { Banner } from '../ui/banner';
import { PROGRESS_ORDER, ProgressBar, useStuckSentence } from './batch-summary';

/**
 * The causes of a stall, the progress of a batch by state, and its times. `status` null: the jobs
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
      <div className="mt-3 card min-h-24 px-4 py-3 text-soft" aria-busy="true">
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
          {status.stuck.map((cause) => (
            <StuckBanner key={cause.kind} cause={cause} />
          ))}
        </div>
      )}
      <div className="card flex flex-wrap items-start gap-x-8 gap-y-3 px-4 py-3">
        <div className="min-w-0 flex-1 basis-96 max-sm:basis-full">
          <Counts batch={batch} status={status} />
        </div>
        <Times batch={batch} status={status} />
      </div>
    </section>
  );
}

/** The state filter of the batch's jobs, with the numbers of the batch's polled status. */
export function BatchStateFilter({
  batch,
  initial,
  hrefs,
  current,
  hasSearch,
}: {
  batch: BatchRow;
  initial: BatchStatus | null;
  /** By state; `all` for all states. */
  hrefs: Record<JobState | 'all', string>;
  current: JobState | null | undefined;
  /** A search is active, so the numbers of the whole batch do not apply. */
  hasSearch: boolean;
}) {
  const { data } = useBatchStatus(batch.id, initial, false);
  const progress = data?.progress;
  return (
    <StateChips
      hrefOf={(state) => hrefs[state ?? 'all']}
      counts={hasSearch ? null : (progress?.states ?? null)}
      total={progress?.total ?? 0}
      current={current}
    />
  );
}

/** The page on which the cause can be examined. */
const REMEDY_PAGES: Partial<Record<StuckCause['kind'], 'attention' | 'pauses' | 'processes'>> = {
  lost_workers: 'attention',
  paused: 'pauses',
  no_process: 'processes',
  queues_unserved: 'processes',
};

function StuckBanner({ cause }: { cause: StuckCause }) {
  const pages = useTranslations('nav');
  const sentence = useStuckSentence();
  const remedy = REMEDY_PAGES[cause.kind];
  const tone = cause.kind === 'waits_until' || cause.kind === 'callbacks_open' ? 'info' : 'warning';
  return (
    <Banner tone={tone}>
      <span className="any-break">{sentence(cause)}</span>{' '}
      {remedy && (
        <Link
          href={`/${remedy}`}
          prefetch={false}
          className="whitespace-nowrap text-inherit underline"
        >
          {pages(remedy)}
        </Link>
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
        <span className="text-soft">
          {status.finishedShare === null
            ? t('batch.canGrow')
            : t('batch.percent', {
                percent: format.number(status.finishedShare, {
                  style: 'percent',
                  maximumFractionDigits: 1,
                }),
              })}
        </span>
      </div>
      <ProgressBar progress={status.progress} />
      <div className="mt-2.5">
        <StateChips
          hrefOf={(state) => `/batches/${batch.id}?state=${state}#batched-jobs`}
          counts={states}
          total={null}
          current={undefined}
        />
      </div>
    </>
  );
}

function Times({ batch, status }: { batch: BatchRow; status: BatchStatus }) {
  const t = useTranslations();
  const duration = useDuration();
  const { states, total } = status.progress;
  const openJobs = states ? total - states.succeeded - states.discarded : 0;
  const isOver = batch.finishedAt !== null || batch.jobsFinishedAt !== null;
  const end = batch.finishedAt ?? batch.jobsFinishedAt;
  return (
    <dl className="grid grid-cols-[auto_auto] gap-x-4 gap-y-1 sm:grid-cols-[auto_minmax(10rem,auto)]">
      <dt className="text-soft">{t('batches.enqueued')}</dt>
      <dd>{batch.enqueuedAt ? <RelativeTime iso={batch.enqueuedAt} /> : t('time.never')}</dd>
      {end && (
        <>
          <dt className="text-soft">{t('batches.finished')}</dt>
          <dd>
            <RelativeTime iso={end} />
          </dd>
        </>
      )}
      {status.elapsed !== null && (
        <>
          <dt className="text-soft">
            {t(isOver || (states !== null && openJobs === 0) ? 'batch.took' : 'batch.elapsed')}
          </dt>
          <dd>{duration(status.elapsed)}</dd>
        </>
      )}
      {status.elapsed !== null && !isOver && openJobs > 0 && !status.stalled && (
        <>
          <dt className="text-soft">{t('batch.expected')}</dt>
          <dd className="max-w-72">
            <ExpectedEnd status={status} />
          </dd>
        </>
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

/** Links that filter the batch's jobs by state; without `counts` no numbers are shown. */
function StateChips({
  hrefOf,
  counts,
  total,
  current,
}: {
  hrefOf: (state: JobState | null) => string;
  counts: BatchProgress['states'];
  /** Null: no chip for all states. */
  total: number | null;
  /** Undefined: none of the chips is current. */
  current: JobState | null | undefined;
}) {
  const t = useTranslations();
  const count = useCount();
  const states = total === null ? PROGRESS_ORDER : [null, ...PROGRESS_ORDER];
  return (
    <ul aria-label={t('batch.jobsByState')} className="flex flex-wrap gap-1.5">
      {states.map((state) => {
        const number = state === null ? total : counts?.[state];
        const isCurrent = current !== undefined && current === state;
        return (
          <li key={state} className={total === null && number === 0 ? 'max-sm:hidden' : ''}>
            <Link
              href={hrefOf(state)}
              prefetch={false}
              aria-current={isCurrent ? 'true' : undefined}
              className={
                'inline-flex min-h-7 items-center gap-1.5 rounded-full border px-2.5 ' +
                'whitespace-nowrap no-underline hover:border-line-strong ' +
                (isCurrent
                  ? 'border-accent bg-accent-wash font-medium text-accent'
                  : `border-line bg-raised ${number === 0 ? 'text-faint' : 'text-ink'}`)
              }
            >
              {state && (
                <span aria-hidden="true" className={`dot ${STATE_CLASSES[state].swatch}`} />
              )}
              {t(`states.${state ?? 'all'}`)}
              {counts && number != null ? ` ${count(number)}` : ''}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

/** The status of a batch, shared by all parts of its page; one of them polls it. */
export function useBatchStatus(
  batchId: string,
  initial: BatchStatus | null,
  isPolling: boolean | ((status: BatchStatus | undefined) => boolean),
) {
  const href = useHref();
  return usePollingQuery({
    key: ['batch-status', batchId],
    fetch: (signal) => fetchJson<BatchStatus>(href(`/api/batches/${batchId}/status`), signal),
    initial: initial ?? undefined,
    enabled: typeof isPolling === 'function' ? isPolling : () => isPolling,
  });
}
