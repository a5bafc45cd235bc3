import { JAPANESE, type Keys } from './keys';
import { phrases } from './phrases';
import { type Span, shapedSecrets } from './shapes';
import { valueAt } from './values';

/*
 * SecretRegistry inside a text: the values of secret names, as URLs, headers, hashes that Ruby has inspected, JSON, YAML, XML,
 * command lines and connection strings have them, and what is known by its shape. Each place of the text is looked at
 * a bounded number of times, whatever it holds.
 */

const LONGEST_KEY = 100;
/** Their value is the rest of the line. */
const WHOLE_LINE = /(?:authorization|cookie)s?$/i;

/** Without any of these nothing in a text can be told for a secret: most texts are read once and no more. */
const SIGNS = new RegExp(
  `[\\d"'\`=:：＝→<%&「『-]|[A-Za-z_]{16}|bearer|basic|${JAPANESE.source}`,
  'i',
);

/** Where in the text something must be hidden: in order, without overlaps. */
export function secretSpans(text: string, keys: Keys): Span[] {
  if (!SIGNS.test(text)) return [];
  const found = [
    ...shapedSecrets(text),
    ...assigned(text, keys),
    ...spoken(text, keys),
    ...tagged(text, keys),
    ...phrases(text, keys),
  ].filter(({ from, to }) => from < to);
  found.sort((a, b) => a.from - b.from || b.to - a.to);
  const merged: Span[] = [];
  for (const span of found) {
    const last = merged.at(-1);
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else merged.push({ ...span });
  }
  return merged;
}

/** `key=value`, `key: value`, `"key" => value`, `key%3Dvalue`, and PostgreSQL's `(key)=(value)`. */
function assigned(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  let end = 0;
  for (const match of text.matchAll(/=>|->|→|:=|[:=：＝]|%3[ADad]|,(?=\s?["'])/g)) {
    if (match.index < end) continue;
    const key = keyBefore(text, match.index);
    if (key === null || (match[0] === ',' && !key.quoted)) continue;
    const parts = keyParts(key.name);
    const isSecret =
      parts.some((name) => keys.isSecret(name)) ||
      (key.inQuery && IN_QUERY.test(key.name)) ||
      (parts.length === 1 &&
        SECOND.test(key.name) &&
        keys.isSecret(`${wordBefore(text, key.from)} ${key.name}`));
    if (!isSecret || FILE.test(key.name)) continue;
    const isColon = /^(?:[:：]|%3[Aa])$/.test(match[0]);
    const from = match.index + match[0].length;
    // `"name": "password", "value": …`: what follows the comma is a key.
    if (
      match[0] === ',' &&
      /^\s?(["'])[\p{L}_]{1,40}\1\s?(?:=>|:)/u.test(text.slice(from, from + 50))
    )
      continue;
    // `Token::Invalid` and `token://` are names; so is `Errors::InvalidToken:`.
    if (
      isColon &&
      (text[from] === ':' ||
        text[match.index - 1] === ':' ||
        text.startsWith('//', from) ||
        (key.qualified && !key.quoted))
    )
      continue;
    const value = valueAt(text, from, isColon, WHOLE_LINE.test(key.name) ? key.enclosing : null);
    if (value.from < value.to) found.push(value);
    end = value.to;
  }
  return found;
}

/** `user[password]`, `email, api_token`: each a name. */
function keyParts(name: string): string[] {
  return unescaped(name)
    .split(/[\s,[\]]+/)
    .filter(Boolean);
}

function unescaped(name: string): string {
  try {
    return name.includes('%') ? decodeURIComponent(name) : name;
  } catch {
    return name.replaceAll(/%[0-9a-fA-F]{2}/g, '_');
  }
}

/** `[`, `]`, `.`, `_`, `-` and what is no ASCII. */
const IN_NAME = /^(?:5[BDbdFf]|2[EeDd]|[89A-Fa-f].)$/;
const IN_KEY = /[\p{L}\p{N}_.%$@[\]-]/u;

interface Key {
  name: string;
  from: number;
  quoted: boolean;
  /** `Errors::InvalidToken` */
  qualified: boolean;
  /** Behind `?` or `&`. */
  inQuery: boolean;
  /** The quote that was opened before the name and holds the value too: `'Authorization: …'`. */
  enclosing: string;
}

/** Short for something secret in a URL, and no more than a word elsewhere. */
const IN_QUERY = /^(?:key|code|auth|sig|s|hash|k|t|access)$/i;
const QUOTE = /["'`]/;
/** The second word of a name: `API key`, `session ID`. */
const SECOND = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
/** A file, as a backtrace has it. */
const FILE = /\.(?:rb|erb|rake|js|ts|py|ya?ml|json|so|c|go|java)$/i;

/** The word that ends before this place, behind a space. */
function wordBefore(text: string, at: number): string {
  return /([\p{L}\p{N}_-]{1,40})[ \t]$/u.exec(text.slice(Math.max(0, at - 42), at))?.[1] ?? '';
}

/** The name that ends before this place, behind a few spaces, closing quotes and backslashes; spaces belong to it only inside quotes. */
function keyBefore(text: string, at: number): Key | null {
  let end = at;
  while (end > 0 && at - end < 3 && /[ \t]/.test(text[end - 1] ?? '')) end -= 1;
  const low = Math.max(0, end - LONGEST_KEY);
  if (text[end - 1] === ')') {
    const open = text.lastIndexOf('(', end - 1);
    return open >= low
      ? {
          name: text.slice(open + 1, end - 1),
          from: open,
          quoted: true,
          qualified: false,
          inQuery: false,
          enclosing: '',
        }
      : null;
  }
  // `ENV['API_KEY'] =`, and quotes that were escaped.
  const [closing = ''] = /["'`;*\]]/.test(text[end - 1] ?? '')
    ? (/(?:\\{0,7}["'`]\]?|&quot;|&#34;|\*\*)$/.exec(text.slice(Math.max(0, end - 10), end)) ?? [])
    : [];
  end -= closing.length;
  const quote = closing.replaceAll(/[\\\]]/g, '');
  let from = end;
  while (from > low && (IN_KEY.test(text[from - 1] ?? '') || (quote && text[from - 1] === ' '))) {
    from -= 1;
    // An escaped `&` or `=` is no part of a name, an escaped bracket is.
    if (text[from] !== '%' || IN_NAME.test(text.slice(from + 1, from + 3))) continue;
    from = Math.min(from + 3, end);
    break;
  }
  if (from >= end || (text[from - 1] === '/' && quote === '')) return null;
  const before = text[from - 1] ?? '';
  return {
    name: text.slice(from, end),
    from,
    quoted: quote !== '',
    qualified: text.startsWith('::', from - 2),
    inQuery: /[?&]/.test(before),
    enclosing: quote === '' && QUOTE.test(before) ? before : '',
  };
}

/** Characters behind a name in a sentence in which its value may stand, and words between them. */
const SENTENCE = 120;
const WORDS_BETWEEN = 6;
/** Letters and digits, in one: no date, no number, no address, no path. */
const looksRandom = (word: string) =>
  /^[\p{L}\p{N}!#$%&*+~^_.@-]{5,}$/u.test(word) &&
  /\d/.test(word) &&
  /\p{L}/u.test(word) &&
  !/^\d+(?:ms|s|m|h|px|kb|mb|th|st|nd|rd)$|^[\p{L}_.-]+\.(?:rb|js|py)$|^v\d|@.*\./iu.test(word);

/** `--password hunter2`, `password 'hunter2'`, `the API key provided was a1b2c3d4`, `パスワード「…」`. */
function spoken(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  let end = 0;
  let [before, beforeEnd] = ['', -1];
  for (const match of text.matchAll(
    /(?<![\p{L}\p{N}_])(-{0,2})([\p{L}\p{N}][\p{L}\p{N}_-]{1,60})/gu,
  )) {
    const [all, dashes = '', name = ''] = match;
    const from = match.index + all.length;
    const isSecond = SECOND.test(name) && text.slice(beforeEnd, match.index) === ' ';
    const phrase = isSecond ? `${before} ${name}` : name;
    [before, beforeEnd] = [name, from];
    if (match.index < end || !keys.isSecret(phrase)) continue;
    const line = /^[^\r\n]*/.exec(text.slice(from, from + SENTENCE))?.[0] ?? '';
    // A file, a class, a call: no sentence.
    if (/^(?:::|\.\w|\/)/.test(line) && !dashes) continue;
    const [lead = '', quote = ''] =
      /^(?:[ \t]+(?:is|was|are|of|value|as|to|with|by)(?=[ \t])){0,2}[ \t]{1,3}(["'`])/.exec(
        line,
      ) ?? [];
    if (quote) {
      const inside = from + lead.length;
      const closing = text.indexOf(quote, inside);
      // `Couldn't find Card with 'id'=42`: the name of a column.
      if (/^\w{1,40}["'`]\s?=/.test(text.slice(inside, inside + 44))) continue;
      end = closing < 0 ? text.length : closing;
      found.push({ from: inside, to: end });
    } else if (dashes) {
      const [, space = '', value = ''] = /^([ \t]+)([^\s-]\S*)/.exec(line) ?? [];
      if (value) found.push({ from: from + space.length, to: from + space.length + value.length });
    } else {
      let words = 0;
      for (const word of line.matchAll(/[^\s()<>[\]{}"'`,;:=&?#/「」『』|]+/g)) {
        if ((words += 1) > WORDS_BETWEEN) break;
        const plain = word[0].replace(/[.!?]+$/, '');
        if (looksRandom(plain))
          found.push({ from: from + word.index, to: from + word.index + plain.length });
      }
    }
  }
  return [...found, ...spokenInJapanese(text)];
}

function spokenInJapanese(text: string): Span[] {
  const found: Span[] = [];
  for (const match of text.matchAll(new RegExp(`(?:${JAPANESE.source})`, 'g'))) {
    const from = match.index + match[0].length;
    const behind = text.slice(from, from + SENTENCE);
    // Behind a space a word is no value, unless digits are in it; a date is none.
    const [all, quoted, bare = ''] =
      /^[^A-Za-z0-9\s「『]{0,8}(?:\s?[「『]([^」』]*)|(?:\s(?=[A-Za-z]*\d)(?!\d{4}[-/]))?([A-Za-z0-9!#$%&*+~^_.@-]{4,}))/.exec(
        behind,
      ) ?? [];
    const value = quoted ?? bare;
    if (all !== undefined)
      found.push({ from: from + all.length - value.length, to: from + all.length });
  }
  return found;
}

/** `<password>…</password>`, also where it was escaped. */
function tagged(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  if (!text.includes('>') && !text.includes('&gt;')) return found;
  let end = 0;
  for (const match of text.matchAll(
    /(<|&lt;)([A-Za-z_][A-Za-z0-9_.:-]{0,60})(?:\s[^<>&]{0,200})?(?:>|&gt;)/g,
  )) {
    const [all, open = '', name = ''] = match;
    if (match.index < end || !keys.isSecret(name)) continue;
    const from = match.index + all.length;
    const closing = text.indexOf(`${open}/${name}`, from);
    end = closing < 0 ? text.length : closing;
    found.push({ from, to: end });
  }
  return found;
}
