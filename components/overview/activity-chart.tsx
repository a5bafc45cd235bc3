'use client';

import { useTimeZone, useTranslations } from 'next-intl';
import { type KeyboardEvent, type PointerEvent, useState } from 'react';
import { type Activity, type Marks, type Range, RANGES } from '@/lib/overview/types';
import { Link, useNavigate } from '../navigation';
import { usePausePolling } from '../polling/polling-provider';
import { useCount, useCountText } from '../quantities';
import { timeTerm } from '../search/query-terms';
import { Bars, ChartMarks, MarkList, PLOT_HEIGHT, SERIES, useBarTime, ValueAxis } from './bars';

export interface Crosshair {
  /** The bar under the pointer, from the left; null: none. */
  hover: number | null;
  onHover: (bar: number | null) => void;
}

interface Span {
  anchor: number;
  at: number;
}

/** The path of the jobs that finished between two bars, both included. */
function usePathOfBars(
  { startMs }: Activity,
  range: Range,
): (first: number, last: number) => string {
  const zone = useTimeZone() ?? 'UTC';
  const lengthMs = RANGES[range].seconds * 1000;
  return (first, last) => {
    const q = timeTerm(
      'finished',
      startMs + first * lengthMs,
      startMs + (last + 1) * lengthMs,
      zone,
    );
    return `/jobs?${new URLSearchParams({ q })}`;
  };
}

/** Selecting bars by dragging or with the keyboard; `onPick` gets the first and the last one. */
function useSpan(
  bars: number,
  onHover: Crosshair['onHover'],
  onPick: (a: number, b: number) => void,
) {
  const [span, setSpan] = useState<Span | null>(null);
  const [isDragging, setDragging] = useState(false);
  usePausePolling(span !== null);
  const first = span && Math.min(span.anchor, span.at);
  const last = span && Math.max(span.anchor, span.at);
  const barAt = ({ currentTarget, clientX }: PointerEvent) => {
    const { left, width } = currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(bars - 1, Math.floor(((clientX - left) / width) * bars)));
  };
  const clear = () => {
    setSpan(null);
    setDragging(false);
  };
  const pick = () => {
    clear();
    if (first !== null && last !== null) onPick(first, last);
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0 || event.pointerType === 'touch') return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setDragging(true);
      setSpan({ anchor: barAt(event), at: barAt(event) });
    },
    onPointerMove: (event: PointerEvent) => {
      const at = barAt(event);
      onHover(at);
      if (isDragging && span) setSpan({ ...span, at });
    },
    onPointerUp: (event: PointerEvent) => {
      if (!isDragging || !span) return;
      const at = barAt(event);
      clear();
      // A click selects nothing.
      if (at !== span.anchor) onPick(Math.min(at, span.anchor), Math.max(at, span.anchor));
    },
    onPointerCancel: clear,
    onPointerLeave: () => onHover(null),
    onKeyDown: (event: KeyboardEvent) => {
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (direction !== undefined) {
        const at = Math.max(0, Math.min(bars - 1, (span?.at ?? bars) + direction));
        setSpan({ at, anchor: event.shiftKey && span ? span.anchor : at });
        onHover(at);
      } else if (event.key === 'Enter' && span) pick();
      else if (event.key === 'Escape' && span) clear();
      else return;
      event.preventDefault();
    },
    onBlur: () => {
      clear();
      onHover(null);
    },
  };
  return { first, last, handlers };
}

/** Succeeded and discarded jobs and retried attempts over time, with marks. */
export function ActivityChart({
  activity,
  marks,
  range,
  hover,
  onHover,
}: { activity: Activity; marks: Marks | null; range: Range } & Crosshair) {
  const t = useTranslations('overview.activity');
  const navigate = useNavigate();
  const pathOfBars = usePathOfBars(activity, range);
  const { buckets, seconds } = RANGES[range];
  const selection = useSpan(buckets, onHover, (first, last) => navigate(pathOfBars(first, last)));
  return (
    <figure aria-label={t('title', { minutes: seconds / 60 })} className="min-w-0">
      <figcaption className="mb-1 flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 className="card-title">{t('title', { minutes: seconds / 60 })}</h2>
        <Legend activity={activity} range={range} hover={hover} selection={selection} />
      </figcaption>
      <div className="flex">
        <ValueAxis activity={activity} />
        <div
          tabIndex={0}
          role="group"
          aria-label={`${t('title', { minutes: seconds / 60 })}. ${t('hint')}`}
          data-plot=""
          {...selection.handlers}
          className="relative min-w-0 flex-1 cursor-crosshair touch-pan-y select-none"
        >
          <svg
            aria-hidden="true"
            width="100%"
            height={PLOT_HEIGHT}
            className="block overflow-visible"
          >
            {selection.first !== null && selection.last !== null && (
              <rect
                x={`${(selection.first * 100) / buckets}%`}
                width={`${((selection.last - selection.first + 1) * 100) / buckets}%`}
                y="0"
                height={PLOT_HEIGHT}
                className="fill-accent-wash"
              />
            )}
            <Bars activity={activity} range={range} />
            {marks && <ChartMarks marks={marks} activity={activity} range={range} />}
            {hover !== null && (
              <line
                x1={`${((hover + 0.5) * 100) / buckets}%`}
                x2={`${((hover + 0.5) * 100) / buckets}%`}
                y1="0"
                y2={PLOT_HEIGHT - 20}
                className="stroke-line-strong"
                data-crosshair={hover}
              />
            )}
          </svg>
        </div>
      </div>
      <MarkList marks={marks} />
      {activity.retried === null && <p className="text-xs text-warn">{t('retriedUnknown')}</p>}
      <ActivityTable activity={activity} range={range} pathOfBars={pathOfBars} />
    </figure>
  );
}

/** The series with their numbers: of the selected bars, the bar under the pointer, or all. */
function Legend({
  activity,
  range,
  hover,
  selection: { first, last },
}: {
  activity: Activity;
  range: Range;
  hover: number | null;
  selection: { first: number | null; last: number | null };
}) {
  const t = useTranslations('overview.activity');
  const count = useCount();
  const countText = useCountText();
  const time = useBarTime(activity, range);
  const from = first ?? hover;
  const to = last ?? hover;
  const sum = (values: number[] | null) =>
    (values ?? []).slice(from ?? 0, (to ?? values?.length ?? 0) + 1).reduce((a, b) => a + b, 0);
  const text = (value: number) =>
    activity.isEstimate && value > 0
      ? countText({ kind: 'estimate', count: value }).text
      : count(value);
  return (
    <>
      <ul className="flex flex-wrap gap-x-3 text-xs text-soft">
        {SERIES.map(({ name, swatch }) => (
          <li key={name} className="flex items-center gap-1.5">
            <span aria-hidden="true" className={`size-2.5 rounded-xs ${swatch}`} />
            {t(name)} <span className="text-ink">{text(sum(activity[name]))}</span>
          </li>
        ))}
        {activity.isEstimate && <li className="text-warn">{t('estimate')}</li>}
      </ul>
      <span aria-live="polite" className="ml-auto min-h-4 text-xs text-faint">
        {from !== null && to !== null ? (
          `${time(from)}–${time(to + 1)}`
        ) : (
          <span className="js-only max-md:hidden">{t('dragHint')}</span>
        )}
      </span>
    </>
  );
}

/** The numbers of the chart, newest first, without empty bars. */
function ActivityTable({
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
