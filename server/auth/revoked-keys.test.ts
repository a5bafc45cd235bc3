import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Revocation } from '../../lib/sessions/revocation';
import { RevokedKeys } from './revoked-keys';

afterEach(() => vi.useRealTimers());
const row = (key: string, expiresAtMs: number, fields: Partial<Revocation> = {}): Revocation => ({
  kind: 'session',
  key,
  expiresAtMs,
  issuedUntilSeconds: null,
  ...fields,
});
const inMs = (ms: number) => Date.now() + ms;

describe('RevokedKeys', () => {
  it('evicts revocations above its limit, then revokes all sessions they may cover', () => {
    const keys = new RevokedKeys(10);
    for (let n = 1; n <= 10; n += 1) keys.add(row(String(n), inMs(n * 60_000)));
    expect(keys.mayBeEvicted(inMs(60_000))).toBe(false);
    const eleventh = inMs(11 * 60_000);
    keys.add(row('11', eleventh));
    expect(keys.has('session', '1')).toBe(false);
    expect(keys.mayBeEvicted(inMs(50_000))).toBe(true);
    expect(keys.has('session', '2')).toBe(true);
    expect(keys.mayBeEvicted(inMs(90_000))).toBe(false);
    expect(keys.mayBeEvicted(eleventh)).toBe(false);
  });
  it('evicts expired revocations first, without revoking other sessions', () => {
    const keys = new RevokedKeys(10);
    for (let n = 1; n <= 10; n += 1) keys.add(row(String(n), inMs(n === 1 ? -1 : n * 60_000)));
    keys.add(row('11', inMs(60_000)));
    expect(keys.mayBeEvicted(inMs(0))).toBe(false);
  });
  it('prunes expired revocations', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const keys = new RevokedKeys();
    keys.add(row('a', inMs(60_000)));
    vi.setSystemTime(inMs(30_000));
    keys.prune();
    expect(keys.has('session', 'a')).toBe(true);
    vi.setSystemTime(inMs(90_000));
    keys.prune();
    expect(keys.has('session', 'a')).toBe(false);
  });
  it('revokes sessions of a subject up to the latest logout', () => {
    const keys = new RevokedKeys();
    const subject = (issuedUntilS: number) =>
      keys.add(row('alice', inMs(60_000), { kind: 'subject', issuedUntilSeconds: issuedUntilS }));
    subject(200);
    subject(100);
    const isRevoked = (issuedAtS: number) => keys.isIssuedBefore('subject', 'alice', issuedAtS);
    expect([isRevoked(100), isRevoked(200), isRevoked(201)]).toEqual([true, true, false]);
    expect(keys.isIssuedBefore('subject', 'bob', 1)).toBe(false);
    expect(keys.isIssuedBefore('subject_without_provider_session', 'alice', 1)).toBe(false);
  });
});
