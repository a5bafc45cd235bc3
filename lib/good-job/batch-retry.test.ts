import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  serializedParams,
  readRow,
  readRowText,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { retryBatch } from '../batches/mutations';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('batch retry');
});
afterAll(() => testConsole.close());

const at = new Date(Date.now() - 60_000).toISOString();
const FINISHED = { discarded_at: at, jobs_finished_at: at, finished_at: at };
const insertMember = (batchId: string, columns: Record<string, unknown> = DISCARDED) =>
  insertJob(testConsole.client, { ...columns, batch_id: batchId });
const countMembers = async (batchId: string) => {
  const { rows } = await testConsole.client.query<{ open: number; finished: number }>(
    `SELECT count(*) FILTER (WHERE finished_at IS NULL)::int AS open,
            count(finished_at)::int AS finished
       FROM good_jobs
      WHERE batch_id = $1`,
    [batchId],
  );
  return rows[0];
};

it('retries more than 500 members in chunks and resets the batch in the last one', async () => {
  const batchId = await insertBatch(testConsole.client, { ...FINISHED, on_finish: 'OnFinish' });
  await testConsole.client.query(
    `INSERT INTO good_jobs (
            id, active_job_id, queue_name, job_class, serialized_params, batch_id, created_at,
            updated_at, scheduled_at, performed_at, finished_at, error, error_event)
     SELECT id, id, 'default', 'TestJob', $2, $1, now(),
            now(), now(), now(), now(), 'RuntimeError: boom', 1
       FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 1101)) ids`,
    [batchId, serializedParams('x')],
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
  expect(await countMembers(batchId)).toEqual({ open: 1101, finished: 0 });
  expect(await readRow(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
    discarded_at: null,
    jobs_finished_at: null,
    finished_at: null,
  });
  const { rows } = await testConsole.client.query(
    `SELECT counts, details
       FROM good_job_console.audit_events
      WHERE target_ids = ARRAY[$1]::uuid[]
      ORDER BY id`,
    [batchId],
  );
  expect(rows).toEqual([
    { counts: { done: 500 }, details: { outcome: 'done', events: [], last_chunk: false } },
    { counts: { done: 500 }, details: { outcome: 'done', events: [], last_chunk: false } },
    { counts: { done: 101 }, details: { outcome: 'done', events: [], last_chunk: true } },
  ]);
});

it('keeps discarded_at if some members cannot be retried', async () => {
  const batchId = await insertBatch(testConsole.client, FINISHED);
  const free = await insertMember(batchId);
  const locked = await insertMember(batchId);
  const bad = await insertMember(batchId, { ...DISCARDED, serialized_params: '[]' });
  const blank = await insertMember(batchId, { ...DISCARDED, error: ' ' });
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', locked)})`);
  const result = await retryBatch(testConsole.ctx(), batchId);
  expect(result).toMatchObject({ outcome: 'done', retried: 1, skippedCount: 3 });
  expect(Object.fromEntries(result.skipped.map(({ id, outcome }) => [id, outcome]))).toEqual({
    [locked]: 'locked',
    [bad]: 'refused',
    [blank]: 'conflict',
  });
  expect((await readRow(testConsole.client, 'good_jobs', free)).finished_at).toBeNull();
  const batch = await readRow(testConsole.client, 'good_job_batches', batchId);
  expect(batch).toMatchObject({ jobs_finished_at: null, finished_at: null });
  expect(batch.discarded_at).not.toBeNull();
  await worker.query('SELECT pg_advisory_unlock_all()');
});

it('changes nothing if no member can be retried', async () => {
  const batchId = await insertBatch(testConsole.client, { ...FINISHED, on_finish: 'OnFinish' });
  const locked = await insertMember(batchId);
  const worker = await testConsole.session();
  await worker.query('BEGIN');
  await worker.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [locked]);
  const before = await readRowText(testConsole.client, 'good_job_batches', batchId);
  expect(await testConsole.notifications(() => retryBatch(testConsole.ctx(), batchId))).toEqual([]);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'unchanged',
    retried: 0,
    skipped: [{ id: locked, outcome: 'locked' }],
    skippedCount: 1,
  });
  expect(await readRowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
  await worker.query('ROLLBACK');
});

it('finishes a hanging batch, with on_success if no member is still discarded', async () => {
  const batchId = await insertBatch(testConsole.client, {
    on_success: 'OnSuccess',
    on_finish: 'OnFinish',
    discarded_at: at,
  });
  await insertMember(batchId, SUCCEEDED);
  expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
    outcome: 'done',
    retried: 0,
    events: ['success', 'finish'],
  });
  const batch = await readRow(testConsole.client, 'good_job_batches', batchId);
  expect(batch.jobs_finished_at).not.toBeNull();
  expect(batch).toMatchObject({ discarded_at: null, finished_at: null });
});

it('writes nothing if nothing changes', async () => {
  const open = await insertBatch(testConsole.client);
  await insertMember(open, {});
  const draft = await insertBatch(testConsole.client, { enqueued_at: null });
  for (const batchId of [open, draft]) {
    const before = await readRowText(testConsole.client, 'good_job_batches', batchId);
    expect(await retryBatch(testConsole.ctx(), batchId)).toMatchObject({
      outcome: 'done',
      retried: 0,
    });
    expect(await readRowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
  }
});

it('returns missing for an unknown batch and locked for a batch locked for two seconds', async () => {
  expect(await retryBatch(testConsole.ctx(), randomUUID())).toMatchObject({
    outcome: 'missing',
    retried: 0,
  });
  const batchId = await insertBatch(testConsole.client, FINISHED);
  const id = await insertMember(batchId);
  const before = [
    await readRowText(testConsole.client, 'good_jobs', id),
    await readRowText(testConsole.client, 'good_job_batches', batchId),
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
    await readRowText(testConsole.client, 'good_jobs', id),
    await readRowText(testConsole.client, 'good_job_batches', batchId),
  ]).toEqual(before);
});
