import { isBlank, isSpace } from './chars';
import { execFrom } from './scan';

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
