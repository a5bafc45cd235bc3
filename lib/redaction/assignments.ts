import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import {
  MAX_HARMLESS_LENGTH,
  isHarmlessValue,
  isInspectedObject,
  isParserToken,
} from './harmless-values';
import type { NameMatcher } from './key-names';
import {
  type Scan,
  type Span,
  StepCounter,
  execFrom,
  isBlank,
  isLetterOrDigit,
  isSpace,
} from './scan';
import { skipBlanks, valueAt } from './values';

/*
 * Assignments: `key=value`, `key: value`, `"key" => value` and `"key", "value"`. The name before a
 * separator is bounded by MAX_KEY_LENGTH and the scan resumes after the value, so the time is
 * linear. `statements.ts` reads SQL column lists.
 */

const MAX_KEY_LENGTH = 100;
/** Characters read of the previous line when a line begins with a separator. */
const MAX_PREVIOUS_LINE = 200;
/** Headers whose value is the rest of the line. */
const WHOLE_LINE_NAME = /(?:authorization|cookie)s?$/i;
/** Names that hold a secret in a URL query, but are ordinary words elsewhere. */
const QUERY_PARAM = /^(?:key|code|auth|sig|s|hash|k|t|access)$/i;
/** Quotes that open a name in an error message. */
const QUOTES_BEFORE = '"\'`‘';
/** The second word of a name: `API key`, `session ID`. */
const SECOND_WORD = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
/** A file name in a backtrace. */
const FILE_NAME = /\.(?:rb|erb|rake|js|ts|py|ya?ml|json|so|c|go|java)$/i;
/** The private members of a JSON Web Key, which also has a `kty`. */
const JWK_PRIVATE = /^(?:d|p|q|dp|dq|qi|k|oth)$/;
const JWK = /\bkty["'`\]]{0,2}\s*(?:=|:)/;
/** The text after the comma is the next key, as in `"name": "password", "value": …`. */
const NEXT_KEY = /\s?(["'])[\p{L}_]{1,40}\1\s?(?:=>|:)/uy;

interface Key {
  name: string;
  from: number;
  isQuoted: boolean;
  /** Follows `::`, as in `Errors::InvalidToken`. */
  isQualified: boolean;
  /** Follows `?` or `&`. */
  isInQuery: boolean;
  /**
   * The quote that opens before the name and closes after the value, as in `'Authorization: …'`, or
   * ''.
   */
  enclosingQuote: string;
  /** A list in round brackets: `Key (a, b)=(1, 2)`. */
  isList: boolean;
}

/** The spans to hide of one assignment, and the offset where the scan resumes. */
interface Assignment {
  spans: readonly Span[];
  end: number;
}

/** Hides the values of assignments to secret names. */
export function* findAssignments({ text, keys, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  const isJwk = JWK.test(text);
  for (let at = 0; at < text.length; at += 1) {
    if (stepCounter.isDue(at)) yield;
    const length = separatorLength(text, at);
    if (length === 0) continue;
    const from = at + length;
    const key = keyBefore(text, at);
    if (key && (key.isQuoted || text[at] !== ',')) {
      const isPrivate = isJwk && JWK_PRIVATE.test(memberName(key.name));
      const assignment =
        isPrivate || isSecretKey(text, key, keys)
          ? valueAfter(text, at, from, key, keys, isPrivate)
          : pairAfter(text, from, key, keys);
      for (const { from: start, to } of assignment?.spans ?? []) hide(start, to);
      at = Math.max(from, assignment?.end ?? 0) - 1;
    } else {
      at = from - 1;
    }
  }
}

function isSecretKey(text: string, key: Key, keys: NameMatcher): boolean {
  const { name } = key;
  return (
    (isPlainName(name)
      ? isSecretPart(text, key, keys, name)
      : keyParts(name).some((part) => isSecretPart(text, key, keys, part))) ||
    (key.isInQuery && QUERY_PARAM.test(name)) ||
    (SECOND_WORD.test(name) && keys.isSecret(twoWordName(text, key)))
  );
}

const isSecretPart = (text: string, key: Key, keys: NameMatcher, part: string): boolean =>
  keys.isSecret(part) && !isParserToken(text, key.from, part);

/**
 * `API key` for the key `key`, or ''. In `#<Session id: 1>` the first word is a class, not part of
 * the name.
 */
function twoWordName(text: string, key: Key): string {
  if (!SECOND_WORD.test(key.name)) return '';
  const first = wordBefore(text, key.from);
  return first === '' || isInspectedObject(text, key.from - 1 - first.length)
    ? ''
    : `${first} ${key.name}`;
}

function valueAfter(
  text: string,
  separator: number,
  from: number,
  key: Key,
  keys: NameMatcher,
  isPrivate: boolean,
): Assignment | null {
  if (FILE_NAME.test(key.name) || !isAssignment(text, separator, from, key)) return null;
  if (key.isList && text[skipBlanks(text, from)] === '(') return null;
  const value = valueAt(text, from, {
    isColon: ':：'.includes(text[separator] ?? '') && from === separator + 1,
    wholeLineQuote: WHOLE_LINE_NAME.test(key.name) ? key.enclosingQuote : null,
    keyFrom: key.from,
  });
  if (value.from >= value.to) return { spans: [], end: value.to };
  const prefix = text.slice(value.from, Math.min(value.to, value.from + MAX_HARMLESS_LENGTH + 1));
  if (!isPrivate && isHarmlessValue(() => secretNameOf(text, key, keys), prefix))
    return { spans: [], end: value.to };
  return { spans: value.before ? [value.before, value] : [value], end: value.to };
}

function secretNameOf(text: string, key: Key, keys: NameMatcher): string {
  const lastPart = isPlainName(key.name) ? key.name : (keyParts(key.name).at(-1) ?? '');
  return keys.isSecret(lastPart) ? lastPart : twoWordName(text, key) || lastPart;
}

/** The length of the name-value separator that begins here, or 0. */
function separatorLength(text: string, at: number): number {
  switch (text.charCodeAt(at)) {
    // =
    case 0x3d: {
      let end = at + 1;
      while (end - at < 3 && '=~>'.includes(text[end] ?? 'x')) end += 1;
      return end - at;
    }
    // -
    case 0x2d:
      return text[at + 1] === '>' ? 2 : 0;
    // :
    case 0x3a:
      return text[at + 1] === '=' ? 2 : 1;
    // ,
    case 0x2c:
      return /^\s?["']/.test(text.slice(at + 1, at + 3)) ? 1 : 0;
    // → ： ＝
    case 0x2192:
    case 0xff1a:
    case 0xff1d:
      return 1;
    default:
      return 0;
  }
}

/**
 * False for `Token::Invalid`, `token://`, `Errors::InvalidToken:` and a quoted method such as
 * `password='`.
 */
function isAssignment(text: string, separator: number, from: number, key: Key): boolean {
  if (text[separator] === ',') return execFrom(NEXT_KEY, text, from) === null;
  if (isQuotedMethod(text, from, key)) return false;
  if (text[separator] !== ':' || from !== separator + 1) return true;
  return !(
    text[from] === ':' ||
    text[separator - 1] === ':' ||
    text.startsWith('//', from) ||
    (key.isQualified && !key.isQuoted)
  );
}

/**
 * As in ``undefined method `password=' for nil``: the closing quote follows the separator, and no
 * word follows the quote.
 */
function isQuotedMethod(text: string, from: number, key: Key): boolean {
  const closing = text[from] ?? '';
  if (!'\'"’`'.includes(closing) || closing === '') return false;
  const opening = quoteBeforeName(text, key.from);
  const isPair = opening === closing || ('`‘'.includes(opening || 'x') && "'’".includes(closing));
  return isPair && !isLetterOrDigit(text.charCodeAt(from + 1)) && text[from + 1] !== closing;
}

/** The quote before a name, or before its receiver in `User#name` and `user.name`. */
function quoteBeforeName(text: string, from: number): string {
  const before = text[from - 1] ?? ' ';
  if (QUOTES_BEFORE.includes(before)) return before;
  if (before !== '#' && before !== '.') return '';
  let at = from - 2;
  while (at > from - 82 && /[\w:]/.test(text[at] ?? ' ')) at -= 1;
  const quote = text[at] ?? ' ';
  return at < from - 2 && QUOTES_BEFORE.includes(quote) ? quote : '';
}

/** The names in `user[password]` or `email, api_token`. */
const keyParts = (name: string): string[] => name.split(/[\s,[\]]+/).filter(Boolean);
/** Whether the name is not empty and the only one of its `keyParts`. */
const isPlainName = (name: string): boolean => /^[^\s,[\]]+$/.test(name);
/** `d` for `jwk[d]` and `jwk.d`. */
const memberName = (name: string): string => name.split(/[[\].]+/).findLast(Boolean) ?? '';

/** The word that ends one space before this offset, or ''. */
function wordBefore(text: string, at: number): string {
  if (!isSpace(text.charCodeAt(at - 1))) return '';
  const before = text.slice(Math.max(0, at - 42), at);
  return /([\p{L}\p{N}_-]{1,40})[^\S\r\n]$/u.exec(before)?.[1] ?? '';
}

const isKeyChar = (code: number): boolean =>
  isLetterOrDigit(code) || '_.$@[]-'.includes(String.fromCharCode(code));

/** The name before the separator at this offset. Between quotes a name may contain spaces. */
function keyBefore(text: string, at: number): Key | null {
  let end = skipBlanksBefore(text, at);
  const isOnPreviousLine = text[end - 1] === '\n' && execFrom(LEADING_SEPARATOR, text, at) !== null;
  if (isOnPreviousLine) end = endOfPreviousLine(text, end);
  end = skipMarkupBefore(text, end);
  const minFrom = Math.max(0, end - MAX_KEY_LENGTH);
  if (text[end - 1] === ')') return listBefore(text, minFrom, end);
  let quote = '';
  if (text[end - 1] === ']' && `"'\``.includes(text[end - 2] ?? 'x')) end -= 1;
  if (end > 0 && `"'\``.includes(text[end - 1] ?? 'x')) {
    end -= 1;
    quote = text[end] ?? '';
  }
  let from = end;
  while (
    from > minFrom &&
    (isKeyChar(text.charCodeAt(from - 1)) || (quote !== '' && text[from - 1] === ' '))
  )
    from -= 1;
  const before = text[from - 1] ?? '';
  if (from >= end || (before === '/' && quote === '')) return null;
  if (isOnPreviousLine && quote === '' && !startsLine(text, from)) return null;
  return {
    name: text.slice(from, end),
    from,
    isQuoted: quote !== '',
    isQualified: text.startsWith('::', from - 2),
    isInQuery: before === '?' || before === '&',
    enclosingQuote: quote === '' && `"'\``.includes(before || 'x') ? before : '',
    isList: false,
  };
}

const CLOSING_TAGS = /(?:<\/[a-z]{1,10}>){1,4}$/i;
/** A separator that begins a line after its name, as after YAML's `? name`. */
const LEADING_SEPARATOR = /(?::(?=[\s"'[{]|$)|=>?)/y;

function skipBlanksBefore(text: string, at: number): number {
  let end = at;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

/** The offset before closing tags or the end of emphasis: `<b>Password</b>:`, `**Password**:`. */
function skipMarkupBefore(text: string, end: number): number {
  switch (text[end - 1]) {
    case '~':
      return text[end - 2] === '~' ? end - 2 : end;
    case '*': {
      let from = end - 1;
      while (end - from < 3 && text[from - 1] === '*') from -= 1;
      return from;
    }
    case '>':
      return end - (CLOSING_TAGS.exec(text.slice(Math.max(0, end - 52), end))?.[0].length ?? 0);
    default:
      return end;
  }
}

/**
 * The end of the previous line before any comment. Only the last MAX_PREVIOUS_LINE characters are
 * searched.
 */
function endOfPreviousLine(text: string, lineFrom: number): number {
  let end = text[lineFrom - 2] === '\r' ? lineFrom - 2 : lineFrom - 1;
  let from = end;
  while (from > 0 && end - from < MAX_PREVIOUS_LINE && text[from - 1] !== '\n') from -= 1;
  const comment = text.slice(from, end).search(/\s#/);
  if (comment >= 0) end = from + comment;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return end;
}

/** Whether only list markers, `?` and at most two words precede the name on its line. */
function startsLine(text: string, from: number): boolean {
  return /(?:^|[\r\n])[^\S\r\n]{0,40}(?:[-?*][^\S\r\n]{1,8}){0,3}(?:[\p{L}\p{N}_-]{1,20} ){0,2}["'`*_]{0,3}$/u.test(
    text.slice(Math.max(0, from - MAX_PREVIOUS_LINE), from),
  );
}

function listBefore(text: string, minFrom: number, end: number): Key | null {
  // Stops at another separator, so that no text is read for two of them.
  let open = end - 2;
  while (open >= minFrom && text[open] !== '(' && text[open] !== '=') open -= 1;
  if (open < minFrom || text[open] !== '(') return null;
  return {
    name: text.slice(open + 1, end - 1),
    from: open,
    isQuoted: true,
    isQualified: false,
    isInQuery: false,
    enclosingQuote: '',
    isList: true,
  };
}

/** Keys whose value is a name: `{"name": "password", "value": …}`. */
const NAME_KEY = multilineRegExp('i')`
  ^(?:
    name|key|field|header|attribute|param|parameter|property|variable|column|setting|path
    |(?:field|attribute|header|param|variable)_?name
  )$`;
const NAME_VALUE = /\s{0,3}["']?[:/]?([\p{L}\p{N}_.$@-]{1,100})["']?\s{0,3}[,;&]?\s{0,3}/uy;
const VALUE_KEY = multilineRegExp('iy')`
  ["']?:?(?:
    values?|val|v|content|data|text|input|was|is|old|new|from|to|before|after|current
    |(?:old|new)_?value
  )["']?\s{0,3}(=>|[:=])`;
const BETWEEN_VALUES = /["']?\s{0,3}[,;&]?\s{0,3}/y;
/** A change record has several values for one name, such as `was` and `is`. */
const MAX_VALUES_PER_NAME = 3;

/**
 * The values in `{"key":"api_key","value":"…"}`, `name=password&value=…` or
 * `<input name="password" value="…">`.
 */
function pairAfter(text: string, from: number, key: Key, keys: NameMatcher): Assignment | null {
  if (key.name.length > 20 || !NAME_KEY.test(key.name)) return null;
  const name = execFrom(NAME_VALUE, text, from);
  if (!name || !keys.isSecret(name[1] ?? '')) return null;
  const spans: Span[] = [];
  let at = from + name[0].length;
  for (let n = 0; n < MAX_VALUES_PER_NAME; n += 1) {
    const valueKey = execFrom(VALUE_KEY, text, at);
    if (!valueKey) break;
    const start = at + valueKey[0].length;
    const value = valueAt(text, start, {
      isColon: valueKey[1] === ':',
      wholeLineQuote: null,
      keyFrom: at,
    });
    spans.push(...(value.before ? [value.before, value] : [value]));
    at = value.to + (execFrom(BETWEEN_VALUES, text, value.to)?.[0].length ?? 0);
  }
  const last = spans.at(-1);
  return last ? { spans, end: last.to } : null;
}
