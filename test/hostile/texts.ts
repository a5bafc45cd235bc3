import { sourceWords } from './source-words';

/*
 * Hostile texts for the bench (`npm run bench -- --hostile`) and for `linear.test.ts`: repeats of
 * everything that may make a parser, a scanner or a regular expression slow.
 */

/** A unit that is repeated to any length, with optional text before and after the repeats. */
export interface HostileText {
  name: string;
  unit: string;
  before?: string;
  after?: string;
}

/**
 * A text of about `length` characters. It contains whole units only, so that no surrogate pair is
 * split.
 */
export function textOf({ unit, before = '', after = '' }: HostileText, length: number): string {
  const count = Math.max(1, Math.floor((length - before.length - after.length) / unit.length));
  return before + unit.repeat(count) + after;
}

/**
 * The structural characters of JSON, YAML, SQL, XML, URLs, command lines, globs, patterns and the
 * query language.
 */
const STRUCTURAL = [
  ...'()=:"\'`<>{}[],;&%\\/@#$-_.|*+?!~^ \t\n\r',
  ...'：＝，．－＂“”「」『』→｜　',
];
/**
 * Controls that Postgres can store, bidirectional controls, combining characters and surrogate
 * pairs.
 */
const UNUSUAL = [
  '\u0001',
  '\u007f',
  '\u0085',
  '\u2028',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  'e\u0301',
  '\u0301',
  '😀',
  '👨‍👩‍👧',
  'ﬃ',
  'İ',
  'ẞ',
];
const RUNS = ['a', 'A', '0', 'f', 'あ', '鍵', 'aB', 'a1', 'a_', 'a-', 'a.', 'A1', '0.', '0-', '0:'];

/** Fragments of the formats that the readers parse. */
const FORMS = [
  '")="',
  '")=',
  '(a)=(',
  'password=',
  'password: ',
  'password"=>"',
  '"password":"',
  '\\"password\\":\\"',
  '\\u0022password\\u0022:\\u0022',
  'password\\u003d',
  'password%3D',
  'password%253D',
  '&quot;password&quot;:&quot;',
  '&#34;',
  '&quot;',
  '\\u0022',
  '\\\\',
  '\\"',
  '\\\\\\\\"',
  '%25',
  '%2525',
  '%40%2F%2F',
  'token: ',
  'token ',
  'API key ',
  'api_key: >-\n  ',
  'password: |2-\n ',
  'password:\n',
  'Password:\r\n\r\n',
  '- name: password\n  value: ',
  '--password ',
  '-u a:',
  'mysql -p ',
  'mysql x',
  'docker login ',
  'curl -u ',
  'a=password&',
  '?key=',
  'name="password" value="',
  '{"name":"password","value":"',
  '<password>',
  '</password>',
  '&lt;password&gt;',
  '<input name="password" ',
  '(email, password) VALUES (',
  "('a', ",
  ') VALUES (',
  'IDENTIFIED BY ',
  'Authorization: ',
  'Authorization: Basic ',
  'bearer ',
  'Bearer eyJ',
  'Cookie: a=',
  'Set-Cookie: ',
  '://',
  '//a:',
  'https://a:b@',
  'a:b@',
  'a@',
  'a@a.',
  '@a.',
  'mailto:',
  'eyJa.',
  'eyJ',
  '.eyJ',
  '-----BEGIN',
  '-----BEGIN PRIVATE KEY-----\n',
  '-----END',
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  '0123456789abcdef',
  'deadbeef ',
  '4111 1111 ',
  '4111111111111111 ',
  '4111-',
  '0-0-0-0-',
  '12:',
  '1::',
  '::',
  'a::',
  'A::B',
  '1.1.1.1.',
  '2026-01-02T03:04:05',
  '2026-01-02 ',
  'Mon, 1 Jan 2026 ',
  '0x',
  '0x0f ',
  'AKIA',
  'sk_live_',
  'ghp_',
  'xoxb-',
  '$2b$10$',
  '$argon2id$v=19$m=65536,t=3,p=4$',
  'arn:aws:iam::123456789012:role/',
  'パスワード',
  'パスワード：',
  'パスワード「',
  '暗証番号は',
  'トークン ',
  "`password=' for nil ",
  'undefined method `',
  "unexpected token at '",
  "it's ",
  '#<A @b="',
  '@a=',
  '/releases/',
  '/gems/',
  "/app/a.rb:1:in `b'\n",
  'queues=',
  'queues= max_threads=1 ',
  'a,b;c:1;',
  'class:',
  'args.0.',
  'args."a".',
  '-label:',
  'a:"',
  '..',
  '>=1,',
  '1..2,',
  '=a',
  '=+',
  '\t=',
  '""',
  '","',
  '\r\n',
  ' \n',
  '\n ',
  '\n  - ',
  '\n\n',
  '? ',
  '- - ',
  '&a *a ',
  '!!binary ',
  '[[',
  '{[',
  '[{"a":',
  '{"a":',
  '[]',
  '{},',
  '1,',
  '"a",',
  '"a":1,',
  'every ',
  'every 1 day at 1 and ',
  'from 1 to ',
  '*/',
  '1-2,',
  'on mon and ',
  'L,',
  '* ',
];

/** The text with its unprintable characters escaped. */
const printable = (text: string) =>
  JSON.stringify(text)
    .slice(1, -1)
    .replaceAll(
      /[\p{Cc}\p{Cf}\p{M}\u2028\u2029\ufeff]/gu,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
const repeated = (unit: string): HostileText => ({ name: printable(unit), unit });
/** Between letters, because `/,+$/` is quadratic only if a letter follows the commas. */
const enclosed = (unit: string): HostileText => ({
  name: `x${printable(unit)}…x`,
  unit,
  before: 'x',
  after: 'x',
});

const uniqueByName = (texts: HostileText[]) => [
  ...new Map(texts.map((text) => [text.name, text])).values(),
];

/**
 * The basic set: every symbol alone and between letters, runs of letters and digits, and known
 * forms.
 */
export function coreTexts(): HostileText[] {
  const symbols = [...new Set([...STRUCTURAL, ...UNUSUAL, ...sourceWords().symbols])];
  return uniqueByName([
    ...[...symbols, ...RUNS, ...FORMS].map(repeated),
    ...[...symbols, ...RUNS].map(enclosed),
    ...['"', "'", '(', '[', '{', '<', '`', '「'].map((open) => ({
      name: `${open}aaa…`,
      unit: 'a',
      before: open,
    })),
    ...[
      'password=',
      '"password":"',
      'Bearer ',
      'パスワード「',
      '-----BEGIN PRIVATE KEY-----\n',
    ].map((before) => ({ name: `${printable(before)}aaa…`, unit: 'a', before })),
    { name: '"a" password: a…', unit: '"a" ', before: 'password: ' },
  ]);
}

/** Each pair of symbols, in one order only, because `ab` repeated contains `ba` repeated. */
export function pairTexts(): HostileText[] {
  const symbols = [
    ...STRUCTURAL.filter((symbol) => symbol.charCodeAt(0) < 128),
    'a',
    '0',
    '：',
    '「',
  ];
  return symbols.flatMap((first, n) =>
    symbols.slice(n + 1).map((second) => repeated(first + second)),
  );
}

/** Each word that the source matches, alone and as the name of a value. */
export function wordTexts(): HostileText[] {
  const { patternWords, keywords } = sourceWords();
  return uniqueByName([
    ...[...patternWords, ...keywords].flatMap((word) => [repeated(word), repeated(`${word} `)]),
    ...keywords.flatMap((word) => [repeated(`${word}=`), repeated(`"${word}": `)]),
  ]);
}

/** JSON with a hostile structure, generated for a length in characters. */
interface HostileJson {
  name: string;
  json: (length: number) => string;
}

const list = <T>(count: number, item: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => item(n));
const COMMON_PREFIX = 'abcdefghijklmnop'.repeat(3);
const arn = (n: number) =>
  `arn:aws:secretsmanager:eu-west-1:123456789012:secret:service/production/database-${n}-AbCdEf`;

/** Payloads with an expensive structure: depth, breadth, keys, and repeats of hidden values. */
export const HOSTILE_JSON: HostileJson[] = [
  { name: 'array in array', json: (n) => '['.repeat(n / 2) + ']'.repeat(n / 2) },
  {
    name: 'object in object',
    json: (n) => `${'{"a":'.repeat(n / 6)}1${'}'.repeat(n / 6)}`,
  },
  { name: 'numbers', json: (n) => `[${'1,'.repeat(n / 2)}1]` },
  { name: 'empty objects', json: (n) => `[${'{},'.repeat(n / 3)}{}]` },
  { name: 'short strings', json: (n) => JSON.stringify(list(n / 5, () => 'ab')) },
  {
    name: 'keys',
    json: (n) =>
      JSON.stringify(Object.fromEntries(list(n / 20, (k): [string, number] => [`key${k}`, k]))),
  },
  {
    name: 'secret keys',
    json: (n) =>
      JSON.stringify(
        Object.fromEntries(
          list(n / 40, (k): [string, string] => [`password${k}`, `value-${k}-x9`]),
        ),
      ),
  },
  {
    name: 'same key',
    json: (n) => `{${'"password":"value-1-x9",'.repeat(n / 24)}"a":1}`,
  },
  {
    name: 'tokens of one beginning',
    json: (n) =>
      JSON.stringify({
        tokens: list(n / 120, (k) => `${COMMON_PREFIX}${k}`),
        note: 'a'.repeat(n / 2),
      }),
  },
  {
    name: 'tokens of one beginning, repeated',
    json: (n) =>
      JSON.stringify({
        tokens: list(n / 120, (k) => `${COMMON_PREFIX}${k}`),
        note: COMMON_PREFIX.repeat(n / 100),
      }),
  },
  {
    name: 'tokens of one letter',
    json: (n) =>
      JSON.stringify({
        tokens: list(Math.min(1_500, n / 200), (k) => `${'a'.repeat(48)}${k}`),
        note: 'a'.repeat(n / 2),
      }),
  },
  {
    name: 'ARNs twice',
    json: (n) => {
      const arns = list(n / 190, arn);
      return JSON.stringify([{ arns }, { again: arns }]);
    },
  },
  {
    name: 'secret ARNs and their repeats',
    json: (n) => {
      const arns = list(n / 190, arn);
      return JSON.stringify([{ secrets: arns }, { again: arns.join(' ') }]);
    },
  },
  {
    name: 'names and values',
    json: (n) => JSON.stringify(list(n / 50, () => ({ name: 'password', value: 'value-1-x9' }))),
  },
  {
    name: 'JSON in strings in JSON',
    json: (n) => JSON.stringify([JSON.stringify({ note: JSON.stringify(['"\\'.repeat(n / 24)]) })]),
  },
  { name: 'escapes', json: (n) => `["${'\\u0061'.repeat(n / 6)}"]` },
  { name: 'digits', json: (n) => `[${'1'.repeat(n)}]` },
];
