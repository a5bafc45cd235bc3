import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { discardedTarget, waitForRun, startRun } from '../../test/harness/bulk';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { startBulk } from '../bulk/mutations';
import { setRedactionConfig } from '../config/redaction-rules';
import { changeJobs } from '../jobs/mutations';
import { exportAudit } from './export';
import { auditFilterParams, parseAuditFilter } from './filters';
import { historyOf, listAudit, listViewers, readChanges } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('audit queries');
  await testConsole.client.query(`
    INSERT INTO good_job_console.audit_events (
      created_at, viewer, role, request_id, action, target_type, target_ids, target_name,
      counts, details, error, refused)
    SELECT '2026-03-01T00:00Z'::timestamptz + (n / 4) * interval '1 second'
             + interval '1 microsecond',
           'user' || n % 5, 'operator', 'r' || n,
           CASE n % 2 WHEN 0 THEN 'job.retry' ELSE 'pause.pause' END,
           CASE n % 2 WHEN 0 THEN 'job' ELSE 'queue' END,
           CASE n % 2 WHEN 0 THEN ARRAY[gen_random_uuid()] ELSE '{}' END,
           CASE n % 2 WHEN 1 THEN 'q' || n % 7 END,
           '{"done": 1}', '{}', CASE n % 10 WHEN 0 THEN 'forbidden' END, n % 10 = 0
      FROM generate_series(1, 300) n`);
});
afterAll(() => testConsole.close());

const filterOf = (query: string) => parseAuditFilter(new URLSearchParams(query), 'Asia/Tokyo');
const storedIds = async (where: string) =>
  (
    await testConsole.client.query<{ id: string }>(
      `SELECT id
         FROM good_job_console.audit_events
        WHERE request_id LIKE 'r%' AND ${where}
        ORDER BY created_at DESC, id DESC`,
    )
  ).rows.map(({ id }) => id);

const QUERIES: [query: string, where: string][] = [
  ['', 'true'],
  ['viewer=user3', `viewer = 'user3'`],
  ['action=pause.pause', `action = 'pause.pause'`],
  ['outcome=refused', `outcome = 'refused'`],
  ['target=q3', `target_name = 'q3'`],
  ['request_id=r77', `request_id = 'r77'`],
  [
    'from=2026-03-01T09:00:30&to=2026-03-01T00:00:50Z',
    `created_at >= '2026-03-01T00:00:30Z' AND created_at < '2026-03-01T00:00:50Z'`,
  ],
  [
    'viewer=user1&outcome=done&target=q3&from=2026-03-01T00:00:01Z',
    `viewer = 'user1' AND outcome = 'done' AND target_name = 'q3'
       AND created_at >= '2026-03-01T00:00:01Z'`,
  ],
];

test.each(QUERIES)(
  'returns each record of the filter "%s" once, forwards, backwards and in an export',
  async (query, where) => {
    const expectedIds = await storedIds(where);
    expect(expectedIds.length).toBeGreaterThan(0);
    const filter = { ...filterOf(query), limit: 25 };
    const pages: string[][] = [];
    let page = await listAudit(testConsole.ctx(), filter);
    for (;;) {
      pages.push(page.rows.map(({ id }) => id));
      if (!page.next) break;
      page = await listAudit(testConsole.ctx(), { ...filter, cursor: page.next });
    }
    expect(pages.flat()).toEqual(expectedIds);
    const previousPages = [pages.at(-1) ?? []];
    while (page.previous) {
      page = await listAudit(testConsole.ctx(), { ...filter, cursor: page.previous });
      previousPages.unshift(page.rows.map(({ id }) => id));
    }
    expect(previousPages.flat()).toEqual(expectedIds);
    let text = '';
    for await (const chunk of exportAudit(testConsole.ctx(), filter, 'ndjson')) text += chunk;
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => z.looseObject({ id: z.string() }).parse(JSON.parse(line)).id),
    ).toEqual(expectedIds);
  },
);

test('parses the parameters of a filter to the same filter in every time zone', () => {
  for (const [query] of QUERIES) {
    const { cursor: _, ...filter } = filterOf(query);
    const params = new URLSearchParams(auditFilterParams(filter, 'Asia/Tokyo'));
    const parsed = parseAuditFilter(params, 'America/New_York');
    expect(auditFilterParams(parsed, 'Asia/Tokyo')).toEqual(Object.fromEntries(params));
    expect(Date.parse(parsed.from ?? '')).toBe(Date.parse(filter.from ?? ''));
  }
});

test('keeps invalid parameters in the filter and returns no records', async () => {
  for (const query of [
    'viewer=%00',
    `target=${'x'.repeat(1_001)}`,
    'outcome=x',
    'action=x',
    'from=2026-13-01',
    'to=x',
    'limit=0',
    'after_id=1%3B',
    'before_id=1&before_at=x',
    'from=2026-01-02T00:00Z&to=2026-01-02T00:00Z',
  ]) {
    const filter = filterOf(query);
    expect(filter.notUnderstood, query).toHaveLength(1);
    expect((await listAudit(testConsole.ctx(), filter)).rows, query).toEqual([]);
  }
  expect(
    (
      await listAudit(
        testConsole.ctx(),
        filterOf('after_id=999999999&after_at=2026-03-01T00:00:10Z'),
      )
    ).rows.length,
  ).toBeGreaterThan(0);
});

test('lists the viewers that the audit log contains', async () => {
  expect(await listViewers(testConsole.ctx())).toEqual(
    expect.arrayContaining(['user0', 'user1', 'user2', 'user3', 'user4']),
  );
});

test('returns the records of a job and the bulk runs that stored it as a sample', async () => {
  const retriedId = await insertJob(testConsole.client, DISCARDED);
  const lockedId = await insertJob(testConsole.client, DISCARDED);
  const other = await insertJob(testConsole.client);
  expect(await historyOf(testConsole.ctx(), 'job', other)).toEqual({
    rows: [],
    hasMore: false,
    hasUnlistedRuns: false,
  });
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', lockedId)})`);
  await waitForRun(
    testConsole.ctx(),
    await startRun(testConsole.ctx({ reason: 'again' }), 'retry', discardedTarget()),
  );
  await worker.query('SELECT pg_advisory_unlock_all()');
  expect(await historyOf(testConsole.ctx(), 'job', lockedId)).toMatchObject({
    rows: [
      {
        action: 'job.retry',
        reason: 'again',
        filter: 'state=discarded',
        sample: { outcome: 'locked' },
      },
    ],
  });
  // Bulk runs do not record the ids of jobs that they changed.
  expect(await historyOf(testConsole.ctx(), 'job', retriedId)).toEqual({
    rows: [],
    hasMore: false,
    hasUnlistedRuns: true,
  });
  for (let n = 0; n < 11; n += 1) await changeJobs(testConsole.ctx(), 'reschedule', [other]);
  const history = await historyOf(testConsole.ctx(), 'job', other);
  expect(history?.rows).toHaveLength(10);
  expect(history?.hasMore).toBe(true);
  expect(history?.rows[0]).toMatchObject({
    outcome: 'done',
    changes: [{ id: other, isDeleted: false, fields: [{ name: 'scheduled_at' }] }],
    sample: null,
  });
  const withoutRuns = testConsole.ctx({ bulkRuns: false });
  expect((await historyOf(withoutRuns, 'job', lockedId))?.rows).toEqual([]);
});

test('returns the bulk runs on the jobs of a batch in its history', async () => {
  const batch = await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { ...DISCARDED, batch_id: batch });
  const runId = await startRun(testConsole.ctx(), 'retry', {
    kind: 'filter',
    query: 'state=discarded',
    batchId: batch,
  });
  await waitForRun(testConsole.ctx(), runId);
  expect(await historyOf(testConsole.ctx(), 'batch', batch)).toMatchObject({
    rows: [
      {
        action: 'job.retry',
        targetType: 'bulk_run',
        targetIds: [runId, batch],
        outcome: 'done',
        bulkRun: runId,
      },
    ],
  });
  await expect(
    startBulk(testConsole.ctx({ role: 'viewer' }), {
      action: 'batch_retry',
      target: { kind: 'batch', batchId: batch },
      scheduledAt: null,
      cutOff: { at: new Date().toISOString().replace('Z', '000Z'), txid: '1' },
      expected: { kind: 'exact', count: 0 },
      confirmedCount: null,
    }),
  ).rejects.toMatchObject({ code: 'forbidden' });
  expect((await historyOf(testConsole.ctx(), 'batch', batch))?.rows[0]).toMatchObject({
    action: 'batch.retry',
    outcome: 'refused',
    error: 'forbidden',
  });
});

test('returns only changed fields, each payload key as a field, and keeps all digits', () => {
  const before = `{
    "x": {
      "a": 1, "b": "old", "c": null, "d": 12345678901234567890,
      "serialized_params": {"executions": 1, "arguments": null}
    },
    "y": {"a": ""}
  }`;
  const after = `{
    "x": {
      "a": 1, "b": "new", "c": "", "d": 12345678901234567891,
      "serialized_params": {"executions": 2, "arguments": []}
    }
  }`;
  expect(readChanges(before, after)).toEqual([
    {
      id: 'x',
      isDeleted: false,
      fields: [
        { name: 'b', before: 'old', after: 'new' },
        { name: 'c', before: null, after: '""' },
        { name: 'd', before: '12345678901234567890', after: '12345678901234567891' },
        { name: 'serialized_params.executions', before: '1', after: '2' },
        { name: 'serialized_params.arguments', before: null, after: '[]' },
      ],
    },
    { id: 'y', isDeleted: true, fields: [{ name: 'a', before: '""', after: null }] },
  ]);
  expect(readChanges(null, null)).toEqual([]);
});

test('applies new redaction rules to reasons and names of old records', async () => {
  await testConsole.client.query(`
    INSERT INTO good_job_console.audit_events (
      viewer, role, request_id, action, target_type, target_ids, target_name, counts, details,
      reason)
    VALUES (
      'old', 'admin', 'old', 'pause.pause', 'queue', '{}', 'x?internal_code=zq7kxw9vjt3m', '{}',
      '{}', 'for internal_code=zq7kxw9vjt3m')`);
  setRedactionConfig({ keys: ['internal_*'] });
  try {
    const filter = filterOf('viewer=old');
    const output: unknown[] = (await listAudit(testConsole.ctx(), filter)).rows;
    expect(output).toMatchObject([
      { targetName: 'x?internal_code=[REDACTED]', reason: 'for internal_code=[REDACTED]' },
    ]);
    for (const format of ['csv', 'ndjson'] as const)
      for await (const part of exportAudit(testConsole.ctx(), filter, format)) output.push(part);
    expect(JSON.stringify(output)).not.toContain('zq7k');
  } finally {
    setRedactionConfig({});
  }
});

test('names the jobs of a record by their redacted class, and not those that are deleted', async () => {
  const id = await insertJob(testConsole.client, {
    job_class: 'Token::ghp_0123456789abcdefghijABCDEFGHIJ456789',
  });
  const named = await insertJob(testConsole.client, { job_class: 'InvoiceMailerJob' });
  const deleted = '00000000-0000-4000-8000-00000000dead';
  await testConsole.client.query(
    `INSERT INTO good_job_console.audit_events (
       viewer, role, request_id, action, target_type, target_ids, counts, details)
     VALUES ('namer', 'operator', 'names', 'job.retry', 'job', $1::uuid[], '{}', '{}')`,
    [[named, id, deleted]],
  );
  const [row] = (await listAudit(testConsole.ctx(), filterOf('request_id=names'))).rows;
  expect(row?.targetClasses[named]).toBe('InvoiceMailerJob');
  expect(row?.targetClasses[id]).not.toContain('ghp_0123456789');
  expect(Object.keys(row?.targetClasses ?? {})).toEqual([named, id]);
});
