import { afterAll, beforeAll, expect, it } from 'vitest';
import { RUNNING, insertExecution, insertJob, insertProcess } from '@/test/harness/rows';
import { TestConsole, lockKey } from '@/test/harness/test-console';
import { changePause } from '../pauses/mutations';
import { getJobVersion } from './detail';
import { changeJobs } from './mutations';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('job_version')));
afterAll(() => console_.close());

const version = async (id: string) => (await getJobVersion(console_.ctx(), id))?.version;

/** Whether `act` changes the version of the job. */
async function changes(id: string, act: () => Promise<unknown>): Promise<boolean> {
  const before = await version(id);
  expect(await version(id)).toBe(before);
  await act();
  return (await version(id)) !== before;
}

it("the version changes with everything on the job's page and nothing else", async () => {
  const { client } = console_;
  const process = await insertProcess(client);
  const id = await insertJob(client, { ...RUNNING, locked_by_id: process });
  const execution = await insertExecution(client, id);
  const worker = await console_.session();
  const set = (table: string, columns: string, row: string) => () =>
    client.query(`UPDATE ${table} SET ${columns} WHERE id = $1`, [row]);
  for (const act of [
    () => worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`),
    () => worker.query('SELECT pg_advisory_unlock_all()'),
    set('good_job_processes', `updated_at = now() - interval '1 hour'`, process),
    set('good_job_executions', 'finished_at = now()', execution),
    () => insertExecution(client, id, { created_at: new Date().toISOString() }),
    set('good_jobs', 'performed_at = NULL', id),
    () => changeJobs(console_.ctx(), 'reschedule', [id], { scheduledAt: '2030-01-01T00:00Z' }),
    () => changePause(console_.ctx(), 'pause', { queue: 'default' }),
  ])
    expect(await changes(id, act), String(act)).toBe(true);
  const other = await insertJob(client);
  expect(await changes(id, () => changeJobs(console_.ctx(), 'discard', [other]))).toBe(false);
  expect(await version(other)).not.toBe(await version(id));
});

it('the version is null for a job that does not exist', async () => {
  expect(await getJobVersion(console_.ctx(), '00000000-0000-4000-8000-000000000000')).toBeNull();
});
