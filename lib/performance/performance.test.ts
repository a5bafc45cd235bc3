import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jobsHref } from '../../components/performance/totals';
import { SUCCEEDED, insertExecution, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import {
  type ExecutionStats,
  type Percentiles,
  HISTOGRAM,
  type Period,
  parsePerformanceFilter,
  performanceParams,
} from './filters';
import { classExists, measure } from './queries';

let testConsole: TestConsole;
const TO = '2026-11-20T10:00:00.000Z';
const DAY: Period = { from: '2026-11-19T10:00:00.000Z', to: TO };
const filter = (query: string) => parsePerformanceFilter(new URLSearchParams(query));
const DAY_FILTER = `from=${DAY.from}&to=${DAY.to}`;
/** No sampling. */
const ALL = { target: 1_000_000, targetBefore: 1_000_000 };

beforeAll(async () => {
  testConsole = await TestConsole.open('performance');
  const { client } = testConsole;
  // Three days of executions; some without a job, process, end or duration (older GoodJob
  // releases).
  await client.query(`SELECT setseed(0.4711)`);
  await client.query(`
    INSERT INTO good_job_executions (id, active_job_id, job_class, queue_name, created_at, updated_at,
                                     scheduled_at, finished_at, duration, error, error_event,
                                     process_id, serialized_params)
    SELECT gen_random_uuid(), gen_random_uuid(),
           CASE WHEN random() < 0.95 THEN 'Class' || floor(5 * random() * random()) END,
           CASE WHEN random() < 0.95 THEN 'q' || floor(3 * random()) END,
           at, at,
           CASE WHEN random() < 0.9 THEN at - random() * interval '30 s' + interval '0.5 s' END,
           CASE WHEN done THEN at + run END,
           CASE WHEN done AND random() < 0.8 THEN run END,
           CASE WHEN random() < 0.2 THEN 'RuntimeError: boom' END,
           1,
           CASE WHEN random() < 0.9
                THEN ('c0ffee00-0000-4000-8000-00000000000' || floor(7 * random()))::uuid
           END,
           '{}'
      FROM (SELECT timestamp '2026-11-20 10:00' - random() * interval '3 days' AS at,
                   random() < 0.97 AS done,
                   power(10, 3 - 6 * random()) * interval '1 s' AS run
              FROM generate_series(1, 6000)) r`);
  for (const at of [DAY.from, DAY.to])
    await insertExecution(client, 'c0ffee00-0000-4000-8000-0000000000aa', {
      job_class: 'Edge',
      queue_name: 'edge',
      created_at: at,
      finished_at: at,
      duration: 'PT1S',
    });
});
afterAll(() => testConsole.close());

const RUN = 'extract(epoch FROM coalesce(duration, finished_at - created_at))::float8';
const WAIT = 'greatest(extract(epoch FROM created_at - scheduled_at)::float8, 0)';

/** Computes the expected figures in SQL without sampling, rounded. */
async function expectedFigures(
  period: Period,
  by: 'job_class' | 'queue_name' | null,
  where = 'true',
): Promise<ExecutionStats[]> {
  const percentiles = (of: string) =>
    `ARRAY[${[0.5, 0.95, 0.99].map((p) => `percentile_cont(${p}) WITHIN GROUP (ORDER BY ${of})`).join()}]::float8[]`;
  const { rows } = await testConsole.client.query<ExecutionStats>(
    `SELECT ${by ?? 'NULL'} AS name,
            count(*)::int AS executions,
            count(error)::int AS failures,
            coalesce(sum(${RUN}), 0) AS total,
            avg(${RUN}) AS average,
            min(${RUN}) AS min,
            max(${RUN}) AS max,
            ${percentiles(RUN)} AS run,
            ${percentiles(WAIT)} AS wait
       FROM good_job_executions
      WHERE created_at >= $1
        AND created_at < $2
        AND ${where}
      GROUP BY 1`,
    [period.from, period.to],
  );
  return rows.map(roundFigures).sort(byName);
}
const byName = (a: ExecutionStats, b: ExecutionStats) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1);
const round = (value: number | null) => (value === null ? null : Number(value.toPrecision(9)));
const roundAll = ([p50, p95, p99]: Percentiles): Percentiles => [
  round(p50),
  round(p95),
  round(p99),
];
function roundFigures(row: ExecutionStats): ExecutionStats {
  const { name, executions, failures } = row;
  return {
    name,
    executions,
    failures,
    total: round(row.total) ?? 0,
    average: round(row.average),
    min: round(row.min),
    max: round(row.max),
    run: roundAll(row.run),
    wait: roundAll(row.wait),
  };
}
const normalize = (rows: ExecutionStats[]) => rows.map(roundFigures).sort(byName);

describe('measure', () => {
  it('returns the figures of the period and of the preceding one', async () => {
    const { now, before, period, hint } = await measure(
      testConsole.ctx(),
      filter(DAY_FILTER),
      null,
      ALL,
    );
    expect(period).toEqual(DAY);
    expect(hint).toBeNull();
    expect(now.accuracy).toEqual({ kind: 'exact', scanned: now.total?.executions });
    expect(normalize(now.classes)).toEqual(await expectedFigures(DAY, 'job_class'));
    expect(normalize(now.queues)).toEqual(await expectedFigures(DAY, 'queue_name'));
    expect(normalize(now.total ? [now.total] : [])).toEqual(await expectedFigures(DAY, null));
    const previous = { from: '2026-11-18T10:00:00.000Z', to: DAY.from };
    expect(normalize(before.classes)).toEqual(await expectedFigures(previous, 'job_class'));
    expect(normalize(before.total ? [before.total] : [])).toEqual(
      await expectedFigures(previous, null),
    );
    // The period includes its start and excludes its end.
    expect(now.classes.find(({ name }) => name === 'Edge')?.executions).toBe(1);
  });

  it('sums run times in the histogram and the chart', async () => {
    const { client } = testConsole;
    const { now, buckets } = await measure(testConsole.ctx(), filter(DAY_FILTER), null, ALL);
    const { rows } = await client.query<{ run: number; bucket: number; job_class: string | null }>(
      `SELECT ${RUN} AS run,
              floor(extract(epoch FROM created_at - timestamp '2026-11-19 10:00') / 1800)::int
                AS bucket,
              job_class
         FROM good_job_executions
        WHERE created_at >= $1
          AND created_at < $2
          AND ${RUN} IS NOT NULL`,
      [DAY.from, DAY.to],
    );
    expect(now.histogram).toEqual(
      [...HISTOGRAM, Infinity].map(
        (to, n) => rows.filter(({ run }) => run >= (HISTOGRAM[n - 1] ?? 0) && run < to).length,
      ),
    );
    expect(buckets).toBe(48);
    for (const { bucket, name, total } of now.series)
      expect(total).toBeCloseTo(
        rows
          .filter((row) => row.bucket === bucket && row.job_class === name)
          .reduce((sum, { run }) => sum + run, 0),
        6,
      );
    expect(now.series.reduce((sum, { total }) => sum + total, 0)).toBeCloseTo(
      now.total?.total ?? 0,
      6,
    );
  });

  it('returns the figures and the slowest executions of one class', async () => {
    const { now, before } = await measure(testConsole.ctx(), filter(DAY_FILTER), 'Class1', ALL);
    expect(normalize(now.queues)).toEqual(
      await expectedFigures(DAY, 'queue_name', `job_class = 'Class1'`),
    );
    expect(normalize(now.total ? [now.total] : [])).toEqual(
      await expectedFigures(DAY, null, `job_class = 'Class1'`),
    );
    expect(before.total?.executions).toBeGreaterThan(0);
    const { rows } = await testConsole.client.query<{ id: string }>(
      `SELECT id
         FROM good_job_executions
        WHERE job_class = 'Class1'
          AND created_at >= $1
          AND created_at < $2
          AND ${RUN} IS NOT NULL
        ORDER BY ${RUN} DESC, id
        LIMIT 20`,
      [DAY.from, DAY.to],
    );
    expect(now.slowest.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(now.slowest[0]?.createdAt).toMatch(/^2026-11-(19|20)T\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  it('returns zeros for a period without executions', async () => {
    const { now, before } = await measure(
      testConsole.ctx(),
      filter('from=2020-01-01T00:00Z&to=2020-01-02T00:00Z'),
    );
    expect(now).toMatchObject({
      accuracy: { kind: 'exact', scanned: 0 },
      total: { executions: 0, failures: 0, total: 0, average: null, run: [null, null, null] },
      classes: [],
      queues: [],
    });
    expect(before.total?.executions).toBe(0);
  });

  it('estimates a large table from a sample that a burst does not distort', async () => {
    const { client } = testConsole;
    // 60,000 executions in a large table, half of them within a second.
    await client.query(`
      INSERT INTO good_job_executions (id, active_job_id, job_class, queue_name, created_at,
                                       updated_at, scheduled_at, finished_at, duration,
                                       process_id, serialized_params)
      SELECT gen_random_uuid(), gen_random_uuid(),
             CASE WHEN n % 2 = 0 THEN 'Burst' ELSE 'Steady' END,
             'large', at, at, at, at + interval '1 s', interval '1 s',
             'c0ffee00-0000-4000-8000-000000000001',
             jsonb_build_object('pad', repeat('x', 1500))
        FROM (SELECT n,
                     CASE WHEN n % 2 = 0
                          THEN timestamp '2026-12-01 12:00' + n * interval '10 us'
                          ELSE timestamp '2026-12-01 00:00' + n * interval '1.4 s'
                     END AS at
                FROM generate_series(1, 60000) n) r`);
    await client.query('VACUUM ANALYZE good_job_executions');
    const large = filter('from=2026-12-01T00:00Z&to=2026-12-02T00:00Z');
    const options = { target: 5_000, targetBefore: 5_000 };
    const { now, before } = await measure(testConsole.ctx(), large, null, options);
    expect(now.accuracy).toMatchObject({ kind: 'sample' });
    expect(before.accuracy).toMatchObject({ kind: 'exact' });
    for (const name of ['Burst', 'Steady']) {
      const executions = now.classes.find((row) => row.name === name)?.executions ?? 0;
      expect(executions, name).toBeGreaterThan(27_000);
      expect(executions, name).toBeLessThan(33_000);
    }
    expect(now.total?.run).toEqual([1, 1, 1]);
    expect(now.total?.total).toBeGreaterThan(54_000);
    // The sample is repeatable, so that the chart does not flicker.
    expect((await measure(testConsole.ctx(), large, null, options)).now).toEqual(now);
    // A small period with more executions than the target is sampled by time slices.
    const hour = await measure(
      testConsole.ctx(),
      filter('from=2026-12-01T02:00Z&to=2026-12-01T04:00Z'),
      null,
      { target: 1_000, targetBefore: 1_000 },
    );
    expect(hour.now.accuracy).toMatchObject({ kind: 'sample' });
    expect(hour.now.total?.executions).toBeGreaterThan(2_300);
    expect(hour.now.total?.executions).toBeLessThan(2_900);
    // Replaces the table, because VACUUM cannot shrink it while another session has an old
    // snapshot.
    await client.query(
      `CREATE TABLE others AS
         SELECT * FROM good_job_executions WHERE queue_name IS DISTINCT FROM 'large';
       TRUNCATE good_job_executions;
       INSERT INTO good_job_executions SELECT * FROM others;
       DROP TABLE others`,
    );
  });
});

it('links executions to their jobs, including retried ones that succeeded', async () => {
  const { client } = testConsole;
  const execution = (jobId: string, at: string, error: string | null) =>
    insertExecution(client, jobId, {
      job_class: 'Flaky',
      queue_name: 'flaky',
      created_at: at,
      finished_at: at,
      error,
    });
  const jobs: string[] = [];
  for (let n = 0; n < 4; n += 1)
    jobs.push(await insertJob(client, { ...SUCCEEDED, job_class: 'Flaky', queue_name: 'flaky' }));
  const [failed = '', retrying = '', succeeded = '', earlier = ''] = jobs;
  await client.query(
    `UPDATE good_jobs
        SET performed_at = NULL, finished_at = NULL, error = 'E: x',
            scheduled_at = now() + interval '1 h'
      WHERE id = $1`,
    [retrying],
  );
  for (const [id, error] of [
    [failed, 'E: x'],
    [failed, 'E: x'],
    [failed, null],
    [retrying, 'E: x'],
    [succeeded, null],
  ] as const)
    await execution(id, DAY.from, error);
  await execution(succeeded, DAY.to, 'E: after the period');
  await execution(earlier, '2026-11-19T09:59:59.999999Z', 'E: before');
  const figures = (await measure(testConsole.ctx(), filter(DAY_FILTER), 'Flaky', ALL)).now.total;
  expect(figures).toMatchObject({ executions: 5, failures: 3 });
  const linkedJobIds = async (group: Parameters<typeof jobsHref>[1], onlyFailed: boolean) => {
    const params = new URLSearchParams(jobsHref(DAY, group, onlyFailed).replace('/jobs?', ''));
    const { rows } = await listJobs(testConsole.ctx(), parseJobFilter(params));
    return rows.map(({ id }) => id).sort();
  };
  for (const group of [{ jobClass: 'Flaky' }, { queueName: 'flaky' }]) {
    expect(await linkedJobIds(group, false)).toEqual([failed, retrying, succeeded].sort());
    expect(await linkedJobIds(group, true)).toEqual([failed, retrying].sort());
  }
  await client.query(`DELETE FROM good_job_executions WHERE job_class = 'Flaky'`);
});

describe('classExists', () => {
  it('classExists finds classes of jobs and of executions whose jobs were deleted', async () => {
    await insertJob(testConsole.client, { job_class: 'Of::JobAlone' });
    const ctx = testConsole.ctx();
    expect(await classExists(ctx, 'Of::JobAlone')).toBe(true);
    expect(await classExists(ctx, 'Class1')).toBe(true);
    expect(await classExists(ctx, 'Class')).toBe(false);
  });
});

describe('parsePerformanceFilter', () => {
  it('parses ranges, custom periods and sort orders', () => {
    expect(filter('')).toEqual({
      range: 'day',
      from: null,
      to: null,
      sort: 'total',
      notUnderstood: [],
    });
    expect(filter('range=fortnight&sort=p95')).toMatchObject({ range: 'fortnight', sort: 'p95' });
    // A form sends times without a zone, and the offset.
    const custom = filter('from=2026-11-20T09:00&to=2026-11-20T18:30&offset=%2B09:00');
    expect(custom).toMatchObject({
      range: 'custom',
      from: '2026-11-20T00:00:00.000Z',
      to: '2026-11-20T09:30:00.000Z',
    });
    expect(filter(String(new URLSearchParams(performanceParams(custom))))).toEqual(custom);
    expect(filter('from=2026-11-20 09:00 UTC&to=2026-11-20T10:00:00Z')).toMatchObject({
      from: '2026-11-20T09:00:00.000Z',
    });
  });

  it.each([
    ['range=toString', 'range'],
    ['sort=x', 'sort'],
    ['from=2026-11-20T09:00Z', 'from'],
    ['to=2026-11-20T09:00Z', 'to'],
    ['from=x&to=2026-11-20T09:00Z', 'from'],
    ['from=2026-11-21T09:00Z&to=2026-11-20T09:00Z', 'from'],
    ['from=2020-11-21T09:00Z&to=2026-11-20T09:00Z', 'from'],
  ])('reports the invalid parameter of %s', (query, name) => {
    expect(filter(query).notUnderstood.map((parameter) => parameter.name)).toContain(name);
  });
});

/** Expires the cache of existing indexes. */
function advancePastIndexTtl(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
}

it('measures without GoodJob’s index on executions and suggests one', async () => {
  const { client } = testConsole;
  await client.query('DROP INDEX index_good_job_executions_on_process_id_and_created_at');
  await client.query('ANALYZE good_job_executions');
  advancePastIndexTtl();
  const { now, hint } = await measure(testConsole.ctx(), filter(DAY_FILTER), null, ALL);
  expect(hint).toBe(
    'CREATE INDEX CONCURRENTLY index_good_job_executions_on_created_at ON "public"."good_job_executions" (created_at)',
  );
  expect(normalize(now.classes)).toEqual(await expectedFigures(DAY, 'job_class'));
  await client.query(String(hint).replace(' CONCURRENTLY', ''));
  advancePastIndexTtl();
  const indexed = await measure(testConsole.ctx(), filter(DAY_FILTER), null, ALL);
  expect(indexed.hint).toBeNull();
  expect(normalize(indexed.now.classes)).toEqual(normalize(now.classes));
  vi.useRealTimers();
});
