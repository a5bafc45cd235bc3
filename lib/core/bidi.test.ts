import { expect, it } from 'vitest';
import { escapeBidi } from './text';

it.each([
  0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
])('escapes the bidirectional control character %i', (code) => {
  const escape = `\\u${code.toString(16).padStart(4, '0')}`;
  expect(escapeBidi(`a${String.fromCharCode(code)}b${String.fromCharCode(code)}`)).toBe(
    `a${escape}b${escape}`,
  );
});

it('escapeBidi keeps right-to-left letters, joiners and ordinary text', () => {
  const text = 'שלום مرحبا 日本語 a\u200db \n\t';
  expect(escapeBidi(text)).toBe(text);
});
