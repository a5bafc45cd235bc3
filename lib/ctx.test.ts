import { afterEach, expect, it, vi } from 'vitest';
import { isReady } from './ctx';

afterEach(() => vi.useRealTimers());

it('looks at the database once for all who ask within a second', async () => {
  process.env.DATABASE_URL = 'postgres://nobody@127.0.0.1:1/none';
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const first = isReady();
  expect(isReady()).toBe(first);
  expect(await first).toBe(false);
  expect(isReady()).toBe(first);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(isReady()).not.toBe(first);
});
