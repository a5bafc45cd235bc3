import { afterAll, beforeAll, expect, test } from 'vitest';
import { discarded, settled, start } from '../../test/harness/bulk';
import { DISCARDED, insertBatch, insertJob } from '../../test/harness/rows';
import { TestConsole, lockKey } from '../../test/harness/test-console';
import { startBulk } from '../bulk/start';
import { changeJobs } from '../jobs/mutations';
import { setRedaction } from '../redaction/path-rules';
import { exportAudit } from './export';
import { auditFilterParams, parseAuditFilter } from './filters';
import { historyOf, listAudit, listViewers, readChanges } from './queries';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('audit queries');
  await testConsole.client.query(`
    INSERT INTO good_job_console.audit_events (created_at, viewer, role, request_id, action, target_type, target_ids, target_name, counts, details, error, refused)
    SELECT '2026-03-01T00:00Z'::timestamptz + (n / 4) * interval '1 second' + interval '1 microsecond', 'user' || n % 5, 'operator', 'r' || n, CASE n % 2 WHEN 0 THEN 'job.retry' ELSE 'pause.pause' END,
           CASE n % 2 WHEN 0 THEN 'job' ELSE 'queue' END, CASE n % 2 WHEN 0 THEN ARRAY[gen_random_uuid()] ELSE '{}' END, CASE n % 2 WHEN 1 THEN 'q' || n % 7 END,
           '{"done": 1}', '{}', CASE n % 10 WHEN 0 THEN 'forbidden' END, n % 10 = 0 FROM generate_series(1, 300) n`);
});
afterAll(() => testConsole.close());

const filterOf = (query: string) => parseAuditFilter(new URLSearchParams(query), 'Asia/Tokyo');
const stored = async (where: string) =>
  (
    await testConsole.client.query<{ id: string }>(
      `SELECT id FROM good_job_console.audit_events WHERE request_id LIKE 'r%' AND ${where} ORDER BY created_at DESC, id DESC`,
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
    `viewer = 'user1' AND outcome = 'done' AND target_name = 'q3' AND created_at >= '2026-03-01T00:00:01Z'`,
  ],
];

test.each(QUERIES)(
  '%s: pages both ways, each record once, and the same in the file',
  async (query, where) => {
    const wanted = await stored(where);
    expect(wanted.length).toBeGreaterThan(0);
    const filter = { ...filterOf(query), limit: 25 };
    const pages: string[][] = [];
    let page = await listAudit(testConsole.ctx(), filter);
    for (;;) {
      pages.push(page.rows.map(({ id }) => id));
      if (!page.next) break;
      page = await listAudit(testConsole.ctx(), { ...filter, cursor: page.next });
    }
    expect(pages.flat()).toEqual(wanted);
    const back = [pages.at(-1) ?? []];
    while (page.previous) {
      page = await listAudit(testConsole.ctx(), { ...filter, cursor: page.previous });
      back.unshift(page.rows.map(({ id }) => id));
    }
    expect(back.flat()).toEqual(wanted);
    let text = '';
    for await (const chunk of exportAudit(testConsole.ctx(), filter, 'ndjson')) text += chunk;
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(wanted);
  },
);

test('a filter means the same to every viewer, and comes back from its own parameters', () => {
  for (const [query] of QUERIES) {
    const { cursor: _, ...filter } = filterOf(query);
    const params = new URLSearchParams(auditFilterParams(filter, 'Asia/Tokyo'));
    const again = parseAuditFilter(params, 'America/New_York');
    expect(auditFilterParams(again, 'Asia/Tokyo')).toEqual(Object.fromEntries(params));
    expect(Date.parse(again.from ?? '')).toBe(Date.parse(filter.from ?? ''));
  }
});

test('what cannot be read is kept, and nothing is found', async () => {
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

test('everybody in the audit, once', async () => {
  expect(await listViewers(testConsole.ctx())).toEqual(
    expect.arrayContaining(['user0', 'user1', 'user2', 'user3', 'user4']),
  );
});

test('the history of a job: what names it, and the bulk runs that left it alone', async () => {
  const [done, held, other] = [
    await insertJob(testConsole.client, DISCARDED),
    await insertJob(testConsole.client, DISCARDED),
    await insertJob(testConsole.client),
  ];
  expect(await historyOf(testConsole.ctx(), 'job', other)).toEqual({
    rows: [],
    more: false,
    untold: false,
  });
  const worker = await testConsole.session();
  await worker.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', held)})`);
  await settled(
    testConsole.ctx(),
    await start(testConsole.ctx({ reason: 'again' }), 'retry', discarded()),
  );
  await worker.query('SELECT pg_advisory_unlock_all()');
  expect(await historyOf(testConsole.ctx(), 'job', held)).toMatchObject({
    rows: [
      {
        action: 'job.retry',
        reason: 'again',
        filter: 'state=discarded',
        sample: { outcome: 'locked' },
      },
    ],
  });
  // The run changed it, and nothing tells: that is what is said.
  expect(await historyOf(testConsole.ctx(), 'job', done)).toEqual({
    rows: [],
    more: false,
    untold: true,
  });
  for (let n = 0; n < 11; n += 1) await changeJobs(testConsole.ctx(), 'reschedule', [other]);
  const history = await historyOf(testConsole.ctx(), 'job', other);
  expect(history?.rows).toHaveLength(10);
  expect(history?.more).toBe(true);
  expect(history?.rows[0]).toMatchObject({
    outcome: 'done',
    changes: [{ id: other, gone: false, fields: [{ name: 'scheduled_at' }] }],
    sample: null,
  });
  expect((await historyOf(testConsole.ctx({ bulkRuns: false }), 'job', held))?.rows).toEqual([]);
});

test('the history of a batch has the runs on its jobs', async () => {
  const batch = await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { ...DISCARDED, batch_id: batch });
  const runId = await start(testConsole.ctx(), 'retry', {
    kind: 'filter',
    query: 'state=discarded',
    batchId: batch,
  });
  await settled(testConsole.ctx(), runId);
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

test('a change is the fields that differ, those of the payload by name, digits kept', () => {
  const before =
    '{"x": {"a": 1, "b": "old", "c": null, "d": 12345678901234567890, "serialized_params": {"executions": 1, "arguments": null}}, "y": {"a": ""}}';
  const after =
    '{"x": {"a": 1, "b": "new", "c": "", "d": 12345678901234567891, "serialized_params": {"executions": 2, "arguments": []}}}';
  expect(readChanges(before, after)).toEqual([
    {
      id: 'x',
      gone: false,
      fields: [
        { name: 'b', before: 'old', after: 'new' },
        { name: 'c', before: null, after: '""' },
        { name: 'd', before: '12345678901234567890', after: '12345678901234567891' },
        { name: 'serialized_params.executions', before: '1', after: '2' },
        { name: 'serialized_params.arguments', before: null, after: '[]' },
      ],
    },
    { id: 'y', gone: true, fields: [{ name: 'a', before: '""', after: null }] },
  ]);
  expect(readChanges(null, null)).toEqual([]);
});

test('a rule that was made since hides in the words and names of old records, too', async () => {
  await testConsole.client.query(`
    INSERT INTO good_job_console.audit_events (viewer, role, request_id, action, target_type, target_ids, target_name, counts, details, reason)
    VALUES ('old', 'admin', 'old', 'pause.pause', 'queue', '{}', 'x?internal_code=zq7kxw9vjt3m', '{}', '{}', 'for internal_code=zq7kxw9vjt3m')`);
  setRedaction({ keys: ['internal_*'] });
  try {
    const filter = filterOf('viewer=old');
    const shown: unknown[] = (await listAudit(testConsole.ctx(), filter)).rows;
    expect(shown).toMatchObject([
      { targetName: 'x?internal_code=[REDACTED]', reason: 'for internal_code=[REDACTED]' },
    ]);
    for (const format of ['csv', 'ndjson'] as const)
      for await (const part of exportAudit(testConsole.ctx(), filter, format)) shown.push(part);
    expect(JSON.stringify(shown)).not.toContain('zq7k');
  } finally {
    setRedaction({});
  }
});
