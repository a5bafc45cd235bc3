import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RUNNING, SUCCEEDED, insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { createCheckContext } from '../attention/queries';
import { findPausedJobs } from '../attention/queue-checks';
import { changePause } from './mutations';
import { listPauses, previewPause } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('pauses');
});
afterAll(() => testConsole.close());
beforeEach(() => testConsole.client.query('DELETE FROM good_jobs; DELETE FROM good_job_settings'));
const storePauses = (value: string) =>
  testConsole.client.query(
    `INSERT INTO good_job_settings (key, value, created_at, updated_at)
     VALUES ('pauses', $1, '2026-01-01', '2026-02-03 04:05:06.789')`,
    [value],
  );

test('lists each name once per kind with its waiting and ready jobs', async () => {
  await storePauses(
    '{"queues": ["low", "empty", "low", 5], "job_classes": ["A"], "labels": ["l", "m"], "other": 1}',
  );
  await insertJob(testConsole.client, {
    queue_name: 'low',
    job_class: 'A',
    labels: ['l', 'l', 'm'],
  });
  await insertJob(testConsole.client, { queue_name: 'low', scheduled_at: '2099-01-01' });
  await insertJob(testConsole.client, { queue_name: 'low', ...RUNNING });
  await insertJob(testConsole.client, {
    queue_name: 'low',
    job_class: 'A',
    labels: ['l'],
    ...SUCCEEDED,
  });
  const { rows, changedAt, unreadable, more } = await listPauses(testConsole.ctx());
  expect(rows.map(({ kind, name, waiting }) => [kind, name, waiting])).toEqual([
    ['queue', 'low', { kind: 'exact', count: 2 }],
    ['queue', 'empty', { kind: 'exact', count: 0 }],
    ['job_class', 'A', { kind: 'exact', count: 1 }],
    ['label', 'l', { kind: 'exact', count: 1 }],
    ['label', 'm', { kind: 'exact', count: 1 }],
  ]);
  expect(rows.map(({ ready }) => ready)).toEqual(
    [1, 0, 1, 1, 1].map((count) => ({ kind: 'exact', count })),
  );
  expect({ changedAt, unreadable, more }).toEqual({
    changedAt: '2026-02-03T04:05:06.789000Z',
    unreadable: false,
    more: false,
  });
});

test('counts the same ready jobs as /attention', async () => {
  await storePauses('{"queues": ["low"], "job_classes": ["A"], "labels": ["l"]}');
  for (const scheduled_at of ['2026-01-01', '2026-01-02', '2099-01-01'])
    await insertJob(testConsole.client, {
      queue_name: 'low',
      job_class: 'A',
      labels: ['l'],
      scheduled_at,
    });
  const ctx = testConsole.ctx();
  const { finding } = await findPausedJobs(createCheckContext(ctx));
  const { rows } = await listPauses(ctx);
  const items = finding?.kind === 'paused_jobs' ? finding.items : [];
  expect(items).toHaveLength(3);
  for (const { by, name, count } of items)
    expect([name, count]).toEqual([
      name,
      rows.find((row) => row.kind === by && row.name === name)?.ready,
    ]);
});

test('returns an empty list if nothing was ever paused', async () =>
  expect(await listPauses(testConsole.ctx())).toEqual({
    rows: [],
    changedAt: null,
    unreadable: false,
    tooLarge: false,
    more: false,
  }));

test.each(['[]', '{"queues": "a"}', 'null'])(
  'reports the setting %s as unreadable',
  async (value) => {
    await storePauses(value);
    expect(await listPauses(testConsole.ctx())).toMatchObject({ rows: [], unreadable: true });
  },
);

test('returns a lower bound for more waiting jobs than the limit', async () => {
  await storePauses('{"queues": ["low"], "job_classes": ["A"]}');
  await testConsole.client.query(`
    INSERT INTO good_jobs (id, active_job_id, queue_name, job_class, priority, serialized_params,
                           scheduled_at, created_at, updated_at)
    SELECT i, i, 'low', 'A', 0, '{}', now(), now(), now()
      FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, 10050)) g`);
  expect((await listPauses(testConsole.ctx())).rows).toMatchObject([
    { waiting: { kind: 'at_least', count: 10_000 } },
    { waiting: { kind: 'exact', count: 10_050 } },
  ]);
});

test('does not read a setting of 10 MB and reports it as too large', async () => {
  await storePauses(
    JSON.stringify({ queues: Array.from({ length: 280_000 }, () => crypto.randomUUID()) }),
  );
  expect(await listPauses(testConsole.ctx())).toMatchObject({
    rows: [],
    tooLarge: true,
    unreadable: false,
    changedAt: '2026-02-03T04:05:06.789000Z',
  });
});

test('does not read a large name that Postgres stores compressed', async () => {
  await storePauses(JSON.stringify({ queues: ['q'.repeat(1_000_000)] }));
  expect(await listPauses(testConsole.ctx())).toMatchObject({ rows: [], tooLarge: true });
});

test('previews the waiting and running jobs of a queue, a class and a label', async () => {
  const process = await insertProcess(testConsole.client);
  const job = { queue_name: 'low', job_class: 'A', labels: ['l'] };
  await insertJob(testConsole.client, job);
  await insertJob(testConsole.client, { ...job, scheduled_at: '2099-01-01' });
  await insertJob(testConsole.client, { ...job, ...RUNNING, locked_by_id: process, lock_type: 1 });
  await insertJob(testConsole.client, { ...job, ...SUCCEEDED });
  await storePauses('{"queues": ["low"], "job_classes": [], "labels": []}');
  for (const [kind, name] of [
    ['queue', 'low'],
    ['job_class', 'A'],
    ['label', 'l'],
  ] as const)
    expect(await previewPause(testConsole.ctx(), { kind, name })).toEqual({
      waiting: { kind: 'exact', count: 2 },
      running: { kind: 'exact', count: 1 },
      isPaused: kind === 'queue',
      ...(kind === 'queue' ? { origin: null } : {}),
      endsAt: null,
    });
});

test('names who set a pause in the console, unless it was unpaused since', async () => {
  const ctx = testConsole.ctx({ reason: 'a deploy' });
  await changePause(ctx, 'pause', { queue: 'low' });
  const [row] = (await listPauses(ctx)).rows;
  expect(row?.origin).toMatchObject({ viewer: 'tester', reason: 'a deploy' });
  await changePause(ctx, 'unpause', { queue: 'low' });
  await testConsole.client.query(
    `UPDATE good_job_settings SET value = '{"queues": ["low"]}' WHERE key = 'pauses'`,
  );
  expect((await listPauses(ctx)).rows).toMatchObject([{ name: 'low', origin: null }]);
});

test('does not claim where a pause was made without an audit', async () => {
  await storePauses('{"queues": ["low"]}');
  const ctx = { ...testConsole.ctx(), consoleSchema: false };
  expect((await listPauses(ctx)).rows[0]?.origin).toBeUndefined();
});

test('says that a pause may be another one if the setting was changed elsewhere since', async () => {
  const ctx = testConsole.ctx();
  const mayBeReplaced = async () =>
    (await listPauses(ctx)).rows.map(({ name, origin }) => [name, origin?.mayBeReplaced]);
  await changePause(ctx, 'pause', { queue: 'one' });
  await changePause(ctx, 'pause', { queue: 'two' });
  expect(await mayBeReplaced()).toEqual([
    ['one', false],
    ['two', false],
  ]);
  await testConsole.client.query(
    `UPDATE good_job_settings SET updated_at = clock_timestamp() WHERE key = 'pauses'`,
  );
  expect(await mayBeReplaced()).toEqual([
    ['one', true],
    ['two', true],
  ]);
  await changePause(ctx, 'unpause', { queue: 'two' });
  await changePause(ctx, 'pause', { queue: 'two' });
  expect(await mayBeReplaced()).toEqual([
    ['one', true],
    ['two', false],
  ]);
});
