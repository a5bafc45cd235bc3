import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  params,
  row,
  rowText,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { retryBatch } from '../batches/mutations';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('batch retry');
});
afterAll(() => testConsole.close());

const at = new Date(Date.now() - 60_000).toISOString();
const ENDED = { discarded_at: at, jobs_finished_at: at, finished_at: at };
const member = (batchId: string, columns: Record<string, unknown> = DISCARDED) =>
  insertJob(testConsole.client, { ...columns, batch_id: batchId });
const states = async (batchId: string) => {
  const { rows } = await testConsole.client.query<{ open: number; finished: number }>(
    'SELECT count(*) FILTER (WHERE finished_at IS NULL)::int AS open, count(finished_at)::int AS finished FROM good_jobs WHERE batch_id = $1',
    [batchId],
  );
  return rows[0];
};

test('more than 500 members: in chunks, the batch is reset in the last', async () => {
  const batchId = await insertBatch(testConsole.client, { ...ENDED, on_finish: 'OnFinish' });
  await testConsole.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, job_class, serialized_params, batch_id, created_at, updated_at, scheduled_at, performed_at, finished_at, error, error_event)
     SELECT id, id, 'default', 'TestJob', $2, $1, now(), now(), now(), now(), now(), 'RuntimeError: boom', 1 FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 1101)) ids`,
    [batchId, params('x')],
  );
  const received = await testConsole.notifications(async () =>
    expect(await retryBatch(testConsole.ctx(), batchId)).toEqual({
      outcome: 'done',
      retried: 1101,
      skipped: [],
      skippedCount: 0,
      events: [],
    }),
  );
  expect(received.map(({ count }) => count)).toEqual([500, 500, 101]);
  expect(await states(batchId)).toEqual({ open: 1101, finished: 0 });
  expect(await row(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
    discarded_at: null,
    jobs_finished_at: null,
    finished_at: null,
  });
  const { rows } = await testConsole.client.query(
    'SELECT counts, details FROM good_job_console.audit_events WHERE target_ids = ARRAY[$1]::uuid[] ORDER BY id',
    [batchId],
  );
  expect(rows).toEqual([
    { counts: { done: 500 }, details: { outcome: 'done', events: [], last_chunk: false } },
    { counts: { done: 500 }, details: { outcome: 'done', events: [], last_chunk: false } },
    { counts: { done: 101 }, details: { outcome: 'done', events: [], last_chunk: true } },
  ]);
});

test('some members cannot be retried: the others are, and discarded_at stays', async () => {
  const batchId = await insertBatch(testConsole.client, ENDED);
  const [free, locked, bad, blank] = [
    await member(batchId),
    await member(batchId),
    await member(batchId, { ...DISCARDED, serialized_params: '[]' }),
    await member(batchId, { ...DISCARDED, error: ' ' }),
  ];
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', locked)})`);
  const result = await retryBatch(testConsole.ctx(), batchId);
  expect(result).toMatchObject({ outcome: 'done', retried: 1, skippedCount: 3 });
  expect(Object.fromEntries(result.skipped.map(({ id, outcome }) => [id, outcome]))).toEqual({
    [locked]: 'locked',
    [bad]: 'refused',
    [blank]: 'conflict',
  });
  expect((await row(testConsole.client, 'good_jobs', free)).finished_at).toBeNull();
  const batch = await row(testConsole.client, 'good_job_batches', batchId);
  expect(batch).toMatchObject({ jobs_finished_at: null, finished_at: null });
  expect(batch.discarded_at).not.toBeNull();
  await worker.query('SELECT pg_advisory_unlock_all()');
});

test('no member can be retried: nothing is changed', async () => {
  const batchId = await insertBatch(testConsole.client, { ...ENDED, on_finish: 'OnFinish' });
  const locked = await member(batchId);
  const worker = await testConsole.session();
  await worker.query('BEGIN');
  await worker.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [locked]);
  const before = await rowText(testConsole.client, 'good_job_batches', batchId);
  expect(await testConsole.notifications(() => retryBatch(testConsole.ctx(), batchId))).toEqual([]);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'unchanged',
    retried: 0,
    skipped: [{ id: locked, outcome: 'locked' }],
    skippedCount: 1,
  });
  expect(await rowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
  await worker.query('ROLLBACK');
});

test('a batch that hangs is ended, with on_success when nothing of it is discarded any more', async () => {
  const batchId = await insertBatch(testConsole.client, {
    on_success: 'OnSuccess',
    on_finish: 'OnFinish',
    discarded_at: at,
  });
  await member(batchId, SUCCEEDED);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'done',
    retried: 0,
    events: ['success', 'finish'],
  });
  const batch = await row(testConsole.client, 'good_job_batches', batchId);
  expect(batch.jobs_finished_at).not.toBeNull();
  expect(batch).toMatchObject({ discarded_at: null, finished_at: null });
});

test('nothing to change: no write', async () => {
  const open = await insertBatch(testConsole.client);
  await member(open, {});
  const draft = await insertBatch(testConsole.client, { enqueued_at: null });
  for (const batchId of [open, draft]) {
    const before = await rowText(testConsole.client, 'good_job_batches', batchId);
    expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
      outcome: 'done',
      retried: 0,
    });
    expect(await rowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
  }
});

test('no such batch; a batch that a worker has locked for two seconds', async () => {
  expect(await retryBatch(testConsole.ctx(), randomUUID())).toMatchObject({
    outcome: 'missing',
    retried: 0,
  });
  const batchId = await insertBatch(testConsole.client, ENDED);
  const id = await member(batchId);
  const before = [
    await rowText(testConsole.client, 'good_jobs', id),
    await rowText(testConsole.client, 'good_job_batches', batchId),
  ];
  const worker = await testConsole.session();
  await worker.query('BEGIN');
  await worker.query(`SELECT pg_advisory_xact_lock(${lockKey('good_job_batches', batchId)})`);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'locked',
    retried: 0,
  });
  await worker.query('ROLLBACK');
  expect([
    await rowText(testConsole.client, 'good_jobs', id),
    await rowText(testConsole.client, 'good_job_batches', batchId),
  ]).toEqual(before);
});
