import { matchesGlob } from './glob';

/*
 * Which names hold secrets. A name is split into words (snake_case, kebab-case, camelCase, dots, digits) and judged by
 * whole words, so `tokenize_count` is none; what people write in one (`accesstoken`) is known by its end.
 */

/** Secret wherever the word stands. */
const WORDS = new Set(
  `password passwords passwd pwd pswd psw passphrase passphrases passcode passcodes secret secrets token tokens authorization bearer cookie cookies
  credential credentials creds jwt otp totp hotp cvv cvv2 cvc cvc2 cvn csc iban ssn signature signatures hmac csrf xsrf salt mnemonic passport mynumber
  apikey apikeys privatekey sessionid sid authkey privkey psk passkey passkeys ccv cardno cardnum pinblock magstripe puk sgid onetimecode пароль пароли connectionstring kennwort contrasena contraseña senha motdepasse card cards creditcard pan sig dsn`.split(
    /\s+/,
  ),
);
/** Secret as the last word: `db_pass`, `basic_auth`, `card_pin`; `pass_rate` and `auth_type` are none. */
const LAST = new Set([
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
/** Two words in a row. */
const PAIRS = new Set([
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
/** In one word, lower-case, wherever it stands in it. */
const STEMS =
  /passw|passphrase|passcode|apikey|secretkey|privatekey|accesskey|credential|authori[sz]ation|cardnumber|creditcard|accountnumber/;
/** In one word, at its end. */
const ENDINGS =
  /(?:tokens?|secrets?|pwd|cookies?|sessionid|sessid|signature|(?:db|users?|usr|smtp|s?ftp|mysql|pg|redis|admin|root|login|ldap|e?mail|proxy|ssh|wifi)(?:pass|pw))$/;
/** Names in Japanese have no word boundaries. */
export const JAPANESE =
  /パスワード|パスフレーズ|暗証|秘密|トークン|認証(?:情報|コード|キー|番号)|ワンタイム|マイナンバー|個人番号|カード番号|カード情報|クレジットカード|口座番号|口座情報|署名鍵|暗号鍵|アクセスキー|APIキー|セキュリティー?コード|旅券番号|セッションID|シークレット|クッキー|合い言葉|ピンコード|パスコード|確認コード|検証コード|クレカ番号|カードNo|銀行口座|年金番号|社会保障番号|保険証番号|被保険者番号|住民票コード|免許証番号|合言葉|密[码碼]|비밀번호/;
/** No more than a part of a word elsewhere. */
const JAPANESE_WORDS = new Set(['セッション', '署名', '鍵', '認証', '口座']);
/** What is said of a secret and is none: its number, its kind, when it ends. */
const ABOUT = new Set(
  'count counts size length type kind at ttl enabled disabled required expired expires expiry expiration version valid policy strength attempts error errors exception brand last4 limit country algorithm consent accepted title layout'.split(
    ' ',
  ),
);

/** Words that together are no secret: tokens of language models and of chains, a page's place, what somebody agreed to. */
const PLAIN = new RegExp(
  ` (?:${[
    '(?:max|min|total|prompt|completion|input|output|num|n|used|cached|reasoning) tokens(?: details)?',
    'tokens (?:used|per \\p{L}+)',
    'token (?:symbol|address)',
    '(?:next|previous|prev)? ?page token',
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

/** The words of a name, lower-case. */
export function wordsOf(name: string): string[] {
  return name
    .normalize('NFKC')
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})|(\p{Lu})(?=\p{Lu}\p{Ll})/gu, '$1$3 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap((word) =>
      /^(?:cv[vc]2|2fa|last4)$/.test(word) ? [word] : (word.match(/\p{N}+|[^\p{N}]+/gu) ?? []),
    );
}

/** The default rule: whether what stands under this name is hidden. */
export function looksSecret(name: string): boolean {
  const plain = name.normalize('NFKC');
  if (JAPANESE.test(plain) || JAPANESE_WORDS.has(plain)) return true;
  const given = ` ${wordsOf(name)
    .filter((word) => !/^\d+$/.test(word))
    .join(' ')} `;
  const told = given.replaceAll(PLAIN, ' ');
  const words = told.split(' ').filter(Boolean);
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
  if (LAST.has(last)) return true;
  if (
    told === given &&
    squashed(name).some(
      (word) =>
        word.length > 2 &&
        (SQUASHED.has(word) ||
          (word.length > 4 && WORDS.has(word)) ||
          STEMS.test(word) ||
          ENDINGS.test(word)),
    )
  )
    return true;
  return words.some(
    (word, n) =>
      WORDS.has(word) ||
      STEMS.test(word) ||
      ENDINGS.test(word) ||
      PAIRS.has(`${word} ${words[n + 1] ?? ''}`),
  );
}

/** What is left of a name whose capitals say nothing, as in `APIkey` or `cLIENTsECRET`. */
const squashed = (name: string) =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
/** `time code` is one of a film, too. */
const SQUASHED = new Set(
  [...PAIRS].filter((pair) => pair !== 'time code').map((pair) => pair.replace(' ', '')),
);

/** A name or pattern as it is compared: `apiKey*` is `api_key*`. */
export const plainName = (name: string) => wordsOf(name).join('_');
const plainPattern = (pattern: string) => pattern.split('*').map(plainName).join('*');

/** Judges names by the default list, what is to be hidden besides and what is to be shown after all. */
export class Keys {
  private readonly more: string[];
  private readonly except: string[];
  private readonly known = new Map<string, boolean>();

  constructor({ keys, except }: { keys: readonly string[]; except: readonly string[] }) {
    this.more = keys.flatMap((key) => [key.toLowerCase(), plainPattern(key)]);
    this.except = except.flatMap((key) => [key.toLowerCase(), plainPattern(key)]);
  }

  isSecret(name: string): boolean {
    // Longer than any name that a person gives; what is longer is judged by its end, where the meaning is.
    const short = name.length > 128 ? name.slice(-128) : name;
    const known = this.known.get(short);
    if (known !== undefined) return known;
    if (this.known.size > 5_000) this.known.clear();
    const secret = this.judge(short);
    this.known.set(short, secret);
    return secret;
  }

  private judge(name: string): boolean {
    const forms = [name.toLowerCase(), plainName(name)];
    const isOf = (patterns: string[]) =>
      patterns.some((pattern) => forms.some((form) => form !== '' && matchesGlob(pattern, form)));
    return !isOf(this.except) && (isOf(this.more) || looksSecret(name));
  }
}
