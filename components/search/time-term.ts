import { zonedIso } from '@/lib/core/locale';

/** Prints a time range in the query language; `from` and `to` are epoch ms, null for no bound. */
export function timeTerm(
  field: string,
  from: number | null,
  to: number | null,
  zone: string,
): string {
  const format = (instant: number) => zonedIso(instant, zone);
  if (from !== null && to !== null) return `${field}:${format(from)}..${format(to)}`;
  return from !== null ? `${field}:>=${format(from)}` : `${field}:<=${format(to ?? 0)}`;
}
