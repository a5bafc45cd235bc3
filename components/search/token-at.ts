import { COLON, COMMA, MINUS, tokens } from '@/lib/search/tokens';

/** What is being typed: where it stands in the text, and what of it is known. */
export interface Typed {
  /** What a completion replaces. */
  start: number;
  end: number;
  /** Null: the name of a field is being typed, or a word. */
  field: string | null;
  /** What stands before the caret of the name or the value, without its quote. */
  prefix: string;
}

/** The word under the caret of a query, or of its value the part after the last comma. */
export function typedAt(query: string, caret: number): Typed {
  const token = tokens(query).find(
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
  const quoted = /[^"“”＂]*$/.exec(value)?.[0] ?? '';
  const open = (value.match(/["“”＂]/g)?.length ?? 0) % 2 === 1;
  const part = open ? quoted : (value.split(COMMA).at(-1) ?? '');
  return {
    start: caret - part.length - (open ? 1 : 0),
    end,
    field: colon[0].normalize('NFKC').toLowerCase(),
    prefix: part,
  };
}
