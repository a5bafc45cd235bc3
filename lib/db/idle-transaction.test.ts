import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import en from '../../messages/en.json';
import ja from '../../messages/ja.json';
import { DISCARDED, insertJob, readRow } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { statusOf } from '../core/errors';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('idle_transaction');
});
afterAll(() => testConsole.close());

const backendRow = z.strictObject({ pid: z.number() });

test('sets an idle timeout of 5 s for writes only', async () => {
  const [timeout] = await testConsole.db.write((tx) =>
    tx.query(
      z.strictObject({ value: z.string() }),
      sql`SELECT current_setting('idle_in_transaction_session_timeout') AS value`,
    ),
  );
  expect(timeout?.value).toBe('5s');
  const { rows } = await testConsole.client.query<{ value: string }>(
    `SELECT current_setting('idle_in_transaction_session_timeout') AS value`,
  );
  expect(rows[0]?.value).toBe('0');
});

test('rolls back a write that was idle for too long and throws transaction_idle', async () => {
  const id = await insertJob(testConsole.client, DISCARDED);
  const write = testConsole.db.write(async (tx) => {
    const [backend] = await tx.query(
      backendRow,
      sql`UPDATE good_jobs
             SET error = 'changed'
           WHERE id = ${id}
       RETURNING pg_backend_pid() AS pid`,
    );
    await tx.execute(sql`SET LOCAL idle_in_transaction_session_timeout = 20`);
    await waitForSessionEnd(backend?.pid ?? 0);
    await tx.execute(sql`SELECT 1`);
  });
  await expect(write).rejects.toMatchObject({ code: 'transaction_idle' });
  expect((await readRow(testConsole.client, 'good_jobs', id)).error).toBe(DISCARDED.error);
  expect(statusOf('transaction_idle')).toBe(503);
  expect([en.errors.transaction_idle, ja.errors.transaction_idle]).not.toContain('');
});

test('throws database_down for a connection lost inside a transaction and reconnects', async () => {
  const write = testConsole.db.write(async (tx) => {
    const [backend] = await tx.query(backendRow, sql`SELECT pg_backend_pid() AS pid`);
    await testConsole.client.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
    await waitForSessionEnd(backend?.pid ?? 0);
    await tx.execute(sql`SELECT 1`);
  });
  await expect(write).rejects.toMatchObject({ code: 'database_down' });
  const rows = await testConsole.db.write((tx) =>
    tx.query(z.strictObject({ one: z.number() }), sql`SELECT 1 AS one`),
  );
  expect(rows).toEqual([{ one: 1 }]);
});

/** Waits in the database until a session has ended. */
async function waitForSessionEnd(pid: number): Promise<void> {
  await testConsole.client.query(
    `DO $$ BEGIN
       WHILE EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}) LOOP
         PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
       END LOOP;
     END $$`,
  );
}
