/**
 * Small bars scaled to the maximum, beside figures that say the same. Drawn with attributes, because
 * the CSP forbids inline styles.
 */
export function Sparkline({ values, className = '' }: { values: number[]; className?: string }) {
  const maxValue = Math.max(...values, 1);
  // One path, because each element costs the page twice: as HTML and for React.
  const bars = values
    .map((value, n) => {
      const height = Math.max(1.5, Math.round((value / maxValue) * 200) / 10);
      return value > 0 ? `M${n * 4 + 0.4} 20v-${height}h3.2v${height}z` : '';
    })
    .join('');
  return (
    <svg
      aria-hidden="true"
      viewBox={`0 0 ${values.length * 4} 20`}
      preserveAspectRatio="none"
      className={`block h-6 ${className}`}
    >
      <rect x="0" y="19.4" width={values.length * 4} height="0.6" className="fill-line-strong" />
      <path d={bars} className="fill-discarded" />
    </svg>
  );
}

interface Segment {
  /** Share of the whole, 0 to 1. */
  share: number;
  className: string;
  key: string;
}

/** A bar of segments; drawn with attributes because the CSP forbids inline styles. */
export function StackedBar({
  segments,
  label,
  className = '',
}: {
  segments: Segment[];
  label: string;
  className?: string;
}) {
  const starts = segments.map((_, n) =>
    segments.slice(0, n).reduce((sum, segment) => sum + segment.share, 0),
  );
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox="0 0 100 4"
      preserveAspectRatio="none"
      className={`block h-2 w-full overflow-hidden rounded-full bg-queued-wash ${className}`}
    >
      {segments.map((segment, n) =>
        segment.share > 0 ? (
          <rect
            key={segment.key}
            x={(starts[n] ?? 0) * 100}
            y="0"
            width={segment.share * 100}
            height="4"
            className={segment.className}
          />
        ) : null,
      )}
    </svg>
  );
}
