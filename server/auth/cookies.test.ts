import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readEnv } from '../../lib/config/environment';
import { authCookies, cookieJar } from './cookies';

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
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('the names of cookies', () => {
  const jarOf = (publicUrl: string, basePath = '') =>
    cookieJar(
      readEnv({
        DATABASE_URL: 'postgres://localhost/app',
        BASE_PATH: basePath,
        AUTH_MODE: 'none',
        I_KNOW_THIS_IS_OPEN: '1',
        PUBLIC_URL: publicUrl + basePath,
      }),
    );

  it('carry __Host- on https, under a base path too, which no sibling domain can set', () => {
    for (const basePath of ['', '/ops/good_job', '/a']) {
      const jar = jarOf('https://ops.example.com', basePath);
      for (const cookie of [
        jar.set(jar.session, 'x', 60),
        jar.set(jar.signIn('abcdefghijk'), 'x', 60),
        jar.clear(jar.session),
      ])
        expect(cookie).toMatch(
          /^__Host-gjc_[a-z0-9_]+=x?; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
        );
    }
  });
  it('are bound to the path on http', () => {
    const jar = jarOf('http://ops.example.com', '/ops');
    expect(jar.set(jar.session, 'x', 60)).toMatch(
      /^gjc_[0-9a-f]{8}_session=x; Max-Age=60; Path=\/ops; HttpOnly; SameSite=Lax$/,
    );
    expect(jarOf('http://ops.example.com').session).toBe('gjc_session');
  });
  it('differ by base path, and no console takes another one’s sign-in for its own', () => {
    const jars = ['', '/ops', '/ops/good_job', '/sign_in_x'].map((basePath) =>
      jarOf('https://ops.example.com', basePath),
    );
    expect(new Set(jars.map(({ session }) => session)).size).toBe(jars.length);
    for (const jar of jars)
      for (const other of jars) expect(jar.isSignIn(other.signIn('abcdefgh'))).toBe(jar === other);
  });
  it('are hidden from the pages, whichever console they are of', () => {
    const request = {
      headers: {
        cookie:
          'a=1; gjc_session=x; __Host-gjc_0a1b2c3d_session=x;\t__Secure-gjc_session=x; gjc_0a1b2c3d_sign_in_abc=x; gjc_theme=dark',
      },
      rawHeaders: [],
    } as unknown as IncomingMessage;
    jarOf('https://ops.example.com').hide(request);
    expect(request.headers.cookie).toBe('a=1; gjc_theme=dark');
  });
});
