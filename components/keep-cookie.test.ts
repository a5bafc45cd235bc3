import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepCookie } from './keep-cookie';

const page = { cookie: '' };
const on = (protocol: string) => {
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', { protocol });
};
afterEach(() => vi.unstubAllGlobals());

describe('keepCookie', () => {
  it('sets Secure on https', () => {
    on('https:');
    keepCookie('gjc_chart', 'a b', '/ops');
    expect(page.cookie).toBe('gjc_chart=a%20b; Path=/ops; Max-Age=31536000; SameSite=Lax; Secure');
    keepCookie('gjc_chart', null, '');
    expect(page.cookie).toBe('gjc_chart=; Path=/; Max-Age=0; SameSite=Lax; Secure');
  });
  it('leaves Secure out on http, where a browser would drop the cookie', () => {
    on('http:');
    keepCookie('gjc_chart', 'x', '');
    expect(page.cookie).toBe('gjc_chart=x; Path=/; Max-Age=31536000; SameSite=Lax');
  });
});
