'use client';

import { useLocale, useTimeZone } from 'next-intl';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { CHART_RANGES, type Chart } from '@/lib/jobs/types';
import { colorOf, seriesStyle } from './series-style';

/** Buckets from the first to the last, both included. */
export interface Span {
  first: number;
  last: number;
}

interface Props {
  chart: Chart;
  /** What the list is limited to, in buckets. */
  limited: Span | null;
  /** What is being chosen by the keys. */
  marked: Span | null;
  onHover: (bucket: number | null) => void;
  onPick: (span: Span) => void;
}

const HEIGHT = 150;
const FONT = '12px system-ui, sans-serif';

/** Each series on top of those after it: the largest is drawn first, the others over it. */
function stacked({ start, range, series }: Chart): uPlot.AlignedData {
  const { buckets, seconds } = CHART_RANGES[range];
  const times = Array.from({ length: buckets }, (_, n) => start + n * seconds);
  const sums = new Array<number>(buckets).fill(0);
  const layers = [...series]
    .reverse()
    .map(({ counts }) => counts.map((count, n) => (sums[n] = (sums[n] ?? 0) + count)));
  return [times, ...layers.reverse()];
}

/** Stacked bars on a canvas; dragging across them chooses a span of time. */
export default function ChartPlot({ chart, limited, marked, onHover, onPick }: Props) {
  const locale = useLocale();
  const zone = useTimeZone() ?? 'UTC';
  const root = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ limited, onHover, onPick });
  useEffect(() => {
    latest.current = { limited, onHover, onPick };
    plot.current?.redraw(false);
  });
  // A chart of the same shape takes new data; another one is made anew.
  const shape = JSON.stringify([
    chart.range,
    chart.by,
    chart.series.map(({ name, other }) => [name, other]),
    locale,
    zone,
  ]);
  const data = useRef(chart);
  useEffect(() => {
    data.current = chart;
    plot.current?.setData(stacked(chart));
  }, [chart]);

  useEffect(() => {
    const element = root.current;
    if (!element) return;
    const { range, by, series } = data.current;
    const { seconds, buckets } = CHART_RANGES[range];
    const tick = new Intl.DateTimeFormat(locale, {
      timeZone: zone,
      hourCycle: 'h23',
      ...(range === 'week'
        ? { month: 'numeric', day: 'numeric' }
        : { hour: '2-digit', minute: '2-digit' }),
    });
    const number = new Intl.NumberFormat(locale, { notation: 'compact' });
    const bucketAt = (u: uPlot, left: number) =>
      Math.max(
        0,
        Math.min(buckets - 1, Math.floor((u.posToVal(left, 'x') - data.current.start) / seconds)),
      );
    const make = () => {
      const axis = {
        stroke: colorOf('--soft', element),
        font: FONT,
        grid: { stroke: colorOf('--line', element), width: 1 },
        ticks: { show: false },
      };
      return new uPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          legend: { show: false },
          tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), zone),
          scales: {
            x: { range: () => [data.current.start, data.current.start + buckets * seconds] },
            y: { range: (_, __, max) => [0, Math.max(1, max) * 1.05] },
          },
          axes: [
            {
              ...axis,
              size: 26,
              space: 70,
              grid: { show: false },
              values: (_, splits) => splits.map((at) => tick.format(at * 1000)),
            },
            {
              ...axis,
              size: 46,
              space: 32,
              incrs: [1, 2, 5]
                .flatMap((n) => Array.from({ length: 8 }, (_, power) => n * 10 ** power))
                .sort((a, b) => a - b),
              values: (_, splits) => splits.map((value) => number.format(value)),
            },
          ],
          series: [
            {},
            ...series.map((one, n) => ({
              fill: colorOf(seriesStyle(by, one, n).property, element),
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
          hooks: {
            drawClear: [
              (u) => {
                const span = latest.current.limited;
                if (!span) return;
                const at = (bucket: number) =>
                  u.valToPos(data.current.start + bucket * seconds, 'x', true);
                u.ctx.fillStyle = colorOf('--accent-wash', element);
                u.ctx.fillRect(
                  at(span.first),
                  u.bbox.top,
                  at(span.last + 1) - at(span.first),
                  u.bbox.height,
                );
              },
            ],
            setCursor: [
              (u) =>
                latest.current.onHover(
                  u.cursor.left === undefined || u.cursor.left < 0
                    ? null
                    : bucketAt(u, u.cursor.left),
                ),
            ],
            setSelect: [
              (u) => {
                if (u.select.width <= 0) return;
                const span = {
                  first: bucketAt(u, u.select.left),
                  last: bucketAt(u, u.select.left + u.select.width - 1),
                };
                u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
                latest.current.onPick(span);
              },
            ],
          },
        },
        stacked(data.current),
        element,
      );
    };
    let made = (plot.current = make());
    const again = () => {
      made.destroy();
      made = plot.current = make();
    };
    const resized = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    resized.observe(element);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', again);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', again);
      made.destroy();
      plot.current = null;
    };
  }, [shape, locale, zone]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    const { seconds } = CHART_RANGES[chart.range];
    const at = (bucket: number) => u.valToPos(chart.start + bucket * seconds, 'x');
    u.setSelect(
      marked
        ? {
            left: at(marked.first),
            top: 0,
            width: at(marked.last + 1) - at(marked.first),
            height: u.over.clientHeight,
          }
        : { left: 0, top: 0, width: 0, height: 0 },
      false,
    );
  }, [marked, chart, shape]);

  return <div ref={root} aria-hidden="true" className="h-[150px] overflow-hidden" />;
}
