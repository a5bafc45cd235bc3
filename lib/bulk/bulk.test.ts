import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { discarded, settled, start } from '../../test/harness/bulk';
import { OPEN, insertJobs } from '../../test/harness/many-rows';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  row,
  rowText,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { changeJobs } from '../jobs/mutations';
import { controlRun } from './control';
import { previewBulk } from './preview';
import { getRun, listRuns, listSamples } from './runs';
import { requireBulk, retryBatchUnlessLarge, startBulk } from './start';
import type { BulkTarget } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await testConsole.client.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_batches; DELETE FROM good_job_executions; DELETE FROM good_job_console.audit_events',
  );
});

const executions = async (where = 'true') =>
  (
    await testConsole.client.query<{ executions: number; jobs: number }>(
      `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs FROM good_jobs WHERE ${where} GROUP BY 1 ORDER BY 1`,
    )
  ).rows;
const audited = async () =>
  (
    await testConsole.client.query<Record<string, unknown>>(
      'SELECT viewer, action, target_type, target_ids, counts, details FROM good_job_console.audit_events ORDER BY id',
    )
  ).rows;
const left = async (runId: string) =>
  (
    await testConsole.client.query(
      'SELECT 1 FROM good_job_console.bulk_run_targets WHERE run_id = $1',
      [runId],
    )
  ).rowCount;
const ids = (list: string[]): BulkTarget => ({ kind: 'ids', ids: list });

test('everything that matches, in chunks of 500, with one audit record and one notification a queue and chunk', async () => {
  await insertJobs(testConsole.client, 1_203);
  const other = await insertJob(testConsole.client, SUCCEEDED);
  const before = await rowText(testConsole.client, 'good_jobs', other);
  let runId = '';
  const received = await testConsole.notifications(async () => {
    runId = await start(testConsole.ctx(), 'retry', discarded());
    expect(await settled(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 1_203 },
      expected: { kind: 'exact', count: 1_203 },
      viewer: 'tester',
      action: 'retry',
      filter: 'state=discarded',
    });
  });
  expect(new Set(received.map(({ queue_name }) => queue_name))).toEqual(new Set(['default']));
  const notified = received.map(({ count }) => Number(count));
  expect(notified.reduce((sum, count) => sum + count, 0)).toBe(1_203);
  expect(Math.max(...notified)).toBeLessThanOrEqual(500);
  expect(notified.length).toBeLessThanOrEqual(4); // two parts, each in chunks of 500
  expect(await executions(`id <> '${other}'`)).toEqual([{ executions: 1, jobs: 1_203 }]);
  expect(await rowText(testConsole.client, 'good_jobs', other)).toBe(before);
  expect(await left(runId)).toBe(0);
  expect(await audited()).toEqual([
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

test('selected rows: an outcome for each, samples of what was not done, paging left out of the filter', async () => {
  const [ready, open, gone, broken, held] = [
    await insertJob(testConsole.client, DISCARDED),
    await insertJob(testConsole.client),
    randomUUID(),
    await insertJob(testConsole.client, { ...DISCARDED, serialized_params: '[]' }),
    await insertJob(testConsole.client, DISCARDED),
  ];
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', held)})`);
  const runId = await start(testConsole.ctx(), 'retry', ids([ready, open, gone, broken, held]));
  const run = await settled(testConsole.ctx(), runId);
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
      [gone, 'missing'],
      [broken, 'params_not_an_object'],
      [held, 'locked'],
    ]),
  );
  expect((await audited())[0]).toMatchObject({
    target_type: 'job',
    target_ids: [ready, open, gone, broken, held],
  });
  const paged = await previewBulk(
    testConsole.ctx(),
    'retry',
    discarded(`state=discarded&after_id=${ready}&limit=50&sort=-finished&did=retry`),
  );
  expect(paged.target).toEqual(discarded());
});

test('only the first 200 of an outcome are kept as samples', async () => {
  await insertJobs(testConsole.client, 700, { error: `''` });
  const runId = await start(testConsole.ctx(), 'retry', discarded());
  expect((await settled(testConsole.ctx(), runId)).counts).toEqual({ conflict: 700 });
  expect(await listSamples(testConsole.ctx(), runId)).toHaveLength(200);
});

describe('the cut-off', () => {
  test('a job that came, or changed, after the preview is not touched; one that failed again is not retried twice', async () => {
    const [stays] = await insertJobs(testConsole.client, 1);
    const [again] = await insertJobs(testConsole.client, 1);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'retry', discarded());
    expect(preview.total).toEqual({ kind: 'exact', count: 2 });
    // A worker whose clock is an hour behind: updated_at says nothing.
    await testConsole.client.query(
      `UPDATE good_jobs SET finished_at = now() - interval '2 hours', updated_at = now() - interval '2 hours' WHERE id = $1`,
      [again],
    );
    const late = await insertJob(testConsole.client, DISCARDED);
    const started = await startBulk(ctx, {
      action: 'retry',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    });
    if (started.kind !== 'started') throw new Error(started.kind);
    expect(await settled(ctx, started.runId)).toMatchObject({
      counts: { done: 1 },
      cutOffAt: preview.cutOff.at,
    });
    for (const [id, open] of [
      [stays, true],
      [again, false],
      [late, false],
    ] as const)
      expect((await row(testConsole.client, 'good_jobs', id ?? '')).finished_at === null, id).toBe(
        open,
      );
  });

  test('a listed job that changes before its chunk is a conflict', async () => {
    const list = await insertJobs(testConsole.client, 3);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'destroy', ids(list));
    await changeJobs(ctx, 'retry', [list[0] ?? '']);
    await testConsole.client.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [
      list[0],
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
    expect((await settled(ctx, started.runId)).counts).toEqual({ conflict: 1, done: 2 });
  });

  test('time stands still for the filter: what becomes due, or old enough, meanwhile is not matched', async () => {
    const [soon, young] = [
      new Date(Date.now() + 700).toISOString(),
      new Date(Date.now() - 3_599_300).toISOString(),
    ];
    await insertJob(testConsole.client, { scheduled_at: soon, created_at: young });
    const ctx = testConsole.ctx();
    const [queued, older] = [
      await previewBulk(ctx, 'discard', discarded('state=queued')),
      await previewBulk(ctx, 'discard', discarded('q=created:<1h')),
    ];
    expect([queued.total.count, older.total.count]).toEqual([0, 0]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(
      (await previewBulk(ctx, 'discard', discarded('state=queued&q=created:<1h'))).total.count,
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
      expect((await settled(ctx, started.runId)).counts).toEqual({});
    }
    expect(
      (await testConsole.client.query('SELECT 1 FROM good_jobs WHERE finished_at IS NOT NULL'))
        .rowCount,
    ).toBe(0);
  });
});

describe('locks', () => {
  test('jobs that a worker holds are put off, and done at the second try when it has let go', async () => {
    const list = await insertJobs(testConsole.client, 600);
    const worker = await testConsole.session();
    for (const id of list.slice(0, 5))
      await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', id)})`);
    const processId = await insertProcess(testConsole.client);
    await testConsole.client.query(
      'UPDATE good_jobs SET locked_by_id = $1, lock_type = 1 WHERE id = $2',
      [processId, list[10]],
    );
    const before = await rowText(testConsole.client, 'good_jobs', list[10] ?? '');
    const release = testConsole.client
      .query('SELECT pg_sleep(0)')
      .then(() => worker.query('SELECT pg_advisory_unlock_all()'));
    const runId = await start(testConsole.ctx(), 'retry', discarded());
    await release;
    expect((await settled(testConsole.ctx(), runId)).counts).toEqual({ done: 599, locked: 1 });
    expect(await rowText(testConsole.client, 'good_jobs', list[10] ?? '')).toBe(before);
    expect(await executions('finished_at IS NULL')).toEqual([{ executions: 1, jobs: 599 }]);
  });

  test('a batch that somebody has locked costs its own jobs, not the run', async () => {
    const batch = await insertBatch(testConsole.client);
    const [member] = await insertJobs(testConsole.client, 1, { batch_id: `'${batch}'` });
    await insertJobs(testConsole.client, 3);
    const other = await testConsole.session();
    await other.query(`SELECT pg_advisory_lock(${lockKey('good_job_batches', batch)})`);
    const runId = await start(testConsole.ctx(), 'retry', discarded());
    const run = await settled(testConsole.ctx(), runId);
    await other.query('SELECT pg_advisory_unlock_all()');
    expect(run.counts).toEqual({ done: 3, locked: 1 });
    expect(run.activeMs).toBeLessThan(3_000);
    expect(await listSamples(testConsole.ctx(), runId)).toEqual([
      { jobId: member, outcome: 'locked', code: null },
    ]);
  });
});

describe('every action', () => {
  test('discard completes the batches that it leaves without an open job, and their callbacks are enqueued', async () => {
    const [whole, half] = [
      await insertBatch(testConsole.client, { on_finish: 'OnFinish', on_discard: 'OnDiscard' }),
      await insertBatch(testConsole.client, { on_finish: 'OnFinish' }),
    ];
    await insertJobs(testConsole.client, 700, { ...OPEN, batch_id: `'${whole}'` });
    await insertJobs(testConsole.client, 10, {
      ...OPEN,
      batch_id: `'${half}'`,
      queue_name: `CASE n WHEN 1 THEN 'kept' ELSE 'default' END`,
    });
    const runId = await start(testConsole.ctx(), 'discard', discarded('queue_name=default'));
    expect((await settled(testConsole.ctx(), runId)).counts).toEqual({ done: 709 });
    expect(await row(testConsole.client, 'good_job_batches', whole)).toMatchObject({
      discarded_at: expect.any(String) as unknown,
      jobs_finished_at: expect.any(String) as unknown,
    });
    expect(await row(testConsole.client, 'good_job_batches', half)).toMatchObject({
      discarded_at: expect.any(String) as unknown,
      jobs_finished_at: null,
    });
    const { rows } = await testConsole.client.query(
      'SELECT job_class, batch_callback_id AS batch FROM good_jobs WHERE batch_callback_id IS NOT NULL ORDER BY created_at',
    );
    expect(rows).toEqual([
      { job_class: 'OnDiscard', batch: whole },
      { job_class: 'OnFinish', batch: whole },
    ]);
  });

  test('discard of members of a batch whose callbacks cannot be enqueued: those are refused, the others done', async () => {
    const bare = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    const [member] = await insertJobs(testConsole.client, 1, { ...OPEN, batch_id: `'${bare}'` });
    await insertJobs(testConsole.client, 4, OPEN);
    const ctx = testConsole.ctx({ app: { appName: null } });
    const runId = await start(ctx, 'discard', discarded(''));
    expect((await settled(ctx, runId)).counts).toEqual({ done: 4, refused: 1 });
    expect(await listSamples(ctx, runId)).toEqual([
      { jobId: member, outcome: 'refused', code: 'app_name_unknown' },
    ]);
    expect((await row(testConsole.client, 'good_jobs', member ?? '')).finished_at).toBeNull();
  });

  test('reschedule to a time, and now; running jobs that nobody holds are rescheduled as one alone would be', async () => {
    const list = await insertJobs(testConsole.client, 501, OPEN);
    const at = '2031-02-03T04:05:06.123456Z';
    expect(
      (
        await settled(
          testConsole.ctx(),
          await start(testConsole.ctx(), 'reschedule', discarded('state=queued'), at),
        )
      ).counts,
    ).toEqual({ done: 501 });
    expect((await row(testConsole.client, 'good_jobs', list[0] ?? '')).scheduled_at).toBe(
      '2031-02-03T04:05:06.123456',
    );
    expect(
      (
        await settled(
          testConsole.ctx(),
          await start(testConsole.ctx(), 'reschedule', discarded('state=scheduled')),
        )
      ).counts,
    ).toEqual({ done: 501 });
    expect(
      (await previewBulk(testConsole.ctx(), 'reschedule', discarded('state=queued'))).total.count,
    ).toBe(501);
  });

  test('destroy takes the executions along', async () => {
    const list = await insertJobs(testConsole.client, 3);
    for (const id of list) await insertExecution(testConsole.client, id);
    const kept = await insertJob(testConsole.client);
    await insertExecution(testConsole.client, kept);
    expect(
      (await settled(testConsole.ctx(), await start(testConsole.ctx(), 'destroy', discarded(''))))
        .counts,
    ).toEqual({ done: 3 });
    expect(
      (await testConsole.client.query('SELECT active_job_id AS id FROM good_job_executions')).rows,
    ).toEqual([{ id: kept }]);
    expect(await row(testConsole.client, 'good_jobs', kept)).not.toBeNull();
  });

  test('a batch’s discarded jobs, and the batch is reset in the end', async () => {
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
      (await settled(testConsole.ctx(), await start(testConsole.ctx(), 'batch_retry', target)))
        .counts,
    ).toEqual({
      done: 1_100,
      conflict: 1,
    });
    expect(await row(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      finished_at: null,
      jobs_finished_at: null,
      discarded_at: expect.any(String) as unknown,
    });
    expect((await row(testConsole.client, 'good_jobs', elsewhere)).finished_at).not.toBeNull();
    expect((await audited())[0]).toMatchObject({
      action: 'batch.retry',
      target_type: 'batch',
      target_ids: [batch],
      counts: { done: 1_100, conflict: 1 },
    });
    await testConsole.client.query('DELETE FROM good_jobs WHERE id = $1', [blank]);
    await testConsole.client.query(
      `UPDATE good_jobs SET finished_at = now() WHERE batch_id = $1 AND id = (SELECT id FROM good_jobs WHERE batch_id = $1 LIMIT 1)`,
      [batch],
    );
    expect(
      (await settled(testConsole.ctx(), await start(testConsole.ctx(), 'batch_retry', target)))
        .counts,
    ).toEqual({
      done: 1,
    });
    expect(await row(testConsole.client, 'good_job_batches', batch)).toMatchObject({
      discarded_at: null,
    });
  });

  test('a batch retry of which nothing could be retried changes nothing', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    const batch = await insertBatch(testConsole.client, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(testConsole.client, 2, { batch_id: `'${batch}'`, error: `''` });
    const before = await rowText(testConsole.client, 'good_job_batches', batch);
    expect(
      (
        await settled(
          testConsole.ctx(),
          await start(testConsole.ctx(), 'batch_retry', { kind: 'batch', batchId: batch }),
        )
      ).counts,
    ).toEqual({ conflict: 2 });
    expect(await rowText(testConsole.client, 'good_job_batches', batch)).toBe(before);
  });
});

describe('the preview', () => {
  test('counts by state, and says what will be skipped', async () => {
    await insertJobs(testConsole.client, 4);
    await insertJobs(testConsole.client, 2, { error: `'  '` });
    const [broken] = await insertJobs(testConsole.client, 1);
    await testConsole.client.query(`UPDATE good_jobs SET serialized_params = '[]' WHERE id = $1`, [
      broken,
    ]);
    for (const columns of [SUCCEEDED, RUNNING, {}]) await insertJob(testConsole.client, columns);
    expect(await previewBulk(testConsole.ctx(), 'retry', discarded(''))).toMatchObject({
      total: { kind: 'exact', count: 7 },
      states: { discarded: 7, succeeded: 1, running: 1, queued: 1 },
      more: false,
      skipped: { running: 0, blankError: 2, unreadable: 1 },
    });
    expect(await previewBulk(testConsole.ctx(), 'discard', discarded(''))).toMatchObject({
      total: { count: 2 },
      skipped: { running: 1, blankError: 0, unreadable: 0 },
    });
    expect(await previewBulk(testConsole.ctx(), 'destroy', discarded(''))).toMatchObject({
      total: { count: 8 },
    });
  });

  test('is for who may do it: another is refused, on record', async () => {
    await expect(
      requireBulk(testConsole.ctx({ role: 'operator' }), 'destroy', discarded()),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      requireBulk(testConsole.ctx({ role: 'viewer' }), 'retry', ids([randomUUID()])),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await requireBulk(testConsole.ctx({ role: 'operator' }), 'retry', discarded());
    const { rows } = await testConsole.client.query(
      'SELECT action, outcome, error, details FROM good_job_console.audit_events ORDER BY id',
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

  test('a filter that is not understood is refused, in the preview and at the start', async () => {
    const [id] = await insertJobs(testConsole.client, 1);
    const target = discarded('state=discarded&q=nonsense:1');
    await expect(previewBulk(testConsole.ctx(), 'retry', target)).rejects.toMatchObject({
      code: 'bad_request',
    });
    const { cutOff, total } = await previewBulk(testConsole.ctx(), 'retry', discarded());
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
    expect((await row(testConsole.client, 'good_jobs', id ?? '')).finished_at).not.toBeNull();
  });
});

describe('confirmation', () => {
  test('above 1,000 jobs their number must be typed, whatever the browser says there are', async () => {
    await insertJobs(testConsole.client, 1_001);
    const ctx = testConsole.ctx();
    const { cutOff, total, target } = await previewBulk(ctx, 'retry', discarded());
    const tried = (expected: typeof total, confirmedCount: number | null) =>
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
      expect(await tried(expected, confirmedCount)).toEqual({ kind: 'not_confirmed', ...more });
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
    const started = await tried(total, 1_001);
    expect(started.kind === 'started' && (await settled(ctx, started.runId)).counts).toEqual({
      done: 1_001,
    });
  });
});

describe('who may', () => {
  test('a viewer may not, an operator may not destroy, read-only nobody', async () => {
    await insertJobs(testConsole.client, 1);
    for (const [options, action, code] of [
      [{ role: 'viewer' }, 'retry', 'forbidden'],
      [{ role: 'operator' }, 'destroy', 'forbidden'],
      [{ readOnly: true }, 'retry', 'read_only'],
    ] as const) {
      await expect(start(testConsole.ctx(options), action, discarded())).rejects.toMatchObject({
        code,
      });
    }
    expect(
      (
        await settled(
          testConsole.ctx({ role: 'operator' }),
          await start(testConsole.ctx({ role: 'operator' }), 'retry', discarded()),
        )
      ).counts,
    ).toEqual({ done: 1 });
  });
});

describe('without the tables of runs', () => {
  test('the selected rows are changed at once; everything that matches is not', async () => {
    const list = await insertJobs(testConsole.client, 2);
    const open = await insertJob(testConsole.client);
    const ctx = testConsole.ctx({ bulkRuns: false });
    const preview = await previewBulk(ctx, 'retry', ids([...list, open]));
    const request = {
      action: 'retry' as const,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    };
    expect(await startBulk(ctx, { ...request, target: discarded() })).toEqual({
      kind: 'needs_schema',
    });
    expect(await startBulk(ctx, { ...request, target: preview.target })).toEqual({
      kind: 'done',
      counts: { done: 2, conflict: 1 },
    });
    const many = ids(Array.from({ length: 101 }, () => randomUUID()));
    await expect(startBulk(ctx, { ...request, target: many })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(await getRun(ctx, randomUUID())).toBeNull();
    expect(await listRuns(ctx, null)).toEqual({ rows: [], previous: null, next: null });
  });
});

test('the list of runs pages both ways', async () => {
  await testConsole.client.query('DELETE FROM good_job_console.bulk_runs');
  const [job] = await insertJobs(testConsole.client, 1);
  for (let n = 0; n < 27; n += 1)
    await settled(
      testConsole.ctx(),
      await start(testConsole.ctx(), 'reschedule', ids([job ?? ''])),
    );
  const first = await listRuns(testConsole.ctx(), null);
  const second = await listRuns(testConsole.ctx(), first.next);
  expect([first.rows.length, second.rows.length, second.next]).toEqual([25, 2, null]);
  expect(await listRuns(testConsole.ctx(), second.previous)).toMatchObject({ rows: first.rows });
});

test('an operator starts and resumes no run above the limit, whatever the number they say; an admin does', async () => {
  await insertJobs(testConsole.client, 6);
  const operator = testConsole.ctx({ role: 'operator', bulkOperatorLimit: 5 });
  const { target, cutOff, total } = await previewBulk(operator, 'retry', discarded());
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
  const runId = await start(testConsole.ctx({ bulkOperatorLimit: 5 }), 'retry', discarded());
  await settled(testConsole.ctx(), runId);
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
        'SELECT action, outcome, error, target_ids FROM good_job_console.audit_events ORDER BY id',
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
    `UPDATE good_jobs SET error = 'x', finished_at = now() WHERE id IN (SELECT id FROM good_jobs LIMIT 5)`,
  );
  expect((await settled(operator, await start(operator, 'retry', discarded()))).counts).toEqual({
    done: 5,
  });
});

describe('the limit of an operator', () => {
  const refusals = async () =>
    (
      await testConsole.client.query(
        'SELECT action, outcome, error FROM good_job_console.audit_events ORDER BY id',
      )
    ).rows as unknown[];

  test('holds for a batch retry that needs no run: before anything is changed, and whatever the number of chunks', async () => {
    const batch = await insertBatch(testConsole.client, {
      discarded_at: new Date().toISOString(),
      finished_at: new Date().toISOString(),
    });
    const [first = ''] = await insertJobs(testConsole.client, 6, { batch_id: `'${batch}'` });
    const before = [
      await rowText(testConsole.client, 'good_job_batches', batch),
      await rowText(testConsole.client, 'good_jobs', first),
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
      await rowText(testConsole.client, 'good_job_batches', batch),
      await rowText(testConsole.client, 'good_jobs', first),
    ]).toEqual(before);
    expect(await refusals()).toEqual(
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
    expect(await executions('finished_at IS NULL')).toEqual([]);
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

  test('holds for selected rows without the console’s own tables', async () => {
    const list = await insertJobs(testConsole.client, 2);
    const [chosen, now] = [
      ids([...list, ...list]),
      await previewBulk(testConsole.ctx(), 'retry', ids(list)),
    ];
    const request = (limit: number, role: 'operator' | 'admin' = 'operator') =>
      startBulk(testConsole.ctx({ role, bulkOperatorLimit: limit, bulkRuns: false }), {
        action: 'retry',
        target: chosen,
        scheduledAt: null,
        cutOff: now.cutOff,
        expected: now.total,
        confirmedCount: null,
      });
    for (const limit of [0, 1])
      await expect(request(limit)).rejects.toMatchObject({ code: 'bulk_too_large' });
    expect(await executions('finished_at IS NULL')).toEqual([]);
    expect(await refusals()).toEqual(
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
