import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { nameParams } from '@/lib/jobs/links';
import type { Performance, Period } from '@/lib/performance/filters';
import { Link } from '../navigation';
import { useCount, useDuration } from '../quantities';

type Key =
  | 'executions'
  | 'failures'
  | 'totalTime'
  | 'average'
  | 'min'
  | 'max'
  | 'run50'
  | 'run95'
  | 'run99'
  | 'wait50'
  | 'wait95'
  | 'wait99';

/** The totals of all executions, each with the value of the preceding period. */
export function Totals({
  performance: { now, before, period },
  jobClass,
}: {
  performance: Performance;
  jobClass: string | null;
}) {
  const t = useTranslations('performance');
  const never = useTranslations('time')('never');
  const count = useCount();
  const duration = useDuration();
  const { total } = now;
  if (!total) return null;
  const isSample = now.accuracy.kind === 'sample';
  const formatCount = (value: number) =>
    isSample && value > 0 ? t('about', { value: count(value) }) : count(value);
  const formatTime = (value: number | null | undefined) =>
    value === null || value === undefined ? never : duration(value);
  const jobsLink = (value: number, onlyFailed: boolean) => (
    <Link
      href={jobsHref(period, { jobClass: jobClass ?? undefined }, onlyFailed)}
      prefetch={false}
      className="text-accent"
    >
      {formatCount(value)}
    </Link>
  );
  const previous = before.total;
  const figures: [Key, ReactNode, string | null][] = [
    [
      'executions',
      total.executions > 0 ? jobsLink(total.executions, false) : formatCount(0),
      previous && count(previous.executions),
    ],
    [
      'failures',
      total.failures > 0 ? jobsLink(total.failures, true) : formatCount(0),
      previous && count(previous.failures),
    ],
    ['totalTime', duration(total.total), previous && duration(previous.total)],
    ['average', formatTime(total.average), previous && formatTime(previous.average)],
    ['min', formatTime(total.min), previous && formatTime(previous.min)],
    ['max', formatTime(total.max), previous && formatTime(previous.max)],
    ['run50', formatTime(total.run[0]), previous && formatTime(previous.run[0])],
    ['run95', formatTime(total.run[1]), previous && formatTime(previous.run[1])],
    ['run99', formatTime(total.run[2]), previous && formatTime(previous.run[2])],
    ['wait50', formatTime(total.wait[0]), previous && formatTime(previous.wait[0])],
    ['wait95', formatTime(total.wait[1]), previous && formatTime(previous.wait[1])],
    ['wait99', formatTime(total.wait[2]), previous && formatTime(previous.wait[2])],
  ];
  return (
    <dl
      aria-label={t('all')}
      className={
        'mb-4 grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line ' +
        'sm:grid-cols-3 lg:grid-cols-6'
      }
      data-totals=""
    >
      {figures.map(([key, value, previousValue]) => (
        <div key={key} className="bg-raised px-3 py-2" data-figure={key}>
          <dt className="text-xs text-soft">{t(key)}</dt>
          <dd className="text-base font-semibold">{value}</dd>
          {previousValue !== null && (
            <dd className="text-xs text-soft">{t('before', { value: previousValue })}</dd>
          )}
        </div>
      ))}
    </dl>
  );
}

/**
 * The link to the jobs with an execution (or a failed one) that began in the period. `names` limits
 * them to a class or a queue.
 */
export function jobsHref(
  { from, to }: Period,
  names: { jobClass?: string | null; queueName?: string | null },
  onlyFailed = false,
): string {
  const q = `${onlyFailed ? 'attempt_failed' : 'attempted'}:${from}..${inclusiveEnd(to)}`;
  const params = nameParams({ class: names.jobClass, queue: names.queueName }, q);
  return `/jobs?${new URLSearchParams(params)}`;
}

/** A period excludes its `to` but a search range includes it, so this is a microsecond earlier. */
const inclusiveEnd = (to: string) =>
  new Date(Date.parse(to) - 1).toISOString().replace('Z', '999Z');

export function classHref(jobClass: string, params: Record<string, string>): string {
  const query = String(new URLSearchParams(params));
  return `/performance/${encodeURIComponent(jobClass)}${query ? `?${query}` : ''}`;
}
