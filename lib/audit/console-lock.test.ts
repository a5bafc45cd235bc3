import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { discardedTarget, waitForRun, startRun } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertJob, readRow } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { setUpConsoleSchema } from '../console-schema/setup';
import { changeJobs } from '../jobs/mutations';
import { changePause } from '../pauses/mutations';
import { CONSOLE_SCHEMA } from './recorder';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('console lock');
});
afterAll(() => testConsole.close());

async function withLock<T>(fn: () => Promise<T>): Promise<T> {
  const migration = await testConsole.session();
  await migration.query('BEGIN');
  await migration.query(`LOCK TABLE ${CONSOLE_SCHEMA}.audit_events IN ACCESS EXCLUSIVE MODE`);
  try {
    return await fn();
  } finally {
    await migration.query('ROLLBACK');
  }
}

test('rejects actions with console_locked while the console’s tables are locked', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const before = await readRow(testConsole.client, 'good_jobs', id);
  await withLock(async () => {
    const error = { code: 'console_locked' };
    await Promise.all([
      expect(changeJobs(testConsole.ctx(), 'retry', [id])).rejects.toMatchObject(error),
      expect(changePause(testConsole.ctx(), 'pause', { queue: 'q' })).rejects.toMatchObject(error),
    ]);
  });
  expect(await readRow(testConsole.client, 'good_jobs', id)).toEqual(before);
  expect((await testConsole.client.query('SELECT 1 FROM good_job_settings')).rowCount).toBe(0);
}, 60_000);

test('reports a job that a worker holds as locked', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const worker = await testConsole.session();
  await worker.query('BEGIN');
  await worker.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
  expect(await changeJobs(testConsole.ctx(), 'retry', [id])).toMatchObject([{ outcome: 'locked' }]);
  await worker.query('ROLLBACK');
}, 60_000);

test('pauses a bulk run while the console’s tables are locked and then finishes it', async () => {
  await testConsole.client.query('DELETE FROM good_jobs');
  await insertJobs(testConsole.client, 3_000);
  const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
  await withLock(async () => {
    await testConsole.client.query('SELECT pg_sleep(3)');
    const { rows } = await testConsole.client.query('SELECT state FROM good_job_console.bulk_runs');
    expect(rows).toEqual([{ state: 'running' }]);
  });
  expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 3_000 },
  });
}, 60_000);

test('runs migrations with a statement timeout of 1 h and a lock timeout of 10 s', async () => {
  const limits = {
    version: 950,
    name: 'limits',
    statements: `CREATE TABLE ${CONSOLE_SCHEMA}.limits AS
      SELECT current_setting('statement_timeout') AS statement,
             current_setting('lock_timeout') AS lock;`,
  };
  await testConsole.db.migrate((tx) => setUpConsoleSchema(tx, [limits]));
  const rows = await testConsole.db.read((tx) =>
    tx.query(
      z.strictObject({ statement: z.string(), lock: z.string() }),
      sql`SELECT * FROM good_job_console.limits`,
    ),
  );
  expect(rows).toEqual([{ statement: '1h', lock: '10s' }]);
});
