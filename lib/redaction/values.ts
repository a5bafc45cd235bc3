import { isSpace } from './chars';
import { execFrom } from './scan';
import type { Span } from './spans';

/*
 * Where a value ends that begins behind a name and a sign. Each search for an end begins at the value and stops at it,
 * and the rule that asked goes on behind it, so all of them together read the text once. A quote or bracket that nothing
 * closes hides the rest of the text, which ends the rule.
 */

const CLOSES: Record<string, string> = { '{': '}', '[': ']', '(': ')', '<': '>' };
const QUOTES = '"\'`';
/** Of a value behind a colon and a space: it may be several words. */
const PHRASE_END = /[,;&"'`<>)\]}\r\n]/g;
const WORD_END = /[\s&"'`<>]|\\[nrt"]/g;
const LINE_END = /[\r\n]/g;
const QUOTED_LINE_END = /["'`\r\n]/g;

export interface ValueContext {
  isColon: boolean;
  /** The value is the rest of the line, or of this quote; null: it is not. */
  wholeLine: string | null;
  /** Where the name begins, for the indentation of YAML. */
  keyFrom: number;
}

/** A value; `quoted` without its quotes. */
export interface Value extends Span {
  quoted: boolean;
}

export function valueAt(text: string, at: number, context: ValueContext): Value {
  const { isColon, wholeLine } = context;
  const block = blockAt(text, at, context);
  if (block) return { ...block, quoted: false };
  let from = at;
  while (from - at < 8 && ' \t>'.includes(text[from] ?? 'x')) from += 1;
  const first = text[from] ?? '';
  if (!wholeLine && first !== '' && QUOTES.includes(first))
    return { from: from + 1, to: closingQuote(text, from + 1, first), quoted: true };
  if (CLOSES[first]) return { from, to: closingBracket(text, from), quoted: false };
  let to = endOf(text, from, endPattern(isColon && from > at, wholeLine));
  while (to > from && (isSpace(text.charCodeAt(to - 1)) || ',;.)]}'.includes(text[to - 1] ?? '')))
    to -= 1;
  return { from, to, quoted: false };
}

function endPattern(isPhrase: boolean, wholeLine: string | null): RegExp {
  if (wholeLine !== null) return wholeLine === '' ? LINE_END : QUOTED_LINE_END;
  return isPhrase ? PHRASE_END : WORD_END;
}

const endOf = (text: string, from: number, pattern: RegExp): number =>
  execFrom(pattern, text, from)?.index ?? text.length;

/** The same quote, not escaped and not doubled as in SQL and CSV; the end of the text where there is none. */
export function closingQuote(text: string, from: number, quote: string): number {
  for (let at = text.indexOf(quote, from); at >= 0; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes > from && text[at - slashes - 1] === '\\') slashes += 1;
    if (slashes % 2 === 1) continue;
    if (at > from && text[at + 1] === quote) at += 1;
    else return at;
  }
  return text.length;
}

/** Behind the bracket that closes the one here; those inside quotes do not count. */
export function closingBracket(text: string, from: number): number {
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

/** An optional YAML tag or anchor, the sign of a block scalar with its indicators and a comment, or nothing; then the line ends. */
const BLOCK =
  /[ \t]{0,8}(?:[!&][^\s]{0,40}[ \t]{1,4}){0,2}([|>][-+0-9]{0,3})?[ \t]{0,8}(?:#[^\r\n]{0,200})?(\r?\n|\r)/y;
/** `user: bob` or `USER=bob` below a name without a value is the next setting. */
const SETTING =
  /[ \t]{0,40}(?:"?[\p{L}_][\p{L}_ -]{0,40}"?[:：](?=[\s{["']|$)|[\p{L}_]{1,40}=[^=\s])/uy;
const ITEM = /[ \t]*-[ \t]/y;

/** A value on the lines below its name: the lines of a YAML block, or the next line that is not empty. */
function blockAt(text: string, at: number, { keyFrom, wholeLine }: ValueContext): Span | null {
  if (wholeLine) return null;
  const sign = execFrom(BLOCK, text, at);
  if (!sign) return null;
  const isBlockScalar = sign[1] !== undefined;
  const indent = indentOfKey(text, keyFrom);
  let line = at + sign[0].length;
  let from = -1;
  let to = at;
  for (;;) {
    const end = endOf(text, line, LINE_END);
    const own = text.slice(line, Math.min(end, line + 4_096)).search(/[^ \t]/);
    if (own >= 0) {
      const isInside = own > indent || (!isBlockScalar && own === indent && isItem(text, line));
      const isNext = from < 0 && (isBlockScalar || !execFrom(SETTING, text, line));
      if (!isInside && !isNext) break;
      if (from < 0) from = line + own;
      to = end;
    }
    if (end >= text.length) break;
    line = text.startsWith('\r\n', end) ? end + 2 : end + 1;
  }
  return from < 0 ? { from: at, to: at } : { from, to };
}

const isItem = (text: string, line: number): boolean => execFrom(ITEM, text, line) !== null;

/**
 * The indentation that lines of the value must exceed. Looks back to the beginning of the line, which happens once a
 * line: only for a name at its end.
 */
function indentOfKey(text: string, keyFrom: number): number {
  let line = keyFrom;
  while (line > 0 && !'\r\n'.includes(text[line - 1] ?? '\n')) line -= 1;
  const before = text.slice(line, keyFrom);
  // `- password: |` is indented as far as its name.
  if (/^[ \t]*(?:-[ \t]+)*["']?$/.test(before)) return before.replace(/["']$/, '').length;
  return Math.max(0, before.search(/[^ \t]/));
}
