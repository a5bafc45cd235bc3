import { useFormatter, useTranslations } from 'next-intl';
import { type Activity, type Mark, type Marks, RANGES, type Range } from '@/lib/overview/types';
import { useCount } from '../quantities';
import { Icon, type IconName } from '../ui/icon';
import { PLOT_HEIGHT } from './bars';

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
