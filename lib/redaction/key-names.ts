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
