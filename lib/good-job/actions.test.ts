import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertExecution,
  insertJob,
  params,
  row,
  rowText,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { changeJobs } from '../jobs/mutations';
import { MAX_JOBS_PER_TRANSACTION } from './locks';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('actions');
});
afterAll(() => testConsole.close());

const retry = async (id: string) => (await changeJobs(testConsole.ctx(), 'retry', [id]))[0];
const discarded = (columns: Record<string, unknown>) =>
  insertJob(testConsole.client, { ...DISCARDED, ...columns });
const payload = async (id: string) =>
  (await row(testConsole.client, 'good_jobs', id)).serialized_params as Record<string, unknown>;

describe('retry leaves the payload as it was stored', () => {
  test('numbers beyond 2^53, decimals, integer-like keys, unknown keys and text, to the letter', async () => {
    const own = `"arguments": [12345678901234567890, 1.10, -0.0, 1e400, {"10": 1, "9": 2, "": 3}, "\\u0001 \\ud83d\\ude00 </script>"], "tenant": {"2": 1.50, "1": null}`;
    const id = await discarded({
      serialized_params: `{"job_class": "TestJob", "executions": 41, "locale": "ja", "timezone": "Asia/Tokyo", "priority": 5, "queue_name": "mail", ${own}}`,
    });
    expect(await retry(id)).toEqual({ id, outcome: 'done' });
    const { rows } = await testConsole.client.query<{ kept: boolean; tenant: string }>(
      `SELECT (serialized_params -> 'arguments')::text = ($2::jsonb -> 'arguments')::text AS kept, (serialized_params -> 'tenant')::text AS tenant FROM good_jobs WHERE id = $1`,
      [id, `{${own}}`],
    );
    expect(rows).toEqual([{ kept: true, tenant: '{"1": null, "2": 1.50}' }]);
    expect(await payload(id)).toMatchObject({
      executions: 42,
      locale: 'ja',
      timezone: 'Asia/Tokyo',
      priority: 5,
      queue_name: 'mail',
      provider_job_id: id,
      exception_executions: null,
    });
    expect(await row(testConsole.client, 'good_jobs', id)).toMatchObject({
      queue_name: 'mail',
      priority: 5,
      error: 'RuntimeError: boom',
      error_event: 3,
      executions_count: 1,
      finished_at: null,
      performed_at: null,
    });
  });

  test('one instant: the columns, with six decimals, and the payload, with nine', async () => {
    const id = await discarded({});
    await retry(id);
    const { scheduled_at, created_at, updated_at } = await row(testConsole.client, 'good_jobs', id);
    expect(created_at).toBe(scheduled_at);
    expect(updated_at).toBe(scheduled_at);
    const { rows } = await testConsole.client.query<{ at: string }>(
      `SELECT to_char(scheduled_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"') AS at FROM good_jobs WHERE id = $1`,
      [id],
    );
    expect(await payload(id)).toMatchObject({
      enqueued_at: rows[0]?.at,
      scheduled_at: rows[0]?.at,
    });
  });

  test('created_at stays when workers dequeue by scheduled_at', async () => {
    const id = await discarded({});
    const before = await row(testConsole.client, 'good_jobs', id);
    await changeJobs(testConsole.ctx({ app: { dequeueQuerySort: 'scheduled_at' } }), 'retry', [id]);
    const after = await row(testConsole.client, 'good_jobs', id);
    expect(after.created_at).toBe(before.created_at);
    expect(after.scheduled_at).not.toBe(before.scheduled_at);
  });

  test.each([
    ['a missing key', '{"job_class": "TestJob"}'],
    [
      'a JSON null',
      '{"job_class": "TestJob", "executions": null, "locale": null, "timezone": null, "arguments": null, "exception_executions": null, "queue_name": null, "priority": null}',
    ],
  ])('%s is filled from the settings', async (_, stored) => {
    const id = await discarded({ serialized_params: stored, queue_name: 'moved', priority: 9 });
    await changeJobs(testConsole.ctx({ app: { locale: 'ja', timeZone: 'Asia/Tokyo' } }), 'retry', [
      id,
    ]);
    expect(await payload(id)).toMatchObject({
      executions: 1,
      locale: 'ja',
      timezone: 'Asia/Tokyo',
      arguments: [],
      exception_executions: null,
    });
    expect(await row(testConsole.client, 'good_jobs', id)).toMatchObject({
      queue_name: 'default',
      priority: 0,
    });
    // What GoodJob does not fill is not filled: a null stays, a missing key stays missing.
    expect('queue_name' in (await payload(id))).toBe(stored.includes('queue_name'));
  });

  test('exception_executions, a blank queue and a class that was renamed in the row', async () => {
    const id = await discarded({
      job_class: 'OldName',
      serialized_params: params('x', {
        queue_name: ' \u3000',
        exception_executions: { '[RuntimeError]': 3 },
      }),
    });
    await retry(id);
    expect(await payload(id)).toMatchObject({
      exception_executions: { '[RuntimeError]': 3 },
      queue_name: ' \u3000',
    });
    expect(await row(testConsole.client, 'good_jobs', id)).toMatchObject({
      job_class: 'TestJob',
      queue_name: 'default',
    });
  });
});

describe('retry refuses a payload that no worker could read', () => {
  test.each([
    ['params_not_an_object', [null, 'null', '[]', '"text"', '1']],
    [
      'params_without_job_class',
      [
        '{}',
        '{"job_class": null}',
        '{"job_class": 1}',
        '{"job_class": " \u3000"}',
        '{"job_class": ["TestJob"]}',
      ],
    ],
    [
      'params_of_wrong_type',
      [
        '"queue_name": 1',
        '"queue_name": {}',
        '"priority": "1"',
        '"priority": 1.5',
        '"priority": 2147483648',
        '"executions": "3"',
        '"executions": 0.5',
        '"executions": 9223372036854775807',
        '"arguments": {}',
        '"arguments": "x"',
        '"locale": 1',
        '"timezone": []',
        '"exception_executions": []',
        '"priority": 1e400',
      ].map((pair) => `{"job_class": "TestJob", ${pair}}`),
    ],
  ] as [string, (string | null)[]][])('%s', async (code, stored) => {
    for (const text of stored) {
      const id = await discarded({ serialized_params: text });
      const before = await rowText(testConsole.client, 'good_jobs', id);
      expect(await retry(id), String(text)).toEqual({ id, outcome: 'refused', code });
      expect(await rowText(testConsole.client, 'good_jobs', id)).toBe(before);
    }
  });

  test('integers at the edges, and written as decimals, are sane', async () => {
    for (const pair of [
      '"priority": -2147483648',
      '"priority": 2147483647',
      '"priority": 2.0',
      '"executions": 9223372036854775806',
    ]) {
      expect(
        await retry(await discarded({ serialized_params: `{"job_class": "TestJob", ${pair}}` })),
        pair,
      ).toMatchObject({ outcome: 'done' });
    }
  });

  test.each(['', '  ', '\t\n', '\u00a0\u3000'])(
    'an error of nothing but white space (%j) is a conflict',
    async (error) => {
      expect(await retry(await discarded({ error }))).toMatchObject({ outcome: 'conflict' });
    },
  );
});

test('destroy takes the executions of that job and no other', async () => {
  const [gone, kept] = [
    await insertJob(testConsole.client, SUCCEEDED),
    await insertJob(testConsole.client, SUCCEEDED),
  ];
  for (const id of [gone, gone, kept]) await insertExecution(testConsole.client, id);
  expect(await changeJobs(testConsole.ctx(), 'destroy', [gone])).toEqual([
    { id: gone, outcome: 'done' },
  ]);
  const { rows } = await testConsole.client.query(
    'SELECT active_job_id FROM good_job_executions WHERE active_job_id = ANY($1)',
    [[gone, kept]],
  );
  expect(rows).toEqual([{ active_job_id: kept }]);
});

test('reschedule to a time writes that time and wakes nobody; to now, it does', async () => {
  const id = await insertJob(testConsole.client, { queue_name: 'later' });
  const at = '2031-02-03T04:05:06.123456Z';
  expect(
    await testConsole.notifications(() =>
      changeJobs(testConsole.ctx(), 'reschedule', [id], { scheduledAt: at }),
    ),
  ).toEqual([]);
  expect((await row(testConsole.client, 'good_jobs', id)).scheduled_at).toBe(
    '2031-02-03T04:05:06.123456',
  );
  expect((await payload(id)).scheduled_at).toBeNull();
  expect(
    await testConsole.notifications(() => changeJobs(testConsole.ctx(), 'reschedule', [id])),
  ).toMatchObject([{ queue_name: 'later' }]);
});

test('a time with an offset is that instant, also in a column without a zone; one that is over wakes a worker', async () => {
  const id = await insertJob(testConsole.client);
  await changeJobs(testConsole.ctx(), 'reschedule', [id], {
    scheduledAt: '2031-02-03T13:05:06.123456+09:00',
  });
  expect((await row(testConsole.client, 'good_jobs', id)).scheduled_at).toBe(
    '2031-02-03T04:05:06.123456',
  );
  const received = await testConsole.notifications(() =>
    changeJobs(testConsole.ctx(), 'reschedule', [id], { scheduledAt: '2021-02-03T13:05:06+09:00' }),
  );
  expect(received).toEqual([{ queue_name: 'default', scheduled_at: '2021-02-03T04:05:06.000Z' }]);
});

test('a transaction wakes each queue once, with the number of jobs', async () => {
  const ids: string[] = [];
  for (const queue_name of ['a', 'b', 'a', 'a'])
    ids.push(await discarded({ serialized_params: params('x', { queue_name }) }));
  const received = await testConsole.notifications(() =>
    changeJobs(testConsole.ctx(), 'retry', ids),
  );
  const scheduledAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
  expect(received.sort((x, y) => (x.queue_name < y.queue_name ? -1 : 1))).toEqual([
    { queue_name: 'a', scheduled_at: scheduledAt, count: 3 },
    { queue_name: 'b', scheduled_at: scheduledAt },
  ]);
  expect(
    await testConsole.notifications(() => changeJobs(testConsole.ctx(), 'discard', ids)),
  ).toEqual([]);
});

test('more jobs than a transaction may take are refused as a whole', async () => {
  const ids = Array.from({ length: MAX_JOBS_PER_TRANSACTION + 1 }, () => crypto.randomUUID());
  await expect(changeJobs(testConsole.ctx(), 'discard', ids)).rejects.toThrow(RangeError);
});
