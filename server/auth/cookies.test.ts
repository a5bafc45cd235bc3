import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readEnv } from '../../lib/config/environment';
import { authCookies, createCookieJar } from './cookies';

const read = (cookie: string) =>
  Object.fromEntries(authCookies({ headers: { cookie } } as IncomingMessage));

describe('authCookies', () => {
  it('reads the console’s cookies without surrounding blanks', () => {
    expect(read('a=b;  gjc_session = x=y \t; gjc_sign_in_1=z;gjc_;=gjc_')).toEqual({
      gjc_session: 'x=y',
      gjc_sign_in_1: 'z',
    });
  });
  it('ignores a cookie sent twice, with or without blanks', () => {
    expect(read('gjc_session=a; \tgjc_session=b')).toEqual({});
  });
  // Browsers protect the __Host- prefix only at the very start of a name.
  it('does not trim a Unicode space before a __Host- name', () => {
    expect(
      read('\u00a0__Host-gjc_session=mine; __Host-gjc_session=theirs')['__Host-gjc_session'],
    ).toBe('theirs');
  });
  it('parses long headers in linear time', () => {
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

describe('createCookieJar', () => {
  const jarOf = (publicUrl: string, basePath = '') =>
    createCookieJar(
      readEnv({
        DATABASE_URL: 'postgres://localhost/app',
        BASE_PATH: basePath,
        AUTH_MODE: 'none',
        I_KNOW_THIS_IS_OPEN: '1',
        PUBLIC_URL: publicUrl + basePath,
      }),
    );

  it('uses the __Host- prefix on https, with a base path too', () => {
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
  it('binds cookies to the base path on http', () => {
    const jar = jarOf('http://ops.example.com', '/ops');
    expect(jar.set(jar.session, 'x', 60)).toMatch(
      /^gjc_[0-9a-f]{8}_session=x; Max-Age=60; Path=\/ops; HttpOnly; SameSite=Lax$/,
    );
    expect(jarOf('http://ops.example.com').session).toBe('gjc_session');
  });
  it('uses different cookie names for each base path', () => {
    const jars = ['', '/ops', '/ops/good_job', '/sign_in_x'].map((basePath) =>
      jarOf('https://ops.example.com', basePath),
    );
    expect(new Set(jars.map(({ session }) => session)).size).toBe(jars.length);
    for (const jar of jars)
      for (const other of jars) expect(jar.isSignIn(other.signIn('abcdefgh'))).toBe(jar === other);
  });
  it('does not clear a planted cookie whose name cannot be printed in Set-Cookie', () => {
    const jar = jarOf('http://ops.example.com');
    for (const name of [
      'gjc_sign_in_a b',
      'gjc_sign_in_é',
      'gjc_sign_in_',
      'gjc_sign_in_123456789',
    ])
      expect(jar.isSignIn(name), name).toBe(false);
    expect(jar.clear(jar.signIn('abcdefgh'))).toMatch(/^gjc_sign_in_abcdefgh=; Max-Age=0/);
  });
  it('hides the cookies of every console from the pages', () => {
    const request = {
      headers: {
        cookie:
          'a=1; gjc_session=x; __Host-gjc_0a1b2c3d_session=x;\t__Secure-gjc_session=x; ' +
          'gjc_0a1b2c3d_sign_in_abc=x; gjc_theme=dark',
      },
      rawHeaders: [],
    } as unknown as IncomingMessage;
    jarOf('https://ops.example.com').hide(request);
    expect(request.headers.cookie).toBe('a=1; gjc_theme=dark');
  });
});
