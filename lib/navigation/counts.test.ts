import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertBatch, insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cachedNavigationCounts, readNavigationCounts } from './counts';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('navigation');
});
afterAll(() => testConsole.close());

it('returns the counts of GoodJob’s navigation', async () => {
  const { client } = testConsole;
  expect(await readNavigationCounts(testConsole.ctx())).toEqual({
    jobs: { kind: 'exact', count: 0 },
    batches: { kind: 'exact', count: 0 },
    discarded: { kind: 'exact', count: 0 },
    processes: 0,
    pauses: 0,
    cron: { enabled: 0, disabled: 0 },
  });
  await insertBatch(client, {});
  for (const [cron_key, shape] of [
    ['a', {}],
    ['b', {}],
    ['a', DISCARDED],
  ] as const)
    await insertJob(client, { cron_key, ...shape });
  await insertProcess(client, { updated_at: new Date().toISOString(), lock_type: null });
  await insertProcess(client, { updated_at: '2020-01-01T00:00:00Z', lock_type: null });
  await client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses', '{"queues": ["x", "y"], "labels": ["z"]}'),
            (now(), now(), 'cron_keys_disabled', '["b"]')`,
  );
  expect(await readNavigationCounts(testConsole.ctx())).toEqual({
    jobs: { kind: 'exact', count: 3 },
    batches: { kind: 'exact', count: 1 },
    discarded: { kind: 'exact', count: 1 },
    processes: 1,
    pauses: 3,
    cron: { enabled: 1, disabled: 1 },
  });
});

it('estimates large tables and never waits for the cache', async () => {
  await insertJobs(testConsole.client, 12_000);
  await testConsole.client.query('ANALYZE good_jobs');
  const counts = await readNavigationCounts(testConsole.ctx());
  expect(counts.jobs).toMatchObject({ kind: 'estimate' });
  expect(counts.jobs).toMatchObject({ count: expect.closeTo(12_003, -3) as number });
  expect(counts.discarded).toEqual({ kind: 'at_least', count: 10_000 });
  expect(await cachedNavigationCounts(testConsole.ctx())).toBeNull();
  await expect.poll(() => cachedNavigationCounts(testConsole.ctx())).toEqual(counts);
});
