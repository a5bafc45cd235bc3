import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { DISCARDED, insertBatch, insertJob, readRow } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { retryBatch } from '../batches/mutations';
import type { Database } from '../db/database';
import { JOB_ACTIONS } from '../good-job/types';
import { changeJobs } from './mutations';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('mutations');
});
afterAll(() => testConsole.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const events = async (id: string) =>
  (
    await testConsole.client.query<Record<string, unknown>>(
      `SELECT viewer, role, request_id, action, target_type, target_ids, counts, details
         FROM good_job_console.audit_events
        WHERE $1 = ANY(target_ids)
        ORDER BY id`,
      [id],
    )
  ).rows;

describe('a missing permission is rejected before any statement', () => {
  const untouched = (): Database => ({
    ...testConsole.db,
    write: () => Promise.reject(new Error('A transaction was opened.')),
  });
  // A rejected attempt cannot be recorded without a database, so it is logged.
  beforeEach(() => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
  });

  test('rejects every action in read-only mode', async () => {
    const ctx = testConsole.ctx({ readOnly: true, db: untouched() });
    for (const action of JOB_ACTIONS)
      await expect(changeJobs(ctx, action, [crypto.randomUUID()]), action).rejects.toMatchObject({
        code: 'read_only',
      });
    await expect(retryBatch(ctx, crypto.randomUUID())).rejects.toMatchObject({ code: 'read_only' });
  });

  test('rejects every action of a viewer', async () => {
    const ctx = testConsole.ctx({ role: 'viewer', db: untouched() });
    for (const action of JOB_ACTIONS)
      await expect(changeJobs(ctx, action, [crypto.randomUUID()]), action).rejects.toMatchObject({
        code: 'forbidden',
      });
    await expect(retryBatch(ctx, crypto.randomUUID())).rejects.toMatchObject({ code: 'forbidden' });
  });

  test('rejects irreversible actions of an operator', async () => {
    const ctx = testConsole.ctx({ role: 'operator', db: untouched() });
    for (const action of ['force_discard', 'destroy'] as const)
      await expect(changeJobs(ctx, action, [crypto.randomUUID()]), action).rejects.toMatchObject({
        code: 'forbidden',
      });
    for (const action of ['retry', 'discard', 'reschedule'] as const) {
      expect(
        (await changeJobs(testConsole.ctx({ role: 'operator' }), action, [crypto.randomUUID()]))[0]
          ?.outcome,
        action,
      ).toBe('missing');
    }
  });
});

describe('the audit', () => {
  test('audits an action with its outcomes', async () => {
    const discarded = await insertJob(testConsole.client, DISCARDED);
    const unfinished = await insertJob(testConsole.client);
    await changeJobs(testConsole.ctx({ role: 'operator' }), 'retry', [discarded, unfinished]);
    expect(await events(discarded)).toEqual([
      {
        viewer: 'tester',
        role: 'operator',
        request_id: 'test',
        action: 'job.retry',
        target_type: 'job',
        target_ids: [discarded, unfinished],
        counts: { done: 1, conflict: 1 },
        details: {},
      },
    ]);
    await changeJobs(testConsole.ctx(), 'reschedule', [unfinished], {
      scheduledAt: '2031-01-01T00:00:00.000000Z',
    });
    expect((await events(unfinished)).at(-1)).toMatchObject({
      action: 'job.reschedule',
      details: { scheduled_at: '2031-01-01T00:00:00.000000Z' },
    });
  });

  test('writes the audit record and the change in one transaction', async () => {
    const batchId = await insertBatch(testConsole.client);
    const id = await insertJob(testConsole.client, { batch_id: batchId });
    await testConsole.client.query(
      'ALTER TABLE good_job_console.audit_events ADD CONSTRAINT full_disk CHECK (false) NOT VALID',
    );
    try {
      await expect(changeJobs(testConsole.ctx(), 'discard', [id])).rejects.toMatchObject({
        code: 'unexpected',
      });
    } finally {
      await testConsole.client.query(
        'ALTER TABLE good_job_console.audit_events DROP CONSTRAINT full_disk',
      );
    }
    expect((await readRow(testConsole.client, 'good_jobs', id)).finished_at).toBeNull();
    expect(
      (await readRow(testConsole.client, 'good_job_batches', batchId)).jobs_finished_at,
    ).toBeNull();
    await changeJobs(testConsole.ctx(), 'discard', [id]);
    expect(await events(id)).toHaveLength(1);
  });

  test('audits a lock timeout as a failure', async () => {
    const id = await insertJob(testConsole.client);
    const other = await testConsole.session();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
    expect(await changeJobs(testConsole.ctx(), 'force_discard', [id])).toEqual([
      { id, outcome: 'locked' },
    ]);
    await other.query('ROLLBACK');
    expect(await events(id)).toMatchObject([
      { action: 'job.force_discard', counts: { locked: 1 } },
    ]);
  });

  test("logs the audit record as JSON after the commit without the console's schema", async () => {
    const bare = await TestConsole.open('no console schema', { consoleSchema: false });
    try {
      const print = vi.spyOn(console, 'log').mockImplementation(() => undefined);
      const id = await insertJob(bare.client, DISCARDED);
      await changeJobs(bare.ctx(), 'retry', [id]);
      expect(print).toHaveBeenCalledTimes(1);
      expect(JSON.parse(String(print.mock.calls[0]?.[0]))).toMatchObject({
        audit: { viewer: 'tester', action: 'job.retry', targetIds: [id], counts: { done: 1 } },
      });
      const lost: Database['write'] = (fn) =>
        bare.db.write(async (tx) => {
          await fn(tx);
          throw new Error('lost before the commit');
        });
      await expect(
        changeJobs(bare.ctx({ db: { ...bare.db, write: lost } }), 'discard', [id]),
      ).rejects.toThrow('lost');
      expect(print).toHaveBeenCalledTimes(2);
      expect(JSON.parse(String(print.mock.calls[1]?.[0]))).toMatchObject({
        audit: { action: 'job.discard', outcome: 'failed', error: 'unexpected', targetIds: [id] },
      });
    } finally {
      await bare.close();
    }
  });
});
