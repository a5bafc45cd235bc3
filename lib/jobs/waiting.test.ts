import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { explainReads } from '@/test/harness/explain-reads';
import { UNFINISHED, insertJobs } from '@/test/harness/many-rows';
import { RUNNING, SUCCEEDED, insertJob, insertProcess } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { changePause } from '../pauses/mutations';
import { SecretRegistry } from '../redaction/secret-registry';
import { getJob } from './detail';
import { changeJobs } from './mutations';
import type { Waiting } from './types';
import { readWaiting } from './waiting';

let testConsole: TestConsole;
beforeAll(async () => void (testConsole = await TestConsole.open('job_waiting')));
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(`
    TRUNCATE good_jobs, good_job_executions, good_job_processes, good_job_settings,
             good_job_console.audit_events`),
);

const CONCURRENCY =
  'GoodJob::ActiveJobExtensions::Concurrency::ConcurrencyExceededError: key=report';
const THROTTLE = 'GoodJob::ActiveJobExtensions::Concurrency::ThrottleExceededError: key=report';
const inMinutes = (n: number) => new Date(Date.now() + n * 60_000).toISOString();

const insertWorker = (queues: string) =>
  insertProcess(testConsole.client, {
    state: JSON.stringify({
      schedulers: [{ name: `queues=${queues} max_threads=5`, queues, max_threads: 5 }],
    }),
  });

async function waitingOf(id: string, ctx = testConsole.ctx()): Promise<Waiting | null> {
  const job = await getJob(ctx, id);
  if (!job) throw new Error('The job is missing.');
  return job.waiting;
}

describe('the reason', () => {
  it('returns no reason for a running or a finished job', async () => {
    const worker = await insertProcess(testConsole.client, {});
    const finished = await insertJob(testConsole.client, SUCCEEDED);
    const running = await insertJob(testConsole.client, {
      ...RUNNING,
      locked_by_id: worker,
      lock_type: 1,
    });
    expect(await waitingOf(finished)).toBeNull();
    expect(await waitingOf(running)).toBeNull();
  });

  it('a running job whose worker is gone waits for it, and is locked while it has a process', async () => {
    const locked = await insertJob(testConsole.client, {
      ...RUNNING,
      locked_by_id: '00000000-0000-4000-8000-000000000001',
    });
    const free = await insertJob(testConsole.client, RUNNING);
    expect((await waitingOf(locked))?.reason).toEqual({ kind: 'lost_worker', isLocked: true });
    expect((await waitingOf(free))?.reason).toEqual({ kind: 'lost_worker', isLocked: false });
  });

  it('returns no_process while no process is alive', async () => {
    await insertProcess(testConsole.client, { updated_at: inMinutes(-10) });
    const id = await insertJob(testConsole.client);
    expect(await waitingOf(id)).toEqual({
      reason: { kind: 'no_process' },
      dueAt: null,
      ahead: null,
    });
  });

  it.each([
    ['mail', 'queue_unserved'],
    ['-default', 'queue_unserved'],
    ['+default,mail', 'in_line'],
    ['*', 'in_line'],
  ])('for a worker with the queue string %s is %s', async (queues, kind) => {
    await insertWorker(queues);
    const id = await insertJob(testConsole.client);
    expect((await waitingOf(id))?.reason).toEqual({ kind });
  });

  it('does not claim that no process serves a queue while a process does not report its queues', async () => {
    await insertWorker('mail');
    await insertProcess(testConsole.client, {});
    const id = await insertJob(testConsole.client);
    expect((await waitingOf(id))?.reason).toEqual({ kind: 'in_line' });
  });

  it('returns the time at which a scheduled job is due', async () => {
    const at = inMinutes(60);
    const id = await insertJob(testConsole.client, { scheduled_at: at });
    expect(await waitingOf(id)).toEqual({
      reason: { kind: 'not_due' },
      dueAt: at.replace('Z', '000Z'),
      ahead: null,
    });
  });

  it('returns null if the reason was not read in time', async () => {
    const id = await insertJob(testConsole.client);
    const job = await getJob(testConsole.ctx(), id);
    if (!job) throw new Error('The job is missing.');
    const blocker = await testConsole.session();
    await blocker.query('BEGIN; LOCK TABLE good_job_processes');
    const waiting = readWaiting(testConsole.ctx(), { ...job, secrets: new SecretRegistry() });
    expect(await waiting.finally(() => blocker.query('ROLLBACK'))).toBeNull();
  });
});

describe('a pause', () => {
  it.each([
    ['queue', { queue: 'mail' }, 'mail'],
    ['job_class', { job_class: 'MailJob' }, 'MailJob'],
    ['label', { label: '重要' }, '重要'],
  ] as const)('by %s names who paused it from the console and why', async (kind, names, name) => {
    await insertWorker('*');
    await changePause(testConsole.ctx({ reason: 'Provider is down' }), 'pause', names);
    const id = await insertJob(testConsole.client, {
      queue_name: 'mail',
      job_class: 'MailJob',
      labels: ['重要', 'bulk'],
    });
    expect((await waitingOf(id))?.reason).toEqual({
      kind: 'paused',
      pauses: [
        {
          kind,
          name,
          isHidden: false,
          by: {
            viewer: 'tester',
            at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
            reason: 'Provider is down',
          },
        },
      ],
    });
  });

  it('a pause that GoodJob set has no viewer', async () => {
    await storePauses({ queues: ['default'] });
    const id = await insertJob(testConsole.client);
    expect(await pausesOf(id)).toMatchObject([{ kind: 'queue', name: 'default', by: null }]);
  });

  it('a pause that was made again outside the console has no viewer', async () => {
    await changePause(testConsole.ctx(), 'pause', { queue: 'default' });
    await changePause(testConsole.ctx(), 'unpause', { queue: 'default' });
    await storePauses({ queues: ['default'] });
    const id = await insertJob(testConsole.client);
    expect(await pausesOf(id)).toMatchObject([{ by: null }]);
  });

  it('the pause of a queue has no viewer from the pause of a class with the same name', async () => {
    await changePause(testConsole.ctx(), 'pause', { job_class: 'default' });
    await storePauses({ queues: ['default'] });
    const id = await insertJob(testConsole.client);
    expect(await pausesOf(id)).toMatchObject([{ kind: 'queue', by: null }]);
  });

  it('lists the pauses of queue, class and labels, at most five', async () => {
    const labels = ['a', 'b', 'c', 'd', 'e'];
    await storePauses({ queues: ['default'], job_classes: ['TestJob'], labels });
    const id = await insertJob(testConsole.client, { labels: [...labels, 'a'] });
    expect((await pausesOf(id)).map(({ name }) => name)).toEqual([
      'default',
      'TestJob',
      'a',
      'b',
      'c',
    ]);
  });

  it('a paused job that is not due has both the pause and the time', async () => {
    await storePauses({ queues: ['default'] });
    const id = await insertJob(testConsole.client, { scheduled_at: inMinutes(5) });
    expect(await waitingOf(id)).toMatchObject({
      reason: { kind: 'paused' },
      dueAt: expect.any(String) as string,
    });
  });

  it('hides a name that repeats a secret of the job', async () => {
    const secret = 'tR4ck-9f31c2d7e8';
    await storePauses({ labels: [secret] });
    const id = await insertJob(testConsole.client, {
      labels: [secret],
      serialized_params: JSON.stringify({
        job_class: 'TestJob',
        arguments: [{ password: secret }],
      }),
    });
    expect(await pausesOf(id)).toMatchObject([{ name: '[REDACTED]', isHidden: true }]);
  });

  it('omits a name that is too long to read', async () => {
    const name = 'q'.repeat(1_001);
    await storePauses({ queues: [name] });
    const id = await insertJob(testConsole.client, { queue_name: name });
    expect((await waitingOf(id))?.reason).toEqual({ kind: 'paused', pauses: [] });
  });

  const pausesOf = async (id: string) => {
    const waiting = await waitingOf(id);
    return waiting?.reason.kind === 'paused' ? waiting.reason.pauses : [];
  };
  const storePauses = (value: object) =>
    testConsole.client.query(
      `INSERT INTO good_job_settings (key, value, created_at, updated_at)
       VALUES ('pauses', $1, now(), now())
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      [JSON.stringify(value)],
    );
});

describe('a concurrency limit', () => {
  it.each([
    [CONCURRENCY, false],
    [THROTTLE, true],
  ])('is found in the error %s', async (error, isThrottle) => {
    const id = await insertJob(testConsole.client, {
      error,
      concurrency_key: 'report',
      scheduled_at: inMinutes(1),
    });
    expect((await waitingOf(id))?.reason).toMatchObject({ kind: 'concurrency_limit', isThrottle });
  });

  it('counts the running jobs of the same key only', async () => {
    const worker = await insertWorker('*');
    const columns = { concurrency_key: 'report', locked_by_id: worker };
    for (let n = 0; n < 2; n += 1) await insertJob(testConsole.client, { ...RUNNING, ...columns });
    await insertJob(testConsole.client, { ...RUNNING, concurrency_key: 'report' });
    await insertJob(testConsole.client, { ...SUCCEEDED, ...columns });
    await insertJob(testConsole.client, { ...RUNNING, ...columns, concurrency_key: 'other' });
    const id = await insertJob(testConsole.client, {
      error: CONCURRENCY,
      concurrency_key: 'report',
    });
    expect(await waitingOf(id)).toMatchObject({
      reason: { running: { kind: 'exact', count: 3 } },
      ahead: { kind: 'exact', count: 0 },
    });
  });

  it('counts no running jobs for a job without a concurrency key', async () => {
    const id = await insertJob(testConsole.client, {
      error: CONCURRENCY,
      scheduled_at: inMinutes(1),
    });
    expect((await waitingOf(id))?.reason).toMatchObject({ running: null });
  });

  it.each([
    `RuntimeError: ${CONCURRENCY}`,
    'GoodJob::ActiveJobExtensions::Concurrency::Other: no limit',
  ])('is not assumed for the error %s', async (error) => {
    const id = await insertJob(testConsole.client, { error, scheduled_at: inMinutes(1) });
    expect((await waitingOf(id))?.reason).toEqual({ kind: 'not_due' });
  });
});

describe('the jobs ahead', () => {
  const aheadOf = async (id: string, ctx = testConsole.ctx()) => (await waitingOf(id, ctx))?.ahead;
  const exactly = (count: number) => ({ kind: 'exact', count });

  it('jobs with a lower priority number come first, then older jobs, with nulls last', async () => {
    await insertWorker('*');
    const jobs = [
      { priority: -1, created_at: inMinutes(-1) },
      { priority: 0, created_at: inMinutes(-9) },
      { priority: 0, created_at: inMinutes(-8) },
      { priority: 5, created_at: inMinutes(-60) },
      { priority: null, created_at: inMinutes(-90) },
      { priority: null, created_at: inMinutes(-80) },
    ];
    const ids: string[] = [];
    for (const job of jobs) ids.push(await insertJob(testConsole.client, job));
    const counts = [];
    for (const id of ids) counts.push(await aheadOf(id));
    expect(counts).toEqual(jobs.map((_, n) => exactly(n)));
  });

  it('orders the jobs ahead by scheduled_at if that is configured', async () => {
    await insertWorker('*');
    const early = { scheduled_at: inMinutes(-50), created_at: inMinutes(-1) };
    const late = { scheduled_at: inMinutes(-5), created_at: inMinutes(-60) };
    const first = await insertJob(testConsole.client, early);
    const second = await insertJob(testConsole.client, late);
    const ctx = testConsole.ctx({ app: { dequeueQuerySort: 'scheduled_at' } });
    expect([await aheadOf(first, ctx), await aheadOf(second, ctx)]).toEqual([
      exactly(0),
      exactly(1),
    ]);
    expect([await aheadOf(first), await aheadOf(second)]).toEqual([exactly(1), exactly(0)]);
  });

  it('counts only ready and unpaused jobs of the same queue as ahead', async () => {
    await insertWorker('*');
    await changePause(testConsole.ctx(), 'pause', { job_class: 'PausedJob' });
    const older = { created_at: inMinutes(-100) };
    await insertJob(testConsole.client, { ...older, job_class: 'PausedJob' });
    await insertJob(testConsole.client, { ...older, queue_name: 'other' });
    await insertJob(testConsole.client, { ...older, queue_name: null });
    await insertJob(testConsole.client, { ...older, scheduled_at: inMinutes(10) });
    await insertJob(testConsole.client, { ...RUNNING, ...older });
    await insertJob(testConsole.client, { ...SUCCEEDED, ...older });
    await insertJob(testConsole.client, { ...older, scheduled_at: null });
    const id = await insertJob(testConsole.client);
    expect(await aheadOf(id)).toEqual(exactly(1));
  });

  it('compares a job without a queue with the other jobs without one', async () => {
    await insertWorker('*');
    await insertJob(testConsole.client, { created_at: inMinutes(-100), queue_name: null });
    await insertJob(testConsole.client, { created_at: inMinutes(-100) });
    const id = await insertJob(testConsole.client, { queue_name: null });
    expect(await aheadOf(id)).toEqual(exactly(1));
  });

  it('returns a lower bound above 10,000 jobs ahead', async () => {
    await insertWorker('*');
    await insertJobs(testConsole.client, 10_001, {
      ...UNFINISHED,
      created_at: `now() - interval '2 hours'`,
    });
    const id = await insertJob(testConsole.client);
    expect(await aheadOf(id)).toEqual({ kind: 'at_least', count: 10_000 });
    await changeJobs(testConsole.ctx(), 'reschedule', [id], { scheduledAt: inMinutes(60) });
    expect(await aheadOf(id)).toBeNull();
  });
});

describe('the plans', () => {
  it.each(['created_at', 'scheduled_at'] as const)(
    'the jobs ahead are counted by an index only, sorted by %s',
    async (dequeueQuerySort) => {
      await insertWorker('*');
      await insertJobs(testConsole.client, 3_000, UNFINISHED);
      await insertJobs(testConsole.client, 3_000);
      await testConsole.client.query('ANALYZE good_jobs');
      for (const priority of [0, null]) {
        const id = await insertJob(testConsole.client, {
          priority,
          error: CONCURRENCY,
          concurrency_key: 'report',
        });
        const { db, plans } = explainReads(testConsole.db);
        const ctx = testConsole.ctx({ db, app: { dequeueQuerySort } });
        expect((await waitingOf(id, ctx))?.ahead).toMatchObject({ kind: 'exact' });
        const text = plans.join('\n');
        expect(text).not.toMatch(/Seq Scan on good_jobs/);
        expect(text).toContain(
          dequeueQuerySort === 'created_at'
            ? 'index_good_job_jobs_for_candidate_lookup'
            : 'index_good_jobs_on_priority_scheduled_at_unfinished',
        );
      }
    },
  );
});
