import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPEN, insertJobs } from '../../test/harness/many-rows';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { cursorParams } from '../core/search-params';
import {
  countBatchJobs,
  countIfSmall,
  getBatch,
  getBatchRow,
  listBatches,
  listBatchesWithProgress,
} from './queries';
import { getBatchStatus } from './status';
import { batchFilterParams, parseBatchFilter } from './types';

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('batches');
});
afterAll(() => console_.close());

const HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();
const IN_AN_HOUR = new Date(Date.now() + 3_600_000).toISOString();

async function statusOf(id: string) {
  const batch = await getBatchRow(console_.ctx(), id);
  if (!batch) throw new Error('The batch was just made.');
  return getBatchStatus(console_.ctx(), batch);
}
async function setPauses(value: object): Promise<void> {
  await console_.client.query(
    `INSERT INTO good_job_settings (created_at, updated_at, key, value) VALUES (now(), now(), 'pauses', $1)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    [JSON.stringify(value)],
  );
}
const kinds = async (id: string) => (await statusOf(id)).stuck.map((reason) => reason.kind);

describe('progress', () => {
  it('counts each state, and nothing for an empty batch', async () => {
    const id = await insertBatch(console_.client);
    const empty = await insertBatch(console_.client);
    for (const shape of [
      {},
      { scheduled_at: IN_AN_HOUR },
      { scheduled_at: IN_AN_HOUR, error: 'E' },
      RUNNING,
      SUCCEEDED,
      SUCCEEDED,
      DISCARDED,
    ])
      await insertJob(console_.client, { batch_id: id, ...shape });
    const counted = await countBatchJobs(console_.ctx(), [id, empty]);
    expect(counted.get(id)).toEqual({
      total: 7,
      more: false,
      states: { queued: 1, scheduled: 1, retried: 1, running: 1, succeeded: 2, discarded: 1 },
    });
    expect(counted.get(empty)).toMatchObject({ total: 0, more: false });
    const ifSmall = (limit: number) =>
      console_
        .ctx()
        .db.read((tx) => countIfSmall(tx, console_.ctx().tables, id, limit), { byIndexOnly: true });
    expect(await ifSmall(7)).toEqual(counted.get(id));
    expect(await ifSmall(6)).toBeNull();
  });
});

describe('why it stands still', () => {
  it('was never enqueued', async () => {
    const id = await insertBatch(console_.client, { enqueued_at: null });
    await insertJob(console_.client, { batch_id: id });
    expect(await kinds(id)).toContain('not_enqueued');
  });
  it('hangs: nothing is open and nobody ran the completion check', async () => {
    const id = await insertBatch(console_.client);
    await insertJob(console_.client, { batch_id: id, ...DISCARDED });
    expect(await kinds(id)).toEqual(['never_completes']);
  });
  it('waits for a time', async () => {
    const id = await insertBatch(console_.client);
    await insertJob(console_.client, { batch_id: id, scheduled_at: IN_AN_HOUR });
    const { stuck } = await statusOf(id);
    expect(stuck).toEqual([
      { kind: 'waits_until', at: IN_AN_HOUR.replace(/(\.\d+)Z/, '$1000Z'), count: 1 },
    ]);
  });
  it('has lost its workers, and there is no process', async () => {
    const id = await insertBatch(console_.client);
    await insertJob(console_.client, { batch_id: id, ...RUNNING });
    await insertJob(console_.client, { batch_id: id });
    expect(await kinds(id)).toEqual(['lost_workers', 'no_process']);
  });
  it('is ready in queues that the live processes do not serve', async () => {
    const id = await insertBatch(console_.client);
    for (const queue_name of ['mails', 'reports', 'reports', null])
      await insertJob(console_.client, { batch_id: id, queue_name });
    await insertJob(console_.client, {
      batch_id: id,
      queue_name: 'later',
      scheduled_at: IN_AN_HOUR,
    });
    const worker = await insertProcess(console_.client, {
      state: JSON.stringify({ schedulers: [{ queues: 'mails' }] }),
    });
    expect((await statusOf(id)).stuck).toEqual([
      { kind: 'queues_unserved', count: 1, queues: ['reports'] },
    ]);
    await console_.client.query(
      `UPDATE good_job_processes SET state = '{"schedulers": [{"queues": "-default"}]}' WHERE id = $1`,
      [worker],
    );
    expect(await kinds(id)).toEqual([]);
    await console_.client.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  });
  it('is done, and a callback is not', async () => {
    const id = await insertBatch(console_.client, {
      jobs_finished_at: HOUR_AGO,
      finished_at: HOUR_AGO,
    });
    await insertJob(console_.client, { batch_id: id, ...SUCCEEDED });
    await insertJob(console_.client, { batch_callback_id: id });
    await insertJob(console_.client, { batch_callback_id: id, ...DISCARDED });
    expect(await kinds(id)).toEqual(['callbacks_open', 'callbacks_discarded']);
  });
  it('is not paused while 1,000 jobs run and one that waits is not paused', async () => {
    const id = await insertBatch(console_.client);
    const worker = await insertProcess(console_.client, {
      state: JSON.stringify({ schedulers: [{ queues: '*' }] }),
    });
    await insertJobs(console_.client, 1_000, {
      ...OPEN,
      performed_at: 'now()',
      locked_by_id: `'${worker}'::uuid`,
      locked_at: 'now()',
      lock_type: '1',
      batch_id: `'${id}'::uuid`,
    });
    await insertJob(console_.client, { batch_id: id });
    expect(await statusOf(id)).toMatchObject({ stuck: [], stalled: false });
    await setPauses({ job_classes: ['TestJob'] });
    expect((await statusOf(id)).stuck).toEqual([{ kind: 'paused', count: 1 }]);
    await setPauses({});
    await console_.client.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
  });
  it('counts all paused jobs of a large batch, and is not paused by most of them', async () => {
    await setPauses({ queues: ['held'] });
    const id = await insertBatch(console_.client);
    await insertJobs(console_.client, 1_200, {
      ...OPEN,
      queue_name: `'held'`,
      batch_id: `'${id}'::uuid`,
    });
    expect((await statusOf(id)).stuck).toEqual([{ kind: 'paused', count: 1_200 }]);
    await insertJob(console_.client, { batch_id: id, queue_name: 'free' });
    expect(await kinds(id)).not.toContain('paused');
    await setPauses({});
  });
  it('is paused', async () => {
    await setPauses({ labels: ['later'], queues: 'broken' });
    const id = await insertBatch(console_.client);
    await insertJob(console_.client, { batch_id: id, labels: ['x', 'later'] });
    expect(await kinds(id)).toEqual(['paused']);
  });
});

describe('stalled', () => {
  const held = { queue_name: 'held' };
  const late = { ...SUCCEEDED, finished_at: HOUR_AGO };
  beforeAll(async () => {
    await setPauses({ queues: ['held'] });
    await insertProcess(console_.client, {
      state: JSON.stringify({ schedulers: [{ queues: 'default,held;-reports,default' }] }),
      created_at: HOUR_AGO,
    });
  });
  afterAll(async () => {
    await setPauses({});
    await console_.client.query('DELETE FROM good_job_processes');
  });
  it.each<[string, boolean, Record<string, unknown>, Record<string, unknown>[]]>([
    ['its completion check never ran', true, {}, [late, DISCARDED]],
    ['all of its waiting jobs are paused', true, {}, [late, held, held]],
    ['a paused job is due later', true, {}, [{ ...held, scheduled_at: IN_AN_HOUR }]],
    ['its ready jobs are in a queue that no process serves', true, {}, [{ queue_name: 'reports' }]],
    ['a process serves the queue', false, {}, [{ queue_name: 'default' }, held]],
    ['a process serves all queues but some', false, {}, [{ queue_name: 'any' }, held]],
    ['a job without a queue is served', false, {}, [{ queue_name: null }, held]],
    ['a job runs', false, {}, [RUNNING, held]],
    ['a job waits for a time', false, {}, [{ scheduled_at: IN_AN_HOUR }, held]],
    ['it is not enqueued', false, { enqueued_at: null }, [held]],
    ['it is finished', false, { jobs_finished_at: HOUR_AGO, finished_at: HOUR_AGO }, [held]],
  ])('%s: %s', async (_name, expected, batch, jobs) => {
    const id = await insertBatch(console_.client, batch);
    for (const job of jobs) await insertJob(console_.client, { batch_id: id, ...job });
    const list = await listBatchesWithProgress(
      console_.ctx(),
      parseBatchFilter(new URLSearchParams('limit=100')),
    );
    // The list and the page are of one opinion.
    expect([
      (await statusOf(id)).stalled,
      list.rows.find((listed) => listed.id === id)?.stalled,
    ]).toEqual([expected, expected]);
  });
});

describe('expected end', () => {
  const LATER = new Date(Date.now() + 7_200_000).toISOString();
  it('is not before the last job is due', async () => {
    const id = await insertBatch(console_.client);
    await insertJob(console_.client, { batch_id: id, scheduled_at: IN_AN_HOUR });
    await insertJob(console_.client, { batch_id: id, scheduled_at: LATER });
    const due = LATER.replace('Z', '000Z');
    expect(await statusOf(id)).toMatchObject({ expectedAt: null, notBefore: due });
    await insertJob(console_.client, {
      batch_id: id,
      ...SUCCEEDED,
      finished_at: new Date().toISOString(),
    });
    const { expectedAt, notBefore } = await statusOf(id);
    expect([expectedAt, notBefore]).toEqual([LATER, due]);
  });
  it('is not reckoned where the last job is due beyond the years of a date', async () => {
    const id = await insertBatch(console_.client);
    for (const shape of [
      { scheduled_at: 'infinity' },
      { ...SUCCEEDED, finished_at: new Date().toISOString() },
    ])
      await insertJob(console_.client, { batch_id: id, ...shape });
    expect(await statusOf(id)).toMatchObject({ expectedAt: null, notBefore: 'infinity' });
  });
});

it('is not 100 % finished while the app can add jobs', async () => {
  const id = await insertBatch(console_.client, { enqueued_at: null });
  await insertJob(console_.client, { batch_id: id, ...SUCCEEDED });
  expect(await statusOf(id)).toMatchObject({
    finishedShare: null,
    progress: { total: 1 },
    stuck: [{ kind: 'not_enqueued' }],
  });
});

it('lists as many batches a page as limit says', async () => {
  const list = (query: string) =>
    listBatches(console_.ctx(), parseBatchFilter(new URLSearchParams(query)));
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

it('is retried when discarded_at is set or a member is discarded', async () => {
  const plain = await insertBatch(console_.client);
  await insertJob(console_.client, { batch_id: plain, ...SUCCEEDED });
  const destroyed = await insertBatch(console_.client, { discarded_at: HOUR_AGO });
  const member = await insertBatch(console_.client);
  await insertJob(console_.client, { batch_id: member, ...DISCARDED });
  expect(
    [await statusOf(plain), await statusOf(destroyed), await statusOf(member)].map(
      (status) => status.retryOffered,
    ),
  ).toEqual([false, true, true]);
});

it('lists by state, and reads nothing wider from a value it does not know', async () => {
  const ids = async (query: string) =>
    (await listBatches(console_.ctx(), parseBatchFilter(new URLSearchParams(query)))).rows;
  expect((await ids('state=pending')).every((batch) => batch.enqueuedAt === null)).toBe(true);
  expect((await ids('state=finished')).every((batch) => batch.finishedAt !== null)).toBe(true);
  expect((await ids('state=discarded')).length).toBe(1);
  expect(await ids('state=nope')).toEqual([]);
});

it('prints the columns in their order, also one that it does not know', async () => {
  const other = await TestConsole.open('batches_unknown_column', {
    sql: ['ALTER TABLE good_job_batches ADD COLUMN tenant numeric'],
  });
  const there = await insertBatch(other.client, {
    serialized_properties: '{"foo": 12345678901234567890, "_aj_symbol_keys": ["foo"]}',
    tenant: '1.10',
  });
  const batch = await getBatch(other.ctx(), there);
  expect(batch?.attributes.json).toMatch(
    /"properties": \{\n {4}"foo": 12345678901234567890\n {2}\},/,
  );
  expect(batch?.attributes.json).toMatch(/"jobs_finished_at": null,\n {2}"tenant": 1\.10\n\}$/);
  await other.close();
});

it('prints columns of any type', async () => {
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
    String.raw`"times":["2026-11-20T10:00:00.5",null],"waits":["1day"],"forever":"infinity","span":"[\"2026-11-2010:00:00\",)","bytes":"\\x00ff"`,
  );
  expect(printed).toContain(
    String.raw`"large":9007199254740993,"none":"NaN","document":{"b":1.10,"a":"\ud800"},"twice":2}`,
  );
  await other.close();
});
