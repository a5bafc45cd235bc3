import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertBatch } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { attentionCount, getAttention } from './queries';
import { repair } from './repair';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('attention count');
  // The configuration is read for ATTENTION_READY_MINUTES.
  process.env.DATABASE_URL = testConsole.url;
});
afterAll(() => testConsole.close());

test('the count is what was found last, is never waited for, and goes with the repair', async () => {
  await insertBatch(testConsole.client);
  expect(await attentionCount(testConsole.ctx()), 'no search yet').toBeUndefined();
  await expect
    .poll(() => attentionCount(testConsole.ctx()))
    .toEqual({ findings: 1, severity: 'critical' });
  expect((await getAttention(testConsole.ctx())).checks[0]).toMatchObject({
    kind: 'hanging_batches',
    result: 'found',
  });
  await repair(testConsole.ctx(), { repair: 'check_batches', ids: null });
  expect(await attentionCount(testConsole.ctx())).toBeNull();
});

test('many viewers ask the database once; a database that does not answer leaves the page alone', async () => {
  let asked = 0;
  const other = await TestConsole.open('attention count, many');
  try {
    const ctx = other.ctx({
      db: { ...other.db, read: (fn, options) => ((asked += 1), other.db.read(fn, options)) },
    });
    await Promise.all(Array.from({ length: 20 }, () => getAttention(ctx)));
    expect(asked).toBeLessThan(20);
    expect(asked).toBeGreaterThan(0);
    const broken = other.ctx({
      db: { ...other.db, read: () => Promise.reject(new Error('down')) },
    });
    expect(await attentionCount(broken)).toBeNull();
  } finally {
    await other.close();
  }
});
