import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { isBlankName } from '@/lib/jobs/links';
import { HISTOGRAM, type Performance } from '@/lib/performance/filters';
import { BarChart } from '../chart/bar-chart';
import type { BarSeries } from '../chart/bar-plot';
import { OTHER_STYLE, PALETTE } from '../chart/series-style';
import { useCount, useDuration } from '../quantities';
import { AbsoluteTime } from '../time';

const useChartWords = () => {
  const t = useTranslations('chart');
  return { asChart: t('asChart'), asTable: t('asTable') };
};

/** Total run time of executions by start time, stacked by the classes that used most of it. */
export function TimeChart({
  performance: { period, buckets, now },
  jobClass,
}: {
  performance: Performance;
  jobClass: string | null;
}) {
  const t = useTranslations('performance');
  const format = useFormatter();
  const duration = useDuration();
  const words = useChartWords();
  const from = Date.parse(period.from);
  const width = (Date.parse(period.to) - from) / buckets;
  const starts = Array.from({ length: buckets }, (_, n) => from + n * width);
  const isWithinDays = width * buckets <= 90_000_000;
  const labels = starts.map((at) =>
    format.dateTime(at, {
      ...(isWithinDays ? {} : { month: 'numeric', day: 'numeric' }),
      ...(width >= 86_400_000 ? {} : { hour: '2-digit', minute: '2-digit' }),
      hourCycle: 'h23',
    }),
  );
  const sums = new Map<string | null, number[]>();
  for (const { bucket, name, total } of now.series) {
    const values = sums.get(name) ?? new Array<number>(buckets).fill(0);
    if (bucket >= 0 && bucket < buckets) values[bucket] = (values[bucket] ?? 0) + total;
    sums.set(name, values);
  }
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
  const ranked = [...sums].sort(([, a], [, b]) => sum(b) - sum(a));
  const otherClasses = ranked.slice(PALETTE.length);
  const series: BarSeries[] = ranked.slice(0, PALETTE.length).map(([name, values], n) => ({
    name: name === null || isBlankName(name) ? t('noName') : name,
    style: PALETTE[n] ?? OTHER_STYLE,
    values,
  }));
  if (otherClasses.length > 0)
    series.push({
      name: t('other'),
      style: OTHER_STYLE,
      values: starts.map((_, n) => sum(otherClasses.map(([, values]) => values[n] ?? 0))),
    });
  if (series.length === 0) return null;
  return (
    <BarChart
      title={t(jobClass === null ? 'chartTitle' : 'chartTitleOfClass')}
      labels={labels}
      series={series}
      unit="seconds"
      estimatePrefix={now.accuracy.kind === 'sample' ? t('about', { value: '' }) : ''}
      words={words}
    >
      <NumberTable
        title={t('chartTitle')}
        firstHead={t('from')}
        heads={[t('total'), ...series.map(({ name }) => name)]}
        rows={starts
          .map((at, n) => ({
            name: <AbsoluteTime iso={new Date(at).toISOString()} />,
            values: [
              sum(series.map(({ values }) => values[n] ?? 0)),
              ...series.map(({ values }) => values[n] ?? 0),
            ],
          }))
          .filter(({ values }) => (values[0] ?? 0) > 0)
          .reverse()}
        format={duration}
      />
    </BarChart>
  );
}

/** The number of executions by run time, in the buckets of GoodJob's own histogram. */
export function HistogramChart({ performance: { now } }: { performance: Performance }) {
  const t = useTranslations('performance');
  const duration = useDuration();
  const count = useCount();
  const words = useChartWords();
  const timedExecutions = now.histogram.reduce((sum, value) => sum + value, 0);
  if (timedExecutions === 0) return null;
  const untimedExecutions =
    now.accuracy.kind === 'exact' ? (now.total?.executions ?? 0) - timedExecutions : 0;
  const names = now.histogram.map((_, n) =>
    n < HISTOGRAM.length ? duration(HISTOGRAM[n] ?? 0) : t('slow'),
  );
  const rows = now.histogram.map((value, n) => {
    const from = HISTOGRAM[n - 1];
    const to = HISTOGRAM[n];
    const name = () => {
      if (from === undefined) return t('below', { to: duration(to ?? 0) });
      if (to === undefined) return t('above', { from: duration(from) });
      return t('between', { from: duration(from), to: duration(to) });
    };
    return { name: name(), values: [value] };
  });
  return (
    <BarChart
      title={t('histogram')}
      labels={names}
      series={[{ name: t('timed'), style: PALETTE[0] ?? OTHER_STYLE, values: now.histogram }]}
      unit="count"
      estimatePrefix={now.accuracy.kind === 'sample' ? t('about', { value: '' }) : ''}
      words={words}
      note={
        untimedExecutions > 0
          ? t('untimed', { count: untimedExecutions, number: count(untimedExecutions) })
          : null
      }
    >
      <NumberTable
        title={t('histogram')}
        firstHead={t('runTime')}
        heads={[t('timed')]}
        rows={rows.filter(({ values }) => (values[0] ?? 0) > 0)}
        format={count}
      />
    </BarChart>
  );
}

/** The numbers of a chart as a table. */
function NumberTable({
  title,
  firstHead,
  heads,
  rows,
  format,
}: {
  title: string;
  firstHead: string;
  heads: string[];
  rows: { name: ReactNode; values: number[] }[];
  format: (value: number) => string;
}) {
  const cellClass = 'px-2 py-1 text-right whitespace-nowrap';
  return (
    <div className="max-h-72 overflow-auto" tabIndex={0} role="group" aria-label={title}>
      <table className="w-full border-collapse text-sm">
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr className="border-b border-line text-soft">
            <th scope="col" className="px-2 py-1 text-left font-normal whitespace-nowrap">
              {firstHead}
            </th>
            {heads.map((head, n) => (
              <th
                key={n}
                scope="col"
                className={`${cellClass} max-w-48 truncate font-normal`}
                title={head}
              >
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, values }, row) => (
            <tr key={row} className="border-b border-line last:border-0">
              <th scope="row" className="px-2 py-1 text-left font-normal whitespace-nowrap">
                {name}
              </th>
              {values.map((value, n) => (
                <td
                  key={n}
                  className={`${cellClass} ${n === 0 && values.length > 1 ? 'font-semibold' : ''}`}
                >
                  {value > 0 ? format(value) : ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
