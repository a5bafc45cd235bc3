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
