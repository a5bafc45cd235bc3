import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discarded, settled } from '../../test/harness/bulk';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cutOffNow } from '../good-job/row-snapshot';
import { controlRun } from './control';
import { previewBulk } from './preview';
import { getRun } from './runs';
import { createRun, startBulk } from './start';
import type { BulkAction, BulkCount, BulkPreview, BulkTarget } from './types';

/* No run changes more jobs than the number that its viewer saw and confirmed, at whatever size and whenever they came. */
let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('bulk confirmed');
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_batches; DELETE FROM good_job_console.audit_events',
  ),
);

const request = (
  preview: BulkPreview,
  more: Partial<{ action: BulkAction; expected: BulkCount; confirmedCount: number | null }> = {},
) => ({
  action: 'retry' as BulkAction,
  target: preview.target,
  scheduledAt: null,
  cutOff: preview.cutOff,
  expected: preview.total,
  confirmedCount: preview.total.count,
  ...more,
});
/** A later moment: jobs that came since the preview are of the run, as they are for a clock that went back. */
const now = () => testConsole.ctx().db.read((tx) => cutOffNow(tx));
const open = async () =>
  (await testConsole.client.query('SELECT 1 FROM good_jobs WHERE finished_at IS NULL')).rowCount;
const exact = (count: number): BulkCount => ({ kind: 'exact', count });
const ids = (list: string[]): BulkTarget => ({ kind: 'ids', ids: list });

describe('between the preview and the start', () => {
  it.each([1, 7, 1_000, 1_001])(
    '%i jobs confirmed and one more there: nothing is changed, and the new number is said',
    async (count) => {
      await insertJobs(testConsole.client, count);
      const preview = await previewBulk(testConsole.ctx(), 'retry', discarded());
      await insertJobs(testConsole.client, 1);
      const started = await startBulk(testConsole.ctx(), {
        ...request(preview),
        cutOff: await now(),
      });
      expect(started).toEqual({ kind: 'not_confirmed', more: count + 1 });
      expect(await open()).toBe(0);
      const { rows } = await testConsole.client.query(
        `SELECT outcome, error, details -> 'confirmed' AS confirmed FROM good_job_console.audit_events`,
      );
      expect(rows).toEqual([{ outcome: 'refused', error: 'not_confirmed', confirmed: count }]);
    },
  );
  it('a filter that matches more than what was confirmed is refused, whatever the cut-off says', async () => {
    await insertJobs(testConsole.client, 5);
    const preview = await previewBulk(testConsole.ctx(), 'retry', discarded());
    for (const count of [0, 1, 4])
      expect(
        await startBulk(testConsole.ctx(), request(preview, { expected: exact(count) })),
      ).toEqual({
        kind: 'not_confirmed',
        more: 5,
      });
    expect(await open()).toBe(0);
  });
  it.each([true, false])(
    'selected rows count as those that would change, with the tables of runs: %s',
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
      // It has become one that the action is for; the preview did not count it.
      await testConsole.client.query(
        `UPDATE good_jobs SET finished_at = now(), error = 'x' WHERE id = $1`,
        [other],
      );
      expect(await startBulk(ctx, { ...request(preview), cutOff: await now() })).toEqual({
        kind: 'not_confirmed',
        more: 4,
      });
      expect(await open()).toBe(0);
      const started = await startBulk(ctx, request(preview));
      if (started.kind === 'started') await settled(ctx, started.runId);
      expect(started.kind).toBe(bulkRuns ? 'started' : 'done');
      expect(await open()).toBe(3);
    },
  );
  it('a batch counts as its discarded jobs', async () => {
    const batch = await insertBatch(testConsole.client);
    await insertJobs(testConsole.client, 4, { batch_id: `'${batch}'` });
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'batch_retry', { kind: 'batch', batchId: batch });
    await insertJob(testConsole.client, { ...DISCARDED, batch_id: batch });
    const later = { ...request(preview, { action: 'batch_retry' }), cutOff: await now() };
    expect(await startBulk(ctx, later)).toEqual({ kind: 'not_confirmed', more: 5 });
    expect(await open()).toBe(0);
  });
  it('fewer jobs are changed, and that they are fewer is said', async () => {
    const list = await insertJobs(testConsole.client, 6);
    const ctx = testConsole.ctx();
    const preview = await previewBulk(ctx, 'retry', discarded());
    await testConsole.client.query('DELETE FROM good_jobs WHERE id = ANY($1)', [list.slice(0, 2)]);
    const started = await startBulk(ctx, request(preview));
    if (started.kind !== 'started') throw new Error(started.kind);
    expect(await settled(ctx, started.runId)).toMatchObject({
      state: 'finished',
      counts: { done: 4 },
      expected: exact(4),
      confirmed: 6,
    });
  });
  it.each(['at_least', 'estimate'] as const)(
    'a number that is said to be %s bounds a run whose jobs were counted, as an exact one does',
    async (kind) => {
      await insertJobs(testConsole.client, 5);
      const preview = await previewBulk(testConsole.ctx(), 'retry', discarded());
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
      expect(await open()).toBe(0);
      const started = await startBulk(
        testConsole.ctx(),
        request(preview, { expected: { kind, count: 6 }, confirmedCount: null }),
      );
      if (started.kind !== 'started') throw new Error(started.kind);
      expect(await settled(testConsole.ctx(), started.runId)).toMatchObject({
        counts: { done: 5 },
        confirmed: null,
      });
    },
  );
});

describe('between the start and the end of the list', () => {
  /** A run whose list was not done in time, of which this server has not yet done anything. */
  async function unlisted(count: number): Promise<string> {
    await insertJobs(testConsole.client, count);
    const preview = await previewBulk(testConsole.ctx(), 'retry', discarded());
    const runId = await createRun(testConsole.ctx(), { ...request(preview), cutOff: await now() });
    await testConsole.client.query(
      'DELETE FROM good_job_console.bulk_run_targets WHERE run_id = $1',
      [runId],
    );
    await testConsole.client.query(
      `UPDATE good_job_console.bulk_runs SET collected = false, lease_owner = NULL, lease_expires_at = NULL WHERE id = $1`,
      [runId],
    );
    return runId;
  }
  /** As of now: what has come since the start is of the run. */
  async function moveCutOff(runId: string): Promise<void> {
    const { at, txid } = await now();
    await testConsole.client.query(
      'UPDATE good_job_console.bulk_runs SET cut_off_at = $2, cut_off_txid = $3 WHERE id = $1',
      [runId, at, txid],
    );
  }
  const left = async (runId: string) =>
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
    '%i confirmed and %i more: the run ends refused with what it found, and nothing is changed',
    async (count, more) => {
      const runId = await unlisted(count);
      await insertJobs(testConsole.client, more);
      await moveCutOff(runId);
      expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('done');
      const run = await settled(testConsole.ctx(), runId);
      expect(run).toMatchObject({ state: 'refused', confirmed: count });
      expect(run.expected.count).toBeGreaterThan(count);
      if (run.expected.kind === 'exact') expect(run.expected.count).toBe(count + more);
      expect(run.counts).toEqual({ refused: run.expected.count });
      expect(await open()).toBe(0);
      expect(await left(runId)).toBe(0);
      expect(await controlRun(testConsole.ctx(), runId, 'resume')).toBe('conflict');
      const { rows } = await testConsole.client.query(
        `SELECT outcome FROM good_job_console.audit_events WHERE details ? 'bulk_run'`,
      );
      expect(rows).toEqual([{ outcome: 'refused' }]);
    },
  );
  it('a lower bound or an estimate bounds no run whose jobs were not counted', async () => {
    const runId = await unlisted(5);
    await testConsole.client.query(
      `UPDATE good_job_console.bulk_runs SET expected = 2, expected_kind = 'at_least' WHERE id = $1`,
      [runId],
    );
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await settled(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 5 },
    });
  });
  it('no job is changed before the list is known to be no longer than what was confirmed', async () => {
    const runId = await unlisted(7_000);
    await moveCutOff(runId);
    await controlRun(testConsole.ctx(), runId, 'resume');
    expect(await settled(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 7_000 },
      expected: exact(7_000),
    });
  });
  it('fewer are carried out, and said', async () => {
    const runId = await unlisted(7_000);
    await testConsole.client.query(
      'DELETE FROM good_jobs WHERE id IN (SELECT id FROM good_jobs LIMIT 1000)',
    );
    await controlRun(testConsole.ctx(), runId, 'resume');
    await settled(testConsole.ctx(), runId);
    expect(await getRun(testConsole.ctx(), runId)).toMatchObject({
      state: 'finished',
      counts: { done: 6_000 },
      expected: exact(6_000),
      confirmed: 7_000,
    });
  });
});
