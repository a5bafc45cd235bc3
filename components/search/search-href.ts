import type { ChipTerm } from '../jobs/query-terms';

/** The URL of a filter with these conditions in place of its own. */
export function searchHref(
  path: string,
  params: Record<string, string>,
  chips: Pick<ChipTerm, 'text' | 'param'>[],
): string {
  const kept = new Set(chips.map(({ param }) => param));
  const next = new URLSearchParams(
    Object.entries(params).filter(
      ([name]) =>
        name !== 'q' &&
        (kept.has(name as ChipTerm['param']) || ['state', 'sort', 'limit'].includes(name)),
    ),
  );
  const q = chips
    .flatMap(({ param, text }) => (param === 'q' && text.trim() ? [text.trim()] : []))
    .join(' ');
  if (q) next.set('q', q);
  return next.size > 0 ? `${path}?${next}` : path;
}
