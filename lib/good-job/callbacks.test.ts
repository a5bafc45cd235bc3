import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertJob,
  serializedParams,
  readRow,
  readRowText,
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
const ALL_CALLBACKS = { on_discard: 'OnDiscard', on_success: 'OnSuccess', on_finish: 'OnFinish' };

const callbackRow = z.looseObject({ job_class: z.string(), serialized_params: z.looseObject({}) });

async function callbackRows(batchId: string) {
  const { rows } = await testConsole.client.query<{ row: unknown }>(
    `SELECT to_jsonb(j) AS row
       FROM good_jobs j
      WHERE batch_callback_id = $1
      ORDER BY created_at, job_class`,
    [batchId],
  );
  return rows.map(({ row }) => callbackRow.parse(row));
}
const callbackClasses = async (batchId: string) =>
  (await callbackRows(batchId)).map((job) => job.job_class);
const finishArguments = (app: string, batchId: string) => [
  { _aj_globalid: `gid://${app}/GoodJob::Batch/${batchId}` },
  {
    event: { _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer', value: 'finish' },
    _aj_symbol_keys: ['event'],
  },
];

describe('the completion check after a discard', () => {
  it('enqueues on_discard once, then on_finish after the last member, and never on_success', async () => {
    const batchId = await insertBatch(testConsole.client, ALL_CALLBACKS);
    const members = [
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client, { batch_id: batchId }),
    ];
    await discard(members[0] ?? '');
    expect(await callbackClasses(batchId)).toEqual(['OnDiscard']);
    expect(await readRow(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      jobs_finished_at: null,
      finished_at: null,
    });
    await discard(members[1] ?? '');
    expect(await callbackClasses(batchId)).toEqual(['OnDiscard']);
    await discard(members[2] ?? '');
    expect(await callbackClasses(batchId)).toEqual(['OnDiscard', 'OnFinish']);
    const batch = await readRow(testConsole.client, 'good_job_batches', batchId);
    expect(batch.jobs_finished_at).not.toBeNull();
    expect(batch.finished_at).toBeNull();
  });

  it('handles two members of a batch and a job without a batch in one call', async () => {
    const batchId = await insertBatch(testConsole.client, ALL_CALLBACKS);
    const ids = [
      await insertJob(testConsole.client, { batch_id: batchId }),
      await insertJob(testConsole.client),
      await insertJob(testConsole.client, { batch_id: batchId }),
    ];
    const received = await testConsole.notifications(() =>
      changeJobs(testConsole.ctx(), 'force_discard', ids),
    );
    expect(await callbackClasses(batchId)).toEqual(['OnDiscard', 'OnFinish']);
    expect(new Set(received.map(({ queue_name }) => queue_name))).toEqual(new Set(['default']));
  });

  it('finishes a batch after its last open callback job', async () => {
    const batchId = await insertBatch(testConsole.client, {
      jobs_finished_at: new Date().toISOString(),
    });
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_callback_id: batchId });
    const first = await insertJob(testConsole.client, { batch_callback_id: batchId });
    const last = await insertJob(testConsole.client, { batch_callback_id: batchId });
    await discard(first);
    expect((await readRow(testConsole.client, 'good_job_batches', batchId)).finished_at).toBeNull();
    await discard(last);
    expect(await readRow(testConsole.client, 'good_job_batches', batchId)).toMatchObject({
      discarded_at: null,
      finished_at: expect.any(String) as string,
    });
  });

  it('finishes a batch without callbacks at once, but not one that was never enqueued', async () => {
    const plain = await insertBatch(testConsole.client, {
      on_finish: '',
      on_success: ' ',
      on_discard: '\u3000',
    });
    await discard(await insertJob(testConsole.client, { batch_id: plain }));
    expect(await readRow(testConsole.client, 'good_job_batches', plain)).toMatchObject({
      jobs_finished_at: expect.any(String) as string,
      finished_at: expect.any(String) as string,
    });
    expect(await callbackClasses(plain)).toEqual([]);
    const draft = await insertBatch(testConsole.client, { ...ALL_CALLBACKS, enqueued_at: null });
    await discard(await insertJob(testConsole.client, { batch_id: draft }));
    expect(await readRow(testConsole.client, 'good_job_batches', draft)).toMatchObject({
      discarded_at: expect.any(String) as string,
      jobs_finished_at: null,
    });
  });
});

describe("the app name in a callback's GlobalID", () => {
  it("uses the setting, then the batch's own callbacks, then any other callback", async () => {
    const other = await insertBatch(testConsole.client);
    await insertJob(testConsole.client, {
      ...SUCCEEDED,
      batch_callback_id: other,
      serialized_params: serializedParams('x', { arguments: finishArguments('other-app', other) }),
    });
    const own = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await insertJob(testConsole.client, {
      ...SUCCEEDED,
      batch_callback_id: own,
      serialized_params: serializedParams('x', { arguments: finishArguments('own-app', own) }),
    });
    const bare = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    const set = await insertBatch(testConsole.client, { on_finish: 'OnFinish' });
    await discard(await insertJob(testConsole.client, { batch_id: own }), { appName: null });
    await discard(await insertJob(testConsole.client, { batch_id: set }));
    const argumentsOf = async (batchId: string) =>
      (await callbackRows(batchId)).at(-1)?.serialized_params.arguments;
    expect(await argumentsOf(own)).toEqual(finishArguments('own-app', own));
    expect(await argumentsOf(set)).toEqual(finishArguments('test-app', set));
    await testConsole.client.query('DELETE FROM good_jobs WHERE batch_callback_id IN ($1, $2)', [
      own,
      set,
    ]);
    await discard(await insertJob(testConsole.client, { batch_id: bare }), { appName: null });
    expect(await argumentsOf(bare)).toEqual(finishArguments('other-app', bare));
  });

  it('refuses only the jobs of a batch whose app name is unknown', async () => {
    const batchId = await insertBatch(testConsole.client, { on_discard: 'OnDiscard' });
    const member = await insertJob(testConsole.client, { batch_id: batchId });
    const free = await insertJob(testConsole.client);
    const before = [
      await readRowText(testConsole.client, 'good_jobs', member),
      await readRowText(testConsole.client, 'good_job_batches', batchId),
    ];
    const ctx = testConsole.ctx({ app: { appName: null } });
    expect(await changeJobs(ctx, 'discard', [member, free])).toEqual([
      { id: member, outcome: 'refused', code: 'app_name_unknown' },
      { id: free, outcome: 'done', undoId: expect.any(String) as string },
    ]);
    expect([
      await readRowText(testConsole.client, 'good_jobs', member),
      await readRowText(testConsole.client, 'good_job_batches', batchId),
    ]).toEqual(before);
    expect(await callbackClasses(batchId)).toEqual([]);
  });

  it('refuses a batch retry that must enqueue callbacks with an unknown app name', async () => {
    const batchId = await insertBatch(testConsole.client, {
      on_finish: 'OnFinish',
      jobs_finished_at: new Date().toISOString(),
      finished_at: new Date().toISOString(),
    });
    await insertJob(testConsole.client, { ...SUCCEEDED, batch_id: batchId });
    const before = await readRowText(testConsole.client, 'good_job_batches', batchId);
    expect(await retryBatch(testConsole.ctx({ app: { appName: null } }), batchId)).toMatchObject({
      outcome: 'refused',
      code: 'app_name_unknown',
      retried: 0,
    });
    expect(await readRowText(testConsole.client, 'good_job_batches', batchId)).toBe(before);
    // An unfinished member means that no callback is due, so the name is not needed.
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
    const [job] = await callbackRows(batchId);
    if (!job) throw new Error('No callback job was enqueued.');
    return { row: job, payload: job.serialized_params };
  };
  const insertStored = (created_at: string, changes: Record<string, unknown>) =>
    insertJob(testConsole.client, {
      ...SUCCEEDED,
      job_class: 'OnFinish',
      created_at,
      serialized_params: serializedParams('x', changes),
    });

  it('uses defaults and the settings if no job of the class is stored', async () => {
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

  it('uses the payload of the newest stored job of the class, not its columns', async () => {
    await insertStored('2020-01-01T00:00:00Z', {
      queue_name: 'old',
      priority: 1,
      locale: 'fr',
      timezone: 'Europe/Paris',
    });
    await insertStored('2021-01-01T00:00:00Z', {
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

  it("prefers the batch's own queue and priority, unless they are blank", async () => {
    await insertStored('2021-01-01T00:00:00Z', { queue_name: 'mail', priority: -7 });
    expect((await finish({ callback_queue_name: 'own', callback_priority: 3 })).row).toMatchObject({
      queue_name: 'own',
      priority: 3,
    });
    expect((await finish({ callback_queue_name: ' ' })).row).toMatchObject({
      queue_name: 'own',
      priority: 3,
    });
  });

  it('ignores values of the wrong type in a stored payload', async () => {
    await insertStored('2021-01-01T00:00:00Z', {
      queue_name: 7,
      priority: 'high',
      locale: null,
      timezone: {},
    });
    const { row: job, payload } = await finish({});
    expect(job).toMatchObject({ queue_name: 'default', priority: 0 });
    expect(payload).toMatchObject({ locale: 'ja', timezone: 'Asia/Tokyo', priority: null });
    await insertStored('2091-01-01T00:00:00Z', { locale: '', timezone: ' ' });
    expect((await finish({})).payload).toMatchObject({ locale: 'ja', timezone: 'Asia/Tokyo' });
  });

  it('stores a class name without its leading colons, like GoodJob', async () => {
    const { row: job, payload } = await finish({ on_finish: '::OnFinish' });
    expect([job?.job_class, payload.job_class]).toEqual(['OnFinish', 'OnFinish']);
  });
});
