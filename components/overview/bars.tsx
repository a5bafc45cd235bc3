import { useFormatter } from 'next-intl';
import { memo } from 'react';
import { type Activity, RANGES, type Range } from '@/lib/overview/types';
import { useCount } from '../quantities';

/** Room for the marks above the bars, and for the times below. */
const TOP = 26;
const BOTTOM = 20;
export const PLOT_HEIGHT = 236;
const BARS_HEIGHT = PLOT_HEIGHT - TOP - BOTTOM;

/** The series from the bottom to the top of a bar. */
export const SERIES = [
  { name: 'succeeded', fill: 'fill-succeeded', swatch: 'bg-succeeded' },
  { name: 'retried', fill: 'fill-retried', swatch: 'bg-retried' },
  { name: 'discarded', fill: 'fill-discarded', swatch: 'bg-discarded' },
] as const;

/** The highest value of the axis and its lines: round numbers above the highest bar. */
function axisOf(activity: Activity): { max: number; lines: number[] } {
  const highest = Math.max(
    ...activity.succeeded.map((_, n) =>
      SERIES.reduce((sum, { name }) => sum + (activity[name]?.[n] ?? 0), 0),
    ),
    1,
  );
  const unit = 10 ** Math.floor(Math.log10(highest / 3));
  const step = Math.max(1, ([1, 2, 5, 10].find((n) => n * unit >= highest / 3) ?? 10) * unit);
  const steps = Math.ceil(highest / step);
  return { max: steps * step, lines: Array.from({ length: steps }, (_, n) => (n + 1) * step) };
}

const yOf = (value: number, max: number) => TOP + BARS_HEIGHT * (1 - value / max);

/** Returns a formatter for the time of day of a bar. */
export function useBarTime({ startMs }: Pick<Activity, 'startMs'>, range: Range) {
  const format = useFormatter();
  return (bar: number) =>
    format.dateTime(new Date(startMs + bar * RANGES[range].seconds * 1000), {
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
}

/** The numbers beside the plot. */
export function ValueAxis({ activity }: { activity: Activity }) {
  const count = useCount();
  const { max, lines } = axisOf(activity);
  return (
    <svg aria-hidden="true" width="44" height={PLOT_HEIGHT} className="shrink-0 text-xs">
      {[0, ...lines].map((value) => (
        <text key={value} x="38" y={yOf(value, max) + 4} textAnchor="end" className="fill-faint">
          {count(value)}
        </text>
      ))}
    </svg>
  );
}

/** Stacked bars; positions are attributes in percent, which need no script to fit the width. */
export const Bars = memo(function Bars({ activity, range }: { activity: Activity; range: Range }) {
  const time = useBarTime(activity, range);
  const { buckets } = RANGES[range];
  const { max, lines } = axisOf(activity);
  const width = 100 / buckets;
  return (
    <>
      {[0, ...lines].map((value) => (
        <line
          key={value}
          x1="0"
          x2="100%"
          y1={yOf(value, max)}
          y2={yOf(value, max)}
          className="stroke-line"
        />
      ))}
      {activity.succeeded.map((_, n) => {
        let below = 0;
        return SERIES.map(({ name, fill }) => {
          const value = activity[name]?.[n] ?? 0;
          const y = yOf(below + value, max);
          const height = yOf(below, max) - y;
          below += value;
          return value === 0 ? null : (
            <rect
              key={`${n} ${name}`}
              x={`${(n * width + width * 0.08).toFixed(3)}%`}
              width={`${(width * 0.84).toFixed(3)}%`}
              y={y.toFixed(1)}
              height={Math.max(height, 1).toFixed(1)}
              className={fill}
            />
          );
        });
      })}
      {[0, 0.25, 0.5, 0.75].map((part) => (
        <text key={part} x={`${part * 100}%`} y={PLOT_HEIGHT - 4} className="fill-faint text-xs">
          {time(part * buckets)}
        </text>
      ))}
      <text x="100%" y={PLOT_HEIGHT - 4} textAnchor="end" className="fill-faint text-xs">
        {time(buckets)}
      </text>
    </>
  );
});
