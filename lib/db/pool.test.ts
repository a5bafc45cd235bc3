import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Database, type Tx, openDatabase } from './database';

let testConsole: TestConsole;
let db: Database;
beforeAll(async () => {
  testConsole = await TestConsole.open('pool');
});
afterAll(() => testConsole.close());
beforeEach(() => {
  db = openDatabase({
    url: testConsole.url,
    caFile: null,
    poolSize: 1,
    applicationName: 'good_job_console',
  });
  return () => db.close();
});

const backendRow = z.strictObject({ pid: z.number() });
const pidOf = async (tx: Tx) => {
  const [backend] = await tx.query(backendRow, sql`SELECT pg_backend_pid() AS pid`);
  return backend?.pid;
};

it('reuses a connection after a statement timeout', async () => {
  const pid = await db.read(pidOf);
  const slow = db.read((tx) => tx.execute(sql`SELECT pg_sleep(10)`), { timeoutMs: 20 });
  await expect(slow).rejects.toMatchObject({ code: 'query_timeout' });
  expect(await db.read(pidOf)).toBe(pid);
});

it('reuses a connection after a lock timeout', async () => {
  const id = await insertJob(testConsole.client);
  const holder = await testConsole.session();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
  const pid = await db.read(pidOf);
  const blocked = db.write(async (tx) => {
    await tx.execute(sql`SET LOCAL lock_timeout = 20`);
    await tx.execute(sql`UPDATE good_jobs SET error = 'x' WHERE id = ${id}`);
  });
  await expect(blocked).rejects.toMatchObject({ code: 'locked' });
  expect(await db.read(pidOf)).toBe(pid);
  await holder.query('ROLLBACK');
});

it('reuses a connection after the caller throws an error that mentions a timeout', async () => {
  const pid = await db.read(pidOf);
  await expect(db.read(() => Promise.reject(new Error('our own timeout')))).rejects.toThrow();
  expect(await db.read(pidOf)).toBe(pid);
});

it('replaces a connection that the server terminated', async () => {
  const pid = await db.read(pidOf);
  await testConsole.client.query('SELECT pg_terminate_backend($1)', [pid]);
  const after = await db.read(pidOf);
  expect(after).not.toBe(pid);
});
