import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJobs } from '../../test/harness/many-rows';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { getBatchTimeline } from './status';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('batch_timeline');
});
afterAll(() => testConsole.close());

const at = (second: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString();
const timelineOf = (id: string) => getBatchTimeline(testConsole.ctx(), id);

it('returns one bar per job with its state, sorted by start', async () => {
  const id = await insertBatch(testConsole.client);
  const late = await insertJob(testConsole.client, {
    batch_id: id,
    performed_at: at(20),
    finished_at: at(25),
  });
  const early = await insertJob(testConsole.client, {
    batch_id: id,
    ...DISCARDED,
    performed_at: at(5),
    finished_at: at(9),
  });
  const running = await insertJob(testConsole.client, { batch_id: id, performed_at: at(30) });
  const { bars, jobs, isSample } = await timelineOf(id);
  expect(bars).toEqual([
    { id: early, jobs: 1, state: 'discarded', from: Date.parse(at(5)), to: Date.parse(at(9)) },
    { id: late, jobs: 1, state: 'succeeded', from: Date.parse(at(20)), to: Date.parse(at(25)) },
    { id: running, jobs: 1, state: 'running', from: Date.parse(at(30)), to: null },
  ]);
  expect([jobs, isSample]).toEqual([3, false]);
});

it('begins the bar of a waiting job when it is due', async () => {
  const id = await insertBatch(testConsole.client);
  const due = new Date(Date.now() + 3_600_000).toISOString();
  await insertJob(testConsole.client, { batch_id: id, scheduled_at: due });
  expect((await timelineOf(id)).bars).toMatchObject([
    { state: 'scheduled', from: Date.parse(due), to: null },
  ]);
});

it('returns no bars for a batch without jobs, and omits jobs with an infinite time', async () => {
  expect(await timelineOf(randomUUID())).toMatchObject({ bars: [], jobs: 0, isSample: false });
  const id = await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { batch_id: id, scheduled_at: 'infinity' });
  expect(await timelineOf(id)).toMatchObject({ bars: [], jobs: 1 });
});

it('joins the jobs of a large batch into at most 250 bars with the most serious state', async () => {
  const id = await insertBatch(testConsole.client);
  await insertJobs(testConsole.client, 700, {
    batch_id: `'${id}'::uuid`,
    performed_at: `'2026-11-20T10:00:00Z'::timestamp + n * interval '1 second'`,
    finished_at: `'2026-11-20T10:00:02Z'::timestamp + n * interval '1 second'`,
    error: `CASE WHEN n = 1 THEN 'E: x' END`,
  });
  const { bars, jobs } = await timelineOf(id);
  expect(bars.length).toBeLessThanOrEqual(250);
  expect([bars[0]?.state, bars[0]?.id, bars[0]?.jobs]).toEqual(['discarded', null, 3]);
  expect(bars.slice(1).every(({ state }) => state === 'succeeded')).toBe(true);
  expect(bars.reduce((sum, bar) => sum + bar.jobs, 0)).toBe(jobs);
});

it('begins another bar after a long pause between the jobs of a large batch', async () => {
  const id = await insertBatch(testConsole.client);
  const start = `'2026-11-20T10:00:00Z'::timestamp + n * interval '1 second'
    + CASE WHEN n > 2 THEN interval '1 hour' ELSE interval '0' END`;
  await insertJobs(testConsole.client, 600, {
    batch_id: `'${id}'::uuid`,
    performed_at: start,
    finished_at: `${start} + interval '1 second'`,
  });
  const { bars } = await timelineOf(id);
  expect(bars.slice(0, 2).map(({ jobs }) => jobs)).toEqual([2, 1]);
  expect(Math.max(...bars.map(({ from, to }) => (to ?? 0) - from))).toBeLessThan(10_000);
});

it('reads 20,000 jobs of a larger batch and says that they are a sample', async () => {
  const id = await insertBatch(testConsole.client);
  await insertJobs(testConsole.client, 20_100, {
    batch_id: `'${id}'::uuid`,
    performed_at: 'now()',
    finished_at: 'now()',
  });
  expect(await timelineOf(id)).toMatchObject({ jobs: 20_000, isSample: true });
});
