'use client';

import { type ReactNode, Suspense, useState } from 'react';
import { useCount, useDuration } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import type { BarSeries } from './bar-plot';

// The library that draws it comes after the page.
const BarPlot = lazyScript(() => import('./bar-plot'));

interface Props {
  title: string;
  labels: string[];
  series: BarSeries[];
  /** What the values are: numbers of something, or seconds. */
  unit: 'count' | 'seconds';
  /** Before a value that is reckoned from a sample. */
  about: string;
  words: { asChart: string; asTable: string };
  /** What the chart leaves out. */
  note?: string | null;
  /** The same numbers as a table. */
  children: ReactNode;
}

/** A chart and, in its place if so wished and without JavaScript, its numbers as a table. */
export function BarChart({
  title,
  labels,
  series,
  unit,
  about,
  words,
  note = null,
  children,
}: Props) {
  const count = useCount();
  const duration = useDuration();
  const [table, setTable] = useState(false);
  const [hover, setHover] = useState<number | null>(null);
  const format = (value: number) =>
    unit === 'seconds' ? duration(value) : count(Math.round(value));
  const text = (values: number[]) => {
    const value = hover === null ? values.reduce((sum, one) => sum + one, 0) : (values[hover] ?? 0);
    return value > 0 ? about + format(value) : format(0);
  };
  return (
    <figure aria-label={title} className="min-w-0 rounded-md border border-line px-3 py-2">
      <figcaption className="flex flex-wrap items-center gap-x-3">
        <span className="text-[13px] font-semibold">{title}</span>
        <span aria-live="polite" className="text-[13px] text-soft">
          {hover !== null && labels[hover]}
        </span>
        <Button
          kind="quiet"
          className="js-only ml-auto !min-h-7 !py-0"
          aria-pressed={table}
          onClick={() => setTable(!table)}
        >
          {table ? words.asChart : words.asTable}
        </Button>
      </figcaption>
      {!table && (
        <div className="js-only" aria-hidden="true">
          <Suspense fallback={<div className="h-[170px]" />}>
            <BarPlot labels={labels} series={series} format={format} onHover={setHover} />
          </Suspense>
          <ul className="flex flex-wrap gap-x-3 gap-y-0.5 text-[12.5px]">
            {series.map(({ name, look, values }) => (
              <li key={name} className="flex max-w-full min-w-0 items-center gap-1.5">
                <span className={`size-2.5 shrink-0 rounded-sm ${look.swatch}`} />
                <span className="min-w-0 font-mono any-break">{name}</span>
                <span className="text-soft">{text(values)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <div className={table ? '' : 'no-js-only'}>{children}</div>
      {note && <p className="mt-1 text-[12.5px] text-soft">{note}</p>}
    </figure>
  );
}
