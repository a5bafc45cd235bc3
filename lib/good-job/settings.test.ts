import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/types';
import { changeCronKey } from '../cron/mutations';
import { changePause } from '../pauses/mutations';
import { pauseTarget } from './settings';

let console_: TestConsole;
let ctx: Ctx;
beforeAll(async () => {
  console_ = await TestConsole.open('settings');
  ctx = console_.ctx();
});
afterAll(() => console_.close());
beforeEach(() =>
  console_.client.query('DELETE FROM good_job_settings; DELETE FROM good_job_console.audit_events'),
);

const OLD = '2026-01-01 00:00:00';
const put = (key: string, value: string | null) =>
  console_.client.query(
    'INSERT INTO good_job_settings (key, value, created_at, updated_at) VALUES ($1, $2, $3, $3)',
    [key, value, OLD],
  );
const stored = async (key: string) => {
  const { rows } = await console_.client.query<{ value: string; touched: boolean }>(
    `SELECT value::text AS value, updated_at > '2026-01-02' AS touched FROM good_job_settings WHERE key = $1`,
    [key],
  );
  return rows[0];
};
const file = (...keys: string[]) => ({
  entries: new Map(
    keys.map((key) => [
      key,
      {
        key,
        cron: '* * * * *',
        jobClass: 'TestJob',
        description: null,
        enabledByDefault: true,
        job: null,
        args: null,
        kwargs: null,
        set: null,
        problems: [],
      },
    ]),
  ),
});

describe('pauses', () => {
  test('the first makes the row with all three lists', async () => {
    expect(await changePause(ctx, 'pause', { queue: '日本語キュー' })).toEqual({ outcome: 'done' });
    expect((await stored('pauses'))?.value).toBe(
      '{"labels": [], "queues": ["日本語キュー"], "job_classes": []}',
    );
    const { rows } = await console_.client.query<Record<string, unknown>>(
      'SELECT action, target_type, target_ids, target_name, counts FROM good_job_console.audit_events',
    );
    expect(rows).toEqual([
      {
        action: 'pause.pause',
        target_type: 'queue',
        target_ids: [],
        target_name: '日本語キュー',
        counts: { done: 1 },
      },
    ]);
  });

  test('the rest of the value stays as it is, a missing list is made, the name comes last', async () => {
    await put('pauses', '{"other": 12345678901234567890, "labels": null, "queues": ["b", 1, "b"]}');
    await changePause(ctx, 'pause', { label: 'x: "y"' });
    await changePause(ctx, 'pause', { job_class: 'A::Job' });
    await changePause(ctx, 'pause', { queue: 'a' });
    expect((await stored('pauses'))?.value).toBe(
      '{"other": 12345678901234567890, "labels": ["x: \\"y\\""], "queues": ["b", 1, "b", "a"], "job_classes": ["A::Job"]}',
    );
    await changePause(ctx, 'unpause', { queue: 'b' });
    expect((await stored('pauses'))?.value).toContain('"queues": [1, "a"]');
  });

  test.each([
    ['pause', { queue: 'a' }, '{"queues": ["a"], "labels": [], "job_classes": []}'],
    ['unpause', { queue: 'b' }, '{"queues": ["a"]}'],
    ['unpause', { label: 'b' }, '{"queues": ["a"]}'],
    ['unpause', { label: 'b' }, '{"labels": null}'],
  ] as const)('%s %j with nothing to change writes nothing', async (action, given, value) => {
    await put('pauses', value);
    expect(await changePause(ctx, action, given)).toEqual({ outcome: 'unchanged' });
    expect(await stored('pauses')).toEqual({ value: expect.any(String) as string, touched: false });
  });

  test('without a row there is nothing to resume, and none is made', async () => {
    expect(await changePause(ctx, 'unpause', { queue: 'a' })).toEqual({ outcome: 'unchanged' });
    expect(await stored('pauses')).toBeUndefined();
  });

  test.each([[{}], [{ queue: ' \t' }], [{ queue: '\u3000' }], [{ queue: 'a', label: 'b' }]])(
    '%j is refused: exactly one, not blank',
    async (given) => {
      expect(await changePause(ctx, 'pause', given)).toEqual({
        outcome: 'refused',
        code: 'exactly_one',
      });
      expect(await stored('pauses')).toBeUndefined();
    },
  );

  test('a blank one beside another counts for nothing', () => {
    expect(pauseTarget({ queue: '', label: 'l' })).toEqual({ kind: 'label', name: 'l' });
    expect(pauseTarget({ queue: 'a', label: ' ' })).toEqual({ kind: 'queue', name: 'a' });
  });

  test.each(['null', '[]', '"x"', '{"queues": "a"}', '{"queues": {"a": 1}}'])(
    'a value of the wrong type is refused: %s',
    async (value) => {
      await put('pauses', value);
      for (const action of ['pause', 'unpause'] as const)
        expect(await changePause(ctx, action, { queue: 'a' })).toEqual({
          outcome: 'refused',
          code: 'setting_of_wrong_type',
        });
      const { rows } = await console_.client.query<Record<string, unknown>>(
        'SELECT action, target_name, error, refused FROM good_job_console.audit_events ORDER BY id',
      );
      expect(rows).toEqual(
        ['pause.pause', 'pause.unpause'].map((action) => ({
          action,
          target_name: 'a',
          error: 'setting_of_wrong_type',
          refused: true,
        })),
      );
      expect(await stored('pauses')).toEqual({ value, touched: false });
    },
  );

  test('a value that is NULL is refused', async () => {
    await put('pauses', null);
    expect(await changePause(ctx, 'pause', { queue: 'a' })).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
  });

  test('sessions at once lose no name, also when none of them finds the row', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `queue ${n}`);
    const outcomes = await Promise.all(names.map((queue) => changePause(ctx, 'pause', { queue })));
    expect(outcomes).toEqual(names.map(() => ({ outcome: 'done' })));
    const { rows } = await console_.client.query<{ key: string; value: { queues: string[] } }>(
      'SELECT key, value FROM good_job_settings',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.value.queues.toSorted()).toEqual(names.toSorted());
  });

  test('waits for another session and takes what it left', async () => {
    await put('pauses', '{"queues": ["a"]}');
    const other = await console_.session();
    await other.query('BEGIN');
    await other.query(
      `UPDATE good_job_settings SET value = '{"queues": ["a", "b"], "labels": ["l"]}' WHERE key = 'pauses'`,
    );
    const waiting = changePause(ctx, 'pause', { queue: 'c' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await other.query('COMMIT');
    expect(await waiting).toEqual({ outcome: 'done' });
    expect((await stored('pauses'))?.value).toBe('{"labels": ["l"], "queues": ["a", "b", "c"]}');
  });

  test('gives up after two seconds when another session keeps the row', async () => {
    await put('pauses', '{"queues": []}');
    const other = await console_.session();
    await other.query(`BEGIN; SELECT 1 FROM good_job_settings FOR UPDATE`);
    expect(await changePause(ctx, 'pause', { queue: 'c' })).toEqual({ outcome: 'locked' });
    await other.query('ROLLBACK');
  });

  test('is for administrators, and never in read-only mode', async () => {
    await expect(
      changePause(console_.ctx({ role: 'operator' }), 'pause', { queue: 'a' }),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      changePause(console_.ctx({ readOnly: true }), 'unpause', { queue: 'a' }),
    ).rejects.toMatchObject({ code: 'read_only' });
  });
});

describe('cron keys', () => {
  test('enabling appends to one list and takes every occurrence from the other', async () => {
    await put('cron_keys_disabled', '["k", "x", "k"]');
    expect(await changeCronKey(ctx, 'enable', 'k', file('k'))).toEqual({ outcome: 'done' });
    expect((await stored('cron_keys_enabled'))?.value).toBe('["k"]');
    expect((await stored('cron_keys_disabled'))?.value).toBe('["x"]');
    expect(await changeCronKey(ctx, 'enable', 'k', file('k'))).toEqual({ outcome: 'unchanged' });
  });

  test('there is nothing to take from a list that is null, as GoodJob has it', async () => {
    await put('cron_keys_enabled', '[]');
    for (const value of [null, 'null']) {
      await console_.client.query(`DELETE FROM good_job_settings WHERE key = 'cron_keys_disabled'`);
      await put('cron_keys_disabled', value);
      const key = `of ${typeof value}`;
      expect(await changeCronKey(ctx, 'enable', key, file(key))).toEqual({ outcome: 'done' });
      expect(await stored('cron_keys_disabled')).toEqual({ value, touched: false });
    }
    expect(await changeCronKey(ctx, 'disable', 'k', file('k'))).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
  });

  test('a list of the wrong type undoes what was written before it', async () => {
    await put('cron_keys_disabled', '["k"]');
    await put('cron_keys_enabled', '{"k": true}');
    expect(await changeCronKey(ctx, 'enable', 'k', file('k'))).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
    expect(await stored('cron_keys_disabled')).toEqual({ value: '["k"]', touched: false });
  });

  test('a key that neither the file nor a job nor a setting has is missing', async () => {
    expect(await changeCronKey(ctx, 'enable', 'unknown', file())).toEqual({ outcome: 'missing' });
    await put('cron_keys_disabled', '["known"]');
    expect(await changeCronKey(ctx, 'enable', 'known', file())).toEqual({ outcome: 'done' });
  });

  test('enabling and disabling at once leave a key in one list', async () => {
    const keys = Array.from({ length: 6 }, (_, n) => `key ${n}`);
    await Promise.all(
      keys.flatMap((key) =>
        (['enable', 'disable'] as const).map((action) =>
          changeCronKey(ctx, action, key, file(...keys)),
        ),
      ),
    );
    const { rows } = await console_.client.query<{ value: string[] }>(
      `SELECT value FROM good_job_settings WHERE key LIKE 'cron_keys_%'`,
    );
    expect(rows.flatMap(({ value }) => value).toSorted()).toEqual(keys);
  });
});
