import { useFormatter, useNow, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { instantMs } from '@/lib/core/text';
import type { Count } from '@/lib/jobs/types';
import { type QueueRow, RANGES, type Range, queueJobsHref } from '@/lib/queues/filters';
import { Link } from '../navigation';
import { PauseButton, type PauseTarget } from '../pauses/pause-actions';
import type { PauseAction } from '../pauses/pause-outcome';
import { useCount, useCountText, useDuration } from '../quantities';
import { AbsoluteTime } from '../time';
import { Tooltip } from '../ui/floating';
import { QueueCause } from './queue-cause';

/** One row a queue where the list is wide enough, else the name above its numbers. */
export const QUEUE_GRID =
  '@6xl:grid @6xl:grid-cols-[minmax(0,1fr)_4rem_5.5rem_4rem_4.75rem_4rem_5.5rem_3.5rem_7.5rem_10.5rem_6rem] ' +
  '@6xl:items-start @6xl:gap-x-2.5';

interface Props {
  queue: QueueRow;
  range: Range;
  onAct: (action: PauseAction, target: PauseTarget) => void;
}

/** One queue; each count links to its jobs. */
export function QueueItem({ queue, range, onAct }: Props) {
  const t = useTranslations('queues');
  const { name } = queue;
  const href = queueJobsHref(name, {});
  const displayName = name === null ? t('noQueue') : name || '""';
  return (
    <li className={`relative px-3 py-2.5 ${QUEUE_GRID}`} data-queue={name ?? ''}>
      <div className="min-w-0 @max-6xl:pr-28">
        {href ? (
          <Link
            href={href}
            prefetch={false}
            className={
              'inline-block min-h-6 font-mono font-semibold any-break text-ink no-underline ' +
              'hover:text-accent hover:underline'
            }
          >
            {displayName}
          </Link>
        ) : (
          <span className="font-mono font-semibold any-break">{displayName}</span>
        )}
      </div>
      <div className="min-w-0 @max-6xl:mt-3 @6xl:order-last @6xl:col-span-full empty:hidden">
        <QueueCause queue={queue} />
      </div>
      <dl
        className={
          'mt-2 grid grid-cols-2 gap-x-5 gap-y-1 @max-2xs:grid-cols-1 @2xl:grid-cols-5 ' +
          '@2xl:gap-y-2 @6xl:contents'
        }
      >
        <Facts queue={queue} range={range} />
      </dl>
      <div className="absolute top-2 right-3 @6xl:static @6xl:-my-1 @6xl:text-right">
        <QueueAction queue={queue} onAct={onAct} />
      </div>
    </li>
  );
}

function Facts({ queue, range }: Omit<Props, 'onAct'>) {
  const t = useTranslations();
  const duration = useDuration();
  const { name, flow } = queue;
  const never = <span className="text-faint">{t('time.never')}</span>;
  return (
    <>
      {(['ready', 'oldest', 'running', 'scheduled', 'retried'] as const).map((fact) =>
        fact === 'oldest' ? (
          <Cell key={fact} label={t('queues.oldest')}>
            {queue.oldestReadyAt ? (
              <WaitTime since={queue.oldestReadyAt} isLate={queue.isLate} />
            ) : (
              never
            )}
          </Cell>
        ) : (
          <Cell key={fact} label={t(`states.${fact === 'ready' ? 'queued' : fact}`)}>
            <JobCount
              count={queue[fact]}
              href={queueJobsHref(name, { state: fact === 'ready' ? 'queued' : fact })}
            />
          </Cell>
        ),
      )}
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
    </>
  );
}

/**
 * Label and value; where the list is wide, the column header is the label. `isText` aligns left.
 */
function Cell({
  label,
  children,
  isText = false,
}: {
  label: string;
  children: ReactNode;
  isText?: boolean;
}) {
  return (
    <div
      className={
        'flex min-w-0 flex-wrap items-baseline justify-between gap-x-2 @2xl:block ' +
        (isText ? '@6xl:pl-3' : '@6xl:text-right')
      }
    >
      <dt className="text-xs text-soft @6xl:sr-only">{label}</dt>
      <dd className="min-w-0 @max-2xl:ml-auto">{children}</dd>
    </div>
  );
}

const UPDATE_INTERVAL_MS = 10_000;

/** How long the oldest ready job has waited; the tooltip has the time. */
function WaitTime({ since, isLate }: { since: string; isLate: boolean }) {
  const duration = useDuration();
  const now = useNow({ updateInterval: UPDATE_INTERVAL_MS });
  const seconds = (now.getTime() - instantMs(since)) / 1000;
  if (!Number.isFinite(seconds)) return <span>{since}</span>;
  return (
    <Tooltip content={<AbsoluteTime iso={since} />}>
      <time
        dateTime={since}
        tabIndex={0}
        data-late={isLate ? '' : undefined}
        className={`whitespace-nowrap ${isLate ? 'font-semibold text-warn' : ''}`}
        suppressHydrationWarning
      >
        {duration(seconds < 1 ? 0 : Math.floor(seconds))}
      </time>
    </Tooltip>
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
  if (count.kind === 'exact' && count.count === 0) return <span className="text-faint">0</span>;
  if (!href || count.kind === 'unknown') return <span title={title}>{text}</span>;
  return (
    <Link
      href={href}
      prefetch={false}
      title={title}
      className={`-my-0.5 inline-block min-w-6 py-0.5 no-underline hover:underline ${
        isDanger ? 'text-danger' : 'text-ink hover:text-accent'
      }`}
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
    <span className="text-xs whitespace-nowrap text-faint">
      {t('perMinute', {
        number: format.number(perMinute, { maximumFractionDigits: perMinute < 10 ? 1 : 0 }),
      })}
    </span>
  );
}

function ServedBy({ queue }: { queue: QueueRow }) {
  const t = useTranslations('queues');
  const count = useCount();
  const { name, processes, threads } = queue;
  if (processes === null) return <span className="text-soft">{t('servedByUnknown')}</span>;
  if (processes === 0)
    return <span className={queue.unserved ? 'text-warn' : 'text-faint'}>{t('servedByNone')}</span>;
  const text = t('processes', { count: processes, number: count(processes) });
  return (
    <>
      {name ? (
        <Link
          href={`/processes?${new URLSearchParams({ queue_name: name })}`}
          prefetch={false}
          className={
            '-my-0.5 inline-block py-0.5 whitespace-nowrap text-ink no-underline ' +
            'hover:text-accent hover:underline'
          }
        >
          {text}
        </Link>
      ) : (
        text
      )}{' '}
      <span className="text-xs whitespace-nowrap text-faint">
        {threads === null
          ? t('threadsUnknown')
          : t('threads', { count: threads, number: count(threads) })}
      </span>
    </>
  );
}

/** Resumes what keeps the queue from running, or else pauses the queue. */
function QueueAction({ queue, onAct }: Omit<Props, 'range'>) {
  const t = useTranslations('pauses');
  const { name, paused } = queue;
  if (!name) return null;
  const [holding] = queue.holdingPauses;
  const own: PauseTarget = { kind: 'queue', name };
  const unpauseTarget = paused ? own : holding;
  const action = unpauseTarget ? 'unpause' : 'pause';
  const target = unpauseTarget ?? own;
  return (
    <PauseButton
      action={action}
      target={target}
      text={t(unpauseTarget ? 'unpause.short' : 'pause.menu')}
      from="queues"
      isQuiet={!unpauseTarget}
      onPress={() => onAct(action, target)}
    />
  );
}
