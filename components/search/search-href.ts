import type { ChipTerm } from '../jobs/query-terms';

/**
 * The URL of the filter `params` with `chips` as its conditions. `path` may end in a fragment, which
 * stays at the end.
 */
export function searchHref(
  path: string,
  params: Record<string, string>,
  chips: Pick<ChipTerm, 'text' | 'param'>[],
): string {
  const chipParams = new Set<string>(chips.map(({ param }) => param));
  const next = new URLSearchParams(
    Object.entries(params).filter(
      ([name]) =>
        name !== 'q' && (chipParams.has(name) || ['state', 'sort', 'limit'].includes(name)),
    ),
  );
  const q = chips
    .flatMap(({ param, text }) => (param === 'q' && text.trim() ? [text.trim()] : []))
    .join(' ');
  if (q) next.set('q', q);
  const [page, fragment] = path.split('#');
  const hash = fragment === undefined ? '' : `#${fragment}`;
  return `${page}${next.size > 0 ? `?${next}` : ''}${hash}`;
}
