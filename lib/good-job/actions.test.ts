import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  DISCARDED,
  SUCCEEDED,
  insertExecution,
  insertJob,
  serializedParams,
  readRow,
  readRowText,
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
const insertDiscarded = (columns: Record<string, unknown>) =>
  insertJob(testConsole.client, { ...DISCARDED, ...columns });
const payloadJson = z.record(z.string(), z.unknown());
const readPayload = async (id: string) =>
  payloadJson.parse((await readRow(testConsole.client, 'good_jobs', id)).serialized_params);

describe('changeJobs: retry', () => {
  it('keeps large numbers, decimals, integer-like keys and unknown keys exactly as stored', async () => {
    const storedArguments = `"arguments": [12345678901234567890, 1.10, -0.0, 1e400,
      {"10": 1, "9": 2, "": 3}, "\\u0001 \\ud83d\\ude00 </script>"], "tenant": {"2": 1.50, "1": null}`;
    const id = await insertDiscarded({
      serialized_params: `{"job_class": "TestJob", "executions": 41, "locale": "ja",
        "timezone": "Asia/Tokyo", "priority": 5, "queue_name": "mail", ${storedArguments}}`,
    });
    expect(await retry(id)).toEqual({ id, outcome: 'done' });
    const { rows } = await testConsole.client.query<{ isEqual: boolean; tenant: string }>(
      `SELECT (serialized_params -> 'arguments')::text
                = ($2::jsonb -> 'arguments')::text AS "isEqual",
              (serialized_params -> 'tenant')::text AS tenant
         FROM good_jobs
        WHERE id = $1`,
      [id, `{${storedArguments}}`],
    );
    expect(rows).toEqual([{ isEqual: true, tenant: '{"1": null, "2": 1.50}' }]);
    expect(await readPayload(id)).toMatchObject({
      executions: 42,
      locale: 'ja',
      timezone: 'Asia/Tokyo',
      priority: 5,
      queue_name: 'mail',
      provider_job_id: id,
      exception_executions: null,
    });
    expect(await readRow(testConsole.client, 'good_jobs', id)).toMatchObject({
      queue_name: 'mail',
      priority: 5,
      error: 'RuntimeError: boom',
      error_event: 3,
      executions_count: 1,
      finished_at: null,
      performed_at: null,
    });
  });

  it('writes one instant, with six decimals in the columns and nine in the payload', async () => {
    const id = await insertDiscarded({});
    await retry(id);
    const { scheduled_at, created_at, updated_at } = await readRow(
      testConsole.client,
      'good_jobs',
      id,
    );
    expect(created_at).toBe(scheduled_at);
    expect(updated_at).toBe(scheduled_at);
    const { rows } = await testConsole.client.query<{ at: string }>(
      `SELECT to_char(scheduled_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"') AS at
         FROM good_jobs
        WHERE id = $1`,
      [id],
    );
    expect(await readPayload(id)).toMatchObject({
      enqueued_at: rows[0]?.at,
      scheduled_at: rows[0]?.at,
    });
  });

  it('keeps created_at if workers dequeue by scheduled_at', async () => {
    const id = await insertDiscarded({});
    const before = await readRow(testConsole.client, 'good_jobs', id);
    await changeJobs(testConsole.ctx({ app: { dequeueQuerySort: 'scheduled_at' } }), 'retry', [id]);
    const after = await readRow(testConsole.client, 'good_jobs', id);
    expect(after.created_at).toBe(before.created_at);
    expect(after.scheduled_at).not.toBe(before.scheduled_at);
  });

  it.each([
    ['a missing key', '{"job_class": "TestJob"}'],
    [
      'a JSON null',
      `{"job_class": "TestJob", "executions": null, "locale": null, "timezone": null,
        "arguments": null, "exception_executions": null, "queue_name": null, "priority": null}`,
    ],
  ])('fills %s from the settings', async (_, stored) => {
    const id = await insertDiscarded({
      serialized_params: stored,
      queue_name: 'moved',
      priority: 9,
    });
    await changeJobs(testConsole.ctx({ app: { locale: 'ja', timeZone: 'Asia/Tokyo' } }), 'retry', [
      id,
    ]);
    expect(await readPayload(id)).toMatchObject({
      executions: 1,
      locale: 'ja',
      timezone: 'Asia/Tokyo',
      arguments: [],
      exception_executions: null,
    });
    expect(await readRow(testConsole.client, 'good_jobs', id)).toMatchObject({
      queue_name: 'default',
      priority: 0,
    });
    // Like GoodJob, it does not fill queue_name: null stays null and a missing key stays missing.
    expect('queue_name' in (await readPayload(id))).toBe(stored.includes('queue_name'));
  });

  it('keeps exception_executions and a blank queue, and takes the class from the payload', async () => {
    const id = await insertDiscarded({
      job_class: 'OldName',
      serialized_params: serializedParams('x', {
        queue_name: ' \u3000',
        exception_executions: { '[RuntimeError]': 3 },
      }),
    });
    await retry(id);
    expect(await readPayload(id)).toMatchObject({
      exception_executions: { '[RuntimeError]': 3 },
      queue_name: ' \u3000',
    });
    expect(await readRow(testConsole.client, 'good_jobs', id)).toMatchObject({
      job_class: 'TestJob',
      queue_name: 'default',
    });
  });
});

describe('changeJobs: retry of an unreadable payload', () => {
  it.each([
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
  ] as [string, (string | null)[]][])('refuses with %s', async (code, stored) => {
    for (const text of stored) {
      const id = await insertDiscarded({ serialized_params: text });
      const before = await readRowText(testConsole.client, 'good_jobs', id);
      expect(await retry(id), String(text)).toEqual({ id, outcome: 'refused', code });
      expect(await readRowText(testConsole.client, 'good_jobs', id)).toBe(before);
    }
  });

  it('accepts integers at their limits and integers written as decimals', async () => {
    for (const pair of [
      '"priority": -2147483648',
      '"priority": 2147483647',
      '"priority": 2.0',
      '"executions": 9223372036854775806',
    ]) {
      expect(
        await retry(
          await insertDiscarded({ serialized_params: `{"job_class": "TestJob", ${pair}}` }),
        ),
        pair,
      ).toMatchObject({ outcome: 'done' });
    }
  });

  it.each(['', '  ', '\t\n', '\u00a0\u3000'])(
    'returns a conflict for the blank error %j',
    async (error) => {
      expect(await retry(await insertDiscarded({ error }))).toMatchObject({ outcome: 'conflict' });
    },
  );
});

it('destroys only the executions of the destroyed job', async () => {
  const destroyed = await insertJob(testConsole.client, SUCCEEDED);
  const other = await insertJob(testConsole.client, SUCCEEDED);
  for (const id of [destroyed, destroyed, other]) await insertExecution(testConsole.client, id);
  expect(await changeJobs(testConsole.ctx(), 'destroy', [destroyed])).toEqual([
    { id: destroyed, outcome: 'done' },
  ]);
  const { rows } = await testConsole.client.query(
    'SELECT active_job_id FROM good_job_executions WHERE active_job_id = ANY($1)',
    [[destroyed, other]],
  );
  expect(rows).toEqual([{ active_job_id: other }]);
});

it('notifies workers of a job rescheduled to now, but not to a later time', async () => {
  const id = await insertJob(testConsole.client, { queue_name: 'later' });
  const at = '2031-02-03T04:05:06.123456Z';
  expect(
    await testConsole.notifications(() =>
      changeJobs(testConsole.ctx(), 'reschedule', [id], { scheduledAt: at }),
    ),
  ).toEqual([]);
  expect((await readRow(testConsole.client, 'good_jobs', id)).scheduled_at).toBe(
    '2031-02-03T04:05:06.123456',
  );
  expect((await readPayload(id)).scheduled_at).toBeNull();
  expect(
    await testConsole.notifications(() => changeJobs(testConsole.ctx(), 'reschedule', [id])),
  ).toMatchObject([{ queue_name: 'later' }]);
});

it('reschedules to the instant of a time with an offset, and notifies if it is past', async () => {
  const id = await insertJob(testConsole.client);
  await changeJobs(testConsole.ctx(), 'reschedule', [id], {
    scheduledAt: '2031-02-03T13:05:06.123456+09:00',
  });
  expect((await readRow(testConsole.client, 'good_jobs', id)).scheduled_at).toBe(
    '2031-02-03T04:05:06.123456',
  );
  const received = await testConsole.notifications(() =>
    changeJobs(testConsole.ctx(), 'reschedule', [id], { scheduledAt: '2021-02-03T13:05:06+09:00' }),
  );
  expect(received).toEqual([{ queue_name: 'default', scheduled_at: '2021-02-03T04:05:06.000Z' }]);
});

it('notifies each queue once per transaction, with the number of jobs', async () => {
  const ids: string[] = [];
  for (const queue_name of ['a', 'b', 'a', 'a'])
    ids.push(await insertDiscarded({ serialized_params: serializedParams('x', { queue_name }) }));
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

it('rejects more jobs than one transaction may change', async () => {
  const ids = Array.from({ length: MAX_JOBS_PER_TRANSACTION + 1 }, () => crypto.randomUUID());
  await expect(changeJobs(testConsole.ctx(), 'discard', ids)).rejects.toThrow(RangeError);
});
