import { useTranslations } from 'next-intl';
import type { Activity, Range } from '@/lib/overview/types';
import { Link } from '../link';
import { useCount } from '../quantities';
import { SERIES, useBarTime } from './bars';

/** The numbers of the chart, newest first, without empty bars. */
export function ActivityTable({
  activity,
  range,
  pathOfBars,
}: {
  activity: Activity;
  range: Range;
  pathOfBars: (first: number, last: number) => string;
}) {
  const t = useTranslations('overview.activity');
  const count = useCount();
  const time = useBarTime(activity, range);
  const rows = activity.succeeded
    .map((_, n) => ({ n, values: SERIES.map(({ name }) => activity[name]?.[n] ?? 0) }))
    .filter(({ values }) => values.some((value) => value > 0))
    .reverse();
  return (
    <details className="mt-1 text-xs" data-table="activity">
      <summary className="w-fit text-soft">{t('table')}</summary>
      {rows.length === 0 ? (
        <p className="py-2 text-soft">{t('empty')}</p>
      ) : (
        <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={t('table')}>
          <table className="w-full">
            <thead>
              <tr className="border-b border-line text-soft">
                <th scope="col" className="py-1 text-left font-normal">
                  {t('from')}
                </th>
                {SERIES.map(({ name }) => (
                  <th key={name} scope="col" className="px-2 py-1 text-right font-normal">
                    {t(name)}
                  </th>
                ))}
                <td />
              </tr>
            </thead>
            <tbody>
              {rows.map(({ n, values }) => (
                <tr key={n} className="border-b border-line last:border-0">
                  <th scope="row" className="py-1 text-left font-normal">
                    {time(n)}
                  </th>
                  {values.map((value, column) => (
                    <td key={column} className="px-2 py-1 text-right">
                      {count(value)}
                    </td>
                  ))}
                  <td className="py-1 pl-2 text-right">
                    <Link
                      href={pathOfBars(n, n)}
                      prefetch={false}
                      className="inline-flex min-h-6 items-center text-accent"
                    >
                      {t('showJobs')}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
