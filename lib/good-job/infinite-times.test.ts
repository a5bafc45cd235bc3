import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

/*
 * Postgres holds times that it cannot subtract: `infinity`, and as of version 17 years so far apart that the difference
 * fits no interval. One row with such times must not cut a page.
 */

const CRON_FILE = path.join(os.tmpdir(), `infinite-times-${process.pid}.yml`);
vi.stubEnv('CRON_FILE', CRON_FILE);
vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
const { findAttention } = await import('../attention/queries');
const { parseBatchFilter } = await import('../batches/types');
const { getBatchRow, listBatchesWithProgress } = await import('../batches/queries');
const { getBatchStatus } = await import('../batches/status');
const { getCronEntry, listCronEntries } = await import('../cron/entries');
const { countDiscarded } = await import('../failures/discard-counts');
const { parseFailureFilter } = await import('../failures/filters');
const { listFailures } = await import('../failures/queries');
const { chartOfList } = await import('../jobs/chart');
const { getJob } = await import('../jobs/detail');
const { listExecutions } = await import('../jobs/executions');
const { parseJobFilter } = await import('../jobs/filters');
const { listJobs } = await import('../jobs/list');
const { cursorParams } = await import('../core/search-params');
const { timelineOf } = await import('../jobs/detail');
const { countQueues, countStates } = await import('../metrics/job-numbers');
const { parsePerformanceFilter } = await import('../performance/filters');
const { measure } = await import('../performance/queries');
const { parseProcessFilter } = await import('../processes/queries');
const { listProcesses } = await import('../processes/queries');
const { parseQueueFilter } = await import('../queues/filters');
const { listQueues } = await import('../queues/queries');

const TIMES = ['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59'];
const asked = (query: Record<string, string> = {}) => new URLSearchParams(query);

describe.each(TIMES)('rows with the time %s', (time) => {
  let testConsole: TestConsole;
  let batch: string;
  const jobs: string[] = [];
  beforeAll(async () => {
    await writeFile(CRON_FILE, 'nightly: { cron: "@daily", class: NightlyJob }\n');
    testConsole = await TestConsole.open('infinite times');
    const { client } = testConsole;
    batch = await insertBatch(client);
    const states = { ready: {}, unset: {}, RUNNING, SUCCEEDED, DISCARDED };
    for (const [queue_name, columns] of Object.entries(states)) {
      const id = await insertJob(client, {
        queue_name,
        batch_id: batch,
        ...(queue_name === 'SUCCEEDED' ? { cron_key: 'nightly', cron_at: new Date() } : {}),
        ...columns,
      });
      jobs.push(id);
      await insertExecution(client, id, { job_class: 'TestJob', finished_at: new Date() });
    }
    await insertProcess(client, { state: '{"cron_enabled": true}' });
    await client.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES (now(), now(), 'cron_keys_disabled', '[]')`,
    );
    // Every time that is set, of every table, but for that of an execution by which it is found.
    const { rows } = await client.query<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type LIKE 'timestamp%' AND table_name LIKE 'good_job%'`,
    );
    for (const { table, column } of rows)
      await client.query(
        `UPDATE ${table} SET ${column} = $1 WHERE ${column} IS NOT NULL AND NOT ($2 = 'good_job_executions.created_at')`,
        [time, `${table}.${column}`],
      );
    await client.query(
      `UPDATE good_jobs SET scheduled_at = NULL WHERE queue_name = 'unset'; UPDATE good_job_processes SET updated_at = now()`,
    );
  });
  afterAll(() => testConsole.close());

  it('cut no check of what needs attention, and hide no queue that nobody serves', async () => {
    await testConsole.client.query('DELETE FROM good_job_processes');
    const { checks } = await findAttention(testConsole.ctx());
    expect(checks.filter(({ result }) => result === 'unknown')).toEqual([]);
    const found = checks.flatMap((check) => (check.result === 'found' ? [check.finding] : []));
    const unserved = found.find(({ kind }) => kind === 'unserved_queues');
    expect(JSON.stringify(unserved)).toContain('"unset"');
    if (time.startsWith('-') || time.endsWith('BC'))
      expect(JSON.stringify(unserved)).toContain('"ready"');
    await insertProcess(testConsole.client, { state: '{"cron_enabled": true}', created_at: time });
  });

  it('cut no number for monitoring', async () => {
    await insertJob(testConsole.client, {
      queue_name: 'ready',
      scheduled_at: new Date(Date.now() - 60_000).toISOString(),
    });
    const { numbers, oldestReady, oldestReadySeconds } = await countQueues(testConsole.ctx());
    const seconds = (queue: string) => oldestReady.find((one) => one.queue === queue)?.seconds;
    expect(seconds('ready')).toBeGreaterThan(59);
    expect(seconds('ready')).toBeLessThan(3_600);
    expect(oldestReadySeconds).toBeGreaterThan(59);
    expect(oldestReady.every((one) => Number.isFinite(one.seconds))).toBe(true);
    const waiting = numbers
      .filter(
        ({ queue, state }) => queue === 'ready' && (state === 'queued' || state === 'scheduled'),
      )
      .reduce((sum, { count }) => sum + count.count, 0);
    expect(waiting).toBe(2);
    expect(await countStates(testConsole.ctx())).not.toBeNull();
  });

  it.each<Record<string, string>>([{}, { q: 'payload:nothing' }, { state: 'queued' }])(
    'cut no chart of the list %j',
    async (query) => {
      for (const range of ['hour', 'day', 'week'] as const) {
        const filter = parseJobFilter(asked(query));
        const { accuracy } = await chartOfList(testConsole.ctx(), filter, { range, by: 'queue' });
        expect(accuracy.kind).not.toBe('unknown');
      }
    },
  );

  it('cut neither the list of jobs in any order nor the page of a job', async () => {
    for (const sort of ['created', '-scheduled', 'finished']) {
      const { rows } = await listJobs(testConsole.ctx(), parseJobFilter(asked({ sort })));
      expect(
        rows.map(({ id }) => id),
        sort,
      ).toEqual(expect.arrayContaining(jobs));
    }
    for (const id of jobs) {
      const job = await getJob(testConsole.ctx(), id);
      const executions = await listExecutions(testConsole.ctx(), id);
      expect(executions).toMatchObject([{ queueWait: null, runTime: null }]);
      expect(job && timelineOf(job, executions).length).toBeGreaterThan(0);
    }
  });

  // Where `finished_at` is `infinity` the key is that of an unfinished job: GoodJob writes no such row.
  const byEnd = time === 'infinity' ? [] : ['finished', '-finished'];
  it.each(['created', '-created', 'scheduled', '-scheduled', ...byEnd])(
    'are each on one page of a list of one row a page, sorted by %s',
    async (sort) => {
      const all = await listJobs(testConsole.ctx(), parseJobFilter(asked({ sort })));
      expect(await pageThrough({ sort })).toEqual(all.rows.map(({ id }) => id));
    },
  );

  it('are each on one page of a list of waiting jobs sorted by priority', async () => {
    const waiting = { sort: 'priority', q: 'state:queued,scheduled' };
    const all = await listJobs(testConsole.ctx(), parseJobFilter(asked(waiting)));
    expect(await pageThrough(waiting)).toEqual(all.rows.map(({ id }) => id));
  });

  /** The ids of a list that is read one row a page, from the first to the last. */
  async function pageThrough(query: Record<string, string>): Promise<string[]> {
    const ids: string[] = [];
    let cursor: Record<string, string> = {};
    while (ids.length <= 2 * jobs.length) {
      const filter = parseJobFilter(asked({ ...query, limit: '1', ...cursor }));
      expect(filter.notUnderstood).toEqual([]);
      const { rows, next } = await listJobs(testConsole.ctx(), filter);
      ids.push(...rows.map(({ id }) => id));
      if (!next) break;
      cursor = cursorParams(next);
    }
    return ids;
  }

  it('cut neither the list of batches nor the status of one', async () => {
    await listBatchesWithProgress(testConsole.ctx(), parseBatchFilter(asked()));
    const row = await getBatchRow(testConsole.ctx(), batch);
    if (!row) throw new Error('The batch was not read.');
    // As a batch that goes on, of which the end is expected.
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batch, finished_at: new Date() });
    const status = await getBatchStatus(testConsole.ctx(), row);
    expect(status.elapsed === null || Number.isFinite(status.elapsed)).toBe(true);
    // Its waiting job is due at this time, and the batch does not end before.
    if (time.startsWith('-') || time.endsWith('BC'))
      expect(status).toMatchObject({
        expectedAt: expect.stringMatching(/^\d{4}-/) as string,
        notBefore: null,
      });
    else
      expect(status).toMatchObject({
        expectedAt: null,
        notBefore: expect.stringMatching(/^(infinity|294276-)/) as string,
      });
  });

  it('cut neither the queues nor the processes', async () => {
    const queues = await listQueues(testConsole.ctx(), parseQueueFilter(asked()));
    expect(queues.rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ready', 'unset', 'RUNNING']),
    );
    expect(queues.flow).not.toBeNull();
    expect(
      (await listProcesses(testConsole.ctx(), parseProcessFilter(asked()))).rows.length,
    ).toBeGreaterThan(0);
  });

  it('cut no failures', async () => {
    await listFailures(testConsole.ctx(), parseFailureFilter(asked()), 5_000);
    for (const by of ['class', 'exception'])
      expect(
        (await countDiscarded(testConsole.ctx(), parseFailureFilter(asked({ by })))).total.all,
      ).toBe(1);
  });

  it('cut no cron entry', async () => {
    const { rows } = await listCronEntries(testConsole.ctx(), null);
    expect(rows).toMatchObject([{ key: 'nightly' }]);
    expect((await getCronEntry(testConsole.ctx(), 'nightly'))?.row.runs).toHaveLength(1);
  });

  it('cut no measured execution, which counts without that time', async () => {
    const filter = parsePerformanceFilter(asked());
    for (const jobClass of [null, 'TestJob']) {
      const { now } = await measure(testConsole.ctx(), filter, jobClass);
      expect(now.total).toMatchObject({ executions: 5 });
    }
  });
});

it('measures an execution without its duration where that is infinite', async () => {
  const testConsole = await TestConsole.open('infinite duration');
  try {
    const { rows } = await testConsole.client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    const duration = (rows[0]?.version ?? 0) >= 170_000 ? 'infinity' : null;
    const id = await insertJob(testConsole.client);
    await insertExecution(testConsole.client, id, {
      duration,
      created_at: new Date(Date.now() - 60_000),
      finished_at: new Date(Date.now() - 50_000),
    });
    const { now } = await measure(testConsole.ctx(), parsePerformanceFilter(asked()));
    expect(now.total).toMatchObject({ executions: 1, total: 10 });
  } finally {
    await testConsole.close();
  }
});
