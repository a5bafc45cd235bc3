import { useTranslations } from 'next-intl';
import { isBlankName } from '@/lib/jobs/links';
import {
  type ExecutionStats,
  type Measurement,
  type PerformanceFilter,
  type Period,
  SORTS,
  type Sort,
  performanceParams,
} from '@/lib/performance/filters';
import { Link } from '../navigation';
import { useCount, useDuration } from '../quantities';
import { RubyClassName } from '../ui/code';
import { classHref, jobsHref } from './totals';

interface Props {
  groupBy: 'class' | 'queue';
  rows: ExecutionStats[];
  before: Measurement['classes'];
  period: Period;
  filter: PerformanceFilter;
  /** Path of the page, for the links that sort. */
  path: string;
  /** Set for the page of one class. */
  jobClass: string | null;
  isSample: boolean;
}

const nullsLast = (value: number | null) => value ?? -1;
const SORT_KEYS: Record<Sort, (row: ExecutionStats) => number> = {
  total: (row) => row.total,
  executions: (row) => row.executions,
  failures: (row) => row.failures,
  p95: (row) => nullsLast(row.run[1]),
  wait: (row) => nullsLast(row.wait[1]),
  name: () => 0,
};

const SORT_DIRECTIONS: Record<Sort, 'ascending' | 'descending'> = {
  total: 'descending',
  executions: 'descending',
  failures: 'descending',
  p95: 'descending',
  wait: 'descending',
  name: 'ascending',
};

/** The executions of each class or queue, compared with the preceding period. */
export function FiguresTable({
  groupBy,
  rows,
  before,
  period,
  filter,
  path,
  jobClass,
  isSample,
}: Props) {
  const t = useTranslations('performance');
  const sortedRows = [...rows].sort(
    (a, b) =>
      SORT_KEYS[filter.sort](b) - SORT_KEYS[filter.sort](a) ||
      ((a.name ?? '') < (b.name ?? '') ? -1 : 1),
  );
  const previousByName = new Map(before.map((row) => [row.name, row]));
  return (
    <section aria-labelledby={groupBy} className="mt-6">
      <h2 id={groupBy} className="mb-1.5 text-base font-semibold">
        {t(`headings.${groupBy}`)}
      </h2>
      <div
        className="overflow-x-auto card"
        tabIndex={0}
        role="group"
        aria-label={t(`headings.${groupBy}`)}
      >
        <table className="w-full border-collapse" data-figures={groupBy}>
          <thead>
            <HeadRow groupBy={groupBy} filter={filter} path={path} />
          </thead>
          <tbody>
            {sortedRows.map((row, n) => (
              <FiguresRow
                key={n}
                row={row}
                previous={previousByName.get(row.name)}
                hasPreviousPeriod={before.length > 0}
                groupBy={groupBy}
                period={period}
                jobClass={jobClass}
                filter={filter}
                isSample={isSample}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function HeadRow({ groupBy, filter, path }: Pick<Props, 'groupBy' | 'filter' | 'path'>) {
  const t = useTranslations('performance');
  const head = (sort: Sort | null, text: string, className = 'text-right') => (
    <th
      scope="col"
      aria-sort={sort && sort === filter.sort ? SORT_DIRECTIONS[sort] : undefined}
      className={`px-2 py-1.5 font-normal whitespace-nowrap ${className}`}
    >
      {sort && SORTS.includes(sort) && sort !== filter.sort ? (
        <Link
          href={`${path}?${new URLSearchParams(performanceParams(filter, { sort }))}#${groupBy}`}
          prefetch={false}
          scroll={false}
          className="text-ink hover:text-accent"
        >
          {text}
        </Link>
      ) : (
        text
      )}
    </th>
  );
  return (
    <tr className="border-b border-line bg-sunken text-sm text-soft">
      {head('name', t(`names.${groupBy}`), 'text-left')}
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
  );
}

type RowProps = Pick<Props, 'groupBy' | 'period' | 'jobClass' | 'filter' | 'isSample'> & {
  row: ExecutionStats;
  previous: ExecutionStats | undefined;
  hasPreviousPeriod: boolean;
};

function FiguresRow({
  row,
  previous,
  hasPreviousPeriod,
  groupBy,
  period,
  jobClass,
  filter,
  isSample,
}: RowProps) {
  const t = useTranslations('performance');
  const never = useTranslations('time')('never');
  const count = useCount();
  const duration = useDuration();
  const formatCount = (value: number) =>
    isSample && value > 0 ? t('about', { value: count(value) }) : count(value);
  const formatTime = (value: number | null) => (value === null ? never : duration(value));
  const renderPrevious = (text: string | null) =>
    hasPreviousPeriod && (
      <span className="block text-xs text-soft">{t('before', { value: text ?? never })}</span>
    );
  const cellClass = 'px-2 py-1.5 text-right whitespace-nowrap align-top';
  const nameFilter =
    groupBy === 'class'
      ? { jobClass: row.name }
      : { jobClass: jobClass ?? undefined, queueName: row.name };
  const renderCount = (value: number, onlyFailed: boolean) =>
    value > 0 ? (
      <Link
        href={jobsHref(period, nameFilter, onlyFailed)}
        prefetch={false}
        className="text-ink hover:text-accent"
      >
        {formatCount(value)}
      </Link>
    ) : (
      formatCount(value)
    );
  return (
    <tr className="border-b border-line last:border-0" data-name={row.name ?? ''}>
      <NameCell groupBy={groupBy} name={row.name} filter={filter} />
      <td className={cellClass}>
        {renderCount(row.executions, false)}
        {renderPrevious(previous ? count(previous.executions) : count(0))}
      </td>
      <td className={`${cellClass} ${row.failures > 0 ? 'text-danger' : ''}`}>
        {renderCount(row.failures, true)}
        {renderPrevious(previous ? count(previous.failures) : count(0))}
      </td>
      <td className={cellClass}>
        {duration(row.total)}
        {renderPrevious(previous ? duration(previous.total) : null)}
      </td>
      <td className={cellClass}>{formatTime(row.average)}</td>
      <td className={cellClass}>{formatTime(row.min)}</td>
      <td className={cellClass}>{formatTime(row.max)}</td>
      <td className={`${cellClass} border-l border-line`}>{formatTime(row.run[0])}</td>
      <td className={cellClass}>
        {formatTime(row.run[1])}
        {renderPrevious(previous ? formatTime(previous.run[1]) : null)}
      </td>
      <td className={cellClass}>{formatTime(row.run[2])}</td>
      <td className={`${cellClass} border-l border-line`}>{formatTime(row.wait[0])}</td>
      <td className={cellClass}>
        {formatTime(row.wait[1])}
        {renderPrevious(previous ? formatTime(previous.wait[1]) : null)}
      </td>
      <td className={cellClass}>{formatTime(row.wait[2])}</td>
    </tr>
  );
}

function NameCell({
  groupBy,
  name,
  filter,
}: Pick<Props, 'groupBy' | 'filter'> & { name: ExecutionStats['name'] }) {
  const t = useTranslations('performance');
  const text = isBlankName(name) ? t('noName') : name;
  return (
    <th
      scope="row"
      className="max-w-80 min-w-48 px-2 py-1.5 text-left align-top font-mono text-sm font-normal any-break"
    >
      {groupBy === 'class' && !isBlankName(name) ? (
        <Link
          href={classHref(name ?? '', performanceParams(filter, { sort: 'total' }))}
          prefetch={false}
          className="text-ink hover:text-accent"
        >
          <RubyClassName name={name ?? ''} />
        </Link>
      ) : (
        text
      )}
    </th>
  );
}
