import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  readRow,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { parseAuditFilter } from '../audit-log/filters';
import { listAudit } from '../audit-log/queries';
import type { Ctx } from '../context/request-context';
import type { Outcome, UndoableAction } from '../good-job/types';
import { canUndo, changeJobs, undoChange } from './mutations';

let testConsole: TestConsole;
let ctx: Ctx;
beforeAll(async () => {
  testConsole = await TestConsole.open('undo');
  ctx = testConsole.ctx({ role: 'operator' });
});
afterAll(() => testConsole.close());

const LATER = '2031-05-06T07:08:09.123456Z';
const row = (id: string) => readRow(testConsole.client, 'good_jobs', id);
const undoIdOf = (outcome: Outcome | undefined) =>
  outcome?.outcome === 'done' ? outcome.undoId : undefined;

/** Applies the action to one job and returns the id for its undo. */
async function act(action: UndoableAction, id: string): Promise<string> {
  const [outcome] = await changeJobs(
    ctx,
    action,
    [id],
    action === 'reschedule' ? { scheduledAt: LATER } : {},
  );
  const undoId = undoIdOf(outcome);
  if (!undoId) throw new Error(`No undo of ${JSON.stringify(outcome)}.`);
  return undoId;
}

describe('the undo of a reschedule', () => {
  it('undoing a reschedule restores a future time and reports it', async () => {
    const id = await insertJob(testConsole.client, { scheduled_at: '2030-01-02T03:04:05.678901Z' });
    const undoId = await act('reschedule', id);
    const sent = await testConsole.notifications(async () =>
      expect(await undoChange(ctx, 'reschedule', [id], undoId)).toEqual([
        { id, outcome: 'done', scheduledAt: '2030-01-02T03:04:05.678901Z' },
      ]),
    );
    expect(sent).toEqual([]);
    expect((await row(id)).scheduled_at).toBe('2030-01-02T03:04:05.678901');
  });

  it('undoing a reschedule makes a job due whose time has passed, and wakes a worker', async () => {
    const id = await insertJob(testConsole.client, { queue_name: 'mail' });
    const before = await row(id);
    const undoId = await act('reschedule', id);
    const sent = await testConsole.notifications(async () =>
      expect(await undoChange(ctx, 'reschedule', [id], undoId)).toEqual([{ id, outcome: 'done' }]),
    );
    expect(sent).toMatchObject([{ queue_name: 'mail' }]);
    expect({ ...(await row(id)), updated_at: null }).toEqual({ ...before, updated_at: null });
  });

  it('undoing a reschedule restores a missing and an infinite time', async () => {
    for (const scheduledAt of [null, 'infinity']) {
      const id = await insertJob(testConsole.client, { scheduled_at: scheduledAt });
      await undoChange(ctx, 'reschedule', [id], await act('reschedule', id));
      expect((await row(id)).scheduled_at).toBe(scheduledAt);
    }
  });

  it('undoing a reschedule works for a job of a batch, which a reschedule does not change', async () => {
    const id = await insertJob(testConsole.client, {
      batch_id: await insertBatch(testConsole.client),
    });
    const [outcome] = await undoChange(ctx, 'reschedule', [id], await act('reschedule', id));
    expect(outcome?.outcome).toBe('done');
  });
});

describe('the undo of a discard', () => {
  const retried = async (error: string, columns: Record<string, unknown> = {}) => {
    const id = await insertJob(testConsole.client, {
      scheduled_at: LATER,
      error,
      error_event: 3,
      executions_count: 1,
      ...columns,
    });
    await insertExecution(testConsole.client, id, { error });
    return id;
  };

  it('undoing a discard restores the row except updated_at', async () => {
    for (const id of [
      await insertJob(testConsole.client),
      await insertJob(testConsole.client, RUNNING),
      await retried('Net::OpenTimeout: execution expired'),
    ]) {
      const before = await row(id);
      const undoId = await act('discard', id);
      expect((await row(id)).finished_at).not.toBeNull();
      expect(await undoChange(ctx, 'discard', [id], undoId)).toEqual([{ id, outcome: 'done' }]);
      expect({ ...(await row(id)), updated_at: null }).toEqual({ ...before, updated_at: null });
    }
  });

  it('undoing a discard restores an error with a secret, which no audit record contains', async () => {
    const error = 'RuntimeError: https://user:hunter2@example.com?password=hunter2';
    const id = await retried(error);
    await undoChange(ctx, 'discard', [id], await act('discard', id));
    expect((await row(id)).error).toBe(error);
    const { rows } = await testConsole.client.query<{ text: string }>(
      'SELECT e::text AS text FROM good_job_console.audit_events e WHERE $1 = ANY(target_ids)',
      [id],
    );
    expect(rows.map(({ text }) => text).join()).not.toContain('hunter2');
  });

  it('undoing a discard restores the error of an earlier discard', async () => {
    const error = 'GoodJob::Job::DiscardJobError: Force discarded through dashboard';
    const id = await insertJob(testConsole.client, { error, error_event: 3 });
    await undoChange(ctx, 'discard', [id], await act('discard', id));
    expect(await row(id)).toMatchObject({ finished_at: null, error, error_event: 3 });
  });

  it('undoing a discard wakes a worker only if the job is due', async () => {
    const due = await insertJob(testConsole.client, { queue_name: 'mail' });
    const later = await insertJob(testConsole.client, { scheduled_at: LATER });
    const undoIds = [await act('discard', due), await act('discard', later)] as const;
    const sent = await testConsole.notifications(async () => {
      await undoChange(ctx, 'discard', [due], undoIds[0]);
      await undoChange(ctx, 'discard', [later], undoIds[1]);
    });
    expect(sent).toMatchObject([{ queue_name: 'mail' }]);
  });

  it('offers no undo for a job of a batch, a callback, or an error that no execution has', async () => {
    const batchId = await insertBatch(testConsole.client);
    for (const columns of [
      { batch_id: batchId },
      { batch_callback_id: batchId },
      { error: 'RuntimeError: of an execution that was deleted', error_event: 3 },
    ]) {
      const id = await insertJob(testConsole.client, columns);
      expect(await changeJobs(ctx, 'discard', [id])).toEqual([{ id, outcome: 'done' }]);
    }
  });

  it('offers no undo for a forced discard, a retry or a deletion', async () => {
    const admin = testConsole.ctx();
    const open = await insertJob(testConsole.client);
    const discarded = await insertJob(testConsole.client, DISCARDED);
    expect(await changeJobs(admin, 'force_discard', [open])).toEqual([
      { id: open, outcome: 'done' },
    ]);
    expect(await changeJobs(admin, 'retry', [discarded])).toEqual([
      { id: discarded, outcome: 'done' },
    ]);
  });
});

describe('an undo changes nothing and reports', () => {
  const cases: UndoableAction[] = ['reschedule', 'discard'];

  it.each(cases)('reports a conflict for a second undo of a %s', async (action) => {
    const id = await insertJob(testConsole.client);
    const undoId = await act(action, id);
    await undoChange(ctx, action, [id], undoId);
    const before = await row(id);
    expect(await undoChange(ctx, action, [id], undoId)).toEqual([{ id, outcome: 'conflict' }]);
    expect(await row(id)).toEqual(before);
  });

  it.each(cases)(
    'reports a conflict for an undo if the row was written after the %s',
    async (action) => {
      const id = await insertJob(testConsole.client);
      const undoId = await act(action, id);
      expect(await canUndo(ctx, action, id, undoId)).toBe(true);
      // Not even a different value: another transaction has written the row.
      await testConsole.client.query('UPDATE good_jobs SET labels = labels WHERE id = $1', [id]);
      const before = await row(id);
      expect(await undoChange(ctx, action, [id], undoId)).toEqual([{ id, outcome: 'conflict' }]);
      expect(await row(id)).toEqual(before);
      expect(await canUndo(ctx, action, id, undoId)).toBe(false);
    },
  );

  it('reports a conflict for an undo if the execution with the old error was deleted', async () => {
    const error = 'RuntimeError: boom';
    const id = await insertJob(testConsole.client, { error, error_event: 3 });
    await insertExecution(testConsole.client, id, { error });
    const undoId = await act('discard', id);
    await testConsole.client.query('DELETE FROM good_job_executions WHERE active_job_id = $1', [
      id,
    ]);
    expect(await undoChange(ctx, 'discard', [id], undoId)).toEqual([{ id, outcome: 'conflict' }]);
  });

  it.each(cases)('reports the lock of a worker for the undo of a %s', async (action) => {
    const id = await insertJob(testConsole.client);
    const undoId = await act(action, id);
    const worker = await testConsole.session();
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    expect(await undoChange(ctx, action, [id], undoId)).toEqual([{ id, outcome: 'locked' }]);
    await worker.query('SELECT pg_advisory_unlock_all()');
    await worker.query('BEGIN');
    await worker.query('SELECT 1 FROM good_jobs WHERE id = $1 FOR UPDATE', [id]);
    expect(await undoChange(ctx, action, [id], undoId)).toEqual([{ id, outcome: 'locked' }]);
    await worker.query('ROLLBACK');
    expect((await undoChange(ctx, action, [id], undoId))[0]?.outcome).toBe('done');
  });

  it('reports the process that holds a job under skiplocked for an undo', async () => {
    const processId = await insertProcess(testConsole.client);
    const id = await insertJob(testConsole.client);
    const undoId = await act('discard', id);
    await testConsole.client.query(
      'UPDATE good_jobs SET locked_by_id = $2, locked_at = now(), lock_type = 1 WHERE id = $1',
      [id, processId],
    );
    expect(await undoChange(ctx, 'discard', [id], undoId)).toMatchObject([
      { outcome: 'locked', processId },
    ]);
  });

  it('reports a deleted job as missing for an undo', async () => {
    const id = await insertJob(testConsole.client);
    const undoId = await act('discard', id);
    await testConsole.client.query('DELETE FROM good_jobs WHERE id = $1', [id]);
    expect(await undoChange(ctx, 'discard', [id], undoId)).toEqual([{ id, outcome: 'missing' }]);
  });

  it('refuses the undo for a job of a batch or of another record', async () => {
    const batchId = await insertBatch(testConsole.client);
    const member = await insertJob(testConsole.client, { batch_id: batchId });
    const callback = await insertJob(testConsole.client, { batch_callback_id: batchId });
    const other = await insertJob(testConsole.client);
    const id = await insertJob(testConsole.client);
    const outcomes = await changeJobs(ctx, 'discard', [id, member, callback]);
    const undoId = undoIdOf(outcomes[0]) ?? '';
    expect(await undoChange(ctx, 'discard', [member, callback, other, id], undoId)).toEqual([
      { id: member, outcome: 'refused', code: 'undo_of_batch_job' },
      { id: callback, outcome: 'refused', code: 'undo_of_batch_job' },
      { id: other, outcome: 'refused', code: 'undo_not_recorded' },
      { id, outcome: 'done' },
    ]);
  });

  it('rejects an undo with an expired record, a record of another action, or none', async () => {
    const id = await insertJob(testConsole.client);
    const undoId = await act('reschedule', id);
    const expired = { code: 'undo_expired' };
    await expect(undoChange(ctx, 'discard', [id], undoId)).rejects.toMatchObject(expired);
    await expect(undoChange(ctx, 'reschedule', [id], '999999999')).rejects.toMatchObject(expired);
    await testConsole.client.query(
      `UPDATE good_job_console.audit_events
          SET created_at = created_at - interval '61 minutes'
        WHERE id = $1`,
      [undoId],
    );
    await expect(undoChange(ctx, 'reschedule', [id], undoId)).rejects.toMatchObject(expired);
    expect(await canUndo(ctx, 'reschedule', id, undoId)).toBe(false);
  });

  it('treats a record whose old values are malformed as expired', async () => {
    const id = await insertJob(testConsole.client);
    const undoId = await act('reschedule', id);
    await testConsole.client.query(
      `UPDATE good_job_console.audit_events
          SET details = details || '{"undo": [{"id": "x", "scheduled_at": "now"}]}'
        WHERE id = $1`,
      [undoId],
    );
    await expect(undoChange(ctx, 'reschedule', [id], undoId)).rejects.toMatchObject({
      code: 'undo_expired',
    });
  });
});

describe('the record of an undo', () => {
  const recordsOf = async (id: string) =>
    (await listAudit(ctx, parseAuditFilter(new URLSearchParams({ target: id }), 'UTC'))).rows;

  it('the record of an undo names the undone record and the restored columns, without old values', async () => {
    const id = await insertJob(testConsole.client, { scheduled_at: '2030-01-01T00:00:00Z' });
    const undoId = await act('reschedule', id);
    await undoChange(ctx, 'reschedule', [id], undoId);
    const [undone, action] = await recordsOf(id);
    expect(undone).toMatchObject({
      action: 'job.undo_reschedule',
      outcome: 'done',
      changes: [
        {
          id,
          fields: [{ name: 'scheduled_at', before: LATER, after: '2030-01-01T00:00:00.000000Z' }],
        },
      ],
    });
    expect(undone?.details).toContain(`"undoes": "${undoId}"`);
    expect(action?.details).not.toContain('undo');
  });

  it('an undo needs the permission of its action, and no reason', async () => {
    const id = await insertJob(testConsole.client);
    const undoId = await act('discard', id);
    for (const [denied, code] of [
      [testConsole.ctx({ role: 'viewer' }), 'forbidden'],
      [testConsole.ctx({ readOnly: true }), 'read_only'],
    ] as const)
      await expect(undoChange(denied, 'discard', [id], undoId)).rejects.toMatchObject({ code });
    expect((await recordsOf(id))[0]).toMatchObject({
      action: 'job.undo_discard',
      outcome: 'refused',
      error: 'forbidden',
    });
    const [outcome] = await undoChange(
      testConsole.ctx({ role: 'operator', reasonRequired: true }),
      'discard',
      [id],
      undoId,
    );
    expect(outcome?.outcome).toBe('done');
  });
});

it('offers no undo without the schema of the console', async () => {
  const plain = await TestConsole.open('undo_plain', { consoleSchema: false });
  try {
    const id = await insertJob(plain.client);
    expect(await changeJobs(plain.ctx(), 'discard', [id])).toEqual([{ id, outcome: 'done' }]);
    await expect(undoChange(plain.ctx(), 'discard', [id], '1')).rejects.toMatchObject({
      code: 'undo_expired',
    });
    expect(await canUndo(plain.ctx(), 'discard', randomUUID(), '1')).toBe(false);
  } finally {
    await plain.close();
  }
});
