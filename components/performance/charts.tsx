import { useFormatter, useTranslations } from 'next-intl';
import { isBlankName } from '@/lib/jobs/links';
import { HISTOGRAM, type Performance } from '@/lib/performance/filters';
import { AbsoluteTime } from '../absolute-time';
import { BarChart } from '../chart/bar-chart';
import type { BarSeries } from '../chart/bar-plot';
import { OTHER, PALETTE } from '../chart/series-style';
import { useCount, useDuration } from '../quantities';
import { NumberTable } from './number-table';

const useWords = () => {
  const t = useTranslations('chart');
  return { asChart: t('asChart'), asTable: t('asTable') };
};

/** Run time of all executions by when they began, of the classes that took most of it. */
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
  const words = useWords();
  const [from, width] = [
    Date.parse(period.from),
    (Date.parse(period.to) - Date.parse(period.from)) / buckets,
  ];
  const starts = Array.from({ length: buckets }, (_, n) => from + n * width);
  const short = width * buckets <= 90_000_000;
  const labels = starts.map((at) =>
    format.dateTime(at, {
      ...(short ? {} : { month: 'numeric', day: 'numeric' }),
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
  const rest = ranked.slice(PALETTE.length);
  const series: BarSeries[] = ranked.slice(0, PALETTE.length).map(([name, values], n) => ({
    name: name === null || isBlankName(name) ? t('noName') : name,
    look: PALETTE[n] ?? OTHER,
    values,
  }));
  if (rest.length > 0)
    series.push({
      name: t('other'),
      look: OTHER,
      values: starts.map((_, n) => sum(rest.map(([, values]) => values[n] ?? 0))),
    });
  if (series.length === 0) return null;
  return (
    <BarChart
      title={t(jobClass === null ? 'chartTitle' : 'chartTitleOfClass')}
      labels={labels}
      series={series}
      unit="seconds"
      about={now.accuracy.kind === 'sample' ? t('about', { value: '' }) : ''}
      words={words}
    >
      <NumberTable
        title={t('chartTitle')}
        first={t('from')}
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

/** How many executions took how long, in GoodJob's own steps. */
export function HistogramChart({ performance: { now } }: { performance: Performance }) {
  const t = useTranslations('performance');
  const duration = useDuration();
  const count = useCount();
  const words = useWords();
  const timed = now.histogram.reduce((sum, value) => sum + value, 0);
  if (timed === 0) return null;
  const untimed = now.accuracy.kind === 'exact' ? (now.total?.executions ?? 0) - timed : 0;
  const names = now.histogram.map((_, n) =>
    n < HISTOGRAM.length ? duration(HISTOGRAM[n] ?? 0) : t('slow'),
  );
  const rows = now.histogram.map((value, n) => {
    const [from, to] = [HISTOGRAM[n - 1], HISTOGRAM[n]];
    const name =
      from === undefined
        ? t('below', { to: duration(to ?? 0) })
        : to === undefined
          ? t('above', { from: duration(from) })
          : t('between', { from: duration(from), to: duration(to) });
    return { name, values: [value] };
  });
  return (
    <BarChart
      title={t('histogram')}
      labels={names}
      series={[{ name: t('timed'), look: PALETTE[0] ?? OTHER, values: now.histogram }]}
      unit="count"
      about={now.accuracy.kind === 'sample' ? t('about', { value: '' }) : ''}
      words={words}
      note={untimed > 0 ? t('untimed', { count: untimed, number: count(untimed) }) : null}
    >
      <NumberTable
        title={t('histogram')}
        first={t('runTime')}
        heads={[t('timed')]}
        rows={rows.filter(({ values }) => (values[0] ?? 0) > 0)}
        format={count}
      />
    </BarChart>
  );
}
