/**
 * Small bars scaled to the maximum; drawn with attributes because the CSP forbids inline styles.
 */
export function Sparkline({
  values,
  label,
  className = '',
}: {
  values: number[];
  label: string;
  className?: string;
}) {
  const maxValue = Math.max(...values, 1);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${values.length * 4} 20`}
      preserveAspectRatio="none"
      className={`block h-6 ${className}`}
    >
      <rect x="0" y="19.4" width={values.length * 4} height="0.6" className="fill-line-strong" />
      {values.map((value, n) =>
        value > 0 ? (
          <rect
            key={n}
            x={n * 4 + 0.4}
            y={20 - Math.max(1.5, (value / maxValue) * 20)}
            width="3.2"
            height={Math.max(1.5, (value / maxValue) * 20)}
            className="fill-discarded"
          />
        ) : null,
      )}
    </svg>
  );
}
