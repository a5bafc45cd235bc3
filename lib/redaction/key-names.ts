import { GlobSet } from './path-rules';

/*
 * The names of secrets. A name is split into words (snake_case, kebab-case, camelCase, dots, digits) and judged by whole
 * words, so `tokenize_count` is not secret; what people write as one word (`accesstoken`) is matched by its end.
 */

/** Secret at any place in a name. */
export const WORDS = new Set(
  `password passwords passwd pwd pswd psw passphrase passphrases passcode passcodes secret secrets token tokens authorization bearer cookie cookies
  credential credentials creds jwt otp totp hotp cvv cvv2 cvc cvc2 cvn csc iban ssn signature signatures hmac csrf xsrf salt mnemonic passport mynumber
  apikey apikeys privatekey sessionid sid authkey privkey psk passkey passkeys ccv cardno cardnum pinblock magstripe puk sgid onetimecode пароль пароли connectionstring kennwort contrasena contraseña senha motdepasse card cards creditcard pan sig dsn`.split(
    /\s+/,
  ),
);
/** Secret as the last word: `db_pass`, `basic_auth`, `card_pin`; `pass_rate` and `auth_type` are not. */
export const LAST = new Set([
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
/** Secret as two words in a row. */
export const PAIRS = new Set([
  ...'private signing signature encryption encrypt decryption secret access api app auth master ssh session service consumer client shared storage deploy webhook hmac wallet cipher certificate wifi pass pgp gpg rsa license host server root oauth cert tls ssl merchant vapid stripe sendgrid mailgun twilio google maps aws azure gcp github gitlab slack firebase openai anthropic datadog sentry algolia pusher paypal adyen plaid shopify cloudflare postmark mapbox enc kms priv account'
    .split(' ')
    .flatMap((word) => [`${word} key`, `${word} keys`]),
  ...'security verification otp pin recovery backup access auth authorization reset activation device mfa 2fa login sms confirmation factor unlock cvv cvc ccv'
    .split(' ')
    .flatMap((word) => [`${word} code`, `${word} codes`]),
  ...'account routing passport license licence security insurance tax pension residence'
    .split(' ')
    .flatMap((word) => [`${word} number`, `${word} no`, `${word} num`]),
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
/** Secret inside one word, in lower case. */
export const STEMS =
  /passw|passphrase|passcode|apikey|secretkey|privatekey|accesskey|credential|authori[sz]ation|cardnumber|creditcard|accountnumber/;
/** Secret at the end of one word. */
export const ENDINGS =
  /(?:tokens?|secrets?|pwd|cookies?|sessionid|sessid|signature|(?:db|users?|usr|smtp|s?ftp|mysql|pg|redis|admin|root|login|ldap|e?mail|proxy|ssh|wifi)(?:pass|pw))$/;
/** Names in Japanese have no word boundaries. */
export const JAPANESE =
  /パスワード|パスフレーズ|暗証|秘密|トークン|認証(?:情報|コード|キー|番号)|ワンタイム|マイナンバー|個人番号|カード番号|カード情報|クレジットカード|口座番号|口座情報|署名鍵|暗号鍵|アクセスキー|APIキー|セキュリティー?コード|旅券番号|セッションID|シークレット|クッキー|合い言葉|ピンコード|パスコード|確認コード|検証コード|クレカ番号|カードNo|銀行口座|年金番号|社会保障番号|保険証番号|被保険者番号|住民票コード|免許証番号|合言葉|密[码碼]|비밀번호/;
/** Secret as a whole name; inside another they mean other things. */
export const JAPANESE_WORDS = new Set(['セッション', '署名', '鍵', '認証', '口座']);
/** The last word of a name that describes a secret: its number, its kind, its end. */
export const ABOUT = new Set(
  'count counts size length type kind at ttl enabled disabled required expired expires expiry expiration version valid policy strength attempts error errors exception brand last4 limit country algorithm consent accepted title layout job jobs worker workers mailer controller'.split(
    ' ',
  ),
);

/** Words that together are not secret: tokens of language models and of blockchains, pagination cursors, consent. */
export const PLAIN = new RegExp(
  ` (?:${[
    '(?:max|min|total|prompt|completion|input|output|num|n|used|cached|reasoning) tokens(?: details)?',
    'tokens (?:used|per \\p{L}+)',
    'token (?:symbol|address)',
    // Pagination cursors: `next_token`, `NextContinuationToken`, `page_token`.
    '(?:next|previous|prev|page|paging|pagination|continuation|continue|cursor|scroll|resume)(?: (?:page|paging|sync|cursor|continuation))? tokens?',
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

/** PAIRS written as one word; `time code` is also one of a film. */
export const SQUASHED = new Set(
  [...PAIRS].filter((pair) => pair !== 'time code').map((pair) => pair.replace(' ', '')),
);

/** A secret name contains one of these: the cheap test that most words of a text fail. */
export const MAYBE_SECRET = new RegExp(
  [
    ...new Set([
      ...WORDS,
      ...LAST,
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

/** Decides which names hold secrets, by the tables of `key-names.ts` and the configuration. */

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/** The words of a name, in lower case. */
export function wordsOf(name: string): string[] {
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
  WORDS.has(word) || STEMS.test(word) || ENDINGS.test(word);
const isPair = (words: readonly string[], n: number): boolean =>
  PAIRS.has(`${words[n] ?? ''} ${words[n + 1] ?? ''}`);
const isNumber = (word: string): boolean => /^\d*$/.test(word);

/** The default rule: whether the value of this name is hidden. */
export function looksSecret(name: string): boolean {
  const plain = isAscii(name) ? name : name.normalize('NFKC');
  if (!isAscii(plain) && (JAPANESE.test(plain) || JAPANESE_WORDS.has(plain))) return true;
  const lower = plain.toLowerCase();
  if (!MAYBE_SECRET.test(lower)) return false;
  const words = wordsOf(plain).filter((word) => !isNumber(word));
  const isSquashed = isSecretWhenSquashed(lower);
  // Most names contain such a syllable by chance.
  if (
    !isSquashed &&
    !words.some((word, n) => isSecretWord(word) || LAST.has(word) || isPair(words, n))
  )
    return false;
  const given = ` ${words.join(' ')} `;
  const remaining = given.replaceAll(PLAIN, ' ');
  return areSecretWords(remaining.split(' ').filter(Boolean), isSquashed && remaining === given);
}

function areSecretWords(words: readonly string[], isSquashed: boolean): boolean {
  const last = words.at(-1) ?? '';
  const isCard = words.some((word) => word === 'card' || word === 'cards');
  if (words.length > 1 && ABOUT.has(last) && !(isCard ? /^exp/.test(last) : last === 'last4'))
    return false;
  // An id of one's own record: `card_id`; a `token_id` may be the token.
  if (
    words.length > 1 &&
    (last === 'id' || last === 'ids') &&
    ['card', 'cards'].includes(words.at(-2) ?? '')
  )
    return false;
  return (
    isSquashed || LAST.has(last) || words.some((word, n) => isSecretWord(word) || isPair(words, n))
  );
}

/** Of a name whose capitals say nothing, as in `APIkey` or `cLIENTsECRET`. */
function isSecretWhenSquashed(lower: string): boolean {
  return lower
    .split(isAscii(lower) ? /[^a-z0-9]+/ : /[^\p{L}\p{N}]+/u)
    .some(
      (word) =>
        word.length > 2 &&
        (SQUASHED.has(word) ||
          (word.length > 4 && WORDS.has(word)) ||
          STEMS.test(word) ||
          ENDINGS.test(word)),
    );
}

/** A name or pattern as it is compared: `apiKey*` is `api_key*`. */
export const plainName = (name: string) => wordsOf(name).join('_');
const plainPattern = (pattern: string) => pattern.split('*').map(plainName).join('*');

/**
 * Names that a cache remembers: fewer than 64 kB of different names have, so that twice as many names take twice the
 * time, and not all the time that the cache saved besides. And the longest of them.
 */
const CACHE_SIZE = 256;
const MAX_NAME_LENGTH = 128;
/** Characters of a text that does not use the cache. */
const LARGE_TEXT = 16_384;
/** Engines copy a shorter part of a text; a longer one refers to the text, of possibly megabytes. */
const SHORTEST_REFERENCE = 13;

const detached = (name: string): string =>
  name.length < SHORTEST_REFERENCE ? name : Buffer.from(name).toString();

/** Judges a name. */
export interface NameJudge {
  isSecret(name: string): boolean;
}

/** Judges names by the default list, by what is to be hidden besides and by what is to be shown nevertheless. */
export class Keys implements NameJudge {
  private readonly more: GlobSet;
  private readonly except: GlobSet;
  private readonly hasDigits: boolean;
  private readonly cache = new Map<string, boolean>();

  constructor({ keys, except }: { keys: readonly string[]; except: readonly string[] }) {
    this.more = patternsOf(keys);
    this.except = patternsOf(except);
    this.hasDigits = [...keys, ...except].some((key) => /\d/.test(key));
  }

  isSecret(name: string): boolean {
    const short = this.shortName(name);
    if (short === null) return false;
    const cached = this.cache.get(short);
    if (cached !== undefined) return cached;
    if (this.cache.size >= CACHE_SIZE) this.cache.clear();
    const isSecret = this.judge(short);
    this.cache.set(detached(short), isSecret);
    return isSecret;
  }

  /**
   * For the rules that read one text, several times each: judges each name of it once, however many there are. A large
   * text has more names than the cache, which it would only replace.
   */
  ofText(length: number): NameJudge {
    const cache = new Map<string, boolean>();
    return {
      isSecret: (name) => {
        const short = this.shortName(name);
        if (short === null) return false;
        let isSecret = cache.get(short);
        if (isSecret === undefined) {
          isSecret = length > LARGE_TEXT ? this.judge(short) : this.isSecret(short);
          cache.set(short, isSecret);
        }
        return isSecret;
      },
    };
  }

  /** What a name is judged by; null: it is not secret. */
  private shortName(name: string): string | null {
    // Longer than a name that a person gives: it is judged by its end, where the meaning is.
    const short = name.length > MAX_NAME_LENGTH ? name.slice(-MAX_NAME_LENGTH) : name;
    if (this.more.isEmpty && isAscii(short) && !MAYBE_SECRET.test(short.toLowerCase())) return null;
    // Numbers mean nothing, but for `cvv2`, `2fa` and `last4`: `token10` is judged as `token99`.
    return this.hasDigits ? short : short.replaceAll(/\d{2,}/g, '00');
  }

  private judge(name: string): boolean {
    if (this.more.isEmpty && this.except.isEmpty) return looksSecret(name);
    const lower = name.toLowerCase();
    const plain = plainName(name);
    const isOf = (patterns: GlobSet) =>
      (lower !== '' && patterns.has(lower)) ||
      (plain !== '' && plain !== lower && patterns.has(plain));
    return !isOf(this.except) && (isOf(this.more) || looksSecret(name));
  }
}

const patternsOf = (keys: readonly string[]): GlobSet =>
  new GlobSet(keys.flatMap((key) => [key.toLowerCase(), plainPattern(key)]));
