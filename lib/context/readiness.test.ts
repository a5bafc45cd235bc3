import { afterEach, expect, it, vi } from 'vitest';
import { goodJobDatabase } from '../../test/harness/good-job-database';
import { readiness } from './detection';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

it('readiness queries the database at most once per second', async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://nobody@127.0.0.1:1/none');
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const first = readiness();
  expect(readiness()).toBe(first);
  expect(await first).toBe('database_down');
  expect(readiness()).toBe(first);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(readiness()).not.toBe(first);
});

it.each([
  ['ready', []],
  ['good_job_3', ['ALTER TABLE good_jobs DROP COLUMN locked_by_id']],
  [
    'no_tables',
    [
      `DROP TABLE good_jobs, good_job_executions, good_job_batches, good_job_processes,
                  good_job_settings`,
    ],
  ],
])('readiness returns %s, depending on the tables', async (result, sql) => {
  const { url, drop } = await goodJobDatabase(`readiness ${result}`, { sql });
  try {
    vi.resetModules();
    // Removes the pool and the detection of this process.
    vi.stubGlobal('goodJobConsole', undefined);
    vi.stubEnv('DATABASE_URL', url);
    const fresh = await import('./detection');
    expect(await fresh.readiness()).toBe(result);
    await fresh.database().close();
  } finally {
    vi.unstubAllGlobals();
    await drop();
  }
});
