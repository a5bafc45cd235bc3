'use client';

import { useLocale, useTimeZone } from 'next-intl';
import { type RefObject, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { CHART_RANGES, type Chart } from '@/lib/jobs/types';
import { subscribeToSettings } from '../display-settings';
import { colorOf, seriesStyle } from './series-style';

/** A range of bucket indexes, both ends included. */
export interface Span {
  first: number;
  last: number;
}

interface Props {
  chart: Chart;
  /** The filter's time range. */
  filterSpan: Span | null;
  /** The selection by keyboard. */
  selectedSpan: Span | null;
  onHover: (bucket: number | null) => void;
  onPick: (span: Span) => void;
}

const HEIGHT = 64;
const FONT = '12px system-ui, sans-serif';

/** Cumulative sums: uPlot draws the largest first and the others over it. */
function stackSeries({ start, range, series }: Chart): uPlot.AlignedData {
  const { buckets, seconds } = CHART_RANGES[range];
  const times = Array.from({ length: buckets }, (_, n) => start + n * seconds);
  const sums = new Array<number>(buckets).fill(0);
  const layers = [...series].reverse().map(({ counts }) => {
    counts.forEach((count, n) => {
      sums[n] = (sums[n] ?? 0) + count;
    });
    return [...sums];
  });
  return [times, ...layers.reverse()];
}

/** The values that a plot reads whenever it draws or calls back. */
interface Latest {
  chart: RefObject<Chart>;
  props: RefObject<Pick<Props, 'filterSpan' | 'onHover' | 'onPick'>>;
}

interface PlotContext {
  /** The element of the plot, which supplies the theme's colours. */
  element: HTMLElement;
  locale: string;
  zone: string;
}

function plotAxes(range: Chart['range'], { element, locale, zone }: PlotContext): uPlot.Axis[] {
  const timeFormat = new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    hourCycle: 'h23',
    ...(range === 'week'
      ? { month: 'numeric', day: 'numeric' }
      : { hour: '2-digit', minute: '2-digit' }),
  });
  const axis = {
    stroke: colorOf('--soft', element),
    font: FONT,
    grid: { stroke: colorOf('--line', element), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...axis,
      size: 18,
      gap: 2,
      space: 70,
      grid: { show: false },
      values: (_, splits) => splits.map((at) => timeFormat.format(at * 1000)),
    },
    // The numbers are in the legend, and in the table.
    { show: false },
  ];
}

/** Draws the filter's range behind the bars, and reports the hovered and the selected buckets. */
function plotHooks(range: Chart['range'], { chart, props }: Latest, element: HTMLElement) {
  const { seconds, buckets } = CHART_RANGES[range];
  const bucketAt = (u: uPlot, left: number) => {
    const bucket = Math.floor((u.posToVal(left, 'x') - chart.current.start) / seconds);
    return Math.max(0, Math.min(buckets - 1, bucket));
  };
  const drawFilterSpan = (u: uPlot) => {
    const span = props.current.filterSpan;
    if (!span) return;
    const at = (bucket: number) => u.valToPos(chart.current.start + bucket * seconds, 'x', true);
    const width = at(span.last + 1) - at(span.first);
    u.ctx.fillStyle = colorOf('--accent-wash', element);
    u.ctx.fillRect(at(span.first), u.bbox.top, width, u.bbox.height);
  };
  const reportHover = (u: uPlot) => {
    const { left } = u.cursor;
    props.current.onHover(left === undefined || left < 0 ? null : bucketAt(u, left));
  };
  const reportSelection = (u: uPlot) => {
    if (u.select.width <= 0) return;
    const span = {
      first: bucketAt(u, u.select.left),
      last: bucketAt(u, u.select.left + u.select.width - 1),
    };
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    props.current.onPick(span);
  };
  return { drawClear: [drawFilterSpan], setCursor: [reportHover], setSelect: [reportSelection] };
}

function createPlot({ range, by, series }: Chart, latest: Latest, context: PlotContext): uPlot {
  const { element, zone } = context;
  const { seconds, buckets } = CHART_RANGES[range];
  const { chart } = latest;
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), zone),
      scales: {
        x: { range: () => [chart.current.start, chart.current.start + buckets * seconds] },
        y: { range: (_, __, max) => [0, Math.max(1, max) * 1.05] },
      },
      axes: plotAxes(range, context),
      series: [
        {},
        ...series.map((item, n) => ({
          fill: colorOf(seriesStyle(by, item, n).property, element),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars?.({ size: [0.86, 40], align: 1 }),
        })),
      ],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
      },
      hooks: plotHooks(range, latest, element),
    },
    stackSeries(chart.current),
    element,
  );
}

/** Stacked bars on a canvas; dragging across them selects a time range. */
export default function ChartPlot({ chart, filterSpan, selectedSpan, onHover, onPick }: Props) {
  const locale = useLocale();
  const zone = useTimeZone() ?? 'UTC';
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latestProps = useRef({ filterSpan, onHover, onPick });
  useEffect(() => {
    latestProps.current = { filterSpan, onHover, onPick };
    plot.current?.redraw(false);
  });
  // New data of the same shape updates the plot; any other change recreates it.
  const shape = JSON.stringify([
    chart.range,
    chart.by,
    chart.series.map(({ name, other }) => [name, other]),
    locale,
    zone,
  ]);
  const latestChart = useRef(chart);
  useEffect(() => {
    latestChart.current = chart;
    plot.current?.setData(stackSeries(chart));
  }, [chart]);

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const initialChart = latestChart.current;
    const create = () =>
      createPlot(
        initialChart,
        { chart: latestChart, props: latestProps },
        { element, locale, zone },
      );
    let current = create();
    plot.current = current;
    const recreate = () => {
      current.destroy();
      current = create();
      plot.current = current;
    };
    const resizeObserver = new ResizeObserver(() =>
      current.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resizeObserver.observe(element);
    const darkScheme = matchMedia('(prefers-color-scheme: dark)');
    darkScheme.addEventListener('change', recreate);
    const unsubscribe = subscribeToSettings(recreate);
    return () => {
      resizeObserver.disconnect();
      darkScheme.removeEventListener('change', recreate);
      unsubscribe();
      current.destroy();
      plot.current = null;
    };
  }, [shape, locale, zone]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    const { seconds } = CHART_RANGES[chart.range];
    const at = (bucket: number) => u.valToPos(chart.start + bucket * seconds, 'x');
    u.setSelect(
      selectedSpan
        ? {
            left: at(selectedSpan.first),
            top: 0,
            width: at(selectedSpan.last + 1) - at(selectedSpan.first),
            height: u.over.clientHeight,
          }
        : { left: 0, top: 0, width: 0, height: 0 },
      false,
    );
  }, [selectedSpan, chart, shape]);

  return <div ref={root} aria-hidden="true" className="h-16 overflow-hidden" />;
}
