import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  insertExecution,
  insertJob,
  serializedParams,
} from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { getJob } from './detail';
import { changeJobs } from './mutations';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('job_detail')));
afterAll(() => console_.close());

const minutesAgo = (n: number) =>
  `${new Date(Date.now() - n * 60_000).toISOString().slice(0, -1)}000Z`;
const attempt = (jobId: string, number: number, columns: Record<string, unknown> = {}) =>
  insertExecution(console_.client, jobId, {
    created_at: minutesAgo(100 - number),
    finished_at: minutesAgo(100 - number),
    serialized_params: serializedParams(jobId, {
      executions: number - 1,
      enqueued_at: minutesAgo(200),
    }),
    ...columns,
  });
const detail = async (id: string) => {
  const job = await getJob(console_.ctx(), id);
  if (!job) throw new Error('The job is missing.');
  return job;
};

it('links the old error of a retried job to its attempt', async () => {
  const id = await insertJob(console_.client, { ...DISCARDED, error: 'RuntimeError: second' });
  await attempt(id, 1, { error: 'RuntimeError: first' });
  await attempt(id, 2, { error: 'RuntimeError: second' });
  await attempt(id, 3, { error: 'RuntimeError: third' });
  await changeJobs(console_.ctx(), 'retry', [id]);
  expect(await detail(id)).toMatchObject({
    state: 'queued',
    error: 'RuntimeError: second',
    errorAttempt: { number: 2 },
  });
});

it('links an error to the last attempt that ended with it', async () => {
  const id = await insertJob(console_.client, { ...RUNNING, error: 'RuntimeError: boom' });
  for (const number of [1, 2, 3]) await attempt(id, number, { error: 'RuntimeError: boom' });
  await attempt(id, 4, { finished_at: null });
  expect((await detail(id)).errorAttempt).toMatchObject({ number: 3 });
});

it('links an error to no attempt if none ended with it', async () => {
  const id = await insertJob(console_.client);
  await attempt(id, 1, { error: 'RuntimeError: boom' });
  await changeJobs(console_.ctx(), 'discard', [id]);
  expect(await detail(id)).toMatchObject({ state: 'discarded', errorAttempt: null });
});

it('returns the first enqueue time after a retry has moved the creation time', async () => {
  const id = await insertJob(console_.client, { ...DISCARDED, created_at: minutesAgo(200) });
  await attempt(id, 1, { error: 'RuntimeError: boom' });
  expect((await detail(id)).firstEnqueuedAt).toBeNull();
  await changeJobs(console_.ctx(), 'retry', [id]);
  const { createdAt, firstEnqueuedAt } = await detail(id);
  expect(firstEnqueuedAt?.slice(0, 16)).toBe(minutesAgo(200).slice(0, 16));
  expect((firstEnqueuedAt ?? '') < createdAt).toBe(true);
});

it('falls back to the start of the first attempt when its payload has no enqueue time', async () => {
  const id = await insertJob(console_.client);
  await attempt(id, 1, {
    error: 'RuntimeError: boom',
    serialized_params: serializedParams(id, { enqueued_at: '<b>yesterday</b>' }),
  });
  await console_.client.query('UPDATE good_jobs SET created_at = now() WHERE id = $1', [id]);
  expect((await detail(id)).firstEnqueuedAt?.slice(0, 16)).toBe(minutesAgo(99).slice(0, 16));
});
