import type { Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { isChallenge } from './harmless-values';
import { type Scan, StepCounter, execFrom, isLetterOrDigit } from './scan';
import { ALPHABETS, TOKEN_SHAPES, type TokenShape } from './token-table';

/*
 * Secrets recognized by their shape alone. Each rule searches for a literal or for a run of one
 * alphabet, and resumes after the match; run ends are cached, so that no run is read twice.
 */

const escapeRegExp = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** Shorter prefixes such as `SK` or `oy2` are too common inside words. */
const MIN_PREFIX_INSIDE_WORD = 4;
const PREFIX = new RegExp(TOKEN_SHAPES.map(({ prefix }) => escapeRegExp(prefix)).join('|'), 'g');
const BY_PREFIX = new Map<string, TokenShape[]>();
for (const shape of TOKEN_SHAPES)
  BY_PREFIX.set(shape.prefix, [...(BY_PREFIX.get(shape.prefix) ?? []), shape]);

type Alphabet = keyof typeof ALPHABETS;
const IN_ALPHABET = new Map(
  (Object.keys(ALPHABETS) as Alphabet[]).map((name): [Alphabet, Uint8Array] => [
    name,
    Uint8Array.from({ length: 128 }, (_, code) =>
      ALPHABETS[name].test(String.fromCharCode(code)) ? 1 : 0,
    ),
  ]),
);

/**
 * Caches the end of the last run per alphabet, so that a run is read once for any number of
 * offsets.
 */
class RunEnds {
  private readonly ends = new Map<Alphabet, number>();

  constructor(private readonly text: string) {}

  /** The end of the run of this alphabet that contains `from`. Offsets must ascend. */
  endFrom(from: number, alphabet: Alphabet): number {
    const cachedEnd = this.ends.get(alphabet) ?? 0;
    if (from < cachedEnd) return cachedEnd;
    const inAlphabet = IN_ALPHABET.get(alphabet);
    let end = from;
    while (inAlphabet?.[this.text.charCodeAt(end)] === 1) end += 1;
    if (end > from) this.ends.set(alphabet, end);
    return end;
  }
}

/** Hides tokens of TOKEN_SHAPES. */
export function* findServiceTokens({ text, hide }: Scan): Steps<void> {
  if (text.length < 12) return;
  const stepCounter = new StepCounter();
  const runs = new RunEnds(text);
  for (let at = 0; ;) {
    const match = execFrom(PREFIX, text, at);
    if (!match) return;
    const [prefix] = match;
    const from = match.index + prefix.length;
    at = from;
    for (const shape of BY_PREFIX.get(prefix) ?? []) {
      const { alphabet, min, max = Infinity } = shape;
      const end = runs.endFrom(from, alphabet);
      if (end - from < min || end - from > max) continue;
      if (!isTokenStart(text, match.index, end, shape)) continue;
      hide(match.index, end);
      at = Math.max(at, end);
    }
    if (stepCounter.isDue(at)) yield;
  }
}

/**
 * Whether a token may begin here. Inside a longer word it must mix letters and digits or contain
 * capitals, unlike an ordinary word; directly after a letter or digit it also needs a long prefix.
 */
function isTokenStart(text: string, from: number, end: number, shape: TokenShape): boolean {
  const before = text.charCodeAt(from - 1);
  if (shape.anywhere || !isAsciiWordPart(before)) return true;
  if (isAsciiLetterOrDigit(before) && shape.prefix.length < MIN_PREFIX_INSIDE_WORD) return false;
  const token = text.slice(from + shape.prefix.length, Math.min(end, from + MAX_CLASSIFIED_LENGTH));
  if (/\d/.test(token) && /[A-Za-z]/.test(token)) return true;
  return (
    shape.prefix.length >= MIN_PREFIX_INSIDE_WORD && /[A-Z]/.test(token) && !/[-._]/.test(token)
  );
}

/** Characters of a token that are examined. */
const MAX_CLASSIFIED_LENGTH = 200;
const isAsciiLetterOrDigit = (code: number): boolean => code < 0x80 && isLetterOrDigit(code);
const isAsciiWordPart = (code: number): boolean =>
  isAsciiLetterOrDigit(code) || code === 0x5f || code === 0x2d;

/** The start of a JSON Web Token: base64url of a JSON object. */
const JWT = /e(?:yJ|yA|wo)/g;
/** The minimum length of the second part of a JWT that begins inside a longer word. */
const MIN_SECOND_PART = 12;

/** Hides JSON Web Tokens, signed or encrypted. */
export function* findJsonWebTokens({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  const runs = new RunEnds(text);
  for (let at = 0; ;) {
    const match = execFrom(JWT, text, at);
    if (!match) return;
    let end = runs.endFrom(match.index, 'urlSafe');
    at = end;
    if (stepCounter.isDue(at)) yield;
    if (end - match.index < 9 || text[end] !== '.') continue;
    const secondEnd = runs.endFrom(end + 1, 'urlSafe');
    at = secondEnd;
    const isInside = isAsciiWordPart(text.charCodeAt(match.index - 1));
    if (secondEnd - end < (isInside ? MIN_SECOND_PART : 3)) continue;
    end = secondEnd;
    for (let part = 0; part < 3 && text[end] === '.'; part += 1)
      end = runs.endFrom(end + 1, 'urlSafe');
    hide(match.index, end);
    at = end;
  }
}

/** Tokens with a literal in the middle, by the text before it and the alphabet after it. */
const MARKED: readonly {
  mark: string;
  before: RegExp;
  after: Alphabet;
  min: number;
  max?: number;
}[] = [
  // Telegram: `123456789:AA…`, also in `/bot123456789:AA…/`
  {
    mark: ':AA',
    before: /(?<!\d)(\d{6,12})$/,
    after: 'urlSafe',
    min: 30,
  },
  // Firebase Cloud Messaging: `AAAAx:APA91b…`
  { mark: ':APA91b', before: /([A-Za-z0-9_-]{4,60})$/, after: 'urlSafe', min: 60 },
  // New Relic licence keys
  {
    mark: 'NRAL',
    before: /([A-Za-z0-9]{36})$/,
    after: 'alphanumeric',
    min: 0,
    max: 0,
  },
  // Mailchimp: `…-us12`
  {
    mark: '-us',
    before: /(?<![0-9A-Fa-f])([0-9A-Fa-f]{32})$/,
    after: 'alphanumeric',
    min: 1,
    max: 2,
  },
  // Azure AD client secrets: `abc8Q~…`
  {
    mark: 'Q~',
    before: /([A-Za-z0-9_~.]{3}\d)$/,
    after: 'dotted',
    min: 30,
    max: 36,
  },
  // Terraform Cloud
  { mark: '.atlasv1.', before: /([A-Za-z0-9]{14})$/, after: 'signed', min: 60 },
];
/** Maximum characters before `mark` that the pattern `before` is matched against. */
const MARK_REACH = 64;
const EVERY_MARK = new RegExp(MARKED.map(({ mark }) => escapeRegExp(mark)).join('|'), 'g');
const BY_MARK = new Map(MARKED.map((shape) => [shape.mark, shape]));

/** Hides tokens of MARKED. */
export function* findMarkedTokens({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  const runs = new RunEnds(text);
  for (let at = 0; ;) {
    const match = execFrom(EVERY_MARK, text, at);
    if (!match) return;
    const [mark] = match;
    const from = match.index + mark.length;
    at = from;
    if (stepCounter.isDue(at)) yield;
    const shape = BY_MARK.get(mark);
    if (!shape) continue;
    const end = runs.endFrom(from, shape.after);
    if (end - from < shape.min || end - from > (shape.max ?? Infinity)) continue;
    const before = text.slice(Math.max(0, match.index - MARK_REACH), match.index);
    const prefix = shape.before.exec(before)?.[1];
    if (prefix === undefined) continue;
    hide(match.index - prefix.length, end);
    at = end;
  }
}

/** Discord bot tokens: three base64url parts, of which the first encodes a number. */
const DISCORD = /[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,40}/g;
/** Airtable: `patXXXXXXXXXXXXXX.…` */
const AIRTABLE = /pat[A-Za-z0-9]{14}\.[0-9a-fA-F]{64}(?![0-9a-fA-F])/g;
/** `-----BEGIN … PRIVATE KEY-----` */
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
/** URLs of incoming webhooks: Slack, Discord, Teams and Google Chat. */
const WEBHOOK = multilineRegExp('g')`
  hooks\.slack\.com/(?:services|workflows|triggers)/
  |discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/
  |webhook\.office(?:365)?\.com/(?:webhookb2/)?
  |outlook\.office(?:365)?\.com/webhook/
  |chat\.googleapis\.com/v1/spaces/`;
const WEBHOOK_PATH = /[A-Za-z0-9/_@.-]{8,}/y;
const BEARER = /(?<![A-Za-z])bearer(?:\s+|\++)/gi;
/** The scheme with the blanks, separator, quotes or brackets before its credentials. */
const BASIC =
  /(?<![A-Za-z])basic(?:["'`>]{0,2}\s*(?:=>?|->|[:,])\s*["'`[(<]{0,2}|["'`]?\s+["'`[(<]{0,2}|\++)/gi;
const CREDENTIALS = /[A-Za-z0-9._~+/=-]{4,}/y;
/** A bounded prefix, which is enough to classify the credentials. */
const CREDENTIALS_START = /[A-Za-z0-9._~+/=-]{4,400}/y;
/** Words that follow `bearer` in a sentence. */
const NOT_A_TOKEN = multilineRegExp('i')`
  ^(?:
    authentication|authorization|authenticate|tokens?|scheme|schema|credentials?|header|headers
    |method|auth|token_type
  )[.,]?$`;
/** Social security numbers of the United States. */
const SSN = /(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-]|\.\d)/g;

/** Patterns with the span to hide for each match; null: nothing to hide. */
const SHAPES: readonly {
  pattern: RegExp;
  span(text: string, match: RegExpExecArray): { from: number; to: number } | null;
}[] = [
  { pattern: DISCORD, span: whole },
  { pattern: AIRTABLE, span: whole },
  { pattern: SSN, span: whole },
  {
    pattern: PRIVATE_KEY,
    // A truncated key hides the rest of the text, so that the scan ends.
    span: (text, match) => {
      const from = match.index + match[0].length;
      const end = text.indexOf('-----END', from);
      return { from, to: end < 0 ? text.length : end };
    },
  },
  {
    pattern: WEBHOOK,
    span: (text, match) => {
      const from = match.index + match[0].length;
      return { from, to: from + (execFrom(WEBHOOK_PATH, text, from)?.[0].length ?? 0) };
    },
  },
  { pattern: BEARER, span: (text, match) => credentialsAfter(text, match, isBearer) },
  { pattern: BASIC, span: (text, match) => credentialsAfter(text, match, isBasic) },
];

function whole(_text: string, match: RegExpExecArray) {
  return { from: match.index, to: match.index + match[0].length };
}

function credentialsAfter(
  text: string,
  match: RegExpExecArray,
  isSecret: (prefix: string) => boolean,
) {
  const from = match.index + match[0].length;
  if (isChallenge(text, from)) return null;
  const prefix = execFrom(CREDENTIALS_START, text, from)?.[0] ?? '';
  // A rejected word may contain another scheme and is scanned again, so only its bounded prefix may
  // be read here.
  return { from, to: isSecret(prefix) ? endOfCredentials(text, from) : from };
}

const isBearer = (value: string): boolean =>
  value.length >= 6 && (value.length > 40 || !NOT_A_TOKEN.test(value));

const endOfCredentials = (text: string, from: number): number =>
  from + (execFrom(CREDENTIALS, text, from)?.[0].length ?? 0);

/** Whether this is `user:password` in base64. */
function isBasic(value: string): boolean {
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  if (!decoded.includes(':')) return false;
  return value.length < 12 ? /^[\x20-\x7e]+$/.test(decoded) : !/[\0-\x08]/.test(decoded);
}

/** Hides matches of SHAPES. */
export function* findFixedShapes({ text, hide }: Scan): Steps<void> {
  for (const { pattern, span } of SHAPES) {
    const stepCounter = new StepCounter();
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const secret = span(text, match);
      if (secret) hide(secret.from, secret.to);
      at = Math.max(match.index + match[0].length, secret?.to ?? 0);
      if (stepCounter.isDue(at)) yield;
    }
    yield;
  }
}

/**
 * A run that may contain a message signed or encrypted by Rails (a cookie, a signed GlobalID):
 * base64, `--`, digest.
 */
const SIGNED_RUN = /[A-Za-z0-9+/=%_-]{16,}/g;
const SIGNATURE = /--[A-Za-z0-9+/=%]{12,}(?:--[A-Za-z0-9+/=%]{12,})?/g;

/**
 * Hides messages of `ActiveSupport::MessageVerifier` and `MessageEncryptor`, at most one per run.
 */
export function* findSignedMessages({ text, hide }: Scan): Steps<void> {
  if (!text.includes('--')) return;
  const stepCounter = new StepCounter();
  for (let at = 0; ;) {
    const run = execFrom(SIGNED_RUN, text, at);
    if (!run) return;
    const [runText] = run;
    at = run.index + runText.length;
    if (stepCounter.isDue(at)) yield;
    const signature = execFrom(SIGNATURE, runText, 16);
    if (!signature) continue;
    const message = runText.slice(0, signature.index + signature[0].length);
    if (/\d/.test(message) && /[A-Za-z]/.test(message) && /[^a-z-]/.test(message))
      hide(run.index, run.index + message.length);
  }
}

const CARD_DIGITS = /(?<![\dA-Za-z_.-])\d(?:[ .-]?\d){14,15}(?![\dA-Za-z_-]|\.\d)/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

/** Hides card numbers. */
export function* findCardNumbers({ text, hide }: Scan): Steps<void> {
  const stepCounter = new StepCounter();
  for (let at = 0; ;) {
    const match = execFrom(CARD_DIGITS, text, at);
    if (!match) return;
    const end = match.index + match[0].length;
    at = end;
    if (stepCounter.isDue(at)) yield;
    const around = () => text.slice(Math.max(0, match.index - 24), end + 24);
    if (isCardNumber(match[0]) && !UUID.test(around())) hide(match.index, end);
  }
}

const CARD_NUMBER = multilineRegExp('')`
  ^(?:
    4\d{15}
    |(?:5[1-5]|2[2-7])\d{14}
    |3[47]\d{13}
    |(?:6011|64[4-9]\d|65\d\d|35[2-8]\d|62\d\d)\d{12}
    |(?:50|5[6-9]|6[37])\d{14}
  )$`;

/** Whether length, issuer prefix and Luhn check digit are those of a card number. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ .-]/g, '');
  if (!CARD_NUMBER.test(digits)) return false;
  let sum = 0;
  for (let n = 0; n < digits.length; n += 1) {
    let digit = Number(digits[digits.length - 1 - n]);
    if (n % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

/** Prefixes and marks that the linear-time test repeats. */
export const SHAPE_LITERALS: readonly string[] = [
  ...TOKEN_SHAPES.map(({ prefix }) => prefix),
  ...MARKED.map(({ mark }) => mark),
];
