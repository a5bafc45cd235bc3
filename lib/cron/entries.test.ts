import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertJob,
  insertProcess,
  serializedParams,
  readRow,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/request-context';
import { parseCronFile } from './cron-file';
import { parseSchedule } from './fugit/occurrences';
import { overdueSince } from './queries';
import type { CronRow } from './types';

/* Set before the import of the modules that read the environment. */
const FILE = path.join(os.tmpdir(), `cron-entries-${process.pid}.yml`);
const TEXT = `
hourly: { cron: "0 * * * *", class: HourlyJob, description: each hour }
tokyo: { cron: "0 9 * * * Asia/Tokyo", class: TokyoJob, args: [1, { a: b }], set: { queue: low, priority: 7 } }
seldom: { cron: "@daily", class: OffJob, enabled_by_default: false }
odd: { cron: "5~10 * * * *", class: OddJob }
broken: { cron: "@daily", set: 1 }
secret: { cron: "@daily", class: SecretJob, args: [{ password: hunter2hunter2 }], kwargs: { api_token: abc123abc123 } }
`;
vi.stubEnv('CRON_FILE', FILE);
vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
const { countCronEntries, listCronEntries, getCronEntry, readOverdueCron } =
  await import('./entries');
const { changeCronKey } = await import('./mutations');
const file = parseCronFile(TEXT, FILE);

let testConsole: TestConsole;
let ctx: Ctx;
beforeAll(async () => {
  await writeFile(FILE, TEXT);
  testConsole = await TestConsole.open('cron entries');
  ctx = testConsole.ctx();
});
afterAll(() => testConsole.close());
beforeEach(() =>
  testConsole.client.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_settings; DELETE FROM good_job_processes',
  ),
);

const HOUR = 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();
const lastHour = () => Math.floor((Date.now() - 121_000) / HOUR) * HOUR;
const entry = async (key: string): Promise<CronRow | undefined> =>
  (await listCronEntries(ctx, null)).rows.find((row) => row.key === key);
const setting = (key: string, value: string, at = '2026-01-01') =>
  testConsole.client.query(
    'INSERT INTO good_job_settings (key, value, created_at, updated_at) VALUES ($1, $2, $3, $3)',
    [key, value, at],
  );
const cron = (key: string, at: number | null, columns: Record<string, unknown> = {}) =>
  insertJob(testConsole.client, {
    ...SUCCEEDED,
    cron_key: key,
    cron_at: at === null ? null : iso(at),
    ...columns,
  });

describe('listCronEntries', () => {
  test('lists cron entries with their jobs and settings, joined by key', async () => {
    await cron('hourly', Date.now() - HOUR);
    await cron('of_jobs', Date.now() - HOUR, { job_class: 'ForgottenJob' });
    await setting('cron_keys_disabled', '["of_setting"]');
    const page = await listCronEntries(ctx, null);
    expect(page.rows.map(({ key, isConfigured: configured }) => [key, configured])).toEqual([
      ['broken', true],
      ['hourly', true],
      ['odd', true],
      ['of_jobs', false],
      ['of_setting', false],
      ['secret', true],
      ['seldom', true],
      ['tokyo', true],
    ]);
    expect(page).toMatchObject({
      enabled: 5,
      disabled: 1,
      notInFile: 2,
      hasCronFile: true,
      isCronFileStale: false,
      previous: null,
      next: null,
    });
    expect(await countCronEntries(ctx)).toEqual({ enabled: 5, disabled: 1 });
    expect(await entry('of_jobs')).toMatchObject({
      jobClass: 'ForgottenJob',
      schedule: null,
      nextAt: null,
      cannotEnqueue: null,
    });
    expect(await entry('of_setting')).toMatchObject({ enabled: false, cannotEnqueue: 'no_source' });
    expect(await entry('broken')).toMatchObject({
      problems: ['no_class', 'bad_set'],
      cannotEnqueue: 'entry_invalid',
    });
    expect(await entry('odd')).toMatchObject({ nextAt: null, schedule: { unreadable: 'random' } });
    expect(await entry('tokyo')).toMatchObject({
      schedule: { zone: 'Asia/Tokyo', words: { kind: 'daily', times: ['09:00'] } },
    });
    expect(new Date((await entry('tokyo'))?.nextAt ?? '').getUTCHours()).toBe(0);
  });

  test.each([
    ['hourly', null, null, true],
    ['hourly', '["hourly"]', null, false],
    ['hourly', '["hourly"]', '["hourly"]', false],
    ['hourly', '{"hourly": 1}', null, true],
    ['seldom', null, null, false],
    ['seldom', null, '["seldom"]', true],
    ['seldom', '["seldom"]', '["seldom"]', true],
    ['seldom', '["seldom"]', null, false],
  ])('cron key %s (off: %s, on: %s) is enabled: %s', async (key, disabled, enabled, expected) => {
    if (disabled) await setting('cron_keys_disabled', disabled);
    if (enabled) await setting('cron_keys_enabled', enabled);
    expect((await entry(key))?.enabled).toBe(expected);
  });

  test('returns the last 30 runs by cron_at, else by created_at', async () => {
    const now = Date.now();
    await cron('hourly', now - HOUR, DISCARDED);
    await cron('hourly', now - 2 * HOUR, { ...RUNNING, finished_at: null });
    for (let n = 3; n <= 40; n += 1) await cron('hourly', now - n * HOUR);
    const withoutCronAt = await cron('hourly', null, { created_at: iso(now - 1000) });
    const runs = (await entry('hourly'))?.runs ?? [];
    expect(runs).toHaveLength(30);
    expect(runs.slice(0, 4).map(({ state }) => state)).toEqual([
      'succeeded',
      'discarded',
      'running',
      'succeeded',
    ]);
    expect(runs[0]?.id).toBe(withoutCronAt);
  });

  test('returns pages of 50 cron entries in both directions', async () => {
    for (let n = 0; n < 120; n += 1)
      await cron(`key ${String(n).padStart(3, '0')}`, Date.now() - HOUR);
    const first = await listCronEntries(ctx, null);
    const second = await listCronEntries(ctx, first.next);
    const third = await listCronEntries(ctx, second.next);
    expect([first, second, third].map(({ rows }) => rows.length)).toEqual([50, 50, 26]);
    expect(
      new Set([first, second, third].flatMap(({ rows }) => rows.map(({ key }) => key))).size,
    ).toBe(126);
    expect([first.previous, second.previous, third.next]).toEqual([null, '', null]);
    expect((await listCronEntries(ctx, third.previous)).rows).toEqual(second.rows);
  });

  test('links from an empty page after the end to the last entries', async () => {
    for (let n = 0; n < 120; n += 1)
      await cron(`key ${String(n).padStart(3, '0')}`, Date.now() - HOUR);
    const empty = await listCronEntries(ctx, 'zzz');
    expect([empty.rows, empty.next]).toEqual([[], null]);
    const last = await listCronEntries(ctx, empty.previous);
    expect(last.rows).toHaveLength(50);
    expect(last.next).toBeNull();
    const third = await listCronEntries(
      ctx,
      (await listCronEntries(ctx, (await listCronEntries(ctx, null)).next)).next,
    );
    expect(last.rows.slice(-third.rows.length)).toEqual(third.rows);
  });
});

describe('overdueSince', () => {
  const insertCronProcess = (
    state: Record<string, unknown> = {},
    columns: Record<string, unknown> = {},
  ) =>
    insertProcess(testConsole.client, {
      state: JSON.stringify({ cron_enabled: true, preserve_job_records: true, ...state }),
      created_at: iso(Date.now() - 48 * HOUR),
      ...columns,
    });
  const insertOldSuccess = () =>
    insertJob(testConsole.client, { ...SUCCEEDED, finished_at: iso(Date.now() - 72 * HOUR) });

  test('reports a due run without a job although a process runs cron', async () => {
    await insertCronProcess();
    await insertOldSuccess();
    await cron('hourly', lastHour() - HOUR);
    expect((await entry('hourly'))?.overdueSince).toBe(iso(lastHour()));
    expect((await readOverdueCron(ctx)).keys).toContainEqual({
      key: 'hourly',
      since: iso(lastHour()),
    });
    await cron('hourly', lastHour());
    expect((await entry('hourly'))?.overdueSince).toBeNull();
  });

  test.each([
    ['no process runs cron', async () => insertCronProcess({ cron_enabled: false })],
    [
      'the process is dead',
      async () => insertCronProcess({}, { updated_at: iso(Date.now() - HOUR) }),
    ],
    [
      'the process started after the run was due',
      async () => insertCronProcess({}, { created_at: iso(Date.now() - 1000) }),
    ],
    [
      'the cron settings changed after the run was due',
      async () => {
        await insertCronProcess();
        await setting('cron_keys_disabled', '[]', iso(Date.now()));
      },
    ],
    [
      'the key is disabled',
      async () => {
        await insertCronProcess();
        await setting('cron_keys_disabled', '["hourly"]');
      },
    ],
  ])('reports no overdue run when %s', async (_name, arrange) => {
    await arrange();
    await insertOldSuccess();
    expect((await entry('hourly'))?.overdueSince).toBeNull();
  });

  describe('with a concurrency limit that may have refused the job', () => {
    const limited = { job_class: 'HourlyJob', concurrency_key: 'k' };
    const last = (columns: Record<string, unknown>) => cron('hourly', lastHour() - HOUR, columns);
    test.each<[string, () => Promise<unknown>]>([
      [
        'the last run is unfinished and has a concurrency key',
        () => last({ ...limited, ...RUNNING, finished_at: null }),
      ],
      [
        'the last run is unfinished and has labels',
        () => last({ ...RUNNING, finished_at: null, labels: ['tenant'] }),
      ],
      [
        'the last run finished after the run was due',
        () => last({ ...limited, finished_at: iso(lastHour() + 1000) }),
      ],
      [
        'another job of its concurrency key is unfinished',
        async () => {
          await last({ ...limited, finished_at: iso(lastHour() - 60_000) });
          await insertJob(testConsole.client, {
            ...limited,
            scheduled_at: iso(Date.now() + HOUR),
          });
        },
      ],
    ])('reports no overdue run when %s', async (_name, arrange) => {
      await insertCronProcess();
      await insertOldSuccess();
      await arrange();
      expect((await entry('hourly'))?.overdueSince).toBeNull();
    });

    test.each<[string, Record<string, unknown>]>([
      [
        'the last run is unfinished without key and labels',
        { ...RUNNING, finished_at: null, labels: [] },
      ],
      [
        'the last run finished before the run was due',
        { ...limited, finished_at: iso(lastHour() - 60_000) },
      ],
    ])('reports the overdue run when %s', async (_name, columns) => {
      await insertCronProcess();
      await insertOldSuccess();
      await last(columns);
      expect((await entry('hourly'))?.overdueSince).toBe(iso(lastHour()));
    });
  });

  test('reports an overdue run for any preserve_job_records: cron jobs are kept', async () => {
    await insertCronProcess({ preserve_job_records: 'on_unhandled_error' });
    await insertOldSuccess();
    expect((await entry('hourly'))?.overdueSince).toBe(iso(lastHour()));
  });

  test('reports an overdue run although no job has finished yet', async () => {
    await insertCronProcess();
    expect((await entry('hourly'))?.overdueSince).toBe(iso(lastHour()));
  });

  test('ignores overdue runs that cleanup may have deleted, even if failures remain', async () => {
    await insertCronProcess();
    await insertJob(testConsole.client, { ...DISCARDED, finished_at: iso(Date.now() - 72 * HOUR) });
    await insertJob(testConsole.client, { ...SUCCEEDED, finished_at: iso(lastHour() + 1000) });
    expect((await entry('hourly'))?.overdueSince).toBeNull();
    await insertOldSuccess();
    expect((await entry('hourly'))?.overdueSince).toBe(iso(lastHour()));
  });

  test('ignores overdue runs older than a day if no stored success proves retention', () => {
    const parsed = parseSchedule('0 0 1 1 *', 'UTC');
    if (typeof parsed === 'string') throw new Error(`The schedule is invalid: ${parsed}.`);
    const status = {
      nowMs: Date.parse('2026-01-01T12:00Z'),
      liveProcesses: 1,
      mayHaveMoreProcesses: false,
      firstStartedAtMs: 0,
      settingsChangedAtMs: null,
      oldestSuccessAtMs: null,
    };
    const later = { ...status, nowMs: Date.parse('2026-01-03T12:00Z') };
    expect(overdueSince(parsed, null, status)).toBe(Date.parse('2026-01-01T00:00Z'));
    expect(overdueSince(parsed, null, later)).toBeNull();
    expect(
      overdueSince(parsed, null, { ...later, oldestSuccessAtMs: Date.parse('2025-12-20') }),
    ).toBe(Date.parse('2026-01-01T00:00Z'));
  });
});

describe('getCronEntry', () => {
  test('returns the next five runs and GoodJob’s display properties', async () => {
    const detail = await getCronEntry(ctx, 'tokyo');
    expect(detail?.nextRuns).toHaveLength(5);
    expect(JSON.parse(detail?.propertiesJson ?? '')).toEqual({
      key: 'tokyo',
      class: 'TokyoJob',
      cron: '0 9 * * * Asia/Tokyo',
      set: { queue: 'low', priority: 7 },
      description: 'None',
      args: [1, { a: 'b' }],
    });
    expect(JSON.parse((await getCronEntry(ctx, 'hourly', 'なし'))?.propertiesJson ?? '')).toEqual({
      key: 'hourly',
      class: 'HourlyJob',
      cron: '0 * * * *',
      set: 'なし',
      description: 'each hour',
    });
    expect(await getCronEntry(ctx, 'nowhere')).toBeNull();
    expect((await getCronEntry(ctx, 'secret'))?.propertiesJson).not.toMatch(/hunter2|abc123/);
  });
});

describe('changeCronKey with enqueue', () => {
  const newestJobId = async (key: string) =>
    (
      await testConsole.client.query<{ id: string }>(
        `SELECT id FROM good_jobs WHERE cron_key = $1 ORDER BY created_at DESC LIMIT 1`,
        [key],
      )
    ).rows[0]?.id ?? '';

  test('enqueues the job of the file even if the key is disabled', async () => {
    const notifications = await testConsole.notifications(async () =>
      expect(await changeCronKey(ctx, 'enqueue', 'tokyo', file)).toMatchObject({
        outcome: 'done',
        source: 'file',
      }),
    );
    expect(notifications).toMatchObject([{ queue_name: 'low' }]);
    const job = await readRow(testConsole.client, 'good_jobs', await newestJobId('tokyo'));
    expect(job).toMatchObject({
      queue_name: 'low',
      priority: 7,
      job_class: 'TokyoJob',
      finished_at: null,
      serialized_params: {
        arguments: [1, { a: 'b', _aj_symbol_keys: ['a'] }],
        executions: 0,
        locale: 'en',
        timezone: 'UTC',
      },
    });
    expect(job.cron_at).toBe(job.created_at);
  });

  test('takes queue, priority, labels and concurrency key from the last job of the key', async () => {
    const id = await cron('hourly', Date.now() - HOUR, {
      job_class: 'HourlyJob',
      labels: ['l'],
      concurrency_key: 'k',
    });
    await testConsole.client.query('UPDATE good_jobs SET serialized_params = $2 WHERE id = $1', [
      id,
      serializedParams(id, {
        job_class: 'HourlyJob',
        queue_name: 'night',
        priority: 3,
        locale: 'ja',
      }),
    ]);
    await changeCronKey(ctx, 'enqueue', 'hourly', file);
    expect(
      await readRow(testConsole.client, 'good_jobs', await newestJobId('hourly')),
    ).toMatchObject({
      queue_name: 'night',
      priority: 3,
      labels: ['l'],
      concurrency_key: 'k',
      serialized_params: { locale: 'ja' },
    });
  });

  test('ignores queue, priority and locale of a job of the class that cron did not enqueue', async () => {
    const cronJob = await cron('hourly', Date.now() - HOUR, {
      job_class: 'HourlyJob',
      created_at: iso(Date.now() - HOUR),
    });
    await testConsole.client.query('UPDATE good_jobs SET serialized_params = $2 WHERE id = $1', [
      cronJob,
      serializedParams(cronJob, {
        job_class: 'HourlyJob',
        queue_name: 'default',
        priority: null,
        locale: 'en',
      }),
    ]);
    const insertUrgentJob = async (jobClass: string) => {
      const id = await insertJob(testConsole.client, { job_class: jobClass });
      await testConsole.client.query('UPDATE good_jobs SET serialized_params = $2 WHERE id = $1', [
        id,
        serializedParams(id, {
          job_class: jobClass,
          queue_name: 'urgent',
          priority: 9,
          locale: 'fr',
          timezone: 'Paris',
        }),
      ]);
    };
    await insertUrgentJob('HourlyJob');
    await insertUrgentJob('OffJob');
    await changeCronKey(ctx, 'enqueue', 'hourly', file);
    expect(
      await readRow(testConsole.client, 'good_jobs', await newestJobId('hourly')),
    ).toMatchObject({
      queue_name: 'default',
      priority: 0,
      serialized_params: { queue_name: 'default', priority: null, locale: 'en', timezone: 'UTC' },
    });
    // A key without jobs uses the newest job of its class.
    await changeCronKey(ctx, 'enqueue', 'seldom', file);
    expect(
      await readRow(testConsole.client, 'good_jobs', await newestJobId('seldom')),
    ).toMatchObject({
      queue_name: 'urgent',
      priority: 9,
      serialized_params: { locale: 'en', timezone: 'UTC' },
    });
  });

  test('enqueues without labels if the file sets none', async () => {
    await cron('hourly', Date.now() - HOUR, { job_class: 'HourlyJob', labels: ['l'] });
    await changeCronKey(
      ctx,
      'enqueue',
      'hourly',
      parseCronFile(
        'hourly: { cron: "@hourly", class: HourlyJob, set: { good_job_labels: [] } }',
        FILE,
      ),
    );
    expect(
      await readRow(testConsole.client, 'good_jobs', await newestJobId('hourly')),
    ).toMatchObject({
      labels: null,
    });
  });

  test('clones the payload of the last job verbatim for a key that the file lacks', async () => {
    const id = await cron('of_jobs', Date.now() - HOUR, { labels: ['l'] });
    const stored =
      '{"job_class": "A", "queue_name": "q", "priority": 2, "executions": 4, ' +
      '"arguments": [12345678901234567890, 1.10], "tenant": {"1": null}, "resumptions": 2, ' +
      '"exception_executions": {"[X]": 1}, "scheduled_at": "2026-01-01T00:00:00Z"}';
    await testConsole.client.query('UPDATE good_jobs SET serialized_params = $2 WHERE id = $1', [
      id,
      stored,
    ]);
    expect(await changeCronKey(ctx, 'enqueue', 'of_jobs', file)).toMatchObject({
      outcome: 'done',
      source: 'last_job',
    });
    const clone = await newestJobId('of_jobs');
    const { rows } = await testConsole.client.query<{ params: string }>(
      `SELECT (serialized_params - '{job_id,enqueued_at}'::text[])::text AS params FROM good_jobs WHERE id = $1`,
      [clone],
    );
    expect(rows[0]?.params).toBe(
      '{"tenant": {"1": null}, "priority": 2, "arguments": [12345678901234567890, 1.10], ' +
        '"job_class": "A", "executions": 0, "queue_name": "q", "scheduled_at": null, ' +
        '"provider_job_id": null, "exception_executions": {}}',
    );
    expect(await readRow(testConsole.client, 'good_jobs', clone)).toMatchObject({
      queue_name: 'q',
      priority: 2,
      job_class: 'A',
      labels: ['l'],
      error: null,
      executions_count: null,
    });
  });

  test('writes nothing and sends no notification for an existing key and cron_at', async () => {
    const at = '2026-11-24T00:00:00.000000Z';
    expect(await changeCronKey(ctx, 'enqueue', 'hourly', file, at)).toMatchObject({
      outcome: 'done',
    });
    expect(
      await testConsole.notifications(async () =>
        expect(await changeCronKey(ctx, 'enqueue', 'hourly', file, at)).toEqual({
          outcome: 'unchanged',
        }),
      ),
    ).toEqual([]);
  });

  test('returns the code of each reason why a key cannot be enqueued', async () => {
    await setting('cron_keys_disabled', '["of_setting"]');
    expect(await changeCronKey(ctx, 'enqueue', 'of_setting', file)).toEqual({
      outcome: 'refused',
      code: 'no_source',
    });
    expect(await changeCronKey(ctx, 'enqueue', 'broken', file)).toEqual({
      outcome: 'refused',
      code: 'entry_invalid',
    });
    await cron('of_jobs', Date.now(), { serialized_params: 'null' });
    expect(await changeCronKey(ctx, 'enqueue', 'of_jobs', file)).toEqual({
      outcome: 'refused',
      code: 'params_not_an_object',
    });
    expect(await changeCronKey(ctx, 'enqueue', 'nowhere', file)).toEqual({ outcome: 'missing' });
    await expect(
      changeCronKey(testConsole.ctx({ role: 'operator' }), 'enqueue', 'hourly', file),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});
