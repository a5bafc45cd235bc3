/*
 * The query language's words: split at white space, and values at commas, both outside quotes. A Japanese input
 * method writes ：＞－，“ and the ideographic space; where the language has a sign, the full-width one is the same.
 */

export interface Token {
  text: string;
  /** Offset in the query, UTF-16. */
  start: number;
  /** A quote was opened and not closed. */
  open: boolean;
}

const CLOSING: Record<string, string> = { '"': '"', '“': '”"', '”': '”"', '＂': '＂"' };
export const COMMA = /[,，]/;
export const COLON = /[:：]/;
export const MINUS = /^[-－−]/;

/** At white space (the ideographic one too) that is not inside quotes. */
export function tokens(query: string): Token[] {
  const found: Token[] = [];
  let token: Token | null = null;
  let closing = '';
  for (let at = 0; at < query.length; at += 1) {
    const char = query[at] ?? '';
    if (!closing && /\s/u.test(char)) {
      if (token) found.push(token);
      token = null;
      continue;
    }
    token ??= { text: '', start: at, open: false };
    token.text += char;
    if (!closing) closing = CLOSING[char] ?? '';
    else if (char === '\\' && at + 1 < query.length) token.text += query[(at += 1)];
    else if (closing.includes(char)) closing = '';
    token.open = closing !== '';
  }
  return token ? [...found, token] : found;
}

export interface Value {
  text: string;
  /** The same with its stars: `*` is any characters, `\*` a star, `\\` a backslash. */
  pattern: string;
  /** The text between its stars. `\*`, and a star in quotes, is a literal star. */
  parts: string[];
  quoted: boolean;
}

const emptyValue = (): Value => ({ text: '', pattern: '', parts: [''], quoted: false });

/** `star`: what a `*` is at this place. */
function addToParts(parts: string[], char: string, star: 'wildcard' | 'escaped' | 'quoted'): void {
  const last = parts.length - 1;
  const part = parts[last] ?? '';
  if (char === '*' && star === 'wildcard') parts.push('');
  else parts[last] = (char === '*' && star === 'escaped' ? part.slice(0, -1) : part) + char;
}

/** The values of `a,"b, c"`; of text without a comma one, without its quotes. */
export function values(text: string, separator: RegExp | null = COMMA): Value[] {
  const found: Value[] = [];
  let value: Value = emptyValue();
  let closing = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (!closing && separator?.test(char)) {
      found.push(value);
      value = emptyValue();
    } else if (!closing && CLOSING[char]) {
      closing = CLOSING[char];
      value.quoted = true;
    } else if (closing && closing.includes(char)) {
      closing = '';
    } else {
      const escaped = closing !== '' && char === '\\' && /["\\”＂]/.test(text[at + 1] ?? '');
      const plain = escaped ? (text[(at += 1)] ?? '') : char;
      value.text += plain;
      const unquotedStar = text[at - 1] === '\\' ? 'escaped' : 'wildcard';
      addToParts(value.parts, plain, closing === '' ? unquotedStar : 'quoted');
      value.pattern += closing && /[\\*]/.test(plain) ? `\\${plain}` : plain;
    }
  }
  return [...found, value].filter((one) => one.text !== '' || one.quoted);
}

const inQuotes = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** A text to search for, in quotes where the language would take it for something else. */
export function quote(text: string): string {
  return text === '' || /[\s"“”＂\\*]|^[-－−]|^[^\s:：]*[:：]/u.test(text) ? inQuotes(text) : text;
}

/** A field's value, in quotes where the language needs them. */
export function quoteValue(value: string): string {
  return value === '' || /[\s"“”＂,，*\\]|^[:：/=＝]/u.test(value) ? inQuotes(value) : value;
}
