import { type Json, parseSteps, stringOf } from '../core/json';
import { STEP_SIZE, type Steps } from '../core/steps';
import type { Keys } from './key-names';
import { secretSpanSteps } from './scanner';
import { type SecretRegistry, SHORTEST } from './secret-registry';
import { viewsOf } from './text-view';
import { closingQuote } from './values';

/*
 * The credentials inside a hidden value, which can be repeated without the rest: `Token token="S"`,
 * `postgres://user:S@host`, `Server=…;Password=S`, `{"user":"b","key":"S"}`. What the scanner finds and what stands
 * behind a secret name or a scheme is a credential whatever it looks like; any other word has to look like one.
 */

/** A value without any of these is one word: it has no parts. */
const HAS_PARTS = /[\s=:@;,&?{[("'<|%\\]/;
/** JSON in a URL in a header. */
const MAX_LEVELS = 3;
/** In a hidden value these names say enough; elsewhere they are ordinary words. */
const SHORT_NAMES =
  /^(?:key|keys|code|auth|s|hash|k|t|p|pw|pass|access|response|value|val|credential|credentials|accountkey|sharedaccesskey)$/i;
const SCHEME =
  /^(?:bearer|basic|token|digest|api-?key|key|hmac|negotiate|ntlm|sso-key|jwt|oauth|password|secret)[ \t]+(\S{4,})$/i;
/** `user:password@` without the slashes of a URL: `user:…@tcp(host:3306)/db`. */
const USER_INFO = /^[^\s:@/]{0,64}:([^@\s]{4,})@/;
/** A JSON object in base64. */
const BASE64_JSON = /^(?:eyJ|eyA|ewo)[A-Za-z0-9+/_-]{8,}={0,2}$/;
const MAX_NAME_LENGTH = 64;
const NAME_CHAR = /[\w$.@[\]-]/;
const WORD = /[A-Za-z0-9!#$%*+./^_~-]{8,}/g;
const VALUE_END = /[\s;&,"'`<>{})\]]/g;

/** Adds a hidden value, and the credentials that it holds, in steps. */
export function* addSecret(secrets: SecretRegistry, value: string, keys: Keys): Steps<void> {
  if (!secrets.isFirstSearch(value)) return;
  secrets.add(value);
  if (secrets.overflowed) return;
  let level = [value];
  for (let n = 0; n < MAX_LEVELS && level.length > 0; n += 1) {
    const parts = new Set<string>();
    for (const text of level) {
      if (BASE64_JSON.test(text)) parts.add(Buffer.from(text, 'base64').toString());
      if (!HAS_PARTS.test(text)) continue;
      // What is not read may hold a credential: the registry overflows.
      if (secrets.overflowed || !secrets.spendOnParts(text.length)) return;
      yield* collectParts(text, keys, parts);
    }
    level = [...parts];
    for (const part of level) secrets.add(part);
    yield;
  }
}

function* collectParts(text: string, keys: Keys, parts: Set<string>): Steps<void> {
  const add = (part: string) => {
    const plain = part.trim();
    if (plain.length >= SHORTEST && plain.length < text.length) parts.add(plain);
  };
  for (const { from, to } of yield* secretSpanSteps(text, keys)) add(text.slice(from, to));
  for (const view of viewsOf(text)) {
    if (!view) {
      yield;
      continue;
    }
    const own = view.text;
    const scheme = SCHEME.exec(own.trim())?.[1];
    if (scheme !== undefined) add(scheme);
    const password = USER_INFO.exec(own.trim())?.[1];
    if (password !== undefined) add(password);
    yield* namedValues(own, keys, add);
    yield* credentialWords(own, add);
    if (/^\s*[[{"]/.test(own)) {
      const json = yield* parseSteps(own);
      if (json) yield* stringsOf(json, keys, add);
    }
  }
}

/** The values behind secret names, and behind those that are secret in a hidden value. A value is read once. */
function* namedValues(text: string, keys: Keys, add: (part: string) => void): Steps<void> {
  let nextStep = STEP_SIZE;
  for (let at = 0; at < text.length; at += 1) {
    if (at > nextStep) {
      nextStep = at + STEP_SIZE;
      yield;
    }
    if (text[at] !== '=' && text[at] !== ':') continue;
    const name = nameBefore(text, at);
    if (name === '' || !isSecretName(name, keys)) continue;
    let from = at + 1;
    while (from - at < 6 && ' \t>='.includes(text[from] ?? 'x')) from += 1;
    const quote = text[from] ?? '';
    const isQuoted = quote === '"' || quote === "'";
    if (isQuoted) from += 1;
    VALUE_END.lastIndex = from;
    const to = isQuoted
      ? closingQuote(text, from, quote)
      : (VALUE_END.exec(text)?.index ?? text.length);
    add(text.slice(from, to));
    at = Math.max(at, to - 1);
  }
}

function nameBefore(text: string, sign: number): string {
  let to = sign;
  while (to > 0 && sign - to < 3 && ` \t"'`.includes(text[to - 1] ?? 'x')) to -= 1;
  let from = to;
  while (from > 0 && to - from < MAX_NAME_LENGTH && NAME_CHAR.test(text[from - 1] ?? ' '))
    from -= 1;
  return text.slice(from, to);
}

function* credentialWords(text: string, add: (part: string) => void): Steps<void> {
  let nextStep = STEP_SIZE;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    // The host of a URL, or of `user@host`.
    const isHost = text[index - 1] === '@' || word.startsWith('//');
    const plain = word.replace(/^[-.!*+#]+|[.!*]+$/g, '');
    if (!isHost && looksLikeCredential(plain)) add(plain);
    if (index < nextStep) continue;
    nextStep = index + STEP_SIZE;
    yield;
  }
}

/** A word or a short number behind a name that says nothing. */
const ORDINARY_VALUE = /^(?:\p{Lu}?\p{Ll}{1,15}|\d{1,5})$/u;

/** The strings and numbers of JSON, and those of its keys that look like credentials. */
function* stringsOf(root: Json, keys: Keys, add: (part: string) => void): Steps<void> {
  const open = [{ json: root, isNamed: true }];
  for (let n = 1; open.length > 0; n += 1) {
    if (n % 1_024 === 0) yield;
    const { json, isNamed } = open.pop() as { json: Json; isNamed: boolean };
    if (json.kind === 'array') for (const item of json.items) open.push({ json: item, isNamed });
    else if (json.kind === 'object')
      for (const { key, value } of json.entries) {
        if (looksLikeCredential(key)) add(key);
        open.push({ json: value, isNamed: isSecretName(key, keys) });
      }
    else {
      const text = stringOf(json) ?? json.text;
      if (isNamed || !ORDINARY_VALUE.test(text)) add(text);
    }
  }
}

const isSecretName = (name: string, keys: Keys): boolean =>
  SHORT_NAMES.test(name) || keys.isSecret(name);

const MIN_CREDENTIAL = 8;
const MAX_JUDGED = 256;
const LONG_NUMBER = /^\d{16,}$/;
const NUMBERS = /^[\d.,:/+-]+$/;
/** Dates, versions, sizes, regions, products with their version, hosts, paths and files. */
const ORDINARY: readonly RegExp[] = [
  /^\d{4}-\d\d-\d\d(?:T[\d.Z+-]*)?$/,
  /^v?\d+(?:\.\d+)+[-.\w]{0,12}$/,
  /^\d+(?:\.\d+)?[A-Za-z%]{1,4}$/,
  /^[a-z]{2}(?:-[a-z]+){1,3}-\d[a-z]?$/,
  /^[A-Za-z][A-Za-z-]*\/\d+(?:\.\d+)*$/,
  /^AWS4-/,
  /^(?:[a-z0-9-]+\.)+[a-z]{2,}$/,
  /^[.~]{0,2}\//,
  /^[a-z][a-z._-]+\//,
  /\.(?:rb|erb|rake|js|ts|py|go|ya?ml|json|xml|html?|txt|csv|pdf|png|jpe?g|gif|svg|zip|gz|pem|crt|cer|key|sql|log)$/i,
];

/** Whether a word inside a hidden value can be a credential: letters and digits, a long number, or letters that are no words. */
export function looksLikeCredential(text: string): boolean {
  if (text.length < MIN_CREDENTIAL) return false;
  if (text.length > MAX_JUDGED) return true;
  if (!/^[\x21-\x7e]+$/.test(text)) return false;
  if (NUMBERS.test(text)) return LONG_NUMBER.test(text);
  if (ORDINARY.some((pattern) => pattern.test(text)) || isIdentifier(text)) return false;
  if (/\d/.test(text)) return /[A-Za-z]/.test(text);
  return text.length >= 16 && /[a-z]/.test(text) && /[A-Z]/.test(text) && /^[A-Za-z]+$/.test(text);
}

/** `address_line_1`, `addressLine1`, `TrustServerCertificate`: words, with a short number behind them. */
function isIdentifier(text: string): boolean {
  if (/^[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)*\d?$/.test(text)) return true;
  const words = text.split(/[_.-]/);
  return (
    words.length > 1 && words.every((word) => /^(?:[A-Za-z]*|[A-Za-z]+\d|\d{1,3})$/.test(word))
  );
}
