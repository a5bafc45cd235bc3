import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discardedTarget, waitForRun, startRun } from '../../test/harness/bulk';
import { UNFINISHED, insertJobs } from '../../test/harness/many-rows';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  readRow,
  readRowText,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { retryBatchUnlessLarge } from '../batches/mutations';
import { changeJobs } from '../jobs/mutations';
import { controlRun, requireBulk, startBulk } from './mutations';
import { previewBulk } from './preview';
import { getRun, listRuns, listSamples } from './runs';
import type { BulkTarget } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await testConsole.client.query(
    `DELETE FROM good_jobs;
     DELETE FROM good_job_batches;
     DELETE FROM good_job_executions;
     DELETE FROM good_job_console.audit_events`,
  );
});

const countByExecutions = async (where = 'true') =>
  (
    await testConsole.client.query<{ executions: number; jobs: number }>(
      `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs
         FROM good_jobs
        WHERE ${where}
        GROUP BY 1
        ORDER BY 1`,
    )
  ).rows;
const readAuditEvents = async () =>
  (
    await testConsole.client.query<Record<string, unknown>>(
      `SELECT viewer, action, target_type, target_ids, counts, details
         FROM good_job_console.audit_events
        ORDER BY id`,
    )
  ).rows;
const countTargets = async (runId: string) =>
  (
    await testConsole.client.query(
      'SELECT 1 FROM good_job_console.bulk_run_targets WHERE run_id = $1',
      [runId],
    )
  ).rowCount;
const ids = (jobIds: string[]): BulkTarget => ({ kind: 'ids', ids: jobIds });

it('retries all matches in chunks of 500 with one audit record and a notification per chunk', async () => {
  await insertJobs(testConsole.client, 1_203);
  const other = await insertJob(testConsole.client, SUCCEEDED);
  const before = await readRowText(testConsole.client, 'good_jobs', other);
  let runId = '';
  const received = await testConsole.notifications(async () => {
    runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
    expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 1_203 },
      expected: { kind: 'exact', count: 1_203 },
      viewer: 'tester',
      action: 'retry',
      filter: 'state=discarded',
    });
  });
  expect(new Set(received.map(({ queue_name }) => queue_name))).toEqual(new Set(['default']));
  const notifiedCounts = received.map(({ count }) => Number(count));
  expect(notifiedCounts.reduce((sum, count) => sum + count, 0)).toBe(1_203);
  expect(Math.max(...notifiedCounts)).toBeLessThanOrEqual(500);
  expect(notifiedCounts.length).toBeLessThanOrEqual(4); // Two workers, in chunks of 500.
  expect(await countByExecutions(`id <> '${other}'`)).toEqual([{ executions: 1, jobs: 1_203 }]);
  expect(await readRowText(testConsole.client, 'good_jobs', other)).toBe(before);
  expect(await countTargets(runId)).toBe(0);
  expect(await readAuditEvents()).toEqual([
    {
      viewer: 'tester',
      action: 'job.retry',
      target_type: 'bulk_run',
      target_ids: [runId],
      counts: { done: 1_203 },
      details: expect.objectContaining({ bulk_run: runId, filter: 'state=discarded' }) as unknown,
    },
  ]);
});

it('gives each selected job an outcome, stores samples, and drops paging from the filter', async () => {
  const ready = await insertJob(testConsole.client, DISCARDED);
  const open = await insertJob(testConsole.client);
  const missing = randomUUID();
  const broken = await insertJob(testConsole.client, { ...DISCARDED, serialized_params: '[]' });
  const locked = await insertJob(testConsole.client, DISCARDED);
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', locked)})`);
  const runId = await startRun(
    testConsole.ctx(),
    'retry',
    ids([ready, open, missing, broken, locked]),
  );
  const run = await waitForRun(testConsole.ctx(), runId);
  await worker.query('SELECT pg_advisory_unlock_all()');
  expect(run).toMatchObject({
    state: 'finished',
    target: 'ids',
    counts: { done: 1, conflict: 1, missing: 1, refused: 1, locked: 1 },
  });
  const samples = new Map(
    (await listSamples(testConsole.ctx(), runId)).map(({ jobId, outcome, code }) => [
      jobId,
      code ?? outcome,
    ]),
  );
  expect(samples).toEqual(
    new Map([
      [open, 'conflict'],
      [missing, 'missing'],
      [broken, 'params_not_an_object'],
      [locked, 'locked'],
    ]),
  );
  expect((await readAuditEvents())[0]).toMatchObject({
    target_type: 'job',
    target_ids: [ready, open, missing, broken, locked],
  });
  const preview = await previewBulk(
    testConsole.ctx(),
    'retry',
    discardedTarget(`state=discarded&after_id=${ready}&limit=50&sort=-finished&did=retry`),
  );
  expect(preview.target).toEqual(discardedTarget());
});

it('stores only the first 200 jobs of an outcome as samples', async () => {
  await insertJobs(testConsole.client, 700, { error: `''` });
  const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
  expect((await waitForRun(testConsole.ctx(), runId)).counts).toEqual({ conflict: 700 });
  expect(await listSamples(testConsole.ctx(), runId)).toHaveLength(200);
});

describe('the cut-off of a run', () => {
  it('a run does not change jobs that were added or changed after the preview', async () => {
    const [unchanged] = await insertJobs(testConsole.client, 1);
    const [changed] = await insertJobs(testConsole.client, 1);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'retry', discardedTarget());
    expect(preview.total).toEqual({ kind: 'exact', count: 2 });
    // updated_at is unreliable, because the clock of a worker may be behind.
    await testConsole.client.query(
      `UPDATE good_jobs
          SET finished_at = now() - interval '2 hours', updated_at = now() - interval '2 hours'
        WHERE id = $1`,
      [changed],
    );
    const added = await insertJob(testConsole.client, DISCARDED);
    const started = await startBulk(ctx, {
      action: 'retry',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    });
    if (started.kind !== 'started') throw new Error(started.kind);
    expect(await waitForRun(ctx, started.runId)).toMatchObject({
      counts: { done: 1 },
      cutOffAt: preview.cutOff.at,
    });
    for (const [id, open] of [
      [unchanged, true],
      [changed, false],
      [added, false],
    ] as const)
      expect(
        (await readRow(testConsole.client, 'good_jobs', id ?? '')).finished_at === null,
        id,
      ).toBe(open);
  });

  it('reports a conflict for a listed job that changes before its chunk', async () => {
    const jobIds = await insertJobs(testConsole.client, 3);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'destroy', ids(jobIds));
    await changeJobs(ctx, 'retry', [jobIds[0] ?? '']);
    await testConsole.client.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [
      jobIds[0],
    ]);
    const started = await startBulk(ctx, {
      action: 'destroy',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    });
    if (started.kind !== 'started') throw new Error(started.kind);
    expect((await waitForRun(ctx, started.runId)).counts).toEqual({ conflict: 1, done: 2 });
  });

  it('evaluates times in the filter at the cut-off, so that jobs due later do not match', async () => {
    const dueSoon = new Date(Date.now() + 700).toISOString();
    const almostHourOld = new Date(Date.now() - 3_599_300).toISOString();
    await insertJob(testConsole.client, { scheduled_at: dueSoon, created_at: almostHourOld });
    const ctx = testConsole.ctx();
    const queued = await previewBulk(ctx, 'discard', discardedTarget('state=queued'));
    const older = await previewBulk(ctx, 'discard', discardedTarget('q=created:<1h'));
    expect([queued.total.count, older.total.count]).toEqual([0, 0]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(
      (await previewBulk(ctx, 'discard', discardedTarget('state=queued&q=created:<1h'))).total
        .count,
    ).toBe(1);
    for (const preview of [queued, older]) {
      const started = await startBulk(ctx, {
        action: 'discard',
        target: preview.target,
        scheduledAt: null,
        cutOff: preview.cutOff,
        expected: preview.total,
        confirmedCount: null,
      });
      if (started.kind !== 'started') throw new Error(started.kind);
      expect((await waitForRun(ctx, started.runId)).counts).toEqual({});
    }
    expect(
      (await testConsole.client.query('SELECT 1 FROM good_jobs WHERE finished_at IS NOT NULL'))
        .rowCount,
    ).toBe(0);
  });
});

describe('a run on locked jobs', () => {
  it('defers locked jobs to a second pass and changes those then unlocked', async () => {
    const jobIds = await insertJobs(testConsole.client, 600);
    const worker = await testConsole.session();
    for (const id of jobIds.slice(0, 5))
      await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    const processId = await insertProcess(testConsole.client);
    await testConsole.client.query(
      'UPDATE good_jobs SET locked_by_id = $1, lock_type = 1 WHERE id = $2',
      [processId, jobIds[10]],
    );
    const before = await readRowText(testConsole.client, 'good_jobs', jobIds[10] ?? '');
    const release = testConsole.client
      .query('SELECT pg_sleep(0)')
      .then(() => worker.query('SELECT pg_advisory_unlock_all()'));
    const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
    await release;
    expect((await waitForRun(testConsole.ctx(), runId)).counts).toEqual({ done: 599, locked: 1 });
    expect(await readRowText(testConsole.client, 'good_jobs', jobIds[10] ?? '')).toBe(before);
    expect(await countByExecutions('finished_at IS NULL')).toEqual([{ executions: 1, jobs: 599 }]);
  });

  it('skips the jobs of a locked batch without delaying the others', async () => {
    const batch = await insertBatch(testConsole.client);
    const [member] = await insertJobs(testConsole.client, 1, { batch_id: `'${batch}'` });
    await insertJobs(testConsole.client, 3);
    const other = await testConsole.session();
    await other.query(`SELECT pg_advisory_lock(${lockKey('good_job_batches', batch)})`);
    const runId = await startRun(testConsole.ctx(), 'retry', discardedTarget());
    const run = await waitForRun(testConsole.ctx(), runId);
    await other.query('SELECT pg_advisory_unlock_all()');
    expect(run.counts).toEqual({ done: 3, locked: 1 });
    expect(run.activeMs).toBeLessThan(3_000);
    expect(await listSamples(testConsole.ctx(), runId)).toEqual([
      { jobId: member, outcome: 'locked', code: null },
    ]);
  });
});

describe('startBulk', () => {
  it('completes batches without an open job after a discard and enqueues their callbacks', async () => {
    const completeBatch = await insertBatch(testConsole.client, {
      on_finish: 'OnFinish',
      on_discard: 'OnDiscard',
    });
    const openBatch = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await insertJobs(testConsole.client, 700, { ...UNFINISHED, batch_id: `'${completeBatch}'` });
    await insertJobs(testConsole.client, 10, {
      ...UNFINISHED,
      batch_id: `'${openBatch}'`,
      queue_name: `CASE n WHEN 1 THEN 'other' ELSE 'default' END`,
    });
    const runId = await startRun(
      testConsole.ctx(),
      'discard',
      discardedTarget('queue_name=default'),
    );
    expect((await waitForRun(testConsole.ctx(), runId)).counts).toEqual({ done: 709 });
    expect(await readRow(testConsole.client, 'good_job_batches', completeBatch)).toMatchObject({
      discarded_at: expect.any(String) as unknown,
      jobs_finished_at: expect.any(String) as unknown,
    });
    expect(await readRow(testConsole.client, 'good_job_batches', openBatch)).toMatchObject({
      discarded_at: expect.any(String) as unknown,
      jobs_finished_at: null,
    });
    const { rows } = await testConsole.client.query(
      `SELECT job_class, batch_callback_id AS batch
         FROM good_jobs
        WHERE batch_callback_id IS NOT NULL
        ORDER BY created_at`,
    );
    expect(rows).toEqual([
      { job_class: 'OnDiscard', batch: completeBatch },
      { job_class: 'OnFinish', batch: completeBatch },
    ]);
  });

  it('refuses to discard only the members of a batch whose callbacks cannot be enqueued', async () => {
    const batchId = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    const [member] = await insertJobs(testConsole.client, 1, {
      ...UNFINISHED,
      batch_id: `'${batchId}'`,
    });
    await insertJobs(testConsole.client, 4, UNFINISHED);
    const ctx = testConsole.ctx({ app: { appName: null } });
    const runId = await startRun(ctx, 'discard', discardedTarget(''));
    expect((await waitForRun(ctx, runId)).counts).toEqual({ done: 4, refused: 1 });
    expect(await listSamples(ctx, runId)).toEqual([
      { jobId: member, outcome: 'refused', code: 'app_name_unknown' },
    ]);
    expect((await readRow(testConsole.client, 'good_jobs', member ?? '')).finished_at).toBeNull();
  });

  it('reschedules jobs to a time and to now', async () => {
    const jobIds = await insertJobs(testConsole.client, 501, UNFINISHED);
    const at = '2031-02-03T04:05:06.123456Z';
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'reschedule', discardedTarget('state=queued'), at),
        )
      ).counts,
    ).toEqual({ done: 501 });
    expect((await readRow(testConsole.client, 'good_jobs', jobIds[0] ?? '')).scheduled_at).toBe(
      '2031-02-03T04:05:06.123456',
    );
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'reschedule', discardedTarget('state=scheduled')),
        )
      ).counts,
    ).toEqual({ done: 501 });
    expect(
      (await previewBulk(testConsole.ctx(), 'reschedule', discardedTarget('state=queued'))).total
        .count,
    ).toBe(501);
  });

  it('destroys jobs with their executions', async () => {
    const jobIds = await insertJobs(testConsole.client, 3);
    for (const id of jobIds) await insertExecution(testConsole.client, id);
    const open = await insertJob(testConsole.client);
    await insertExecution(testConsole.client, open);
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'destroy', discardedTarget('')),
        )
      ).counts,
    ).toEqual({ done: 3 });
    expect(
      (await testConsole.client.query('SELECT active_job_id AS id FROM good_job_executions')).rows,
    ).toEqual([{ id: open }]);
    expect(await readRow(testConsole.client, 'good_jobs', open)).not.toBeNull();
  });

  it('retries the discarded jobs of a batch and resets the batch at the end', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    const batch = await insertBatch(testConsole.client, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(testConsole.client, 1_100, { batch_id: `'${batch}'` });
    const [blank] = await insertJobs(testConsole.client, 1, {
      batch_id: `'${batch}'`,
      error: `' '`,
    });
    const elsewhere = await insertJob(testConsole.client, DISCARDED);
    const target: BulkTarget = { kind: 'batch', batchId: batch };
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'batch_retry', target),
        )
      ).counts,
    ).toEqual({
      done: 1_100,
      conflict: 1,
    });
    expect(await readRow(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      finished_at: null,
      jobs_finished_at: null,
      discarded_at: expect.any(String) as unknown,
    });
    expect((await readRow(testConsole.client, 'good_jobs', elsewhere)).finished_at).not.toBeNull();
    expect((await readAuditEvents())[0]).toMatchObject({
      action: 'batch.retry',
      target_type: 'batch',
      target_ids: [batch],
      counts: { done: 1_100, conflict: 1 },
    });
    await testConsole.client.query('DELETE FROM good_jobs WHERE id = $1', [blank]);
    await testConsole.client.query(
      `UPDATE good_jobs
          SET finished_at = now()
        WHERE batch_id = $1
          AND id = (SELECT id FROM good_jobs WHERE batch_id = $1 LIMIT 1)`,
      [batch],
    );
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'batch_retry', target),
        )
      ).counts,
    ).toEqual({
      done: 1,
    });
    expect(await readRow(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      discarded_at: null,
    });
  });

  it('changes nothing if no job of a batch retry can be retried', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    const batch = await insertBatch(testConsole.client, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(testConsole.client, 2, { batch_id: `'${batch}'`, error: `''` });
    const before = await readRowText(testConsole.client, 'good_job_batches', batch);
    expect(
      (
        await waitForRun(
          testConsole.ctx(),
          await startRun(testConsole.ctx(), 'batch_retry', { kind: 'batch', batchId: batch }),
        )
      ).counts,
    ).toEqual({ conflict: 2 });
    expect(await readRowText(testConsole.client, 'good_job_batches', batch)).toBe(before);
  });
});

describe('previewBulk', () => {
  it('a preview counts jobs by state and the jobs that will be skipped', async () => {
    await insertJobs(testConsole.client, 4);
    await insertJobs(testConsole.client, 2, { error: `'  '` });
    const [broken] = await insertJobs(testConsole.client, 1);
    await testConsole.client.query(`UPDATE good_jobs SET serialized_params = '[]' WHERE id = $1`, [
      broken,
    ]);
    for (const columns of [SUCCEEDED, RUNNING, {}]) await insertJob(testConsole.client, columns);
    expect(await previewBulk(testConsole.ctx(), 'retry', discardedTarget(''))).toMatchObject({
      total: { kind: 'exact', count: 7 },
      states: { discarded: 7, succeeded: 1, running: 1, queued: 1 },
      more: false,
      skipped: { running: 0, blankError: 2, unreadable: 1 },
    });
    expect(await previewBulk(testConsole.ctx(), 'discard', discardedTarget(''))).toMatchObject({
      total: { count: 2 },
      skipped: { running: 1, blankError: 0, unreadable: 0 },
    });
    expect(await previewBulk(testConsole.ctx(), 'destroy', discardedTarget(''))).toMatchObject({
      total: { count: 8 },
    });
  });

  it('a preview requires the permission of the action and audits a refusal', async () => {
    await expect(
      requireBulk(testConsole.ctx({ role: 'operator' }), 'destroy', discardedTarget()),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      requireBulk(testConsole.ctx({ role: 'viewer' }), 'retry', ids([randomUUID()])),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await requireBulk(testConsole.ctx({ role: 'operator' }), 'retry', discardedTarget());
    const { rows } = await testConsole.client.query(
      `SELECT action, outcome, error, details
         FROM good_job_console.audit_events
        ORDER BY id`,
    );
    expect(rows).toEqual([
      {
        action: 'job.destroy',
        outcome: 'refused',
        error: 'forbidden',
        details: { preview: true, filter: 'state=discarded' },
      },
      { action: 'job.retry', outcome: 'refused', error: 'forbidden', details: { preview: true } },
    ]);
  });

  it('rejects a filter that cannot be parsed, in the preview and at the start', async () => {
    const [id] = await insertJobs(testConsole.client, 1);
    const target = discardedTarget('state=discarded&q=nonsense:1');
    await expect(previewBulk(testConsole.ctx(), 'retry', target)).rejects.toMatchObject({
      code: 'bad_request',
    });
    const { cutOff, total } = await previewBulk(testConsole.ctx(), 'retry', discardedTarget());
    await expect(
      startBulk(testConsole.ctx(), {
        action: 'retry',
        target,
        scheduledAt: null,
        cutOff,
        expected: total,
        confirmedCount: null,
      }),
    ).rejects.toMatchObject({ code: 'bad_request' });
    expect((await readRow(testConsole.client, 'good_jobs', id ?? '')).finished_at).not.toBeNull();
  });
});

describe('the confirmation of a run', () => {
  it('more than 1,000 jobs require their number, whatever count the browser sends', async () => {
    await insertJobs(testConsole.client, 1_001);
    const ctx = testConsole.ctx();
    const { cutOff, total, target } = await previewBulk(ctx, 'retry', discardedTarget());
    const tryStart = (expected: typeof total, confirmedCount: number | null) =>
      startBulk(ctx, {
        action: 'retry',
        target,
        scheduledAt: null,
        cutOff,
        expected,
        confirmedCount,
      });
    for (const [expected, confirmedCount, more] of [
      [total, null, {}],
      [total, 1_000, {}],
      [{ kind: 'exact', count: 3 }, null, { more: 1_001 }],
      [{ kind: 'exact', count: 3 }, 3, { more: 1_001 }],
    ] as const) {
      expect(await tryStart(expected, confirmedCount)).toEqual({ kind: 'not_confirmed', ...more });
    }
    expect(
      (
        await testConsole.client.query(
          'SELECT DISTINCT outcome, error, counts FROM good_job_console.audit_events',
        )
      ).rows,
    ).toEqual([{ outcome: 'refused', error: 'not_confirmed', counts: {} }]);
    expect(
      (
        await testConsole.client.query(
          `SELECT 1 FROM good_job_console.bulk_runs WHERE state = 'running'`,
        )
      ).rowCount,
    ).toBe(0);
    const started = await tryStart(total, 1_001);
    expect(started.kind === 'started' && (await waitForRun(ctx, started.runId)).counts).toEqual({
      done: 1_001,
    });
  });
});

describe('the permission to start a run', () => {
  it('denies a run to viewers, to operators for destroy, and in read-only mode', async () => {
    await insertJobs(testConsole.client, 1);
    for (const [options, action, code] of [
      [{ role: 'viewer' }, 'retry', 'forbidden'],
      [{ role: 'operator' }, 'destroy', 'forbidden'],
      [{ readOnly: true }, 'retry', 'read_only'],
    ] as const) {
      await expect(
        startRun(testConsole.ctx(options), action, discardedTarget()),
      ).rejects.toMatchObject({
        code,
      });
    }
    expect(
      (
        await waitForRun(
          testConsole.ctx({ role: 'operator' }),
          await startRun(testConsole.ctx({ role: 'operator' }), 'retry', discardedTarget()),
        )
      ).counts,
    ).toEqual({ done: 1 });
  });
});

describe('startBulk without the tables of runs', () => {
  it('changes selected jobs at once and rejects a filter', async () => {
    const jobIds = await insertJobs(testConsole.client, 2);
    const open = await insertJob(testConsole.client);
    const ctx = testConsole.ctx({ bulkRuns: false });
    const preview = await previewBulk(ctx, 'retry', ids([...jobIds, open]));
    const request = {
      action: 'retry' as const,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    };
    expect(await startBulk(ctx, { ...request, target: discardedTarget() })).toEqual({
      kind: 'needs_schema',
    });
    expect(await startBulk(ctx, { ...request, target: preview.target })).toEqual({
      kind: 'done',
      counts: { done: 2, conflict: 1 },
    });
    const tooMany = ids(Array.from({ length: 101 }, () => randomUUID()));
    await expect(startBulk(ctx, { ...request, target: tooMany })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(await getRun(ctx, randomUUID())).toBeNull();
    expect(await listRuns(ctx, null)).toEqual({ rows: [], previous: null, next: null });
  });
});

it('pages the list of runs in both directions', async () => {
  await testConsole.client.query('DELETE FROM good_job_console.bulk_runs');
  const [job] = await insertJobs(testConsole.client, 1);
  for (let n = 0; n < 27; n += 1)
    await waitForRun(
      testConsole.ctx(),
      await startRun(testConsole.ctx(), 'reschedule', ids([job ?? ''])),
    );
  const first = await listRuns(testConsole.ctx(), null);
  const second = await listRuns(testConsole.ctx(), first.next);
  expect([first.rows.length, second.rows.length, second.next]).toEqual([25, 2, null]);
  expect(await listRuns(testConsole.ctx(), second.previous)).toMatchObject({ rows: first.rows });
});

it('rejects runs above the operator limit at the start and on resume, but not for an admin', async () => {
  await insertJobs(testConsole.client, 6);
  const operator = testConsole.ctx({ role: 'operator', bulkOperatorLimit: 5 });
  const { target, cutOff, total } = await previewBulk(operator, 'retry', discardedTarget());
  for (const expected of [total, { kind: 'exact', count: 1 } as const])
    await expect(
      startBulk(operator, {
        action: 'retry',
        target,
        scheduledAt: null,
        cutOff,
        expected,
        confirmedCount: expected.count,
      }),
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
  const attempts = await testConsole.client.query(
    'SELECT outcome, error, counts FROM good_job_console.audit_events',
  );
  expect(attempts.rows).toEqual(
    Array.from({ length: 2 }, () => ({ outcome: 'refused', error: 'bulk_too_large', counts: {} })),
  );
  const runId = await startRun(
    testConsole.ctx({ bulkOperatorLimit: 5 }),
    'retry',
    discardedTarget(),
  );
  await waitForRun(testConsole.ctx(), runId);
  await testConsole.client.query('DELETE FROM good_job_console.audit_events');
  await expect(controlRun(operator, runId, 'resume')).rejects.toMatchObject({
    code: 'bulk_too_large',
  });
  await expect(
    controlRun(
      testConsole.ctx({ role: 'operator', bulkOperatorLimit: 5, readOnly: true }),
      runId,
      'resume',
    ),
  ).rejects.toMatchObject({ code: 'read_only' });
  await expect(
    controlRun(testConsole.ctx({ role: 'viewer', bulkOperatorLimit: 5 }), runId, 'resume'),
  ).rejects.toMatchObject({ code: 'forbidden' });
  expect(
    (
      await testConsole.client.query(
        `SELECT action, outcome, error, target_ids
           FROM good_job_console.audit_events
          ORDER BY id`,
      )
    ).rows,
  ).toEqual(
    ['bulk_too_large', 'forbidden'].map((error) => ({
      action: 'bulk.resume',
      outcome: 'refused',
      error,
      target_ids: [runId],
    })),
  );
  expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('conflict');
  await testConsole.client.query(
    `UPDATE good_jobs
        SET error = 'x', finished_at = now()
      WHERE id IN (SELECT id FROM good_jobs LIMIT 5)`,
  );
  expect(
    (await waitForRun(operator, await startRun(operator, 'retry', discardedTarget()))).counts,
  ).toEqual({
    done: 5,
  });
});

describe('the limit of an operator', () => {
  const readRefusals = async () =>
    (
      await testConsole.client.query(
        'SELECT action, outcome, error FROM good_job_console.audit_events ORDER BY id',
      )
    ).rows as unknown[];

  it('checks the operator limit of a batch retry without a run before it changes a job', async () => {
    const batch = await insertBatch(testConsole.client, {
      discarded_at: new Date().toISOString(),
      finished_at: new Date().toISOString(),
    });
    const [first = ''] = await insertJobs(testConsole.client, 6, { batch_id: `'${batch}'` });
    const before = [
      await readRowText(testConsole.client, 'good_job_batches', batch),
      await readRowText(testConsole.client, 'good_jobs', first),
    ];
    await expect(
      retryBatchUnlessLarge(testConsole.ctx({ role: 'operator', bulkOperatorLimit: 5 }), batch),
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
    await expect(
      retryBatchUnlessLarge(
        testConsole.ctx({ role: 'operator', bulkOperatorLimit: 0, bulkRuns: false }),
        batch,
      ),
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
    expect([
      await readRowText(testConsole.client, 'good_job_batches', batch),
      await readRowText(testConsole.client, 'good_jobs', first),
    ]).toEqual(before);
    expect(await readRefusals()).toEqual(
      Array.from({ length: 2 }, () => ({
        action: 'batch.retry',
        outcome: 'refused',
        error: 'bulk_too_large',
      })),
    );
    await insertJobs(testConsole.client, 600, { batch_id: `'${batch}'` });
    await expect(
      retryBatchUnlessLarge(
        testConsole.ctx({ role: 'operator', bulkOperatorLimit: 605, bulkRuns: false }),
        batch,
      ),
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
    expect(await countByExecutions('finished_at IS NULL')).toEqual([]);
    expect(
      await retryBatchUnlessLarge(
        testConsole.ctx({ role: 'operator', bulkOperatorLimit: 606, bulkRuns: false }),
        batch,
      ),
    ).toMatchObject({ outcome: 'done', retried: 606 });
    expect(
      await retryBatchUnlessLarge(testConsole.ctx({ bulkOperatorLimit: 0 }), batch),
    ).toMatchObject({
      outcome: 'done',
      retried: 0,
    });
  });

  it('checks the operator limit of selected jobs without the tables of runs', async () => {
    const jobIds = await insertJobs(testConsole.client, 2);
    const target = ids([...jobIds, ...jobIds]);
    const preview = await previewBulk(testConsole.ctx(), 'retry', ids(jobIds));
    const request = (limit: number, role: 'operator' | 'admin' = 'operator') =>
      startBulk(testConsole.ctx({ role, bulkOperatorLimit: limit, bulkRuns: false }), {
        action: 'retry',
        target,
        scheduledAt: null,
        cutOff: preview.cutOff,
        expected: preview.total,
        confirmedCount: null,
      });
    for (const limit of [0, 1])
      await expect(request(limit)).rejects.toMatchObject({ code: 'bulk_too_large' });
    expect(await countByExecutions('finished_at IS NULL')).toEqual([]);
    expect(await readRefusals()).toEqual(
      Array.from({ length: 2 }, () => ({
        action: 'job.retry',
        outcome: 'refused',
        error: 'bulk_too_large',
      })),
    );
    expect(await request(2)).toEqual({ kind: 'done', counts: { done: 2 } });
    expect(await request(0, 'admin')).toEqual({ kind: 'done', counts: { conflict: 2 } });
  });
});
