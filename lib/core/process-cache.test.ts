import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CacheOptions, ProcessCache, costTtl, expireAfterWrite } from './process-cache';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let caches = 0;
function newCache(options: Partial<CacheOptions<number>> = {}): ProcessCache<number> {
  caches += 1;
  return new ProcessCache(`test ${caches}`, { ttlMs: 1_000, maxEntries: 10, ...options });
}

/** A load that returns 1, 2, 3, …. */
function counter() {
  return vi.fn(() => Promise.resolve(load.mock.calls.length));
}
let load = counter();
beforeEach(() => {
  load = counter();
});

it('loads once for all readers who ask at the same time', async () => {
  const cache = newCache();
  expect(await Promise.all([cache.get('a', 'k', load), cache.get('a', 'k', load)])).toEqual([1, 1]);
  expect(load).toHaveBeenCalledTimes(1);
});

it('answers a fresh value from memory and loads anew after its TTL', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(999);
  expect(await cache.get('a', 'k', load)).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await cache.get('a', 'k', load)).toBe(2);
});

it('separates scopes and keys', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  expect(await cache.get('b', 'k', load)).toBe(2);
  expect(await cache.get('a', 'l', load)).toBe(3);
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('answers a stale value at once and loads one new value behind it', async () => {
  const cache = newCache();
  const stale = { staleMs: 500 };
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_200);
  expect(await cache.get('a', 'k', load, stale)).toBe(1);
  expect(await cache.get('a', 'k', load, stale)).toBe(2);
  vi.advanceTimersByTime(1_500);
  expect(await cache.get('a', 'k', load, stale)).toBe(3);
});

it('waits for a new value at most `waitMs` before it answers the stale one', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_000);
  let finish: (value: number) => void = () => undefined;
  const answer = cache.get('a', 'k', () => new Promise((resolve) => (finish = resolve)), {
    staleMs: 60_000,
    waitMs: 250,
  });
  await vi.advanceTimersByTimeAsync(250);
  expect(await answer).toBe(1);
  finish(7);
  await vi.advanceTimersByTimeAsync(0);
  expect(await cache.get('a', 'k', load)).toBe(7);
});

it('does not store a failure, and throws it to those who wait', async () => {
  const cache = newCache();
  const fail = () => Promise.reject(new Error('down'));
  await expect(cache.get('a', 'k', fail)).rejects.toThrow('down');
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('keeps the stale value when the load behind it fails, and retries after 5 s', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_000);
  const fail = vi.fn(() => Promise.reject(new Error('down')));
  for (const _ of [1, 2, 3]) {
    expect(await cache.latest('a', 'k', fail, { staleMs: 60_000 })).toBe(1);
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(fail).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(5_000);
  await cache.latest('a', 'k', fail, { staleMs: 60_000 });
  expect(fail).toHaveBeenCalledTimes(2);
});

it('returns the latest value without waiting, and none before the first load', async () => {
  const cache = newCache();
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBeUndefined();
  await vi.advanceTimersByTimeAsync(0);
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBe(1);
  vi.advanceTimersByTime(1_500);
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBeUndefined();
});

it('refreshes behind a stale value alone, which it answers meanwhile', async () => {
  const cache = newCache();
  const stale = { staleMs: 500 };
  cache.refresh('a', 'k', load, stale);
  cache.set('a', 'k', 7);
  cache.refresh('a', 'k', load, stale);
  expect(load).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_200);
  expect(cache.peek('a', 'k')).toBeUndefined();
  cache.refresh('a', 'k', load, stale);
  expect(cache.peek('a', 'k')).toBe(7);
  await vi.advanceTimersByTimeAsync(0);
  expect(cache.peek('a', 'k')).toBe(1);
});

it('does not store a load that was under way when its key was deleted', async () => {
  const cache = newCache();
  let finish: (value: number) => void = () => undefined;
  const answer = cache.get('a', 'k', () => new Promise((resolve) => (finish = resolve)));
  cache.delete('a', 'k');
  finish(9);
  expect(await answer).toBe(9);
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('drops the entry that was read longest ago when it is full', async () => {
  const cache = newCache({ maxEntries: 2 });
  await cache.get('a', 'k', load);
  await cache.get('a', 'l', load);
  await cache.get('a', 'k', load);
  await cache.get('a', 'm', load);
  expect(cache.peek('a', 'k')).toBe(1);
  expect(cache.peek('a', 'l')).toBeUndefined();
});

it('keeps an expensive value longer', async () => {
  const cache = newCache({ ttlMs: costTtl(1_000, 10, 4_000) });
  cache.set('a', 'cheap', 1, 0);
  cache.set('a', 'slow', 1, 200);
  cache.set('a', 'slowest', 1, 60_000);
  vi.advanceTimersByTime(1_000);
  expect(cache.peek('a', 'cheap')).toBeUndefined();
  expect(cache.peek('a', 'slow')).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(cache.peek('a', 'slow')).toBeUndefined();
  expect(cache.peek('a', 'slowest')).toBe(1);
});

it('is the same cache in every module that names it', async () => {
  const options = { ttlMs: 1_000, maxEntries: 10 };
  new ProcessCache<number>('test shared', options).set('a', 'k', 5);
  vi.resetModules();
  const again = await import('./process-cache');
  expect(again.ProcessCache).not.toBe(ProcessCache);
  expect(new again.ProcessCache<number>('test shared', options).peek('a', 'k')).toBe(5);
});

describe('after a write', () => {
  const expiring = () => newCache({ expiresOnWrite: true });

  it('loads anew at the next read, in the scope of the write alone', async () => {
    const cache = expiring();
    await cache.get('a', 'k', load);
    await cache.get('b', 'k', load);
    expireAfterWrite('a');
    expect(await cache.get('a', 'k', load)).toBe(3);
    expect(await cache.get('b', 'k', load)).toBe(2);
  });

  it('expires every entry of the scope', async () => {
    const cache = expiring();
    const keys = ['k', 'l', 'm', 'n'];
    for (const key of keys) await cache.get('a', key, load);
    expireAfterWrite('a');
    expect(keys.map((key) => cache.peek('a', key))).toEqual(keys.map(() => undefined));
  });

  it('makes a reader of the latest value wait for the new one, a second at most', async () => {
    const cache = expiring();
    await cache.get('a', 'k', load);
    expireAfterWrite('a');
    expect(await cache.latest('a', 'k', load, { staleMs: 60_000 })).toBe(2);
    expireAfterWrite('a');
    const answer = cache.latest('a', 'k', () => new Promise(() => undefined), { staleMs: 60_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await answer).toBe(2);
  });

  it('does not store a load that began before it', async () => {
    const cache = expiring();
    let finish: (value: number) => void = () => undefined;
    const before = cache.get('a', 'k', () => new Promise((resolve) => (finish = resolve)));
    expireAfterWrite('a');
    finish(9);
    expect(await before).toBe(9);
    expect(await cache.get('a', 'k', load)).toBe(1);
  });

  it('leaves a cache alone that a write cannot make wrong', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    expireAfterWrite('a');
    expect(await cache.get('a', 'k', load)).toBe(1);
  });
});

it('starts no load behind a value that is stale for less than `idleMs`', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_500);
  const options = { staleMs: 60_000, idleMs: 1_000 };
  expect(await cache.latest('a', 'k', load, options)).toBe(1);
  expect(load).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(await cache.latest('a', 'k', load, options)).toBe(1);
  expect(load).toHaveBeenCalledTimes(2);
});

describe('with `maxAgeMs`', () => {
  it('loads anew what is fresh but older, once for all readers', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(100);
    expect(await cache.get('a', 'k', load, { maxAgeMs: 100 })).toBe(1);
    const readers = [1, 2].map(() => cache.get('a', 'k', load, { maxAgeMs: 99 }));
    expect(await Promise.all(readers)).toEqual([2, 2]);
    expect(await cache.get('a', 'k', load)).toBe(2);
  });

  it('answers no stale value that is older', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(1_200);
    expect(await cache.get('a', 'k', load, { staleMs: 60_000, maxAgeMs: 1_000 })).toBe(2);
  });

  it('neither answers nor stores a load that began earlier', async () => {
    const cache = newCache();
    let finish: (value: number) => void = () => undefined;
    const early = cache.get('a', 'k', () => new Promise((resolve) => (finish = resolve)));
    vi.advanceTimersByTime(100);
    expect(await cache.get('a', 'k', load, { maxAgeMs: 50 })).toBe(1);
    finish(7);
    expect(await early).toBe(7);
    expect(await cache.get('a', 'k', load)).toBe(1);
  });

  it('lets other readers have the last value meanwhile', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(100);
    const fresh = cache.get('a', 'k', load, { maxAgeMs: 0 });
    expect(await cache.get('a', 'k', load)).toBe(1);
    expect(await fresh).toBe(2);
  });
});
