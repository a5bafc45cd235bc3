import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { Performance } from '@/lib/performance/filters';
import { useCount, useDuration } from '../quantities';
import { jobsHref } from './performance-links';

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

/** All executions of the page together, each figure above what it was before. */
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
  const sampled = now.accuracy.kind === 'sample';
  const about = (value: number) =>
    sampled && value > 0 ? t('about', { value: count(value) }) : count(value);
  const time = (value: number | null | undefined) =>
    value === null || value === undefined ? never : duration(value);
  const link = (value: number, failed: boolean) => (
    <Link
      href={jobsHref(period, { jobClass: jobClass ?? undefined }, failed)}
      prefetch={false}
      className="text-accent"
    >
      {about(value)}
    </Link>
  );
  const old = before.total;
  const figures: [Key, ReactNode, string | null][] = [
    [
      'executions',
      total.executions > 0 ? link(total.executions, false) : about(0),
      old && count(old.executions),
    ],
    [
      'failures',
      total.failures > 0 ? link(total.failures, true) : about(0),
      old && count(old.failures),
    ],
    ['totalTime', duration(total.total), old && duration(old.total)],
    ['average', time(total.average), old && time(old.average)],
    ['min', time(total.min), old && time(old.min)],
    ['max', time(total.max), old && time(old.max)],
    ['run50', time(total.run[0]), old && time(old.run[0])],
    ['run95', time(total.run[1]), old && time(old.run[1])],
    ['run99', time(total.run[2]), old && time(old.run[2])],
    ['wait50', time(total.wait[0]), old && time(old.wait[0])],
    ['wait95', time(total.wait[1]), old && time(old.wait[1])],
    ['wait99', time(total.wait[2]), old && time(old.wait[2])],
  ];
  return (
    <dl
      aria-label={t('all')}
      className="mb-4 grid grid-cols-2 gap-px overflow-hidden rounded-md border border-line bg-line sm:grid-cols-3 lg:grid-cols-6"
      data-totals=""
    >
      {figures.map(([key, value, then]) => (
        <div key={key} className="bg-canvas px-3 py-2" data-figure={key}>
          <dt className="text-[12.5px] text-soft">{t(key)}</dt>
          <dd className="text-base font-semibold">{value}</dd>
          {then !== null && (
            <dd className="text-[12px] text-soft">{t('before', { value: then })}</dd>
          )}
        </div>
      ))}
    </dl>
  );
}
