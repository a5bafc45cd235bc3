'use client';

import { useLocale } from 'next-intl';
import { type RefObject, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { subscribeToSettings } from '../display-settings';
import { type SeriesStyle, colorOf } from './series-style';

export interface BarSeries {
  name: string;
  style: SeriesStyle;
  /** One value for each label. */
  values: number[];
}

interface Props {
  /** Labels of the bars, from left to right. */
  labels: string[];
  series: BarSeries[];
  format: (value: number) => string;
  onHover: (bar: number | null) => void;
}

/** The current callbacks, so that a new one does not recreate the plot. */
type Latest = RefObject<Pick<Props, 'format' | 'onHover'>>;

const HEIGHT = 170;
const FONT = '12px system-ui, sans-serif';
/** Axis steps that are round numbers of seconds, minutes and hours as well as counts. */
const STEPS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000, 86_400]
  .flatMap((unit) => [1, 2, 5].map((n) => n * unit))
  .concat([1e6, 1e7, 1e8].flatMap((unit) => [1, 2, 5].map((n) => n * unit)))
  .sort((a, b) => a - b);

/** Approximate width of a text in FONT, in px. */
const widthOf = (text: string) =>
  [...text].reduce((sum, char) => sum + (char > '\u2e80' ? 13 : 7.5), 0);

/** Cumulative sums: uPlot draws the first series over the following ones. */
function stackSeries(labels: string[], series: BarSeries[]): uPlot.AlignedData {
  const sums = new Array<number>(labels.length).fill(0);
  const layers = [...series].reverse().map(({ values }) => {
    labels.forEach((_, n) => {
      sums[n] = (sums[n] ?? 0) + (values[n] ?? 0);
    });
    return [...sums];
  });
  return [labels.map((_, n) => n), ...layers.reverse()];
}

/** Indexes of the bars whose labels fit into the width of the element. */
function visibleLabels(labels: string[], elementWidth: number): number[] {
  const maxWidth = Math.max(...labels.map(widthOf), 20);
  const step = Math.max(elementWidth - 70, 1) / labels.length;
  const interval = Math.max(1, Math.ceil((maxWidth + 10) / step));
  // A label is centred below its bar, so one near the right edge would be cut off.
  const fits = (n: number) => (labels.length - n - 0.5) * step >= maxWidth / 2 - 4;
  return labels.map((_, n) => n).filter((n) => n % interval === 0 && fits(n));
}

/** The axes of the labels and of the values; `latest` supplies the current format. */
function plotAxes(element: HTMLElement, labels: string[], latest: Latest): uPlot.Axis[] {
  const labelledBars = visibleLabels(labels, element.clientWidth);
  const axis = {
    stroke: colorOf('--soft', element),
    font: FONT,
    grid: { stroke: colorOf('--line', element), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...axis,
      size: 26,
      grid: { show: false },
      splits: () => labelledBars,
      values: (_, splits) => splits.map((n) => labels[n] ?? ''),
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
  ];
}

function createPlot(
  element: HTMLElement,
  labels: string[],
  series: BarSeries[],
  latest: Latest,
): uPlot {
  const bars = labels.length;
  const hoveredBar = (u: uPlot) => {
    const { left } = u.cursor;
    if (left === undefined || left < 0) return null;
    return Math.max(0, Math.min(bars - 1, Math.round(u.posToVal(left, 'x'))));
  };
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      scales: {
        x: { time: false, range: () => [-0.5, bars - 0.5] },
        y: { range: (_, __, max) => [0, Math.max(max, 0.001) * 1.05] },
      },
      axes: plotAxes(element, labels, latest),
      series: [
        {},
        ...series.map(({ style }) => ({
          fill: colorOf(style.property, element),
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
      hooks: { setCursor: [(u) => latest.current.onHover(hoveredBar(u))] },
    },
    stackSeries(labels, series),
    element,
  );
}

/** Stacked bars with labels, drawn on a canvas. */
export default function BarPlot({ labels, series, format, onHover }: Props) {
  const locale = useLocale();
  const root = useRef<HTMLDivElement>(null);
  const latest = useRef({ format, onHover });
  useEffect(() => {
    latest.current = { format, onHover };
  });
  const dataJson = JSON.stringify([labels, series]);

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const [barLabels, barSeries] = JSON.parse(dataJson) as [string[], BarSeries[]];
    const create = () => createPlot(element, barLabels, barSeries, latest);
    let plot = create();
    const redraw = () => {
      plot.destroy();
      plot = create();
    };
    const resizeObserver = new ResizeObserver(() =>
      plot.width === element.clientWidth ? undefined : redraw(),
    );
    resizeObserver.observe(element);
    const darkScheme = matchMedia('(prefers-color-scheme: dark)');
    darkScheme.addEventListener('change', redraw);
    const unsubscribe = subscribeToSettings(redraw);
    return () => {
      resizeObserver.disconnect();
      darkScheme.removeEventListener('change', redraw);
      unsubscribe();
      plot.destroy();
    };
  }, [dataJson, locale]);

  return <div ref={root} className="h-[170px] w-full overflow-hidden" />;
}
