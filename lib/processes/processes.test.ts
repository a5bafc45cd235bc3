import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RUNNING, SUCCEEDED, insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { cursorParams } from '../core/urls';
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

test('classifies processes as live, stale or dead and counts each state', async () => {
  const locked = await insertProcess(testConsole.client, { lock_type: 0, updated_at: ago(900) });
  const killed = await insertProcess(testConsole.client, { lock_type: 0 });
  const live = await insertProcess(testConsole.client);
  const stale = await insertProcess(testConsole.client, { updated_at: ago(60) });
  const dead = await insertProcess(testConsole.client, { updated_at: ago(301) });
  const session = await testConsole.session();
  await session.query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', locked)})`);
  const page = await list();
  const stateById = new Map(page.rows.map((row) => [row.id, row.state]));
  expect([locked, killed, live, stale, dead].map((id) => stateById.get(id))).toEqual([
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

test('lists the first running jobs of a process and counts all of them', async () => {
  const busy = await insertProcess(testConsole.client);
  const idle = await insertProcess(testConsole.client);
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

test('filters live processes by a queue that they serve', async () => {
  const insertServing = (queues: string, columns = {}) =>
    insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues, max_threads: 1 }] }),
      ...columns,
    });
  const all = await insertServing('*');
  await insertServing('-a');
  const ordered = await insertServing('+b,a');
  await insertServing('a', { updated_at: ago(400) });
  expect((await list({ queue_name: 'a' })).rows.map(({ id }) => id).sort()).toEqual(
    [all, ordered].sort(),
  );
});

test('pages through all processes, newest first, in both directions', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 60; n += 1)
    ids.push(
      await insertProcess(testConsole.client, {
        created_at: new Date(Date.UTC(2026, 0, 1, 0, Math.floor(n / 3))).toISOString(),
      }),
    );
  const listedIds: string[] = [];
  let page = await list();
  for (;;) {
    listedIds.push(...page.rows.map(({ id }) => id));
    if (!page.next) break;
    page = await list(cursorParams(page.next));
  }
  expect(listedIds.length).toBe(60);
  expect(new Set(listedIds)).toEqual(new Set(ids));
  const back = page.previous && (await list(cursorParams(page.previous)));
  expect(back?.rows.map(({ id }) => id)).toEqual(listedIds.slice(25, 50));
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
])('lists a process with the state %s', async (state) => {
  const id = await insertProcess(testConsole.client, { state });
  const [row] = (await list()).rows;
  expect(row).toMatchObject({ id, state: 'live', tooLarge: false });
  expect(JSON.parse((await getRawProcess(testConsole.ctx(), id)) ?? '')).toEqual(
    state === '1e400' ? Infinity : JSON.parse(state),
  );
});

test('lists processes without a state and with one that is too large', async () => {
  const withoutState = await insertProcess(testConsole.client, { state: null });
  const large = await insertProcess(testConsole.client, {
    state: JSON.stringify({
      schedulers: Array.from({ length: 20_000 }, () => ({ queues: randomUUID() })),
    }),
  });
  const rows = new Map((await list()).rows.map((row) => [row.id, row]));
  expect(rows.get(withoutState)).toMatchObject({ tooLarge: false, reportedState: null });
  expect(rows.get(large)).toMatchObject({ tooLarge: true, reportedState: null });
  expect([
    await getRawProcess(testConsole.ctx(), withoutState),
    await getRawProcess(testConsole.ctx(), large),
    await getRawProcess(testConsole.ctx(), randomUUID()),
  ]).toEqual(['{}', null, null]);
});

test('returns the raw state with numbers as written', async () => {
  const id = await insertProcess(testConsole.client, {
    state: '{"pid": 12345678901234567890, "load": 1.10}',
  });
  expect(await getRawProcess(testConsole.ctx(), id)).toBe(
    '{\n  "pid": 12345678901234567890,\n  "load": 1.10\n}',
  );
});

test('lists processes in a schema of GoodJob 4.0 without good_jobs.lock_type', async () => {
  const old = await TestConsole.open('process list of an older schema', {
    sql: ['ALTER TABLE good_jobs DROP COLUMN lock_type'],
  });
  const id = await insertProcess(old.client);
  await insertJob(old.client, { ...RUNNING, locked_by_id: id });
  const [row] = (await listProcesses(old.ctx(), parseProcessFilter(new URLSearchParams()))).rows;
  expect(row).toMatchObject({ id, state: 'live', running: exact(1) });
  await old.close();
});
