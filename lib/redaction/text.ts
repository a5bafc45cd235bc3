import type { Keys } from './keys';
import { type Span, shapedSecrets } from './shapes';

/*
 * Secrets inside a text: the values of secret names, as URLs, headers, hashes that Ruby has inspected, JSON, YAML, XML,
 * command lines and connection strings have them, and what is known by its shape. Each place of the text is looked at
 * a bounded number of times, whatever it holds.
 */

const LONGEST_KEY = 100;
const CLOSES: Record<string, string> = { '{': '}', '[': ']', '(': ')', '<': '>' };
/** Their value is the rest of the line. */
const WHOLE_LINE = /(?:authorization|cookie)s?$/i;

/** Where in the text something must be hidden: in order, without overlaps. */
export function secretSpans(text: string, keys: Keys): Span[] {
  const found = [...shapedSecrets(text), ...assigned(text, keys), ...spoken(text, keys), ...tagged(text, keys)].filter(({ from, to }) => from < to);
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
  for (const match of text.matchAll(/=>|:=|[:=：＝]|%3[ADad]/g)) {
    if (match.index < end) continue;
    const key = keyBefore(text, match.index);
    if (key === null || !keyParts(key.name).some((name) => keys.isSecret(name))) continue;
    const isColon = /^(?:[:：]|%3[Aa])$/.test(match[0]);
    const from = match.index + match[0].length;
    // `Token::Invalid` and `token://` are names; so is `Errors::InvalidToken:`.
    if (isColon && (text[from] === ':' || text[match.index - 1] === ':' || text.startsWith('//', from) || (key.qualified && !key.quoted))) continue;
    const value = valueAt(text, from, isColon, WHOLE_LINE.test(key.name));
    if (value.from < value.to) found.push(value);
    end = value.to;
  }
  return found;
}

/** `user[password]`, `email, api_token`: each a name. */
function keyParts(name: string): string[] {
  const decoded = name.includes('%') ? name.replaceAll(/%5[BDbd]/g, ' ').replaceAll(/%[0-9a-fA-F]{2}/g, '_') : name;
  return decoded.split(/[\s,[\]]+/).filter(Boolean);
}

/** `[`, `]`, `.`, `_`, `-` and what is no ASCII. */
const IN_NAME = /^(?:5[BDbdFf]|2[EeDd]|[89A-Fa-f].)$/;
const IN_KEY = /[\p{L}\p{N}_.%$@[\]-]/u;

/** The name that ends before this place, behind a few spaces, closing quotes and backslashes; spaces belong to it only inside quotes. */
function keyBefore(text: string, at: number): { name: string; quoted: boolean; qualified: boolean } | null {
  let end = at;
  while (end > 0 && at - end < 3 && /[ \t]/.test(text[end - 1] ?? '')) end -= 1;
  const low = Math.max(0, end - LONGEST_KEY);
  if (text[end - 1] === ')') {
    const open = text.lastIndexOf('(', end - 1);
    return open >= low ? { name: text.slice(open + 1, end - 1), quoted: true, qualified: false } : null;
  }
  // `ENV['API_KEY'] =`, and quotes that were escaped.
  const [closing = ''] = /["'`;*\]]/.test(text[end - 1] ?? '') ? (/(?:\\{0,7}["'`]\]?|&quot;|&#34;|\*\*)$/.exec(text.slice(Math.max(0, end - 10), end)) ?? []) : [];
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
  return from < end ? { name: text.slice(from, end), quoted: quote !== '', qualified: text.startsWith('::', from - 2) } : null;
}

/** The value that begins here. Of one that nothing closes, all the rest. */
function valueAt(text: string, at: number, isColon: boolean, wholeLine: boolean): Span {
  let from = at;
  while (from < text.length && from - at < 8 && /[ \t>]/.test(text[from] ?? '')) from += 1;
  // A hash that was printed in a string has its quotes escaped, as often as it was.
  const [opening = '', escape = '', quote = ''] = /^(\\{0,7})(["'`]|&quot;|&#34;)/.exec(text.slice(from, from + 16)) ?? [];
  if (quote) {
    const inside = from + opening.length;
    return { from: inside, to: closingQuote(text, inside, quote, escape) };
  }
  const bracket = text[from] ?? '';
  if (CLOSES[bracket]) return { from, to: closingBracket(text, from) };
  const ends = wholeLine ? /["'`\r\n]/g : isColon && /[ \t]/.test(text[at] ?? '') ? /[,;&"'`<>)\]}\r\n]/g : /[\s&"'`<>]|%26|\\[nrt"]/g;
  ends.lastIndex = from;
  let to = ends.exec(text)?.index ?? text.length;
  while (to > from && /[\s,;.)\]}]/.test(text[to - 1] ?? '')) to -= 1;
  return isColon && /^(?:[|>][-+]?)?$/.test(text.slice(from, Math.min(to, from + 3))) ? { from, to: endOfBlock(text, to) } : { from, to };
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

/** `--password hunter2`, `password 'hunter2'`, `the token is a1b2c3d4`. */
function spoken(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  let end = 0;
  // The value is looked ahead to: it may be the next one's name.
  for (const match of text.matchAll(/(?<![\p{L}\p{N}_-])(-{0,2})([\p{L}\p{N}][\p{L}\p{N}_-]{1,60})(?:[ \t]{1,3}(?:is|was|are|of|value|as|to|with)(?=[ \t])){0,2}[ \t]{1,3}(?=(["'`]|[^\s"'`=:]{1,400}))/gu)) {
    const [all, dashes = '', name = '', value = ''] = match;
    const from = match.index + all.length;
    if (from < end || !keys.isSecret(name)) continue;
    if (/^["'`]$/.test(value)) {
      const closing = text.indexOf(value, from + 1);
      end = closing < 0 ? text.length : closing;
      found.push({ from: from + 1, to: end });
    } else if (dashes ? !value.startsWith('-') : /\d/.test(value) && /^[^(]{4,}$/.test(value) && !/^\d{1,3}[),.;%]?$/.test(value)) found.push({ from, to: from + value.replace(/[.,;)\]}]{1,9}$/, '').length });
  }
  return found;
}

/** `<password>…</password>` */
function tagged(text: string, keys: Keys): Span[] {
  const found: Span[] = [];
  if (!text.includes('</')) return found;
  let end = 0;
  for (const match of text.matchAll(/<([A-Za-z_][A-Za-z0-9_.:-]{0,60})(?:\s[^<>]{0,200})?>/g)) {
    if (match.index < end || !keys.isSecret(match[1] ?? '')) continue;
    const from = match.index + match[0].length;
    const closing = text.indexOf(`</${match[1]}`, from);
    end = closing < 0 ? text.length : closing;
    found.push({ from, to: end });
  }
  return found;
}
