/*
 * A secret that was copied from a manual, or typed without thought, is one that anybody can guess. Every rule here is
 * one pass over a bounded text.
 */

/** A generated secret has no word of this list in it; a text that has one was never replaced. */
const TEMPLATES = [
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
/** The longest first. Words that may be part of a long pass phrase, and are no secret when hardly anything else is there. */
const WORDS = [
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
 * What manuals and templates say in place of a secret, and of it: its length, what it is for, what to do with it. A secret
 * of a provider may have such a part; one that this installation made has no reason to. Six letters and more, so that
 * chance makes none of them.
 */
const STEMS = [
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
/** Words too short to be looked for inside of others. */
const SHORT =
  /(^|\P{L})(set|fill|fix|edit|paste|put|enter)\P{L}{0,3}(me|it|this|in|here|a|an|the|your|to)(\P{L}|$)/u;
/** A length: `32 chars`, `64-random-hex-digits`, `at 256 bits`. */
const LENGTH =
  /\d\d(ormore|orlonger|random|ascii|hex|hexadecimal|alphanumeric|printable)*(chars|character|bytes|bits|digit|letter|symbol)/;

/** What a shell, a template or a manual would have replaced. */
const UNREPLACED = /^<.*>$|^\[.*\]$|\$\{|\$\(|\{\{|%\w+%|^\$[A-Z_]+$/;

/** Letters and digits left when the words are taken away; fewer are too few to guard anything. */
const REST_AT_LEAST = 6;

/** Whether a text is a placeholder rather than a secret, whoever made it: also for secrets that a provider issues. */
export function isPlaceholder(value: string): boolean {
  const text = value.normalize('NFKC').trim();
  if (UNREPLACED.test(text)) return true;
  const plain = plainOf(text.toLowerCase());
  if (TEMPLATES.some((word) => plain.includes(word))) return true;
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  if (words.length > 0 && isOnlyWords(plain)) return true;
  return text.length >= 8 && new Set(text).size <= 2;
}

/** Without what separates words. */
const plainOf = (text: string) => text.replaceAll(/[^\p{L}\p{N}]/gu, '');

/** Only the words of the list, however often, with a few digits: `secret`, `Password123`, `my-secret-secret`. */
function isOnlyWords(plain: string): boolean {
  let rest = plain;
  for (const word of WORDS) rest = rest.replaceAll(word, '');
  return rest.length < Math.min(REST_AT_LEAST, plain.length / 2);
}

/** The same for a secret that this installation makes for itself, which has no reason to follow any pattern. */
export function isGuessableSecret(value: string): boolean {
  return (
    isPlaceholder(value) ||
    isOfManual(value) ||
    hasFewCharacters(value) ||
    isRepeated(value) ||
    isSequence(value)
  );
}

function isOfManual(value: string): boolean {
  const text = value.normalize('NFKC').toLowerCase();
  const plain = plainOf(text);
  return STEMS.some((stem) => plain.includes(stem)) || SHORT.test(text) || LENGTH.test(plain);
}

/** Of 32 random hexadecimal digits fewer than 8 are distinct once in 20 million times. */
function hasFewCharacters(value: string): boolean {
  return new Set(value).size < (value.length < 32 ? 5 : 8);
}

/** `abcabcabc…`: the text is one part of it, again and again. */
function isRepeated(value: string): boolean {
  // The prefix function of Knuth, Morris and Pratt: its last value says how far the text repeats itself.
  const prefix = [0];
  for (let at = 1, length = 0; at < value.length; at += 1) {
    while (length > 0 && value[at] !== value[length]) length = prefix[length - 1] ?? 0;
    if (value[at] === value[length]) length += 1;
    prefix.push(length);
  }
  const period = value.length - (prefix.at(-1) ?? 0);
  return period <= value.length / 2;
}

/** `abcdefgh…`, `87654321…`: three of four characters are the neighbours of those before them. */
function isSequence(value: string): boolean {
  let steps = 0;
  for (let at = 1; at < value.length; at += 1)
    if (Math.abs(value.charCodeAt(at) - value.charCodeAt(at - 1)) <= 1) steps += 1;
  return steps >= (value.length - 1) * 0.75;
}

/** What the sentence that ends the start says of such a variable. */
export const GUESSABLE =
  'is a placeholder or follows a pattern; set it to a random secret, such as "openssl rand -hex 32" prints';
