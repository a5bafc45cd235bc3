import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJobs } from '@/test/harness/many-rows';
import { TestConsole } from '@/test/harness/test-console';
import { createRun } from './mutations';
import { previewBulk } from './preview';
import { getRun, listRuns } from './runs';

let testConsole: TestConsole;
beforeAll(async () => void (testConsole = await TestConsole.open('bulk_queries')));
afterAll(() => testConsole.close());

it('returns the reason of a run with its secrets redacted', async () => {
  await insertJobs(testConsole.client, 3);
  const start = async (reason?: string) => {
    const ctx = testConsole.ctx({ reason });
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
  const reason = (await getRun(testConsole.ctx(), id))?.reason;
  expect(reason).toContain('fixed in #4711');
  expect(reason).not.toContain('hunter2');
  const withoutReason = await start();
  expect((await listRuns(testConsole.ctx(), null)).rows).toMatchObject([
    { id: withoutReason, reason: null },
    { id, reason },
  ]);
});
