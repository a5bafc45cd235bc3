'use client';

import { type ReactNode, Suspense, useState } from 'react';
import { useCount, useDuration } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import type { BarSeries } from './bar-plot';

// Loads the chart library after the page.
const BarPlot = lazyScript(() => import('./bar-plot'));

interface Props {
  title: string;
  labels: string[];
  series: BarSeries[];
  /** The unit of the values. */
  unit: 'count' | 'seconds';
  /** Prefix of values that are estimated from a sample. */
  estimatePrefix: string;
  words: { asChart: string; asTable: string };
  /** Says what the chart omits. */
  note?: string | null;
  /** The same numbers as a table. */
  children: ReactNode;
}

/** A bar chart with a switch to a table; without JavaScript, the table. */
export function BarChart({
  title,
  labels,
  series,
  unit,
  estimatePrefix,
  words,
  note = null,
  children,
}: Props) {
  const count = useCount();
  const duration = useDuration();
  const [isTable, setTable] = useState(false);
  const [hover, setHover] = useState<number | null>(null);
  const format = (value: number) =>
    unit === 'seconds' ? duration(value) : count(Math.round(value));
  const valueText = (values: number[]) => {
    const value = hover === null ? values.reduce((sum, bar) => sum + bar, 0) : (values[hover] ?? 0);
    return value > 0 ? estimatePrefix + format(value) : format(0);
  };
  return (
    <figure aria-label={title} className="min-w-0 rounded-md border border-line px-3 py-2">
      <figcaption className="flex flex-wrap items-center gap-x-3">
        <span className="text-sm font-semibold">{title}</span>
        <span aria-live="polite" className="text-sm text-soft">
          {hover !== null && labels[hover]}
        </span>
        <Button
          kind="quiet"
          className="js-only ml-auto !min-h-7 !py-0"
          aria-pressed={isTable}
          onClick={() => setTable(!isTable)}
        >
          {isTable ? words.asChart : words.asTable}
        </Button>
      </figcaption>
      {!isTable && (
        <div className="js-only" aria-hidden="true">
          <Suspense fallback={<div className="h-[170px]" />}>
            <BarPlot labels={labels} series={series} format={format} onHover={setHover} />
          </Suspense>
          <ul className="flex flex-wrap gap-x-3 gap-y-0.5 text-xs">
            {series.map(({ name, style, values }) => (
              <li key={name} className="flex max-w-full min-w-0 items-center gap-1.5">
                <span className={`size-2.5 shrink-0 rounded-sm ${style.swatch}`} />
                <span className="min-w-0 font-mono any-break">{name}</span>
                <span className="text-soft">{valueText(values)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <div className={isTable ? '' : 'no-js-only'}>{children}</div>
      {note && <p className="mt-1 text-xs text-soft">{note}</p>}
    </figure>
  );
}
