import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { explainReads } from '../../test/harness/explain-reads';
import { DISCARDED, SUCCEEDED, insertExecution, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { readActivity } from './activity';
import { RANGES } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('overview activity');
});
afterAll(() => testConsole.close());
beforeEach(() => testConsole.client.query('TRUNCATE good_jobs, good_job_executions'));

/** Half a minute after a full hour, so that the last bar is partial. */
const NOW_MS = Date.parse('2026-11-20T10:00:30.000Z');
const ago = (seconds: number) => new Date(NOW_MS - seconds * 1000).toISOString();
const MINUTE = 60;
const sum = (values: number[] | null | undefined) => (values ?? []).reduce((a, b) => a + b, 0);

async function activityOf(range: '1h' | '6h' | '24h' = '1h', ctx = testConsole.ctx()) {
  const activity = await readActivity(ctx, range, NOW_MS);
  if (!activity) throw new Error('The activity timed out.');
  return activity;
}
const finished = (seconds: number, shape: object = SUCCEEDED) =>
  insertJob(testConsole.client, { ...shape, finished_at: ago(seconds) });
const attempt = (seconds: number, columns: object = {}) =>
  insertExecution(testConsole.client, 'c0ffee00-0000-4000-8000-000000000001', {
    queue_name: 'mail',
    created_at: ago(seconds),
    finished_at: ago(seconds),
    scheduled_at: ago(seconds),
    ...columns,
  });
const RETRIED = { error: 'E: x', error_event: 3 };

it('counts each job in the bar in which it finished', async () => {
  await finished(0);
  await finished(30);
  await finished(31);
  await finished(31, DISCARDED);
  await finished(59 * MINUTE + 30);
  await finished(59 * MINUTE + 31);
  const { succeeded, discarded, startMs, isEstimate } = await activityOf();
  expect(new Date(startMs).toISOString()).toBe('2026-11-20T09:01:00.000Z');
  expect(succeeded).toHaveLength(RANGES['1h'].buckets);
  expect(succeeded.slice(-2)).toEqual([1, 2]);
  expect(succeeded[0]).toBe(1);
  expect(discarded.slice(-2)).toEqual([1, 0]);
  expect([sum(succeeded), sum(discarded), isEstimate]).toEqual([4, 1, false]);
});

it('counts the jobs that the job list has for the same time', async () => {
  for (const seconds of [10, 40, 100, 101, 160, 161]) await finished(seconds);
  for (const seconds of [95, 130]) await finished(seconds, DISCARDED);
  const { succeeded, discarded, startMs } = await activityOf();
  const from = new Date(startMs + 57 * 60_000).toISOString();
  const to = new Date(startMs + 59 * 60_000).toISOString();
  const { rows } = await listJobs(
    testConsole.ctx(),
    parseJobFilter(new URLSearchParams({ q: `finished:${from}..${to}` })),
  );
  expect(rows).toHaveLength(sum(succeeded.slice(57, 59)) + sum(discarded.slice(57, 59)));
  expect(rows.length).toBeGreaterThan(0);
});

it('counts attempts that ended in a retry, not those of a discarded job or those that run', async () => {
  await attempt(10, RETRIED);
  await attempt(20, { error: 'E: x', error_event: 0 });
  await attempt(70, { error: 'E: x', error_event: 5 });
  await attempt(80, { error: 'E: x', error_event: 1 });
  await attempt(90, { finished_at: null });
  await attempt(3_700, RETRIED);
  const { retried } = await activityOf();
  expect(retried?.at(-1)).toBe(2);
  expect(sum(retried)).toBe(2);
});

it('compares the figures with the period before', async () => {
  for (let n = 0; n < 119; n += 1) await finished(n * 25);
  await finished(100, DISCARDED);
  await attempt(100, { ...RETRIED, scheduled_at: ago(120) });
  for (let n = 0; n < 10; n += 1) await finished(3_600 + 60 * n);
  await finished(3_700, DISCARDED);
  await attempt(3_700, { scheduled_at: ago(3_705) });
  const { now, before } = await activityOf();
  expect(now.processed).toEqual({ kind: 'exact', count: 121 });
  expect(now.perMinute).toBeCloseTo(121 / 59.5);
  expect(now.failureRate).toBeCloseTo(2 / 121);
  expect(now.waitP95).toBeCloseTo(20);
  expect(before.processed).toEqual({ kind: 'exact', count: 11 });
  expect(before.perMinute).toBeCloseTo(11 / 60);
  expect(before.failureRate).toBeCloseTo(1 / 11);
  expect(before.waitP95).toBeCloseTo(5);
});

it('returns the 95th percentile of the wait of each queue and cell', async () => {
  for (let n = 0; n <= 100; n += 1)
    await attempt(10, { queue_name: 'slow', scheduled_at: ago(10 + n) });
  await attempt(130, { queue_name: 'slow', scheduled_at: ago(131) });
  await attempt(10, { queue_name: 'fast', scheduled_at: ago(10) });
  await attempt(10, { queue_name: null, scheduled_at: ago(500) });
  const { queues } = await activityOf();
  const slow = queues.find(({ name }) => name === 'slow');
  expect(queues.map(({ name }) => name).sort()).toEqual(['fast', 'slow']);
  expect(slow?.cells).toHaveLength(RANGES['1h'].buckets / RANGES['1h'].cellBuckets);
  expect(slow?.cells.at(-1)).toBeCloseTo(95);
  expect(slow?.cells.at(-2)).toBeCloseTo(1);
  expect(slow?.cells.at(-3)).toBeNull();
});

it('returns bars of zero and no rates for an empty database', async () => {
  for (const range of ['1h', '6h', '24h'] as const) {
    const activity = await activityOf(range);
    expect(activity.succeeded).toEqual(new Array(RANGES[range].buckets).fill(0));
    expect(activity.now).toMatchObject({
      processed: { kind: 'exact', count: 0 },
      failureRate: null,
      waitP95: null,
    });
    expect(activity.queues).toEqual([]);
  }
});

describe('more jobs than the limit', () => {
  it('extrapolates a bar from its newest jobs and says so', async () => {
    await testConsole.client.query(
      `INSERT INTO good_jobs (id, active_job_id, created_at, updated_at, finished_at, error)
       SELECT i, i, $1, $1, $1::timestamp - n * interval '0.1 second',
              CASE WHEN n % 10 = 0 THEN 'E: x' END
         FROM (SELECT gen_random_uuid() AS i, n FROM generate_series(1, 600) n) j`,
      ['2026-11-20T10:00:00.000Z'],
    );
    const limits = { count: 12_000, rows: 12_000, attempts: 1_000 };
    const activity = await readActivity(testConsole.ctx(), '1h', NOW_MS, limits);
    expect(activity?.isEstimate).toBe(true);
    expect(activity?.now.processed).toMatchObject({
      kind: 'estimate',
      count: expect.closeTo(600, -2) as number,
    });
    expect(activity?.discarded.at(-2)).toBe(60);
  });

  it('estimates retries from a sample of the attempts', async () => {
    await testConsole.client.query(
      `INSERT INTO good_job_executions (id, active_job_id, created_at, updated_at, scheduled_at,
                                        finished_at, error, error_event, queue_name)
       SELECT gen_random_uuid(), gen_random_uuid(), t, t, t - interval '2 seconds', t, 'E: x', 3,
              'mail'
         FROM (SELECT $1::timestamp - n * interval '0.5 second' AS t
                 FROM generate_series(1, 6000) n) e`,
      ['2026-11-20T10:00:00.000Z'],
    );
    const limits = { count: 2_000_000, rows: 200_000, attempts: 500 };
    const activity = await readActivity(testConsole.ctx(), '1h', NOW_MS, limits);
    expect(activity).not.toBeNull();
    expect(sum(activity?.retried)).toBeGreaterThan(4_000);
    expect(sum(activity?.retried)).toBeLessThan(8_000);
    expect(activity?.now.waitP95).toBeCloseTo(2);
  });
});

it('counts discarded jobs without the index of GoodJob 4.18', async () => {
  const old = await TestConsole.open('overview activity of an older schema');
  const ctx = await old.dropIndexes(['discarded', 'created_at', 'queue_name']);
  await insertJob(old.client, { ...SUCCEEDED, finished_at: ago(40) });
  await insertJob(old.client, { ...DISCARDED, finished_at: ago(40) });
  const activity = await activityOf('1h', ctx);
  expect([sum(activity.succeeded), sum(activity.discarded)]).toEqual([1, 1]);
  await old.close();
});

it('redacts the name of a queue that contains a secret', async () => {
  const secret = 'k9Zp2Lq8Xw4Rt6Vb1Nm3';
  await attempt(10, { queue_name: `mail?api_token=${secret}`, scheduled_at: ago(20) });
  const activity = await activityOf();
  expect(activity.queues).toHaveLength(1);
  expect(JSON.stringify(activity)).not.toContain(secret);
});

it('reads the jobs and attempts of the range by their indexes, whatever the size of the tables', async () => {
  await testConsole.client.query(
    `INSERT INTO good_jobs (id, active_job_id, created_at, updated_at, finished_at, error)
     SELECT i, i, t, t, t, CASE WHEN n % 20 = 0 THEN 'E: x' END
       FROM (SELECT gen_random_uuid() AS i, n, $1::timestamp - n * interval '10 seconds' AS t
               FROM generate_series(1, 60000) n) j`,
    [ago(0)],
  );
  await testConsole.client.query('VACUUM ANALYZE good_jobs');
  const { db, plans } = explainReads(testConsole.db);
  const activity = await activityOf('1h', testConsole.ctx({ db }));
  expect(sum(activity.succeeded)).toBeGreaterThan(300);
  const text = plans.join('\n');
  expect(text).toMatch(/Index (?:Only )?Scan\b.* on good_jobs/);
  expect(text).not.toMatch(/Seq Scan on good_job/);
});
