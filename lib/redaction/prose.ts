import type { Steps } from '../core/steps';
import { isChallenge, isClassName, isInspected, isParserToken } from './harmless-values';
import { JAPANESE } from './key-names';
import { skipBlanks } from './markup';
import {
  Pacer,
  type Scan,
  execFrom,
  isBlank,
  isLetter,
  isLetterOrDigit,
  isProseBreak,
  isWordPart,
} from './scan';
import { closingQuote } from './values';

/*
 * Secrets in sentences. The table of these forms is in docs/redaction.md; NAME is a secret name, or two words that are one.
 *
 * 1. NAME 'value'                       up to two words such as `is` or `was` between
 * 2. NAME (words) v4lue                 a word of letters and digits among the next six words of the line
 * 3. --NAME value
 * 4. NAME provided: value               also given, supplied, received, entered, used, sent
 * 5. OTP code 482133                    digits behind a name of a short code
 * 6. パスワードは「value」               Japanese, in brackets or as ASCII
 * 7. /reset_password/value              a link that signs in
 *
 * The rules read from left to right and keep a bounded state: for form 2 only the last name counts, because it reaches
 * furthest. Regular expressions are tried at one place, behind a literal word, with bounded repetitions.
 */

/** How far behind a name its value may begin. */
const REACH = 120;
const WORDS_BETWEEN = 6;
const MAX_NAME_LENGTH = 62;
/** The second word of a name: `API key`, `session ID`. */
const SECOND = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
const QUOTED =
  /(?:[^\S\r\n]{1,20}(?:is|was|are|of|value|as|to|with|by)(?=[^\S\r\n])){0,2}[^\S\r\n]{1,20}(["'`])/y;
/** `Couldn't find Card with 'id'=42`, `Couldn't find all Cards with 'id': (1, 2)`, `with [:shop_id, :id]=[1, 2]`: columns. */
const COLUMN = /\w{1,40}["'`]\s?=/y;
const COLUMNS =
  /[^\S\r\n]with[^\S\r\n](?:["'`]\w{1,40}["'`](?:\s?=|:\s?\()|\[(?::\w{1,40},? ?){1,8}\]\s?=)/y;
/** The name of an id with a sign behind it. */
const ID_NAME = /(?:^|_|-)(?:id|ids|uuid|guid|gid)$|[a-z](?:Id|Ids|Uuid)$/i;
const SIGN_BEHIND = /["'`\])]{0,3}\s?(?:=|:)/y;
/** `Token::Invalid`, `token.rb`, `token/x`: a constant, a file or a path. */
const NO_NAME = /::|\.\w|\//y;
/** `method 'token'`: an identifier that an error message quotes. */
const IDENTIFIER =
  /\b(?:method|variable|constant|function|keyword|keywords|attribute|column|relation|table|property|class|module|argument|field|parameter|key|symbol)[: ]{1,3}["'`‘][\w:#.@]{0,80}$/i;

export function* sentences({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  let end = 0;
  let previous = '';
  let previousEnd = -1;
  /** Form 2: where the last name reaches, how many words are left, and whether an id was named behind it. */
  let reach = 0;
  let words = 0;
  let hasId = false;
  for (let at = 0; at < text.length;) {
    if (pacer.isDue(at)) yield;
    const code = text.charCodeAt(at);
    if (isProseBreak(code)) {
      if (code === 0x0a || code === 0x0d) reach = 0;
      at += 1;
      continue;
    }
    const chunkEnd = endOfChunk(text, at);
    if (at < reach && words > 0) {
      words -= 1;
      const to = withoutStops(text, at, chunkEnd);
      if (looksRandom(text, at, to) && !(isUuid(text, at, to) && (hasId || isTag(text, at, to))))
        hide(at, to);
      hasId ||= isIdName(text, at, chunkEnd);
    }
    for (let from = at; from < chunkEnd;) {
      if (!isLetterOrDigit(text.charCodeAt(from)) || isWordPart(text.charCodeAt(from - 1))) {
        from += 1;
        continue;
      }
      const to = endOfName(text, from, chunkEnd);
      const name = text.slice(from, to);
      const isSecond =
        SECOND.test(name) && previousEnd === from - 1 && isBlank(text.charCodeAt(from - 1));
      const phrase = isSecond ? `${previous} ${name}` : name;
      const previousLength = previous.length;
      previous = name;
      previousEnd = to;
      if (
        from >= end &&
        to - from > 1 &&
        keys.isSecret(phrase) &&
        !isNoName(text, isSecond ? from - 1 - previousLength : from, from, to)
      ) {
        const isOption = text[from - 1] === '-';
        const found = valueBehindName(text, to, isOption);
        if (found) {
          hide(found.from, found.to);
          if (found.isQuoted) end = found.to;
        } else if (!isOption && !execFrom(NO_NAME, text, to) && !isIdentifier(text, from)) {
          reach = to + REACH;
          words = WORDS_BETWEEN;
          hasId = false;
          // `token!v4lue`: what follows the name without a space. It is short, so it is not read for many names.
          const restEnd = withoutStops(text, to, chunkEnd);
          if (restEnd - to <= REACH && looksRandom(text, to, restEnd)) hide(to, restEnd);
        }
      }
      from = to;
    }
    at = Math.max(chunkEnd, end > chunkEnd ? end : 0);
  }
}

/** Forms 1 and 3. */
function valueBehindName(text: string, to: number, isOption: boolean) {
  if (!isOption && execFrom(NO_NAME, text, to)) return null;
  const quoted = execFrom(QUOTED, text, to);
  if (quoted) {
    const inside = to + quoted[0].length;
    if (execFrom(COLUMN, text, inside)) return null;
    return { from: inside, to: closingQuote(text, inside, quoted[1] ?? ''), isQuoted: true };
  }
  const start = skipBlanks(text, to);
  if (!isOption || start === to || !/[^\s-]/.test(text[start] ?? ' ')) return null;
  return { from: start, to: execFrom(/\s/g, text, start)?.index ?? text.length, isQuoted: false };
}

function isIdentifier(text: string, from: number): boolean {
  return IDENTIFIER.test(text.slice(Math.max(0, from - 100), from));
}

/** A class, a token of a parser, a scheme that a server asks for, or a record that was searched for by its columns. */
function isNoName(text: string, phraseFrom: number, from: number, to: number): boolean {
  const name = text.slice(from, to);
  return (
    isInspected(text, phraseFrom) ||
    isParserToken(text, from, name) ||
    isClassName(name) ||
    execFrom(COLUMNS, text, to) !== null ||
    (/^bearer$/i.test(name) && isChallenge(text, skipBlanks(text, to)))
  );
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;
const UUID_LENGTH = 36;

const isUuid = (text: string, from: number, to: number): boolean =>
  to - from === UUID_LENGTH && execFrom(UUID, text, from) !== null;

/** In square brackets, as a log writes the id of a job or request. */
const isTag = (text: string, from: number, to: number): boolean =>
  text[from - 1] === '[' && text[to] === ']';

function isIdName(text: string, from: number, to: number): boolean {
  return (
    to - from <= MAX_NAME_LENGTH &&
    ID_NAME.test(text.slice(from, to)) &&
    execFrom(SIGN_BEHIND, text, to) !== null
  );
}

function endOfChunk(text: string, from: number): number {
  let end = from + 1;
  while (end < text.length && !isProseBreak(text.charCodeAt(end))) end += 1;
  return end;
}

function endOfName(text: string, from: number, chunkEnd: number): number {
  const limit = Math.min(chunkEnd, from + MAX_NAME_LENGTH);
  let end = from + 1;
  while (end < limit && (isWordPart(text.charCodeAt(end)) || text[end] === '-')) end += 1;
  return end;
}

function withoutStops(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && to - end < 8 && '.!?'.includes(text[end - 1] ?? 'x')) end -= 1;
  return end;
}

/** Times, durations, sizes, algorithms, files and addresses. */
const NOT_RANDOM =
  /^(?:\d+(?:ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?|px|kb|mb|gb|bits?|bytes?|chars?|th|st|nd|rd)|(?:\d{1,3}[dhms]){1,4}|p(?:\d{1,5}[ymwd]){0,4}(?:t(?:\d{1,6}(?:\.\d{1,9})?[hms]){1,3})?|\d{4}-?\d\d-?\d\d[t_]\d{1,9}(?:\.\d{1,9})?(?:z|[+-]\d{1,4})?|\d\d(?:\.\d{1,9})?(?:z|[+-]\d{1,4})|\d{1,2}-?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}-?\d{2,4}|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}-?\d{1,2}(?:-\d{2,4})?|last_?4|(?:address_?)?line_?\d|address_?\d|(?:[rhep]s|a)\d{3}(?:gcm|kw|cbc)?|sha-?\d{1,3}(?:-\d{3})?|hmac-?sha-?\d{1,3}|aes-?\d{3}(?:-[a-z]{3})?|ed25519|x25519|x\.?509|pkcs-?\d{1,2}|base(?:32|58|64)|utf-?\d{1,2}|oauth-?\d(?:\.\d)?|argon2(?:id?|d)?|secp\d{3}[kr]1|tls-?v?\d(?:\.\d)?|[\p{L}_.-]{1,80}\.(?:rb|js|py)|v\d.{0,80}|0x[0-9a-f]{6,16}|.{1,80}@.{1,80}\..{1,80})$/iu;

/** Letters and digits in one word: not a date, a number, an address, a path or the address of an object. */
function looksRandom(text: string, from: number, to: number): boolean {
  if (to - from < 5) return false;
  let [digits, letters] = [false, false];
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (isLetter(code)) letters = true;
    else if (isLetterOrDigit(code)) digits = true;
    else if (!'!#$%&*+~^_.@-'.includes(text[at] ?? 'x')) return false;
  }
  return digits && letters && (to - from > 160 || !NOT_RANDOM.test(text.slice(from, to)));
}

/** What stands between a Japanese name and its value: particles and signs. */
const BEFORE_VALUE = /[^A-Za-z0-9\s「『]{0,8}(?:\s?[「『]|\s(?=[A-Za-z]{0,40}\d)(?!\d{4}[-/])|)/y;
const JAPANESE_NAME = new RegExp(JAPANESE.source, 'g');
const BARE_VALUE = /[A-Za-z0-9!#$%&*+~^_.@-]/;

/** Form 6. */
export function* japaneseSentences({ text, hide }: Scan): Steps<void> {
  if (!/[^\0-\x7f]/.test(text)) return;
  const pacer = new Pacer();
  for (let at = 0; ;) {
    const name = execFrom(JAPANESE_NAME, text, at);
    if (!name) return;
    const from = name.index + name[0].length;
    if (pacer.isDue(from)) yield;
    at = from;
    const before = execFrom(BEFORE_VALUE, text, from)?.[0] ?? '';
    const start = from + before.length;
    if (/[「『]$/.test(before)) {
      const closing = execFrom(/[」』]/g, text, start)?.index ?? text.length;
      hide(start, closing);
      at = closing;
      continue;
    }
    let bare = start;
    // Signs before the value were read as particles.
    while (bare > from && BARE_VALUE.test(text[bare - 1] ?? ' ')) bare -= 1;
    let end = start;
    while (end < text.length && BARE_VALUE.test(text[end] ?? ' ')) end += 1;
    if (end - bare >= 4) hide(bare, end);
    at = Math.max(from, end);
  }
}

interface Form {
  /** Begins with a literal word; its repetitions are bounded, but for the last one. */
  pattern: RegExp;
  isSecret: (value: string) => boolean;
}

/** Forms 4, 5 and 7; the value is the first group. */
export const PROSE_FORMS: readonly Form[] = [
  {
    pattern:
      /\b(?:key|token|password|secret|passphrase|passcode|pin)s?\s(?:provided|given|supplied|received|entered|used|sent)(?:\swas)?\s?[:=]\s{0,3}["'`(]?([^\s"'`)]+)/dgi,
    isSecret: () => true,
  },
  {
    pattern:
      /\b(?:(?:otp|totp|mfa|2fa|cvv2?|cvc2?|csc|pin|passcode)(?:\s(?:code|number))?|(?:verification|security|one[- ]time|sms|login|confirmation|reset|recovery|backup)\s(?:code|pin|passcode))(?:\s(?:is|was|of|value))?\s{1,3}["'`#(]?(\d{3,10})(?![\w.-]\w)/dgi,
    isSecret: () => true,
  },
  {
    pattern:
      /\/(?:reset[_-]?passwords?|passwords?[_-]?resets?|passwords?\/(?:reset|edit)|magic[_-]?links?|confirm(?:ation)?s?|tokens?|unlocks?|verify|verifications?)\/([A-Za-z0-9_~+=-]{8,})/dgi,
    isSecret: (value) => /\d/.test(value) && /[A-Za-z]/.test(value),
  },
];

export function* fixedForms({ text, hide }: Scan): Steps<void> {
  for (const { pattern, isSecret } of PROSE_FORMS) {
    const pacer = new Pacer();
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const [from, to] = match.indices?.[1] ?? [0, 0];
      if (isSecret(match[1] ?? '')) hide(from, to);
      at = Math.max(to, match.index + 1);
      if (pacer.isDue(at)) yield;
    }
    yield;
  }
}
