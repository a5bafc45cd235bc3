import { GlobSet } from '../config/redaction-rules';
import { multilineRegExp, wordList } from '../core/text';

/*
 * The names of secrets. A name is split into words (snake_case, kebab-case, camelCase, dots,
 * digits) and matched by whole words, so `tokenize_count` is not secret; compounds written as one
 * word (`accesstoken`) are matched by their ending.
 */

/** Words that make a name secret at any position. */
export const SECRET_WORDS = new Set(
  wordList(`
    password passwords passwd pwd pswd psw passphrase passphrases passcode passcodes secret
    secrets token tokens authorization bearer cookie cookies credential credentials creds jwt otp
    totp hotp cvv cvv2 cvc cvc2 cvn csc iban ssn signature signatures hmac csrf xsrf salt mnemonic
    passport mynumber apikey apikeys privatekey sessionid sid authkey privkey psk passkey passkeys
    ccv cardno cardnum pinblock magstripe puk sgid onetimecode пароль пароли connectionstring
    kennwort contrasena contraseña senha motdepasse card cards creditcard pan sig dsn
  `),
);
/**
 * Words that make a name secret at its end: `db_pass`, `basic_auth`, `card_pin`, but not
 * `pass_rate` or `auth_type`.
 */
export const LAST_SECRET_WORDS = new Set([
  'pass',
  'pw',
  'auth',
  'pin',
  'pins',
  'session',
  'cipher',
  'keypair',
  'pem',
  'oauth',
]);
/** Words before `key`: `private_key`. */
const KEY_KINDS = wordList(`
  private signing signature encryption encrypt decryption secret access api app auth master ssh
  session service consumer client shared storage deploy webhook hmac wallet cipher certificate
  wifi pass pgp gpg rsa license host server root oauth cert tls ssl merchant vapid stripe sendgrid
  mailgun twilio google maps aws azure gcp github gitlab slack firebase openai anthropic datadog
  sentry algolia pusher paypal adyen plaid shopify cloudflare postmark mapbox enc kms priv account
`);
/** Words before `code`: `security_code`. */
const CODE_KINDS = wordList(`
  security verification otp pin recovery backup access auth authorization reset activation device
  mfa 2fa login sms confirmation factor unlock cvv cvc ccv
`);
/** Words before `number`: `account_number`. */
const NUMBER_KINDS = wordList(`
  account routing passport license licence security insurance tax pension residence
`);
/** Two adjacent words that make a name secret. */
const PAIRS = new Set([
  ...KEY_KINDS.flatMap((word) => [`${word} key`, `${word} keys`]),
  ...CODE_KINDS.flatMap((word) => [`${word} code`, `${word} codes`]),
  ...NUMBER_KINDS.flatMap((word) => [`${word} number`, `${word} no`, `${word} num`]),
  'session id',
  'session ids',
  'session data',
  'auth header',
  'auth data',
  'auth string',
  'auth info',
  'auth value',
  'bank account',
  'cc number',
  'cc num',
  'my number',
  'individual number',
  'national id',
  'social security',
  'sort code',
  'code verifier',
  'seed phrase',
  'recovery phrase',
  'magic link',
  'reset link',
  'reset url',
  'login link',
  'signed url',
  'presigned url',
  'connection string',
  'pin number',
  'pin hash',
  'pin block',
  'pass hash',
  'pass digest',
  'card num',
  'track data',
  'signed id',
  'signed gid',
  'signed global',
  'sas url',
  'http basic',
  'saml response',
  'saml assertion',
  'client assertion',
  'time code',
  'api credentials',
  'tax id',
  'webhook url',
  'pass word',
  'pass words',
  'pass phrase',
  'pass code',
  'security answer',
  'oauth verifier',
  'encrypted value',
  'resident registration',
  'de passe',
  'key pair',
]);
/** Parts of a lower-case word that make a name secret. */
const STEMS = multilineRegExp('')`
  passw|passphrase|passcode|apikey|secretkey|privatekey|accesskey|credential|authori[sz]ation
  |cardnumber|creditcard|accountnumber`;
/** Endings of a lower-case word that make a name secret. */
const ENDINGS = multilineRegExp('')`
  (?:
    tokens?|secrets?|pwd|cookies?|sessionid|sessid|signature
    |(?:
      db|users?|usr|smtp|s?ftp|mysql|pg|redis|admin|root|login|ldap|e?mail|proxy|ssh|wifi
    )(?:pass|pw)
  )$`;
/** Japanese, Chinese and Korean names, which have no word boundaries. */
export const EAST_ASIAN_NAMES = multilineRegExp('')`
  パスワード|パスフレーズ|暗証|秘密|トークン|認証(?:情報|コード|キー|番号)|ワンタイム|マイナンバー
  |個人番号|カード番号|カード情報|クレジットカード|口座番号|口座情報|署名鍵|暗号鍵|アクセスキー
  |APIキー|セキュリティー?コード|旅券番号|セッションID|シークレット|クッキー|合い言葉|ピンコード
  |パスコード|確認コード|検証コード|クレカ番号|カードNo|銀行口座|年金番号|社会保障番号|保険証番号
  |被保険者番号|住民票コード|免許証番号|合言葉|密[码碼]|비밀번호`;
/** Secret only as a whole name, because inside another name they mean other things. */
const JAPANESE_WORDS = new Set(['セッション', '署名', '鍵', '認証', '口座']);
/** Last words of names that describe a secret without containing it: its count, kind or expiry. */
const METADATA_WORDS = new Set(
  wordList(`
    count counts size length type kind at ttl enabled disabled required expired expires expiry
    expiration version valid policy strength attempts error errors exception brand last4 limit
    country algorithm consent accepted title layout job jobs worker workers mailer controller
  `),
);

/**
 * Phrases that are not secret: tokens of language models and blockchains, pagination cursors,
 * consent.
 */
const HARMLESS_PHRASES = new RegExp(
  ` (?:${[
    '(?:max|min|total|prompt|completion|input|output|num|n|used|cached|reasoning) tokens(?: details)?',
    'tokens (?:used|per \\p{L}+)',
    'token (?:symbol|address)',
    // Pagination cursors: `next_token`, `NextContinuationToken`, `page_token`.
    '(?:next|previous|prev|page|paging|pagination|continuation|continue|cursor|scroll|resume)' +
      '(?: (?:page|paging|sync|cursor|continuation))? tokens?',
    '(?:next|nextpage|prevpage|page|continuation)tokens?',
    'cookies? (?:consent|accepted)',
    'signature request',
    'authori[sz]ation (?:ids?|status|amount)',
    'training sessions?',
    'map pins?',
    'salt ?water',
    'secret santas?',
    'card (?:title|layout)',
  ].join('|')})(?= )`,
  'gu',
);

/** PAIRS written as one word, except `timecode`, which is also a film term. */
const COMPOUNDS = new Set(
  [...PAIRS].filter((pair) => pair !== 'time code').map((pair) => pair.replace(' ', '')),
);

/** Matches every secret name: a cheap first test that rejects most words of a text. */
const MAYBE_SECRET = new RegExp(
  [
    ...new Set([
      ...SECRET_WORDS,
      ...LAST_SECRET_WORDS,
      ...[...PAIRS].map((pair) => {
        const [first = '', second = ''] = pair.split(' ');
        return second.length > 3 || second.length >= first.length ? second : first;
      }),
      'pass',
      'auth',
      'cred',
    ]),
  ]
    .filter((word, _, all) => !all.some((other) => other !== word && word.includes(other)))
    .join('|'),
);

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/** The lower-case words of a name, with each number as a separate word. */
export function splitWords(name: string): string[] {
  if (/^[a-z]+$/.test(name)) return [name];
  const isLowerAscii = /^[a-z0-9_.-]*$/.test(name);
  const separated = isLowerAscii
    ? name
    : name
        .normalize('NFKC')
        .replaceAll(/(\p{Ll}|\d)(\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1$3 $2')
        .toLowerCase();
  return separated
    .split(isLowerAscii ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
    .flatMap((word) =>
      !/\d/.test(word) || /^(?:cv[vc]2|2fa|last4)$/.test(word)
        ? [word]
        : (word.match(/\p{N}+|[^\p{N}]+/gu) ?? []),
    );
}

const isSecretWord = (word: string): boolean =>
  SECRET_WORDS.has(word) || STEMS.test(word) || ENDINGS.test(word);
const isPair = (words: readonly string[], n: number): boolean =>
  PAIRS.has(`${words[n] ?? ''} ${words[n + 1] ?? ''}`);
const isNumber = (word: string): boolean => /^\d*$/.test(word);

/** Whether the default list hides the value of this name. */
export function isDefaultSecretName(name: string): boolean {
  const plain = isAscii(name) ? name : name.normalize('NFKC');
  if (!isAscii(plain) && (EAST_ASIAN_NAMES.test(plain) || JAPANESE_WORDS.has(plain))) return true;
  const lower = plain.toLowerCase();
  if (!MAYBE_SECRET.test(lower)) return false;
  const words = splitWords(plain).filter((word) => !isNumber(word));
  const isCompound = isSecretCompound(lower);
  // Most names that pass MAYBE_SECRET contain the letters by chance.
  if (
    !isCompound &&
    !words.some((word, n) => isSecretWord(word) || LAST_SECRET_WORDS.has(word) || isPair(words, n))
  )
    return false;
  const phrase = ` ${words.join(' ')} `;
  const remaining = phrase.replaceAll(HARMLESS_PHRASES, ' ');
  return areSecretWords(remaining.split(' ').filter(Boolean), isCompound && remaining === phrase);
}

function areSecretWords(words: readonly string[], isCompound: boolean): boolean {
  const last = words.at(-1) ?? '';
  const isCard = words.some((word) => word === 'card' || word === 'cards');
  if (
    words.length > 1 &&
    METADATA_WORDS.has(last) &&
    !(isCard ? /^exp/.test(last) : last === 'last4')
  )
    return false;
  // `card_id` is a record's id, but `token_id` may be the token itself.
  if (
    words.length > 1 &&
    (last === 'id' || last === 'ids') &&
    ['card', 'cards'].includes(words.at(-2) ?? '')
  )
    return false;
  return (
    isCompound ||
    LAST_SECRET_WORDS.has(last) ||
    words.some((word, n) => isSecretWord(word) || isPair(words, n))
  );
}

/** Matches names whose capitals are not word boundaries, such as `APIkey` or `cLIENTsECRET`. */
function isSecretCompound(lower: string): boolean {
  return lower
    .split(isAscii(lower) ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
    .some(
      (word) =>
        word.length > 2 &&
        (COMPOUNDS.has(word) ||
          (word.length > 4 && SECRET_WORDS.has(word)) ||
          STEMS.test(word) ||
          ENDINGS.test(word)),
    );
}

/** The name in snake_case: `apiKey` becomes `api_key`. */
export const normalizeName = (name: string) => splitWords(name).join('_');
const normalizePattern = (pattern: string) => pattern.split('*').map(normalizeName).join('*');

/**
 * Names in the cache. A text of 64 kB has more, so its time grows linearly instead of jumping when
 * the cache is full.
 */
const CACHE_SIZE = 256;
/** Only the end of a longer name is matched, where its meaning is. */
const MAX_NAME_LENGTH = 128;
/** Texts of more characters bypass the cache, because their names would only evict each other. */
const LARGE_TEXT = 16_384;
/** Recent names of one text; a power of two. Texts repeat few names. */
const RECENT_NAMES = 64;
/** V8 keeps the whole text alive for a substring of at least this length. */
const MIN_SLICED_LENGTH = 13;

const detached = (name: string): string =>
  name.length < MIN_SLICED_LENGTH ? name : Buffer.from(name).toString();

/** Decides which names are names of secrets. */
export interface NameMatcher {
  isSecret(name: string): boolean;
}

/**
 * Matches names against the default list, the configured patterns and the configured exceptions.
 */
export class SecretNameMatcher implements NameMatcher {
  private readonly configured: GlobSet;
  private readonly exceptions: GlobSet;
  private readonly hasDigits: boolean;
  private readonly cache = new Map<string, boolean>();

  constructor({ keys, except }: { keys: readonly string[]; except: readonly string[] }) {
    this.configured = buildGlobs(keys);
    this.exceptions = buildGlobs(except);
    this.hasDigits = [...keys, ...except].some((key) => /\d/.test(key));
  }

  isSecret(name: string): boolean {
    const short = this.shorten(name);
    if (short === null) return false;
    const cached = this.cache.get(short);
    if (cached !== undefined) return cached;
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    const isSecret = this.matches(short);
    this.cache.set(detached(short), isSecret);
    return isSecret;
  }

  /**
   * A matcher with its own cache for one text of `length` characters, because several rules match
   * the same names.
   */
  forText(length: number): NameMatcher {
    const cache = new Map<string, boolean>();
    const find = (name: string): boolean => {
      const short = this.shorten(name);
      if (short === null) return false;
      let isSecret = cache.get(short);
      if (isSecret === undefined) {
        isSecret = length > LARGE_TEXT ? this.matches(short) : this.isSecret(short);
        cache.set(short, isSecret);
      }
      return isSecret;
    };
    const recent = new Array<{ name: string; isSecret: boolean } | undefined>(RECENT_NAMES);
    return {
      isSecret: (name) => {
        const slot =
          (name.charCodeAt(0) * 7 + name.charCodeAt(name.length - 1) * 31 + name.length) &
          (RECENT_NAMES - 1);
        const last = recent[slot];
        if (last?.name === name) return last.isSecret;
        const isSecret = find(name);
        recent[slot] = { name, isSecret };
        return isSecret;
      },
    };
  }

  /** The cache key of a name, which matches like the name; null: the name is not secret. */
  private shorten(name: string): string | null {
    const short = name.length > MAX_NAME_LENGTH ? name.slice(-MAX_NAME_LENGTH) : name;
    if (this.configured.isEmpty && isAscii(short) && !MAYBE_SECRET.test(short.toLowerCase()))
      return null;
    // Numbers of several digits do not matter: `token10` matches like `token99`.
    return this.hasDigits ? short : short.replaceAll(/\d{2,}/g, '00');
  }

  private matches(name: string): boolean {
    if (this.configured.isEmpty && this.exceptions.isEmpty) return isDefaultSecretName(name);
    const lower = name.toLowerCase();
    const normalized = normalizeName(name);
    const isIn = (patterns: GlobSet) =>
      (lower !== '' && patterns.has(lower)) ||
      (normalized !== '' && normalized !== lower && patterns.has(normalized));
    return !isIn(this.exceptions) && (isIn(this.configured) || isDefaultSecretName(name));
  }
}

const buildGlobs = (keys: readonly string[]): GlobSet =>
  new GlobSet(keys.flatMap((key) => [key.toLowerCase(), normalizePattern(key)]));
