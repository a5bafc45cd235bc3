import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNFINISHED, insertJobs } from '../../test/harness/many-rows';
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
import { cursorParams } from '../core/urls';
import { countBatchJobs, countIfSmall, getBatch, getBatchRow, listBatches } from './queries';
import { getBatchStatus, listBatchesWithProgress } from './status';
import { batchFilterParams, parseBatchFilter } from './types';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('batches');
});
afterAll(() => testConsole.close());

const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

async function statusOf(id: string) {
  const batch = await getBatchRow(testConsole.ctx(), id);
  if (!batch) throw new Error('The batch was just made.');
  return getBatchStatus(testConsole.ctx(), batch);
}
async function setPauses(value: object): Promise<void> {
  await testConsole.client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value)
     VALUES (now(), now(), 'pauses', $1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [JSON.stringify(value)],
  );
}
const stuckKinds = async (id: string) => (await statusOf(id)).stuck.map((reason) => reason.kind);

describe('countBatchJobs', () => {
  it('counts the jobs of a batch by state, and zero for an empty batch', async () => {
    const id = await insertBatch(testConsole.client);
    const empty = await insertBatch(testConsole.client);
    for (const shape of [
      {},
      { scheduled_at: IN_AN_HOUR },
      { scheduled_at: IN_AN_HOUR, error: 'E' },
      RUNNING,
      SUCCEEDED,
      SUCCEEDED,
      DISCARDED,
    ])
      await insertJob(testConsole.client, { batch_id: id, ...shape });
    const progress = await countBatchJobs(testConsole.ctx(), [id, empty]);
    expect(progress.get(id)).toEqual({
      total: 7,
      more: false,
      states: { queued: 1, scheduled: 1, retried: 1, running: 1, succeeded: 2, discarded: 1 },
    });
    expect(progress.get(empty)).toMatchObject({ total: 0, more: false });
    const progressUpTo = (limit: number) =>
      testConsole.ctx().db.read((tx) => countIfSmall(tx, testConsole.ctx().tables, id, limit), {
        byIndexOnly: true,
      });
    expect(await progressUpTo(7)).toEqual(progress.get(id));
    expect(await progressUpTo(6)).toBeNull();
  });
});

describe('getBatchStatus: stuck', () => {
  it('reports a batch that was never enqueued', async () => {
    const id = await insertBatch(testConsole.client, { enqueued_at: null });
    await insertJob(testConsole.client, { batch_id: id });
    expect(await stuckKinds(id)).toContain('not_enqueued');
  });
  it('reports a batch whose completion check never ran', async () => {
    const id = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: id, ...DISCARDED });
    expect(await stuckKinds(id)).toEqual(['never_completes']);
  });
  it('reports when the next job of a waiting batch is due', async () => {
    const id = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: id, scheduled_at: IN_AN_HOUR });
    const { stuck } = await statusOf(id);
    expect(stuck).toEqual([
      { kind: 'waits_until', at: IN_AN_HOUR.replace(/(\.\d+)Z/, '$1000Z'), count: 1 },
    ]);
  });
  it('reports lost workers and missing processes', async () => {
    const id = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: id, ...RUNNING });
    await insertJob(testConsole.client, { batch_id: id });
    expect(await stuckKinds(id)).toEqual(['lost_workers', 'no_process']);
  });
  it('reports queues that no live process serves', async () => {
    const id = await insertBatch(testConsole.client);
    for (const queue_name of ['mails', 'reports', 'reports', null])
      await insertJob(testConsole.client, { batch_id: id, queue_name });
    await insertJob(testConsole.client, {
      batch_id: id,
      queue_name: 'later',
      scheduled_at: IN_AN_HOUR,
    });
    const worker = await insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues: 'mails' }] }),
    });
    expect((await statusOf(id)).stuck).toEqual([
      { kind: 'queues_unserved', count: 1, queues: ['reports'] },
    ]);
    await testConsole.client.query(
      `UPDATE good_job_processes
          SET state = '{"schedulers": [{"queues": "-default"}]}'
        WHERE id = $1`,
      [worker],
    );
    expect(await stuckKinds(id)).toEqual([]);
    await testConsole.client.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  });
  it('reports open and discarded callbacks of a finished batch', async () => {
    const id = await insertBatch(testConsole.client, {
      jobs_finished_at: HOUR_AGO,
      finished_at: HOUR_AGO,
    });
    await insertJob(testConsole.client, { batch_id: id, ...SUCCEEDED });
    await insertJob(testConsole.client, { batch_callback_id: id });
    await insertJob(testConsole.client, { batch_callback_id: id, ...DISCARDED });
    expect(await stuckKinds(id)).toEqual(['callbacks_open', 'callbacks_discarded']);
  });
  it('reports a pause only if every waiting job is paused, however many run', async () => {
    const id = await insertBatch(testConsole.client);
    const worker = await insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues: '*' }] }),
    });
    await insertJobs(testConsole.client, 1_000, {
      ...UNFINISHED,
      performed_at: 'now()',
      locked_by_id: `'${worker}'::uuid`,
      locked_at: 'now()',
      lock_type: '1',
      batch_id: `'${id}'::uuid`,
    });
    await insertJob(testConsole.client, { batch_id: id });
    expect(await statusOf(id)).toMatchObject({ stuck: [], stalled: false });
    await setPauses({ job_classes: ['TestJob'] });
    expect((await statusOf(id)).stuck).toEqual([
      { kind: 'paused', count: 1, by: [{ by: 'job_class', name: 'TestJob' }], more: false },
    ]);
    await setPauses({});
    await testConsole.client.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  });
  it('counts all paused jobs of a large batch, and reports no pause if one is not paused', async () => {
    await setPauses({ queues: ['held'] });
    const id = await insertBatch(testConsole.client);
    await insertJobs(testConsole.client, 1_200, {
      ...UNFINISHED,
      queue_name: `'held'`,
      batch_id: `'${id}'::uuid`,
    });
    expect((await statusOf(id)).stuck).toEqual([
      { kind: 'paused', count: 1_200, by: [{ by: 'queue', name: 'held' }], more: false },
    ]);
    await insertJob(testConsole.client, { batch_id: id, queue_name: 'free' });
    expect(await stuckKinds(id)).not.toContain('paused');
    await setPauses({});
  });
  it('reports a pause by label while another list of the setting is malformed', async () => {
    await setPauses({ labels: ['later'], queues: 'broken' });
    const id = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: id, labels: ['x', 'later'] });
    expect(await stuckKinds(id)).toEqual(['paused']);
  });
});

describe('getBatchStatus: stalled', () => {
  const paused = { queue_name: 'held' };
  const succeeded = { ...SUCCEEDED, finished_at: HOUR_AGO };
  beforeAll(async () => {
    await setPauses({ queues: ['held'] });
    await insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues: 'default,held;-reports,default' }] }),
      created_at: HOUR_AGO,
    });
  });
  afterAll(async () => {
    await setPauses({});
    await testConsole.client.query('DELETE FROM good_job_processes');
  });
  it.each<[string, boolean, Record<string, unknown>, Record<string, unknown>[]]>([
    ['its completion check never ran', true, {}, [succeeded, DISCARDED]],
    ['all of its waiting jobs are paused', true, {}, [succeeded, paused, paused]],
    ['a paused job is due later', true, {}, [{ ...paused, scheduled_at: IN_AN_HOUR }]],
    ['its ready jobs are in a queue that no process serves', true, {}, [{ queue_name: 'reports' }]],
    ['a process serves the queue', false, {}, [{ queue_name: 'default' }, paused]],
    ['a process serves all queues but some', false, {}, [{ queue_name: 'any' }, paused]],
    ['a job without a queue is served', false, {}, [{ queue_name: null }, paused]],
    ['a job runs', false, {}, [RUNNING, paused]],
    ['a job waits for a time', false, {}, [{ scheduled_at: IN_AN_HOUR }, paused]],
    ['it is not enqueued', false, { enqueued_at: null }, [paused]],
    ['it is finished', false, { jobs_finished_at: HOUR_AGO, finished_at: HOUR_AGO }, [paused]],
  ])('shows a batch as stalled if %s: %s', async (_name, expected, batch, jobs) => {
    const id = await insertBatch(testConsole.client, batch);
    for (const job of jobs) await insertJob(testConsole.client, { batch_id: id, ...job });
    const list = await listBatchesWithProgress(
      testConsole.ctx(),
      parseBatchFilter(new URLSearchParams('limit=100')),
    );
    expect([(await statusOf(id)).stalled, list.rows.find((row) => row.id === id)?.stalled]).toEqual(
      [expected, expected],
    );
  });
});

describe('getBatchStatus: lost workers', () => {
  const deadProcess = { locked_by_id: randomUUID(), locked_at: HOUR_AGO };
  beforeAll(async () => {
    await insertProcess(testConsole.client, {
      state: JSON.stringify({ schedulers: [{ queues: '*' }] }),
      created_at: HOUR_AGO,
    });
  });
  afterAll(() => testConsole.client.query('DELETE FROM good_job_processes'));

  it.each([
    ['is stalled if its only open job is locked by a dead worker', { lock_type: 2 }, true],
    ['is not stalled if any worker can take the job again', { lock_type: 0 }, false],
    [
      'is not stalled if the lock was released',
      { lock_type: 2, locked_by_id: null, locked_at: null },
      false,
    ],
  ])('a batch %s', async (_name, lock, isStalled) => {
    const id = await insertBatch(testConsole.client);
    const job = await insertJob(testConsole.client, {
      batch_id: id,
      ...RUNNING,
      ...deadProcess,
      ...lock,
    });
    const { stuck, stalled } = await statusOf(id);
    expect(stalled).toBe(isStalled);
    const lockedIds = 'locked_by_id' in lock ? [] : [job];
    expect(stuck).toEqual([{ kind: 'lost_workers', count: 1, more: false, lockedIds }]);
    const list = await listBatchesWithProgress(
      testConsole.ctx(),
      parseBatchFilter(new URLSearchParams('limit=100')),
    );
    const row = list.rows.find((batch) => batch.id === id);
    expect([row?.stalled, row?.stuck]).toEqual([isStalled, stuck]);
  });
});

describe('getBatchStatus: elapsed', () => {
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const elapsedMinutes = async (id: string) =>
    Math.round(((await statusOf(id)).elapsed ?? Number.NaN) / 60);
  const ENQUEUED = minutesAgo(60);
  const first = {
    created_at: ENQUEUED,
    scheduled_at: ENQUEUED,
    performed_at: minutesAgo(58),
    finished_at: minutesAgo(55),
    executions_count: 1,
  };
  /** A member that failed with the first one and that was made ready again 5 minutes ago. */
  async function insertRetried(batchId: string, errorEvent: number): Promise<void> {
    const job = await insertJob(testConsole.client, {
      batch_id: batchId,
      ...first,
      performed_at: null,
      finished_at: null,
      scheduled_at: minutesAgo(5),
    });
    await insertExecution(testConsole.client, job, {
      created_at: minutesAgo(58),
      scheduled_at: ENQUEUED,
      finished_at: minutesAgo(55),
      error: 'E: x',
      error_event: errorEvent,
    });
  }

  it('ends with the last job of a batch whose completion check never ran', async () => {
    const id = await insertBatch(testConsole.client, { enqueued_at: ENQUEUED });
    await insertJob(testConsole.client, { batch_id: id, ...first });
    expect(await elapsedMinutes(id)).toBe(5);
  });
  it('leaves out the time between the end and a retry by hand', async () => {
    const id = await insertBatch(testConsole.client, { enqueued_at: ENQUEUED });
    await insertJob(testConsole.client, { batch_id: id, ...first });
    await insertRetried(id, 5);
    expect(await elapsedMinutes(id)).toBe(10);
  });
  it('counts the back-off before an automatic retry', async () => {
    const id = await insertBatch(testConsole.client, { enqueued_at: ENQUEUED });
    await insertJob(testConsole.client, { batch_id: id, ...first });
    await insertRetried(id, 3);
    expect(await elapsedMinutes(id)).toBe(60);
  });
  it('counts the wait of a job that was scheduled for later', async () => {
    const id = await insertBatch(testConsole.client, { enqueued_at: ENQUEUED });
    await insertJob(testConsole.client, { batch_id: id, ...first });
    await insertJob(testConsole.client, {
      batch_id: id,
      created_at: ENQUEUED,
      scheduled_at: minutesAgo(5),
    });
    expect(await elapsedMinutes(id)).toBe(60);
  });
});

describe('getBatchStatus: expectedAt', () => {
  const LATER = new Date(Date.now() + 7_200_000).toISOString();
  it('expects the end of a batch no earlier than its last job is due', async () => {
    const id = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, { batch_id: id, scheduled_at: IN_AN_HOUR });
    await insertJob(testConsole.client, { batch_id: id, scheduled_at: LATER });
    const due = LATER.replace('Z', '000Z');
    expect(await statusOf(id)).toMatchObject({ expectedAt: null, notBefore: due });
    await insertJob(testConsole.client, {
      batch_id: id,
      ...SUCCEEDED,
      finished_at: new Date().toISOString(),
    });
    const { expectedAt, notBefore } = await statusOf(id);
    expect([expectedAt, notBefore]).toEqual([LATER, due]);
  });
  it('expects no end of a batch whose last job is due at infinity', async () => {
    const id = await insertBatch(testConsole.client);
    for (const shape of [
      { scheduled_at: 'infinity' },
      { ...SUCCEEDED, finished_at: new Date().toISOString() },
    ])
      await insertJob(testConsole.client, { batch_id: id, ...shape });
    expect(await statusOf(id)).toMatchObject({ expectedAt: null, notBefore: 'infinity' });
  });
});

it('reports no finished share while the app can add jobs', async () => {
  const id = await insertBatch(testConsole.client, { enqueued_at: null });
  await insertJob(testConsole.client, { batch_id: id, ...SUCCEEDED });
  expect(await statusOf(id)).toMatchObject({
    finishedShare: null,
    progress: { total: 1 },
    stuck: [{ kind: 'not_enqueued' }],
  });
});

it('lists as many batches per page as the limit', async () => {
  const list = (query: string) =>
    listBatches(testConsole.ctx(), parseBatchFilter(new URLSearchParams(query)));
  const first = await list('limit=3');
  expect(first.rows).toHaveLength(3);
  const cursor = String(new URLSearchParams(cursorParams(first.next!)));
  const second = await list(`limit=3&${cursor}`);
  expect(second.rows).toHaveLength(3);
  expect([...first.rows, ...second.rows].map(({ id }) => id)).toEqual(
    (await list('limit=6')).rows.map(({ id }) => id),
  );
  expect((await list('limit=0')).rows).toEqual([]);
  expect(parseBatchFilter(new URLSearchParams('limit=ten')).notUnderstood).toEqual([
    { name: 'limit', value: 'ten' },
  ]);
  expect(batchFilterParams(parseBatchFilter(new URLSearchParams('state=running&limit=7')))).toEqual(
    { state: 'running', limit: '7' },
  );
});

it('offers a retry if discarded_at is set or a member is discarded', async () => {
  const succeeded = await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { batch_id: succeeded, ...SUCCEEDED });
  const discarded = await insertBatch(testConsole.client, { discarded_at: HOUR_AGO });
  const withDiscardedMember = await insertBatch(testConsole.client);
  await insertJob(testConsole.client, { batch_id: withDiscardedMember, ...DISCARDED });
  expect(
    [await statusOf(succeeded), await statusOf(discarded), await statusOf(withDiscardedMember)].map(
      (status) => status.canRetry,
    ),
  ).toEqual([false, true, true]);
});

it('lists batches by state, and no batch for an unknown state', async () => {
  const rowsOf = async (query: string) =>
    (await listBatches(testConsole.ctx(), parseBatchFilter(new URLSearchParams(query)))).rows;
  expect((await rowsOf('state=pending')).every((batch) => batch.enqueuedAt === null)).toBe(true);
  expect((await rowsOf('state=finished')).every((batch) => batch.finishedAt !== null)).toBe(true);
  expect((await rowsOf('state=discarded')).length).toBe(1);
  expect(await rowsOf('state=nope')).toEqual([]);
});

it('lists the columns that have a value, with properties as a tree and times in ISO 8601', async () => {
  const id = await insertBatch(testConsole.client, {
    description: 'Import \u202egnp.exe',
    on_finish: 'Billing::DoneJob',
    enqueued_at: '2026-11-20T10:00:00Z',
    serialized_properties: JSON.stringify({
      customer: { id: 7, tags: ['a', 'b'] },
      password: 'zq7kxw9vjt3m',
      empty: {},
      _aj_symbol_keys: ['customer'],
    }),
  });
  const fields = (await getBatch(testConsole.ctx(), id))?.attributes.fields ?? [];
  const field = (name: string) => fields.find((candidate) => candidate.name === name);
  expect(field('id')).toBeUndefined();
  expect(field('on_success')).toBeUndefined();
  expect(field('enqueued_at')).toMatchObject({ kind: 'time', text: '2026-11-20T10:00:00Z' });
  expect(field('on_finish')).toMatchObject({ kind: 'class', text: 'Billing::DoneJob' });
  expect(field('description')).toMatchObject({ text: String.raw`Import \u202egnp.exe` });
  const leaf = { children: [], omitted: 0 };
  expect(field('properties')).toEqual({
    name: 'properties',
    kind: 'tree',
    omitted: 0,
    nodes: [
      { key: 'empty', text: '{}', ...leaf },
      {
        key: 'customer',
        text: null,
        omitted: 0,
        children: [
          { key: 'id', text: '7', ...leaf },
          {
            key: 'tags',
            text: null,
            omitted: 0,
            children: [
              { key: null, text: 'a', ...leaf },
              { key: null, text: 'b', ...leaf },
            ],
          },
        ],
      },
      { key: 'password', text: '[REDACTED]', ...leaf },
    ],
  });
});

it('limits the tree of properties to 60 entries and four levels', async () => {
  const deep = { a: { b: { c: { d: { e: 1 } } } } };
  const id = await insertBatch(testConsole.client, {
    serialized_properties: JSON.stringify({
      deep,
      list: Array.from({ length: 500 }, (_, n) => n),
      long: 'x'.repeat(1_000),
    }),
  });
  const fields = (await getBatch(testConsole.ctx(), id))?.attributes.fields;
  const text = JSON.stringify(fields);
  expect(text).toContain(String.raw`{\"d\":{\"e\":1}}`);
  expect(text.match(/"key"/g)?.length).toBe(60);
  expect(text).toContain('"omitted":1');
});

it("prints a batch's columns in table order, including unknown ones", async () => {
  const other = await TestConsole.open('batches_unknown_column', {
    sql: ['ALTER TABLE good_job_batches ADD COLUMN tenant numeric'],
  });
  const id = await insertBatch(other.client, {
    serialized_properties: '{"foo": 12345678901234567890, "_aj_symbol_keys": ["foo"]}',
    tenant: '1.10',
  });
  const batch = await getBatch(other.ctx(), id);
  expect(batch?.attributes.json).toMatch(
    /"properties": \{\n {4}"foo": 12345678901234567890\n {2}\},/,
  );
  expect(batch?.attributes.json).toMatch(/"jobs_finished_at": null,\n {2}"tenant": 1\.10\n\}$/);
  await other.close();
});

it('prints batch columns of any type', async () => {
  const columns = [
    `times timestamp[] DEFAULT '{"2026-11-20 10:00:00.5",NULL}'`,
    `waits interval[] DEFAULT '{"1 day"}'`,
    `forever timestamptz DEFAULT 'infinity'`,
    `span tsrange DEFAULT '[2026-11-20 10:00,)'`,
    String.raw`bytes bytea DEFAULT '\x00ff'`,
    `large bigint DEFAULT 9007199254740993`,
    `none numeric DEFAULT 'NaN'`,
    String.raw`document json DEFAULT '{"b": 1.10, "a": "\ud800"}'`,
    `twice int GENERATED ALWAYS AS (1 + 1) STORED`,
  ];
  const other = await TestConsole.open('batches_odd_columns', {
    sql: columns.map((column) => `ALTER TABLE good_job_batches ADD COLUMN ${column}`),
  });
  const batch = await getBatch(other.ctx(), await insertBatch(other.client));
  const printed = batch?.attributes.json?.replaceAll(/\s+/g, '');
  expect(printed).toContain(
    [
      '"times":["2026-11-20T10:00:00.5",null]',
      '"waits":["1day"]',
      '"forever":"infinity"',
      String.raw`"span":"[\"2026-11-2010:00:00\",)"`,
      String.raw`"bytes":"\\x00ff"`,
    ].join(','),
  );
  expect(printed).toContain(
    String.raw`"large":9007199254740993,"none":"NaN","document":{"b":1.10,"a":"\ud800"},"twice":2}`,
  );
  await other.close();
});
