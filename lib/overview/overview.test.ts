import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { countStatements } from '../../test/harness/count-statements';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { getAttention } from '../attention/queries';
import { FINDING_KINDS } from '../attention/types';
import { ConsoleError } from '../core/errors';
import { expireAfterWrite, ProcessCache } from '../core/process-state';
import { changePause } from '../pauses/mutations';
import { getOverview } from './queries';
import { type Section, parseOverviewFilter } from './types';

let testConsole: TestConsole;
let folder: string;
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const MINUTE = 60;
const HOUR = 3_600;

beforeAll(async () => {
  testConsole = await TestConsole.open('overview');
  folder = await mkdtemp(path.join(tmpdir(), 'overview-'));
  await writeFile(
    path.join(folder, 'cron.yml'),
    'minutely:\n  cron: "* * * * *"\n  class: TickJob\nyearly:\n  cron: "0 0 1 1 *"\n  class: YearJob\n',
  );
  vi.stubEnv('DATABASE_URL', testConsole.url);
  vi.stubEnv('CRON_FILE', path.join(folder, 'cron.yml'));
});
afterAll(async () => {
  await testConsole.close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await testConsole.client.query(
    `TRUNCATE good_jobs, good_job_executions, good_job_processes, good_job_settings,
              good_job_batches, good_job_console.audit_events`,
  );
  clearCaches();
});

function clearCaches(): void {
  const { identity } = testConsole.ctx().tables.schema;
  expireAfterWrite(identity);
  const names = ['current', 'activity 1h', 'acts', 'causes', 'batches', 'running', 'cron'];
  for (const store of ['overview', 'slow overview'])
    for (const name of names)
      for (const schema of [true, false])
        new ProcessCache(store, { ttlMs: 0, maxEntries: 1 }).delete(
          identity,
          JSON.stringify([name, schema]),
        );
}

function valueOf<T>(section: Section<T>): T {
  if ('error' in section) throw new Error(section.error);
  return section.value;
}
const overview = (ctx = testConsole.ctx()) => getOverview(ctx, '1h');
const pauseSetting = (value: object) =>
  testConsole.client.query(
    `INSERT INTO good_job_settings (id, created_at, updated_at, key, value)
     VALUES (gen_random_uuid(), now(), now(), 'pauses', $1)`,
    [JSON.stringify(value)],
  );

describe('the present', () => {
  it('counts the ready jobs, the paused ones among them, and finds the one that waits longest', async () => {
    const { client } = testConsole;
    await pauseSetting({ queues: ['low'], job_classes: ['HeldJob'], labels: ['held'] });
    await insertJob(client, { queue_name: 'low', scheduled_at: ago(3 * HOUR) });
    await insertJob(client, { job_class: 'HeldJob', scheduled_at: ago(10) });
    await insertJob(client, { labels: ['held'], scheduled_at: ago(10) });
    await insertJob(client, { scheduled_at: ago(10) });
    await insertJob(client, { scheduled_at: null, created_at: ago(20) });
    await insertJob(client, { scheduled_at: ago(-HOUR) });
    await insertJob(client, { ...RUNNING, scheduled_at: ago(9 * HOUR) });
    await insertJob(client, SUCCEEDED);
    const current = valueOf((await overview()).current);
    expect(current.ready).toEqual({ kind: 'exact', count: 5 });
    expect(current.paused).toEqual({ kind: 'exact', count: 3 });
    expect(current.oldest).toMatchObject({
      queue: 'low',
      paused: true,
      seconds: expect.closeTo(3 * HOUR, -2) as number,
    });
  });

  it('adds up the threads of live processes', async () => {
    const state = (max_threads: number, active_threads: number) =>
      JSON.stringify({ schedulers: [{ queues: '*', max_threads, active_threads }] });
    await insertProcess(testConsole.client, { state: state(5, 4) });
    await insertProcess(testConsole.client, { state: state(3, 1) });
    await insertProcess(testConsole.client, { state: state(9, 9), updated_at: ago(HOUR) });
    const current = valueOf((await overview()).current);
    expect(current).toMatchObject({ threads: { busy: 5, total: 8 }, processes: 2 });
  });

  it('does not know the threads while a process does not report its queues', async () => {
    await insertProcess(testConsole.client);
    const current = valueOf((await overview()).current);
    expect(current).toMatchObject({ threads: { busy: null, total: null }, processes: 1 });
  });
});

it('shows a job that still waits in the cells since it became ready', async () => {
  await pauseSetting({ queues: ['low'], job_classes: [], labels: [] });
  await insertJob(testConsole.client, { queue_name: 'low', scheduled_at: ago(30 * MINUTE) });
  const [low] = valueOf((await overview()).activity).queues;
  expect(low).toMatchObject({ name: 'low', paused: true });
  expect(low?.cells.at(-1)).toBeCloseTo(30 * MINUTE, -1);
  expect(low?.cells.at(-6)).toBeGreaterThan(15 * MINUTE);
  expect(low?.cells[0]).toBeNull();
});

it('marks the pauses of this console and the starts of recorded processes', async () => {
  await insertProcess(testConsole.client, { created_at: ago(10 * MINUTE) });
  await insertProcess(testConsole.client, { created_at: ago(10 * MINUTE + 30) });
  await changePause(testConsole.ctx(), 'pause', { queue: 'mail' });
  const { marks, acts } = await overview();
  expect(valueOf(marks).marks).toMatchObject([
    { kind: 'workers', processes: 2 },
    { kind: 'pause', act: { targetName: 'mail', viewer: 'tester' } },
  ]);
  expect(valueOf(acts).latest).toMatchObject([{ action: 'pause.pause', targetName: 'mail' }]);
});

it('lists the causes of the last day and marks those that the day before did not have', async () => {
  const { client } = testConsole;
  const failed = (error: string, seconds: number) =>
    insertJob(client, { ...DISCARDED, error, finished_at: ago(seconds) });
  for (const seconds of [60, 120, 180]) await failed('OldError: again', seconds);
  await failed('OldError: again', 30 * HOUR);
  await failed('NewError: first', 60);
  expect(valueOf((await overview()).causes)).toMatchObject([
    { error: 'OldError: again', count: { kind: 'exact', count: 3 }, isNew: false },
    { error: 'NewError: first', count: { kind: 'exact', count: 1 }, isNew: true },
  ]);
});

it('lists open batches with their progress and why they are stuck', async () => {
  const { client } = testConsole;
  await pauseSetting({ queues: ['low'], job_classes: [], labels: [] });
  const hanging = await insertBatch(client, { description: 'hangs', created_at: ago(30) });
  await insertJob(client, { ...SUCCEEDED, batch_id: hanging });
  const paused = await insertBatch(client, { description: 'paused', created_at: ago(20) });
  for (const shape of [{}, SUCCEEDED, DISCARDED])
    await insertJob(client, { queue_name: 'low', batch_id: paused, ...shape });
  await insertBatch(client, { finished_at: ago(10) });
  const { rows, hasMore } = valueOf((await overview()).batches);
  expect(hasMore).toBe(false);
  expect(rows).toMatchObject([
    {
      id: paused,
      stalled: true,
      progress: { total: 3, states: { succeeded: 1, discarded: 1, queued: 1 } },
      stuck: [{ kind: 'paused', count: 1 }],
    },
    { id: hanging, stalled: true, stuck: [{ kind: 'never_completes' }] },
  ]);
});

it('lists the jobs that have been running for the longest time first', async () => {
  const { client } = testConsole;
  for (let n = 1; n <= 7; n += 1)
    await insertJob(client, { ...RUNNING, job_class: `Job${n}`, performed_at: ago(n * MINUTE) });
  const running = valueOf((await overview()).running);
  expect(running.map(({ jobClass }) => jobClass)).toEqual(['Job7', 'Job6', 'Job5', 'Job4', 'Job3']);
  expect(running[0]).toMatchObject({ lostWorker: true, queueName: 'default' });
  expect(running[0]?.seconds).toBeCloseTo(7 * MINUTE, -1);
});

it('lists the enabled cron entries that run within the hour', async () => {
  expect(valueOf((await overview()).cron)).toMatchObject({
    hasCronFile: true,
    cronProcesses: 0,
    runs: [{ key: 'minutely', jobClass: 'TickJob' }],
    omitted: 0,
  });
  await testConsole.client.query(
    `INSERT INTO good_job_settings (id, created_at, updated_at, key, value)
     VALUES (gen_random_uuid(), now(), now(), 'cron_keys_disabled', '["minutely"]')`,
  );
  clearCaches();
  expect(valueOf((await overview()).cron).runs).toEqual([]);
});

it('reports the findings of /attention by severity', async () => {
  const batch = await insertBatch(testConsole.client, { enqueued_at: ago(HOUR) });
  await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batch });
  await getAttention(testConsole.ctx({ maxAgeMs: 0 }));
  const health = valueOf((await overview()).health);
  expect(health.findings[0]).toEqual({
    kind: 'hanging_batches',
    severity: 'critical',
    count: { kind: 'exact', count: 1 },
  });
  expect(health.clear + health.unknown + health.findings.length).toBe(FINDING_KINDS.length);
});

it('returns empty sections for an empty database', async () => {
  const empty = await overview();
  expect(valueOf(empty.current)).toMatchObject({
    ready: { kind: 'exact', count: 0 },
    oldest: null,
    processes: 0,
  });
  expect([
    valueOf(empty.causes),
    valueOf(empty.running),
    valueOf(empty.batches).rows,
    valueOf(empty.acts).latest,
    valueOf(empty.marks).marks,
  ]).toEqual([[], [], [], [], []]);
});

it('works on the oldest schema of GoodJob 4 and without the console’s schema', async () => {
  const old = await TestConsole.open('overview of an older schema', {
    sql: [
      'ALTER TABLE good_jobs DROP COLUMN lock_type',
      'ALTER TABLE good_job_processes DROP COLUMN lock_type',
      'ALTER TABLE good_job_batches DROP COLUMN jobs_finished_at',
    ],
    consoleSchema: false,
  });
  const ctx = await old.dropIndexes([
    'queue_name',
    'created_at',
    'discarded',
    'scheduled_at_and_queue_name',
    'unfinished_or_errored',
  ]);
  await insertJob(old.client, { ...RUNNING, job_class: 'OldJob' });
  await insertJob(old.client, { ...DISCARDED, finished_at: ago(60) });
  const page = await getOverview(ctx, '1h');
  const sections = Object.entries(page).filter(([, part]) => typeof part === 'object');
  expect(sections.filter(([, part]) => 'error' in (part as object))).toEqual([]);
  expect(valueOf(page.running)).toMatchObject([{ jobClass: 'OldJob' }]);
  expect(valueOf(page.acts)).toEqual({ latest: [], isRecorded: false });
  await old.close();
});

it('redacts secrets in every text', async () => {
  const secret = 'k9Zp2Lq8Xw4Rt6Vb1Nm3';
  const hostile = `<b>api_token=${secret}</b>`;
  const { client } = testConsole;
  await insertJob(client, { queue_name: hostile, scheduled_at: ago(HOUR) });
  await insertJob(client, { ...RUNNING, job_class: hostile, queue_name: hostile });
  await insertJob(client, {
    ...DISCARDED,
    error: `Boom: ${hostile}`,
    job_class: hostile,
    finished_at: ago(60),
  });
  await insertBatch(client, { description: hostile });
  await insertExecution(client, 'c0ffee00-0000-4000-8000-000000000001', {
    queue_name: hostile,
    created_at: ago(60),
    scheduled_at: ago(90),
  });
  await client.query(
    `INSERT INTO good_job_console.audit_events
       (viewer, role, request_id, action, target_type, target_ids, target_name, counts, details,
        reason)
     VALUES ('tester', 'admin', 'x', 'pause.pause', 'queue', '{}', $1, '{}', '{}', $1)`,
    [hostile],
  );
  const text = JSON.stringify(await overview());
  expect(text).toContain('<b>');
  expect(text).not.toContain(secret);
});

describe('a section that cannot be read', () => {
  it('a section that cannot be read leaves the others readable', async () => {
    const other = await testConsole.session();
    await other.query('BEGIN; LOCK TABLE good_job_batches IN ACCESS EXCLUSIVE MODE');
    const failing = { ...testConsole.db };
    failing.read = (fn, options) =>
      testConsole.db.read(fn, { ...options, timeoutMs: Math.min(options?.timeoutMs ?? 500, 500) });
    try {
      const page = await overview(testConsole.ctx({ db: failing }));
      expect(page.batches).toEqual({ error: 'query_timeout' });
      expect(valueOf(page.running)).toEqual([]);
      expect(valueOf(page.activity).queues).toEqual([]);
    } finally {
      await other.query('ROLLBACK');
    }
  });

  it('throws if no section can be read', async () => {
    const read = () => Promise.reject(new ConsoleError('database_down'));
    const ctx = testConsole.ctx({ db: { ...testConsole.db, read } });
    await expect(getOverview(ctx, '6h')).resolves.toMatchObject({
      activity: { error: 'database_down' },
    });
    const elsewhere = { ...ctx, tables: Object.create(ctx.tables) as typeof ctx.tables };
    Object.defineProperty(elsewhere.tables, 'schema', {
      value: { ...ctx.tables.schema, identity: 'another database' },
    });
    await expect(getOverview(elsewhere, '6h')).rejects.toMatchObject({ code: 'database_down' });
  });
});

it('shares one read of at most 20 statements between all viewers', async () => {
  const { client } = testConsole;
  await insertProcess(client);
  await insertJob(client, { queue_name: 'a' });
  await insertJob(client, RUNNING);
  await insertJob(client, { ...DISCARDED, finished_at: ago(60) });
  await insertJob(client, { queue_name: 'a', batch_id: await insertBatch(client) });
  await insertExecution(client, 'c0ffee00-0000-4000-8000-000000000001', { queue_name: 'a' });
  await getAttention(testConsole.ctx());
  const counted = countStatements(testConsole.db);
  const ctx = testConsole.ctx({ db: counted.db });
  await Promise.all(Array.from({ length: 20 }, () => overview(ctx)));
  const first = counted.statements.length;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(20);
  await overview(ctx);
  expect(counted.statements.slice(first)).toEqual([]);
});

it('parses the range and reports an invalid one', () => {
  const parse = (range?: string) =>
    parseOverviewFilter(new URLSearchParams(range === undefined ? {} : { range }));
  expect(parse()).toEqual({ range: '1h', notUnderstood: [] });
  expect(parse('24h')).toEqual({ range: '24h', notUnderstood: [] });
  expect(parse('2h')).toEqual({ range: '1h', notUnderstood: [{ name: 'range', value: '2h' }] });
});
