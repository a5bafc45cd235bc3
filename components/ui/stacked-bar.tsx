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
