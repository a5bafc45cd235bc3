import { zonedIso } from '@/lib/core/locale';

/** A range in the query language, written in the viewer's zone. `from`, `to`: ms, null: no bound. */
export function timeTerm(
  field: string,
  from: number | null,
  to: number | null,
  zone: string,
): string {
  const at = (instant: number) => zonedIso(instant, zone);
  if (from !== null && to !== null) return `${field}:${at(from)}..${at(to)}`;
  return from !== null ? `${field}:>=${at(from)}` : `${field}:<=${at(to ?? 0)}`;
}
