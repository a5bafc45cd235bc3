import { type Json, parseSteps, stringOf } from '../core/json';
import { STEP_SIZE, type Steps } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { findAssignments } from './assignments';
import type { SecretNameMatcher } from './key-names';
import { findFixedForms, findInJapanese, findInSentences } from './prose';
import { Rule, Span, SpanMask } from './scan';
import { MIN_SECRET_LENGTH, type SecretRegistry } from './secret-registry';
import {
  findCommandLineCredentials,
  findCredentialsBeforeHost,
  findSqlLists,
  findUrlUserInfo,
} from './statements';
import { viewsOf } from './text-view';
import {
  findCardNumbers,
  findFixedShapes,
  findJsonWebTokens,
  findMarkedTokens,
  findServiceTokens,
  findSignedMessages,
} from './tokens';
import { closingQuote, findLabelledElements, findTagContents } from './values';

/*
 * Finds secrets in a text. Each rule makes one pass over each view of the text (raw, and with its
 * escapes decoded), so the time is linear for any input.
 */

const RULES: readonly Rule[] = [
  findServiceTokens,
  findJsonWebTokens,
  findMarkedTokens,
  findFixedShapes,
  findSignedMessages,
  findCardNumbers,
  findUrlUserInfo,
  findCredentialsBeforeHost,
  findAssignments,
  findInSentences,
  findInJapanese,
  findFixedForms,
  findTagContents,
  findLabelledElements,
  findSqlLists,
  findCommandLineCredentials,
];

/** The spans to hide, in order and without overlaps. Yields between bounded steps. */
export function* secretSpanSteps(text: string, keys: SecretNameMatcher): Steps<Span[]> {
  const mask = new SpanMask(text.length);
  const names = keys.forText(text.length);
  for (const view of viewsOf(text)) {
    if (!view) {
      yield;
      continue;
    }
    const scan = {
      text: view.text,
      keys: names,
      hide: (from: number, to: number) => {
        if (from < to) mask.add(view.sourceOffset(from), view.sourceOffset(to));
      },
    };
    for (const rule of RULES) yield* rule(scan);
  }
  return mask.spans();
}

/*
 * Credentials inside a hidden value, which other texts may repeat without the rest:
 * `Token token="S"`, `postgres://user:S@host`, `Server=…;Password=S`, `{"user":"b","key":"S"}`.
 * A match of the scanner and a value after a secret name or a scheme always are credentials; any
 * other word has to look like one.
 */

/** A value without any of these characters is one word, without parts. */
const HAS_PARTS = /[\s=:@;,&?{[("'<|%\\]/;
/** Levels of parts inside parts, such as JSON in a URL in a header. */
const MAX_LEVELS = 3;
/** Names that mark a credential inside a hidden value, but are ordinary words elsewhere. */
const SHORT_NAMES = multilineRegExp('i')`
  ^(?:
    key|keys|code|auth|s|hash|k|t|p|pw|pass|access|response|value|val|credential|credentials
    |accountkey|sharedaccesskey
  )$`;
const SCHEME =
  /^(?:bearer|basic|token|digest|api-?key|key|hmac|negotiate|ntlm|sso-key|jwt|oauth|password|secret)[ \t]+(\S{4,})$/i;
/** `user:password@` without a URL scheme, as in `user:…@tcp(host:3306)/db`. */
const USER_INFO = /^[^\s:@/]{0,64}:([^@\s]{4,})@/;
/** A JSON object in base64. */
const BASE64_JSON = /^(?:eyJ|eyA|ewo)[A-Za-z0-9+/_-]{8,}={0,2}$/;
const MAX_NAME_LENGTH = 64;
const NAME_CHAR = /[\w$.@[\]-]/;
const WORD = /[A-Za-z0-9!#$%*+./^_~-]{8,}/g;
const VALUE_END = /[\s;&,"'`<>{})\]]/g;

/**
 * Adds a hidden value and the credentials inside it to the registry. Yields between bounded steps.
 * Call it once per value (`SecretRegistry.markSearched`).
 */
export function* addSecret(
  secrets: SecretRegistry,
  value: string,
  keys: SecretNameMatcher,
): Steps<void> {
  secrets.add(value);
  if (secrets.overflowed) return;
  let level = [value];
  for (let n = 0; n < MAX_LEVELS && level.length > 0; n += 1) {
    const parts = new Set<string>();
    for (const text of level) {
      if (BASE64_JSON.test(text)) parts.add(Buffer.from(text, 'base64').toString());
      if (!HAS_PARTS.test(text)) continue;
      // Beyond the budget the registry overflows, because an unread part may contain a credential.
      if (secrets.overflowed || !secrets.spendPartsBudget(text.length)) return;
      yield* collectParts(text, keys, parts);
    }
    level = [...parts];
    for (const part of level) secrets.add(part);
    yield;
  }
}

function* collectParts(text: string, keys: SecretNameMatcher, parts: Set<string>): Steps<void> {
  const add = (part: string) => {
    const trimmed = part.trim();
    if (trimmed.length >= MIN_SECRET_LENGTH && trimmed.length < text.length) parts.add(trimmed);
  };
  for (const { from, to } of yield* secretSpanSteps(text, keys)) add(text.slice(from, to));
  for (const view of viewsOf(text)) {
    if (!view) {
      yield;
      continue;
    }
    const viewText = view.text;
    const schemeCredential = SCHEME.exec(viewText.trim())?.[1];
    if (schemeCredential !== undefined) add(schemeCredential);
    const password = USER_INFO.exec(viewText.trim())?.[1];
    if (password !== undefined) add(password);
    yield* addNamedValues(viewText, keys, add);
    yield* addCredentialWords(viewText, add);
    if (/^\s*[[{"]/.test(viewText)) {
      const json = yield* parseSteps(viewText);
      if (json) yield* addJsonScalars(json, keys, add);
    }
  }
}

/** Adds the values after secret names and SHORT_NAMES. */
function* addNamedValues(
  text: string,
  keys: SecretNameMatcher,
  add: (part: string) => void,
): Steps<void> {
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

function nameBefore(text: string, separator: number): string {
  let to = separator;
  while (to > 0 && separator - to < 3 && ` \t"'`.includes(text[to - 1] ?? 'x')) to -= 1;
  let from = to;
  while (from > 0 && to - from < MAX_NAME_LENGTH && NAME_CHAR.test(text[from - 1] ?? ' '))
    from -= 1;
  return text.slice(from, to);
}

function* addCredentialWords(text: string, add: (part: string) => void): Steps<void> {
  let nextStep = STEP_SIZE;
  for (const { 0: word, index } of text.matchAll(WORD)) {
    // Hosts of URLs and of `user@host` are not secret.
    const isHost = text[index - 1] === '@' || word.startsWith('//');
    const bare = word.replace(/^[-.!*+#]+|[.!*]+$/g, '');
    if (!isHost && looksLikeCredential(bare)) add(bare);
    if (index < nextStep) continue;
    nextStep = index + STEP_SIZE;
    yield;
  }
}

/** A word or short number that is not a secret unless it has a secret name. */
const ORDINARY_VALUE = /^(?:\p{Lu}?\p{Ll}{1,15}|\d{1,5})$/u;

/** Adds the strings and numbers of JSON, and the keys that look like credentials. */
function* addJsonScalars(
  root: Json,
  keys: SecretNameMatcher,
  add: (part: string) => void,
): Steps<void> {
  const stack = [{ json: root, isNamed: true }];
  for (let n = 1; stack.length > 0; n += 1) {
    if (n % 1_024 === 0) yield;
    const { json, isNamed } = stack.pop() as { json: Json; isNamed: boolean };
    if (json.kind === 'array') for (const item of json.items) stack.push({ json: item, isNamed });
    else if (json.kind === 'object')
      for (const { key, value } of json.entries) {
        if (looksLikeCredential(key)) add(key);
        stack.push({ json: value, isNamed: isSecretName(key, keys) });
      }
    else {
      const text = stringOf(json) ?? json.text;
      if (isNamed || !ORDINARY_VALUE.test(text)) add(text);
    }
  }
}

const isSecretName = (name: string, keys: SecretNameMatcher): boolean =>
  SHORT_NAMES.test(name) || keys.isSecret(name);

const MIN_CREDENTIAL_LENGTH = 8;
/** Any longer word counts as a credential. */
const MAX_CLASSIFIED_LENGTH = 256;
const LONG_NUMBER = /^\d{16,}$/;
const NUMBERS = /^[\d.,:/+-]+$/;
/** Dates, versions, sizes, regions, products with a version, hosts, paths and files. */
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

/**
 * Whether a word inside a hidden value may be a credential: letters and digits, a long number, or
 * random letters.
 */
export function looksLikeCredential(text: string): boolean {
  if (text.length < MIN_CREDENTIAL_LENGTH) return false;
  if (text.length > MAX_CLASSIFIED_LENGTH) return true;
  if (!/^[\x21-\x7e]+$/.test(text)) return false;
  if (NUMBERS.test(text)) return LONG_NUMBER.test(text);
  if (ORDINARY.some((pattern) => pattern.test(text)) || isIdentifier(text)) return false;
  if (/\d/.test(text)) return /[A-Za-z]/.test(text);
  return text.length >= 16 && /[a-z]/.test(text) && /[A-Z]/.test(text) && /^[A-Za-z]+$/.test(text);
}

/**
 * Whether the text consists of words with at most a short number: `address_line_1`,
 * `TrustServerCertificate`.
 */
function isIdentifier(text: string): boolean {
  if (/^[A-Za-z]?[a-z]+(?:[A-Z][a-z]+)*\d?$/.test(text)) return true;
  const words = text.split(/[_.-]/);
  return (
    words.length > 1 && words.every((word) => /^(?:[A-Za-z]*|[A-Za-z]+\d|\d{1,3})$/.test(word))
  );
}
