import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Revocation, RevocationPage, RevocationStore } from '../../lib/sessions/revocation';
import { Revocations } from './revocations';

/** A database that answers when the test says so. */
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
const page = (more: Partial<RevocationPage> = {}): RevocationPage => ({
  rows: [],
  cursor: 'now',
  omittedUntilMs: null,
  ...more,
});
const session = (endsAt = Date.now() + 60_000) => ({
  key: 'a',
  endsAt,
  subjectKey: 'alice',
  issuedAtS: 100,
});
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
afterEach(() => vi.useRealTimers());

describe('the list of revoked sessions', () => {
  it('waits for the database a bounded time, and accepts nothing before its first answer', async () => {
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

  it('is read once in five seconds while the database fails, too', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const first = revocations.refresh();
    store.reads[0]?.reject(new Error('down'));
    expect(await first).toBe(false);
    expect(await revocations.refresh()).toBe(false);
    later(4_999);
    expect(await revocations.refresh()).toBe(false);
    expect(store.reads.length).toBe(1);
    later(1);
    const second = revocations.refresh();
    store.reads[1]?.resolve(page());
    expect(await second).toBe(true);
  });

  it('is read again when the clock was set back', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const first = revocations.refresh();
    store.reads[0]?.resolve(page());
    await first;
    later(-3_600_000);
    const second = revocations.refresh();
    expect(store.reads.length).toBe(2);
    store.reads[1]?.resolve(page());
    expect(await second).toBe(true);
  });

  it('refuses a session that ends by the end of what was too much to read', async () => {
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const refreshed = revocations.refresh();
    store.reads[0]?.resolve(page({ omittedUntilMs: Date.now() + 60_000 }));
    await refreshed;
    expect(revocations.isRevoked(session(Date.now() + 59_000))).toBe(true);
    expect(revocations.isRevoked(session(Date.now() + 61_000))).toBe(false);
  });

  it('holds at once for what was revoked here, while the database takes its time', async () => {
    vi.useFakeTimers();
    const store = new SlowStore();
    const revocations = new Revocations(store);
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const revoked = revocations.revoke([
      { kind: 'session', key: 'a', expiresAtMs: Date.now() + 60_000, issuedUntilS: null },
    ]);
    expect(revocations.isRevoked(session())).toBe(true);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await revoked).toBe('failed');
    log.mockRestore();
  });

  it('of a session without a sid goes by the person alone', async () => {
    const revocations = new Revocations(null);
    await revocations.revoke([
      {
        kind: 'subject_without_provider_session',
        key: 'alice',
        expiresAtMs: Date.now() + 60_000,
        issuedUntilS: 100,
      },
    ]);
    expect(revocations.isRevoked(session())).toBe(true);
    expect(revocations.isRevoked({ ...session(), issuedAtS: 101 })).toBe(false);
    expect(revocations.isRevoked({ ...session(), providerSessionKey: 'x' })).toBe(false);
  });
});
