import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RUNNING, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { jobFilterParams, parseJobFilter } from './filters';
import { listJobs } from './list';
import { sortHeaders, sortWithinPage } from './order';

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('job_durations');
});
afterAll(() => console_.close());

const at = (time: string) => `2026-11-20T${time}Z`;
const parse = (query: string) => parseJobFilter(new URLSearchParams(query));
const rowsOf = async (query = '') => (await listJobs(console_.ctx(), parse(query))).rows;

async function insertAll() {
  await console_.client.query('DELETE FROM good_jobs');
  const insert = (columns: object) =>
    insertJob(console_.client, columns as Record<string, unknown>);
  return {
    finished: await insert({
      created_at: at('10:00:00'),
      scheduled_at: at('10:00:10'),
      performed_at: at('10:01:00.250'),
      finished_at: at('10:01:02.750'),
    }),
    unscheduled: await insert({
      created_at: at('10:00:00'),
      scheduled_at: null,
      performed_at: at('10:00:01'),
      finished_at: at('10:00:01'),
    }),
    neverRun: await insert({ error: 'x', finished_at: at('10:00:00') }),
    early: await insert({
      scheduled_at: at('11:00:00'),
      performed_at: at('10:00:00'),
      finished_at: at('10:00:09'),
    }),
    future: await insert({ scheduled_at: new Date(Date.now() + 3_600_000).toISOString() }),
    waiting: await insert({}),
    running: await insert(RUNNING),
    infinite: await insert({ scheduled_at: '-infinity', performed_at: at('10:00:00') }),
  };
}

it('returns the wait before the last attempt, and how long it ran', async () => {
  const ids = await insertAll();
  const rows = new Map((await rowsOf()).map(({ id, wait, run }) => [id, { wait, run }]));
  expect(rows.get(ids.finished)).toEqual({ wait: 50.25, run: 2.5 });
  expect(rows.get(ids.unscheduled)).toEqual({ wait: 1, run: 0 });
  expect(rows.get(ids.neverRun)).toEqual({ wait: null, run: null });
  expect(rows.get(ids.early)).toEqual({ wait: 0, run: 9 });
  expect(rows.get(ids.future)).toEqual({ wait: null, run: null });
  expect(rows.get(ids.waiting)?.wait).toBeGreaterThan(3_590);
  expect(rows.get(ids.waiting)?.run).toBeNull();
  expect(rows.get(ids.running)?.run).toBeGreaterThan(3_590);
  expect(rows.get(ids.infinite)?.wait).toBeNull();
});

describe('the fields wait and runtime', () => {
  it.each([
    ['wait:>50s wait:<51s', ['finished']],
    ['wait:>50.25s wait:<1m', []],
    ['wait:>=50250ms wait:<1m', ['finished']],
    ['wait:45秒..1分', ['finished']],
    ['runtime:2s..3s', ['finished']],
    ['runtime:8s..<9s', []],
    ['runtime:>59m runtime:<1h1m', ['running']],
    ['wait:>30分 wait:<2時間', ['waiting']],
    ['wait：＞４５秒 wait:<1m', ['finished']],
    ['-runtime:>=0s -wait:>=0s', ['neverRun', 'future']],
  ] as const)('match %s', async (q, names) => {
    const ids = await insertAll();
    const rows = await rowsOf(String(new URLSearchParams({ q })));
    expect(rows.map(({ id }) => id).sort()).toEqual(names.map((name) => ids[name]).sort());
  });

  it.each([
    'wait:30s',
    'wait:>soon',
    'wait:>30',
    'runtime:>5',
    'runtime:..',
    'wait:>1x',
    'wait:>s',
  ])('reject %s', (q) => {
    expect(parse(String(new URLSearchParams({ q }))).terms).toMatchObject([
      { kind: 'not_understood', reason: 'value' },
    ]);
  });

  it('parses the durations of wait and runtime in linear time', () => {
    const startedAt = performance.now();
    parse(String(new URLSearchParams({ q: `wait:>${'1s'.repeat(490)}x` })));
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});

it('sorts the rows of one page, those without a duration last', async () => {
  const ids = await insertAll();
  const filter = parse('sort=-runtime');
  const order = sortWithinPage(await rowsOf('sort=-runtime'), filter.pageSort).map(({ id }) => id);
  expect(order.slice(2, 5)).toEqual([ids.early, ids.finished, ids.unscheduled]);
  expect(order.slice(5).sort()).toEqual([ids.neverRun, ids.future, ids.waiting].sort());
  expect(jobFilterParams(filter)).toEqual({ sort: '-runtime' });
});

it('sorts running jobs exactly by their run time, the longest first', () => {
  const link = (query: string) => sortHeaders(parse(query), '/jobs').runtime?.href;
  expect(link('state=running')).toBe('/jobs?state=running&sort=performed');
  expect(link('state=running&sort=performed')).toBe('/jobs?state=running&sort=-performed');
  expect(link('state=discarded')).toBe('/jobs?state=discarded&sort=-runtime');
});
