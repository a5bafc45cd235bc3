import { describe, expect, it } from 'vitest';
import { HIDDEN, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';
import { viewsOf } from './text-view';

const rules = new Redaction();
const S = 'hunter2Zq9x';
const redactBeside = (value: string, text: string) => {
  const secrets = new SecretRegistry();
  secrets.add(value);
  return rules.redactText(text, secrets);
};
const lines = (text: string, length: number, lineEnd: string) =>
  (text.match(new RegExp(`.{1,${length}}`, 'g')) ?? []).join(lineEnd);
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Whether no 6 characters of the base64 that encodes the value itself are left. */
function expectHidden(redacted: string, value: string): void {
  const left = redacted.replaceAll(/[\s\\nr]|\[REDACTED\]/g, '');
  expect(redacted).toContain(HIDDEN);
  for (const offset of [0, 1, 2])
    expect(Buffer.from(left.slice(offset), 'base64').toString('latin1')).not.toContain(
      value.slice(0, 6),
    );
}

describe('base64 with line breaks', () => {
  it.each(
    [60, 64, 76].flatMap((length) =>
      ['\n', '\r\n', '\n  ', '\\n', '\\r\\n'].map((lineEnd) => [length, lineEnd] as const),
    ),
  )('of %i characters and %j is hidden wherever the value begins', (length, lineEnd) => {
    for (let before = 0; before < 60; before += 1) {
      const text = `${'p'.repeat(before)}${S}${'z'.repeat(80)}`;
      const encoded = lines(base64(text), length, lineEnd);
      const redacted = redactBeside(S, `body:${lineEnd}${encoded}${lineEnd}`);
      expectHidden(redacted.slice(5), S);
    }
  });

  it('is hidden as the value itself, to its last line', () => {
    const value = `${S}${'aB3dE5gH7j'.repeat(15)}`;
    const encoded = lines(base64(value), 60, '\n');
    expect(redactBeside(value, `got ${encoded}\n, and more`)).toBe(`got ${HIDDEN}\n, and more`);
  });

  it('is no reason to join other lines', () => {
    const text = `${'a'.repeat(30)}hunter2\nZq9x`;
    expect(redactBeside(S, text)).toBe(text);
  });
});

describe('base64 of an escaped value', () => {
  const value = `p&q"s <é>/ ${S}`;
  it.each([
    ['encodeURIComponent', encodeURIComponent(value)],
    ['a form', new URLSearchParams({ v: value }).toString().slice(2)],
    ['CGI.escape', encodeURIComponent(`${value}!'()*`).replaceAll('%20', '+')],
    ['JSON', JSON.stringify({ a: value })],
    [
      'JSON of Rails',
      JSON.stringify({ a: value })
        .replaceAll('&', '\\u0026')
        .replaceAll('<', '\\u003c')
        .replaceAll('>', '\\u003e'),
    ],
    ['ASCII JSON', JSON.stringify({ a: value }).replaceAll('é', '\\u00e9')],
  ])('by %s is hidden', (_, escaped) => {
    for (const text of [base64(escaped), base64(`x${escaped}`), base64(`xy${escaped}`)])
      expect(redactBeside(value, `got ${text} there`)).toMatch(/^got \S{0,16}\[REDACTED\] there$/);
  });
});

describe('a value that holds an emoji', () => {
  it.each([15, 16, 17, 18, 19, 20, 21, 22])('at %i is hidden in base64 and hexadecimal', (at) => {
    const value = `${'aB3dE5gH7jK9mN1pQ2rS4tU6'.slice(0, at)}😀${S}`;
    for (const encoding of ['base64', 'base64url', 'hex'] as const)
      expect(redactBeside(value, `got ${Buffer.from(value).toString(encoding)} there`)).toMatch(
        /^got \[REDACTED\]={0,2} there$/,
      );
  });
});

describe('a value with quotes', () => {
  it.each([`it's ${S}`, `say "${S}`, `both ' and " ${S}`, `'${S}'`])(
    'is hidden where SQL or CSV doubles them: %s',
    (value) => {
      expect(redactBeside(value, `INSERT '${value.replaceAll("'", "''")}' x`)).not.toContain(S);
      expect(redactBeside(value, `a,"${value.replaceAll('"', '""')}",b`)).not.toContain(S);
    },
  );
  it('is hidden in clear where it was hidden with doubled ones', () => {
    for (const quote of ["'", '"']) {
      const secrets = new SecretRegistry();
      rules.redactText(`password=${quote}it${quote}${quote}s opensesame${quote} x`, secrets);
      expect(rules.redactText(`refused it${quote}s opensesame!`, secrets)).toBe(
        `refused ${HIDDEN}!`,
      );
    }
  });
});

describe('a hidden number', () => {
  it.each([
    '482133',
    ' 482133.',
    '-482133',
    '(482133)',
    '"482133"',
    '482133.50',
    'ord482133x',
    'ord_482133',
    'id482133',
    '482133abc',
  ])('of six digits is hidden in %s', (text) =>
    expect(redactBeside('482133', text)).toBe(text.replace('482133', HIDDEN)),
  );
  it.each(['1482133', '4821330', 'a1482133b', '48213'])('is not part of the number in %s', (text) =>
    expect(redactBeside('482133', text)).toBe(text),
  );
  it('of four or five digits is hidden as a whole word alone', () => {
    expect(redactBeside('4711', 'n 4711, ord4711x, 47110')).toBe(`n ${HIDDEN}, ord4711x, 47110`);
  });
});

describe('escapes of bytes and entities', () => {
  const value = `zürich"あ😀${S}`;
  const bytes = (format: (byte: number) => string) =>
    Array.from(Buffer.from(value), format).join('');
  const nonAscii = (format: (byte: number) => string) =>
    Array.from(Buffer.from(value), (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : format(byte),
    ).join('');
  const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, '0')}`;
  const octal = (byte: number) => `\\${byte.toString(8).padStart(3, '0')}`;
  const chars = (format: (code: number) => string) =>
    Array.from(value, (char) => format(char.codePointAt(0) ?? 0)).join('');
  it.each([
    ['hexadecimal bytes', bytes(hex)],
    [
      'hexadecimal bytes in capitals',
      bytes((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`),
    ],
    ['hexadecimal bytes beyond ASCII', nonAscii(hex)],
    ['octal bytes', bytes(octal)],
    ['octal bytes beyond ASCII', nonAscii(octal)],
    ['doubly escaped octal bytes', nonAscii(octal).replaceAll('\\', '\\\\')],
    ['entities with zeros', chars((code) => `&#${String(code).padStart(12, '0')};`)],
    [
      'hexadecimal entities with zeros',
      chars((code) => `&#x${code.toString(16).padStart(40, '0')};`),
    ],
    ['entities without a semicolon', `zürich&quotあ&#128512${S}`],
    [
      'hexadecimal entities without a semicolon',
      chars((code) =>
        code > 0x7f || code === 0x22
          ? `&#x${code.toString(16)}${code === 0xfc ? ';' : ''}`
          : String.fromCodePoint(code),
      ),
    ],
  ])('are decoded before the search: %s', (_, text) =>
    expect(redactBeside(value, `got ${text} there`)).toBe(`got ${HIDDEN} there`),
  );

  it.each([
    `\\042password\\042:\\042${S}\\042`,
    `&quotpassword&quot:&quot${S}&quot`,
    `&#34password&#34:&#34${S}&#34`,
    `&#0000034;password&#0000034;:&#0000034;${S}&#0000034;`,
    `\\343\\203\\221\\343\\202\\271\\343\\203\\257\\343\\203\\274\\343\\203\\211: ${S}`,
    `\\xE3\\x83\\x91\\xE3\\x82\\xB9\\xE3\\x83\\xAF\\xE3\\x83\\xBC\\xE3\\x83\\x89: ${S}`,
  ])('are decoded before a text is scanned: %s', (text) =>
    expect(rules.redactText(text)).not.toContain(S),
  );

  it('leave what is no escape', () => {
    for (const text of [
      '\\8',
      '\\12',
      '\\400',
      '&#;',
      '&#x;',
      '&#99999999;',
      '&unknown',
      '&#x110000;',
    ])
      expect([...viewsOf(text)].length).toBe(1);
  });
});
