import sql from 'sql-template-tag';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { chartJobs } from './chart';
import { readChartRequest } from './types';

let console_: TestConsole;
const NOW = Date.parse('2026-11-20T10:00:30Z');
const minutesAgo = (n: number) => new Date(NOW - n * 60_000).toISOString();
const ALL = sql`true`;

beforeAll(async () => {
  console_ = await TestConsole.open('jobs_chart');
  const { client } = console_;
  for (const [at, columns] of [
    [0, DISCARDED],
    [0, SUCCEEDED],
    [10, SUCCEEDED],
    [59, RUNNING],
    [60, SUCCEEDED],
    [200, DISCARDED],
    [-5, {}],
  ] as const)
    await insertJob(client, {
      ...columns,
      created_at: minutesAgo(at),
      job_class: `Class${at}`,
      queue_name: at === 10 ? null : 'default',
    });
});
afterAll(() => console_.close());

it('counts each job of the last hour in the minute of its creation', async () => {
  const chart = await chartJobs(console_.ctx(), ALL, { range: 'hour', by: 'state' }, NOW);
  expect(chart).toMatchObject({
    start: Date.parse('2026-11-20T09:01:00Z') / 1000,
    accuracy: { kind: 'exact' },
  });
  const counts = Object.fromEntries(
    chart.series.map(({ name, counts: all }) => [
      name,
      all.flatMap((count, n) => (count > 0 ? [[n, count]] : [])),
    ]),
  );
  expect(counts).toEqual({
    succeeded: [
      [49, 1],
      [59, 1],
    ],
    discarded: [[59, 1]],
    running: [[0, 1]],
  });
  expect(chart.series[0]?.name).toBe('succeeded');
});

it('charts the matches of a filter over a day and a week', async () => {
  const total = async (range: 'day' | 'week', condition = ALL) =>
    (await chartJobs(console_.ctx(), condition, { range, by: 'class' }, NOW)).series
      .flatMap((one) => one.counts)
      .reduce((a, b) => a + b, 0);
  // The current bucket extends into the future.
  expect(await total('day')).toBe(7);
  expect(await total('week', sql`j.error IS NOT NULL`)).toBe(2);
});

it('charts jobs without a queue, and the sum of all but the largest series', async () => {
  const { client } = console_;
  const ids = [];
  for (let n = 0; n < 12; n += 1)
    ids.push(
      await insertJob(client, {
        created_at: minutesAgo(20),
        queue_name: `q${String(n).padStart(2, '0')}`,
      }),
    );
  const chart = await chartJobs(console_.ctx(), ALL, { range: 'hour', by: 'queue' }, NOW);
  await client.query('DELETE FROM good_jobs WHERE id = ANY($1)', [ids]);
  expect(chart.series).toHaveLength(9);
  expect(chart.series[0]).toMatchObject({ name: 'default', other: false });
  expect(chart.series[8]).toMatchObject({ other: true });
  expect(chart.series[8]?.counts.reduce((a, b) => a + b, 0)).toBe(6);
});

it('extrapolates a large table from a sample and reports its size', async () => {
  const { client } = console_;
  await client.query(`INSERT INTO good_jobs (id, active_job_id, job_class, queue_name, priority,
    serialized_params, created_at, updated_at)
    SELECT u, u, 'BulkJob', 'bulk', 0, jsonb_build_object('pad', repeat('x', 900)),
           timestamp '2026-11-20 09:30:10', now()
      FROM (SELECT gen_random_uuid() u FROM generate_series(1, 20000)) n`);
  await client.query('ANALYZE good_jobs');
  const small = { exactCost: 0, sampledPages: 1_000 };
  const chart = await chartJobs(console_.ctx(), ALL, { range: 'hour', by: 'class' }, NOW, small);
  expect(chart.accuracy).toMatchObject({ kind: 'sample' });
  const bulk = chart.series.find(({ name }) => name === 'BulkJob')?.counts[29] ?? 0;
  expect(bulk).toBeGreaterThan(17_000);
  expect(bulk).toBeLessThan(23_000);
  expect(await chartJobs(console_.ctx(), ALL, { range: 'hour', by: 'class' }, NOW, small)).toEqual(
    chart,
  );
});

it('parses an invalid chart request as the last hour by state', () => {
  expect(readChartRequest('week', 'class')).toEqual({ range: 'week', by: 'class' });
  for (const [range, by] of [
    ['toString', 'x'],
    [null, null],
    ['', '__proto__'],
  ])
    expect(readChartRequest(range ?? null, by ?? null)).toEqual({ range: 'hour', by: 'state' });
});
