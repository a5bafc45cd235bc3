import { afterEach, describe, expect, it, vi } from 'vitest';
import { setPreferenceCookie } from './display-settings';

const page = { cookie: '' };
const stubPage = (protocol: string) => {
  vi.stubGlobal('document', page);
  vi.stubGlobal('location', { protocol });
};
afterEach(() => vi.unstubAllGlobals());

describe('setPreferenceCookie', () => {
  it('sets a preference cookie with Secure on https', () => {
    stubPage('https:');
    setPreferenceCookie('gjc_chart', 'a b', '/ops');
    expect(page.cookie).toBe('gjc_chart=a%20b; Path=/ops; Max-Age=31536000; SameSite=Lax; Secure');
    setPreferenceCookie('gjc_chart', null, '');
    expect(page.cookie).toBe('gjc_chart=; Path=/; Max-Age=0; SameSite=Lax; Secure');
  });
  it('omits Secure from a preference cookie on http, where a browser would drop it', () => {
    stubPage('http:');
    setPreferenceCookie('gjc_chart', 'x', '');
    expect(page.cookie).toBe('gjc_chart=x; Path=/; Max-Age=31536000; SameSite=Lax');
  });
});
