import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { insertBatch, insertProcess } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cachedNavigationCounts, readNavigationCounts } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('navigation');
});
afterAll(() => testConsole.close());

it('counts what a viewer can act on', async () => {
  const { client } = testConsole;
  expect(await readNavigationCounts(testConsole.ctx())).toEqual({
    openBatches: { kind: 'exact', count: 0 },
    processes: 0,
    pauses: 0,
    runs: 0,
  });
  await insertBatch(client, { enqueued_at: '2026-11-30T00:00:00Z' });
  await insertBatch(client, { enqueued_at: null });
  await insertBatch(client, {
    enqueued_at: '2026-11-30T00:00:00Z',
    finished_at: '2026-11-30T00:01:00Z',
  });
  await insertProcess(client, { updated_at: new Date().toISOString(), lock_type: null });
  await insertProcess(client, { updated_at: '2020-01-01T00:00:00Z', lock_type: null });
  await client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses', '{"queues": ["x", "y"], "labels": ["z"]}'),
            (now(), now(), 'cron_keys_disabled', '["b"]')`,
  );
  expect(await readNavigationCounts(testConsole.ctx())).toEqual({
    openBatches: { kind: 'exact', count: 1 },
    processes: 1,
    pauses: 3,
    runs: 0,
  });
});

it('does not count the open ones of many batches, and never waits for the cache', async () => {
  await testConsole.client.query(
    `INSERT INTO good_job_batches (created_at, updated_at)
     SELECT now(), now() FROM generate_series(1, 10001)`,
  );
  const counts = await readNavigationCounts(testConsole.ctx());
  expect(counts.openBatches).toEqual({ kind: 'unknown' });
  expect(await cachedNavigationCounts(testConsole.ctx())).toBeNull();
  await expect.poll(() => cachedNavigationCounts(testConsole.ctx())).toEqual(counts);
});
