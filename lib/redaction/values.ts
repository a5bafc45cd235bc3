import { skipBlanks, skipMarkup } from './markup';
import { type Span, execFrom, isLineEnd, isSpace } from './scan';

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
const LINE_END = /[\r\n\u2028\u2029]/g;
const QUOTED_LINE_END = /["'`\r\n]/g;
/** The mark of a code block in Markdown. */
const FENCE = /(?:`{3,}|~{3,})/y;
/** Marks before and behind a value that has a line of its own: quotes, lists, emphasis, tags. */
const MARKS_BEFORE =
  /(?:[>*+-] {1,4}|[*_]{1,3}|["'`]|<(?:b|i|u|p|em|td|dd|div|span|code|pre|strong)(?: [^<>]{0,100})?>){0,4}/iy;
const MARKS_BEHIND = /(?:<\/[a-z]{1,10}>|<br ?\/?>|["'`*_,;]){1,6}$/i;

export interface ValueContext {
  isColon: boolean;
  /** The value is the rest of the line, or of this quote; null: it is not. */
  wholeLine: string | null;
  /** Where the name begins, for the indentation of YAML. */
  keyFrom: number;
}

/** A value without its quotes. */
export interface Value extends Span {
  /** A YAML tag, an anchor or a comment before it, which may be the value itself. */
  before?: Span;
}

export function valueAt(text: string, at: number, context: ValueContext): Value {
  const markup = skipMarkup(text, at);
  const start = markup.end;
  const below = markup.hasTags ? null : valueBelow(text, start, context);
  if (below) return below;
  const { isColon, wholeLine } = context;
  const properties = propertiesAt(text, start, isColon);
  let from = skipBlanks(text, properties?.to ?? start);
  while (from - at < 8 && text[from] === '>') from = skipBlanks(text, from + 1);
  const isPhrase = (isColon && from > at) || markup.hasTags;
  const value = inlineValue(text, from, endPattern(isPhrase, wholeLine), !wholeLine);
  return properties ? { ...value, before: properties } : value;
}

function inlineValue(text: string, from: number, end: RegExp, mayBeQuoted: boolean): Span {
  const first = text[from] ?? '';
  if (mayBeQuoted && first !== '' && QUOTES.includes(first))
    return { from: from + 1, to: closingQuote(text, from + 1, first) };
  if (CLOSES[first]) return { from, to: closingBracket(text, from) };
  let to = endOf(text, from, end);
  while (to > from && (isSpace(text.charCodeAt(to - 1)) || ',;.)]}'.includes(text[to - 1] ?? '')))
    to -= 1;
  return { from, to };
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

/** `user: bob` or `USER=bob` below a name without a value is the next setting. */
const SETTING =
  /[^\S\r\n]{0,40}(?:"?[\p{L}_][\p{L}_ -]{0,40}"?[:：](?=[\s{["']|$)|[\p{L}_]{1,40}=[^=\s])/uy;
const ITEM = /[ \t]*-[ \t]/y;
const BLOCK_SIGN = /[|>][-+0-9]{0,3}/y;
const NOT_SPACE = /[^\s]+/y;

/** YAML tags and anchors behind a colon and a blank: `!!str`, `!secret`, `&name`. */
function propertiesAt(text: string, at: number, isColon: boolean): Span | null {
  const from = skipBlanks(text, at);
  if (!isColon || from === at) return null;
  let to = from;
  for (let next = from; '!&'.includes(text[next] ?? 'x');) {
    to = next + (execFrom(NOT_SPACE, text, next)?.[0].length ?? 0);
    next = skipBlanks(text, to);
  }
  return to > from ? { from, to } : null;
}

/** What a name's line ends with if the value is below: YAML properties, the sign of a block scalar, a comment. */
interface LineRest {
  isBlockScalar: boolean;
  /** Properties or a comment, which may be the value itself where there is no sign. */
  before: Span | null;
  /** Where the next line begins. */
  next: number;
}

function restOfLine(text: string, at: number, isColon: boolean): LineRest | null {
  const properties = propertiesAt(text, at, isColon);
  let from = skipBlanks(text, properties?.to ?? at);
  const sign = execFrom(BLOCK_SIGN, text, from);
  if (sign) from = skipBlanks(text, from + sign[0].length);
  let before = properties;
  if (text[from] === '#') {
    const to = endOf(text, from, LINE_END);
    if (!sign) before = { from: properties?.from ?? from, to };
    from = to;
  }
  if (from < text.length ? !isLineEnd(text.charCodeAt(from)) : !before) return null;
  return {
    isBlockScalar: sign !== null,
    before: sign ? null : before,
    next: behindLineEnd(text, from),
  };
}

const behindLineEnd = (text: string, at: number): number =>
  text.startsWith('\r\n', at) ? at + 2 : at + 1;

/** A value on the lines below its name: the lines of a YAML block, or the next line that is not empty. */
function valueBelow(text: string, at: number, context: ValueContext): Value | null {
  if (context.wholeLine) return null;
  const rest = restOfLine(text, at, context.isColon);
  if (!rest) return null;
  const { isBlockScalar, before } = rest;
  const indent = indentOfKey(text, context.keyFrom);
  let line = rest.next;
  let from = -1;
  let to = at;
  let isOneLine = true;
  while (line < text.length) {
    const own = skipBlanks(text, line);
    const end = endOf(text, own, LINE_END);
    if (own < end) {
      const isInside =
        own - line > indent || (!isBlockScalar && own - line === indent && isItem(text, line));
      const isNext = from < 0 && (isBlockScalar || !execFrom(SETTING, text, line));
      if (!isInside && !isNext) break;
      const fence = from < 0 ? execFrom(FENCE, text, own)?.[0] : undefined;
      if (fence !== undefined) return { ...fenced(text, end, fence), ...(before && { before }) };
      isOneLine = from < 0;
      if (from < 0) from = own;
      to = end;
    }
    line = behindLineEnd(text, end);
  }
  if (from < 0) return before ?? { from: at, to: at };
  const value = isOneLine && !isBlockScalar ? withoutMarks(text, from, to) : { from, to };
  return before ? { ...value, before } : value;
}

/** The code block whose first line ends here, up to the mark that closes it. */
function fenced(text: string, lineEnd: number, fence: string): Span {
  const from = behindLineEnd(text, lineEnd);
  const to = text.indexOf(fence, from);
  return { from: Math.min(from, text.length), to: to < 0 ? text.length : to };
}

/** A line without the quotes, list marks and tags around its text. */
function withoutMarks(text: string, from: number, to: number): Span {
  const start = from + (execFrom(MARKS_BEFORE, text, from)?.[0].length ?? 0);
  const end = text.slice(Math.max(start, to - 200), to);
  const marks = MARKS_BEHIND.exec(end)?.[0].length ?? 0;
  return start < to - marks ? { from: start, to: to - marks } : { from, to };
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
