import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { countStatements } from '../../test/harness/count-statements';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { expireAfterWrite } from '../core/process-state';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { changePause } from '../pauses/mutations';
import { queueDepths } from './depths';
import { type QueueRow, queueJobsHref, parseQueueFilter } from './filters';
import { listQueues, readFlow } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('queues');
});
afterAll(() => testConsole.close());
beforeEach(async () => {
  await testConsole.client.query('TRUNCATE good_jobs, good_job_processes, good_job_settings');
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
});

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const filter = (range = '1h') => parseQueueFilter(new URLSearchParams({ range }));
const exact = (count: number) => ({ kind: 'exact', count });
const schedulers = (...pools: [string, number?][]) =>
  JSON.stringify({ schedulers: pools.map(([queues, max_threads]) => ({ queues, max_threads })) });

/** The rows of an uncached page, by queue. */
async function readQueues(ctx = testConsole.ctx()): Promise<Map<string | null, QueueRow>> {
  expireAfterWrite(ctx.tables.schema.identity);
  return new Map((await listQueues(ctx, filter())).rows.map((row) => [row.name, row]));
}
/** Uncached. */
const flowOf = async (range: '15m' | '1h' | '24h', scanLimit?: number) => {
  const { db, tables } = testConsole.ctx();
  return db.read((tx) => readFlow(tx, tables, range, scanLimit), { byIndexOnly: true });
};

test('counts the jobs that the linked job lists contain', async () => {
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const shapes: Record<string, unknown>[] = [
    {},
    {},
    { scheduled_at: null },
    { scheduled_at: null, created_at: later },
    { scheduled_at: later },
    { scheduled_at: later },
    { scheduled_at: later, error: 'E: x' },
    RUNNING,
    { ...RUNNING, locked_by_id: await insertProcess(testConsole.client) },
    { ...RUNNING, scheduled_at: null },
    SUCCEEDED,
    DISCARDED,
  ];
  for (const queue_name of ['a', 'b', 'キュー 1', 'x*y\\z'])
    for (const shape of shapes) await insertJob(testConsole.client, { queue_name, ...shape });
  const ctx = testConsole.ctx();
  const rows = await readQueues(ctx);
  for (const name of ['a', 'b', 'キュー 1', 'x*y\\z']) {
    const row = rows.get(name);
    for (const [state, count] of [
      ['queued', row?.ready],
      ['scheduled', row?.scheduled],
      ['retried', row?.retried],
      ['running', row?.running],
    ] as const) {
      const list = await listJobs(
        ctx,
        parseJobFilter(new URL(queueJobsHref(name, { state }) ?? '', 'http://x').searchParams),
      );
      expect([name, state, count]).toEqual([name, state, exact(list.rows.length)]);
      expect(list.rows.every((job) => job.queueName === name && job.state === state)).toBe(true);
    }
  }
  expect(rows.get('a')).toMatchObject({
    ready: exact(3),
    scheduled: exact(3),
    retried: exact(1),
    running: exact(3),
  });
});

test('returns the oldest ready job, ignoring running and scheduled ones', async () => {
  await insertJob(testConsole.client, { ...RUNNING, scheduled_at: ago(9_000) });
  await insertJob(testConsole.client, { scheduled_at: null, created_at: ago(500) });
  const oldest = await insertJob(testConsole.client, { scheduled_at: ago(700) });
  await insertJob(testConsole.client, { queue_name: 'idle', ...RUNNING, scheduled_at: ago(9_000) });
  const { rows } = await testConsole.client.query<{ at: string }>(
    `SELECT to_char(scheduled_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at FROM good_jobs WHERE id = $1`,
    [oldest],
  );
  const queues = await readQueues();
  expect(queues.get('default')?.oldestReadyAt).toBe(rows[0]?.at);
  expect(queues.get('idle')?.oldestReadyAt).toBeNull();
});

test('only pools without a list of queue names serve the row of jobs without a queue', async () => {
  await insertJob(testConsole.client, { queue_name: null });
  await insertProcess(testConsole.client, { state: schedulers(['a', 2], ['-b', 3]) });
  expect((await readQueues()).get(null)).toMatchObject({
    ready: exact(1),
    processes: 1,
    threads: 3,
    unserved: false,
  });
  expect(queueJobsHref(null, {})).toBeNull();
});

describe('the processes of a queue', () => {
  beforeEach(async () => {
    for (const queue_name of ['a', 'b']) await insertJob(testConsole.client, { queue_name });
  });

  test('counts live processes and threads by their queue strings', async () => {
    await insertProcess(testConsole.client, { state: schedulers(['a', 2], ['*', 3]) });
    await insertProcess(testConsole.client, { state: schedulers(['-a', 4]), updated_at: ago(100) });
    await insertProcess(testConsole.client, {
      state: schedulers(['+b,a', 7]),
      updated_at: ago(400),
    });
    await insertProcess(testConsole.client, { state: schedulers(['named', 1]) });
    const queues = await readQueues();
    expect(queues.get('a')).toMatchObject({ processes: 1, threads: 5, unserved: false });
    expect(queues.get('b')).toMatchObject({ processes: 2, threads: 7 });
    // A queue without jobs is listed if the queue string of a worker contains it.
    expect(queues.get('named')).toMatchObject({ ready: exact(0), processes: 3, threads: 8 });
  });

  test('ignores a killed worker', async () => {
    const id = await insertProcess(testConsole.client, {
      lock_type: 0,
      state: schedulers(['*', 5]),
    });
    const worker = await testConsole.session();
    await worker.query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', id)})`);
    expect((await readQueues()).get('a')).toMatchObject({
      processes: 1,
      threads: 5,
      unserved: false,
    });
    await worker.query('SELECT pg_advisory_unlock_all()');
    expect((await readQueues()).get('a')).toMatchObject({
      processes: 0,
      threads: 0,
      unserved: true,
    });
  });

  test('reports no queue as unserved while a live process does not report its queues', async () => {
    await insertProcess(testConsole.client, { state: '{"schedulers": [{"queues": null}]}' });
    const page = await listQueues(testConsole.ctx(), filter());
    expect(page).toMatchObject({ liveProcesses: 1, silentProcesses: 1 });
    expect(page.rows.every(({ unserved }) => !unserved)).toBe(true);
  });
});

test('sorts unserved queues first, then late ones by age, then the others by name', async () => {
  await insertProcess(testConsole.client, { state: schedulers(['-lost', 1]) });
  await insertJob(testConsole.client, { queue_name: 'lost', scheduled_at: ago(5) });
  await insertJob(testConsole.client, { queue_name: 'z-late', scheduled_at: ago(900) });
  await insertJob(testConsole.client, { queue_name: 'a-late', scheduled_at: ago(300) });
  for (const queue_name of ['c', 'a', 'b'])
    await insertJob(testConsole.client, { queue_name, scheduled_at: ago(2) });
  expect((await listQueues(testConsole.ctx(), filter())).rows.map(({ name }) => name)).toEqual([
    'lost',
    'z-late',
    'a-late',
    'a',
    'b',
    'c',
  ]);
});

test('marks paused queues, even empty ones, and ignores a malformed setting', async () => {
  const pause = (value: string) =>
    testConsole.client.query(
      `INSERT INTO good_job_settings (id, created_at, updated_at, key, value)
       VALUES (gen_random_uuid(), now(), now(), 'pauses', $1)
           ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      [value],
    );
  await insertJob(testConsole.client, { queue_name: 'open' });
  await pause('{"queues": ["held", 7, null, {"a": 1}], "job_classes": ["open"]}');
  const queues = await readQueues();
  expect([queues.get('held')?.paused, queues.get('open')?.paused, queues.size]).toEqual([
    true,
    false,
    2,
  ]);
  for (const value of ['[]', '"held"', 'null', '{"queues": "held"}', '{"queues": {"held": 1}}']) {
    await pause(value);
    expect((await readQueues()).get('open')?.paused).toBe(false);
  }
});

test('counts all finished jobs of a range below the scan limit', async () => {
  for (let n = 0; n < 20; n += 1)
    await insertJob(testConsole.client, {
      scheduled_at: ago(600),
      performed_at: ago(600 - n),
      finished_at: ago(500),
      error: n < 3 ? 'E: x' : null,
    });
  await insertJob(testConsole.client, { ...SUCCEEDED, finished_at: ago(4_000) });
  await insertJob(testConsole.client, {
    queue_name: 'never ran',
    finished_at: ago(10),
    error: 'GoodJob::Job::DiscardJobError: x',
  });
  const flow = await flowOf('1h');
  expect(flow.reading).toEqual({ finished: exact(21), scannedJobs: 21, isSample: false });
  expect(flow.queues.get('default')).toMatchObject({
    finished: exact(20),
    discarded: exact(3),
    waitP50: expect.closeTo(9, 1) as number,
    waitP95: expect.closeTo(18, 1) as number,
  });
  expect(flow.queues.get('never ran')).toEqual({
    finished: exact(1),
    discarded: exact(1),
    waitP50: null,
    waitP95: null,
  });
  expect((await flowOf('24h')).queues.get('default')?.finished).toEqual(exact(21));
});

test('estimates the flow from a sample spread over the range above the scan limit', async () => {
  // A burst of 3,000 jobs in half a minute, and in another queue a job every 10 s.
  await testConsole.client.query(`
    INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at,
                           performed_at, finished_at, error)
    SELECT i, i, q, t, t, t - w, t, t, e
      FROM (SELECT gen_random_uuid() AS i, 'burst' AS q,
                   now() - interval '1 second' * (30 + n * 0.01) AS t,
                   interval '100 seconds' AS w, NULL AS e
              FROM generate_series(0, 2999) n
            UNION ALL
            SELECT gen_random_uuid(), 'steady', now() - interval '10 seconds' * (30 + n),
                   interval '1 second', CASE WHEN n % 4 = 0 THEN 'E: x' END
              FROM generate_series(0, 299) n) j`);
  const { reading, queues } = await flowOf('1h', 600);
  expect(reading).toMatchObject({ finished: exact(3_300), isSample: true });
  expect(reading.scannedJobs).toBeLessThanOrEqual(600);
  const burst = queues.get('burst');
  const steady = queues.get('steady');
  expect(burst?.finished).toMatchObject({
    kind: 'estimate',
    count: expect.closeTo(3_000, -2) as number,
  });
  expect(steady?.finished).toMatchObject({
    kind: 'estimate',
    count: expect.closeTo(300, -2) as number,
  });
  expect([burst?.waitP50, steady?.waitP50, steady?.waitP95]).toEqual([100, 1, 1]);
  // Counted by the index on discarded jobs.
  expect(steady?.discarded).toEqual(exact(75));
});

test('returns a lower bound for more than 10,000 ready jobs', async () => {
  await testConsole.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at)
     SELECT i, i, 'full', now(), now(), now() - interval '1 second'
       FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, 10050)) j`,
  );
  await insertJob(testConsole.client, { queue_name: 'full', ...RUNNING });
  const { db, tables } = testConsole.ctx();
  const depths = await db.read((tx) => queueDepths(tx, tables, ['full'], false), {
    byIndexOnly: true,
  });
  expect(depths.get('full')).toMatchObject({
    ready: { kind: 'at_least', count: 10_000 },
    running: exact(1),
  });
});

test('reports the queues beyond the row limit and returns no rows for an invalid range', async () => {
  await testConsole.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at)
     SELECT i, i, 'q' || n, now(), now(), now()
       FROM (SELECT gen_random_uuid() AS i, n FROM generate_series(1, 620) n) j`,
  );
  expect(await listQueues(testConsole.ctx(), filter())).toMatchObject({
    omittedQueues: 420,
    more: false,
  });
  expect((await listQueues(testConsole.ctx(), filter('2h'))).rows).toEqual([]);
});

test('lists queues with unfinished or recent jobs without the indexes of GoodJob 4.18', async () => {
  const old = await TestConsole.open('queues of an older schema');
  const ctx = await old.dropIndexes([
    'queue_name',
    'created_at',
    'discarded',
    'scheduled_at_and_queue_name',
    'unfinished_or_errored',
  ]);
  await insertJob(old.client, { queue_name: 'open' });
  await insertJob(old.client, { queue_name: 'recent', ...DISCARDED, finished_at: ago(60) });
  await insertJob(old.client, { queue_name: 'past', ...SUCCEEDED, finished_at: ago(9_000) });
  const page = await listQueues(ctx, filter());
  expect(page.onlyOpen).toBe(true);
  expect(page.rows.map(({ name, flow }) => [name, flow?.discarded]).sort()).toEqual([
    ['open', exact(0)],
    ['recent', exact(1)],
  ]);
  await old.close();
});

async function insertQueues(count: number, name: string): Promise<void> {
  await testConsole.client.query(
    `INSERT INTO good_jobs (id, active_job_id, queue_name, created_at, updated_at, scheduled_at,
                            serialized_params)
     SELECT i, i, $2 || lpad(n::text, 5, '0'), now(), now(), now(), '{}'
       FROM (SELECT gen_random_uuid() AS i, n FROM generate_series(1, $1::int) n) j`,
    [count, name],
  );
}
const namesOf = async (params: Record<string, string> = {}) =>
  (await listQueues(testConsole.ctx(), parseQueueFilter(new URLSearchParams(params)))).rows.map(
    ({ name }) => name,
  );

describe('with more queues than the row limit', () => {
  test('lists the queue with the oldest ready job first, whatever its name', async () => {
    await insertQueues(700, 'q');
    await insertProcess(testConsole.client, { state: schedulers(['*', 1]) });
    await insertJob(testConsole.client, { queue_name: 'z-worst', scheduled_at: ago(7_200) });
    const page = await listQueues(testConsole.ctx(), filter());
    expect(page.rows[0]).toMatchObject({ name: 'z-worst', ready: exact(1) });
    expect(page).toMatchObject({ omittedQueues: 501, more: false });
  });

  test('filters by a part of the name, ignoring case', async () => {
    await insertQueues(700, 'q');
    await insertJob(testConsole.client, { queue_name: 'Z-Mail 請求' });
    expect(await namesOf({ queue_name: 'z-mail' })).toEqual(['Z-Mail 請求']);
    expect(await namesOf({ queue_name: '請求' })).toEqual(['Z-Mail 請求']);
    expect(await namesOf({ queue_name: 'q0069' })).toHaveLength(10);
    expect(await namesOf({ queue_name: 'nothing' })).toEqual([]);
  });

  test('finds a queue beyond the first 10,000 by its exact name', async () => {
    await insertQueues(10_050, 'q');
    await insertJob(testConsole.client, { queue_name: 'z-worst', scheduled_at: ago(7_200) });
    expect((await listQueues(testConsole.ctx(), filter())).more).toBe(true);
    expect(await namesOf({ queue_name: 'z-worst' })).toEqual(['z-worst']);
    expect(await namesOf({ queue_name: 'z-none' })).toEqual([]);
  });
});

test('does not match the redacted part of a name', async () => {
  const secret = 'k9Zp2Lq8Xw4Rt6Vb1Nm3';
  await insertJob(testConsole.client, { queue_name: `mail?api_token=${secret}` });
  const [name] = await namesOf();
  expect(name).not.toContain(secret);
  expect(await namesOf({ queue_name: secret })).toEqual([]);
  expect(await namesOf({ queue_name: secret.slice(0, 8) })).toEqual([]);
});

test('rejects a name filter with a NUL character', () => {
  const { name, notUnderstood } = parseQueueFilter(new URLSearchParams({ queue_name: 'a\0b' }));
  expect(name).toBe('a\0b');
  expect(notUnderstood).toEqual([{ name: 'queue_name', value: 'a\0b' }]);
});

test('sorts by the database’s clock, not the console’s', async () => {
  await insertProcess(testConsole.client, { state: schedulers(['*', 1]) });
  await insertJob(testConsole.client, { queue_name: 'z', scheduled_at: ago(20) });
  await insertJob(testConsole.client, { queue_name: 'a', scheduled_at: ago(2) });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  try {
    expect(await namesOf()).toEqual(['a', 'z']);
  } finally {
    vi.useRealTimers();
  }
});

test('shares one read of at most 20 statements between all viewers', async () => {
  for (const queue_name of ['a', 'b', 'c']) await insertJob(testConsole.client, { queue_name });
  const counted = countStatements(testConsole.db);
  const ctx = testConsole.ctx({ db: counted.db });
  await Promise.all(Array.from({ length: 20 }, () => listQueues(ctx, filter())));
  const first = counted.statements.length;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(20);
  await listQueues(ctx, filter());
  expect(counted.statements).toHaveLength(first);
});

describe('why the ready jobs of a queue do not run', () => {
  const LONG_AGO = ago(3_600);
  const pauseNames = (value: object) =>
    testConsole.client.query(
      `INSERT INTO good_job_settings (key, value, created_at, updated_at)
       VALUES ('pauses', $1, now(), now())`,
      [JSON.stringify(value)],
    );

  test('names the paused class or label of the first ready jobs', async () => {
    await pauseNames({ job_classes: ['Import'], labels: ['nightly'] });
    for (const job of [
      { queue_name: 'all', job_class: 'Import' },
      { queue_name: 'all', job_class: 'Import' },
      { queue_name: 'some', labels: ['nightly', 'x'] },
      { queue_name: 'some', job_class: 'Other' },
      { queue_name: 'none', job_class: 'Other' },
    ])
      await insertJob(testConsole.client, { scheduled_at: LONG_AGO, ...job });
    const queues = await readQueues();
    expect(queues.get('all')?.holdingPauses).toEqual([
      { kind: 'job_class', name: 'Import', count: exact(2), holdsAll: true },
    ]);
    expect(queues.get('some')?.holdingPauses).toEqual([
      { kind: 'label', name: 'nightly', count: exact(1), holdsAll: false },
    ]);
    expect(queues.get('none')?.holdingPauses).toEqual([]);
  });

  test('counts at least the scanned jobs of a long queue', async () => {
    await pauseNames({ job_classes: ['Import'] });
    await testConsole.client.query(`
      INSERT INTO good_jobs (id, active_job_id, queue_name, job_class, priority, serialized_params,
                             scheduled_at, created_at, updated_at)
      SELECT i, i, 'long', 'Import', 0, '{}', now(), now(), now()
        FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, 150)) g`);
    expect((await readQueues()).get('long')?.holdingPauses).toMatchObject([
      { count: { kind: 'at_least', count: 100 }, holdsAll: true },
    ]);
  });

  test('a paused queue has the record of its pause instead', async () => {
    await changePause(testConsole.ctx({ reason: 'a deploy' }), 'pause', { queue: 'low' }, '1h');
    await insertJob(testConsole.client, { queue_name: 'low', scheduled_at: LONG_AGO });
    expect((await readQueues()).get('low')).toMatchObject({
      paused: true,
      pause: { origin: { viewer: 'tester', reason: 'a deploy' }, endsAt: expect.any(String) },
      holdingPauses: [],
      busyThreads: null,
    });
  });

  test('a pause made outside the console has no origin', async () => {
    await pauseNames({ queues: ['elsewhere'] });
    expect((await readQueues()).get('elsewhere')?.pause).toEqual({ origin: null, endsAt: null });
  });

  test('reports busy threads only if each thread that serves the queue runs a job', async () => {
    const id = await insertProcess(testConsole.client, { state: schedulers(['a', 2], ['b', 1]) });
    for (const queue_name of ['a', 'b'])
      await insertJob(testConsole.client, { queue_name, scheduled_at: LONG_AGO });
    const running = { ...RUNNING, locked_by_id: id, lock_type: 1 };
    await insertJob(testConsole.client, { queue_name: 'a', ...running });
    await insertJob(testConsole.client, { queue_name: 'b', ...running });
    const queues = await readQueues();
    expect(queues.get('a')?.busyThreads).toBeNull();
    expect(queues.get('b')?.busyThreads).toBe(1);
    await insertJob(testConsole.client, { queue_name: 'a', ...running });
    expect((await readQueues()).get('a')?.busyThreads).toBe(2);
  });

  test('marks a wait above ATTENTION_READY_MINUTES as late', async () => {
    await insertJob(testConsole.client, { queue_name: 'late', scheduled_at: ago(16 * 60) });
    await insertJob(testConsole.client, { queue_name: 'soon', scheduled_at: ago(14 * 60) });
    const queues = await readQueues();
    expect(queues.get('late')?.isLate).toBe(true);
    expect(queues.get('soon')?.isLate).toBe(false);
  });
});
