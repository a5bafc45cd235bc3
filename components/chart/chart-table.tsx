'use client';

import { useTranslations } from 'next-intl';
import { CHART_RANGES, type Chart } from '@/lib/jobs/types';
import { useAbsoluteTime } from '../time';
import { Button } from '../ui/button';
import type { Span } from './chart-plot';

/** The chart's numbers, newest first, without empty buckets. */
export function ChartTable({
  chart,
  names,
  count,
  onPick,
}: {
  chart: Chart;
  names: string[];
  count: (value: number) => string;
  onPick: (span: Span) => void;
}) {
  const t = useTranslations('chart');
  const absolute = useAbsoluteTime();
  const { buckets, seconds } = CHART_RANGES[chart.range];
  const totals = Array.from({ length: buckets }, (_, n) =>
    chart.series.reduce((sum, { counts }) => sum + (counts[n] ?? 0), 0),
  );
  const rows = totals
    .map((total, n) => ({ n, total }))
    .filter(({ total }) => total > 0)
    .reverse();
  const cellClass = 'px-2 py-1 text-right whitespace-nowrap';
  return (
    <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={t('asTable')}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{t('title')}</caption>
        <thead>
          <tr className="border-b border-line text-soft">
            <th scope="col" className="px-2 py-1 text-left font-normal whitespace-nowrap">
              {t('from')}
            </th>
            <th scope="col" className={`${cellClass} font-normal`}>
              {t('total')}
            </th>
            {names.map((name, n) => (
              <th
                key={n}
                scope="col"
                className={`${cellClass} max-w-48 truncate font-normal`}
                title={name}
              >
                {name}
              </th>
            ))}
            <td />
          </tr>
        </thead>
        <tbody>
          {rows.map(({ n, total }) => (
            <tr key={n} className="border-b border-line last:border-0">
              <th scope="row" className="px-2 py-1 text-left font-normal whitespace-nowrap">
                {absolute(new Date((chart.start + n * seconds) * 1000).toISOString())}
              </th>
              <td className={`${cellClass} font-semibold`}>{count(total)}</td>
              {chart.series.map(({ counts }, column) => (
                <td key={column} className={cellClass}>
                  {counts[n] ? count(counts[n]) : ''}
                </td>
              ))}
              <td className={cellClass}>
                <Button
                  kind="quiet"
                  className="!min-h-6 !py-0"
                  onClick={() => onPick({ first: n, last: n })}
                >
                  {t('pick')}
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
