import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedactionConfigError, readRedaction } from '../config/redaction-rules';
import { compactJson, parseJson } from '../core/json';
import { isDefaultSecretName } from './key-names';
import { REDACTION_MARKER, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const json = (
  value: unknown,
  kind: 'arguments' | 'payload' | 'other' = 'arguments',
  redaction = rules,
  jobClass: string | null = null,
) =>
  compactJson(
    redaction.redactJson(parseJson(typeof value === 'string' ? value : JSON.stringify(value)), {
      kind,
      jobClass,
    }),
  );

describe('isDefaultSecretName', () => {
  it.each([
    'password',
    'Password',
    'user_password',
    'userPassword',
    'PASSWORD_1',
    'encryptedPassword',
    'password-confirmation',
    'passwordDigest',
    'db.passwd',
    'pwd',
    'dbPass',
    'passphrase',
    'secret',
    'clientSecret',
    'SECRET_KEY_BASE',
    'token',
    'accessToken',
    'access-token',
    'refresh_token',
    'accesstoken',
    'XAuthToken',
    'authenticity_token',
    'apikey',
    'api_key',
    'apiKey',
    'API-Key',
    'X-Api-Key',
    'authorization',
    'Proxy-Authorization',
    'auth',
    'auth_header',
    'bearer',
    'cookie',
    'Set-Cookie',
    'session',
    'session_id',
    'sessionId',
    'credentials',
    'aws_credentials',
    'private_key',
    'privateKeyPem',
    'signing_key',
    'signature',
    'X-Hub-Signature-256',
    'otp',
    'otp_code',
    'pin',
    'card_pin',
    'cvv',
    'CVC2',
    'card',
    'card_number',
    'creditCardNumber',
    'cardno',
    'credit_card',
    'pan',
    'iban',
    'ssn',
    'account_number',
    'bankAccountNumber',
    'my_number',
    'myNumber',
    'パスワード',
    '新しいパスワード',
    'マイナンバー',
    'カード番号',
    '口座番号',
    'アクセストークン',
    '暗証番号',
    'aws_secret_access_key',
    'APIkey',
    'OTPcode',
    'CVVcode',
    'PINcode',
    'CARDnumber',
    'PASSword',
    'PassWD',
    'cLIENTsECRET',
    'ACCESSkey',
    'SSHkey',
    'authorisation',
    'dbpass',
    'userpass',
    'pincode',
    'enc_key',
    'kms_key',
    'priv_key',
    'privkey',
    'psk',
    'encrypted_value',
    'confirmation_code',
    'resident_registration_number',
    'пароль',
    'Пароль',
    '密码',
    '비밀번호',
    'mot_de_passe',
    'セキュリティーコード',
    'key_pair',
    'account_key',
    'AccountKey',
    'secret_santa_password',
    'passkey',
    'pass_key',
    'wallet_key',
    'certificate_key',
    'twoFactorCode',
    'CCV',
    'cardnum',
    'pin_block',
    'unlock_code',
    'rootpw',
    'signed_global_id',
    'attachable_sgid',
    'SAMLResponse',
    'client_assertion',
    'ピンコード',
    '確認コード',
    '基礎年金番号',
    'セッション',
    'user[password]',
    'one_time_code',
    'security-code',
    'passport_number',
    'jwt',
    'csrf',
    'ｐａｓｓｗｏｒｄ',
  ])('isDefaultSecretName is true for %s', (name) => expect(isDefaultSecretName(name)).toBe(true));
  it.each([
    'tokenize_count',
    'tokenizer',
    'token_count',
    'max_tokens',
    'card_id',
    'card_brand',
    'passenger',
    'pass_rate',
    'bypass',
    'compass',
    'secretary',
    'author',
    'authorized_by',
    'authors',
    'pinned',
    'spinner',
    'shipping',
    'panel',
    'company',
    'companion',
    'key',
    'keys',
    'cron_key',
    'concurrency_key',
    'invoice_id',
    'account_id',
    'number',
    'phone_number',
    'signed_at',
    'password_changed_at',
    'token_expires_at',
    'discard',
    'cardinal',
    'job_class',
    'scorecard',
    'description',
    'expand',
    'option',
    'priority',
    'cookie_consent',
    'cookies_accepted',
    'signature_request_id',
    'authorization_id',
    'authorization_status',
    'authorizationAmount',
    'training_session',
    'token_symbol',
    'token_address',
    'tokens_used',
    'output_tokens_details',
    'next_page_token',
    'nextPageToken',
    'maxTokens',
    'card_title',
    'card_layout',
    'map_pin',
    'passport_country',
    'hmac_algorithm',
    'tracking_data',
    '会議セッション',
    '署名日',
    'salt_water',
    'secret_santa',
    'timecode',
    'trespass',
    'monkey',
    'bypass',
    '担当者',
    '会社名',
    '請求番号',
    'label',
    'state',
    'code',
    'postal_code',
    'order_number',
    'error',
    'exception_executions',
    'lock_type',
    'locked_by_id',
    'session_at',
    '',
  ])('isDefaultSecretName is false for %s', (name) =>
    expect(isDefaultSecretName(name)).toBe(false),
  );
});

const SECRET = 'hunter2Zq9x';

describe('redactText', () => {
  it.each([
    `https://api.example.com/v1?a=1&token=${SECRET}&b=2`,
    `gid://app/User/1?api_key=${SECRET}`,
    `https://x/cb?user%5Bpassword%5D=${SECRET}&x=1`,
    `https://x/?next=https%3A%2F%2Fy%3Faccess_token%3D${SECRET}%26b%3D1`,
    `postgres://app:${SECRET}@db.internal:5432/app`,
    `https://${SECRET}@github.com/x.git`,
    `redis://:${SECRET}@cache:6379`,
    `postgres://app:a/${SECRET}#x@db/app`,
    `password=${SECRET}`,
    `PASSWORD = ${SECRET}`,
    `password: ${SECRET}`,
    `password: correct ${SECRET} staple`,
    `{"password": "${SECRET}"}`,
    `{"password":"a\\"${SECRET}"}`,
    `{:password=>"${SECRET}"}`,
    `{"user"=>{"token"=>"${SECRET}", "id"=>1}}`,
    `#<User id: 1, encrypted_password: "${SECRET}">`,
    `{password: '${SECRET}'}`,
    `"{\\"password\\":\\"${SECRET}\\"}"`,
    `{\\\\\\"token\\\\\\": \\\\\\"${SECRET}\\\\\\"}`,
    `credentials: {user: "a", key: "${SECRET}"} rest`,
    `"tokens"=>["a", "${SECRET}"]`,
    `Authorization: Bearer ${SECRET}`,
    `curl -H 'Authorization: Basic ${Buffer.from(`u:${SECRET}`).toString('base64')} ${SECRET}' https://x`,
    `Cookie: a=b; _session=${SECRET}`,
    `X-Api-Key: ${SECRET}`,
    `bearer ${SECRET}`,
    `--password ${SECRET}`,
    `--api-key=${SECRET}`,
    `mysql --token "${SECRET}" db`,
    `Invalid password '${SECRET}'`,
    `the token is ${SECRET}`,
    `invalid token ${SECRET}.`,
    `Key (api_token)=(${SECRET}) already exists.`,
    `Key (email, api_token)=(a@b.c, ${SECRET}) already exists.`,
    `<password>${SECRET}</password>`,
    `<ns:apiKey x="1">${SECRET}</ns:apiKey>`,
    `&quot;password&quot;:&quot;${SECRET}&quot;`,
    `パスワード：${SECRET}`,
    `パスワード=${SECRET}`,
    `Server=db;User Id=sa;Password=${SECRET};`,
    `token: "${SECRET}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${SECRET}`,
    `password: |\n  ${SECRET}\nuser: x`,
    `credentials:\n  user: a\n  key: ${SECRET}\nuser: x`,
    `config.password = "${SECRET}"`,
    `ENV['API_KEY'] = '${SECRET}'`,
    `password := ${SECRET}`,
    `Error: {"key":"api_key","value":"${SECRET}"} there`,
    `payload={\\"name\\":\\"password\\",\\"value\\":\\"${SECRET}\\"}`,
    `{"name"=>"password", "value"=>"${SECRET}"}`,
    `name=password&value=${SECRET}`,
    `<input name="password" value="${SECRET}">`,
    `{"attribute":"password","was":"${SECRET}","is":"${SECRET}"} x`,
    `{"op":"replace","path":"/password","value":"${SECRET}"} x`,
    `u:${SECRET}@host:5432/db`,
    `//u:${SECRET}@h/x`,
    `http:\\/\\/u:${SECRET}@h\\/`,
    `https://x/?u=http%3A%2F%2Fu%3A${SECRET}%40h%2Fa`,
    `https://x/reset_password/${SECRET}`,
    `/users/confirmation/${SECRET}`,
    `mysql -uroot -p${SECRET} db`,
    `sshpass -p ${SECRET} ssh a@b`,
    `Incorrect API key provided: ${SECRET}.`,
    `AccountName=x;AccountKey=${SECRET};EndpointSuffix=core`,
    `INSERT INTO users (email, password) VALUES ('a', '${SECRET}')`,
    `INSERT INTO "users" ("id", "api_token") VALUES (1, '${SECRET}'), (2, 'x''${SECRET}') RETURNING id`,
    `curl --user 'bob:${SECRET}' https://x`,
    `params: {"password"=>nil, "token"=>"${SECRET}"}`,
    `https://hooks.slack.com/services/T000/B000/${SECRET}`,
  ])('hides the secret in %s', (text) => {
    expect(rules.redactText(text)).not.toContain(SECRET);
    expect(rules.redactText(text)).toContain(REDACTION_MARKER);
  });
  it.each([
    ['OTP code 482133 is invalid', 'OTP code [REDACTED] is invalid'],
    ['cvv 123', 'cvv [REDACTED]'],
    ['the pin 4821 was wrong', 'the pin [REDACTED] was wrong'],
    ['verification code was 482133.', 'verification code was [REDACTED].'],
    ['SSN is 078-05-1120', 'SSN is [REDACTED]'],
    ['078-05-1120', '[REDACTED]'],
    ['Incorrect API key provided: hunterzqxx', 'Incorrect API key provided: [REDACTED]'],
    [`(email, password) VALUES ('a','hunterzqxx')`, `(email, password) VALUES ('a','[REDACTED]')`],
    ['sshpass -p hunterzqxx ssh x', 'sshpass -p [REDACTED] ssh x'],
    ['mysql -phunterzqxx', 'mysql -p[REDACTED]'],
    ['暗証番号は8342です', '暗証番号は[REDACTED]です'],
    ['認証コード 482133 が違います', '認証コード [REDACTED] が違います'],
    ['docker login -u a -p hunterzqxx', 'docker login -u a -p [REDACTED]'],
    ['IDENTIFIED BY "hunterzqxx"', 'IDENTIFIED BY "[REDACTED]"'],
    ['{"key":"api_key","value":"hunterzqxx"} tail', '{"key":"api_key","value":"[REDACTED]"} tail'],
  ])('hides only the secret in %s', (text, redacted) =>
    expect(rules.redactText(text)).toBe(redacted),
  );
  it.each([
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U',
    'AKIAIOSFODNN7EXAMPLE',
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    'xoxb-123456789012-abcdefABCDEF',
    ['sk', 'live', '4eC39HqLyjWDarjtT1zdp7dc'].join('_'),
    '4111 1111 1111 1111',
    '4111111111111111',
    '5555-5555-5555-4444',
    '378282246310005',
    'BAh7CEkiCGdpZAY6BkVUSSIdZ2lkOi8vYXBwL1VzZXIvMQ--ab0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c',
    'glpat-abcdefghij1234567890',
  ])('recognizes the secret %s by its shape', (secret) =>
    expect(rules.redactText(`failed with ${secret} there`)).toBe(
      `failed with ${REDACTION_MARKER} there`,
    ),
  );
  it.each([
    'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>',
    'RuntimeError: boom',
    'gid://app/Order/4711',
    "undefined method `total' for nil:NilClass",
    'order 1234567890123 was shipped',
    '2026-11-20T10:00:00.123456Z',
    '11111111-2222-4333-8444-555555555555',
    '4111111111111112',
    'Validation failed: Email is invalid',
    'https://api.example.com/v1/orders?page=2&state=open',
    "app/models/user.rb:12:in `authorize!'",
    "JSON::ParserError: unexpected token at '{'",
    'basic understanding of things',
    "ActiveRecord::RecordNotFound: Couldn't find Order with 'id'=4711",
    'ご請求書のお知らせ（株式会社あさひ）',
    'imports/2026-11-20/顧客一覧_3.csv',
    'Token::Invalid: nothing',
    'Password is too short',
    'HTTP 401 Unauthorized: token expired',
    'https://example.com:8080/path?email=a@b.example',
    'person@example.com',
    "ActiveRecord::RecordNotFound: Couldn't find Card with 'id'=42",
    "Couldn't find AccessToken with 'id'=42",
    'トークン 2026-11-20 に期限切れ',
    'パスワード changed',
    'パスワードを8文字以上で入力してください',
  ])('keeps the harmless text %s', (text) => expect(rules.redactText(text)).toBe(text));

  it('keeps the text next to a secret', () => {
    expect(rules.redactText(`https://api.test/x?token=${SECRET}&page=1`)).toBe(
      `https://api.test/x?token=${REDACTION_MARKER}&page=1`,
    );
    expect(rules.redactText(`password=${SECRET}, user=bob (id 12)`)).toBe(
      `password=${REDACTION_MARKER}, user=bob (id 12)`,
    );
  });
});

describe('redactJson', () => {
  it.each([
    [{ password: SECRET }],
    [{ user: { Credentials: [{ deep: [SECRET] }] } }],
    [{ a: [{ accessToken: { value: SECRET } }] }],
    [`{"password":"${SECRET}"}`],
    [`{"a":"{\\"token\\":\\"${SECRET}\\"}"}`],
    [{ _aj_globalid: `gid://app/User/1?token=${SECRET}` }],
    [{ secret: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: SECRET } }],
    [{ _aj_serialized: 'X', password: SECRET }],
    [['password', SECRET]],
    [[['Authorization', SECRET]]],
    [{ name: 'api_key', value: SECRET }],
    [{ headers: [{ key: 'X-Token', value: [SECRET] }] }],
    [['--password', SECRET]],
    [[{ _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: 'password' }, SECRET]],
    [{ url: `https://x/?sig=${SECRET}` }],
    [{ _aj_symbol_keys: ['password'], password: SECRET }],
    [{ token: SECRET, note: `used ${SECRET} again` }],
    [{ note: `used ${SECRET} first`, token: SECRET }],
    [{ note: `used ${encodeURIComponent(`${SECRET}&/`)}`, token: `${SECRET}&/` }],
    [{ [`ghp_${SECRET}abcdefghijkl`]: 1 }],
    [{ PIN: 1234567, other: 'pin 1234567' }],
  ])('hides the secret in %j', (value) => {
    const redacted = json([value]);
    expect(redacted).not.toContain(SECRET);
    expect(redacted).not.toContain('1234567');
    expect(redacted).toContain(REDACTION_MARKER);
  });
  it('prints values that are not secret without any change', () => {
    const text =
      '[{"invoice_id":12345678901234567890,"rate":1.10,' +
      '"at":{"_aj_serialized":"ActiveJob::Serializers::SymbolSerializer","value":"token"},' +
      '"_aj_symbol_keys":["password"],"2":1,"1":null,"password":null},' +
      '"AccountMailer","password_reset","deliver_now"]';
    expect(json(text)).toBe(text);
  });
  it('applies the hide and show rules of a job class', () => {
    const configured = new Redaction({
      key: '',
      off: false,
      keys: ['invoice_*', 'memo'],
      except: ['pin'],
      classes: [
        {
          jobClass: 'Pay::*',
          hide: [['0'], ['1', 'customer', '*']],
          show: [
            ['0', 'card'],
            ['1', 'token'],
          ],
        },
      ],
    });
    const value = [
      { card: '4111111111111111', x: 1 },
      { customer: { name: 'A', token: 'ttttt' }, token: 'shown', pin: 1, memo: 'm', invoiceNo: 3 },
    ];
    expect(json(value, 'arguments', configured, 'Pay::Job')).toBe(
      `[{"card":"4111111111111111","x":"${REDACTION_MARKER}"},` +
        `{"customer":{"name":"${REDACTION_MARKER}","token":"${REDACTION_MARKER}"},"token":"shown",` +
        `"pin":1,"memo":"${REDACTION_MARKER}","invoiceNo":"${REDACTION_MARKER}"}]`,
    );
    expect(json(value, 'arguments', configured, 'Other')).toContain('"name":"A"');
    expect(json({ arguments: value }, 'payload', configured, 'Pay::Job')).toContain(
      `"x":"${REDACTION_MARKER}"`,
    );
    expect(configured.isSecretPath(['1', 'customer', 'name'])).toBe(true);
    expect(configured.isSecretPath(['customer', 'name'])).toBe(true);
    expect(configured.isSecretPath(['0'])).toBe(true);
    expect(configured.isSecretPath(['2', 'customer'])).toBe(false);
    expect(configured.isSecretPath(['2', 'a', 'apiKey'])).toBe(true);
  });
  it('hides values of the arguments in the error too', () => {
    const secrets = new SecretRegistry();
    rules.redactJson(
      parseJson(
        `[{"password": "${SECRET}", "pin": "4711", "n": {"token": "longer than ${SECRET} is"}}]`,
      ),
      { kind: 'arguments', secrets },
    );
    expect(
      rules.redactText(
        `login of ${SECRET} failed (4711, 47110): ${Buffer.from(SECRET).toString('base64')} longer than hunt`,
        secrets,
      ),
    ).toBe(
      `login of ${REDACTION_MARKER} failed (${REDACTION_MARKER}, 47110): ${REDACTION_MARKER} ${REDACTION_MARKER}`,
    );
  });

  const key = fc.constantFrom(
    'password',
    'userPassword',
    'API-KEY',
    'x_access_token',
    'clientSecret',
    'Authorization',
    'cvv',
    'card_number',
    'パスワード',
    'session_id',
    'privateKey',
    'db_pass',
  );
  const plain = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  it('hides a random secret at any nesting', () => {
    const secret = fc.stringMatching(
      /^[A-Za-z][A-Za-z0-9!#%&()*+,\-./:;<=>?@[\]^_`{|}~]{9,30}[0-9A-Za-z]$/,
    );
    const tree = secret.chain((s) =>
      fc.record({
        s: fc.constant(s),
        value: fc.letrec((tie) => ({
          leaf: fc.oneof(
            key.map((k) => ({ [k]: s })),
            key.map((k) => ({ [k]: [{ a: s }] })),
            key.map((k) => ({ name: k, value: s })),
            key.map((k) => [k, s]),
            key.map((k) => JSON.stringify({ [k]: s })),
            key.map((k) => JSON.stringify({ o: JSON.stringify({ [k]: [s] }) })),
            key.map((k) => `${encodeURIComponent(k)}=${encodeURIComponent(s)}&x=1`),
            key.map((k) => `oops {"${k}"=>"${s}"} oops`),
            key.map((k) => `${k}: '${s}'`),
            key.map((k) => ({ [k]: { _aj_serialized: 'X', value: s } })),
          ),
          node: fc.oneof(
            { maxDepth: 5 },
            tie('leaf'),
            fc
              .array(fc.oneof(plain, tie('node')), { minLength: 0, maxLength: 3 })
              .chain((list) => tie('node').map((n) => [...list, n])),
            fc
              .tuple(fc.string({ maxLength: 8 }), tie('node'), plain)
              .map(([k, n, p]) => ({ other: p, [k]: n, _aj_symbol_keys: [k] })),
          ),
        })).node,
      }),
    );
    fc.assert(
      fc.property(tree, ({ s, value }) => {
        const redacted = json([[value]]);
        expect(redacted).not.toContain(s);
        expect(redacted).not.toContain(JSON.stringify(s).slice(1, -1));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('readRedaction', () => {
  it('reads the configuration from the environment', () => {
    expect(readRedaction({})).toMatchObject({ off: false, keys: [], except: [], classes: [] });
    expect(
      readRedaction({ REDACTION: 'off', REDACT_KEYS: 'a, b*', REDACT_EXCEPT: 'pin' }),
    ).toMatchObject({ off: true, keys: ['a', 'b*'], except: ['pin'] });
  });
  it('derives a key that depends on the secrets of the environment only', () => {
    const key = (source: Record<string, string>) => readRedaction(source).key;
    expect(key({ DATABASE_URL: 'postgres://a:b@c/d', PORT: '1' })).toBe(
      key({ DATABASE_URL: 'postgres://a:b@c/d', PORT: '2' }),
    );
    expect(
      new Set([
        key({}),
        key({ DATABASE_URL: 'postgres://a:b@c/d' }),
        key({ DATABASE_URL: 'postgres://a:x@c/d' }),
        key({ AUTH_PROXY_SECRET: 'x' }),
      ]).size,
    ).toBe(4);
  });
  it.each([
    [{ REDACTION: 'no' }, 'REDACTION'],
    [{ REDACT_KEYS: 'a(b' }, 'REDACT_KEYS'],
    [{ REDACT_KEYS: '*' }, 'REDACT_KEYS'],
    [{ REDACT_EXCEPT: '/x/' }, 'REDACT_EXCEPT'],
    [{ REDACT_FILE: '/nowhere/x.yml' }, 'REDACT_FILE'],
  ])('rejects the redaction settings %o', (source, variable) => {
    expect(() => readRedaction(source)).toThrow(RedactionConfigError);
    expect(() => readRedaction(source)).toThrow(new RegExp(`^${variable} `));
  });
});
