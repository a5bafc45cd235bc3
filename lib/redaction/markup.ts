import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { MAX_HARMLESS_LENGTH, isHarmlessValue } from './harmless-values';
import type { NameMatcher } from './key-names';
import { type Scan, type Span, StepCounter, execFrom, isBlank, isSpace } from './scan';

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
export function skipMarkup(text: string, at: number): { end: number; hasTags: boolean } {
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

/** The secret name that ends here and fills its element or line; null: there is none. */
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
