import { useFormatter, useTranslations } from 'next-intl';
import { memo } from 'react';
import { type Activity, type Mark, type Marks, type Range, RANGES } from '@/lib/overview/types';
import { useCount } from '../quantities';
import { Icon, type IconName } from '../ui/icon';

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

const STYLES: Record<Mark['kind'], { icon: IconName; text: string; line: string }> = {
  workers: { icon: 'flag', text: 'text-soft', line: 'stroke-soft' },
  pause: { icon: 'paused', text: 'text-paused', line: 'stroke-paused' },
  unpause: { icon: 'resume', text: 'text-paused', line: 'stroke-paused' },
  bulk: { icon: 'bulk', text: 'text-accent', line: 'stroke-accent' },
};

/** A label needs this share of the width, in percent. */
const LABEL_WIDTH = 18;
const MAX_LABEL = 24;
/** Marks that are listed below the chart. */
const MAX_LISTED = 4;

/** Returns the name of an action of the audit; a newer console may have written another one. */
export function useActionName(): (action: string) => string {
  const t = useTranslations('audit.actions');
  return (action) => {
    const key = action as never;
    return t.has(key) ? t(key) : action;
  };
}

function useMarkText(): (mark: Mark) => string {
  const t = useTranslations('overview.marks');
  const actionName = useActionName();
  const count = useCount();
  return (mark) => {
    if (mark.kind === 'workers') return t('workers', { count: mark.processes });
    const { act } = mark;
    if (mark.kind === 'bulk')
      return t('bulk', {
        action: actionName(act.action),
        number: count(act.done),
        viewer: act.viewer,
      });
    return t(mark.kind, { name: act.targetName ?? '', viewer: act.viewer });
  };
}

const cut = (text: string) => (text.length > MAX_LABEL ? `${text.slice(0, MAX_LABEL - 1)}…` : text);

/** A dashed line for each mark, with a label where there is room. */
export function ChartMarks({
  marks: { marks },
  activity,
  range,
}: {
  marks: Marks;
  activity: Activity;
  range: Range;
}) {
  const text = useMarkText();
  const { buckets, seconds } = RANGES[range];
  const positions = marks.map(
    ({ atMs }) => ((atMs - activity.startMs) / (buckets * seconds * 1000)) * 100,
  );
  return marks.map((mark, n) => {
    const x = positions[n] ?? 0;
    const { icon, line, text: color } = STYLES[mark.kind];
    const isLabelledRight = (positions[n + 1] ?? 100) - x > LABEL_WIDTH;
    const isLabelledLeft = !isLabelledRight && x - (positions[n - 1] ?? 0) > LABEL_WIDTH;
    return (
      <g key={`${mark.atMs} ${n}`} data-mark={mark.kind}>
        <line
          x1={`${x.toFixed(3)}%`}
          x2={`${x.toFixed(3)}%`}
          y1="4"
          y2={PLOT_HEIGHT - 20}
          strokeDasharray="3 3"
          className={line}
        />
        <svg x={`${x.toFixed(3)}%`} y="2" className={`overflow-visible ${color}`}>
          <use
            href={`#icon-${icon}`}
            x="4"
            width="12"
            height="12"
            className="fill-none stroke-current stroke-2"
          />
          {(isLabelledRight || isLabelledLeft) && (
            <text
              x={isLabelledRight ? 20 : -6}
              y="10"
              textAnchor={isLabelledRight ? 'start' : 'end'}
              className="fill-current text-xs max-lg:hidden"
            >
              {cut(text(mark))}
            </text>
          )}
        </svg>
      </g>
    );
  });
}

/** The newest marks in words, and what is not among them. */
export function MarkList({ marks }: { marks: Marks | null }) {
  const t = useTranslations('overview.marks');
  const format = useFormatter();
  const text = useMarkText();
  return (
    <div className="mt-1 flex flex-wrap gap-x-4 gap-y-0.5 text-xs text-soft">
      {(marks?.marks ?? [])
        .slice(-MAX_LISTED)
        .reverse()
        .map((mark, n) => (
          <span
            key={n}
            className="inline-flex max-w-full min-w-0 items-center gap-1"
            data-mark-text=""
          >
            <Icon name={STYLES[mark.kind].icon} className={`size-3 ${STYLES[mark.kind].text}`} />
            <span className="text-faint">
              {format.dateTime(new Date(mark.atMs), {
                hour: '2-digit',
                minute: '2-digit',
                hourCycle: 'h23',
              })}
            </span>
            <span className="truncate">{text(mark)}</span>
          </span>
        ))}
      {marks === null && <span className="text-warn">{t('unknown')}</span>}
      {marks?.more && <span>{t('more')}</span>}
      <span className="text-faint">{t('note')}</span>
    </div>
  );
}
