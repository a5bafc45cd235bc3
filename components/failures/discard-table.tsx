import { useTranslations } from 'next-intl';
import {
  type DiscardCount,
  type DiscardCounts,
  FAILURE_RANGES,
  type FailureFilter,
  type FailureRange,
  RANGE_NAMES,
  failureParams,
} from '@/lib/failures/filters';
import { isBlankName } from '@/lib/jobs/links';
import { Link } from '../navigation';
import { useCountText } from '../quantities';
import { TooLarge } from '../too-large';
import { RubyClassName } from '../ui/code';
import { timeBefore, countHref } from './failure-links';

/**
 * Discarded jobs by class or by exception, as on GoodJob's own page; each count links to its jobs.
 */
export function DiscardTable({ counts, filter }: { counts: DiscardCounts; filter: FailureFilter }) {
  const t = useTranslations('failures');
  const by = filter.by === 'class' ? 'class' : 'exception';
  const cell = 'px-3 py-1.5 text-right whitespace-nowrap';
  return (
    <div className="overflow-x-auto card" tabIndex={0} role="group" aria-label={t(`tables.${by}`)}>
      <table className="w-full border-collapse" data-table={by}>
        <caption className="sr-only">{t(`tables.${by}`)}</caption>
        <thead>
          <tr className="border-b border-line bg-sunken text-sm text-soft">
            <th scope="col" className="px-3 py-1.5 text-left font-normal">
              {t(`heads.${by}`)}
            </th>
            <th scope="col" className={`${cell} font-normal`}>
              {t('heads.all')}
            </th>
            {RANGE_NAMES.map((range) => (
              <th key={range} scope="col" className={`${cell} font-normal`}>
                {t(`short.${range}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {counts.rows.map((row, n) => (
            <tr key={n} className="border-b border-line">
              <th
                scope="row"
                className="max-w-[32rem] min-w-48 px-3 py-1.5 text-left font-mono text-sm font-normal any-break"
              >
                {by === 'class' && row.name !== null && !isBlankName(row.name) ? (
                  <Link href={classHref(filter, row.name)} prefetch={false} className="text-accent">
                    <RubyClassName name={row.name} />
                  </Link>
                ) : (
                  <Name row={row} />
                )}
              </th>
              <Cells row={row} counts={counts} filter={filter} className={cell} />
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr className="font-semibold">
            <th scope="row" className="px-3 py-1.5 text-left">
              {t('total')}
            </th>
            <Cells row={counts.total} counts={counts} filter={filter} className={cell} isTotal />
          </tr>
        </tfoot>
      </table>
    </div>
  );
}

function classHref(filter: FailureFilter, jobClass: string): string {
  const params = failureParams(filter, { by: 'failure', jobClass, group: null });
  return `/cleaner?${new URLSearchParams(params)}`;
}

function Name({ row }: { row: DiscardCount }) {
  const t = useTranslations('failures');
  if (row.tooLarge) return <TooLarge />;
  return isBlankName(row.name) ? t('noName') : row.name;
}

function Cells({
  row,
  counts,
  filter,
  className,
  isTotal = false,
}: {
  row: DiscardCount;
  counts: DiscardCounts;
  filter: FailureFilter;
  className: string;
  isTotal?: boolean;
}) {
  const countText = useCountText();
  const cells: [FailureRange | null, number][] = [
    [null, row.all],
    ...RANGE_NAMES.map((range, n): [FailureRange, number] => [range, row.counts[n] ?? 0]),
  ];
  return cells.map(([range, count]) => {
    const isComplete =
      counts.since === null ||
      (range !== null && counts.since <= timeBefore(counts.now, FAILURE_RANGES[range]));
    const { text, title } = countText({ kind: isComplete ? 'exact' : 'at_least', count });
    const href = count > 0 ? countHref(filter.by, row, range, isTotal, filter.jobClass) : null;
    return (
      <td key={range ?? 'all'} title={title} className={className}>
        {href ? (
          <Link href={href} prefetch={false} className="text-accent">
            {text}
          </Link>
        ) : (
          <span className="text-soft">{text}</span>
        )}
      </td>
    );
  });
}
