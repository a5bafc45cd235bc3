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
