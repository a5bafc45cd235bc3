import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  params,
  row,
  rowText,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { retryBatch } from '../batches/mutations';
import { changeJobs } from '../jobs/mutations';

let testConsole: TestConsole;
beforeEach(async () => {
  testConsole = await TestConsole.open('callbacks');
});
afterEach(() => testConsole.close());

const discard = async (id: string, app = {}) =>
  (await changeJobs(testConsole.ctx({ app }), 'discard', [id]))[0];
const ALL = { on_discard: 'OnDiscard', on_success: 'OnSuccess', on_finish: 'OnFinish' };

async function callbacks(batchId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await testConsole.client.query<{ row: Record<string, unknown> }>(
    'SELECT to_jsonb(j) AS row FROM good_jobs j WHERE batch_callback_id = $1 ORDER BY created_at, job_class',
    [batchId],
  );
  return rows.map((found) => found.row);
}
const classes = async (batchId: string) => (await callbacks(batchId)).map((job) => job.job_class);
const gid = (app: string, batchId: string) => [
  { _aj_globalid: `gid://${app}/GoodJob::Batch/${batchId}` },
  {
    event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: 'finish' },
    _aj_symbol_keys: ['event'],
  },
];

describe('the completion check after a discard', () => {
  test('on_discard once, at the first; on_finish at the last; never on_success', async () => {
    const batchId = await insertBatch(testConsole.client, ALL);
    const members = [
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client, { batch_id: batchId }),
    ];
    await discard(members[0] ?? '');
    expect(await classes(batchId)).toEqual(['OnDiscard']);
    expect(await row(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      jobs_finished_at: null,
      finished_at: null,
    });
    await discard(members[1] ?? '');
    expect(await classes(batchId)).toEqual(['OnDiscard']);
    await discard(members[2] ?? '');
    expect(await classes(batchId)).toEqual(['OnDiscard', 'OnFinish']);
    const batch = await row(testConsole.client, 'good_job_batches', batchId);
    expect(batch.jobs_finished_at).not.toBeNull();
    expect(batch.finished_at).toBeNull();
  });

  test('two members in one call, with a job of no batch beside them', async () => {
    const batchId = await insertBatch(testConsole.client, ALL);
    const ids = [
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client),
      await insertJob(testConsole.client, { batch_id: batchId }),
    ];
    const received = await testConsole.notifications(() =>
      changeJobs(testConsole.ctx(), 'force_discard', ids),
    );
    expect(await classes(batchId)).toEqual(['OnDiscard', 'OnFinish']);
    expect(new Set(received.map(({ queue_name }) => queue_name))).toEqual(new Set(['default']));
  });

  test('the last open callback job of a batch ends it', async () => {
    const batchId = await insertBatch(testConsole.client, {
      jobs_finished_at: new Date().toISOString(),
    });
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_callback_id: batchId });
    const [first, last] = [
      await insertJob(testConsole.client, { batch_callback_id: batchId }),
      await insertJob(testConsole.client, { batch_callback_id: batchId }),
    ];
    await discard(first);
    expect((await row(testConsole.client, 'good_job_batches', batchId)).finished_at).toBeNull();
    await discard(last);
    expect(await row(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      discarded_at: null,
      finished_at: expect.any(String) as string,
    });
  });

  test('a batch without callbacks ends at once; one that was never enqueued does not', async () => {
    const plain = await insertBatch(testConsole.client, {
      on_finish: '',
      on_success: ' ',
      on_discard: '\u3000',
    });
    await discard(await insertJob(testConsole.client, { batch_id: plain }));
    expect(await row(testConsole.client, 'good_job_batches', plain)).toMatchObject({
      jobs_finished_at: expect.any(String) as string,
      finished_at: expect.any(String) as string,
    });
    expect(await classes(plain)).toEqual([]);
    const draft = await insertBatch(testConsole.client, { ...ALL, enqueued_at: null });
    await discard(await insertJob(testConsole.client, { batch_id: draft }));
    expect(await row(testConsole.client, 'good_job_batches', draft)).toMatchObject({
      discarded_at: expect.any(String) as string,
      jobs_finished_at: null,
    });
  });
});

describe("the app name in a callback's GlobalID", () => {
  test("is the setting, else that of the batch's own callback, else of any other", async () => {
    const other = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, {
      ...SUCCEEDED,
      batch_callback_id: other,
      serialized_params: params('x', { arguments: gid('other-app', other) }),
    });
    const own = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await insertJob(testConsole.client, {
      ...SUCCEEDED,
      batch_callback_id: own,
      serialized_params: params('x', { arguments: gid('own-app', own) }),
    });
    const bare = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    const set = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await discard(await insertJob(testConsole.client, { batch_id: own }), { appName: null });
    await discard(await insertJob(testConsole.client, { batch_id: set }));
    const app = async (batchId: string) =>
      ((await callbacks(batchId)).at(-1)?.serialized_params as { arguments: unknown }).arguments;
    expect(await app(own)).toEqual(gid('own-app', own));
    expect(await app(set)).toEqual(gid('test-app', set));
    await testConsole.client.query('DELETE FROM good_jobs WHERE batch_callback_id IN ($1, $2)', [
      own,
      set,
    ]);
    await discard(await insertJob(testConsole.client, { batch_id: bare }), { appName: null });
    expect(await app(bare)).toEqual(gid('other-app', bare));
  });

  test('unknown: the job is refused, nothing of its batch is changed, and the others are done', async () => {
    const batchId = await insertBatch(testConsole.client, { on_discard: 'OnDiscard' });
    const member = await insertJob(testConsole.client, { batch_id: batchId });
    const free = await insertJob(testConsole.client);
    const before = [
      await rowText(testConsole.client, 'good_jobs', member),
      await rowText(testConsole.client, 'good_job_batches', batchId),
    ];
    const ctx = testConsole.ctx({ app: { appName: null } });
    expect(await changeJobs(ctx, 'discard', [member, free])).toEqual([
      { id: member, outcome: 'refused', code: 'app_name_unknown' },
      { id: free, outcome: 'done' },
    ]);
    expect([
      await rowText(testConsole.client, 'good_jobs', member),
      await rowText(testConsole.client, 'good_job_batches', batchId),
    ]).toEqual(before);
    expect(await classes(batchId)).toEqual([]);
  });

  test('unknown: a batch retry that would have to enqueue callbacks is refused as a whole', async () => {
    const batchId = await insertBatch(testConsole.client, {
      on_finish: 'OnFinish',
      jobs_finished_at: new Date().toISOString(),
      finished_at: new Date().toISOString(),
    });
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batchId });
    const before = await rowText(testConsole.client, 'good_job_batches', batchId);
    expect(await retryBatch(testConsole.ctx({ app: { appName: null } }), batchId)).toMatchObject({
      outcome: 'refused',
      code: 'app_name_unknown',
      retried: 0,
    });
    expect(await rowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
    // Without callbacks to enqueue the name is not needed.
    await insertJob(testConsole.client, { ...DISCARDED, batch_id: batchId });
    expect(await retryBatch(testConsole.ctx({ app: { appName: null } }), batchId)).toMatchObject({
      outcome: 'done',
      retried: 1,
    });
  });
});

describe('queue, priority, locale and time zone of a callback', () => {
  const app = { locale: 'ja', timeZone: 'Asia/Tokyo' };
  const finish = async (columns: Record<string, unknown>) => {
    const batchId = await insertBatch(testConsole.client, { on_finish: 'OnFinish', ...columns });
    await discard(await insertJob(testConsole.client, { batch_id: batchId }), app);
    const [job] = await callbacks(batchId);
    return { row: job, payload: job?.serialized_params as Record<string, unknown> };
  };
  const store = (created_at: string, changes: Record<string, unknown>) =>
    insertJob(testConsole.client, {
      ...SUCCEEDED,
      job_class: 'OnFinish',
      created_at,
      serialized_params: params('x', changes),
    });

  test('nothing stored: default, 0 in the row and null in the payload, the settings', async () => {
    const { row: job, payload } = await finish({});
    expect(job).toMatchObject({
      queue_name: 'default',
      priority: 0,
      batch_id: null,
      finished_at: null,
      labels: null,
      executions_count: null,
    });
    expect(payload).toMatchObject({
      queue_name: 'default',
      priority: null,
      locale: 'ja',
      timezone: 'Asia/Tokyo',
      executions: 0,
      exception_executions: {},
      provider_job_id: null,
      scheduled_at: null,
      job_id: job?.id,
    });
    expect(payload.enqueued_at).toMatch(/\.\d{6}000Z$/);
  });

  test('as in the newest stored job of the class, whatever the row of it says', async () => {
    await store('2020-01-01T00:00:00Z', {
      queue_name: 'old',
      priority: 1,
      locale: 'fr',
      timezone: 'Europe/Paris',
    });
    await store('2021-01-01T00:00:00Z', {
      queue_name: 'mail',
      priority: -7,
      locale: 'de',
      timezone: 'Europe/Berlin',
    });
    const { row: job, payload } = await finish({});
    expect(job).toMatchObject({ queue_name: 'mail', priority: -7 });
    expect(payload).toMatchObject({
      queue_name: 'mail',
      priority: -7,
      locale: 'de',
      timezone: 'Europe/Berlin',
    });
  });

  test("the batch's own queue and priority come first, blank ones do not count", async () => {
    await store('2021-01-01T00:00:00Z', { queue_name: 'mail', priority: -7 });
    expect((await finish({ callback_queue_name: 'own', callback_priority: 3 })).row).toMatchObject({
      queue_name: 'own',
      priority: 3,
    });
    expect((await finish({ callback_queue_name: ' ' })).row).toMatchObject({
      queue_name: 'own',
      priority: 3,
    });
  });

  test('a stored payload that makes no sense is passed over', async () => {
    await store('2021-01-01T00:00:00Z', {
      queue_name: 7,
      priority: 'high',
      locale: null,
      timezone: {},
    });
    const { row: job, payload } = await finish({});
    expect(job).toMatchObject({ queue_name: 'default', priority: 0 });
    expect(payload).toMatchObject({ locale: 'ja', timezone: 'Asia/Tokyo', priority: null });
    await store('2091-01-01T00:00:00Z', { locale: '', timezone: ' ' });
    expect((await finish({})).payload).toMatchObject({ locale: 'ja', timezone: 'Asia/Tokyo' });
  });

  test('a class that is named from the top is stored by its own name, as GoodJob stores it', async () => {
    const { row: job, payload } = await finish({ on_finish: '::OnFinish' });
    expect([job?.job_class, payload.job_class]).toEqual(['OnFinish', 'OnFinish']);
  });
});
