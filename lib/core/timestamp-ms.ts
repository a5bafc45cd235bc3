/**
 * Ms since 1970 of a timestamp as Postgres rows have it; `Infinity` or `-Infinity` for an infinite one and for one that
 * is beyond the years of a JavaScript date.
 */
export function timestampMs(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  return text.startsWith('-') || text.endsWith('BC') ? -Infinity : Infinity;
}
