import { afterAll, beforeAll, expect, it } from 'vitest';
import { DISCARDED, insertBatch, insertJob } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { getActionWarnings } from '../jobs/detail';
import { changeJobs } from '../jobs/mutations';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('action_warnings')));
afterAll(() => console_.close());

const GONE = '00000000-0000-4000-8000-000000000000';
/** No setting names the app, and no callback is stored. */
const unknownApp = () => console_.ctx({ app: { appName: null } });
const batch = (columns: Record<string, unknown> = {}) => insertBatch(console_.client, columns);
const member = (batchId: string, columns: Record<string, unknown> = {}) =>
  insertJob(console_.client, { batch_id: batchId, ...columns });

it('warns before a retry of a callback whose batch no longer exists', async () => {
  const id = await insertJob(console_.client, { ...DISCARDED, batch_callback_id: GONE });
  expect(await getActionWarnings(console_.ctx(), id)).toEqual({
    retry: 'callback_batch_missing',
    reschedule: 'callback_batch_missing',
  });
  await console_.client.query('DELETE FROM good_jobs WHERE id = $1', [id]);
});

it('warns of nothing where the batch of the callback exists, or the job has none', async () => {
  const callback = await insertJob(console_.client, {
    ...DISCARDED,
    batch_callback_id: await batch({ finished_at: new Date().toISOString() }),
  });
  const orphan = await insertJob(console_.client, { ...DISCARDED, batch_id: GONE });
  for (const id of [callback, orphan, await insertJob(console_.client)])
    expect(await getActionWarnings(unknownApp(), id)).toEqual({});
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
])('warns before the discard that a batch refuses: %s', async (_, columns, members, refused) => {
  const id = await batch(columns);
  const [first = ''] = await Promise.all(members.map((one) => member(id, one)));
  expect(await getActionWarnings(unknownApp(), first)).toEqual(
    refused ? { discard: 'callbacks_not_enqueued', force_discard: 'callbacks_not_enqueued' } : {},
  );
  expect(await getActionWarnings(console_.ctx(), first)).toEqual({});
  expect(await changeJobs(unknownApp(), 'discard', [first])).toMatchObject([
    refused ? { outcome: 'refused', code: 'app_name_unknown' } : { outcome: 'done' },
  ]);
});
