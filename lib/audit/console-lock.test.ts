import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { discarded, settled, start } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertJob, row } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { setUpConsoleSchema } from '../console-schema/setup';
import { changeJobs } from '../jobs/mutations';
import { changePause } from '../pauses/mutations';
import { CONSOLE_SCHEMA } from './recorder';

/* What acts do while a migration has the console's own tables locked, and what limits a migration has. */

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('console lock');
});
afterAll(() => testConsole.close());

async function withLock<T>(act: () => Promise<T>): Promise<T> {
  const migration = await testConsole.session();
  await migration.query('BEGIN');
  await migration.query(`LOCK TABLE ${CONSOLE_SCHEMA}.audit_events IN ACCESS EXCLUSIVE MODE`);
  try {
    return await act();
  } finally {
    await migration.query('ROLLBACK');
  }
}

test('an act says that the console’s own tables are locked, and changes nothing', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const before = await row(testConsole.client, 'good_jobs', id);
  await withLock(async () => {
    const refused = { code: 'console_locked' };
    await Promise.all([
      expect(changeJobs(testConsole.ctx(), 'retry', [id])).rejects.toMatchObject(refused),
      expect(changePause(testConsole.ctx(), 'pause', { queue: 'q' })).rejects.toMatchObject(
        refused,
      ),
    ]);
  });
  expect(await row(testConsole.client, 'good_jobs', id)).toEqual(before);
  expect((await testConsole.client.query('SELECT 1 FROM good_job_settings')).rowCount).toBe(0);
}, 60_000);

test('a job that a worker holds is still reported as locked', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const worker = await testConsole.session();
  await worker.query('BEGIN');
  await worker.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
  expect(await changeJobs(testConsole.ctx(), 'retry', [id])).toMatchObject([{ outcome: 'locked' }]);
  await worker.query('ROLLBACK');
}, 60_000);

test('a bulk run waits for the console’s own tables and ends by itself', async () => {
  await testConsole.client.query('DELETE FROM good_jobs');
  await insertJobs(testConsole.client, 3_000);
  const runId = await start(testConsole.ctx(), 'retry', discarded());
  await withLock(async () => {
    await testConsole.client.query('SELECT pg_sleep(3)');
    const { rows } = await testConsole.client.query('SELECT state FROM good_job_console.bulk_runs');
    expect(rows).toEqual([{ state: 'running' }]);
  });
  expect(await settled(testConsole.ctx(), runId)).toMatchObject({
    state: 'finished',
    counts: { done: 3_000 },
  });
}, 60_000);

test('a migration has an hour, and ten seconds to get its locks', async () => {
  const limits = {
    version: 950,
    name: 'limits',
    statements: `CREATE TABLE ${CONSOLE_SCHEMA}.limits AS
      SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock;`,
  };
  await testConsole.db.migrate((tx) => setUpConsoleSchema(tx, [limits]));
  const rows = await testConsole.db.read((tx) =>
    tx.query(sql`SELECT * FROM good_job_console.limits`),
  );
  expect(rows).toEqual([{ statement: '1h', lock: '10s' }]);
});
