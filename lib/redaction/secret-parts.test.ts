import { describe, expect, it } from 'vitest';
import { compactJson, parseJson } from '../core/json';
import { Redaction } from './redaction';
import { looksLikeCredential } from './secret-parts';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const SECRET = 'hunter2Zq9x';
const WORD = 'opensesame';
const redact = (value: unknown) =>
  compactJson(rules.redactJson(parseJson(JSON.stringify(value)), { kind: 'arguments' }));

/** Values that are hidden whole, with the key that hides them and the credential inside. */
const HIDDEN_VALUES: [key: string, value: unknown, credential: string][] = [
  ['authorization', `Token token="${SECRET}"`, SECRET],
  ['authorization', `Token token="${SECRET}", email="bob@example.com"`, SECRET],
  ['authorization', `Token ${WORD}`, WORD],
  ['authorization', `ApiKey ${SECRET}`, SECRET],
  ['authorization', `ApiKey ${WORD}`, WORD],
  ['authorization', `Acme-Auth ${SECRET}`, SECRET],
  ['authorization', `Bearer ${SECRET}, ApiKey x${SECRET}`, SECRET],
  [
    'authorization',
    `Digest username="Mufasa", realm="a@b", uri="/dir/index.html", response="${SECRET}"`,
    SECRET,
  ],
  [
    'authorization',
    `AWS4-HMAC-SHA256 Credential=AKIA${SECRET}/20130524/us-east-1/s3/aws4_request, Signature=x${SECRET}`,
    `x${SECRET}`,
  ],
  ['cookie', `theme=dark; _app_session=${SECRET}; path=/`, SECRET],
  ['cookie', `theme=dark; _app_session=${WORD}`, WORD],
  ['cookie', `theme=dark; unknown=${SECRET}`, SECRET],
  ['dsn', `postgres://u:${SECRET}@h/db`, SECRET],
  ['dsn', `postgres://u:${WORD}@h/db`, WORD],
  ['dsn', `postgres://u:p%40${SECRET}@h/db`, `p@${SECRET}`],
  ['dsn', `redis://:${SECRET}@h:6379/0`, SECRET],
  ['dsn', `redis://:${WORD}@h`, WORD],
  ['dsn', `https://${SECRET}@sentry.example.com/1`, SECRET],
  ['connection_string', `Server=db.example.com;User Id=app;Password=${SECRET};`, SECRET],
  ['connection_string', `Server=db.example.com;Password=${WORD};Database=d`, WORD],
  ['connection_string', `AccountName=a;AccountKey=${SECRET}==;EndpointSuffix=x`, SECRET],
  ['connection_string', `host=h port=5432 password=${WORD} dbname=d`, WORD],
  ['sas_url', `https://a.blob.core.windows.net/c?sv=2020-08-04&sp=r&sig=${SECRET}`, SECRET],
  ['secret', `{"user":"b","key":"${SECRET}"}`, SECRET],
  ['secret', `{"user":"b","key":"${WORD}"}`, WORD],
  ['secret', JSON.stringify(JSON.stringify({ key: WORD })), WORD],
  ['dsn', `u:${WORD}@tcp(h:3306)/db`, WORD],
  ['dsn', `mysql2://root:${WORD}@127.0.0.1:3306/app?sslpassword=x${SECRET}`, `x${SECRET}`],
  ['secret', Buffer.from(JSON.stringify({ key: WORD })).toString('base64'), WORD],
  ['secret', `https://h/x#access_token=${WORD}`, WORD],
  ['secret', `bob|${SECRET}`, SECRET],
  ['secret', `user=b&key=${SECRET}`, SECRET],
  ['secret', `user=b&key=${WORD}`, WORD],
  ['secret', `user%3Db%26key%3D${WORD}`, WORD],
  ['secret', `{:user=>"b", :key=>"${WORD}"}`, WORD],
  ['secret', `user: b\npassword: ${WORD}\nhost: h`, WORD],
  ['secret', `<auth><key>${SECRET}</key></auth>`, SECRET],
  ['secret', `-u bob:${SECRET} https://example.com`, SECRET],
  ['secret', { [SECRET]: true }, SECRET],
  ['secret', { a: [{ [SECRET]: ['x'] }] }, SECRET],
  ['secret', { a: [{ deep: `key=${WORD}` }] }, WORD],
  ['secret', ['a', `Token token="${WORD}"`], WORD],
];

describe('a credential inside a hidden value', () => {
  it.each(HIDDEN_VALUES)('hides a credential in arguments: %s %j', (key, value, credential) => {
    const redacted = redact([
      { [key]: value },
      { note: `login of ${credential} failed`, n: [credential] },
    ]);
    expect(redacted).toContain('"note":"login of [REDACTED] failed"');
    expect(redacted).not.toContain(credential);
  });

  it.each(HIDDEN_VALUES)('hides a credential in the error: %s %j', (key, value, credential) => {
    const secrets = new SecretRegistry();
    rules.redactJson(parseJson(JSON.stringify([{ [key]: value }])), { kind: 'arguments', secrets });
    expect(rules.redactText(`refused ${credential}`, secrets)).toBe('refused [REDACTED]');
    expect(secrets.overflowed).toBe(false);
  });

  it('hides a credential after a text contained the value with its name', () => {
    const secrets = new SecretRegistry();
    rules.redactText(`Authorization: Token token="${WORD}"\n`, secrets);
    rules.redactText(`dsn=redis://:${SECRET}@cache`, secrets);
    expect(rules.redactText(`refused ${WORD} and ${SECRET}`, secrets)).toBe(
      'refused [REDACTED] and [REDACTED]',
    );
  });
});

describe('an ordinary word inside a hidden value', () => {
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
  ])('keeps an ordinary word of a hidden value elsewhere: %s %j: %s', (key, value, word) => {
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
  ])('looksLikeCredential(%s) is %s', (word, expected) =>
    expect(looksLikeCredential(word)).toBe(expected),
  );
});

it('hides all texts of a row whose hidden values are too long to search for credentials', () => {
  const secrets = new SecretRegistry();
  for (let n = 0; n < 6; n += 1)
    rules.redactJson(parseJson(JSON.stringify({ secret: `${n} ${'a '.repeat(50_000)}` })), {
      secrets,
    });
  expect(secrets.overflowed).toBe(true);
  expect(rules.redactText('refused opensesame', secrets)).toBe('[REDACTED]');
});
