import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { authCookies } from './cookies';

const read = (cookie: string) =>
  Object.fromEntries(authCookies({ headers: { cookie } } as IncomingMessage));

describe('the console’s cookies', () => {
  it('are those with its name, without the blanks around them', () => {
    expect(read('a=b;  gjc_session = x=y \t; gjc_sign_in_1=z;gjc_;=gjc_')).toEqual({
      gjc_session: 'x=y',
      gjc_sign_in_1: 'z',
    });
  });
  it('that came twice are none, whatever the blanks', () => {
    expect(read('gjc_session=a; \tgjc_session=b')).toEqual({});
  });
  it('are not those whose name begins with what only looks like a blank: a browser lets anybody set such a __Host- cookie', () => {
    expect(
      read('\u00a0__Host-gjc_session=mine; __Host-gjc_session=theirs')['__Host-gjc_session'],
    ).toBe('theirs');
  });
  it('are read in no time', () => {
    const started = performance.now();
    for (const cookie of [
      `gjc_=${' '.repeat(60_000)}x`,
      `${' '.repeat(60_000)}x`,
      `gjc_a${' '.repeat(30_000)}b${' '.repeat(30_000)}`,
      ' =;'.repeat(20_000),
      'gjc_=;'.repeat(10_000),
    ])
      read(cookie);
    expect(performance.now() - started).toBeLessThan(200);
  });
});
