import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJobs } from '@/test/harness/many-rows';
import { TestConsole } from '@/test/harness/test-console';
import { previewBulk } from './preview';
import { getRun, listRuns } from './runs';
import { createRun } from './start';

let console_: TestConsole;
beforeAll(async () => void (console_ = await TestConsole.open('bulk_queries')));
afterAll(() => console_.close());

it('has the reason that a run was started for, without its hidden values', async () => {
  await insertJobs(console_.client, 3);
  const start = async (reason?: string) => {
    const ctx = console_.ctx({ reason });
    const preview = await previewBulk(ctx, 'retry', {
      kind: 'filter',
      query: 'state=discarded',
      batchId: null,
    });
    return createRun(ctx, {
      action: 'retry',
      target: preview.target,
      scheduledAt: null,
      cutOff: preview.cutOff,
      expected: preview.total,
      confirmedCount: null,
    });
  };
  const id = await start('fixed in #4711, password=hunter2hunter2');
  const reason = (await getRun(console_.ctx(), id))?.reason;
  expect(reason).toContain('fixed in #4711');
  expect(reason).not.toContain('hunter2');
  const without = await start();
  expect((await listRuns(console_.ctx(), null)).rows).toMatchObject([
    { id: without, reason: null },
    { id, reason },
  ]);
});
