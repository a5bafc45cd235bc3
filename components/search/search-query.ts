import { COLON, COMMA, MINUS, tokenize } from '@/lib/search/terms';
import type { ChipTerm } from './query-terms';

/** The token at the caret, as completion needs it. */
export interface TokenAtCaret {
  /** The range that a completion replaces. */
  start: number;
  end: number;
  /** Null while the token is a field name or a word. */
  field: string | null;
  /** The part of the name or value before the caret, without its quote. */
  prefix: string;
}

/** The token at the caret of a query; in a value, the part after the last comma. */
export function tokenAt(query: string, caret: number): TokenAtCaret {
  const token = tokenize(query).find(
    ({ start, text }) => start <= caret && caret <= start + text.length,
  );
  if (!token) return { start: caret, end: caret, field: null, prefix: '' };
  const end = token.start + token.text.length;
  const negation = MINUS.test(token.text) ? 1 : 0;
  const before = query.slice(token.start + negation, caret);
  const colon = /^[\p{L}_][^\s:："“＂]*(?=[:：])/u.exec(before);
  if (!colon || COLON.test(before.charAt(colon[0].length + 1)))
    return { start: token.start + negation, end, field: null, prefix: before };
  const value = before.slice(colon[0].length + 1);
  const quotedPart = /[^"“”＂]*$/.exec(value)?.[0] ?? '';
  const isQuoteOpen = (value.match(/["“”＂]/g)?.length ?? 0) % 2 === 1;
  const part = isQuoteOpen ? quotedPart : (value.split(COMMA).at(-1) ?? '');
  return {
    start: caret - part.length - (isQuoteOpen ? 1 : 0),
    end,
    field: colon[0].normalize('NFKC').toLowerCase(),
    prefix: part,
  };
}

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
