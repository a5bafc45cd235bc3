import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Revocation, RevocationPage, RevocationStore } from '../../lib/sessions/revocation';
import { Revocations } from './revocations';

/** A store whose reads the test resolves; writes never resolve. */
class SlowStore implements RevocationStore {
  reads: { resolve(page: RevocationPage | null): void; reject(error: Error): void }[] = [];
  written: Revocation[][] = [];
  read(): Promise<RevocationPage | null> {
    return new Promise((resolve, reject) => void this.reads.push({ resolve, reject }));
  }
  write(rows: Revocation[]): ReturnType<RevocationStore['write']> {
    this.written.push(rows);
    return new Promise(() => undefined);
  }
}
const page = (fields: Partial<RevocationPage> = {}): RevocationPage => ({
  rows: [],
  cursor: 'now',
  omittedUntilMs: null,
  ...fields,
});
const session = (endsAt = Date.now() + 60_000) => ({
  key: 'a',
  endsAt,
  subjectKey: 'alice',
  issuedAtS: 100,
});
const advanceClock = (ms: number) => vi.setSystemTime(Date.now() + ms);
afterEach(() => vi.useRealTimers());

describe('Revocations', () => {
  it('waits a bounded time and accepts no session before the first read', async () => {
    vi.useFakeTimers();
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const answers = [revocations.refresh(), revocations.refresh()];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await Promise.all(answers)).toEqual([false, false]);
    expect(store.reads.length).toBe(1);
    const third = revocations.refresh();
    store.reads[0]?.resolve(page());
    expect(await third).toBe(true);
    expect(store.reads.length).toBe(1);
  });

  it('reads revocations at most every five seconds, even while the database fails', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const first = revocations.refresh();
    store.reads[0]?.reject(new Error('down'));
    expect(await first).toBe(false);
    expect(await revocations.refresh()).toBe(false);
    advanceClock(4_999);
    expect(await revocations.refresh()).toBe(false);
    expect(store.reads.length).toBe(1);
    advanceClock(1);
    const second = revocations.refresh();
    store.reads[1]?.resolve(page());
    expect(await second).toBe(true);
  });

  it('reads the revocations again when the clock is set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const first = revocations.refresh();
    store.reads[0]?.resolve(page());
    await first;
    advanceClock(-3_600_000);
    const second = revocations.refresh();
    expect(store.reads.length).toBe(2);
    store.reads[1]?.resolve(page());
    expect(await second).toBe(true);
  });

  it('revokes sessions whose revocations may have been omitted from a read', async () => {
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const refreshed = revocations.refresh();
    store.reads[0]?.resolve(page({ omittedUntilMs: Date.now() + 60_000 }));
    await refreshed;
    expect(revocations.isRevoked(session(Date.now() + 59_000))).toBe(true);
    expect(revocations.isRevoked(session(Date.now() + 61_000))).toBe(false);
  });

  it('applies a local revocation at once while the database is slow', async () => {
    vi.useFakeTimers();
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const revoked = revocations.revoke([
      { kind: 'session', key: 'a', expiresAtMs: Date.now() + 60_000, issuedUntilSeconds: null },
    ]);
    expect(revocations.isRevoked(session())).toBe(true);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await revoked).toBe('failed');
    log.mockRestore();
  });

  it('revokes a session without a sid by its subject', async () => {
    const revocations = new Revocations(null);
    await revocations.revoke([
      {
        kind: 'subject_without_provider_session',
        key: 'alice',
        expiresAtMs: Date.now() + 60_000,
        issuedUntilSeconds: 100,
      },
    ]);
    expect(revocations.isRevoked(session())).toBe(true);
    expect(revocations.isRevoked({ ...session(), issuedAtS: 101 })).toBe(false);
    expect(revocations.isRevoked({ ...session(), providerSessionKey: 'x' })).toBe(false);
  });
});
