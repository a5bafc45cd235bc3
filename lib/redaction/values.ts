import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { isHarmlessValue, MAX_HARMLESS_LENGTH } from './harmless-values';
import type { NameMatcher } from './key-names';
import { execFrom, isBlank, isLineEnd, isSpace, type Scan, type Span, StepCounter } from './scan';

/*
 * Finds the end of a value after a name and a separator. Callers resume after the value, so all
 * searches together read the text once; an unclosed quote or bracket hides the rest of the text.
 */

const CLOSING_BRACKETS: Record<string, string> = { '{': '}', '[': ']', '(': ')', '<': '>' };
const QUOTES = '"\'`';
/** The end of a value after a colon and a space, which may have several words. */
const PHRASE_END = /[,;&"'`<>)\]}\r\n]/g;
const WORD_END = /[\s&"'`<>]|\\[nrt"]/g;
const LINE_END = /[\r\n\u2028\u2029]/g;
const QUOTED_LINE_END = /["'`\r\n]/g;
/** The fence of a Markdown code block. */
const FENCE = /(?:`{3,}|~{3,})/y;
/** Markup around a value that is alone on its line: quotes, list markers, emphasis, tags. */
const MARKS_BEFORE =
  /(?:[>*+-] {1,4}|[*_]{1,3}|["'`]|<(?:b|i|u|p|em|td|dd|div|span|code|pre|strong)(?: [^<>]{0,100})?>){0,4}/iy;
const MARKS_AFTER = /(?:<\/[a-z]{1,10}>|<br ?\/?>|["'`*_,;]){1,6}$/i;

interface ValueContext {
  /** The separator is a colon. */
  isColon: boolean;
  /** The value extends to the end of the line (''), or to this quote; null: neither. */
  wholeLineQuote: string | null;
  /** The offset of the name, whose indentation matters in YAML. */
  keyFrom: number;
}

/** The span of a value, without its quotes. */
interface Value extends Span {
  /** A YAML tag, anchor or comment before the value, which may be the value itself. */
  before?: Span;
}

/** The value that begins at this offset, after a separator. */
export function valueAt(text: string, at: number, context: ValueContext): Value {
  const markup = skipMarkup(text, at);
  const start = markup.end;
  const below = markup.hasTags ? null : valueBelow(text, start, context);
  if (below) return below;
  const { isColon, wholeLineQuote } = context;
  const properties = propertiesAt(text, start, isColon);
  let from = skipBlanks(text, properties?.to ?? start);
  while (from - at < 8 && text[from] === '>') from = skipBlanks(text, from + 1);
  const isPhrase = (isColon && from > at) || markup.hasTags;
  const value = inlineValue(text, from, endPattern(isPhrase, wholeLineQuote), !wholeLineQuote);
  return properties ? { ...value, before: properties } : value;
}

function inlineValue(text: string, from: number, end: RegExp, canBeQuoted: boolean): Span {
  const first = text[from] ?? '';
  if (canBeQuoted && first !== '' && QUOTES.includes(first))
    return { from: from + 1, to: closingQuote(text, from + 1, first) };
  if (CLOSING_BRACKETS[first]) return { from, to: closingBracket(text, from) };
  let to = endOf(text, from, end);
  while (to > from && (isSpace(text.charCodeAt(to - 1)) || ',;.)]}'.includes(text[to - 1] ?? '')))
    to -= 1;
  return { from, to };
}

function endPattern(isPhrase: boolean, wholeLineQuote: string | null): RegExp {
  if (wholeLineQuote !== null) return wholeLineQuote === '' ? LINE_END : QUOTED_LINE_END;
  return isPhrase ? PHRASE_END : WORD_END;
}

const endOf = (text: string, from: number, pattern: RegExp): number =>
  execFrom(pattern, text, from)?.index ?? text.length;

/** The next quote that is neither escaped nor doubled as in SQL and CSV, or the end of the text. */
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

/** The offset after the matching bracket, ignoring brackets in quotes, or the end of the text. */
function closingBracket(text: string, from: number): number {
  const open: string[] = [];
  let quote = '';
  for (let at = from; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '\\') at += 1;
    else if (quote) quote = char === quote ? '' : quote;
    else if (char === '"') quote = char;
    else if (CLOSING_BRACKETS[char]) open.push(CLOSING_BRACKETS[char]);
    else if (char === open.at(-1)) {
      open.pop();
      if (open.length === 0) return at + 1;
    }
  }
  return text.length;
}

/** The next setting below a name without a value: `user: bob` or `USER=bob`. */
const SETTING =
  /[^\S\r\n]{0,40}(?:"?[\p{L}_][\p{L}_ -]{0,40}"?[:：](?=[\s{["']|$)|[\p{L}_]{1,40}=[^=\s])/uy;
const ITEM = /[ \t]*-[ \t]/y;
const BLOCK_SCALAR = /[|>][-+0-9]{0,3}/y;
const NOT_SPACE = /[^\s]+/y;

/** YAML tags and anchors after a colon and a blank: `!!str`, `!secret`, `&name`. */
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

/**
 * The rest of a name's line if the value is below: YAML properties, a block scalar indicator, a
 * comment.
 */
interface LineRest {
  isBlockScalar: boolean;
  /** Properties or a comment, which may be the value itself. */
  before: Span | null;
  /** The offset of the next line. */
  nextLine: number;
}

function restOfLine(text: string, at: number, isColon: boolean): LineRest | null {
  const properties = propertiesAt(text, at, isColon);
  let from = skipBlanks(text, properties?.to ?? at);
  const indicator = execFrom(BLOCK_SCALAR, text, from);
  if (indicator) from = skipBlanks(text, from + indicator[0].length);
  let before = properties;
  if (text[from] === '#') {
    const to = endOf(text, from, LINE_END);
    if (!indicator) before = { from: properties?.from ?? from, to };
    from = to;
  }
  if (from < text.length ? !isLineEnd(text.charCodeAt(from)) : !before) return null;
  return {
    isBlockScalar: indicator !== null,
    before: indicator ? null : before,
    nextLine: afterLineEnd(text, from),
  };
}

const afterLineEnd = (text: string, at: number): number =>
  text.startsWith('\r\n', at) ? at + 2 : at + 1;

/**
 * A value below its name: the lines of a YAML block, or the next line that is not empty; null: the
 * value is not below.
 */
function valueBelow(text: string, at: number, context: ValueContext): Value | null {
  if (context.wholeLineQuote) return null;
  const rest = restOfLine(text, at, context.isColon);
  if (!rest) return null;
  const { isBlockScalar, before } = rest;
  const indent = indentOfKey(text, context.keyFrom);
  let line = rest.nextLine;
  let from = -1;
  let to = at;
  let isOneLine = true;
  while (line < text.length) {
    const contentFrom = skipBlanks(text, line);
    const lineIndent = contentFrom - line;
    const end = endOf(text, contentFrom, LINE_END);
    if (contentFrom < end) {
      const isInside =
        lineIndent > indent || (!isBlockScalar && lineIndent === indent && isItem(text, line));
      const isNext = from < 0 && (isBlockScalar || !execFrom(SETTING, text, line));
      if (!isInside && !isNext) break;
      const fence = from < 0 ? execFrom(FENCE, text, contentFrom)?.[0] : undefined;
      if (fence !== undefined) return { ...codeBlock(text, end, fence), ...(before && { before }) };
      isOneLine = from < 0;
      if (from < 0) from = contentFrom;
      to = end;
    }
    line = afterLineEnd(text, end);
  }
  if (from < 0) return before ?? { from: at, to: at };
  const value = isOneLine && !isBlockScalar ? withoutMarks(text, from, to) : { from, to };
  return before ? { ...value, before } : value;
}

/** The content of the code block whose first line ends here. */
function codeBlock(text: string, lineEnd: number, fence: string): Span {
  const from = afterLineEnd(text, lineEnd);
  const to = text.indexOf(fence, from);
  return { from: Math.min(from, text.length), to: to < 0 ? text.length : to };
}

/** A line without the quotes, list markers and tags around its text. */
function withoutMarks(text: string, from: number, to: number): Span {
  const start = from + (execFrom(MARKS_BEFORE, text, from)?.[0].length ?? 0);
  const lineEnd = text.slice(Math.max(start, to - 200), to);
  const marksLength = MARKS_AFTER.exec(lineEnd)?.[0].length ?? 0;
  return start < to - marksLength ? { from: start, to: to - marksLength } : { from, to };
}

const isItem = (text: string, line: number): boolean => execFrom(ITEM, text, line) !== null;

/**
 * The indentation that lines of the value must exceed. Called only for the last name of a line, so
 * that lines are read once.
 */
function indentOfKey(text: string, keyFrom: number): number {
  let line = keyFrom;
  while (line > 0 && !'\r\n'.includes(text[line - 1] ?? '\n')) line -= 1;
  const before = text.slice(line, keyFrom);
  // In `- password: |` the list marker counts as indentation.
  if (/^[ \t]*(?:-[ \t]+)*["']?$/.test(before)) return before.replace(/["']$/, '').length;
  return Math.max(0, before.search(/[^ \t]/));
}

/*
 * Markdown and HTML between a name and its value: `**Password:** value`, `<b>Password:</b> value`,
 * `Password:<br>value`. Callers resume after the skipped markup, so it is read once.
 */

/**
 * Tags of text and tables. Attributes may not contain brackets, so no character is scanned for two
 * tags.
 */
const TAG = multilineRegExp('iy')`
  <(/?)(
    b|strong|i|em|u|s|code|pre|tt|kbd|samp|var|mark|small|big|sup|sub|span|font|center|w?br|hr|p
    |div|section|blockquote|t[dhr]|tbody|thead|table|d[dtl]|li|[ou]l|label|h[1-6]
  )(?:\s[^<>]{0,500})?/?>`;
/**
 * The end of bold or italic text. A letter after it would mean that a value begins with the mark.
 */
const EMPHASIS = /(?:[*_]{1,3}|~~)(?=[\s\u00a0<]|$)/y;

interface MarkupTag {
  name: string;
  isClosing: boolean;
  end: number;
}

/** The tag that begins at this offset; null: none does, or it is a tag of another kind. */
function markupTagAt(text: string, at: number): MarkupTag | null {
  const [tag = '', slash = '', name = ''] = execFrom(TAG, text, at) ?? [];
  return tag === ''
    ? null
    : { name: name.toLowerCase(), isClosing: slash !== '', end: at + tag.length };
}

/** The offset after blanks, and after line ends that a backslash continues. */
export function skipBlanks(text: string, at: number): number {
  let end = at;
  for (;;) {
    if (isBlank(text.charCodeAt(end))) end += 1;
    else if (text.startsWith('\\\n', end)) end += 2;
    else if (text.startsWith('\\\r\n', end)) end += 3;
    else return end;
  }
}

/** The offset after white space, line ends included. */
function skipSpaces(text: string, at: number): number {
  let end = at;
  while (isSpace(text.charCodeAt(end)) || isBlank(text.charCodeAt(end))) end += 1;
  return end;
}

/**
 * The offset after the markup that ends a name: emphasis, then tags with white space between them.
 */
function skipMarkup(text: string, at: number): { end: number; hasTags: boolean } {
  const emphasisEnd = at + (execFrom(EMPHASIS, text, at)?.[0].length ?? 0);
  let tag = markupTagAt(text, skipBlanks(text, emphasisEnd));
  if (!tag) return { end: emphasisEnd, hasTags: false };
  let { end } = tag;
  while (tag) {
    end = tag.end;
    tag = markupTagAt(text, skipSpaces(text, end));
  }
  return { end: skipSpaces(text, end), hasTags: true };
}

/*
 * Secrets named by XML and HTML tags: `<password>…</password>`, `<td>Password</td><td>…</td>`,
 * `Password<br>…`.
 */

const TAG_NAME = /<([A-Za-z_][A-Za-z0-9_.:-]{0,60})(?=[\s/>])/y;
const VALUE_ATTRIBUTE = /\s(?:[\w.-]{1,40}:)?(?:value|val|data|content)\s{0,3}=/i;
/** Attributes beyond this length are not searched for a value. */
const MAX_ATTRIBUTES_LENGTH = 100_000;

/**
 * Hides the content of tags with a secret name. Without a closing tag the rest of the text is
 * hidden, so the scan is linear.
 */
export function* findTagContents({ text, keys, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (stepCounter.isDue(at)) yield;
    const [opening = '', name = ''] = execFrom(TAG_NAME, text, at) ?? [];
    const from = at + Math.max(1, opening.length);
    const isTag = opening !== '' && text[at - 1] !== '#' && keys.isSecret(name);
    at = from;
    if (!isTag) continue;
    const content = contentAfter(text, from, name);
    if (content) hide(content.from, content.to);
    at = Math.max(from, content?.to ?? 0);
  }
}

/**
 * The content of the tag whose name ends here, or the attributes of an empty tag with a value;
 * null: not a tag.
 */
function contentAfter(text: string, nameEnd: number, name: string): Span | null {
  const attributes = attributesAt(text, nameEnd);
  if (!attributes) return null;
  const rest = text.slice(nameEnd, Math.min(attributes.end - 1, nameEnd + MAX_ATTRIBUTES_LENGTH));
  if (attributes.isEmpty)
    return { from: VALUE_ATTRIBUTE.test(rest) ? nameEnd : attributes.end, to: attributes.end };
  // A printed object such as `<Session id: 1>` is not a tag.
  if (rest.trim() !== '' && !rest.includes('=')) return null;
  const closing = indexOfClosing(text, nameEnd, name);
  // If an unclosed quote runs past the closing tag, the content begins at the first bracket.
  const isUnclosed = attributes.end >= closing;
  const firstBracketEnd = isUnclosed ? text.indexOf('>', nameEnd) + 1 : 0;
  const contentFrom = firstBracketEnd > 0 ? firstBracketEnd : attributes.end;
  return { from: Math.min(contentFrom, closing), to: closing };
}

/**
 * The end of the attributes, after the first bracket outside quotes; null: another tag begins
 * before it.
 */
function attributesAt(text: string, from: number): { end: number; isEmpty: boolean } | null {
  for (let at = from; at < text.length; at += 1) {
    const char = text[at];
    if (char === '>') return { end: at + 1, isEmpty: text[at - 1] === '/' };
    if (char === '<') return null;
    if (char !== '=') continue;
    const quote = skipSpaces(text, at + 1);
    if (text[quote] !== '"' && text[quote] !== "'") continue;
    const closing = text.indexOf(text[quote] ?? '', quote + 1);
    if (closing < 0) break;
    at = closing;
  }
  return { end: text.length, isEmpty: false };
}

/** The offset of `</name` in any case, or the end of the text. */
function indexOfClosing(text: string, from: number, name: string): number {
  const lower = name.toLowerCase();
  for (let at = text.indexOf('</', from); at >= 0; at = text.indexOf('</', at + 2))
    if (text.slice(at + 2, at + 2 + name.length).toLowerCase() === lower) return at;
  return text.length;
}

/** After these elements the value may have several words; after others it is one word. */
const CELLS = new Set(['br', 'td', 'th', 'tr', 'dt', 'dd']);
/**
 * Two adjacent elements of these kinds are column names or list items, not a name and its value.
 */
const SIBLINGS = new Set(['th', 'li', 'dt']);
const LABEL = /^["'*_]{0,3}((?:[\p{L}\p{N}_-]{1,40} ){0,3}[\p{L}\p{N}_-]{1,40})["'*_:：]{0,3}$/u;
const MAX_LABEL_LENGTH = 180;
const ELEMENT_END = /[<\r\n]/g;

/** Hides the text after an element or a line that consists of a secret name. */
export function* findLabelledElements({ text, keys, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (stepCounter.isDue(at)) yield;
    const tag = markupTagAt(text, at);
    const name = tag ? labelBefore(text, at, keys) : null;
    const value = tag && name !== null ? valueAfter(text, at, tag) : null;
    if (value) {
      const prefix = text.slice(value.from, value.from + MAX_HARMLESS_LENGTH + 1);
      if (!isHarmlessValue(() => name ?? '', prefix)) hide(value.from, value.to);
    }
    at = Math.max(tag?.end ?? at + 1, value?.to ?? 0);
  }
}

/** Returns the secret name that ends here and fills its element or line; null without one. */
function labelBefore(text: string, at: number, keys: NameMatcher): string | null {
  let from = at;
  while (from > 0 && !'>\r\n'.includes(text[from - 1] ?? 'x')) {
    if (at - from > MAX_LABEL_LENGTH) return null;
    from -= 1;
  }
  const label = LABEL.exec(text.slice(from, at).trim())?.[1];
  if (label === undefined) return null;
  const words = label.split(' ');
  const names = [words.at(-1) ?? '', words.slice(-2).join(' ')];
  return names.find((name) => keys.isSecret(name)) ?? null;
}

function valueAfter(text: string, at: number, tag: MarkupTag): Span | null {
  const { end } = skipMarkup(text, at);
  const from = /[:=]/.test(text[end] ?? '') ? skipSpaces(text, end + 1) : end;
  const start = skipMarkup(text, from).end;
  const to = execFrom(ELEMENT_END, text, start)?.index ?? text.length;
  const lastTag = lastTagName(text.slice(Math.max(at, start - 600), start));
  const value = text.slice(start, to).trimEnd();
  if (value === '' || (tag.isClosing && tag.name === lastTag && SIBLINGS.has(lastTag))) return null;
  const isCell = CELLS.has(tag.name) || CELLS.has(lastTag);
  return isCell || !/\s/.test(value) ? { from: start, to: start + value.length } : null;
}

/** The name of the opening tag at the end of the text, or ''. */
const lastTagName = (text: string): string =>
  /.*<([a-z]{1,10}[1-6]?)[^<>]{0,500}>\s*$/is.exec(text)?.[1]?.toLowerCase() ?? '';
