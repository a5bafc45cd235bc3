import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CacheOptions, costTtl, expireAfterWrite, ProcessCache } from './process-state';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

let caches = 0;
function newCache(options: Partial<CacheOptions<number>> = {}): ProcessCache<number> {
  caches += 1;
  return new ProcessCache(`test ${caches}`, { ttlMs: 1_000, maxEntries: 10, ...options });
}

/** Returns a load and the function that resolves it. */
function deferredLoad(): { load: () => Promise<number>; resolve: (value: number) => void } {
  let resolveLoad: (value: number) => void = () => undefined;
  const promise = new Promise<number>((resolve) => {
    resolveLoad = resolve;
  });
  return { load: () => promise, resolve: resolveLoad };
}

/** Returns a mock load that resolves to 1, 2, 3, …. */
function counter() {
  return vi.fn(() => Promise.resolve(load.mock.calls.length));
}
let load = counter();
beforeEach(() => {
  load = counter();
});

it('loads once for concurrent readers', async () => {
  const cache = newCache();
  expect(await Promise.all([cache.get('a', 'k', load), cache.get('a', 'k', load)])).toEqual([1, 1]);
  expect(load).toHaveBeenCalledTimes(1);
});

it('returns a cached value until its TTL ends, then loads again', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(999);
  expect(await cache.get('a', 'k', load)).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await cache.get('a', 'k', load)).toBe(2);
});

it('stores values by scope and key', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  expect(await cache.get('b', 'k', load)).toBe(2);
  expect(await cache.get('a', 'l', load)).toBe(3);
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('returns a stale value at once and loads one new value in the background', async () => {
  const cache = newCache();
  const stale = { staleMs: 500 };
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_200);
  expect(await cache.get('a', 'k', load, stale)).toBe(1);
  expect(await cache.get('a', 'k', load, stale)).toBe(2);
  vi.advanceTimersByTime(1_500);
  expect(await cache.get('a', 'k', load, stale)).toBe(3);
});

it('waits at most `waitMs` for a new value before it returns the stale one', async () => {
  const cache = newCache();
  await cache.get('a', 'k', load);
  vi.advanceTimersByTime(1_000);
  const deferred = deferredLoad();
  const read = cache.get('a', 'k', deferred.load, {
    staleMs: 60_000,
    waitMs: 250,
  });
  await vi.advanceTimersByTimeAsync(250);
  expect(await read).toBe(1);
  deferred.resolve(7);
  await vi.advanceTimersByTimeAsync(0);
  expect(await cache.get('a', 'k', load)).toBe(7);
});

it('throws the error of a load to its readers and does not store it', async () => {
  const cache = newCache();
  const fail = () => Promise.reject(new Error('down'));
  await expect(cache.get('a', 'k', fail)).rejects.toThrow('down');
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('keeps the stale value when a background load fails, and retries after 5 s', async () => {
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

it('returns the latest value without waiting, and undefined before the first load', async () => {
  const cache = newCache();
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBeUndefined();
  await vi.advanceTimersByTimeAsync(0);
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBe(1);
  vi.advanceTimersByTime(1_500);
  expect(await cache.latest('a', 'k', load, { staleMs: 500 })).toBeUndefined();
});

it('refreshes only stale values and returns them during the load', async () => {
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

it('does not store the result of a load whose key was deleted meanwhile', async () => {
  const cache = newCache();
  const deferred = deferredLoad();
  const read = cache.get('a', 'k', deferred.load);
  cache.delete('a', 'k');
  deferred.resolve(9);
  expect(await read).toBe(9);
  expect(await cache.get('a', 'k', load)).toBe(1);
});

it('evicts the least recently used entry when it is full', async () => {
  const cache = newCache({ maxEntries: 2 });
  await cache.get('a', 'k', load);
  await cache.get('a', 'l', load);
  await cache.get('a', 'k', load);
  await cache.get('a', 'm', load);
  expect(cache.peek('a', 'k')).toBe(1);
  expect(cache.peek('a', 'l')).toBeUndefined();
});

it('gives expensive values a longer TTL', async () => {
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

it('shares entries between module instances that use the same name', async () => {
  const options = { ttlMs: 1_000, maxEntries: 10 };
  new ProcessCache<number>('test shared', options).set('a', 'k', 5);
  vi.resetModules();
  const reloadedModule = await import('./process-state');
  expect(reloadedModule.ProcessCache).not.toBe(ProcessCache);
  expect(new reloadedModule.ProcessCache<number>('test shared', options).peek('a', 'k')).toBe(5);
});

describe('expireAfterWrite', () => {
  const expiring = () => newCache({ expiresOnWrite: true });

  it('reloads on the next read, but only in the scope of the write', async () => {
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

  it('makes `latest` wait up to a second for the new value', async () => {
    const cache = expiring();
    await cache.get('a', 'k', load);
    expireAfterWrite('a');
    expect(await cache.latest('a', 'k', load, { staleMs: 60_000 })).toBe(2);
    expireAfterWrite('a');
    const read = cache.latest('a', 'k', () => new Promise(() => undefined), { staleMs: 60_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await read).toBe(2);
  });

  it('discards the result of a load that began before the write', async () => {
    const cache = expiring();
    const deferred = deferredLoad();
    const pendingRead = cache.get('a', 'k', deferred.load);
    expireAfterWrite('a');
    deferred.resolve(9);
    expect(await pendingRead).toBe(9);
    expect(await cache.get('a', 'k', load)).toBe(1);
  });

  it('does not expire caches without `expiresOnWrite`', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    expireAfterWrite('a');
    expect(await cache.get('a', 'k', load)).toBe(1);
  });
});

it('starts no background load for a value that is stale for less than `idleMs`', async () => {
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

describe('ProcessCache.get with maxAgeMs', () => {
  it('reloads a fresh value older than maxAgeMs, once for concurrent readers', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(100);
    expect(await cache.get('a', 'k', load, { maxAgeMs: 100 })).toBe(1);
    const readers = [1, 2].map(() => cache.get('a', 'k', load, { maxAgeMs: 99 }));
    expect(await Promise.all(readers)).toEqual([2, 2]);
    expect(await cache.get('a', 'k', load)).toBe(2);
  });

  it('does not return a stale value older than maxAgeMs', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(1_200);
    expect(await cache.get('a', 'k', load, { staleMs: 60_000, maxAgeMs: 1_000 })).toBe(2);
  });

  it('discards the result of a load that began before maxAgeMs', async () => {
    const cache = newCache();
    const deferred = deferredLoad();
    const earlyRead = cache.get('a', 'k', deferred.load);
    vi.advanceTimersByTime(100);
    expect(await cache.get('a', 'k', load, { maxAgeMs: 50 })).toBe(1);
    deferred.resolve(7);
    expect(await earlyRead).toBe(7);
    expect(await cache.get('a', 'k', load)).toBe(1);
  });

  it('returns the cached value to other readers during the load', async () => {
    const cache = newCache();
    await cache.get('a', 'k', load);
    vi.advanceTimersByTime(100);
    const fresh = cache.get('a', 'k', load, { maxAgeMs: 0 });
    expect(await cache.get('a', 'k', load)).toBe(1);
    expect(await fresh).toBe(2);
  });
});
