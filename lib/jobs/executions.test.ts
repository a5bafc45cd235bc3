import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  insertExecution,
  insertJob,
  serializedParams,
} from '@/test/harness/rows';
import { TestConsole, lockKey } from '@/test/harness/test-console';
import { listExecutions, markLostExecution, getExecutionPage } from './executions';
import { EXECUTIONS_PER_PAGE } from './types';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('job_executions')));
afterAll(() => console_.close());

const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();
const execution = (jobId: string, number: number, columns: Record<string, unknown> = {}) =>
  insertExecution(console_.client, jobId, {
    created_at: minutesAgo(1_000 - number),
    serialized_params: serializedParams(jobId, { executions: number - 1 }),
    ...columns,
  });
const FAILED = { finished_at: minutesAgo(1), error: 'RuntimeError: boom', error_event: 1 };
const states = async (id: string) =>
  (await listExecutions(console_.ctx(), id)).map(({ state }) => state);

it('marks the unfinished execution of a discarded job as interrupted', async () => {
  const id = await insertJob(console_.client, DISCARDED);
  await execution(id, 1);
  expect(await states(id)).toEqual(['interrupted']);
});

it('marks an unfinished execution as interrupted if another one followed it', async () => {
  const id = await insertJob(console_.client, RUNNING);
  await execution(id, 1);
  await execution(id, 2);
  expect(await states(id)).toEqual(['running', 'interrupted']);
});

it('marks the unfinished execution of a queued job as interrupted', async () => {
  const id = await insertJob(console_.client, { error: 'RuntimeError: boom' });
  await execution(id, 1);
  expect(await states(id)).toEqual(['interrupted']);
});

it('marks the execution of a force-discarded job as running while its worker holds it', async () => {
  const id = await insertJob(console_.client, DISCARDED);
  await execution(id, 1);
  const worker = await console_.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
  expect(await states(id)).toEqual(['running']);
  await worker.query(`SELECT pg_advisory_unlock_all()`);
  expect(await states(id)).toEqual(['interrupted']);
});

it('marks the running execution as interrupted when the worker of the job is lost', async () => {
  const id = await insertJob(console_.client, RUNNING);
  await execution(id, 1);
  const executions = await listExecutions(console_.ctx(), id);
  expect(markLostExecution(executions, true).map(({ state }) => state)).toEqual(['interrupted']);
  expect(markLostExecution(executions, false).map(({ state }) => state)).toEqual(['running']);
});

it('pages through all executions of a job and links its first failure', async () => {
  const id = await insertJob(console_.client, DISCARDED);
  const total = 2 * EXECUTIONS_PER_PAGE + 50;
  for (let number = 1; number <= total; number += 1)
    await execution(
      id,
      number,
      number === 3 || number > 240 ? FAILED : { finished_at: minutesAgo(1) },
    );
  const ctx = console_.ctx();
  const numbers: (number | null)[] = [];
  let from: string | null = null;
  const starts: (string | null)[] = [];
  do {
    starts.push(from);
    const page = await getExecutionPage(ctx, id, { from });
    numbers.push(...page.rows.map(({ number }) => number));
    expect(page.firstFailure).toMatchObject({ number: 3 });
    expect(page.newer).toEqual(starts.length > 1 ? { from: starts.at(-2) } : null);
    from = page.older?.from ?? null;
  } while (from);
  expect(numbers).toEqual(Array.from({ length: total }, (_, n) => total - n));
  expect(starts).toHaveLength(3);

  const first = await getExecutionPage(ctx, id, {
    from: (await getExecutionPage(ctx, id)).firstFailure?.id ?? null,
  });
  expect(first.rows.map(({ number }) => number)).toEqual([3, 2, 1]);
});

it('starts with the newest execution when the requested one does not exist', async () => {
  const id = await insertJob(console_.client, DISCARDED);
  await execution(id, 1, FAILED);
  const page = await getExecutionPage(console_.ctx(), id, { from: id });
  expect(page).toMatchObject({ rows: [{ number: 1 }], newer: null, older: null });
});
