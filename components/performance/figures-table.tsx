import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { isBlankName } from '@/lib/jobs/links';
import {
  type Figures,
  type Measured,
  type PerformanceFilter,
  type Period,
  SORTS,
  type Sort,
  performanceParams,
} from '@/lib/performance/filters';
import { useCount, useDuration } from '../quantities';
import { ClassName } from '../ui/class-name';
import { classHref, jobsHref } from './performance-links';

interface Props {
  of: 'class' | 'queue';
  rows: Figures[];
  before: Measured['classes'];
  period: Period;
  filter: PerformanceFilter;
  /** The page, for the heads that sort. */
  path: string;
  /** Of one class alone. */
  jobClass: string | null;
  sampled: boolean;
}

const last = (value: number | null) => value ?? -1;
const KEYS: Record<Sort, (row: Figures) => number> = {
  total: (row) => row.total,
  executions: (row) => row.executions,
  failures: (row) => row.failures,
  p95: (row) => last(row.run[1]),
  wait: (row) => last(row.wait[1]),
  name: () => 0,
};

/** Executions of each class or queue, with what they were in the period before. */
export function FiguresTable({ of, rows, before, period, filter, path, jobClass, sampled }: Props) {
  const t = useTranslations('performance');
  const sorted = [...rows].sort(
    (a, b) =>
      KEYS[filter.sort](b) - KEYS[filter.sort](a) || ((a.name ?? '') < (b.name ?? '') ? -1 : 1),
  );
  const earlier = new Map(before.map((row) => [row.name, row]));
  const head = (sort: Sort | null, text: string, className = 'text-right') => (
    <th
      scope="col"
      aria-sort={
        sort && sort === filter.sort ? (sort === 'name' ? 'ascending' : 'descending') : undefined
      }
      className={`px-2 py-1.5 font-normal whitespace-nowrap ${className}`}
    >
      {sort && SORTS.includes(sort) && sort !== filter.sort ? (
        <Link
          href={`${path}?${new URLSearchParams(performanceParams(filter, { sort }))}#${of}`}
          prefetch={false}
          scroll={false}
          className="text-accent"
        >
          {text}
        </Link>
      ) : (
        text
      )}
    </th>
  );
  return (
    <section aria-labelledby={of} className="mt-6">
      <h2 id={of} className="mb-1.5 text-base font-semibold">
        {t(`headings.${of}`)}
      </h2>
      <div
        className="overflow-x-auto rounded-md border border-line"
        tabIndex={0}
        role="group"
        aria-label={t(`headings.${of}`)}
      >
        <table className="w-full border-collapse" data-figures={of}>
          <thead>
            <tr className="border-b border-line bg-sunken text-[13px] text-soft">
              {head('name', t(`names.${of}`), 'text-left')}
              {head('executions', t('executions'))}
              {head('failures', t('failures'))}
              {head('total', t('totalTime'))}
              {head(null, t('average'))}
              {head(null, t('min'))}
              {head(null, t('max'))}
              {head(null, t('run50'), 'border-l border-line text-right')}
              {head('p95', t('run95'))}
              {head(null, t('run99'))}
              {head(null, t('wait50'), 'border-l border-line text-right')}
              {head('wait', t('wait95'))}
              {head(null, t('wait99'))}
            </tr>
          </thead>
          <tbody>
            {sorted.map((row, n) => (
              <FiguresRow
                key={n}
                row={row}
                earlier={earlier.get(row.name)}
                hasBefore={before.length > 0}
                of={of}
                period={period}
                jobClass={jobClass}
                filter={filter}
                sampled={sampled}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

type RowProps = Pick<Props, 'of' | 'period' | 'jobClass' | 'filter' | 'sampled'> & {
  row: Figures;
  earlier: Figures | undefined;
  hasBefore: boolean;
};

function FiguresRow({ row, earlier, hasBefore, of, period, jobClass, filter, sampled }: RowProps) {
  const t = useTranslations('performance');
  const never = useTranslations('time')('never');
  const count = useCount();
  const duration = useDuration();
  const about = (value: number) =>
    sampled && value > 0 ? t('about', { value: count(value) }) : count(value);
  const time = (value: number | null) => (value === null ? never : duration(value));
  const then = (text: string | null) =>
    hasBefore && (
      <span className="block text-[12px] text-soft">{t('before', { value: text ?? never })}</span>
    );
  const cell = 'px-2 py-1.5 text-right whitespace-nowrap align-top';
  const named =
    of === 'class'
      ? { jobClass: row.name }
      : { jobClass: jobClass ?? undefined, queueName: row.name };
  const isNamed = !isBlankName(row.name);
  const number = (value: number, failed: boolean) =>
    value > 0 ? (
      <Link href={jobsHref(period, named, failed)} prefetch={false} className="text-accent">
        {about(value)}
      </Link>
    ) : (
      about(value)
    );
  return (
    <tr className="border-b border-line last:border-0" data-name={row.name ?? ''}>
      <th
        scope="row"
        className="max-w-80 min-w-48 px-2 py-1.5 text-left align-top font-mono text-[13px] font-normal any-break"
      >
        {of === 'class' && isNamed ? (
          <Link
            href={classHref(row.name ?? '', performanceParams(filter, { sort: 'total' }))}
            prefetch={false}
            className="text-accent"
          >
            <ClassName name={row.name ?? ''} />
          </Link>
        ) : isNamed ? (
          row.name
        ) : (
          t('noName')
        )}
      </th>
      <td className={cell}>
        {number(row.executions, false)}
        {then(earlier ? count(earlier.executions) : count(0))}
      </td>
      <td className={`${cell} ${row.failures > 0 ? 'text-danger' : ''}`}>
        {number(row.failures, true)}
        {then(earlier ? count(earlier.failures) : count(0))}
      </td>
      <td className={cell}>
        {duration(row.total)}
        {then(earlier ? duration(earlier.total) : null)}
      </td>
      <td className={cell}>{time(row.average)}</td>
      <td className={cell}>{time(row.min)}</td>
      <td className={cell}>{time(row.max)}</td>
      <td className={`${cell} border-l border-line`}>{time(row.run[0])}</td>
      <td className={cell}>
        {time(row.run[1])}
        {then(earlier ? time(earlier.run[1]) : null)}
      </td>
      <td className={cell}>{time(row.run[2])}</td>
      <td className={`${cell} border-l border-line`}>{time(row.wait[0])}</td>
      <td className={cell}>
        {time(row.wait[1])}
        {then(earlier ? time(earlier.wait[1]) : null)}
      </td>
      <td className={cell}>{time(row.wait[2])}</td>
    </tr>
  );
}
