import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discardedTarget, waitForRun } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { takeSnapshot } from '../good-job/locks';
import { type BulkRequest, controlRun, createRun, startBulk } from './mutations';
import { previewBulk } from './preview';
import { getRun } from './runs';
import type { BulkAction, BulkCount, BulkPreview, BulkTarget } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk confirmed');
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(
    `DELETE FROM good_jobs;
     DELETE FROM good_job_batches;
     DELETE FROM good_job_console.audit_events`,
  ),
);

const request = (
  preview: BulkPreview,
  changes: Partial<{ action: BulkAction; expected: BulkCount; confirmedCount: number | null }> = {},
): BulkRequest => ({
  action: 'retry',
  target: preview.target,
  scheduledAt: null,
  cutOff: preview.cutOff,
  expected: preview.total,
  confirmedCount: preview.total.count,
  ...changes,
});
/** A later cut-off than the preview's, which includes jobs added since. */
const laterCutOff = () => testConsole.ctx().db.read((tx) => takeSnapshot(tx));
const countOpen = async () =>
  (await testConsole.client.query('SELECT 1 FROM good_jobs WHERE finished_at IS NULL')).rowCount;
const exact = (count: number): BulkCount => ({ kind: 'exact', count });
const ids = (list: string[]): BulkTarget => ({ kind: 'ids', ids: list });

describe('startBulk with jobs added after the preview', () => {
  it.each([1, 7, 1_000, 1_001])(
    'changes nothing and returns the new number if %i jobs were confirmed and one was added',
    async (count) => {
      await insertJobs(testConsole.client, count);
      const preview = await previewBulk(testConsole.ctx(), 'retry', discardedTarget());
      await insertJobs(testConsole.client, 1);
      const started = await startBulk(testConsole.ctx(), {
        ...request(preview),
        cutOff: await laterCutOff(),
      });
      expect(started).toEqual({ kind: 'not_confirmed', more: count + 1 });
      expect(await countOpen()).toBe(0);
      const { rows } = await testConsole.client.query(
        `SELECT outcome, error, details -> 'confirmed' AS confirmed
           FROM good_job_console.audit_events`,
      );
      expect(rows).toEqual([{ outcome: 'refused', error: 'not_confirmed', confirmed: count }]);
    },
  );
  it('rejects a filter that matches more jobs than confirmed', async () => {
    await insertJobs(testConsole.client, 5);
    const preview = await previewBulk(testConsole.ctx(), 'retry', discardedTarget());
    for (const count of [0, 1, 4])
      expect(
        await startBulk(testConsole.ctx(), request(preview, { expected: exact(count) })),
      ).toEqual({
        kind: 'not_confirmed',
        more: 5,
      });
    expect(await countOpen()).toBe(0);
  });
  it.each([true, false])(
    'counts only the selected jobs that would change, with tables of runs: %s',
    async (bulkRuns) => {
      const list = await insertJobs(testConsole.client, 3);
      const other = await insertJob(testConsole.client);
      const ctx = testConsole.ctx({ bulkRuns });
      const preview = await previewBulk(ctx, 'retry', ids([...list, other]));
      expect(preview.total).toEqual(exact(3));
      expect(await startBulk(ctx, request(preview, { expected: exact(2) }))).toEqual({
        kind: 'not_confirmed',
        more: 3,
      });
      // The action now applies to this job, which the preview did not count.
      await testConsole.client.query(
        `UPDATE good_jobs SET finished_at = now(), error = 'x' WHERE id = $1`,
        [other],
      );
      expect(await startBulk(ctx, { ...request(preview), cutOff: await laterCutOff() })).toEqual({
        kind: 'not_confirmed',
        more: 4,
      });
      expect(await countOpen()).toBe(0);
      const started = await startBulk(ctx, request(preview));
      if (started.kind === 'started') await waitForRun(ctx, started.runId);
      expect(started.kind).toBe(bulkRuns ? 'started' : 'done');
      expect(await countOpen()).toBe(3);
    },
  );
  it('counts the discarded jobs of a batch', async () => {
    const batch = await insertBatch(testConsole.client);
    await insertJobs(testConsole.client, 4, { batch_id: `'${batch}'` });
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'batch_retry', { kind: 'batch', batchId: batch });
    await insertJob(testConsole.client, { ...DISCARDED, batch_id: batch });
    const later = { ...request(preview, { action: 'batch_retry' }), cutOff: await laterCutOff() };
    expect(await startBulk(ctx, later)).toEqual({ kind: 'not_confirmed', more: 5 });
    expect(await countOpen()).toBe(0);
  });
  it('reports a smaller number than confirmed if jobs were deleted before the start', async () => {
    const list = await insertJobs(testConsole.client, 6);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'retry', discardedTarget());
    await testConsole.client.query('DELETE FROM good_jobs WHERE id = ANY($1)', [list.slice(0, 2)]);
    const started = await startBulk(ctx, request(preview));
    if (started.kind !== 'started') throw new Error(started.kind);
    expect(await waitForRun(ctx, started.runId)).toMatchObject({
      state: 'finished',
      counts: { done: 4 },
      expected: exact(4),
      confirmed: 6,
    });
  });
  it.each(['at_least', 'estimate'] as const)(
    'enforces a confirmed number of kind %s if the jobs can be counted',
    async (kind) => {
      await insertJobs(testConsole.client, 5);
      const preview = await previewBulk(testConsole.ctx(), 'retry', discardedTarget());
      for (const count of [0, 2, 4]) {
        const expected: BulkCount = { kind, count };
        for (const confirmedCount of [null, count])
          expect(
            await startBulk(testConsole.ctx(), request(preview, { expected, confirmedCount })),
          ).toEqual({
            kind: 'not_confirmed',
            more: 5,
          });
      }
      expect(await countOpen()).toBe(0);
      const started = await startBulk(
        testConsole.ctx(),
        request(preview, { expected: { kind, count: 6 }, confirmedCount: null }),
      );
      if (started.kind !== 'started') throw new Error(started.kind);
      expect(await waitForRun(testConsole.ctx(), started.runId)).toMatchObject({
        counts: { done: 5 },
        confirmed: null,
      });
    },
  );
});

describe('a run whose list is completed after its start', () => {
  /** Creates a run that is not listed yet and that no server processes. */
  async function createUnlistedRun(count: number): Promise<string> {
    await insertJobs(testConsole.client, count);
    const preview = await previewBulk(testConsole.ctx(), 'retry', discardedTarget());
    const runId = await createRun(testConsole.ctx(), {
      ...request(preview),
      cutOff: await laterCutOff(),
    });
    await testConsole.client.query(
      'DELETE FROM good_job_console.bulk_run_targets WHERE run_id = $1',
      [runId],
    );
    await testConsole.client.query(
      `UPDATE good_job_console.bulk_runs
          SET collected = false, lease_owner = NULL, lease_expires_at = NULL
        WHERE id = $1`,
      [runId],
    );
    return runId;
  }
  /** Moves the cut-off to now, so that the run includes jobs added since its start. */
  async function moveCutOff(runId: string): Promise<void> {
    const { at, txid } = await laterCutOff();
    await testConsole.client.query(
      'UPDATE good_job_console.bulk_runs SET cut_off_at = $2, cut_off_txid = $3 WHERE id = $1',
      [runId, at, txid],
    );
  }
  const countTargets = async (runId: string) =>
    (
      await testConsole.client.query(
        'SELECT 1 FROM good_job_console.bulk_run_targets WHERE run_id = $1',
        [runId],
      )
    ).rowCount;

  it.each([
    [3, 1],
    [12_000, 1],
    [6_000, 9_000],
  ])(
    'a run is refused and changes nothing if %i jobs were confirmed and %i were added',
    async (count, added) => {
      const runId = await createUnlistedRun(count);
      await insertJobs(testConsole.client, added);
      await moveCutOff(runId);
      expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
      const run = await waitForRun(testConsole.ctx(), runId);
      expect(run).toMatchObject({ state: 'refused', confirmed: count });
      expect(run.expected.count).toBeGreaterThan(count);
      if (run.expected.kind === 'exact') expect(run.expected.count).toBe(count + added);
      expect(run.counts).toEqual({ refused: run.expected.count });
      expect(await countOpen()).toBe(0);
      expect(await countTargets(runId)).toBe(0);
      expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('conflict');
      const { rows } = await testConsole.client.query(
        `SELECT outcome FROM good_job_console.audit_events WHERE details ? 'bulk_run'`,
      );
      expect(rows).toEqual([{ outcome: 'refused' }]);
    },
  );
  it('does not limit a run to a confirmed lower bound', async () => {
    const runId = await createUnlistedRun(5);
    await testConsole.client.query(
      `UPDATE good_job_console.bulk_runs
          SET expected = 2, expected_kind = 'at_least'
        WHERE id = $1`,
      [runId],
    );
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 5 },
    });
  });
  it('finishes a run whose complete list matches the confirmed number', async () => {
    const runId = await createUnlistedRun(7_000);
    await moveCutOff(runId);
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await waitForRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 7_000 },
      expected: exact(7_000),
    });
  });
  it('a run listed after its start reports if it has fewer jobs than confirmed', async () => {
    const runId = await createUnlistedRun(7_000);
    await testConsole.client.query(
      'DELETE FROM good_jobs WHERE id IN (SELECT id FROM good_jobs LIMIT 1000)',
    );
    await controlRun(testConsole.ctx(), runId, 'resume');
    await waitForRun(testConsole.ctx(), runId);
    expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 6_000 },
      expected: exact(6_000),
      confirmed: 7_000,
    });
  });
});
