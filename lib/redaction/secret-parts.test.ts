import { describe, expect, it } from 'vitest';
import { compactJson, parseJson } from '../core/json-text';
import { Redaction } from './redaction';
import { looksLikeCredential } from './secret-parts';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const S = 'hunter2Zq9x';
const WORD = 'opensesame';
const redact = (value: unknown) =>
  compactJson(rules.redactJson(parseJson(JSON.stringify(value)), { of: 'arguments' }));

/** Values that are hidden whole, by the key that hides them, and what is repeated of each. */
const HIDDEN_VALUES: [key: string, value: unknown, part: string][] = [
  ['authorization', `Token token="${S}"`, S],
  ['authorization', `Token token="${S}", email="bob@example.com"`, S],
  ['authorization', `Token ${WORD}`, WORD],
  ['authorization', `ApiKey ${S}`, S],
  ['authorization', `ApiKey ${WORD}`, WORD],
  ['authorization', `Acme-Auth ${S}`, S],
  ['authorization', `Bearer ${S}, ApiKey x${S}`, S],
  [
    'authorization',
    `Digest username="Mufasa", realm="a@b", uri="/dir/index.html", response="${S}"`,
    S,
  ],
  [
    'authorization',
    `AWS4-HMAC-SHA256 Credential=AKIA${S}/20130524/us-east-1/s3/aws4_request, Signature=x${S}`,
    `x${S}`,
  ],
  ['cookie', `theme=dark; _app_session=${S}; path=/`, S],
  ['cookie', `theme=dark; _app_session=${WORD}`, WORD],
  ['cookie', `theme=dark; unknown=${S}`, S],
  ['dsn', `postgres://u:${S}@h/db`, S],
  ['dsn', `postgres://u:${WORD}@h/db`, WORD],
  ['dsn', `postgres://u:p%40${S}@h/db`, `p@${S}`],
  ['dsn', `redis://:${S}@h:6379/0`, S],
  ['dsn', `redis://:${WORD}@h`, WORD],
  ['dsn', `https://${S}@sentry.example.com/1`, S],
  ['connection_string', `Server=db.example.com;User Id=app;Password=${S};`, S],
  ['connection_string', `Server=db.example.com;Password=${WORD};Database=d`, WORD],
  ['connection_string', `AccountName=a;AccountKey=${S}==;EndpointSuffix=x`, S],
  ['connection_string', `host=h port=5432 password=${WORD} dbname=d`, WORD],
  ['sas_url', `https://a.blob.core.windows.net/c?sv=2020-08-04&sp=r&sig=${S}`, S],
  ['secret', `{"user":"b","key":"${S}"}`, S],
  ['secret', `{"user":"b","key":"${WORD}"}`, WORD],
  ['secret', JSON.stringify(JSON.stringify({ key: WORD })), WORD],
  ['dsn', `u:${WORD}@tcp(h:3306)/db`, WORD],
  ['dsn', `mysql2://root:${WORD}@127.0.0.1:3306/app?sslpassword=x${S}`, `x${S}`],
  ['secret', Buffer.from(JSON.stringify({ key: WORD })).toString('base64'), WORD],
  ['secret', `https://h/x#access_token=${WORD}`, WORD],
  ['secret', `bob|${S}`, S],
  ['secret', `user=b&key=${S}`, S],
  ['secret', `user=b&key=${WORD}`, WORD],
  ['secret', `user%3Db%26key%3D${WORD}`, WORD],
  ['secret', `{:user=>"b", :key=>"${WORD}"}`, WORD],
  ['secret', `user: b\npassword: ${WORD}\nhost: h`, WORD],
  ['secret', `<auth><key>${S}</key></auth>`, S],
  ['secret', `-u bob:${S} https://example.com`, S],
  ['secret', { [S]: true }, S],
  ['secret', { a: [{ [S]: ['x'] }] }, S],
  ['secret', { a: [{ deep: `key=${WORD}` }] }, WORD],
  ['secret', ['a', `Token token="${WORD}"`], WORD],
];

describe('a credential inside a value that is hidden whole', () => {
  it.each(HIDDEN_VALUES)('is hidden where it is repeated: %s %j', (key, value, part) => {
    const redacted = redact([{ [key]: value }, { note: `login of ${part} failed`, n: [part] }]);
    expect(redacted).toContain('"note":"login of [REDACTED] failed"');
    expect(redacted).not.toContain(part);
  });

  it.each(HIDDEN_VALUES)('is hidden in the error of the row: %s %j', (key, value, part) => {
    const secrets = new SecretRegistry();
    rules.redactJson(parseJson(JSON.stringify([{ [key]: value }])), { of: 'arguments', secrets });
    expect(rules.redactText(`refused ${part}`, secrets)).toBe('refused [REDACTED]');
    expect(secrets.overflowed).toBe(false);
  });

  it('is hidden where a text shows the value by its name', () => {
    const secrets = new SecretRegistry();
    rules.redactText(`Authorization: Token token="${WORD}"\n`, secrets);
    rules.redactText(`dsn=redis://:${S}@cache`, secrets);
    expect(rules.redactText(`refused ${WORD} and ${S}`, secrets)).toBe(
      'refused [REDACTED] and [REDACTED]',
    );
  });
});

describe('ordinary words of a value that is hidden whole stay readable elsewhere', () => {
  it.each([
    ['dsn', 'postgres://app:hunter2Zq9x@db-1.example.com:5432/shop_production', 'db-1.example.com'],
    ['dsn', 'postgres://app:hunter2Zq9x@db-1.example.com:5432/shop_production', 'shop_production'],
    ['connection_string', 'Server=sql1.example.com;Password=hunter2Zq9x;', 'sql1.example.com'],
    [
      'connection_string',
      'TrustServerCertificate=true;Password=hunter2Zq9x',
      'TrustServerCertificate',
    ],
    ['cookie', 'theme=dark; _app_session=hunter2Zq9x; path=/; HttpOnly', 'HttpOnly'],
    ['cookie', 'a=hunter2Zq9x; expires=2026-11-20T10:00:00Z', '2026-11-20T10:00:00Z'],
    ['authorization', 'Digest uri="/orders/a1b2c3d4", response="hunter2Zq9x"', '/orders/a1b2c3d4'],
    [
      'sas_url',
      'https://a.example.com/c/report-2026.pdf?sv=2020-08-04&sig=hunter2Zq9x',
      'report-2026.pdf',
    ],
    ['sas_url', 'https://a.example.com/c/report.pdf?sv=2020-08-04&sig=hunter2Zq9x', '2020-08-04'],
    ['secret', 'Mozilla/5.0 us-east-1 10.20.30.40 v1.2.3 16384kB hunter2Zq9x', 'us-east-1'],
    ['secret', '{"kind":"Invoice","step":3,"key":"hunter2Zq9x"}', 'Invoice'],
    ['secret', { address_line_1: 'hunter2Zq9x', addressLine2: 'x' }, 'address_line_1'],
  ])('%s %j: %s', (key, value, word) => {
    expect(redact([{ [key]: value }, { note: `at ${word} now` }])).toContain(`at ${word} now`);
  });

  it.each([
    ['hunter2Zq9x', true],
    ['550e8400-e29b-41d4-a716-446655440000', true],
    ['wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', true],
    ['kJxQwErTzUiOpAsD', true],
    ['1234567890123456', true],
    ['12345678', false],
    ['correcthorsebattery', false],
    ['service/production/database-1', false],
    ['app/models/user1.rb', false],
  ])('%s looks like a credential: %s', (word, expected) =>
    expect(looksLikeCredential(word)).toBe(expected),
  );
});

it('hides all texts of a row whose hidden values are too long to be searched for credentials', () => {
  const secrets = new SecretRegistry();
  for (let n = 0; n < 6; n += 1)
    rules.redactJson(parseJson(JSON.stringify({ secret: `${n} ${'a '.repeat(50_000)}` })), {
      secrets,
    });
  expect(secrets.overflowed).toBe(true);
  expect(rules.redactText('refused opensesame', secrets)).toBe('[REDACTED]');
});
