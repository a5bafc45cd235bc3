import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import { z } from 'zod';

/** An invalid configuration value; the message is one sentence that names the variable. */
export class EnvError extends Error {}

/* Schemas for environment variables. An empty variable counts as unset. */

/** 1 or true, 0 or false; default false. */
export const flag = z
  .enum(['0', '1', 'true', 'false', ''], { error: 'must be 1 or 0' })
  .default('')
  .transform((value) => value === '1' || value === 'true');

/** One of `values`; `problem` is the error message that lists them. */
export const choice = <const Value extends string, Fallback extends Value | null>(
  values: readonly Value[],
  fallback: Fallback,
  problem: string,
) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      const choice = value === '' ? fallback : values.find((candidate) => candidate === value);
      if (choice !== undefined) return choice;
      ctx.addIssue({ code: 'custom', message: problem });
      return z.NEVER;
    });

/** Trimmed text; null if empty. */
export const optional = z
  .string()
  .default('')
  .transform((value) => (value.trim() === '' ? null : value.trim()));

/** A whole number from `low` to `high`. */
export const integer = (fallback: number, low: number, high: number) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      if (value.trim() === '') return fallback;
      if (/^\d{1,9}$/.test(value.trim()) && Number(value) >= low && Number(value) <= high)
        return Number(value);
      ctx.addIssue({ code: 'custom', message: `must be a whole number from ${low} to ${high}` });
      return z.NEVER;
    });

/** A number from `low` to `high` with up to three decimals. */
export const decimal = (fallback: number, low: number, high: number) =>
  z
    .string()
    .default('')
    .transform((value, ctx) => {
      if (value.trim() === '') return fallback;
      if (
        /^\d{1,6}(\.\d{1,3})?$/.test(value.trim()) &&
        Number(value) >= low &&
        Number(value) <= high
      )
        return Number(value);
      ctx.addIssue({ code: 'custom', message: `must be a number from ${low} to ${high}` });
      return z.NEVER;
    });

/** A comma-separated list: trimmed items without empty ones. */
export const list = z
  .string()
  .default('')
  .transform((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );

/** The placeholders of a link template. `from` and `to` bracket the job's time, `_ms` since 1970. */
const LINK_PLACEHOLDERS = [
  'job_id',
  'active_job_id',
  'job_class',
  'queue',
  'cron_key',
  'batch_id',
  'from',
  'to',
  'from_ms',
  'to_ms',
] as const;
type LinkPlaceholder = (typeof LINK_PLACEHOLDERS)[number];

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** An http(s) URL with placeholders after its host; null if empty. */
export const linkTemplate = optional.transform((value, ctx) => {
  if (value === null) return null;
  const problem = linkTemplateProblem(value);
  if (problem === null) return value;
  ctx.addIssue({ code: 'custom', message: problem });
  return z.NEVER;
});

function linkTemplateProblem(template: string): string | null {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '');
  const isKnown = (name: string) => (LINK_PLACEHOLDERS as readonly string[]).includes(name);
  const unknown = names.find((name) => !isKnown(name));
  if (unknown !== undefined)
    return `has the unknown placeholder {${unknown}}; use ${LINK_PLACEHOLDERS.map((name) => `{${name}}`).join(', ')}`;
  const filled = template.replace(PLACEHOLDER, 'x');
  const url = URL.canParse(filled) ? new URL(filled) : null;
  if (!url || !/^https?:\/\//i.test(template) || url.username !== '' || url.password !== '')
    return 'must be an http:// or https:// URL without user and password, such as https://logs.example.com/?q={job_id}';
  // Otherwise the data of a job could decide which server a viewer opens.
  if (/^https?:\/\/[^/?#\\]*\{/i.test(template)) return 'must not have a placeholder in its host';
  return null;
}

/**
 * Fills a template with percent-encoded values; null if one of its values is missing, or would be
 * a dot segment, which browsers remove from a path.
 */
export function fillLink(
  template: string,
  values: Readonly<Record<LinkPlaceholder, string | null>>,
): string | null {
  let isComplete = true;
  const link = template.replace(PLACEHOLDER, (_, name: LinkPlaceholder) => {
    const value = values[name] ?? '';
    if (value === '' || value === '.' || value === '..') isComplete = false;
    return encodeURIComponent(Buffer.from(value).toString());
  });
  return isComplete ? link : null;
}

/** Length of the longest address: IPv6 with an IPv4 tail. */
const MAX_ADDRESS_LENGTH = 45;
const MAPPED_IPV4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/;

/** A network in CIDR notation; a single address has the prefix 32 or 128. */
export interface IpNetwork {
  address: string;
  prefix: number;
}

/**
 * Returns the canonical text of an IPv4 or IPv6 address, with IPv4-mapped IPv6 as IPv4. Returns
 * null for any other text, including zones, ports, brackets, blanks and leading zeros.
 */
export function parseIpAddress(text: string): string | null {
  if (text.length > MAX_ADDRESS_LENGTH || text.includes('%')) return null;
  if (isIPv4(text)) return text;
  if (!isIPv6(text)) return null;
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  return MAPPED_IPV4.exec(address)?.[1] ?? address;
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; returns null for any other text. */
export function parseIpNetwork(text: string): IpNetwork | null {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const address = parseIpAddress(addressText);
  if (address === null || rest.length > 0) return null;
  const bits = isIPv4(address) ? 32 : 128;
  if (prefixText === undefined) return { address, prefix: bits };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefixText)) return null;
  const prefix = Number(prefixText);
  const isMapped = bits === 32 && addressText.includes(':');
  if (!isMapped) return prefix <= bits ? { address, prefix } : null;
  // `::ffff:10.0.0.0/104` is 10.0.0.0/8; a prefix below 96 also covers other IPv6 addresses.
  return prefix >= 96 && prefix <= 128 ? { address, prefix: prefix - 96 } : null;
}

/**
 * Returns the /64 network of a canonical IPv6 address. Rate limits count by it because one
 * subscriber can use every address in a /64.
 */
export function ipv6Network64(address: string): string {
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const tailGroups = tail === '' ? [] : tail.split(':');
    const tailLength = tailGroups.length + (tail.includes('.') ? 1 : 0);
    const zeros = Math.max(0, 8 - groups.length - tailLength);
    groups.push(...Array.from({ length: zeros }, () => '0'), ...tailGroups);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/*
 * Detects secrets that an attacker can guess, such as placeholders from a manual or keyboard
 * patterns. Every rule is linear in a bounded text.
 */

/** Words of placeholder texts, which do not occur in generated secrets. */
const TEMPLATE_WORDS = [
  'changeme',
  'changethis',
  'changeit',
  'changebefore',
  'pleasechange',
  'tobechanged',
  'replaceme',
  'replacethis',
  'replacewith',
  'replaceby',
  'placeholder',
  'insertyour',
  'inserthere',
  'putyour',
  'enteryour',
  'yoursecret',
  'yourclientsecret',
  'yourpassword',
  'yourtoken',
  'yourown',
  'opensslrand',
  'randhex',
  'fixme',
  'todoset',
  'notasecret',
  'theclientsecret',
];
/**
 * Common words, longest first. They may be part of a long passphrase, but a secret that consists of
 * little else is guessable.
 */
const COMMON_WORDS = [
  'authentication',
  'development',
  'credentials',
  'credential',
  'characters',
  'passphrase',
  'production',
  'undefined',
  'password',
  'default',
  'example',
  'goodjob',
  'letmein',
  'metrics',
  'session',
  'staging',
  'testing',
  'asdfgh',
  'client',
  'foobar',
  'passwd',
  'qwerty',
  'random',
  'sample',
  'secret',
  'secure',
  'string',
  'zxcvbn',
  'admin',
  'dummy',
  'super',
  'token',
  'value',
  'oidc',
  'test',
  'todo',
  'key',
  'my',
];
/**
 * Phrases of manuals and templates about a secret: its length, purpose or replacement. Not applied
 * to secrets that a provider issues. Six letters or more, so that they do not occur by chance.
 */
const MANUAL_PHRASES = [
  'asdfgh',
  'atleast',
  'charslong',
  'characterslong',
  'byteslong',
  'changeby',
  'changed',
  'changein',
  'default',
  'devsecret',
  'development',
  'donotshare',
  'donotuse',
  'dontshare',
  'dontuse',
  'example',
  'fillin',
  'fillme',
  'generate',
  'insecure',
  'insert',
  'keyboardcat',
  'keyhere',
  'letmein',
  'localdev',
  'longandrandom',
  'longkey',
  'longpassword',
  'longrandom',
  'longsecret',
  'longstring',
  'longtoken',
  'minimum',
  'mypassword',
  'mysecret',
  'mustbe',
  'mustchange',
  'nobody',
  'notsecret',
  'notsecure',
  'onlyfor',
  'ormorechar',
  'passwordhere',
  'passwordpassword',
  'production',
  'qwerty',
  'randomchar',
  'randomkey',
  'randomly',
  'randomsecret',
  'randomstring',
  'randomtext',
  'randomtoken',
  'randomvalue',
  'replace',
  'sample',
  'secrethere',
  'secretkey',
  'secretsecret',
  'secretstring',
  'secretvalue',
  'setmeto',
  'somerandom',
  'somesecret',
  'stringhere',
  'supersecret',
  'temporary',
  'thirtytwo',
  'thisisa',
  'tobeset',
  'tokenhere',
  'topsecret',
  'unsafe',
  'valuehere',
  'verysecret',
  'yoursession',
  'zxcvbn',
];
/** Phrases of short words, matched only at word boundaries. */
const SHORT_PHRASES =
  /(^|\P{L})(set|fill|fix|edit|paste|put|enter)\P{L}{0,3}(me|it|this|in|here|a|an|the|your|to)(\P{L}|$)/u;
/** Matches a length such as `32 chars`, `64-random-hex-digits` or `at 256 bits`. */
const LENGTH_PHRASE = new RegExp(
  String.raw`\d\d(ormore|orlonger|random|ascii|hex|hexadecimal|alphanumeric|printable)*` +
    '(chars|character|bytes|bits|digit|letter|symbol)',
);

/** Matches variables and placeholders of shells, templates and manuals. */
const TEMPLATE_SYNTAX = /^<.*>$|^\[.*\]$|\$\{|\$\(|\{\{|%\w+%|^\$[A-Z_]+$/;

/** Minimum letters and digits besides common words. */
const MIN_OTHER_CHARACTERS = 6;

/** Whether a text is a placeholder; safe to apply to secrets that a provider issues. */
export function isPlaceholder(value: string): boolean {
  const text = value.normalize('NFKC').trim();
  if (TEMPLATE_SYNTAX.test(text)) return true;
  const plain = removeSeparators(text.toLowerCase());
  if (TEMPLATE_WORDS.some((word) => plain.includes(word))) return true;
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  if (words.length > 0 && isMostlyCommonWords(plain)) return true;
  return text.length >= 8 && new Set(text).size <= 2;
}

/** Removes everything but letters and digits. */
const removeSeparators = (text: string) => text.replaceAll(/[^\p{L}\p{N}]/gu, '');

/** Matches common words with few other characters: `secret`, `Password123`, `my-secret-secret`. */
function isMostlyCommonWords(plain: string): boolean {
  let remainder = plain;
  for (const word of COMMON_WORDS) remainder = remainder.replaceAll(word, '');
  return remainder.length < Math.min(MIN_OTHER_CHARACTERS, plain.length / 2);
}

/** Whether a secret that the operator generates is a placeholder or follows a pattern. */
export function isGuessableSecret(value: string): boolean {
  return (
    isPlaceholder(value) ||
    hasManualPhrase(value) ||
    hasFewCharacters(value) ||
    isRepeated(value) ||
    isSequence(value)
  );
}

function hasManualPhrase(value: string): boolean {
  const text = value.normalize('NFKC').toLowerCase();
  const plain = removeSeparators(text);
  return (
    MANUAL_PHRASES.some((phrase) => plain.includes(phrase)) ||
    SHORT_PHRASES.test(text) ||
    LENGTH_PHRASE.test(plain)
  );
}

/**
 * 32 random hexadecimal digits have fewer than 8 distinct ones with probability 1 in 20 million.
 */
function hasFewCharacters(value: string): boolean {
  return new Set(value).size < (value.length < 32 ? 5 : 8);
}

/** Matches repetitions of a part such as `abcabcabc…`. */
function isRepeated(value: string): boolean {
  // Knuth-Morris-Pratt: the last value of the prefix function determines the shortest period.
  const prefix = [0];
  for (let at = 1, length = 0; at < value.length; at += 1) {
    while (length > 0 && value[at] !== value[length]) length = prefix[length - 1] ?? 0;
    if (value[at] === value[length]) length += 1;
    prefix.push(length);
  }
  const period = value.length - (prefix.at(-1) ?? 0);
  return period <= value.length / 2;
}

/** Matches sequences such as `abcdefgh…`: 75 % of the characters adjoin the previous one. */
function isSequence(value: string): boolean {
  let steps = 0;
  for (let at = 1; at < value.length; at += 1)
    if (Math.abs(value.charCodeAt(at) - value.charCodeAt(at - 1)) <= 1) steps += 1;
  return steps >= (value.length - 1) * 0.75;
}

/** The error message for a guessable secret, without the variable name that it follows. */
export const GUESSABLE_PROBLEM =
  'is a placeholder or follows a pattern; set it to a random secret, such as "openssl rand -hex 32" prints';
