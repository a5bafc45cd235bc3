import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { insertJobs } from '../../test/harness/many-rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseFailureFilter } from './filters';
import { listFailures } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('failures that are slow to read');
});
afterEach(() => testConsole.client.query('TRUNCATE good_jobs, good_job_executions'));
afterAll(() => testConsole.close());

const list = (query = '') =>
  listFailures(testConsole.ctx(), parseFailureFilter(new URLSearchParams(query)));
const WAITING = {
  performed_at: 'NULL',
  finished_at: 'NULL',
  scheduled_at: `now() + interval '1 hour'`,
  error: `'KeyError: again'`,
};

it('reads a smaller chunk after the first chunk of discarded jobs times out', async () => {
  await insertJobs(testConsole.client, 600);
  // Each execution takes 5 ms to read, so a chunk of 500 times out.
  await testConsole.client.query(`
    ALTER TABLE good_job_executions RENAME TO slow_executions;
    INSERT INTO slow_executions (active_job_id, created_at, updated_at, finished_at)
      SELECT id, now(), now(), now() FROM good_jobs;
    CREATE VIEW good_job_executions AS SELECT e.* FROM slow_executions e,
      LATERAL (SELECT pg_sleep(0.005), e.id OFFSET 0) s`);
  try {
    const page = await list();
    expect(page.isPartial).toBe(true);
    expect(page.scanned).toBeGreaterThan(0);
    expect(page.scanned).toBeLessThan(500);
    expect(page.groups).toMatchObject([{ discarded: page.scanned, error: 'RuntimeError: boom' }]);
    expect(page.since).toBe(page.groups[0]?.firstSeen);
  } finally {
    await testConsole.client.query(
      'DROP VIEW good_job_executions; ALTER TABLE slow_executions RENAME TO good_job_executions',
    );
  }
});

it('reports an empty partial page when every chunk times out', async () => {
  await insertJobs(testConsole.client, 3);
  await insertJobs(testConsole.client, 2, WAITING);
  const other = await testConsole.session();
  await other.query('BEGIN; LOCK TABLE good_job_executions IN ACCESS EXCLUSIVE MODE');
  try {
    const page = await list();
    expect(page).toMatchObject({ groups: [], scanned: 0, isPartial: true, groupCount: 0 });
    expect([page.since, page.until]).toEqual([page.now, page.now]);
  } finally {
    await other.query('ROLLBACK');
  }
  expect(await list()).toMatchObject({ scanned: 5, isPartial: false, until: null });
});
