import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { isChallenge, isClassName, isInspectedObject, isParserToken } from './harmless-values';
import { EAST_ASIAN_NAMES } from './key-names';
import {
  type Scan,
  StepCounter,
  execFrom,
  isBlank,
  isLetter,
  isLetterOrDigit,
  isProseBreak,
  isWordPart,
} from './scan';
import { closingQuote, skipBlanks } from './values';

/*
 * Secrets in sentences. NAME is a secret name of one or two words; docs/redaction.md has the table
 * of these forms.
 *
 * 1. NAME 'value'                       up to two words such as `is` or `was` between
 * 2. NAME (words) v4lue                 letters and digits in the next six words of the line
 * 3. --NAME value
 * 4. NAME provided: value               also given, supplied, received, entered, used and sent
 * 5. OTP code 482133                    digits after the name of a short code
 * 6. パスワードは「value」               Japanese, in brackets or as ASCII
 * 7. /reset_password/value              a link that signs in
 *
 * Each rule makes one pass with bounded state. In form 2 only the last name counts, because its
 * reach ends last. Regular expressions are sticky or begin with a literal word, and their
 * repetitions are bounded.
 */

/** Characters after a name within which its value begins. */
const REACH = 120;
const WORDS_BETWEEN = 6;
const MAX_NAME_LENGTH = 62;
/** The second word of a name: `API key`, `session ID`. */
const SECOND_WORD = /^(?:keys?|ids?|codes?|numbers?|no|phrase|string|word)$/i;
const QUOTED =
  /(?:[^\S\r\n]{1,20}(?:is|was|are|of|value|as|to|with|by)(?=[^\S\r\n])){0,2}[^\S\r\n]{1,20}(["'`])/y;
/**
 * Columns in `ActiveRecord::RecordNotFound`: `with 'id'=42`, `with 'id': (1, 2)`,
 * `with [:shop_id, :id]=[1, 2]`.
 */
const COLUMN = /\w{1,40}["'`]\s?=/y;
const COLUMNS =
  /[^\S\r\n]with[^\S\r\n](?:["'`]\w{1,40}["'`](?:\s?=|:\s?\()|\[(?::\w{1,40},? ?){1,8}\]\s?=)/y;
/** The name of an id, which a separator must follow. */
const ID_NAME = /(?:^|_|-)(?:id|ids|uuid|guid|gid)$|[a-z](?:Id|Ids|Uuid)$/i;
const SEPARATOR = /["'`\])]{0,3}\s?(?:=|:)/y;
/** The name continues as a constant, a file or a path: `Token::Invalid`, `token.rb`, `token/x`. */
const NAME_CONTINUES = /::|\.\w|\//y;
/** The beginning of an identifier that an error message quotes: `method 'token'`. */
const BEFORE_QUOTE = multilineRegExp('i')`
  \b(?:
    method|variable|constant|function|keyword|keywords|attribute|column|relation|table|property
    |class|module|argument|field|parameter|key|symbol
  )[: ]{1,3}$`;
/** Characters before the quote that BEFORE_QUOTE reads. */
const BEFORE_QUOTE_LENGTH = 14;

/** Hides the values of forms 1 to 3 above. */
export function* findInSentences(scan: Scan): Steps<void> {
  const { text } = scan;
  const stepCounter = new StepCounter();
  const reader = new SentenceReader(scan);
  for (let at = 0; at < text.length;) {
    if (stepCounter.isDue(at)) yield;
    const code = text.charCodeAt(at);
    if (isProseBreak(code)) {
      if (code === 0x0a || code === 0x0d) reader.endLine();
      at += 1;
      continue;
    }
    const chunkEnd = endOfChunk(text, at);
    reader.readChunk(at, chunkEnd);
    at = Math.max(chunkEnd, reader.quotedEnd);
  }
}

/** Reads a text chunk by chunk. A chunk is a run of characters without a prose break. */
class SentenceReader {
  /** The end of the last quoted value. Names inside it are skipped. */
  quotedEnd = 0;
  private previousName = '';
  private previousNameEnd = -1;
  /** Form 2: the offset up to which the last name may have a value. */
  private reach = 0;
  private wordsLeft = 0;
  /** Form 2: an id was named after the last name. A UUID is then the id, not a secret. */
  private hasId = false;

  constructor(private readonly scan: Scan) {}

  endLine(): void {
    this.reach = 0;
  }

  readChunk(chunkFrom: number, chunkEnd: number): void {
    const { text } = this.scan;
    if (chunkFrom < this.reach && this.wordsLeft > 0) this.hideRandomWord(chunkFrom, chunkEnd);
    for (let from = chunkFrom; from < chunkEnd;) {
      if (!isLetterOrDigit(text.charCodeAt(from)) || isWordPart(text.charCodeAt(from - 1))) {
        from += 1;
        continue;
      }
      const to = endOfName(text, from, chunkEnd);
      this.readName(from, to, chunkEnd);
      from = to;
    }
  }

  private hideRandomWord(from: number, chunkEnd: number): void {
    const { text, hide } = this.scan;
    this.wordsLeft -= 1;
    const to = withoutPunctuation(text, from, chunkEnd);
    const isId = isUuid(text, from, to) && (this.hasId || isBracketed(text, from, to));
    if (looksRandom(text, from, to) && !isId) hide(from, to);
    this.hasId ||= isIdName(text, from, chunkEnd);
  }

  private readName(from: number, to: number, chunkEnd: number): void {
    const { text, keys } = this.scan;
    const name = text.slice(from, to);
    const previous = this.previousName;
    const isSecondWord =
      this.previousNameEnd === from - 1 &&
      isBlank(text.charCodeAt(from - 1)) &&
      SECOND_WORD.test(name);
    const phrase = isSecondWord ? `${previous} ${name}` : name;
    const phraseFrom = isSecondWord ? from - 1 - previous.length : from;
    this.previousName = name;
    this.previousNameEnd = to;
    if (from < this.quotedEnd || to - from <= 1) return;
    if (keys.isSecret(phrase) && !isHarmlessName(text, phraseFrom, from, name))
      this.hideValueOf(from, to, chunkEnd);
  }

  private hideValueOf(nameFrom: number, nameEnd: number, chunkEnd: number): void {
    const { text, hide } = this.scan;
    const isOption = text[nameFrom - 1] === '-';
    const value = valueAfterName(text, nameEnd, isOption);
    if (value) {
      hide(value.from, value.to);
      if (value.isQuoted) this.quotedEnd = value.to;
      return;
    }
    if (isOption || execFrom(NAME_CONTINUES, text, nameEnd)) return;
    if (isQuotedIdentifier(text, nameFrom)) return;
    this.reach = nameEnd + REACH;
    this.wordsLeft = WORDS_BETWEEN;
    this.hasId = false;
    // `token!v4lue`: a value without a space, bounded so that no text is read for many names.
    const to = withoutPunctuation(text, nameEnd, chunkEnd);
    if (to - nameEnd <= REACH && looksRandom(text, nameEnd, to)) hide(nameEnd, to);
  }
}

/** The value in forms 1 and 3; null: neither applies. */
function valueAfterName(text: string, to: number, isOption: boolean) {
  if (!isOption && execFrom(NAME_CONTINUES, text, to)) return null;
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

function isQuotedIdentifier(text: string, from: number): boolean {
  const quote = quoteBefore(text, from);
  return (
    quote >= 0 && BEFORE_QUOTE.test(text.slice(Math.max(0, quote - BEFORE_QUOTE_LENGTH), quote))
  );
}

/** The offset of the quote that opens the identifier that ends at `from`, or -1. */
function quoteBefore(text: string, from: number): number {
  for (let at = from - 1; at >= Math.max(0, from - 81); at -= 1) {
    const char = text[at] ?? '';
    if ('"\'`‘'.includes(char)) return at;
    if (!/[\w:#.@]/.test(char)) return -1;
  }
  return -1;
}

/**
 * Whether the name is a class, a parser's token, an HTTP auth challenge, or a record in a
 * RecordNotFound error.
 */
function isHarmlessName(text: string, phraseFrom: number, from: number, name: string): boolean {
  const to = from + name.length;
  return (
    isInspectedObject(text, phraseFrom) ||
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

/** In square brackets, as tagged logging writes the id of a job or request. */
const isBracketed = (text: string, from: number, to: number): boolean =>
  text[from - 1] === '[' && text[to] === ']';

function isIdName(text: string, from: number, to: number): boolean {
  return (
    to - from <= MAX_NAME_LENGTH &&
    ID_NAME.test(text.slice(from, to)) &&
    execFrom(SEPARATOR, text, to) !== null
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

/** The offset before the punctuation that ends a sentence. */
function withoutPunctuation(text: string, from: number, to: number): number {
  let end = to;
  while (end > from && to - end < 8 && '.!?'.includes(text[end - 1] ?? 'x')) end -= 1;
  return end;
}

/** Times, durations, sizes, algorithms, files and addresses, which also mix letters and digits. */
const NOT_RANDOM = multilineRegExp('iu')`
  ^(?:
    \d+(?:
      ms|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?|px|kb|mb|gb
      |bits?|bytes?|chars?|th|st|nd|rd
    )
    |(?:\d{1,3}[dhms]){1,4}
    |p(?:\d{1,5}[ymwd]){0,4}(?:t(?:\d{1,6}(?:\.\d{1,9})?[hms]){1,3})?
    |\d{4}-?\d\d-?\d\d[t_]\d{1,9}(?:\.\d{1,9})?(?:z|[+-]\d{1,4})?
    |\d\d(?:\.\d{1,9})?(?:z|[+-]\d{1,4})
    |\d{1,2}-?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}-?\d{2,4}
    |(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}-?\d{1,2}(?:-\d{2,4})?
    |last_?4|(?:address_?)?line_?\d|address_?\d
    |(?:[rhep]s|a)\d{3}(?:gcm|kw|cbc)?|sha-?\d{1,3}(?:-\d{3})?|hmac-?sha-?\d{1,3}
    |aes-?\d{3}(?:-[a-z]{3})?|ed25519|x25519|x\.?509|pkcs-?\d{1,2}
    |base(?:32|58|64)|utf-?\d{1,2}|oauth-?\d(?:\.\d)?|argon2(?:id?|d)?|secp\d{3}[kr]1
    |tls-?v?\d(?:\.\d)?
    |[\p{L}_.-]{1,80}\.(?:rb|js|py)|v\d.{0,80}|0x[0-9a-f]{6,16}|.{1,80}@.{1,80}\..{1,80}
  )$`;

/**
 * Whether the word mixes letters and digits and is not a date, size, algorithm, file or address.
 */
function looksRandom(text: string, from: number, to: number): boolean {
  if (to - from < 5) return false;
  let hasDigits = false;
  let hasLetters = false;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    if (isLetter(code)) hasLetters = true;
    else if (isLetterOrDigit(code)) hasDigits = true;
    else if (!'!#$%&*+~^_.@-'.includes(text[at] ?? 'x')) return false;
  }
  return hasDigits && hasLetters && (to - from > 160 || !NOT_RANDOM.test(text.slice(from, to)));
}

/** Particles and punctuation between a Japanese name and its value. */
const BEFORE_VALUE = /[^A-Za-z0-9\s「『]{0,8}(?:\s?[「『]|\s(?=[A-Za-z]{0,40}\d)(?!\d{4}[-/])|)/y;
const JAPANESE_NAME = new RegExp(EAST_ASIAN_NAMES.source, 'g');
const BARE_VALUE = /[A-Za-z0-9!#$%&*+~^_.@-]/;

/** Hides the values after Japanese names (form 6 above). */
export function* findInJapanese({ text, hide }: Scan): Steps<void> {
  if (!/[^\0-\x7f]/.test(text)) return;
  const stepCounter = new StepCounter();
  for (let at = 0; ;) {
    const name = execFrom(JAPANESE_NAME, text, at);
    if (!name) return;
    const from = name.index + name[0].length;
    if (stepCounter.isDue(from)) yield;
    at = from;
    const before = execFrom(BEFORE_VALUE, text, from)?.[0] ?? '';
    const start = from + before.length;
    if (/[「『]$/.test(before)) {
      const closing = execFrom(/[」』]/g, text, start)?.index ?? text.length;
      hide(start, closing);
      at = closing;
      continue;
    }
    // BEFORE_VALUE may have consumed punctuation that belongs to the value.
    let valueFrom = start;
    while (valueFrom > from && BARE_VALUE.test(text[valueFrom - 1] ?? ' ')) valueFrom -= 1;
    let end = start;
    while (end < text.length && BARE_VALUE.test(text[end] ?? ' ')) end += 1;
    if (end - valueFrom >= 4) hide(valueFrom, end);
    at = Math.max(from, end);
  }
}

interface Form {
  /** Begins with a literal word. All repetitions but the last are bounded. */
  pattern: RegExp;
  isSecret: (value: string) => boolean;
}

/** Forms 4, 5 and 7. The first group is the value. */
const PROSE_FORMS: readonly Form[] = [
  {
    pattern: multilineRegExp('dgi')`
      \b(?:key|token|password|secret|passphrase|passcode|pin)s?\s
      (?:provided|given|supplied|received|entered|used|sent)(?:\swas)?\s?[:=]\s{0,3}["'\x60(]?
      ([^\s"'\x60)]+)`,
    isSecret: () => true,
  },
  {
    pattern: multilineRegExp('dgi')`
      \b(?:
        (?:otp|totp|mfa|2fa|cvv2?|cvc2?|csc|pin|passcode)(?:\s(?:code|number))?
        |(?:
          verification|security|one[- ]time|sms|login|confirmation|reset|recovery|backup
        )\s(?:code|pin|passcode)
      )(?:\s(?:is|was|of|value))?\s{1,3}["'\x60#(]?(\d{3,10})(?![\w.-]\w)`,
    isSecret: () => true,
  },
  {
    pattern: multilineRegExp('dgi')`
      /(?:
        reset[_-]?passwords?|passwords?[_-]?resets?|passwords?/(?:reset|edit)|magic[_-]?links?
        |confirm(?:ation)?s?|tokens?|unlocks?|verify|verifications?
      )/([A-Za-z0-9_~+=-]{8,})`,
    isSecret: (value) => /\d/.test(value) && /[A-Za-z]/.test(value),
  },
];

/** Hides the values of forms 4, 5 and 7 above. */
export function* findFixedForms({ text, hide }: Scan): Steps<void> {
  for (const { pattern, isSecret } of PROSE_FORMS) {
    const stepCounter = new StepCounter();
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const [from, to] = match.indices?.[1] ?? [0, 0];
      if (isSecret(match[1] ?? '')) hide(from, to);
      at = Math.max(to, match.index + 1);
      if (stepCounter.isDue(at)) yield;
    }
    yield;
  }
}
