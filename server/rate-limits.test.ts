import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLimit } from './rate-limits';

afterEach(() => vi.useRealTimers());

describe('createLimit', () => {
  it('a limit counts each key separately and starts again after a minute', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const limit = createLimit(2);
    expect([limit('a'), limit('a'), limit('b')]).toEqual([0, 0, 0]);
    vi.setSystemTime(Date.now() + 20_000);
    expect([limit('a'), limit('b')]).toEqual([40, 0]);
    vi.setSystemTime(Date.now() + 40_000);
    expect(limit('a')).toBe(0);
  });
  it('a limit restarts its window when the clock is set back', () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const limit = createLimit(1);
    expect([limit('a'), limit('a')]).toEqual([0, 60]);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(limit('a')).toBe(0);
  });
  it('a limit of zero points allows every request', () => {
    const limit = createLimit(0);
    expect([limit('a'), limit('a')]).toEqual([0, 0]);
  });
  it('a limit stores a bounded number of keys and evicts the oldest', () => {
    const limit = createLimit(1, 3);
    expect([limit('a'), limit('b'), limit('c')]).toEqual([0, 0, 0]);
    expect(limit('c')).toBeGreaterThan(0);
    expect(limit('d')).toBe(0);
    expect([limit('b'), limit('c'), limit('d')].every((seconds) => seconds > 0)).toBe(true);
    expect(limit('a')).toBe(0);
  });
});
