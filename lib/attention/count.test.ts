import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cachedAttentionCount, getAttention } from './queries';
import { repair } from './repair';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('attention count');
  // The environment, read for ATTENTION_READY_MINUTES, needs a database URL.
  process.env.DATABASE_URL = testConsole.url;
});
afterAll(() => testConsole.close());

test('returns the count of the last search without waiting, until a repair', async () => {
  await insertBatch(testConsole.client);
  expect(await cachedAttentionCount(testConsole.ctx()), 'no search yet').toBeUndefined();
  await expect
    .poll(() => cachedAttentionCount(testConsole.ctx()))
    .toEqual({ findings: 1, severity: 'critical' });
  expect((await getAttention(testConsole.ctx())).checks[0]).toMatchObject({
    kind: 'hanging_batches',
    result: 'found',
  });
  await repair(testConsole.ctx(), { repair: 'check_batches', ids: null });
  expect(await cachedAttentionCount(testConsole.ctx())).toBeNull();
});

test('runs one search for many viewers and keeps its count while the database is down', async () => {
  let reads = 0;
  const other = await TestConsole.open('attention count, many');
  try {
    const ctx = other.ctx({
      db: {
        ...other.db,
        read: (fn, options) => {
          reads += 1;
          return other.db.read(fn, options);
        },
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => getAttention(ctx)));
    expect(reads).toBeLessThan(20);
    expect(reads).toBeGreaterThan(0);
    const unavailable = other.ctx({
      db: { ...other.db, read: () => Promise.reject(new Error('down')) },
    });
    expect(await cachedAttentionCount(unavailable)).toBeNull();
  } finally {
    await other.close();
  }
});
