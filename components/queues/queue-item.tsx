import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { Count } from '@/lib/jobs/types';
import { type QueueRow, RANGES, type Range, queueJobsHref } from '@/lib/queues/filters';
import { Link } from '../link';
import { useCount, useCountText, useDuration } from '../quantities';
import { RelativeTime } from '../time';
import { Icon } from '../ui/icon';

export const QUEUE_GRID =
  'lg:grid ' +
  'lg:grid-cols-[minmax(0,1fr)_4.5rem_6.5rem_7.5rem_6rem_4.5rem_8.5rem_5.5rem_11rem_10rem] ' +
  'lg:items-baseline lg:gap-x-3';

/** One queue; each count links to its jobs. */
export function QueueItem({ queue, range }: { queue: QueueRow; range: Range }) {
  const t = useTranslations();
  const duration = useDuration();
  const { name, flow } = queue;
  const href = queueJobsHref(name, {});
  const displayName = name === null ? t('queues.noQueue') : name || '""';
  const never = <span className="text-soft">{t('time.never')}</span>;
  return (
    <li className="px-3 py-2.5" data-queue={name ?? ''}>
      <div className={QUEUE_GRID}>
        <div className="min-w-0">
          {href ? (
            <Link
              href={href}
              prefetch={false}
              className="font-mono font-semibold any-break text-accent no-underline hover:underline"
            >
              {displayName}
            </Link>
          ) : (
            <span className="font-mono font-semibold any-break">{displayName}</span>
          )}
          <Warnings queue={queue} />
        </div>
        <dl className="mt-1.5 grid grid-cols-2 gap-x-5 gap-y-0.5 max-[22rem]:grid-cols-1 lg:contents">
          <Cell label={t('states.queued')}>
            <JobCount count={queue.ready} href={queueJobsHref(name, { state: 'queued' })} />
          </Cell>
          <Cell label={t('queues.oldest')} isWarning={queue.unserved}>
            {queue.oldestReadyAt ? <RelativeTime iso={queue.oldestReadyAt} /> : never}
          </Cell>
          <Cell label={t('states.scheduled')}>
            <JobCount count={queue.scheduled} href={queueJobsHref(name, { state: 'scheduled' })} />
          </Cell>
          <Cell label={t('states.retried')}>
            <JobCount count={queue.retried} href={queueJobsHref(name, { state: 'retried' })} />
          </Cell>
          <Cell label={t('states.running')}>
            <JobCount count={queue.running} href={queueJobsHref(name, { state: 'running' })} />
          </Cell>
          <Cell label={t('queues.finished')}>
            {flow ? (
              <>
                <JobCount count={flow.finished} href={queueJobsHref(name, { within: range })} />{' '}
                <Rate count={flow.finished} range={range} />
              </>
            ) : (
              never
            )}
          </Cell>
          <Cell label={t('states.discarded')}>
            {flow ? (
              <JobCount
                count={flow.discarded}
                href={queueJobsHref(name, { state: 'discarded', within: range })}
                isDanger
              />
            ) : (
              never
            )}
          </Cell>
          <Cell label={t('queues.wait')}>
            {flow && flow.waitP50 !== null && flow.waitP95 !== null ? (
              <>
                <span className="whitespace-nowrap">{duration(flow.waitP50)} /</span>{' '}
                <span className="whitespace-nowrap">{duration(flow.waitP95)}</span>
              </>
            ) : (
              never
            )}
          </Cell>
          <Cell label={t('queues.servedBy')} isText>
            <ServedBy queue={queue} />
          </Cell>
        </dl>
      </div>
    </li>
  );
}

/**
 * Label and value on a phone; on wide screens the column header is the label. `isText` aligns left.
 */
function Cell({
  label,
  children,
  isText = false,
  isWarning = false,
}: {
  label: string;
  children: ReactNode;
  isText?: boolean;
  isWarning?: boolean;
}) {
  return (
    <div
      className={
        'flex min-w-0 flex-wrap items-baseline justify-between gap-x-2 text-sm lg:block ' +
        (isText ? 'col-span-full lg:col-span-1 ' : 'lg:text-right ') +
        (isWarning ? 'text-warn' : '')
      }
    >
      <dt className="text-soft lg:sr-only">{label}</dt>
      <dd className="ml-auto min-w-0 lg:ml-0">{children}</dd>
    </div>
  );
}

function JobCount({
  count,
  href,
  isDanger = false,
}: {
  count: Count;
  href: string | null;
  isDanger?: boolean;
}) {
  const { text, title } = useCountText()(count);
  if (count.kind === 'exact' && count.count === 0) return <span className="text-soft">0</span>;
  if (!href || count.kind === 'unknown') return <span title={title}>{text}</span>;
  return (
    <Link
      href={href}
      prefetch={false}
      title={title}
      className={`no-underline hover:underline ${isDanger ? 'text-danger' : 'text-accent'}`}
    >
      {text}
    </Link>
  );
}

/** Jobs per minute, averaged over the range. */
function Rate({ count, range }: { count: Count; range: Range }) {
  const t = useTranslations('queues');
  const format = useFormatter();
  if (count.kind === 'unknown' || count.count === 0) return null;
  const perMinute = (count.count * 60) / RANGES[range];
  if (perMinute < 0.1) return null;
  return (
    <span className="whitespace-nowrap text-soft">
      {t('perMinute', {
        number: format.number(perMinute, { maximumFractionDigits: perMinute < 10 ? 1 : 0 }),
      })}
    </span>
  );
}

function Warnings({ queue }: { queue: QueueRow }) {
  const t = useTranslations();
  if (!queue.paused && !queue.unserved) return null;
  return (
    <span className="mt-0.5 flex flex-wrap gap-x-3 text-sm text-warn">
      {queue.unserved && (
        <span className="inline-flex items-center gap-1">
          <Icon name="lost" className="size-3.5" />
          {t('queues.unserved')}
        </span>
      )}
      {queue.paused && (
        <Link
          href="/pauses"
          prefetch={false}
          title={t('queues.pausedHint')}
          className="inline-flex items-center gap-1 text-warn"
        >
          <Icon name="paused" className="size-3.5" />
          {t('states.paused')}
        </Link>
      )}
    </span>
  );
}

function ServedBy({ queue }: { queue: QueueRow }) {
  const t = useTranslations('queues');
  const count = useCount();
  const { name, processes, threads } = queue;
  if (processes === null) return <span className="text-soft">{t('servedByUnknown')}</span>;
  if (processes === 0)
    return <span className={queue.unserved ? 'text-warn' : 'text-soft'}>{t('servedByNone')}</span>;
  const text = t('processes', { count: processes, number: count(processes) });
  return (
    <>
      {name ? (
        <Link
          href={`/processes?${new URLSearchParams({ queue_name: name })}`}
          prefetch={false}
          className="whitespace-nowrap text-accent underline"
        >
          {text}
        </Link>
      ) : (
        text
      )}
      <span className="text-soft">
        {' '}
        <span className="whitespace-nowrap">
          ·{' '}
          {threads === null
            ? t('threadsUnknown')
            : t('threads', { count: threads, number: count(threads) })}
        </span>
      </span>
    </>
  );
}
