import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import en from '../../messages/en.json';
import ja from '../../messages/ja.json';
import { DISCARDED, insertJob, row } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { statusOf } from '../core/errors';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('idle_transaction');
});
afterAll(() => testConsole.close());

test('a write that is idle for 5 s is ended by the server', async () => {
  const [timeout] = await testConsole.db.write((tx) =>
    tx.query<{ value: string }>(
      sql`SELECT current_setting('idle_in_transaction_session_timeout') AS value`,
    ),
  );
  expect(timeout?.value).toBe('5s');
  const { rows } = await testConsole.client.query<{ value: string }>(
    `SELECT current_setting('idle_in_transaction_session_timeout') AS value`,
  );
  expect(rows[0]?.value).toBe('0');
});

test('a write that the server ended while it was idle changes nothing and says so', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const write = testConsole.db.write(async (tx) => {
    const [backend] = await tx.query<{ pid: number }>(
      sql`UPDATE good_jobs SET error = 'changed' WHERE id = ${id} RETURNING pg_backend_pid() AS pid`,
    );
    await tx.query(sql`SET LOCAL idle_in_transaction_session_timeout = 20`);
    await untilGone(backend?.pid ?? 0);
    await tx.query(sql`SELECT 1`);
  });
  await expect(write).rejects.toMatchObject({ code: 'transaction_idle' });
  expect((await row(testConsole.client, 'good_jobs', id)).error).toBe(DISCARDED.error);
  expect(statusOf('transaction_idle')).toBe(503);
  expect([en.errors.transaction_idle, ja.errors.transaction_idle]).not.toContain('');
});

test('a connection that is lost inside of a transaction does not end the server', async () => {
  const write = testConsole.db.write(async (tx) => {
    const [backend] = await tx.query<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`);
    await testConsole.client.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
    await untilGone(backend?.pid ?? 0);
    await tx.query(sql`SELECT 1`);
  });
  await expect(write).rejects.toMatchObject({ code: 'database_down' });
  expect(await testConsole.db.write((tx) => tx.query(sql`SELECT 1 AS one`))).toEqual([{ one: 1 }]);
});

/** Waits, in the database, for the end of a session. */
async function untilGone(pid: number): Promise<void> {
  await testConsole.client.query(
    `DO $$ BEGIN
       WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}) LOOP
         PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
       END LOOP;
     END $$`,
  );
}
