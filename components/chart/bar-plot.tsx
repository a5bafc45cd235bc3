'use client';

import { useLocale } from 'next-intl';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { type SeriesStyle, colorOf } from './series-style';

export interface BarSeries {
  name: string;
  look: SeriesStyle;
  /** A value for each label. */
  values: number[];
}

interface Props {
  /** Of the bars, from left to right. */
  labels: string[];
  series: BarSeries[];
  format: (value: number) => string;
  onHover: (bar: number | null) => void;
}

const HEIGHT = 170;
const FONT = '12px system-ui, sans-serif';
/** Steps of an axis: also those in which seconds become minutes and hours. */
const STEPS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000, 86_400]
  .flatMap((unit) => [1, 2, 5].map((n) => n * unit))
  .concat([1e6, 1e7, 1e8].flatMap((unit) => [1, 2, 5].map((n) => n * unit)))
  .sort((a, b) => a - b);

/** About how wide a text is in FONT, px. */
const widthOf = (text: string) =>
  [...text].reduce((sum, char) => sum + (char > '\u2e80' ? 13 : 7.5), 0);

/** The first series on top of those after it. */
function stacked(labels: string[], series: BarSeries[]): uPlot.AlignedData {
  const sums = new Array<number>(labels.length).fill(0);
  const layers = [...series]
    .reverse()
    .map(({ values }) => labels.map((_, n) => (sums[n] = (sums[n] ?? 0) + (values[n] ?? 0))));
  return [labels.map((_, n) => n), ...layers.reverse()];
}

/** Stacked bars with a name each, on a canvas. */
export default function BarPlot({ labels, series, format, onHover }: Props) {
  const locale = useLocale();
  const root = useRef<HTMLDivElement>(null);
  const latest = useRef({ format, onHover });
  useEffect(() => {
    latest.current = { format, onHover };
  });
  const drawn = JSON.stringify([labels, series]);

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const [names, all] = JSON.parse(drawn) as [string[], BarSeries[]];
    const bars = names.length;
    const make = () => {
      const axis = {
        stroke: colorOf('--soft', element),
        font: FONT,
        grid: { stroke: colorOf('--line', element), width: 1 },
        ticks: { show: false },
      };
      const widest = Math.max(...names.map(widthOf), 20);
      const step = Math.max(element.clientWidth - 70, 1) / bars;
      const every = Math.max(1, Math.ceil((widest + 10) / step));
      // A name stands in the middle below its bar: near the edge it would be cut.
      const named = names
        .map((_, n) => n)
        .filter((n) => n % every === 0 && (bars - n - 0.5) * step >= widest / 2 - 4);
      return new uPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          scales: {
            x: { time: false, range: () => [-0.5, bars - 0.5] },
            y: { range: (_, __, max) => [0, Math.max(max, 0.001) * 1.05] },
          },
          axes: [
            {
              ...axis,
              size: 26,
              grid: { show: false },
              splits: () => named,
              values: (_, splits) => splits.map((n) => names[n] ?? ''),
            },
            {
              ...axis,
              size: (_, values: string[] | null) =>
                Math.max(64, ...(values ?? []).map((text) => widthOf(text) + 16)),
              space: 34,
              incrs: STEPS,
              values: (_, splits) =>
                splits.map((value) => (value === 0 ? '0' : latest.current.format(value))),
            },
          ],
          series: [
            {},
            ...all.map(({ look }) => ({
              fill: colorOf(look.property, element),
              width: 0,
              points: { show: false },
              paths: uPlot.paths.bars?.({ size: [0.86, 60], align: 0 }),
            })),
          ],
          cursor: {
            y: false,
            points: { show: false },
            drag: { x: false, y: false, setScale: false },
          },
          hooks: {
            setCursor: [
              (u) =>
                latest.current.onHover(
                  u.cursor.left === undefined || u.cursor.left < 0
                    ? null
                    : Math.max(0, Math.min(bars - 1, Math.round(u.posToVal(u.cursor.left, 'x')))),
                ),
            ],
          },
        },
        stacked(names, all),
        element,
      );
    };
    let made = make();
    const again = () => {
      made.destroy();
      made = make();
    };
    const resized = new ResizeObserver(() =>
      made.width === element.clientWidth ? undefined : again(),
    );
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', again);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', again);
      made.destroy();
    };
  }, [drawn, locale]);

  return <div ref={root} className="h-[170px] w-full overflow-hidden" />;
}
