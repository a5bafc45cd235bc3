import sql from 'sql-template-tag';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Database, type Tx, openDatabase } from './database';

let console_: TestConsole;
let db: Database;
beforeAll(async () => {
  console_ = await TestConsole.open('pool');
});
afterAll(() => console_.close());
beforeEach(() => {
  db = openDatabase({
    url: console_.url,
    caFile: null,
    poolSize: 1,
    applicationName: 'good_job_console',
  });
  return () => db.close();
});

const pidOf = async (tx: Tx) =>
  (await tx.query<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`))[0]?.pid;

it('uses a connection again after a statement timeout', async () => {
  const pid = await db.read(pidOf);
  const slow = db.read((tx) => tx.query(sql`SELECT pg_sleep(10)`), { timeoutMs: 20 });
  await expect(slow).rejects.toMatchObject({ code: 'query_timeout' });
  expect(await db.read(pidOf)).toBe(pid);
});

it('uses a connection again after a lock timeout', async () => {
  const id = await insertJob(console_.client);
  const holder = await console_.session();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
  const pid = await db.read(pidOf);
  const blocked = db.write(async (tx) => {
    await tx.query(sql`SET LOCAL lock_timeout = 20`);
    return tx.query(sql`UPDATE good_jobs SET error = 'x' WHERE id = ${id}`);
  });
  await expect(blocked).rejects.toMatchObject({ code: 'locked' });
  expect(await db.read(pidOf)).toBe(pid);
  await holder.query('ROLLBACK');
});

it('uses a connection again after an error that the caller throws with the word timeout', async () => {
  const pid = await db.read(pidOf);
  await expect(db.read(() => Promise.reject(new Error('a timeout of ours')))).rejects.toThrow();
  expect(await db.read(pidOf)).toBe(pid);
});

it('replaces a connection that the server ended', async () => {
  const pid = await db.read(pidOf);
  await console_.client.query('SELECT pg_terminate_backend($1)', [pid]);
  const after = await db.read(pidOf);
  expect(after).not.toBe(pid);
});
