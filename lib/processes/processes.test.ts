import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RUNNING, SUCCEEDED, insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { cursorParams } from '../core/search-params';
import { getRawProcess, listProcesses, parseProcessFilter } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('process list');
});
afterAll(() => testConsole.close());
beforeEach(() => testConsole.client.query('TRUNCATE good_jobs, good_job_processes'));

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const list = (params: Record<string, string> = {}) =>
  listProcesses(testConsole.ctx(), parseProcessFilter(new URLSearchParams(params)));
const exact = (count: number) => ({ kind: 'exact', count });

test('each process is live, stale or dead, and the tabs count them', async () => {
  const held = await insertProcess(testConsole.client, { lock_type: 0, updated_at: ago(900) });
  const killed = await insertProcess(testConsole.client, { lock_type: 0 });
  const [live, stale, dead] = [
    await insertProcess(testConsole.client),
    await insertProcess(testConsole.client, { updated_at: ago(60) }),
    await insertProcess(testConsole.client, { updated_at: ago(301) }),
  ];
  await (
    await testConsole.session()
  ).query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', held)})`);
  const page = await list();
  const stateOf = new Map(page.rows.map((row) => [row.id, row.state]));
  expect([held, killed, live, stale, dead].map((id) => stateOf.get(id))).toEqual([
    'stale',
    'dead',
    'live',
    'stale',
    'dead',
  ]);
  expect(page.counts).toEqual({
    live: exact(1),
    stale: exact(2),
    dead: exact(2),
    unknown: exact(0),
  });
  expect((await list({ state: 'dead' })).rows.map(({ id }) => id).sort()).toEqual(
    [killed, dead].sort(),
  );
  expect((await list({ state: 'gone' })).rows).toEqual([]);
});

test('a process has the jobs that it runs, and how many there are', async () => {
  const [busy, idle] = [
    await insertProcess(testConsole.client),
    await insertProcess(testConsole.client),
  ];
  const ids: string[] = [];
  for (let n = 0; n < 7; n += 1)
    ids.push(
      await insertJob(testConsole.client, {
        ...RUNNING,
        performed_at: ago(100 - n),
        locked_by_id: busy,
        locked_at: ago(1),
        lock_type: n % 3,
      }),
    );
  await insertJob(testConsole.client, { ...SUCCEEDED, locked_by_id: idle });
  await insertJob(testConsole.client, { locked_by_id: idle });
  const rows = new Map((await list()).rows.map((row) => [row.id, row]));
  expect(rows.get(busy)).toMatchObject({ running: exact(7) });
  expect(rows.get(busy)?.jobs.map(({ id }) => id)).toEqual(ids.slice(0, 5));
  expect(rows.get(idle)).toMatchObject({ running: exact(0), jobs: [] });
});

test('processes that serve a queue', async () => {
  const serving = (queues: string, columns = {}) =>
    insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues, max_threads: 1 }] }),
      ...columns,
    });
  const [all, , others] = [await serving('*'), await serving('-a'), await serving('+b,a')];
  await serving('a', { updated_at: ago(400) });
  expect((await list({ queue_name: 'a' })).rows.map(({ id }) => id).sort()).toEqual(
    [all, others].sort(),
  );
});

test('pages lead to each other, the newest process first', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 60; n += 1)
    ids.push(
      await insertProcess(testConsole.client, {
        created_at: new Date(Date.UTC(2026, 0, 1, 0, Math.floor(n / 3))).toISOString(),
      }),
    );
  const seen: string[] = [];
  let page = await list();
  for (;;) {
    seen.push(...page.rows.map(({ id }) => id));
    if (!page.next) break;
    page = await list(cursorParams(page.next));
  }
  expect(seen.length).toBe(60);
  expect(new Set(seen)).toEqual(new Set(ids));
  const back = page.previous && (await list(cursorParams(page.previous)));
  expect(back?.rows.map(({ id }) => id)).toEqual(seen.slice(25, 50));
  expect((await list({ after_id: randomUUID() })).rows).toEqual([]);
});

test.each([
  'null',
  '[]',
  '"x"',
  '1e400',
  '{}',
  '{"schedulers": [[], {}, "y", null]}',
  '{"schedulers": {"0": 1}, "database_connection_pool": [1], "memory": {"a": 1}, "cron_enabled": [], "proctitle": 5}',
  `{"hostname": "${'\\u0001'.repeat(50)}", "pid": -1.5}`,
])('a state of %s has a row', async (state) => {
  const id = await insertProcess(testConsole.client, { state });
  const [row] = (await list()).rows;
  expect(row).toMatchObject({ id, state: 'live', tooLarge: false });
  expect(JSON.parse((await getRawProcess(testConsole.ctx(), id)) ?? '')).toEqual(
    state === '1e400' ? Infinity : JSON.parse(state),
  );
});

test('no state, and one that is far too large', async () => {
  const none = await insertProcess(testConsole.client, { state: null });
  const large = await insertProcess(testConsole.client, {
    state: JSON.stringify({
      schedulers: Array.from({ length: 20_000 }, () => ({ queues: randomUUID() })),
    }),
  });
  const rows = new Map((await list()).rows.map((row) => [row.id, row]));
  expect(rows.get(none)).toMatchObject({ tooLarge: false, told: null });
  expect(rows.get(large)).toMatchObject({ tooLarge: true, told: null });
  expect([
    await getRawProcess(testConsole.ctx(), none),
    await getRawProcess(testConsole.ctx(), large),
    await getRawProcess(testConsole.ctx(), randomUUID()),
  ]).toEqual(['{}', null, null]);
});

test('a raw state keeps its numbers as they were written', async () => {
  const id = await insertProcess(testConsole.client, {
    state: '{"pid": 12345678901234567890, "load": 1.10}',
  });
  expect(await getRawProcess(testConsole.ctx(), id)).toBe(
    '{\n  "pid": 12345678901234567890,\n  "load": 1.10\n}',
  );
});

test('in a database of GoodJob 4.0, whose jobs have no lock type', async () => {
  const old = await TestConsole.open('process list of an older schema', {
    sql: ['ALTER TABLE good_jobs DROP COLUMN lock_type'],
  });
  const id = await insertProcess(old.client);
  await insertJob(old.client, { ...RUNNING, locked_by_id: id });
  const [row] = (await listProcesses(old.ctx(), parseProcessFilter(new URLSearchParams()))).rows;
  expect(row).toMatchObject({ id, state: 'live', running: exact(1) });
  await old.close();
});
