import type { Steps } from '../core/steps';
import { isInspected, isParserToken, isPlainValue } from './harmless-values';
import type { NameJudge } from './key-names';
import { skipBlanks } from './markup';
import { Pacer, type Scan, type Span, execFrom, isBlank, isLetterOrDigit } from './scan';
import { valueAt } from './values';

/*
 * `key=value`, `key: value`, `"key" => value` and `"key", "value"`. The rule goes from sign to sign. The name before a
 * sign is MAX_KEY_LENGTH characters long at most, the blanks between them are read for this sign only, and the next sign
 * is looked for behind the value, so each character is read a few times. Columns in brackets are in `sql-lists.ts`.
 */

const MAX_KEY_LENGTH = 100;
/** Characters that are read of the line before one that begins with a sign. */
const MAX_LINE_BEFORE = 200;
/** Their value is the rest of the line. */
const WHOLE_LINE = /(?:authorization|cookie)s?$/i;
/** In a URL they hold a secret; elsewhere they are ordinary words. */
const IN_QUERY = /^(?:key|code|auth|sig|s|hash|k|t|access)$/i;
/** The second word of a name: `API key`, `session ID`. */
const SECOND = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
/** A file, as a backtrace names it. */
const FILE = /\.(?:rb|erb|rake|js|ts|py|ya?ml|json|so|c|go|java)$/i;
/** The members of a JSON Web Key that are private; `kty` is beside them. */
const JWK_PRIVATE = /^(?:d|p|q|dp|dq|qi|k|oth)$/;
const JWK = /\bkty["'`\]]{0,2}\s*(?:=|:)/;
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
  /** A list in round brackets: `Key (a, b)=(1, 2)`. */
  isList: boolean;
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
      const isPrivate = isJwk && JWK_PRIVATE.test(memberName(key.name));
      const found =
        isPrivate || isSecretKey(text, key, keys)
          ? valueBehind(text, at, from, key, keys, isPrivate)
          : pairBehind(text, from, key, keys);
      for (const { from: start, to } of found?.hidden ?? []) hide(start, to);
      at = Math.max(from, found?.end ?? 0) - 1;
    } else at = from - 1;
  }
}

function isSecretKey(text: string, key: Key, keys: NameJudge): boolean {
  const parts = keyParts(key.name);
  return (
    parts.some((name) => keys.isSecret(name) && !isParserToken(text, key.from, name)) ||
    (key.inQuery && IN_QUERY.test(key.name)) ||
    keys.isSecret(phraseOf(text, key))
  );
}

/** `API key`, where a name is its second word. Of `#<Session id: 1>` the first word is the class of the record. */
function phraseOf(text: string, key: Key): string {
  if (!SECOND.test(key.name)) return '';
  const first = wordBefore(text, key.from);
  return first === '' || isInspected(text, key.from - 1 - first.length)
    ? ''
    : `${first} ${key.name}`;
}

function valueBehind(
  text: string,
  sign: number,
  from: number,
  key: Key,
  keys: NameJudge,
  isPrivate: boolean,
): Assignment | null {
  if (FILE.test(key.name) || isNoAssignment(text, sign, from, key)) return null;
  if (key.isList && text[skipBlanks(text, from)] === '(') return null;
  const value = valueAt(text, from, {
    isColon: ':：'.includes(text[sign] ?? '') && from === sign + 1,
    wholeLine: WHOLE_LINE.test(key.name) ? key.enclosing : null,
    keyFrom: key.from,
  });
  if (value.from >= value.to) return { hidden: [], end: value.to };
  const beginning = text.slice(value.from, Math.min(value.to, value.from + 201));
  const isPlain = !isPrivate && isPlainValue(plainNameOf(text, key, keys), beginning);
  if (isPlain) return { hidden: [], end: value.to };
  return { hidden: value.before ? [value.before, value] : [value], end: value.to };
}

function plainNameOf(text: string, key: Key, keys: NameJudge): string {
  const own = keyParts(key.name).at(-1) ?? '';
  return keys.isSecret(own) ? own : phraseOf(text, key) || own;
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
/** `d` of `jwk[d]` and `jwk.d` */
const memberName = (name: string): string => name.split(/[[\].]+/).findLast(Boolean) ?? '';

/** The word that ends before this place, behind a space. */
function wordBefore(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - 42), at);
  return /([\p{L}\p{N}_-]{1,40})[^\S\r\n]$/u.exec(before)?.[1] ?? '';
}

const isKeyChar = (code: number): boolean =>
  isLetterOrDigit(code) || '_.$@[]-'.includes(String.fromCharCode(code));

/** The name that ends before this sign, behind blanks and closing quotes. Spaces belong to it inside quotes. */
function keyBefore(text: string, at: number): Key | null {
  const nameEnd = endOfNameBefore(text, at);
  let end = nameEnd.at;
  const low = Math.max(0, end - MAX_KEY_LENGTH);
  if (text[end - 1] === ')') return listBefore(text, low, end);
  let quote = '';
  if (text[end - 1] === ']' && `"'\``.includes(text[end - 2] ?? 'x')) end -= 1;
  if (end > 0 && `"'\``.includes(text[end - 1] ?? 'x')) {
    end -= 1;
    quote = text[end] ?? '';
  }
  let from = end;
  while (
    from > low &&
    (isKeyChar(text.charCodeAt(from - 1)) || (quote !== '' && text[from - 1] === ' '))
  )
    from -= 1;
  const before = text[from - 1] ?? '';
  if (from >= end || (before === '/' && quote === '')) return null;
  if (nameEnd.isLineBefore && quote === '' && !isWholeLine(text, from)) return null;
  return {
    name: text.slice(from, end),
    from,
    quoted: quote !== '',
    qualified: text.startsWith('::', from - 2),
    inQuery: before === '?' || before === '&',
    enclosing: quote === '' && `"'\``.includes(before || 'x') ? before : '',
    isList: false,
  };
}

/** Closing tags and emphasis behind a name: `<b>Password</b>:`, `**Password**:`. */
const MARKUP_BEHIND = /(?:(?:<\/[a-z]{1,10}>){1,4}|\*{1,3}|~~)$/i;
/** `: value` and `=> value` on a line of their own. */
const SIGN_OF_LINE = /(?::(?=[\s"'[{]|$)|=>?)/y;

/** Where a name ends: before blanks and markup; before the line end where the sign begins a line, as in YAML's `? name`. */
function endOfNameBefore(text: string, at: number): { at: number; isLineBefore: boolean } {
  let end = at;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end -= 1;
  const isLineBefore = text[end - 1] === '\n' && execFrom(SIGN_OF_LINE, text, at) !== null;
  if (isLineBefore) end = endOfLineBefore(text, end);
  if ('>*~'.includes(text[end - 1] ?? 'x'))
    end -= MARKUP_BEHIND.exec(text.slice(Math.max(0, end - 52), end))?.[0].length ?? 0;
  return { at: end, isLineBefore };
}

/** The end of the line before, without a comment; of a long line its own end. */
function endOfLineBefore(text: string, lineFrom: number): number {
  let end = text[lineFrom - 2] === '\r' ? lineFrom - 2 : lineFrom - 1;
  let from = end;
  while (from > 0 && end - from < MAX_LINE_BEFORE && text[from - 1] !== '\n') from -= 1;
  const comment = text.slice(from, end).search(/\s#/);
  if (comment >= 0) end = from + comment;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

/** Whether no more than a list mark, `?` and two words are before the name in its line. */
function isWholeLine(text: string, from: number): boolean {
  return /(?:^|[\r\n])[^\S\r\n]{0,40}(?:[-?*][^\S\r\n]{1,8}){0,3}(?:[\p{L}\p{N}_-]{1,20} ){0,2}["'`*_]{0,3}$/u.test(
    text.slice(Math.max(0, from - MAX_LINE_BEFORE), from),
  );
}

function listBefore(text: string, low: number, end: number): Key | null {
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
    isList: true,
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
function pairBehind(text: string, from: number, key: Key, keys: NameJudge): Assignment | null {
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
    hidden.push(...(value.before ? [value.before, value] : [value]));
    at = value.to + (execFrom(BETWEEN_VALUES, text, value.to)?.[0].length ?? 0);
  }
  const last = hidden.at(-1);
  return last ? { hidden, end: last.to } : null;
}
