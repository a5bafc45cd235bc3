import { memo } from 'react';

const HEIGHT = 28;
const PADDING = 2;

/** The path of a line through the values; a value that is not known interrupts it. */
function pathOf(values: (number | null)[]): string {
  const max = Math.max(...values.map((value) => value ?? 0), Number.MIN_VALUE);
  const step = 100 / values.length;
  let isDrawing = false;
  return values
    .map((value, n) => {
      if (value === null) {
        isDrawing = false;
        return '';
      }
      const x = ((n + 0.5) * step).toFixed(2);
      const y = (HEIGHT - PADDING - (value / max) * (HEIGHT - 2 * PADDING)).toFixed(2);
      // A single value is drawn as a dash.
      const command = isDrawing ? `L${x} ${y}` : `M${x} ${y}h${(step / 4).toFixed(2)}`;
      isDrawing = true;
      return command;
    })
    .join('');
}

/** A small line without axes, and the crosshair over it. */
export function TrendLine({
  values,
  className,
  hover,
}: {
  values: (number | null)[];
  /** The colour of the line. */
  className: string;
  hover: number | null;
}) {
  if (values.length === 0) return null;
  const x = hover === null ? null : ((hover + 0.5) * 100) / values.length;
  return (
    <svg
      aria-hidden="true"
      viewBox={`0 0 100 ${HEIGHT}`}
      preserveAspectRatio="none"
      className="block h-7 w-full"
    >
      <Line path={pathOf(values)} className={className} />
      {x !== null && (
        <line
          x1={x}
          x2={x}
          y1="0"
          y2={HEIGHT}
          vectorEffect="non-scaling-stroke"
          className="stroke-line-strong"
        />
      )}
    </svg>
  );
}

const Line = memo(function Line({ path, className }: { path: string; className: string }) {
  return (
    <path
      d={path}
      fill="none"
      strokeWidth="1.5"
      strokeLinejoin="round"
      strokeLinecap="round"
      vectorEffect="non-scaling-stroke"
      className={className}
    />
  );
});
