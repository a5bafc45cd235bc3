import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GoodJobProcess, type Strategy } from '../../test/harness/good-job-process';
import { insertJobs, UNFINISHED } from '../../test/harness/many-rows';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  readRow,
} from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { actOnJobs } from '../good-job/actions';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { changeJobs } from '../jobs/mutations';
import { GRACE_PERIODS } from './check-context';
import { findLateJobs } from './job-checks';
import { findAttention, createCheckContext } from './queries';
import { findUnservedQueues } from './queue-checks';
import { repair } from './repair';
import type { FindingKind, FindingOf } from './types';

let testConsole: TestConsole;
let folder: string;
const processes: GoodJobProcess[] = [];
beforeAll(async () => {
  testConsole = await TestConsole.open('attention');
  folder = await mkdtemp(path.join(tmpdir(), 'attention-'));
  await writeFile(
    path.join(folder, 'cron.yml'),
    'hourly_report:\n  cron: "0 * * * *"\n  class: ReportJob\n',
  );
  Object.assign(process.env, {
    DATABASE_URL: testConsole.url,
    CRON_FILE: path.join(folder, 'cron.yml'),
  });
});
afterAll(async () => {
  await testConsole.close();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.die().catch(() => undefined)));
  await testConsole.client.query(
    `TRUNCATE good_jobs, good_job_executions, good_job_batches, good_job_processes,
              good_job_settings, good_job_console.audit_events`,
  );
});

async function startProcess(
  options: Parameters<typeof GoodJobProcess.start>[1] = {},
): Promise<GoodJobProcess> {
  const process = await GoodJobProcess.start(testConsole.url, options);
  processes.push(process);
  return process;
}

/** Returns the findings of a search by kind; fails if a check has no result. */
async function readFindings(): Promise<{ [Kind in FindingKind]?: FindingOf<Kind> }> {
  const { checks } = await findAttention(testConsole.ctx());
  expect(checks.filter(({ result }) => result === 'unknown')).toEqual([]);
  return Object.fromEntries(
    checks.flatMap((check) => (check.result === 'found' ? [[check.kind, check.finding]] : [])),
  );
}
const readFindingKinds = async () => Object.keys(await readFindings());
const readAuditEvents = async () =>
  (
    await testConsole.client.query<{ action: string; counts: unknown }>(
      'SELECT action, counts FROM good_job_console.audit_events ORDER BY id',
    )
  ).rows;
/** Counts the jobs on the page that a finding links to. */
const countListedJobs = async (href = '') =>
  (
    await listJobs(
      testConsole.ctx(),
      parseJobFilter(new URLSearchParams(`${href.replace('/jobs?', '')}&limit=100`)),
    )
  ).rows.length;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

test('reports no findings in an empty database', async () => {
  expect(await readFindingKinds()).toEqual([]);
});

describe('hanging batches', () => {
  test('reports and repairs a batch whose last job GoodJob’s dashboard discarded', async () => {
    await startProcess();
    const id = await insertBatch(testConsole.client, {
      description: 'Nightly',
      on_finish: 'DoneJob',
      on_success: 'WellJob',
    });
    await insertJob(testConsole.client, { batch_id: id, ...SUCCEEDED });
    await insertJob(testConsole.client, {
      batch_id: id,
      ...DISCARDED,
      error: 'GoodJob::Job::DiscardJobError: Discarded through dashboard',
      error_event: 5,
      finished_at: ago(90),
    });
    const { hanging_batches: finding } = await readFindings();
    expect(finding).toMatchObject({
      severity: 'critical',
      count: { kind: 'exact', count: 1 },
      repair: 'check_batches',
      items: [{ id, description: 'Nightly' }],
    });
    expect(Math.round((Date.now() - Date.parse(finding?.since ?? '')) / 1000)).toBeCloseTo(90, -1);

    const notifications = await testConsole.notifications(async () =>
      expect(await repair(testConsole.ctx(), { repair: 'check_batches', ids: null })).toEqual({
        counts: { done: 1 },
        failures: [],
        events: 2,
      }),
    );
    expect(notifications).toMatchObject([{ queue_name: 'default', count: 2 }]);
    expect(await readRow(testConsole.client, 'good_job_batches', id)).toMatchObject({
      jobs_finished_at: expect.any(String) as string,
      finished_at: null,
    });
    expect(
      (
        await testConsole.client.query(
          `SELECT job_class
             FROM good_jobs
            WHERE batch_callback_id = $1
            ORDER BY created_at, job_class DESC`,
          [id],
        )
      ).rows,
    ).toEqual([{ job_class: 'WellJob' }, { job_class: 'DoneJob' }]);
    expect(await readAuditEvents()).toEqual([{ action: 'batch.check', counts: { done: 1 } }]);
    expect(await readFindingKinds()).toEqual([]);
  });

  test('reports and repairs a batch whose worker died before the last completion check', async () => {
    await startProcess();
    const id = await insertBatch(testConsole.client, {
      jobs_finished_at: ago(3_000),
      on_finish: 'DoneJob',
    });
    await insertJob(testConsole.client, { batch_id: id, ...SUCCEEDED });
    await insertJob(testConsole.client, {
      batch_callback_id: id,
      job_class: 'DoneJob',
      ...SUCCEEDED,
    });
    expect((await readFindings()).hanging_batches?.items).toMatchObject([{ id }]);
    expect(
      (await repair(testConsole.ctx(), { repair: 'check_batches', ids: [id] })).counts,
    ).toEqual({
      done: 1,
    });
    expect((await readRow(testConsole.client, 'good_job_batches', id)).finished_at).not.toBeNull();
    expect(await readFindingKinds()).toEqual([]);
  });

  test('ignores batches that are in progress, locked, not enqueued or finished', async () => {
    await startProcess();
    const inProgress = await insertBatch(testConsole.client);
    const justCompleted = await insertBatch(testConsole.client);
    const justUpdated = await insertBatch(testConsole.client, { updated_at: ago(10) });
    const locked = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: inProgress, ...SUCCEEDED });
    await insertJob(testConsole.client, { batch_id: inProgress, scheduled_at: ago(-3_600) });
    await insertJob(testConsole.client, {
      batch_id: justCompleted,
      ...SUCCEEDED,
      finished_at: ago(20),
    });
    for (const batch_id of [justUpdated, locked])
      await insertJob(testConsole.client, { batch_id, ...SUCCEEDED });
    const worker = await testConsole.session();
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_job_batches', locked)})`);
    await insertBatch(testConsole.client, { enqueued_at: null });
    await insertBatch(testConsole.client, { finished_at: ago(90_000), jobs_finished_at: null });
    expect(await readFindingKinds()).toEqual([]);

    const result = await repair(testConsole.ctx(), {
      repair: 'check_batches',
      ids: [inProgress, locked, '11111111-1111-4111-8111-111111111111'],
    });
    expect(result.counts).toEqual({ conflict: 1, locked: 1, missing: 1 });
    const batch = await readRow(testConsole.client, 'good_job_batches', inProgress);
    expect(batch.jobs_finished_at).toBeNull();
    await worker.query('SELECT pg_advisory_unlock_all()');
    expect((await readFindings()).hanging_batches?.items).toMatchObject([{ id: locked }]);
  });

  test('refuses a batch whose callback it cannot enqueue and repairs the others', async () => {
    const withCallback = await insertBatch(testConsole.client, { on_finish: 'DoneJob' });
    const withoutCallback = await insertBatch(testConsole.client);
    const result = await repair(testConsole.ctx({ app: { appName: null } }), {
      repair: 'check_batches',
      ids: null,
    });
    expect(result).toEqual({
      counts: { refused: 1, done: 1 },
      failures: [{ id: withCallback, outcome: 'refused', code: 'app_name_unknown' }],
      events: 0,
    });
    expect(
      (await readRow(testConsole.client, 'good_job_batches', withoutCallback)).finished_at,
    ).not.toBeNull();
    expect((await readFindings()).hanging_batches?.items).toMatchObject([{ id: withCallback }]);
  });

  test('counts 250 batches, lists ten and repairs them in chunks within the bulk limit', async () => {
    for (let n = 0; n < 250; n += 1) await insertBatch(testConsole.client);
    const { hanging_batches: finding } = await readFindings();
    expect([finding?.count, finding?.items.length]).toEqual([{ kind: 'exact', count: 250 }, 10]);
    const operator = (bulkOperatorLimit: number) =>
      testConsole.ctx({ role: 'operator', bulkOperatorLimit });
    await expect(
      repair(operator(249), { repair: 'check_batches', ids: null }),
      'the limit applies to the whole repair, not to a chunk',
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
    await expect(
      repair(operator(1), {
        repair: 'release_jobs',
        ids: ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'],
      }),
    ).rejects.toMatchObject({ code: 'bulk_too_large' });
    expect(
      (
        await testConsole.client.query(
          'SELECT action, outcome, error FROM good_job_console.audit_events ORDER BY id',
        )
      ).rows,
    ).toEqual(
      ['batch.check', 'job.release'].map((action) => ({
        action,
        outcome: 'refused',
        error: 'bulk_too_large',
      })),
    );
    await testConsole.client.query('TRUNCATE good_job_console.audit_events');
    expect((await repair(operator(250), { repair: 'check_batches', ids: null })).counts).toEqual({
      done: 250,
    });
    expect((await readAuditEvents()).map(({ counts }) => counts)).toEqual([
      { done: 100 },
      { done: 100 },
      { done: 50 },
    ]);
    expect(await readFindingKinds()).toEqual([]);
  });
});

describe.each<Strategy>(['advisory', 'skiplocked', 'hybrid'])(
  'lost jobs with lock strategy %s',
  (strategy) => {
    test('reports and releases the jobs of a worker after kill -9', async () => {
      const otherWorker = await startProcess();
      const worker = await startProcess({ strategy });
      const id = await insertJob(testConsole.client, {
        queue_name: 'mail',
        job_class: 'SendJob',
        scheduled_at: ago(90),
      });
      const claimed = await insertJob(testConsole.client, { scheduled_at: ago(90) });
      await worker.run(id);
      await worker.run(claimed, { started: false });
      expect(await readFindingKinds()).toEqual([]);
      expect(
        (await repair(testConsole.ctx(), { repair: 'release_jobs', ids: [id] })).counts,
      ).toEqual({
        locked: 1,
      });

      await worker.die();
      const { lost_jobs: finding } = await readFindings();
      expect(finding).toMatchObject({
        severity: 'critical',
        count: { kind: 'exact', count: 2 },
        repair: 'release_jobs',
        href: '/jobs?state=running',
      });
      expect(finding?.items.find((job) => job.id === id)).toMatchObject({
        jobClass: 'SendJob',
        queueName: 'mail',
        started: true,
        processId: worker.id,
        processSeenAt: expect.any(String) as string,
        host: expect.any(String) as string,
      });
      expect(finding?.items.find((job) => job.id === claimed)).toMatchObject({ started: false });

      const before = await readRow(testConsole.client, 'good_jobs', id);
      const notifications = await testConsole.notifications(async () =>
        expect(
          (await repair(testConsole.ctx(), { repair: 'release_jobs', ids: null })).counts,
        ).toEqual({
          done: 2,
        }),
      );
      expect(notifications.map(({ queue_name }) => queue_name).sort()).toEqual(['default', 'mail']);
      expect(
        await readRow(testConsole.client, 'good_jobs', id),
        'changes only the columns that GoodJob’s clean-up clears',
      ).toEqual({ ...before, locked_by_id: null, locked_at: null });
      expect(await readAuditEvents()).toMatchObject([
        { action: 'job.release', counts: { locked: 1 } },
        { action: 'job.release', counts: { done: 2 } },
      ]);
      expect(await readFindingKinds(), 'released jobs have a grace period').toEqual([]);
      expect(
        (await repair(testConsole.ctx(), { repair: 'release_jobs', ids: [id, claimed] })).counts,
      ).toEqual({ conflict: 2 });

      await otherWorker.run(id);
      expect(await readFindingKinds()).toEqual([]);
    });

    test('reports and releases a job whose process row was deleted', async () => {
      const worker = await startProcess({ strategy });
      const id = await insertJob(testConsole.client, { scheduled_at: ago(90) });
      await worker.run(id);
      await testConsole.client.query('DELETE FROM good_job_processes');
      await worker.die();
      expect((await readFindings()).lost_jobs?.items).toMatchObject([
        { id, processId: worker.id, processSeenAt: null, host: null },
      ]);
      expect(
        (await repair(testConsole.ctx(), { repair: 'release_jobs', ids: null })).counts,
      ).toEqual({
        done: 1,
      });
      expect((await readFindings()).lost_jobs).toBeUndefined();
    });
  },
);

test('reports a running job without a holder as interrupted, with severity notice', async () => {
  await startProcess();
  await insertJob(testConsole.client, RUNNING);
  expect(await readFindings()).toMatchObject({
    interrupted_jobs: { severity: 'notice', repair: null },
  });
});

test('counts a skiplocked process without an advisory lock as alive for five minutes', async () => {
  const processId = (
    await testConsole.client.query<{ id: string }>(
      `INSERT INTO good_job_processes (created_at, updated_at, state)
       VALUES (now(), now() - interval '4 minutes', '{}')
       RETURNING id`,
    )
  ).rows[0]?.id;
  const id = await insertJob(testConsole.client, {
    ...RUNNING,
    locked_by_id: processId,
    locked_at: ago(3_600),
    lock_type: 1,
  });
  expect((await readFindings()).lost_jobs).toBeUndefined();
  await testConsole.client.query(
    `UPDATE good_job_processes SET updated_at = now() - interval '6 minutes'`,
  );
  expect((await readFindings()).lost_jobs?.items).toMatchObject([{ id }]);
});

test('reports late jobs by queue until they run or are rescheduled', async () => {
  const worker = await startProcess();
  await insertJobs(testConsole.client, 30, {
    ...UNFINISHED,
    queue_name: `'mail'`,
    scheduled_at: `now() - interval '20 minutes'`,
  });
  const late = await insertJob(testConsole.client, { scheduled_at: ago(3_000) });
  await insertJob(testConsole.client, { scheduled_at: ago(600), queue_name: 'reports' });
  await insertJob(testConsole.client, { scheduled_at: ago(60), queue_name: 'mail' });
  const { late_jobs: finding } = await readFindings();
  expect(
    await Promise.all((finding?.items ?? []).map(({ href }) => countListedJobs(href))),
  ).toEqual([1, 30]);
  expect(finding).toMatchObject({
    severity: 'warning',
    count: { kind: 'exact', count: 2 },
    items: [
      { queue: 'default', count: { kind: 'exact', count: 1 } },
      { queue: 'mail', count: { kind: 'exact', count: 30 } },
    ],
  });
  await worker.run(late);
  expect((await readFindings()).late_jobs?.items.map(({ queue }) => queue)).toEqual(['mail']);
  const later = await findAttention(testConsole.ctx(), { ...GRACE_PERIODS, readyMinutes: 30 });
  expect(later.checks.find(({ kind }) => kind === 'late_jobs')?.result).toBe('clear');
  await changeJobs(
    testConsole.ctx(),
    'reschedule',
    (
      await testConsole.client.query<{ id: string }>(
        `SELECT id FROM good_jobs WHERE queue_name = 'mail'`,
      )
    ).rows.map(({ id }) => id),
  );
  expect(await readFindingKinds()).toEqual([]);
});

test('reports paused jobs by queue, class and label until the pause ends', async () => {
  await startProcess();
  for (const shape of [
    { queue_name: 'mail' },
    { job_class: 'SlowJob' },
    { labels: ['vip', 'x'] },
    {},
  ])
    await insertJob(testConsole.client, { scheduled_at: ago(120), ...shape });
  await testConsole.client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses',
             '{"queues": ["mail", "idle"], "job_classes": ["SlowJob"], "labels": ["vip"]}')`,
  );
  const { paused_jobs: finding } = await readFindings();
  expect(finding).toMatchObject({ severity: 'notice', count: { kind: 'exact', count: 3 } });
  expect(
    finding?.items
      .map(({ by, name, count }) => [by, name, count.kind === 'exact' && count.count])
      .sort(),
  ).toEqual([
    ['job_class', 'SlowJob', 1],
    ['label', 'vip', 1],
    ['queue', 'mail', 1],
  ]);
  for (const { by, name } of finding?.items ?? [])
    expect((await repair(testConsole.ctx(), { repair: 'unpause', by, name })).counts).toEqual({
      done: 1,
    });
  expect(
    (await repair(testConsole.ctx(), { repair: 'unpause', by: 'queue', name: 'mail' })).counts,
    'the pause has already ended',
  ).toEqual({ conflict: 1 });
  expect(await readFindingKinds()).toEqual([]);
  expect((await readAuditEvents())[0]).toMatchObject({ action: 'pause.unpause' });
});

test('paused jobs are unknown if jobs of a paused class may be beyond the scan limit', async () => {
  await startProcess();
  await insertJobs(testConsole.client, 10_000, {
    ...UNFINISHED,
    scheduled_at: `now() - interval '5 minutes'`,
  });
  await insertJob(testConsole.client, { job_class: 'SlowJob', scheduled_at: ago(60) });
  await testConsole.client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses',
             '{"queues": [], "job_classes": ["SlowJob"], "labels": []}')`,
  );
  const checkResult = async () =>
    (await findAttention(testConsole.ctx())).checks.find(({ kind }) => kind === 'paused_jobs')
      ?.result;
  expect(await checkResult()).toBe('unknown');
  await testConsole.client.query(
    `DELETE FROM good_jobs WHERE id = (SELECT id FROM good_jobs WHERE job_class <> 'SlowJob' LIMIT 1)`,
  );
  expect(await checkResult()).toBe('found');
});

test('reports an overdue entry of CRON_FILE until its run is enqueued', async () => {
  const worker = await startProcess();
  await testConsole.client.query(
    `UPDATE good_job_processes
        SET created_at = now() - interval '1 day',
            state = jsonb_set(state, '{cron_enabled}', 'true')`,
  );
  await insertJob(testConsole.client, { ...SUCCEEDED, finished_at: ago(20_000) });
  const earlier = await insertJob(testConsole.client, {
    ...SUCCEEDED,
    job_class: 'ReportJob',
    cron_key: 'hourly_report',
    cron_at: ago(3 * 3_600),
    created_at: ago(3 * 3_600),
  });
  expect((await readFindings()).overdue_cron).toMatchObject({
    severity: 'warning',
    count: { kind: 'exact', count: 1 },
    items: [{ key: 'hourly_report' }],
    href: '/cron_entries',
  });
  await testConsole.client.query(
    `UPDATE good_jobs SET cron_at = date_trunc('hour', now()), created_at = now() WHERE id = $1`,
    [earlier],
  );
  expect((await readFindings()).overdue_cron).toBeUndefined();
  await worker.stop();
});

describe('unserved queues', () => {
  test('reports a queue as unserved until the queue string of a process matches it', async () => {
    const otherProcess = await startProcess({ queues: ['-mail,reports', '+fast,slow'] });
    for (const queue_name of ['mail', 'default', 'slow'])
      await insertJob(testConsole.client, { queue_name, scheduled_at: ago(100) });
    await insertJob(testConsole.client, { queue_name: 'reports', scheduled_at: ago(20) });
    const { unserved_queues: finding, ...otherFindings } = await readFindings();
    expect(Object.keys(otherFindings)).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'critical',
      count: { kind: 'exact', count: 1 },
      items: [{ queue: 'mail', count: { kind: 'exact', count: 1 } }],
    });
    const mailProcess = await startProcess({ queues: ['mail:2;reports'] });
    expect(await readFindingKinds()).toEqual([]);
    await Promise.all([mailProcess.die(), otherProcess.die()]);
    expect((await readFindings()).unserved_queues?.items.map(({ queue }) => queue).sort()).toEqual([
      'default',
      'mail',
      'slow',
    ]);
  });

  test('reports a queue as late, not unserved, if a process reports no queues', async () => {
    await insertJob(testConsole.client, { scheduled_at: ago(3_600) });
    expect(await readFindingKinds()).toEqual(['unserved_queues']);
    await testConsole.client.query(
      `INSERT INTO good_job_processes (created_at, updated_at) VALUES (now(), now())`,
    );
    expect(await readFindingKinds()).toEqual(['late_jobs']);
  });
});

test('finds unserved queues after the first chunk and behind 3,000 paused jobs', async () => {
  await startProcess({ queues: ['tenants'] });
  await insertJobs(testConsole.client, 700, {
    ...UNFINISHED,
    queue_name: `'tenant_' || lpad(n::text, 4, '0')`,
    scheduled_at: `now() + interval '1 day'`,
  });
  await insertJob(testConsole.client, { queue_name: 'zz_orphan', scheduled_at: ago(300) });
  await insertJobs(testConsole.client, 3_000, {
    ...UNFINISHED,
    job_class: `'HeldJob'`,
    queue_name: `'mixed'`,
    scheduled_at: `now() - interval '2 hours'`,
  });
  await insertJobs(testConsole.client, 3_000, {
    ...UNFINISHED,
    queue_name: `'held'`,
    scheduled_at: `now() - interval '2 hours'`,
  });
  await insertJobs(testConsole.client, 50, {
    ...UNFINISHED,
    queue_name: `'mixed'`,
    scheduled_at: `now() - interval '1 hour'`,
  });
  await testConsole.client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses',
             '{"queues": ["held"], "job_classes": ["HeldJob"], "labels": []}')`,
  );
  const { unserved_queues: finding } = await readFindings();
  expect(finding?.items).toMatchObject([
    { queue: 'mixed', count: { kind: 'exact', count: 50 } },
    { queue: 'zz_orphan', count: { kind: 'exact', count: 1 } },
  ]);
});

test('queue checks are incomplete if the scan of ready queues runs out of time', async () => {
  const checkContext = createCheckContext(testConsole.ctx());
  checkContext.readyQueues = () => Promise.resolve({ queues: [], incomplete: true });
  expect(await findUnservedQueues(checkContext)).toEqual({ finding: null, incomplete: true });
  expect(await findLateJobs(checkContext)).toEqual({ finding: null, incomplete: true });
});

describe('failing classes', () => {
  // A stored success proves that GoodJob keeps successes.
  beforeEach(async () => {
    await insertJob(testConsole.client, {
      job_class: 'GoodJob',
      ...SUCCEEDED,
      finished_at: ago(25 * 3_600),
    });
  });

  test('counts only failures since the oldest stored success of any class', async () => {
    await startProcess();
    await testConsole.client.query('DELETE FROM good_jobs');
    await insertJobs(testConsole.client, 9, { finished_at: `now() - n * interval '2 hours'` });
    expect((await readFindings()).failing_classes, 'no success is stored').toBeUndefined();
    await insertJob(testConsole.client, {
      job_class: 'GoodJob',
      ...SUCCEEDED,
      finished_at: ago(3_600),
    });
    await insertJobs(testConsole.client, 4, { finished_at: `now() - interval '30 minutes'` });
    expect(
      (await readFindings()).failing_classes,
      'four failures since the oldest success',
    ).toBeUndefined();
    await insertJobs(testConsole.client, 1, { finished_at: `now() - interval '20 minutes'` });
    expect((await readFindings()).failing_classes?.items).toMatchObject([
      { jobClass: 'TestJob', count: { kind: 'exact', count: 5 } },
    ]);
  });

  test('a failing-class finding links to exactly the jobs that it counts', async () => {
    await startProcess();
    await insertJobs(testConsole.client, 7, { finished_at: `now() - n * interval '1 hour'` });
    await insertJobs(testConsole.client, 6, { finished_at: `now() - interval '2 days'` });
    await insertJobs(testConsole.client, 3, {
      error: `'GoodJob::Job::DiscardJobError: Discarded through dashboard'`,
    });
    await insertJobs(testConsole.client, 2, {
      error: `'GoodJob::Job::DiscardJobError: Force discarded through dashboard'`,
    });
    await insertJobs(testConsole.client, 1, {
      error: `'E: after GoodJob::Job::DiscardJobError: Discarded through dashboard'`,
    });
    const [item] = (await readFindings()).failing_classes?.items ?? [];
    expect(item?.count).toEqual({ kind: 'exact', count: 8 });
    expect(await countListedJobs(item?.href)).toBe(8);
  });

  test('reports a class from five failures without success, ignoring manual discards', async () => {
    await startProcess();
    await insertJobs(testConsole.client, 5, { job_class: `'BadJob'` });
    await insertJobs(testConsole.client, 4, { job_class: `'FewJob'` });
    await insertJobs(testConsole.client, 9, {
      job_class: `'MixedJob'`,
      error: `CASE WHEN n > 1 THEN 'E: x' END`,
    });
    await insertJobs(testConsole.client, 9, {
      job_class: `'HandJob'`,
      error: `'GoodJob::Job::DiscardJobError: Discarded through dashboard'`,
    });
    await insertJobs(testConsole.client, 9, {
      job_class: `'OldJob'`,
      finished_at: `now() - interval '2 days'`,
    });
    const { failing_classes: finding } = await readFindings();
    expect(finding).toMatchObject({
      severity: 'warning',
      count: { kind: 'exact', count: 1 },
      items: [
        { jobClass: 'BadJob', count: { kind: 'exact', count: 5 }, error: 'RuntimeError: boom' },
      ],
    });
    const { rows } = await testConsole.client.query<{ id: string }>(
      `SELECT id FROM good_jobs WHERE job_class = 'BadJob'`,
    );
    await changeJobs(
      testConsole.ctx(),
      'retry',
      rows.map(({ id }) => id),
    );
    expect((await readFindings()).failing_classes).toBeUndefined();
  });

  test('reports a class whose jobs are only retried, never discarded', async () => {
    await startProcess();
    const insertRetryingJobs = async (
      columns: Record<string, string>,
      count = 6,
      failedAt = `now() - interval '20 minutes'`,
    ) => {
      const ids = await insertJobs(testConsole.client, count, {
        ...UNFINISHED,
        error: `'E: down'`,
        error_event: '3',
        scheduled_at: `now() + n * interval '1 minute'`,
        ...columns,
      });
      await testConsole.client.query(
        `INSERT INTO good_job_executions (active_job_id, created_at, updated_at, finished_at, error)
         SELECT id, ${failedAt}, now(), now(), 'E: down'
           FROM unnest($1::uuid[]) id`,
        [ids],
      );
    };
    await insertRetryingJobs({ job_class: `'StuckJob'` });
    await insertRetryingJobs({ job_class: `'StuckJob'` }, 2, `now() - interval '3 days'`);
    await insertRetryingJobs({ job_class: `'FewJob'` }, 4);
    await insertRetryingJobs({ job_class: `'NewJob'` }, 6, `now() - interval '1 minute'`);
    await insertRetryingJobs({
      job_class: `'LimitedJob'`,
      error: `'GoodJob::ActiveJobExtensions::Concurrency::ConcurrencyExceededError: x'`,
    });
    await insertRetryingJobs({ job_class: `'FlakyJob'` });
    await insertJob(testConsole.client, { ...SUCCEEDED, job_class: 'FlakyJob' });
    const [item, ...others] = (await readFindings()).failing_classes?.items ?? [];
    expect(others).toEqual([]);
    expect(item).toMatchObject({
      jobClass: 'StuckJob',
      count: { kind: 'exact', count: 6 },
      error: 'E: down',
    });
    expect(await countListedJobs(item?.href)).toBe(6);
    await insertJob(testConsole.client, {
      ...SUCCEEDED,
      job_class: 'StuckJob',
      finished_at: ago(5),
    });
    expect(await readFindingKinds()).toEqual([]);
  });

  test('reports no class with an older success or with too many jobs to scan', async () => {
    await startProcess();
    await insertJobs(testConsole.client, 20_000, {
      job_class: `'BusyJob'`,
      error: 'NULL',
      error_event: 'NULL',
      finished_at: `now() - interval '1 minute'`,
    });
    for (const name of ['BadJob', 'OnceJob'])
      await insertJobs(testConsole.client, 6, { job_class: `'${name}'` });
    await insertJob(testConsole.client, { job_class: 'OnceJob', ...SUCCEEDED });
    await testConsole.client.query('ANALYZE good_jobs');
    expect((await readFindings()).failing_classes?.items.map(({ jobClass }) => jobClass)).toEqual([
      'BadJob',
    ]);
  });

  test('reports no failing class if GoodJob stores only failed jobs', async () => {
    await startProcess({ preserve: 'on_unhandled_error' });
    await insertJobs(testConsole.client, 9);
    expect((await readFindings()).failing_classes).toBeUndefined();
  });
});

test('reports a discarded callback job until it is retried', async () => {
  await startProcess();
  const batch = await insertBatch(testConsole.client, {
    jobs_finished_at: ago(900),
    finished_at: ago(900),
    on_finish: 'DoneJob',
  });
  const id = await insertJob(testConsole.client, {
    batch_callback_id: batch,
    job_class: 'DoneJob',
    ...DISCARDED,
    finished_at: ago(900),
  });
  const byHand = await insertJob(testConsole.client, {
    batch_callback_id: batch,
    scheduled_at: ago(90),
  });
  await testConsole.db.write((tx) => actOnJobs(tx, testConsole.ctx().tables, 'discard', [byHand]));
  expect((await readFindings()).discarded_callbacks).toMatchObject({
    severity: 'warning',
    count: { kind: 'exact', count: 1 },
    items: [{ id, batchId: batch, jobClass: 'DoneJob' }],
  });
  await changeJobs(testConsole.ctx(), 'retry', [id]);
  expect(await readFindingKinds()).toEqual([]);
});

test('reports a table that was never analyzed until ANALYZE runs', async () => {
  await testConsole.client.query(
    'ALTER TABLE good_job_executions SET (autovacuum_enabled = false)',
  );
  await testConsole.client.query(
    `INSERT INTO good_job_executions (created_at, updated_at, active_job_id, error)
     SELECT now(), now(), gen_random_uuid(), repeat(md5(n::text), 20)
       FROM generate_series(1, 20000) n`,
  );
  const { stale_statistics: finding } = await readFindings();
  expect(finding).toMatchObject({
    severity: 'notice',
    items: [
      {
        table: 'good_job_executions',
        changed: null,
        statement: 'ANALYZE "public"."good_job_executions";',
      },
    ],
  });
  // Before PostgreSQL 15 a session flushes its statistics when it becomes idle after 0.5 s.
  const {
    rows: [flush],
  } = await testConsole.client.query<{ name: string }>(
    `SELECT coalesce(to_regproc('pg_stat_force_next_flush')::text, 'now') AS name`,
  );
  const flushStatistics = () => testConsole.client.query(`SELECT ${flush?.name ?? 'now'}()`);
  await flushStatistics();
  await testConsole.client.query(finding?.items[0]?.statement ?? '');
  expect(await readFindingKinds()).toEqual([]);
  for (const event of [1, 2])
    await testConsole.client.query('UPDATE good_job_executions SET error_event = $1', [event]);
  await expect
    .poll(
      async () => {
        await flushStatistics();
        return (await readFindings()).stale_statistics?.items;
      },
      { timeout: 10_000 },
    )
    .toMatchObject([{ rows: 20_000 }]);
});

test('reports missing migrations and a missing console schema', async () => {
  const old = await TestConsole.open('attention old schema', {
    sql: [
      'DROP INDEX index_good_jobs_on_created_at',
      'DROP INDEX index_good_jobs_on_discarded',
      'ALTER TABLE good_jobs DROP COLUMN lock_type',
      'ALTER TABLE good_job_batches DROP COLUMN jobs_finished_at',
    ],
    consoleSchema: false,
  });
  try {
    await insertJob(old.client, { ...SUCCEEDED, job_class: 'GoodJob', finished_at: ago(7_200) });
    await insertJobs(old.client, 5, { batch_callback_id: `gen_random_uuid()` });
    const { checks } = await findAttention(old.ctx());
    const findings = checks.flatMap((check) => (check.result === 'found' ? [check.finding] : []));
    expect(findings.map(({ kind }) => kind).sort()).toEqual([
      'discarded_callbacks',
      'failing_classes',
      'schema_gaps',
    ]);
    const gaps = findings.find((finding) => finding.kind === 'schema_gaps');
    expect(gaps?.severity).toBe('warning');
    expect(
      gaps?.items.map((item) => ('migration' in item ? item.migration.migration : item.gap)),
    ).toEqual([
      'add_jobs_finished_at_to_good_job_batches',
      'add_lock_type_to_good_jobs',
      'add_index_good_jobs_created_at',
      'add_index_good_jobs_discarded',
      'console_schema',
    ]);
  } finally {
    await old.close();
  }
});

test('rejects and audits a repair without permission', async () => {
  await insertBatch(testConsole.client);
  await expect(
    repair(testConsole.ctx({ role: 'viewer' }), { repair: 'check_batches', ids: null }),
  ).rejects.toMatchObject({ code: 'forbidden' });
  await expect(
    repair(testConsole.ctx({ role: 'viewer' }), { repair: 'release_jobs', ids: null }),
  ).rejects.toMatchObject({ code: 'forbidden' });
  await expect(
    repair(testConsole.ctx({ readOnly: true }), { repair: 'check_batches', ids: null }),
  ).rejects.toMatchObject({ code: 'read_only' });
  expect((await readFindings()).hanging_batches?.count).toEqual({ kind: 'exact', count: 1 });
  expect(await readAuditEvents()).toMatchObject([
    { action: 'batch.check', counts: {} },
    { action: 'job.release', counts: {} },
  ]);
});
