import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISCARDED, RUNNING, SUCCEEDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { type Cursor, cursorParams, type Page } from '../core/urls';
import { JOB_STATES } from '../good-job/types';
import { listBatchJobs } from './batch-jobs';
import { isUnderstood, parseJobFilter } from './filters';
import { listJobs } from './list';
import type { JobRow } from './types';

let console_: TestConsole;
let batchId: string;
const hours = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();

beforeAll(async () => {
  console_ = await TestConsole.open('jobs_list');
  const { client } = console_;
  batchId = await insertBatch(client);
  const same = '2026-11-20T10:00:00.123456Z';
  const shapes = [
    { scheduled_at: hours(2) },
    { scheduled_at: hours(3), error: 'E: x', executions_count: 1 },
    { scheduled_at: null, created_at: hours(5) },
    { scheduled_at: hours(-1), error: 'E: x' },
    {},
    RUNNING,
    SUCCEEDED,
    DISCARDED,
    { ...DISCARDED, error: '' },
    // A future job that a worker has started is running, although GoodJob's own tabs differ.
    { ...RUNNING, scheduled_at: hours(1) },
  ];
  for (let n = 0; n < 120; n += 1) {
    const shape = shapes[n % shapes.length];
    // Half of the jobs share a timestamp, so that a page can end between them.
    await insertJob(client, {
      batch_id: n % 3 ? batchId : null,
      job_class: n % 2 ? 'OddJob' : 'EvenJob',
      ...(n % 2 ? { created_at: same } : {}),
      ...shape,
    });
  }
});
afterAll(() => console_.close());

const params = (text: string, cursor: Cursor | null = null) =>
  new URLSearchParams({
    ...Object.fromEntries(new URLSearchParams(text)),
    ...(cursor ? cursorParams(cursor) : {}),
  });

async function readPages(
  list: (...args: Parameters<typeof listJobs>) => Promise<Page<JobRow>>,
  query: string,
  link: 'next' | 'previous',
  start: Cursor | null = null,
): Promise<{ rows: JobRow[]; last: Cursor | null }> {
  const rows: JobRow[] = [];
  let cursor = start;
  let last = start;
  for (let guard = 0; guard < 50; guard += 1) {
    const page = await list(console_.ctx(), parseJobFilter(params(query, cursor)));
    if (link === 'next') rows.push(...page.rows);
    else rows.unshift(...page.rows);
    last = cursor;
    cursor = page[link];
    if (!cursor) break;
  }
  return { rows, last };
}

describe.each([null, ...JOB_STATES])('state %s', (state) => {
  const query = state ? `state=${state}` : '';
  const order = {
    scheduled: 'coalesce(scheduled_at, created_at), id',
    retried: 'coalesce(scheduled_at, created_at), id',
    queued: 'coalesce(scheduled_at, created_at), id',
    running: 'performed_at DESC, id DESC',
    succeeded: 'finished_at DESC, id DESC',
    discarded: 'finished_at DESC, id DESC',
  };

  it('pages through every row once in natural order, forwards and backwards', async () => {
    const { rows: all } = await console_.client.query<{ id: string; state: string }>(
      `SELECT id,
              CASE WHEN finished_at IS NOT NULL
                   THEN CASE WHEN error IS NULL THEN 'succeeded' ELSE 'discarded' END
                   WHEN performed_at IS NOT NULL THEN 'running'
                   WHEN coalesce(scheduled_at, created_at) <= now() THEN 'queued'
                   WHEN error IS NOT NULL THEN 'retried'
                   ELSE 'scheduled' END AS state
         FROM good_jobs
        ORDER BY ${state ? order[state] : 'created_at DESC, id DESC'}`,
    );
    const expected = all.filter((row) => !state || row.state === state).map((row) => row.id);
    expect(expected.length).toBeGreaterThan(5);
    const forwards = await readPages(listJobs, query, 'next');
    expect(forwards.rows.map((row) => row.id)).toEqual(expected);
    if (state) expect(new Set(forwards.rows.map((row) => row.state))).toEqual(new Set([state]));
    if (expected.length > 25) {
      const lastPage = await listJobs(console_.ctx(), parseJobFilter(params(query, forwards.last)));
      const backwards = await readPages(listJobs, query, 'previous', lastPage.previous);
      expect(backwards.rows.map((row) => row.id)).toEqual(expected.slice(0, backwards.rows.length));
      expect(backwards.rows.length + lastPage.rows.length).toBe(expected.length);
    }
  });

  it("lists the same jobs on the batch's page as in the job list", async () => {
    const { rows: members } = await console_.client.query<{ id: string }>(
      `SELECT id
         FROM good_jobs
        WHERE batch_id = $1
        ORDER BY created_at DESC, coalesce(scheduled_at, created_at) DESC, id`,
      [batchId],
    );
    const mine = new Set((await readPages(listJobs, query, 'next')).rows.map((row) => row.id));
    const listed = await readPages(
      (ctx, filter) => listBatchJobs(ctx, batchId, filter),
      query,
      'next',
    );
    expect(listed.rows.map((row) => row.id)).toEqual(
      members.map((row) => row.id).filter((id) => mine.has(id)),
    );
  });
});

it('filters the jobs of a batch by class', async () => {
  const page = await listBatchJobs(
    console_.ctx(),
    batchId,
    parseJobFilter(params('job_class=OddJob')),
  );
  expect(new Set(page.rows.map((row) => row.jobClass))).toEqual(new Set(['OddJob']));
});

it("resumes at the cursor's stored time only if its row was deleted", async () => {
  const first = await listJobs(console_.ctx(), parseJobFilter(params('')));
  const cursor = first.next;
  if (!cursor) throw new Error('There must be a second page.');
  const second = await listJobs(console_.ctx(), parseJobFilter(params('', cursor)));
  const afterDeletedRow = await listJobs(
    console_.ctx(),
    parseJobFilter(
      params('', { ...cursor, id: cursor.id.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }),
    ),
  );
  expect(afterDeletedRow.rows.length).toBeGreaterThan(0);
  const withWrongTime = await listJobs(
    console_.ctx(),
    parseJobFilter(params('', { ...cursor, at: '2001-01-01T00:00:00.000000Z' })),
  );
  expect(withWrongTime.rows.map((row) => row.id)).toEqual(second.rows.map((row) => row.id));
  expect(
    (await listJobs(console_.ctx(), parseJobFilter(params(`after_id=${randomUUID()}`)))).rows,
  ).toEqual([]);
});

it('resumes at the former position of a job that has left the listed state', async () => {
  const older = (n: number) => new Date(Date.now() - (100 + n) * 3_600_000).toISOString();
  const ids: string[] = [];
  for (let n = 0; n < 4; n += 1)
    ids.push(
      await insertJob(console_.client, {
        ...DISCARDED,
        finished_at: older(n),
        job_class: 'LeavingJob',
      }),
    );
  const first = await listJobs(
    console_.ctx(),
    parseJobFilter(params('state=discarded&job_class=LeavingJob&limit=2')),
  );
  await console_.client.query(
    'UPDATE good_jobs SET finished_at = NULL, performed_at = NULL WHERE id = $1',
    [ids[1]],
  );
  const second = await listJobs(
    console_.ctx(),
    parseJobFilter(params('state=discarded&job_class=LeavingJob&limit=2', first.next)),
  );
  await console_.client.query('DELETE FROM good_jobs WHERE id = ANY($1::uuid[])', [ids]);
  expect(second.rows.map(({ id }) => id)).toEqual(ids.slice(2));
});

it.each([
  'state=bogus',
  'after_id=1',
  `job_class=${'x'.repeat(2000)}`,
  'limit=0',
  'limit=101',
  'process_id=x',
  'finished_since=1_day_ago',
  'sort=updated',
  'sort=performed',
  'state=queued&sort=finished_at',
  'q=statee:x',
  'after_at=2026-02-30T00:00:00Z&after_id=926ae407-2f45-4d04-92ad-41a82fd519fa',
])('lists nothing for an invalid value: %s', async (query) => {
  const filter = parseJobFilter(params(query.slice(0, 2100)));
  expect(isUnderstood(filter)).toBe(false);
  expect((await listJobs(console_.ctx(), filter)).rows).toEqual([]);
  expect((await listBatchJobs(console_.ctx(), batchId, filter)).rows).toEqual([]);
});

it.each([
  ['queue_name=default', (row: JobRow) => row.queueName === 'default'],
  [
    'job_class=OddJob&state=discarded',
    (row: JobRow) => row.jobClass === 'OddJob' && row.state === 'discarded',
  ],
  ['label=レポート', (row: JobRow) => row.labels.includes('レポート')],
  ['cron_key=nightly', () => true],
  ['process_id=926ae407-2f45-4d04-92ad-41a82fd519fa', () => true],
])('filters the job list by %s', async (query, holds) => {
  const { client } = console_;
  const id = await insertJob(client, {
    labels: ['レポート', 'x'],
    cron_key: 'nightly',
    locked_by_id: '926ae407-2f45-4d04-92ad-41a82fd519fa',
    cron_at: new Date().toISOString(),
  });
  const { rows } = await listJobs(console_.ctx(), parseJobFilter(params(`${query}&limit=100`)));
  await client.query('DELETE FROM good_jobs WHERE id = $1', [id]);
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.every(holds)).toBe(true);
  if (!query.includes('default') && !query.includes('OddJob'))
    expect(rows.map((row) => row.id)).toEqual([id]);
});

it('marks paused jobs and jobs of lost workers', async () => {
  const { client } = console_;
  const paused = await insertJob(client, { queue_name: 'held', created_at: hours(10) });
  const lost = await insertJob(client, { ...RUNNING, created_at: hours(11) });
  const held = await insertJob(client, { ...RUNNING, created_at: hours(12) });
  await client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses', '{"queues": ["held"]}')`,
  );
  const worker = await console_.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', held)})`);
  const rows = new Map(
    (await listJobs(console_.ctx(), parseJobFilter(params('')))).rows.map((row) => [row.id, row]),
  );
  expect(rows.get(paused)).toMatchObject({ paused: true, lostWorker: false });
  expect(rows.get(lost)).toMatchObject({ paused: false, lostWorker: true });
  expect(rows.get(held)).toMatchObject({ paused: false, lostWorker: false });
});
