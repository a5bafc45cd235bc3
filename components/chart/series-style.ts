import { isJobState } from '@/lib/good-job/types';
import type { ChartGroup, ChartSeries } from '@/lib/jobs/types';
import { STATE_CLASSES } from '../jobs/state-badge';

/** A colour as a custom property of globals.css, so that each theme can define its own. */
export interface SeriesStyle {
  property: string;
  swatch: string;
}

/** Colours that remain distinct with red-green colour blindness. */
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
export const OTHER_STYLE: SeriesStyle = { property: '--line-strong', swatch: 'bg-line-strong' };

/** The style of the n-th series of a chart. */
export function seriesStyle(by: ChartGroup, { name, other }: ChartSeries, n: number): SeriesStyle {
  if (other) return OTHER_STYLE;
  // Success is normal, and so it is grey.
  if (by === 'state' && name === 'succeeded') return OTHER_STYLE;
  if (by === 'state' && name !== null && isJobState(name))
    return { property: `--${name}`, swatch: STATE_CLASSES[name].swatch };
  return PALETTE[n] ?? OTHER_STYLE;
}

/**
 * Resolves a custom property to the current theme's colour, because a canvas does not support CSS
 * variables.
 */
export function colorOf(property: string, within: Element): string {
  const probe = within.appendChild(document.createElement('span'));
  probe.style.color = `var(${property})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
