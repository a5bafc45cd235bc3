import type { Steps } from '../core/steps';
import { isChallenge } from './harmless-values';
import { Pacer, type Scan, execFrom, isLetterOrDigit } from './scan';
import { ALPHABETS, TOKEN_SHAPES, type TokenShape } from './token-table';

/*
 * Secrets that their shape alone shows. Each rule searches for a literal, or for a run of one class of characters with
 * bounds, and goes on behind what it read. Where a run can be read for several prefixes, its end is remembered.
 */

const escapeRegExp = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** A prefix without a sign is too common inside of words of letters: `SK`, `oy2`. */
const SHORTEST_INSIDE = 4;
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

/** Ends of runs of one alphabet in one text: a run is read once, however many places of it are asked for. */
class Runs {
  private readonly ends = new Map<Alphabet, number>();

  constructor(private readonly text: string) {}

  endFrom(from: number, alphabet: Alphabet): number {
    const known = this.ends.get(alphabet) ?? 0;
    if (from < known) return known;
    const inAlphabet = IN_ALPHABET.get(alphabet);
    let end = from;
    while (inAlphabet?.[this.text.charCodeAt(end)] === 1) end += 1;
    if (end > from) this.ends.set(alphabet, end);
    return end;
  }
}

export function* knownTokens({ text, hide }: Scan): Steps<void> {
  if (text.length < 12) return;
  const pacer = new Pacer();
  const runs = new Runs(text);
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
    if (pacer.isDue(at)) yield;
  }
}

/**
 * Whether a token may begin here. Inside of a longer word it has letters and digits, or capitals, as words have not;
 * right behind a letter or digit its prefix is long enough, too.
 */
function isTokenStart(text: string, from: number, end: number, shape: TokenShape): boolean {
  const before = text.charCodeAt(from - 1);
  if (shape.anywhere || !isAsciiWordPart(before)) return true;
  if (isAsciiLetterOrDigit(before) && shape.prefix.length < SHORTEST_INSIDE) return false;
  const token = text.slice(from + shape.prefix.length, Math.min(end, from + MAX_JUDGED));
  if (/\d/.test(token) && /[A-Za-z]/.test(token)) return true;
  return shape.prefix.length >= SHORTEST_INSIDE && /[A-Z]/.test(token) && !/[-._]/.test(token);
}

/** Characters of a token that are enough to judge it. */
const MAX_JUDGED = 200;
const isAsciiLetterOrDigit = (code: number): boolean => code < 0x80 && isLetterOrDigit(code);
const isAsciiWordPart = (code: number): boolean =>
  isAsciiLetterOrDigit(code) || code === 0x5f || code === 0x2d;

/** JSON Web Tokens, signed or encrypted: the first part is the base64url of a JSON object. */
const JWT = /e(?:yJ|yA|wo)/g;
/** The second part of a token that begins inside of a longer word, at least. */
const SHORTEST_SECOND_PART = 12;

export function* webTokens({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  const runs = new Runs(text);
  for (let at = 0; ;) {
    const match = execFrom(JWT, text, at);
    if (!match) return;
    let end = runs.endFrom(match.index, 'urlSafe');
    at = end;
    if (pacer.isDue(at)) yield;
    if (end - match.index < 9 || text[end] !== '.') continue;
    const second = runs.endFrom(end + 1, 'urlSafe');
    at = second;
    const isInside = isAsciiWordPart(text.charCodeAt(match.index - 1));
    if (second - end < (isInside ? SHORTEST_SECOND_PART : 3)) continue;
    end = second;
    for (let part = 0; part < 3 && text[end] === '.'; part += 1)
      end = runs.endFrom(end + 1, 'urlSafe');
    hide(match.index, end);
    at = end;
  }
}

/** Tokens with a mark in the middle: the mark, what must stand before it and behind it. */
const MARKED: readonly {
  mark: string;
  before: RegExp;
  behind: Alphabet;
  min: number;
  max?: number;
}[] = [
  // Telegram: `123456789:AA…`, also in `/bot123456789:AA…/`
  {
    mark: ':AA',
    before: /(?<!\d)(\d{6,12})$/,
    behind: 'urlSafe',
    min: 30,
  },
  // Firebase Cloud Messaging: `AAAAx:APA91b…`
  { mark: ':APA91b', before: /([A-Za-z0-9_-]{4,60})$/, behind: 'urlSafe', min: 60 },
  // New Relic licence keys
  {
    mark: 'NRAL',
    before: /([A-Za-z0-9]{36})$/,
    behind: 'alphanumeric',
    min: 0,
    max: 0,
  },
  // Mailchimp: `…-us12`
  {
    mark: '-us',
    before: /(?<![0-9A-Fa-f])([0-9A-Fa-f]{32})$/,
    behind: 'alphanumeric',
    min: 1,
    max: 2,
  },
  // Azure AD client secrets: `abc8Q~…`
  {
    mark: 'Q~',
    before: /([A-Za-z0-9_~.]{3}\d)$/,
    behind: 'dotted',
    min: 30,
    max: 36,
  },
  // Terraform Cloud
  { mark: '.atlasv1.', before: /([A-Za-z0-9]{14})$/, behind: 'signed', min: 60 },
  // Airtable: `patXXXXXXXXXXXXXX.…`
  {
    mark: '.',
    before: /(pat[A-Za-z0-9]{14})$/,
    behind: 'hex',
    min: 64,
    max: 64,
  },
  // Shopify, Django and others sign with it; Argon2 and bcrypt have prefixes.
];
/** The longest text that a `before` can match. */
const MARK_REACH = 64;
const EVERY_MARK = new RegExp(
  MARKED.filter(({ mark }) => mark !== '.')
    .map(({ mark }) => escapeRegExp(mark))
    .concat('(?<=pat[A-Za-z0-9]{14})\\.')
    .join('|'),
  'g',
);
const BY_MARK = new Map(MARKED.map((shape) => [shape.mark, shape]));

export function* markedTokens({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  const runs = new Runs(text);
  for (let at = 0; ;) {
    const match = execFrom(EVERY_MARK, text, at);
    if (!match) return;
    const [mark] = match;
    const from = match.index + mark.length;
    at = from;
    if (pacer.isDue(at)) yield;
    const shape = BY_MARK.get(mark);
    if (!shape) continue;
    const end = runs.endFrom(from, shape.behind);
    if (end - from < shape.min || end - from > (shape.max ?? Infinity)) continue;
    const before = text.slice(Math.max(0, match.index - MARK_REACH), match.index);
    const own = shape.before.exec(before)?.[1];
    if (own === undefined) continue;
    hide(match.index - own.length, end);
    at = end;
  }
}

/** Bot tokens of Discord: three parts in base64url, the first of which is a number. */
const DISCORD = /[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,40}/g;
/** `-----BEGIN … PRIVATE KEY-----` */
const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
/** Links that post messages: Slack, Discord, Teams, and Azure Logic Apps. */
const WEBHOOK =
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/|webhook\.office(?:365)?\.com\/(?:webhookb2\/)?|outlook\.office(?:365)?\.com\/webhook\/|chat\.googleapis\.com\/v1\/spaces\//g;
const WEBHOOK_PATH = /[A-Za-z0-9/_@.-]{8,}/y;
const BEARER = /(?<![A-Za-z])bearer(?:\s+|\++)/gi;
/** Blanks, a sign, quotes or brackets are between the scheme and its credentials. */
const BASIC =
  /(?<![A-Za-z])basic(?:["'`>]{0,2}\s*(?:=>?|->|[:,])\s*["'`[(<]{0,2}|["'`]?\s+["'`[(<]{0,2}|\++)/gi;
const CREDENTIALS = /[A-Za-z0-9._~+/=-]{4,}/y;
/** As much of them as it takes to judge them. */
const CREDENTIALS_START = /[A-Za-z0-9._~+/=-]{4,400}/y;
/** Words that follow `bearer` in a sentence. */
const NO_TOKEN =
  /^(?:authentication|authorization|authenticate|tokens?|scheme|schema|credentials?|header|headers|method|auth|token_type)[.,]?$/i;
/** Social security numbers of the United States. */
const SSN = /(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-]|\.\d)/g;

/** Rules of which each match is a secret, or what `end` makes of it. */
const SHAPES: readonly {
  pattern: RegExp;
  span(text: string, match: RegExpExecArray): { from: number; to: number } | null;
}[] = [
  { pattern: DISCORD, span: whole },
  { pattern: SSN, span: whole },
  {
    pattern: PRIVATE_KEY,
    // A key that is cut off hides the rest, which ends the rule.
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
  { pattern: BEARER, span: (text, match) => credentialsBehind(text, match, isBearer) },
  { pattern: BASIC, span: (text, match) => credentialsBehind(text, match, isBasic) },
];

function whole(_text: string, match: RegExpExecArray) {
  return { from: match.index, to: match.index + match[0].length };
}

function credentialsBehind(
  text: string,
  match: RegExpExecArray,
  isSecret: (start: string) => boolean,
) {
  const from = match.index + match[0].length;
  if (isChallenge(text, from)) return null;
  const start = execFrom(CREDENTIALS_START, text, from)?.[0] ?? '';
  // What is refused may hold another scheme, so the rule goes on inside it, and may read but its start.
  return { from, to: isSecret(start) ? endOfCredentials(text, from) : from };
}

const isBearer = (value: string): boolean =>
  value.length >= 6 && (value.length > 40 || !NO_TOKEN.test(value));

const endOfCredentials = (text: string, from: number): number =>
  from + (execFrom(CREDENTIALS, text, from)?.[0].length ?? 0);

/** `user:password` in base64. */
function isBasic(value: string): boolean {
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  if (!decoded.includes(':')) return false;
  return value.length < 12 ? /^[\x20-\x7e]+$/.test(decoded) : !/[\0-\x08]/.test(decoded);
}

export function* fixedShapes({ text, hide }: Scan): Steps<void> {
  for (const { pattern, span } of SHAPES) {
    const pacer = new Pacer();
    for (let at = 0; ;) {
      const match = execFrom(pattern, text, at);
      if (!match) break;
      const found = span(text, match);
      if (found) hide(found.from, found.to);
      at = Math.max(match.index + match[0].length, found?.to ?? 0);
      if (pacer.isDue(at)) yield;
    }
    yield;
  }
}

/**
 * A message that Rails signed or encrypted (a cookie, a signed GlobalID): base64, `--`, and a digest. One a run of these
 * characters; a run is read once.
 */
const SIGNED_RUN = /[A-Za-z0-9+/=%_-]{16,}/g;
const SIGNED = /--[A-Za-z0-9+/=%]{12,}(?:--[A-Za-z0-9+/=%]{12,})?/g;

export function* signedMessages({ text, hide }: Scan): Steps<void> {
  if (!text.includes('--')) return;
  const pacer = new Pacer();
  for (let at = 0; ;) {
    const run = execFrom(SIGNED_RUN, text, at);
    if (!run) return;
    const [own] = run;
    at = run.index + own.length;
    if (pacer.isDue(at)) yield;
    const signature = execFrom(SIGNED, own, 16);
    if (!signature) continue;
    const message = own.slice(0, signature.index + signature[0].length);
    if (/\d/.test(message) && /[A-Za-z]/.test(message) && /[^a-z-]/.test(message))
      hide(run.index, run.index + message.length);
  }
}

const DIGITS = /(?<![\dA-Za-z_.-])\d(?:[ .-]?\d){14,15}(?![\dA-Za-z_-]|\.\d)/g;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

export function* cardNumbers({ text, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = 0; ;) {
    const match = execFrom(DIGITS, text, at);
    if (!match) return;
    const end = match.index + match[0].length;
    at = end;
    if (pacer.isDue(at)) yield;
    const around = () => text.slice(Math.max(0, match.index - 24), end + 24);
    if (isCardNumber(match[0]) && !UUID.test(around())) hide(match.index, end);
  }
}

/** Length and first digits of the card schemes, and the check digit; articles and ids have other lengths. */
export function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[ .-]/g, '');
  if (
    !/^(?:4\d{15}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|(?:6011|64[4-9]\d|65\d\d|35[2-8]\d|62\d\d)\d{12}|(?:50|5[6-9]|6[37])\d{14})$/.test(
      digits,
    )
  )
    return false;
  let sum = 0;
  for (let n = 0; n < digits.length; n += 1) {
    let digit = Number(digits[digits.length - 1 - n]);
    if (n % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/.test(digits);
}

/** What the linear-time test repeats. */
export const SHAPE_LITERALS: readonly string[] = [
  ...TOKEN_SHAPES.map(({ prefix }) => prefix),
  ...MARKED.map(({ mark }) => mark),
];
