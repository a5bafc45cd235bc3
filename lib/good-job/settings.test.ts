import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/request-context';
import { changeCronKey } from '../cron/mutations';
import { changePause } from '../pauses/mutations';
import { pauseTarget } from './settings';

let testConsole: TestConsole;
let ctx: Ctx;
beforeAll(async () => {
  testConsole = await TestConsole.open('settings');
  ctx = testConsole.ctx();
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(
    'DELETE FROM good_job_settings; DELETE FROM good_job_console.audit_events',
  ),
);

const OLD = '2026-01-01 00:00:00';
const insertSetting = (key: string, value: string | null) =>
  testConsole.client.query(
    'INSERT INTO good_job_settings (key, value, created_at, updated_at) VALUES ($1, $2, $3, $3)',
    [key, value, OLD],
  );
const readSetting = async (key: string) => {
  const { rows } = await testConsole.client.query<{ value: string; isUpdated: boolean }>(
    `SELECT value::text AS value, updated_at > '2026-01-02' AS "isUpdated"
       FROM good_job_settings
      WHERE key = $1`,
    [key],
  );
  return rows[0];
};
const cronFile = (...keys: string[]) => ({
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

describe('changePause', () => {
  it('creates the row with all three lists for the first pause', async () => {
    expect(await changePause(ctx, 'pause', { queue: '日本語キュー' })).toMatchObject({
      outcome: 'done',
    });
    expect((await readSetting('pauses'))?.value).toBe(
      '{"labels": [], "queues": ["日本語キュー"], "job_classes": []}',
    );
    const { rows } = await testConsole.client.query<Record<string, unknown>>(
      `SELECT action, target_type, target_ids, target_name, counts
         FROM good_job_console.audit_events`,
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

  it('appends a name, creates a missing list and keeps the rest of the value', async () => {
    await insertSetting(
      'pauses',
      '{"other": 12345678901234567890, "labels": null, "queues": ["b", 1, "b"]}',
    );
    await changePause(ctx, 'pause', { label: 'x: "y"' });
    await changePause(ctx, 'pause', { job_class: 'A::Job' });
    await changePause(ctx, 'pause', { queue: 'a' });
    expect((await readSetting('pauses'))?.value).toBe(
      '{"other": 12345678901234567890, "labels": ["x: \\"y\\""], ' +
        '"queues": ["b", 1, "b", "a"], "job_classes": ["A::Job"]}',
    );
    await changePause(ctx, 'unpause', { queue: 'b' });
    expect((await readSetting('pauses'))?.value).toContain('"queues": [1, "a"]');
  });

  it.each([
    ['pause', { queue: 'a' }, '{"queues": ["a"], "labels": [], "job_classes": []}'],
    ['unpause', { queue: 'b' }, '{"queues": ["a"]}'],
    ['unpause', { label: 'b' }, '{"queues": ["a"]}'],
    ['unpause', { label: 'b' }, '{"labels": null}'],
  ] as const)('writes nothing for %s %j if nothing changes', async (action, target, value) => {
    await insertSetting('pauses', value);
    expect(await changePause(ctx, action, target)).toEqual({ outcome: 'unchanged' });
    expect(await readSetting('pauses')).toEqual({
      value: expect.any(String) as string,
      isUpdated: false,
    });
  });

  it('does not create a row for an unpause', async () => {
    expect(await changePause(ctx, 'unpause', { queue: 'a' })).toEqual({ outcome: 'unchanged' });
    expect(await readSetting('pauses')).toBeUndefined();
  });

  it.each([[{}], [{ queue: ' \t' }], [{ queue: '\u3000' }], [{ queue: 'a', label: 'b' }]])(
    'refuses %j, which has not exactly one non-blank target',
    async (target) => {
      expect(await changePause(ctx, 'pause', target)).toEqual({
        outcome: 'refused',
        code: 'exactly_one',
      });
      expect(await readSetting('pauses')).toBeUndefined();
    },
  );

  it('ignores a blank target next to a non-blank one', () => {
    expect(pauseTarget({ queue: '', label: 'l' })).toEqual({ kind: 'label', name: 'l' });
    expect(pauseTarget({ queue: 'a', label: ' ' })).toEqual({ kind: 'queue', name: 'a' });
  });

  it.each(['null', '[]', '"x"', '{"queues": "a"}', '{"queues": {"a": 1}}'])(
    'refuses a stored value of the wrong type: %s',
    async (value) => {
      await insertSetting('pauses', value);
      for (const action of ['pause', 'unpause'] as const)
        expect(await changePause(ctx, action, { queue: 'a' })).toEqual({
          outcome: 'refused',
          code: 'setting_of_wrong_type',
        });
      const { rows } = await testConsole.client.query<Record<string, unknown>>(
        `SELECT action, target_name, error, refused
           FROM good_job_console.audit_events
          ORDER BY id`,
      );
      expect(rows).toEqual(
        ['pause.pause', 'pause.unpause'].map((action) => ({
          action,
          target_name: 'a',
          error: 'setting_of_wrong_type',
          refused: true,
        })),
      );
      expect(await readSetting('pauses')).toEqual({ value, isUpdated: false });
    },
  );

  it('refuses a stored value that is NULL', async () => {
    await insertSetting('pauses', null);
    expect(await changePause(ctx, 'pause', { queue: 'a' })).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
  });

  it('loses no name when sessions create the row concurrently', async () => {
    const names = Array.from({ length: 12 }, (_, n) => `queue ${n}`);
    const outcomes = await Promise.all(names.map((queue) => changePause(ctx, 'pause', { queue })));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(names.map(() => 'done'));
    const { rows } = await testConsole.client.query<{ key: string; value: { queues: string[] } }>(
      'SELECT key, value FROM good_job_settings',
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.value.queues.toSorted()).toEqual(names.toSorted());
  });

  it('a pause waits for another session and keeps its changes', async () => {
    await insertSetting('pauses', '{"queues": ["a"]}');
    const other = await testConsole.session();
    await other.query('BEGIN');
    await other.query(
      `UPDATE good_job_settings
          SET value = '{"queues": ["a", "b"], "labels": ["l"]}'
        WHERE key = 'pauses'`,
    );
    const waiting = changePause(ctx, 'pause', { queue: 'c' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await other.query('COMMIT');
    expect(await waiting).toMatchObject({ outcome: 'done' });
    expect((await readSetting('pauses'))?.value).toBe(
      '{"labels": ["l"], "queues": ["a", "b", "c"]}',
    );
  });

  it('a pause returns locked after two seconds if another session holds the row', async () => {
    await insertSetting('pauses', '{"queues": []}');
    const other = await testConsole.session();
    await other.query(`BEGIN; SELECT 1 FROM good_job_settings FOR UPDATE`);
    expect(await changePause(ctx, 'pause', { queue: 'c' })).toEqual({ outcome: 'locked' });
    await other.query('ROLLBACK');
  });

  it('a pause requires an administrator and a writable console', async () => {
    await expect(
      changePause(testConsole.ctx({ role: 'operator' }), 'pause', { queue: 'a' }),
    ).rejects.toMatchObject({ code: 'forbidden' });
    await expect(
      changePause(testConsole.ctx({ readOnly: true }), 'unpause', { queue: 'a' }),
    ).rejects.toMatchObject({ code: 'read_only' });
  });
});

describe('changeCronKey', () => {
  it('appends the key to one list and removes every occurrence from the other', async () => {
    await insertSetting('cron_keys_disabled', '["k", "x", "k"]');
    expect(await changeCronKey(ctx, 'enable', 'k', cronFile('k'))).toEqual({ outcome: 'done' });
    expect((await readSetting('cron_keys_enabled'))?.value).toBe('["k"]');
    expect((await readSetting('cron_keys_disabled'))?.value).toBe('["x"]');
    expect(await changeCronKey(ctx, 'enable', 'k', cronFile('k'))).toEqual({
      outcome: 'unchanged',
    });
  });

  it('removes nothing from a null list and refuses to append to it, like GoodJob', async () => {
    await insertSetting('cron_keys_enabled', '[]');
    for (const value of [null, 'null']) {
      await testConsole.client.query(
        `DELETE FROM good_job_settings WHERE key = 'cron_keys_disabled'`,
      );
      await insertSetting('cron_keys_disabled', value);
      const key = `of ${typeof value}`;
      expect(await changeCronKey(ctx, 'enable', key, cronFile(key))).toEqual({ outcome: 'done' });
      expect(await readSetting('cron_keys_disabled')).toEqual({ value, isUpdated: false });
    }
    expect(await changeCronKey(ctx, 'disable', 'k', cronFile('k'))).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
  });

  it('rolls back the first list if the second one has the wrong type', async () => {
    await insertSetting('cron_keys_disabled', '["k"]');
    await insertSetting('cron_keys_enabled', '{"k": true}');
    expect(await changeCronKey(ctx, 'enable', 'k', cronFile('k'))).toEqual({
      outcome: 'refused',
      code: 'setting_of_wrong_type',
    });
    expect(await readSetting('cron_keys_disabled')).toEqual({ value: '["k"]', isUpdated: false });
  });

  it('returns missing for a key without a file entry, a job or a setting', async () => {
    expect(await changeCronKey(ctx, 'enable', 'unknown', cronFile())).toEqual({
      outcome: 'missing',
    });
    await insertSetting('cron_keys_disabled', '["known"]');
    expect(await changeCronKey(ctx, 'enable', 'known', cronFile())).toEqual({ outcome: 'done' });
  });

  it('leaves each key in one list after concurrent enables and disables', async () => {
    const keys = Array.from({ length: 6 }, (_, n) => `key ${n}`);
    await Promise.all(
      keys.flatMap((key) =>
        (['enable', 'disable'] as const).map((action) =>
          changeCronKey(ctx, action, key, cronFile(...keys)),
        ),
      ),
    );
    const { rows } = await testConsole.client.query<{ value: string[] }>(
      `SELECT value FROM good_job_settings WHERE key LIKE 'cron_keys_%'`,
    );
    expect(rows.flatMap(({ value }) => value).toSorted()).toEqual(keys);
  });
});
