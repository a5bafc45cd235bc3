import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FailureReader, fingerprintOf, normalizeError, normalizeFrame } from './groups';

/** Rows of a normalized error and errors that must be normalized to it. */
const SAME: [string, ...string[]][] = [
  [
    'ActiveRecord::RecordNotFound: Couldn\'t find Invoice with "…"=<n>',
    "ActiveRecord::RecordNotFound: Couldn't find Invoice with 'id'=4711",
    "ActiveRecord::RecordNotFound: Couldn't find Invoice with 'id'=12",
  ],
  [
    'RuntimeError: user <uuid> is gone',
    'RuntimeError: user 0b1f8a5e-7c3d-4e2f-9a1b-2c3d4e5f6a7b is gone',
    'RuntimeError: user D293BA0F-0000-4000-8000-000000000001 is gone',
  ],
  [
    'NoMethodError: undefined method "…" for #<User:<hex>>',
    "NoMethodError: undefined method `name' for #<User:0x000078c1a2b3c4d5>",
    "NoMethodError: undefined method 'title' for #<User:0x00001>",
  ],
  [
    'Net::ReadTimeout: GET <url> failed after <n> s',
    'Net::ReadTimeout: GET https://api.example.com/v1/users/5?token=abc failed after 30.5 s',
    'Net::ReadTimeout: GET http://10.0.0.1:8080/ failed after 4 s',
  ],
  [
    'Mailer::Error: <email> bounced at <time>',
    'Mailer::Error: a.b+c@example.co.jp bounced at 2026-11-23 21:03:04 UTC',
    'Mailer::Error: 太郎@例え.jp bounced at 2026-11-23T21:03:04.123456+09:00',
  ],
  [
    'E: at <time>, then <time>',
    'E: at Mon, 23 Nov 2026 21:03:04 +0000, then 21:03:04',
    'E: at Tue, 24 Nov 2026 01:00:00 +0900, then 9:05',
  ],
  [
    'E: customer <id> of <id>',
    'E: customer cus_9s6XKzkNRiz8i3 of 3f786850e387550fdab836ed7e6dc881de23001b',
    'E: customer cus_4fdAW5ftNQow1a of deadbeef00',
  ],
  ['E: ids [<n>] of <n>', 'E: ids [1, 2, 3] of 3', 'E: ids [4,5] of 1,234', 'E: ids [7] of 1'],
  ['E: <n> / <n> / <n>', 'E: -5 / 1.5e-10 / 12_000', 'E: 5 / 3 / +7'],
  ['E: "…" and "…" and "…"', 'E: "a \\" b" and 「請求書」 and “x”', 'E: "" and 「」 and “yy y”'],
  ["E: can't and won't, isn't it", "E: can't and won't, isn't it"],
  [
    'PG::UniqueViolation: ERROR: duplicate key value violates unique constraint "…" ' +
      'DETAIL: Key (id)=(<n>) already exists.',
    'PG::UniqueViolation: ERROR:  duplicate key value violates unique constraint "users_pkey"\n' +
      'DETAIL:  Key (id)=(5) already exists.\n',
    'PG::UniqueViolation: ERROR:  duplicate key value violates unique constraint "x"\n' +
      'DETAIL:  Key (id)=(99) already exists.',
  ],
  [
    '請求書<n>の発行に失敗しました（<n>件）',
    '請求書1234の発行に失敗しました（５件）',
    '請求書9の発行に失敗しました（12件）',
  ],
  [
    'Encoding::UndefinedConversionError: "…" from ASCII-8BIT to UTF-8',
    'Encoding::UndefinedConversionError: "\\xE3" from ASCII-8BIT to UTF-8',
  ],
  [
    'Aws::Error: S3 said HTTP/1.1 <n> over TLSv1.2, key s<n>',
    'Aws::Error: S3 said HTTP/1.1 503 over TLSv1.2, key s4',
    'Aws::Error: S3 said HTTP/1.1 404 over TLSv1.2, key s12',
  ],
  ['E: order<n> on <address>', 'E: order12 on 192.168.1.5', 'E: order7 on 10.0.0.1'],
  [
    'E: no route to <address>',
    'E: no route to 10.0.0.1:5432',
    'E: no route to 10.0.0.123:5432',
    'E: no route to 10.0.0.1',
    'E: no route to [::1]:6379',
    'E: no route to [fe80::1%eth0]:80',
    'E: no route to 2001:db8::8a2e:370:7334',
    'E: no route to 2001:0DB8:0:0:0:8A2E:0370:7334',
    'E: no route to ::ffff:10.0.0.1',
    'E: no route to 00:1a:2b:3c:4d:5e',
  ],
  [
    'E: at <address>: refused',
    'E: at 10.0.0.1:80, 10.0.0.2:80: refused',
    'E: at 10.10.10.10:443, 10.0.0.2:12345: refused',
  ],
  [
    'E: Dad::Cafe on db-<n>:<n> at <time> [<time>]',
    'E: Dad::Cafe on db-1:5432 at 12:30:45 [21:03:04]',
    'E: Dad::Cafe on db-12:80 at 9:05 [21:03:04.5]',
  ],
  [
    'JSON::ParserError: unexpected token at "…"',
    "JSON::ParserError: unexpected token at '{\"a': 1}'",
    'JSON::ParserError: unexpected token at \'{"name": "it\'s",\n "b": [1\'',
  ],
  [
    'Errno::ECONNREFUSED: Connection refused - connect(<n>) for "…" port <n>',
    'Errno::ECONNREFUSED: Connection refused - connect(2) for "127.0.0.1" port 6379',
    'Errno::ECONNREFUSED: Connection refused - connect(2) for "redis" port 1',
  ],
];

describe('normalizeError', () => {
  it.each(SAME)('normalizes all variants to %s', (normal, ...errors) => {
    for (const error of errors) expect(normalizeError(error)).toBe(normal);
  });

  it('normalizeError keeps the text that distinguishes failures', () => {
    const texts = [
      'A: x',
      'B: x',
      'A: y',
      'Http2::Error: x',
      'Http3::Error: x',
      'A',
      '',
      'A: "x" is gone',
      "A: 'x' is here",
      'S3Error: no',
      'Net::HTTP2: no',
    ];
    expect(new Set(texts.map(normalizeError)).size).toBe(texts.length);
    expect(normalizeError('Oauth2::Error2: 5')).toBe('Oauth2::Error2: <n>');
    expect(normalizeError('the internationalization_of_everything')).toBe(
      'the internationalization_of_everything',
    );
  });

  it('does not change a normalized error', () => {
    for (const [normal] of SAME) expect(normalizeError(normal)).toBe(normal);
  });

  it.each([
    'a',
    '1',
    '"',
    "'",
    '\\"',
    '`',
    'a@',
    'a.',
    '1.',
    '1:',
    'a:',
    '::',
    '[::',
    "unexpected token at '",
    'http://',
    '0',
    '0x',
    '-',
    '12:',
    '2026-',
    '「',
    '<n>, ',
    ' ',
    "a'",
    'Jan 1',
    '\u{1F600}',
    'A::',
  ])('normalizes a megabyte of %j in bounded time', (unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
    const started = performance.now();
    normalizeError(text);
    normalizeError(`E: ${text}`);
    expect(performance.now() - started).toBeLessThan(250);
  });
});

describe('normalizeFrame', () => {
  it('normalizeFrame removes the line number and the release folder', () => {
    expect(
      normalizeFrame("/srv/app/releases/20261123120000/app/jobs/x_job.rb:42:in `perform'"),
    ).toBe("/srv/app/releases/*/app/jobs/x_job.rb:in `perform'");
    expect(normalizeFrame('/app/app/jobs/x_job.rb:42')).toBe('/app/app/jobs/x_job.rb');
    expect(normalizeFrame("/app/a.rb:1:in 'A#x'")).not.toBe(normalizeFrame("/app/a.rb:1:in 'A#y'"));
  });
});

const sign = (text: string) => createHmac('sha256', 'a key').update(text).digest('hex');

describe('FailureReader', () => {
  it('groups redacted errors and distinguishes a null class from an empty one', () => {
    const reader = new FailureReader({
      redact: (text) => text.replace(/secret \S+/, 'secret [FILTERED]'),
      sign,
    });
    const read = (jobClass: string | null, error: string, frame: string | null = null) =>
      reader.read({ jobClass, error, frame });
    expect(read('A', 'E: secret hunter').fingerprint).toBe(
      read('A', 'E: secret password').fingerprint,
    );
    expect(read('A', 'E: secret hunter').error).toBe('E: secret [FILTERED]');
    const prints = [
      read(null, 'E'),
      read('', 'E'),
      read('A', 'E'),
      read('A', 'E', ''),
      read('A', 'E', 'x.rb:1'),
      read('A', 'F'),
    ].map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
    expect(read('A', 'E', 'x.rb:1').fingerprint).toBe(
      fingerprintOf({ jobClass: 'A', error: 'E', frame: 'x.rb' }, sign),
    );
    expect(prints.every((print) => /^[0-9a-f]{16}$/.test(print))).toBe(true);
  });
});

describe('hostile texts', () => {
  const PIECES = [
    ...[
      'a',
      '(',
      '[',
      '{',
      '<',
      ':',
      '::',
      '\n',
      ' ',
      '0',
      'f',
      'ff:',
      '"',
      "'",
      '`',
      '“',
      '「',
      '『',
    ],
    ...[
      '\\"',
      '")=',
      '=',
      '@',
      'a@',
      'a@b.',
      '.',
      '1.',
      '-',
      '://',
      'a://',
      'あ',
      '𝟘',
      'Mon ',
      'Jan ',
    ],
    ...['0x', '1e', '<n>, ', '"…", ', "unexpected token at '", 'A::', '1:', '0:00', '2020-01-01 '],
  ];

  it.each(PIECES)('normalizes a text in bounded time, however often it repeats %j', (piece) => {
    const started = performance.now();
    for (let n = 0; n < 5; n += 1) normalizeError(piece.repeat(1_000_000 / piece.length));
    normalizeFrame(piece.repeat(1_000_000 / piece.length));
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it('replaces an e-mail address only with a local part and a domain', () => {
    const normal = (text: string) => normalizeError(text);
    expect(normal('to a.b+c@example.co.jp and 山田@例え.jp')).toBe('to <email> and <email>');
    expect(normal('@x.y a@ a@b @a@b.c')).toBe('@x.y a@ a@b @<email>');
    expect(normal(`${'é'.repeat(70)}@x.org`)).toBe(`${'é'.repeat(6)}<email>`);
    expect(normal('a@b.c@d.e')).toBe('<email>@d.e');
  });
});
