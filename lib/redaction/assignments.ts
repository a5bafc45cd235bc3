import type { Steps } from '../core/steps';
import { isLetterOrDigit } from './chars';
import type { Keys } from './keys';
import { isPlainValue } from './plain-values';
import { Pacer, type Scan, execFrom } from './scan';
import type { Span } from './spans';
import { type Value, valueAt } from './values';

/*
 * `key=value`, `key: value`, `"key" => value`, `"key", "value"` and PostgreSQL's `(key)=(value)`. The rule goes from sign to
 * sign. The name before a sign reaches back to the sign before it at most, and the next sign is looked for behind the
 * value, so each character is read a few times.
 */

const MAX_KEY_LENGTH = 100;
/** Their value is the rest of the line. */
const WHOLE_LINE = /(?:authorization|cookie)s?$/i;
/** In a URL they hold a secret; elsewhere they are ordinary words. */
const IN_QUERY = /^(?:key|code|auth|sig|s|hash|k|t|access)$/i;
/** The second word of a name: `API key`, `session ID`. */
const SECOND = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
/** A file, as a backtrace names it. */
const FILE = /\.(?:rb|erb|rake|js|ts|py|ya?ml|json|so|c|go|java)$/i;
/** The members of a JSON Web Key that are private; `kty` is beside them. */
const JWK_PRIVATE = /^(?:d|p|q|dp|dq|qi|k)$/;
const JWK = /["'](?:kty)["']\s?(?:=>|:)|:kty\s?=>|\bkty:/;
/** What follows a comma is the key of the next value: `"name": "password", "value": …`. */
const NEXT_KEY = /\s?(["'])[\p{L}_]{1,40}\1\s?(?:=>|:)/uy;

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
  /** Columns of PostgreSQL's `Key (a, b)=(1, 2)`. */
  isColumnList: boolean;
}

/** What to hide of one assignment, and where to go on. */
interface Assignment {
  hidden: readonly Span[];
  end: number;
}

export function* assignments({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  const isJwk = JWK.test(text);
  for (let at = 0; at < text.length; at += 1) {
    if (pacer.isDue(at)) yield;
    const length = signLength(text, at);
    if (length === 0) continue;
    const from = at + length;
    const key = keyBefore(text, at);
    if (key && (key.quoted || text[at] !== ',')) {
      const isPrivate = isJwk && JWK_PRIVATE.test(key.name);
      const found =
        isPrivate || isSecretKey(text, key, keys)
          ? valueBehind(text, at, from, key, keys, isPrivate)
          : pairBehind(text, from, key, keys);
      for (const { from: start, to } of found?.hidden ?? []) hide(start, to);
      at = Math.max(from, found?.end ?? 0) - 1;
    } else at = from - 1;
  }
}

function isSecretKey(text: string, key: Key, keys: Keys): boolean {
  const parts = keyParts(key.name);
  return (
    parts.some((name) => keys.isSecret(name)) ||
    (key.inQuery && IN_QUERY.test(key.name)) ||
    (parts.length === 1 &&
      SECOND.test(key.name) &&
      keys.isSecret(`${wordBefore(text, key.from)} ${key.name}`))
  );
}

function valueBehind(
  text: string,
  sign: number,
  from: number,
  key: Key,
  keys: Keys,
  isPrivate: boolean,
): Assignment | null {
  if (FILE.test(key.name) || isNoAssignment(text, sign, from, key)) return null;
  const value = valueAt(text, from, {
    isColon: ':：'.includes(text[sign] ?? '') && from === sign + 1,
    wholeLine: WHOLE_LINE.test(key.name) ? key.enclosing : null,
    keyFrom: key.from,
  });
  if (value.from >= value.to) return { hidden: [], end: value.to };
  if (key.isColumnList && text[value.from] === '(') return columnValues(text, value, key, keys);
  const beginning = text.slice(value.from, Math.min(value.to, value.from + 201));
  const isPlain = !isPrivate && isPlainValue(keyParts(key.name).at(-1) ?? '', beginning);
  return { hidden: isPlain ? [] : [value], end: value.to };
}

/** `(email, token)=(a@b.c, 123)`: the values of secret columns; all of it where their numbers differ. */
function columnValues(text: string, value: Value, key: Key, keys: Keys): Assignment {
  const from = value.from + 1;
  const to = text[value.to - 1] === ')' ? value.to - 1 : value.to;
  const columns = key.name.split(',').map((column) => column.trim());
  const parts = text.slice(from, to).split(', ');
  if (columns.length !== parts.length) return { hidden: [{ from, to }], end: value.to };
  const hidden: Span[] = [];
  let at = from;
  for (const [n, part] of parts.entries()) {
    const column = columns[n] ?? '';
    if (keys.isSecret(column) && !isPlainValue(column, part))
      hidden.push({ from: at, to: at + part.length });
    at += part.length + 2;
  }
  return { hidden, end: value.to };
}

/** The number of characters of the sign between a name and a value that begins here; 0: none does. */
function signLength(text: string, at: number): number {
  switch (text.charCodeAt(at)) {
    case 0x3d: {
      let end = at + 1;
      while (end - at < 3 && '=~>'.includes(text[end] ?? 'x')) end += 1;
      return end - at;
    }
    case 0x2d:
      return text[at + 1] === '>' ? 2 : 0;
    case 0x3a:
      return text[at + 1] === '=' ? 2 : 1;
    case 0x2c:
      return /^\s?["']/.test(text.slice(at + 1, at + 3)) ? 1 : 0;
    case 0x2192:
    case 0xff1a:
    case 0xff1d:
      return 1;
    default:
      return 0;
  }
}

/** `Token::Invalid` and `token://` are names; so is `Errors::InvalidToken:`, and a method that is quoted: `password='`. */
function isNoAssignment(text: string, sign: number, from: number, key: Key): boolean {
  if (text[sign] === ',') return execFrom(NEXT_KEY, text, from) !== null;
  if (isQuotedMethod(text, from, key)) return true;
  if (text[sign] !== ':' || from !== sign + 1) return false;
  return (
    text[from] === ':' ||
    text[sign - 1] === ':' ||
    text.startsWith('//', from) ||
    (key.qualified && !key.quoted)
  );
}

/** ``undefined method `password=' for nil``: the closing quote is right behind the sign, and no word is behind it. */
function isQuotedMethod(text: string, from: number, key: Key): boolean {
  const closing = text[from] ?? '';
  if (!'\'"’`'.includes(closing) || closing === '') return false;
  const opening = quoteBeforeName(text, key.from);
  const isPair = opening === closing || ('`‘'.includes(opening || 'x') && "'’".includes(closing));
  return isPair && !isLetterOrDigit(text.charCodeAt(from + 1)) && text[from + 1] !== closing;
}

/** The quote before a name, also of `User#name` and `user.name`. */
function quoteBeforeName(text: string, from: number): string {
  const before = text.slice(Math.max(0, from - MAX_KEY_LENGTH), from);
  return /(["'`‘])(?:[\w:]{1,80}[#.])?$/.exec(before)?.[1] ?? '';
}

/** `user[password]` and `email, api_token` have several names. */
const keyParts = (name: string): string[] => name.split(/[\s,[\]]+/).filter(Boolean);

/** The word that ends before this place, behind a space. */
function wordBefore(text: string, at: number): string {
  return /([\p{L}\p{N}_-]{1,40})[ \t]$/u.exec(text.slice(Math.max(0, at - 42), at))?.[1] ?? '';
}

const isKeyChar = (code: number): boolean =>
  isLetterOrDigit(code) || '_.$@[]-'.includes(String.fromCharCode(code));

/** The name that ends before this sign, behind a few spaces and closing quotes. Spaces belong to it inside quotes. */
function keyBefore(text: string, at: number): Key | null {
  let end = at;
  while (end > 0 && at - end < 3 && ' \t'.includes(text[end - 1] ?? 'x')) end -= 1;
  const low = Math.max(0, end - MAX_KEY_LENGTH);
  if (text[end - 1] === ')') return columnList(text, low, end);
  let quote = '';
  if (text[end - 1] === ']' && `"'\``.includes(text[end - 2] ?? 'x')) end -= 1;
  if (end > 0 && `"'\``.includes(text[end - 1] ?? 'x')) {
    end -= 1;
    quote = text[end] ?? '';
  } else if (text.startsWith('**', end - 2)) end -= 2;
  let from = end;
  while (
    from > low &&
    (isKeyChar(text.charCodeAt(from - 1)) || (quote !== '' && text[from - 1] === ' '))
  )
    from -= 1;
  const before = text[from - 1] ?? '';
  if (from >= end || (before === '/' && quote === '')) return null;
  return {
    name: text.slice(from, end),
    from,
    quoted: quote !== '',
    qualified: text.startsWith('::', from - 2),
    inQuery: before === '?' || before === '&',
    enclosing: quote === '' && `"'\``.includes(before || 'x') ? before : '',
    isColumnList: false,
  };
}

function columnList(text: string, low: number, end: number): Key | null {
  // Not beyond another sign: what was read for that one is not read again.
  let open = end - 2;
  while (open >= low && text[open] !== '(' && text[open] !== '=') open -= 1;
  if (open < low || text[open] !== '(') return null;
  return {
    name: text.slice(open + 1, end - 1),
    from: open,
    quoted: true,
    qualified: false,
    inQuery: false,
    enclosing: '',
    isColumnList: true,
  };
}

const NAMING =
  /^(?:name|key|field|header|attribute|param|parameter|property|variable|column|setting|path|(?:field|attribute|header|param|variable)_?name)$/i;
const NAME = /\s{0,3}["']?[:/]?([\p{L}\p{N}_.$@-]{1,100})["']?\s{0,3}[,;&]?\s{0,3}/uy;
const VALUE_OF =
  /["']?:?(?:values?|val|v|content|data|text|input|was|is|old|new|from|to|before|after|current|(?:old|new)_?value)["']?\s{0,3}(=>|[:=])/iy;
const BETWEEN_VALUES = /["']?\s{0,3}[,;&]?\s{0,3}/y;
/** Values that belong to one name: before and after. */
const VALUES_OF_NAME = 3;

/** `{"key":"api_key","value":"…"}`, `name=password&value=…`, `<input name="password" value="…">`. */
function pairBehind(text: string, from: number, key: Key, keys: Keys): Assignment | null {
  if (key.name.length > 20 || !NAMING.test(key.name)) return null;
  const name = execFrom(NAME, text, from);
  if (!name || !keys.isSecret(name[1] ?? '')) return null;
  const hidden: Span[] = [];
  let at = from + name[0].length;
  for (let n = 0; n < VALUES_OF_NAME; n += 1) {
    const behind = execFrom(VALUE_OF, text, at);
    if (!behind) break;
    const start = at + behind[0].length;
    const value = valueAt(text, start, {
      isColon: behind[1] === ':',
      wholeLine: null,
      keyFrom: at,
    });
    hidden.push(value);
    at = value.to + (execFrom(BETWEEN_VALUES, text, value.to)?.[0].length ?? 0);
  }
  const last = hidden.at(-1);
  return last ? { hidden, end: last.to } : null;
}
