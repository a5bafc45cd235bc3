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
 * Postgres stores times that it cannot subtract: `infinity`, and years whose difference overflows
 * an interval. One row with such a time must not break a page.
 */

const CRON_FILE = path.join(os.tmpdir(), `infinite-times-${process.pid}.yml`);
vi.stubEnv('CRON_FILE', CRON_FILE);
vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
const { findAttention } = await import('../attention/queries');
const { parseBatchFilter } = await import('../batches/types');
const { getBatchRow } = await import('../batches/queries');
const { getBatchStatus, listBatchesWithProgress } = await import('../batches/status');
const { getCronEntry, listCronEntries } = await import('../cron/entries');
const { countDiscarded } = await import('../failures/failed-jobs');
const { parseFailureFilter } = await import('../failures/filters');
const { listFailures } = await import('../failures/queries');
const { chartOfList } = await import('../jobs/chart');
const { getJob } = await import('../jobs/detail');
const { listExecutions } = await import('../jobs/executions');
const { parseJobFilter } = await import('../jobs/filters');
const { listJobs } = await import('../jobs/list');
const { buildTimeline: timelineOf } = await import('../jobs/timeline');
const { cursorParams } = await import('../core/urls');
const { countQueues, countStates } = await import('../metrics/metrics');
const { parsePerformanceFilter } = await import('../performance/filters');
const { measure } = await import('../performance/queries');
const { listProcesses, parseProcessFilter } = await import('../processes/queries');
const { parseQueueFilter } = await import('../queues/filters');
const { listQueues } = await import('../queues/queries');

const TIMES = ['infinity', '-infinity', '4713-01-01 00:00:00 BC', '294276-12-31 23:59:59'];
const paramsOf = (query: Record<string, string> = {}) => new URLSearchParams(query);

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
      `INSERT INTO good_job_settings (created_at, updated_at, key, value)
       VALUES (now(), now(), 'cron_keys_disabled', '[]')`,
    );
    // All non-null times except created_at of an execution, which the pages use to find it.
    const { rows } = await client.query<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column
         FROM information_schema.columns
        WHERE table_schema = 'public'
          AND data_type LIKE 'timestamp%'
          AND table_name LIKE 'good_job%'`,
    );
    for (const { table, column } of rows)
      await client.query(
        `UPDATE ${table}
            SET ${column} = $1
          WHERE ${column} IS NOT NULL AND NOT ($2 = 'good_job_executions.created_at')`,
        [time, `${table}.${column}`],
      );
    await client.query(
      `UPDATE good_jobs SET scheduled_at = NULL WHERE queue_name = 'unset';
       UPDATE good_job_processes SET updated_at = now()`,
    );
  });
  afterAll(() => testConsole.close());

  it('runs every attention check and finds every unserved queue', async () => {
    await testConsole.client.query('DELETE FROM good_job_processes');
    const { checks } = await findAttention(testConsole.ctx());
    expect(checks.filter(({ result }) => result === 'unknown')).toEqual([]);
    const findings = checks.flatMap((check) => (check.result === 'found' ? [check.finding] : []));
    const unserved = findings.find(({ kind }) => kind === 'unserved_queues');
    expect(JSON.stringify(unserved)).toContain('"unset"');
    if (time.startsWith('-') || time.endsWith('BC'))
      expect(JSON.stringify(unserved)).toContain('"ready"');
    await insertProcess(testConsole.client, { state: '{"cron_enabled": true}', created_at: time });
  });

  it('counts queues and states for monitoring', async () => {
    await insertJob(testConsole.client, {
      queue_name: 'ready',
      scheduled_at: new Date(Date.now() - 60_000).toISOString(),
    });
    const { numbers, oldestReady, oldestReadySeconds } = await countQueues(testConsole.ctx());
    const seconds = (queue: string) => oldestReady.find((row) => row.queue === queue)?.seconds;
    expect(seconds('ready')).toBeGreaterThan(59);
    expect(seconds('ready')).toBeLessThan(3_600);
    expect(oldestReadySeconds).toBeGreaterThan(59);
    expect(oldestReady.every((row) => Number.isFinite(row.seconds))).toBe(true);
    const waiting = numbers
      .filter(
        ({ queue, state }) => queue === 'ready' && (state === 'queued' || state === 'scheduled'),
      )
      .reduce((sum, { count }) => sum + count.count, 0);
    expect(waiting).toBe(2);
    expect(await countStates(testConsole.ctx())).not.toBeNull();
  });

  it.each<Record<string, string>>([{}, { q: 'payload:nothing' }, { state: 'queued' }])(
    'charts the job list %j',
    async (query) => {
      for (const range of ['hour', 'day', 'week'] as const) {
        const filter = parseJobFilter(paramsOf(query));
        const { accuracy } = await chartOfList(testConsole.ctx(), filter, { range, by: 'queue' });
        expect(accuracy.kind).not.toBe('unknown');
      }
    },
  );

  it('lists the jobs in any order and shows each job page', async () => {
    for (const sort of ['created', '-scheduled', 'finished']) {
      const { rows } = await listJobs(testConsole.ctx(), parseJobFilter(paramsOf({ sort })));
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

  // GoodJob never writes `infinity` to finished_at, which would sort like an unfinished job.
  const finishedSorts = time === 'infinity' ? [] : ['finished', '-finished'];
  it.each(['created', '-created', 'scheduled', '-scheduled', ...finishedSorts])(
    'shows each job once in a paged job list sorted by %s',
    async (sort) => {
      const all = await listJobs(testConsole.ctx(), parseJobFilter(paramsOf({ sort })));
      expect(await pageThrough({ sort })).toEqual(all.rows.map(({ id }) => id));
    },
  );

  it('shows each job once in a paged list of waiting jobs sorted by priority', async () => {
    const waiting = { sort: 'priority', q: 'state:queued,scheduled' };
    const all = await listJobs(testConsole.ctx(), parseJobFilter(paramsOf(waiting)));
    expect(await pageThrough(waiting)).toEqual(all.rows.map(({ id }) => id));
  });

  /** The ids of a job list read one row per page, to the last page. */
  async function pageThrough(query: Record<string, string>): Promise<string[]> {
    const ids: string[] = [];
    let cursor: Record<string, string> = {};
    while (ids.length <= 2 * jobs.length) {
      const filter = parseJobFilter(paramsOf({ ...query, limit: '1', ...cursor }));
      expect(filter.notUnderstood).toEqual([]);
      const { rows, next } = await listJobs(testConsole.ctx(), filter);
      ids.push(...rows.map(({ id }) => id));
      if (!next) break;
      cursor = cursorParams(next);
    }
    return ids;
  }

  it('lists the batches and shows a batch status', async () => {
    await listBatchesWithProgress(testConsole.ctx(), parseBatchFilter(paramsOf()));
    const row = await getBatchRow(testConsole.ctx(), batch);
    if (!row) throw new Error('The batch was not read.');
    // A recently finished member makes the status estimate an end.
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batch, finished_at: new Date() });
    const status = await getBatchStatus(testConsole.ctx(), row);
    expect(status.elapsed === null || Number.isFinite(status.elapsed)).toBe(true);
    // The batch cannot end before its waiting job is due, which is at this time.
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

  it('lists the queues and the processes', async () => {
    const queues = await listQueues(testConsole.ctx(), parseQueueFilter(paramsOf()));
    expect(queues.rows.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['ready', 'unset', 'RUNNING']),
    );
    expect(queues.flow).not.toBeNull();
    expect(
      (await listProcesses(testConsole.ctx(), parseProcessFilter(paramsOf()))).rows.length,
    ).toBeGreaterThan(0);
  });

  it('lists and counts the failures', async () => {
    await listFailures(testConsole.ctx(), parseFailureFilter(paramsOf()), 5_000);
    for (const by of ['class', 'exception'])
      expect(
        (await countDiscarded(testConsole.ctx(), parseFailureFilter(paramsOf({ by })))).total.all,
      ).toBe(1);
  });

  it('lists and shows a cron entry', async () => {
    const { rows } = await listCronEntries(testConsole.ctx(), null);
    expect(rows).toMatchObject([{ key: 'nightly' }]);
    expect((await getCronEntry(testConsole.ctx(), 'nightly'))?.row.runs).toHaveLength(1);
  });

  it('counts every execution in the performance numbers', async () => {
    const filter = parsePerformanceFilter(paramsOf());
    for (const jobClass of [null, 'TestJob']) {
      const { now } = await measure(testConsole.ctx(), filter, jobClass);
      expect(now.total).toMatchObject({ executions: 5 });
    }
  });
});

it('measures an execution by its times if its duration is infinite', async () => {
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
    const { now } = await measure(testConsole.ctx(), parsePerformanceFilter(paramsOf()));
    expect(now.total).toMatchObject({ executions: 1, total: 10 });
  } finally {
    await testConsole.close();
  }
});
