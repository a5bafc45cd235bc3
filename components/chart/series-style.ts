import { isJobState } from '@/lib/good-job/states';
import type { ChartGroup, ChartSeries } from '@/lib/jobs/types';
import { STATE_CLASSES } from '../jobs/state-badge';

/** A swatch and a colour; the names of custom properties of globals.css, so that both themes have their own. */
export interface SeriesStyle {
  property: string;
  swatch: string;
}

/** Told apart also by those who do not see red and green as two. */
export const PALETTE: SeriesStyle[] = [
  { property: '--chart-1', swatch: 'bg-chart-1' },
  { property: '--chart-2', swatch: 'bg-chart-2' },
  { property: '--chart-3', swatch: 'bg-chart-3' },
  { property: '--chart-4', swatch: 'bg-chart-4' },
  { property: '--chart-5', swatch: 'bg-chart-5' },
  { property: '--chart-6', swatch: 'bg-chart-6' },
  { property: '--chart-7', swatch: 'bg-chart-7' },
  { property: '--chart-8', swatch: 'bg-chart-8' },
];
export const OTHER: SeriesStyle = { property: '--line-strong', swatch: 'bg-line-strong' };

/** The look of the n-th series of a chart. */
export function seriesStyle(by: ChartGroup, { name, other }: ChartSeries, n: number): SeriesStyle {
  if (other) return OTHER;
  if (by === 'state' && name !== null && isJobState(name))
    return { property: `--${name}`, swatch: STATE_CLASSES[name].swatch };
  return PALETTE[n] ?? OTHER;
}

/** As a canvas needs it: the custom property itself is a colour for each theme. `within`: an element of the page. */
export function colorOf(property: string, within: Element): string {
  const probe = within.appendChild(document.createElement('span'));
  probe.style.color = `var(${property})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
