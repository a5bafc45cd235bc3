import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { maxAgeMs } from '../context/request-context';
import { cachedBadges, freshBadges } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('badges');
});
afterAll(() => testConsole.close());

it('returns fresh counts after a write and caches them for the next viewer', async () => {
  const openBatches = (count: number) => ({ counts: { openBatches: { kind: 'exact', count } } });
  await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { ...DISCARDED, batch_callback_id: crypto.randomUUID() });
  const ctx = testConsole.ctx({ maxAgeMs: 0 });
  expect(await freshBadges(ctx)).toMatchObject({
    ...openBatches(1),
    attention: { severity: 'critical' },
  });
  await testConsole.client.query('DELETE FROM good_job_batches');
  expect(await cachedBadges(testConsole.ctx())).toMatchObject(openBatches(1));
  const fresh = await freshBadges(ctx);
  expect(fresh).toMatchObject(openBatches(0));
  expect(await cachedBadges(testConsole.ctx())).toEqual(fresh);
});

it('parses the maximum age of counts from Cache-Control', () => {
  expect(
    [null, 'no-store', 'max-age=0', 'max-age=7', 'no-cache, max-age=3', 'max-age=x'].map(maxAgeMs),
  ).toEqual([Infinity, Infinity, 0, 7_000, 3_000, Infinity]);
});
