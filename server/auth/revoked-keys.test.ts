import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Revocation } from '../../lib/sessions/revocation';
import { RevokedKeys } from './revoked-keys';

afterEach(() => vi.useRealTimers());
const row = (key: string, expiresAtMs: number, more: Partial<Revocation> = {}): Revocation => ({
  kind: 'session',
  key,
  expiresAtMs,
  issuedUntilS: null,
  ...more,
});
const soon = (ms: number) => Date.now() + ms;

describe('revoked keys', () => {
  it('are bounded, and a session that may be a forgotten one counts as revoked', () => {
    const keys = new RevokedKeys(10);
    for (let n = 1; n <= 10; n += 1) keys.add(row(String(n), soon(n * 60_000)));
    expect(keys.isForgotten(soon(60_000))).toBe(false);
    const eleventh = soon(11 * 60_000);
    keys.add(row('11', eleventh));
    expect(keys.has('session', '1')).toBe(false);
    expect(keys.isForgotten(soon(50_000))).toBe(true);
    expect(keys.has('session', '2')).toBe(true);
    expect(keys.isForgotten(soon(90_000))).toBe(false);
    expect(keys.isForgotten(eleventh)).toBe(false);
  });
  it('that have expired make room without refusing anybody', () => {
    const keys = new RevokedKeys(10);
    for (let n = 1; n <= 10; n += 1) keys.add(row(String(n), soon(n === 1 ? -1 : n * 60_000)));
    keys.add(row('11', soon(60_000)));
    expect(keys.isForgotten(soon(0))).toBe(false);
  });
  it('expire', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const keys = new RevokedKeys();
    keys.add(row('a', soon(60_000)));
    vi.setSystemTime(soon(30_000));
    keys.prune();
    expect(keys.has('session', 'a')).toBe(true);
    vi.setSystemTime(soon(90_000));
    keys.prune();
    expect(keys.has('session', 'a')).toBe(false);
  });
  it('of a person reach as far as the newest logout', () => {
    const keys = new RevokedKeys();
    const subject = (issuedUntilS: number) =>
      keys.add(row('alice', soon(60_000), { kind: 'subject', issuedUntilS }));
    subject(200);
    subject(100);
    const isRevoked = (issuedAtS: number) => keys.isIssuedBefore('subject', 'alice', issuedAtS);
    expect([isRevoked(100), isRevoked(200), isRevoked(201)]).toEqual([true, true, false]);
    expect(keys.isIssuedBefore('subject', 'bob', 1)).toBe(false);
    expect(keys.isIssuedBefore('subject_without_provider_session', 'alice', 1)).toBe(false);
  });
});
