import { describe, expect, it } from 'vitest';
import { REDACTION_MARKER, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';
import { viewsOf } from './text-view';

const rules = new Redaction();
const SECRET = 'hunter2Zq9x';
const redactBeside = (value: string, text: string) => {
  const secrets = new SecretRegistry();
  secrets.add(value);
  return rules.redactText(text, secrets);
};
const lines = (text: string, length: number, lineEnd: string) =>
  (text.match(new RegExp(`.{1,${length}}`, 'g')) ?? []).join(lineEnd);
const base64 = (text: string) => Buffer.from(text).toString('base64');
/** Expects that the base64 that remains does not decode to the start of the value. */
function expectHidden(redacted: string, value: string): void {
  const remaining = redacted.replaceAll(/[\s\\nr]|\[REDACTED\]/g, '');
  expect(redacted).toContain(REDACTION_MARKER);
  for (const offset of [0, 1, 2])
    expect(Buffer.from(remaining.slice(offset), 'base64').toString('latin1')).not.toContain(
      value.slice(0, 6),
    );
}

describe('repeats in base64 with line breaks', () => {
  it.each(
    [60, 64, 76].flatMap((length) =>
      ['\n', '\r\n', '\n  ', '\\n', '\\r\\n'].map((lineEnd) => [length, lineEnd] as const),
    ),
  )(
    'hides the value at any offset in lines of %i characters that end with %j',
    (length, lineEnd) => {
      for (let before = 0; before < 60; before += 1) {
        const text = `${'p'.repeat(before)}${SECRET}${'z'.repeat(80)}`;
        const encoded = lines(base64(text), length, lineEnd);
        const redacted = redactBeside(SECRET, `body:${lineEnd}${encoded}${lineEnd}`);
        expectHidden(redacted.slice(5), SECRET);
      }
    },
  );

  it('hides all base64 lines of a long value', () => {
    const value = `${SECRET}${'aB3dE5gH7j'.repeat(15)}`;
    const encoded = lines(base64(value), 60, '\n');
    expect(redactBeside(value, `got ${encoded}\n, and more`)).toBe(
      `got ${REDACTION_MARKER}\n, and more`,
    );
  });

  it('does not join lines of ordinary text', () => {
    const text = `${'a'.repeat(30)}hunter2\nZq9x`;
    expect(redactBeside(SECRET, text)).toBe(text);
  });
});

describe('repeats in base64 of an escaped value', () => {
  const value = `p&q"s <é>/ ${SECRET}`;
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
  ])('hides a value escaped by %s', (_, escaped) => {
    for (const text of [base64(escaped), base64(`x${escaped}`), base64(`xy${escaped}`)])
      expect(redactBeside(value, `got ${text} there`)).toMatch(/^got \S{0,16}\[REDACTED\] there$/);
  });
});

describe('repeats of a value with an emoji', () => {
  it.each([15, 16, 17, 18, 19, 20, 21, 22])(
    'hides base64 and hexadecimal of a value with an emoji at offset %i',
    (at) => {
      const value = `${'aB3dE5gH7jK9mN1pQ2rS4tU6'.slice(0, at)}😀${SECRET}`;
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        expect(redactBeside(value, `got ${Buffer.from(value).toString(encoding)} there`)).toMatch(
          /^got \[REDACTED\]={0,2} there$/,
        );
    },
  );
});

describe('repeats of a value with quotes', () => {
  it.each([`it's ${SECRET}`, `say "${SECRET}`, `both ' and " ${SECRET}`, `'${SECRET}'`])(
    'hides %s where SQL or CSV doubles the quotes',
    (value) => {
      expect(redactBeside(value, `INSERT '${value.replaceAll("'", "''")}' x`)).not.toContain(
        SECRET,
      );
      expect(redactBeside(value, `a,"${value.replaceAll('"', '""')}",b`)).not.toContain(SECRET);
    },
  );
  it('hides the value with single quotes after it was hidden with doubled quotes', () => {
    for (const quote of ["'", '"']) {
      const secrets = new SecretRegistry();
      rules.redactText(`password=${quote}it${quote}${quote}s opensesame${quote} x`, secrets);
      expect(rules.redactText(`refused it${quote}s opensesame!`, secrets)).toBe(
        `refused ${REDACTION_MARKER}!`,
      );
    }
  });
});

describe('repeats of a hidden number', () => {
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
  ])('hides a number of six digits in %s', (text) =>
    expect(redactBeside('482133', text)).toBe(text.replace('482133', REDACTION_MARKER)),
  );
  it.each(['1482133', '4821330', 'a1482133b', '48213'])('keeps another number in %s', (text) =>
    expect(redactBeside('482133', text)).toBe(text),
  );
  it('hides a number of four or five digits only as a whole word', () => {
    expect(redactBeside('4711', 'n 4711, ord4711x, 47110')).toBe(
      `n ${REDACTION_MARKER}, ord4711x, 47110`,
    );
  });
});

describe('escaped bytes and entities', () => {
  const value = `zürich"あ😀${SECRET}`;
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
    ['entities without a semicolon', `zürich&quotあ&#128512${SECRET}`],
    [
      'hexadecimal entities without a semicolon',
      chars((code) =>
        code > 0x7f || code === 0x22
          ? `&#x${code.toString(16)}${code === 0xfc ? ';' : ''}`
          : String.fromCodePoint(code),
      ),
    ],
  ])('hides a repeat in %s', (_, text) =>
    expect(redactBeside(value, `got ${text} there`)).toBe(`got ${REDACTION_MARKER} there`),
  );

  it.each([
    `\\042password\\042:\\042${SECRET}\\042`,
    `&quotpassword&quot:&quot${SECRET}&quot`,
    `&#34password&#34:&#34${SECRET}&#34`,
    `&#0000034;password&#0000034;:&#0000034;${SECRET}&#0000034;`,
    `\\343\\203\\221\\343\\202\\271\\343\\203\\257\\343\\203\\274\\343\\203\\211: ${SECRET}`,
    `\\xE3\\x83\\x91\\xE3\\x82\\xB9\\xE3\\x83\\xAF\\xE3\\x83\\xBC\\xE3\\x83\\x89: ${SECRET}`,
  ])('finds the secret name in %s', (text) => expect(rules.redactText(text)).not.toContain(SECRET));

  it('keeps sequences that are not escapes', () => {
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
