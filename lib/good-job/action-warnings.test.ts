import { afterAll, beforeAll, expect, it } from 'vitest';
import { DISCARDED, insertBatch, insertJob } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { getActionWarnings } from '../jobs/detail';
import { changeJobs } from '../jobs/mutations';

let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('action_warnings');
});
afterAll(() => testConsole.close());

const MISSING_BATCH_ID = '00000000-0000-4000-8000-000000000000';
/** A context without an app name, which no stored callback has either. */
const contextWithoutAppName = () => testConsole.ctx({ app: { appName: null } });
const insertBatchWith = (columns: Record<string, unknown> = {}) =>
  insertBatch(testConsole.client, columns);
const insertMember = (batchId: string, columns: Record<string, unknown> = {}) =>
  insertJob(testConsole.client, { batch_id: batchId, ...columns });

it('warns before a retry of a callback whose batch no longer exists', async () => {
  const id = await insertJob(testConsole.client, {
    ...DISCARDED,
    batch_callback_id: MISSING_BATCH_ID,
  });
  expect(await getActionWarnings(testConsole.ctx(), id)).toEqual({
    retry: 'callback_batch_missing',
    reschedule: 'callback_batch_missing',
  });
  await testConsole.client.query('DELETE FROM good_jobs WHERE id = $1', [id]);
});

it('returns no warning if the batch exists or the job is not a callback', async () => {
  const callback = await insertJob(testConsole.client, {
    ...DISCARDED,
    batch_callback_id: await insertBatchWith({ finished_at: new Date().toISOString() }),
  });
  const orphan = await insertJob(testConsole.client, { ...DISCARDED, batch_id: MISSING_BATCH_ID });
  for (const id of [callback, orphan, await insertJob(testConsole.client)])
    expect(await getActionWarnings(contextWithoutAppName(), id)).toEqual({});
});

it.each([
  ['on_discard, for any member', { on_discard: 'OnDiscard' }, [{}, {}], true],
  ['on_finish, for its last open member', { on_finish: 'OnFinish' }, [{}], true],
  ['on_finish, while another member is open', { on_finish: 'OnFinish' }, [{}, {}], false],
  ['on_success, which a discard prevents', { on_success: 'OnSuccess' }, [{}], false],
  [
    'on_discard, of a batch that is discarded',
    { on_discard: 'OnDiscard', discarded_at: '2026-01-01' },
    [{}, {}],
    false,
  ],
  ['on_finish, before it was enqueued', { on_finish: 'OnFinish', enqueued_at: null }, [{}], false],
  ['no callbacks', { on_finish: ' ' }, [{}], false],
])('warns of a discard if and only if it is refused: %s', async (_, columns, members, refused) => {
  const id = await insertBatchWith(columns);
  const [first = ''] = await Promise.all(members.map((member) => insertMember(id, member)));
  expect(await getActionWarnings(contextWithoutAppName(), first)).toEqual(
    refused ? { discard: 'callbacks_not_enqueued', force_discard: 'callbacks_not_enqueued' } : {},
  );
  expect(await getActionWarnings(testConsole.ctx(), first)).toEqual({});
  expect(await changeJobs(contextWithoutAppName(), 'discard', [first])).toMatchObject([
    refused ? { outcome: 'refused', code: 'app_name_unknown' } : { outcome: 'done' },
  ]);
});
