import type { Span } from './shapes';

const CLOSES: Record<string, string> = { '{': '}', '[': ']', '(': ')', '<': '>' };

/** The value that begins here. Of one that nothing closes, all the rest. */
export function valueAt(
  text: string,
  at: number,
  isColon: boolean,
  wholeLine: string | null,
): Span {
  let from = at;
  while (from < text.length && from - at < 8 && /[ \t>]/.test(text[from] ?? '')) from += 1;
  // A hash that was printed in a string has its quotes escaped, as often as it was.
  const [opening = '', escape = '', quote = ''] =
    /^(\\{0,7})(["'`]|&quot;|&#34;)/.exec(text.slice(from, from + 16)) ?? [];
  if (quote && !wholeLine) {
    const inside = from + opening.length;
    return { from: inside, to: closingQuote(text, inside, quote, escape) };
  }
  const bracket = text[from] ?? '';
  if (CLOSES[bracket]) return { from, to: closingBracket(text, from) };
  const ends =
    wholeLine !== null
      ? wholeLine === ''
        ? /[\r\n]/g
        : /["'`\r\n]/g
      : isColon && /[ \t]/.test(text[at] ?? '')
        ? /[,;&"'`<>)\]}\r\n]/g
        : /[\s&"'`<>]|%26|\\[nrt"]/g;
  ends.lastIndex = from;
  let to = ends.exec(text)?.index ?? text.length;
  while (to > from && /[\s,;.)\]}]/.test(text[to - 1] ?? '')) to -= 1;
  return isColon && /^(?:[|>][-+]?)?$/.test(text.slice(from, Math.min(to, from + 3)))
    ? { from, to: endOfBlock(text, to) }
    : { from, to };
}

/** YAML: the indented lines below. */
function endOfBlock(text: string, from: number): number {
  let end = from;
  while (/^\s*\n[ \t]|^\r?\n[ \t]/.test(text.slice(end, end + 3))) {
    const next = text.indexOf('\n', text.indexOf('\n', end) + 1);
    if (next < 0) return text.length;
    end = next;
  }
  return end;
}

/** The same quote with as many backslashes before it. */
function closingQuote(text: string, from: number, quote: string, escape: string): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes > from && text[at - slashes - 1] === '\\') slashes += 1;
    if (slashes <= escape.length || slashes % 2 === 0) return at - Math.min(slashes, escape.length);
  }
  return text.length;
}

/** Behind the bracket that closes the one here; those inside quotes do not count. */
function closingBracket(text: string, from: number): number {
  const open: string[] = [];
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '\\') at += 1;
    else if (quote) quote = char === quote ? '' : quote;
    else if (char === '"') quote = char;
    else if (CLOSES[char]) open.push(CLOSES[char]);
    else if (char === open.at(-1)) {
      open.pop();
      if (open.length === 0) return at + 1;
    }
  }
  return text.length;
}
