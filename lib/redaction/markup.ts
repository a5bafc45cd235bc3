import type { Steps } from '../core/steps';
import { isPlainValue } from './harmless-values';
import type { NameJudge } from './key-names';
import { Pacer, type Scan, type Span, execFrom, isBlank, isSpace } from './scan';

/*
 * Markdown and HTML between a name and its value: `**Password:** value`, `<b>Password:</b> value`, `Password:<br>value`.
 * What is skipped is read once: the rule that asks goes on behind it.
 */

/** Tags of text and tables. Their attributes end at the next bracket, so no character is read for two tags. */
const TAG =
  /<(\/?)(b|strong|i|em|u|s|code|pre|tt|kbd|samp|var|mark|small|big|sup|sub|span|font|center|w?br|hr|p|div|section|blockquote|t[dhr]|tbody|thead|table|d[dtl]|li|[ou]l|label|h[1-6])(?:\s[^<>]{0,500})?\/?>/iy;
/** The end of bold or italic text; a value that begins with such a sign has a character behind it. */
const EMPHASIS = /(?:[*_]{1,3}|~~)(?=[\s\u00a0<]|$)/y;

export interface MarkupTag {
  name: string;
  isClosing: boolean;
  end: number;
}

/** The tag of text or a table that begins here. */
export function markupTagAt(text: string, at: number): MarkupTag | null {
  const [tag = '', slash = '', name = ''] = execFrom(TAG, text, at) ?? [];
  return tag === ''
    ? null
    : { name: name.toLowerCase(), isClosing: slash !== '', end: at + tag.length };
}

/** The offset behind the blanks that begin here, and behind line ends that a backslash continues. */
export function skipBlanks(text: string, at: number): number {
  let end = at;
  for (;;) {
    if (isBlank(text.charCodeAt(end))) end += 1;
    else if (text.startsWith('\\\n', end)) end += 2;
    else if (text.startsWith('\\\r\n', end)) end += 3;
    else return end;
  }
}

/** The offset behind the white space that begins here, with its line ends. */
export function skipSpaces(text: string, at: number): number {
  let end = at;
  while (isSpace(text.charCodeAt(end)) || isBlank(text.charCodeAt(end))) end += 1;
  return end;
}

/** The offset behind the markup that ends a name: emphasis, then tags with any white space between them. */
export function skipMarkup(text: string, at: number): { end: number; hasTags: boolean } {
  const emphasisEnd = at + (execFrom(EMPHASIS, text, at)?.[0].length ?? 0);
  let tag = markupTagAt(text, skipBlanks(text, emphasisEnd));
  if (!tag) return { end: emphasisEnd, hasTags: false };
  let { end } = tag;
  for (tag = markupTagAt(text, skipSpaces(text, end)); tag;) {
    ({ end } = tag);
    tag = markupTagAt(text, skipSpaces(text, end));
  }
  return { end: skipSpaces(text, end), hasTags: true };
}

/* Secrets that XML and HTML tags name: `<password>…</password>`, `<td>Password</td><td>…</td>`, `Password<br>…`. */

const NAME = /<([A-Za-z_][A-Za-z0-9_.:-]{0,60})(?=[\s/>])/y;
const VALUE_ATTRIBUTE = /\s(?:[\w.-]{1,40}:)?(?:value|val|data|content)\s{0,3}=/i;
/** Longer attributes are hidden with the content. */
const MAX_ATTRIBUTES_LENGTH = 100_000;

/**
 * The content of a tag with a secret name. Its attributes and its closing tag are searched for once: what nothing closes
 * hides the rest of the text.
 */
export function* tags({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (pacer.isDue(at)) yield;
    const [opening = '', name = ''] = execFrom(NAME, text, at) ?? [];
    const from = at + Math.max(1, opening.length);
    const isTag = opening !== '' && text[at - 1] !== '#' && keys.isSecret(name);
    at = from;
    if (!isTag) continue;
    const content = contentBehind(text, from, name);
    if (content) hide(content.from, content.to);
    at = Math.max(from, content?.to ?? 0);
  }
}

/** The content of the tag whose name ends here; of an empty tag its attributes where one is a value; null: this is no tag. */
function contentBehind(text: string, nameEnd: number, name: string): Span | null {
  const attributes = attributesAt(text, nameEnd);
  if (!attributes) return null;
  const rest = text.slice(nameEnd, Math.min(attributes.end - 1, nameEnd + MAX_ATTRIBUTES_LENGTH));
  if (attributes.isEmpty)
    return { from: VALUE_ATTRIBUTE.test(rest) ? nameEnd : attributes.end, to: attributes.end };
  // An object that was printed, `<Session id: 1>`, has no attributes.
  if (rest.trim() !== '' && !rest.includes('=')) return null;
  const closing = indexOfClosing(text, nameEnd, name);
  // A quote that nothing closes before the closing tag: from the first bracket on.
  const isOver = attributes.end >= closing;
  const first = isOver ? text.indexOf('>', nameEnd) + 1 : 0;
  return { from: Math.min(first > 0 ? first : attributes.end, closing), to: closing };
}

/** Where the attributes end: behind the first bracket outside of their quotes; null: another tag begins before it. */
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

/** `</name` in any case, or the end of the text. */
function indexOfClosing(text: string, from: number, name: string): number {
  const lower = name.toLowerCase();
  for (let at = text.indexOf('</', from); at >= 0; at = text.indexOf('</', at + 2))
    if (text.slice(at + 2, at + 2 + name.length).toLowerCase() === lower) return at;
  return text.length;
}

/** Elements of a table or list, and line breaks: what follows is the value whatever it is. Elsewhere it is one word. */
const CELLS = new Set(['br', 'td', 'th', 'tr', 'dt', 'dd']);
/** Two of these in a row are names of columns or items of a list. */
const SIBLINGS = new Set(['th', 'li', 'dt']);
const LABEL = /^["'*_]{0,3}((?:[\p{L}\p{N}_-]{1,40} ){0,3}[\p{L}\p{N}_-]{1,40})["'*_:：]{0,3}$/u;
const MAX_LABEL_LENGTH = 180;
const ELEMENT_END = /[<\r\n]/g;

/** The text behind an element, or a line, that is nothing but a secret name. */
export function* labelledElements({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (pacer.isDue(at)) yield;
    const tag = markupTagAt(text, at);
    const name = tag ? labelBefore(text, at, keys) : null;
    const value = tag && name !== null ? valueBehind(text, at, tag) : null;
    if (value && !isPlainValue(name ?? '', text.slice(value.from, value.from + 201)))
      hide(value.from, value.to);
    at = Math.max(tag?.end ?? at + 1, value?.to ?? 0);
  }
}

/** The secret name that ends here and has its element or line for itself; null: there is none. */
function labelBefore(text: string, at: number, keys: NameJudge): string | null {
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

function valueBehind(text: string, at: number, tag: MarkupTag): Span | null {
  const { end } = skipMarkup(text, at);
  const from = /[:=]/.test(text[end] ?? '') ? skipSpaces(text, end + 1) : end;
  const start = skipMarkup(text, from).end;
  const to = execFrom(ELEMENT_END, text, start)?.index ?? text.length;
  const last = lastTag(text.slice(Math.max(at, start - 600), start));
  const value = text.slice(start, to).trimEnd();
  if (value === '' || (tag.isClosing && tag.name === last && SIBLINGS.has(last))) return null;
  const isCell = CELLS.has(tag.name) || CELLS.has(last);
  return isCell || !/\s/.test(value) ? { from: start, to: start + value.length } : null;
}

/** The name of the last opening tag. */
const lastTag = (text: string): string =>
  /.*<([a-z]{1,10}[1-6]?)[^<>]{0,500}>\s*$/is.exec(text)?.[1]?.toLowerCase() ?? '';
